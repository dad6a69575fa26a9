//! From a destination to a client that is logged in: host keys, keys, passwords, and the questions about them.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use feramiko::config::{HostConfig, Keyword};
use feramiko::{Client, Connect, Error, HostKeyRefusal, Prompts, Secret};
use feramiko_wire::sanitize;
use zeroize::Zeroizing;

use super::{Target, deadline, explain, say};
use crate::args::SshArgs;
use crate::terminal::{AskError, Tty};

/// How often somebody may mistype a new password.
const TRIES: u32 = 3;
/// Silence after which the host is asked for a sign of life, so that a lost link is noticed.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Connects and logs in.
///
/// # Errors
/// Words for the user.
pub(super) fn connect(arguments: &SshArgs, host: &HostConfig) -> Result<Client, String> {
    let target = Target::of(host);
    // Why somebody could not be asked, about this host or one on the way.
    let unasked = Arc::default();
    let connect =
        Client::connect(host.host()).host_config(host.clone()).deadline(deadline(arguments.timeout));
    let hops = Arc::clone(&unasked);
    let connect = prepare(connect, host, &unasked).each_hop(move |connect, hop| prepare(connect, hop, &hops));
    connect.wait().map_err(|error| {
        tracing::error!(%error, "no connection");
        let unasked = unasked.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (unasked, &error) {
            // The host key that nobody could be asked about, with what would make it known.
            (Some(why), error) if is_about_host_key(error) => why,
            (Some(why), error) => format!("{}\n{why}", explain::connecting(error, &target)),
            (None, error) => explain::connecting(error, &target),
        }
    })
}

fn is_about_host_key(error: &Error) -> bool {
    match error {
        Error::Jump { error, .. } => is_about_host_key(error),
        error => matches!(error, Error::HostKey(_)),
    }
}

/// What is asked of the user, and when: for the host and for each hop on the way to it.
fn prepare(connect: Connect, host: &HostConfig, unasked: &Unasked) -> Connect {
    let target = Target::of(host);
    let asker = Asker { who: format!("{}@{}", target.user, target.name()), unasked: Arc::clone(unasked) };
    let mut connect = connect.usual_keys().banner(|text| say(&sanitize(text.as_bytes())));
    if !host.is_set(Keyword::ServerAliveInterval) {
        connect = connect.keepalive(KEEPALIVE);
    }
    if host.flag(Keyword::BatchMode) {
        return connect;
    }
    let prompts = u32::try_from(host.number(Keyword::NumberOfPasswordPrompts)).unwrap_or(u32::MAX);
    let (about_key, prompted) = (asker.clone(), asker.clone());
    let (about_password, about_new, about_host) = (asker.clone(), asker.clone(), asker);
    if host.text(Keyword::StrictHostKeyChecking) == Some("ask") {
        connect = connect.ask_unknown(move |question| about_host.unknown_host(question));
    }
    connect = connect.passphrase(move |path| about_key.passphrase(path));
    if prompts == 0 {
        return connect;
    }
    connect
        .tries(prompts)
        .keyboard_interactive(move |prompts| prompted.answers(prompts))
        .ask_password(move |attempt| about_password.password(attempt))
        .new_password(move |words| about_new.new_password(words))
}

/// Why somebody could not be asked.
type Unasked = Arc<Mutex<Option<String>>>;

/// Asks the user at the terminal.
#[derive(Clone)]
struct Asker {
    /// `user@host`, for prompts: a host's own words must not pass for ours.
    who: String,
    unasked: Unasked,
}

impl Asker {
    fn ask<T>(&self, ask: impl FnOnce(&mut Tty) -> Result<T, AskError>) -> Option<T> {
        match Tty::open().and_then(|mut tty| ask(&mut tty)) {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::debug!(%error, "a question was not answered");
                if matches!(error, AskError::NoTerminal(_)) {
                    self.note(error.to_string());
                }
                None
            }
        }
    }

    fn note(&self, why: String) {
        *self.unasked.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    fn unknown_host(&self, question: &HostKeyRefusal) -> bool {
        let HostKeyRefusal::Unknown { host, key, files, .. } = question else { return false };
        let fingerprint = key.fingerprint().to_string();
        let file = files.first().map(|file| file.display().to_string()).unwrap_or_default();
        let words = format!(
            "{host} is not a host that you know. It shows the host key\n  {} {fingerprint}\n\
             Compare that with what its owner says: this question is asked only once.\n",
            key.algorithm()
        );
        let trusted = self.ask(|tty| {
            tty.show(&words)?;
            let trusted = tty.ask_yes_no_or_fingerprint("Trust it from now on", &fingerprint)?;
            if trusted {
                tty.show(&format!("Written down in {file}.\n"))?;
            }
            Ok(trusted)
        });
        tracing::info!(%host, %fingerprint, ?trusted, "a host key that is not known");
        if trusted.is_none() {
            // Without an answer there is no trust; say what would make it go without the question.
            let why = self.unasked.lock().unwrap_or_else(PoisonError::into_inner).take();
            let why = why.map_or_else(
                || "the question was not answered".to_owned(),
                |_| "there is no terminal to ask at whether to trust it".to_owned(),
            );
            self.note(format!("{question}\n({why})"));
        }
        trusted.unwrap_or_default()
    }

    fn passphrase(&self, path: &Path) -> Option<Secret> {
        let prompt = format!("Passphrase for {}: ", path.display());
        self.ask(|tty| tty.ask_secret(&prompt)).map(secret)
    }

    fn password(&self, attempt: u32) -> Option<Secret> {
        self.ask(|tty| {
            if attempt > 1 {
                tty.show("That was not it. Please try again.\n")?;
            }
            tty.ask_secret(&format!("{}'s password: ", self.who))
        })
        .map(secret)
    }

    /// The host's words are marked as such, line by line.
    fn answers(&self, prompts: &Prompts) -> Option<Vec<Secret>> {
        let (name, instruction) = (prompts.name().trim(), prompts.instruction().trim());
        if name.is_empty() && instruction.is_empty() && prompts.prompts().is_empty() {
            return Some(Vec::new());
        }
        self.ask(|tty| {
            for line in name.lines().chain(instruction.lines()) {
                tty.show(&format!("({}) {line}\n", self.who))?;
            }
            let mut answers = Vec::new();
            for prompt in prompts.prompts() {
                let question = format!("({}) {}", self.who, prompt.text.replace(['\r', '\n'], " "));
                answers.push(if prompt.echo {
                    Secret::from(tty.ask(&question)?)
                } else {
                    secret(tty.ask_secret(&question)?)
                });
            }
            Ok(answers)
        })
    }

    fn new_password(&self, words: &str) -> Option<Secret> {
        self.ask(|tty| {
            for line in words.lines() {
                tty.show(&format!("({}) {line}\n", self.who))?;
            }
            for _ in 0..TRIES {
                let new = tty.ask_secret(&format!("{}'s new password: ", self.who))?;
                let again = tty.ask_secret("Once more: ")?;
                if *new == *again && !new.is_empty() {
                    return Ok(Some(secret(new)));
                }
                tty.show("These two are not the same.\n")?;
            }
            Ok(None)
        })
        .flatten()
    }
}

fn secret(answer: Zeroizing<String>) -> Secret {
    Secret::new(answer.as_bytes().to_vec())
}
