//! `feramiko ssh`: a session on another machine.
//!
//! From the ground up: `explain` (errors for people), `pump` (bytes from here to there), `session` (one session on
//! a connection), `login` (host keys, keys, passwords), and this: the command.

mod explain;
mod login;
mod pump;
mod session;

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use feramiko::{Address, Client, ExitStatus};
use feramiko_wire::sanitize;

use crate::args::SshArgs;
use crate::terminal::Tty;
pub(crate) use session::{Ending, Wish, run as run_session};

/// The exit status of everything that went wrong on our side of the remote command, as for OpenSSH's.
const FAILURE: u8 = 255;

/// Where to and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    address: Address,
    user: String,
    port: u16,
}

impl Target {
    /// As known_hosts files and people write it: without a port that goes without saying.
    fn host(&self) -> String {
        match self.port {
            22 => self.address.host().to_owned(),
            port => format!("[{}]:{port}", self.address.host()),
        }
    }
}

/// Runs it, and answers the exit status.
pub(crate) fn run(arguments: &SshArgs) -> u8 {
    match call(arguments) {
        Ok(status) => status,
        Err(words) => {
            complain(&words);
            FAILURE
        }
    }
}

fn call(arguments: &SshArgs) -> Result<u8, String> {
    let target = target(arguments)?;
    tracing::info!(?target, "calling");
    let client = login::connect(arguments, &target)?;
    let transport = client.transport();
    tracing::info!(negotiated = ?transport.negotiated(), peer = ?transport.peer_version(), "logged in");
    let status = talk(arguments, &target, &client);
    // What goes wrong there is in the log: it is not what the user came for.
    let _ = client.host_key_update().wait();
    client.close().wait();
    status
}

/// One session on a connection that stands.
fn talk(arguments: &SshArgs, target: &Target, client: &Client) -> Result<u8, String> {
    let line = arguments.command.join(" ");
    let is_shell = arguments.command.is_empty();
    let wish = Wish {
        command: (!is_shell).then(|| line.into_bytes()),
        terminal: !arguments.no_tty && (arguments.tty || (is_shell && io::stdin().is_terminal())),
        escape: arguments.escape.0,
        env: locale(),
    };
    let ending = session::run(client, &wish).map_err(|error| explain::session(&error))?;
    tracing::info!(?ending, "the session is over");
    if wish.terminal && io::stdin().is_terminal() {
        match ending {
            // The other side was in the middle of a line, as likely as not.
            Ending::Left => say(&format!("\nConnection to {} closed.\n", target.host())),
            Ending::Lost(_) => say("\n"),
            _ => say(&format!("Connection to {} closed.\n", target.host())),
        }
    }
    Ok(match ending {
        Ending::Exited(ExitStatus::Code(code)) => u8::try_from(code).unwrap_or(FAILURE),
        Ending::Exited(ExitStatus::Signal { name, core_dumped, message }) => {
            let core = if core_dumped { " (core dumped)" } else { "" };
            let name = sanitize(name.as_bytes());
            complain(&format!("the remote command was ended by the signal {name}{core}"));
            if !message.is_empty() {
                complain(&format!("the host says: {}", sanitize(message.as_bytes())));
            }
            // As OpenSSH's client has it, which knows of no status but a number.
            FAILURE
        }
        Ending::Exited(_) | Ending::Untold => FAILURE,
        Ending::Left => FAILURE,
        Ending::Lost(error) => {
            complain(&explain::lost(&error, &target.host()));
            FAILURE
        }
    })
}

/// What the command line says, and where it says nothing, the user.
fn target(arguments: &SshArgs) -> Result<Target, String> {
    let mut user = arguments.login.clone();
    let destination = match &arguments.destination {
        Some(destination) => destination.clone(),
        None => ask("Host: ", "")?,
    };
    let address: Address = destination.trim().parse().map_err(|error| format!("{error}"))?;
    let named = user.take().or_else(|| address.user().map(str::to_owned));
    let user = match (named, own_name()) {
        (Some(user), _) => user,
        // Whoever was asked for the host is asked for this too.
        (None, own) if arguments.destination.is_none() => {
            let own = own.unwrap_or_default();
            let question = if own.is_empty() { "User: ".to_owned() } else { format!("User [{own}]: ") };
            ask(&question, &own)?
        }
        (None, Some(own)) => own,
        (None, None) => return Err("who are you there? Say user@host, or -l USER".to_owned()),
    };
    let port = arguments.port.unwrap_or_else(|| address.port());
    Ok(Target { address, user, port })
}

fn ask(question: &str, otherwise: &str) -> Result<String, String> {
    let answer = Tty::open().and_then(|mut tty| tty.ask(question)).map_err(|error| error.to_string())?;
    match answer.trim() {
        "" => Ok(otherwise.to_owned()),
        answer => Ok(answer.to_owned()),
    }
}

fn own_name() -> Option<String> {
    let named = |name: &str| std::env::var(name).ok().filter(|user| !user.is_empty());
    ["USER", "LOGNAME"].into_iter().find_map(named).or_else(|| {
        let id = rustix::process::getuid().as_raw().to_string();
        let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
        let mut accounts = accounts.lines().map(|line| line.split(':'));
        // name:password:id:…
        accounts
            .find_map(|mut fields| Some((fields.next()?, fields.nth(1)?)).filter(|(_, found)| *found == id))
            .map(|(name, _)| name.to_owned())
    })
}

/// What OpenSSH's client sends on Debian: the language, and nothing that could be a secret.
fn locale() -> Vec<(String, Vec<u8>)> {
    use std::os::unix::ffi::OsStringExt;
    let named = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_vec()))
    };
    let is_sent = |name: &str| name == "LANG" || name.starts_with("LC_");
    std::env::vars_os().filter_map(named).filter(|(name, _)| is_sent(name)).collect()
}

/// An error, on standard error.
fn complain(words: &str) {
    tracing::error!("{words}");
    say(&format!("feramiko: {words}\n"));
}

/// Words of ours on standard error. When nobody reads it, nobody misses them.
fn say(words: &str) {
    let _ = io::stderr().lock().write_all(words.as_bytes());
}

/// The deadline of the command line; none for 0.
fn deadline(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}
