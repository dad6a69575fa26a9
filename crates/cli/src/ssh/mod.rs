//! `feramiko ssh`: a session on another machine.
//!
//! From the ground up: `explain` (errors for people), `stdio` (the standard streams), `pump` (bytes from here to there), `session` (one session on
//! a connection), `wanted` (what command line and configuration ask for), `login` (host keys, keys, passwords), and this: the
//! command.

mod explain;
mod login;
mod pump;
mod session;
mod stdio;
mod wanted;

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use feramiko::config::{HostConfig, Keyword};
use feramiko::{Address, Client, ExitStatus};
use feramiko_wire::sanitize;

use crate::args::SshArgs;
use crate::terminal::Tty;
pub(crate) use session::{Ending, Program, Wish, run as run_session};

/// The exit status of everything that went wrong on our side of the remote command, as for OpenSSH's.
const FAILURE: u8 = 255;

/// Where to and as whom.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    host: String,
    user: String,
    port: u16,
}

impl Target {
    fn of(host: &HostConfig) -> Self {
        Self { host: host.host().to_owned(), user: host.user().to_owned(), port: host.port() }
    }

    /// As known_hosts files and people write it: without a port that goes without saying.
    fn name(&self) -> String {
        match self.port {
            22 => self.host.clone(),
            port => format!("[{}]:{port}", self.host),
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
    if let Some(what) = &arguments.query {
        return print(&wanted::query(what)?);
    }
    let host = host(arguments)?;
    if arguments.show_config {
        return print(&wanted::show(&host)?);
    }
    host.check().map_err(|error| error.to_string())?;
    wanted::warn(&host);
    wanted::miss_keys(arguments, &host)?;
    let wish = wanted::wish(arguments, &host)?;
    let target = Target::of(&host);
    tracing::info!(?target, "calling");
    let client = login::connect(arguments, &host)?;
    let transport = client.transport();
    tracing::info!(negotiated = ?transport.negotiated(), peer = ?transport.peer_version(), "logged in");
    let is_quiet = host.text(Keyword::LogLevel) == Some("SILENT");
    let status = match wish {
        Some(wish) => talk(&wish, &target, &client, is_quiet),
        None => {
            let end = transport.closed().wait();
            Err(explain::lost(&end, &target.name()))
        }
    };
    // What goes wrong there is in the log: it is not what the user came for.
    let _ = client.host_key_update().wait();
    client.close().wait();
    status
}

/// Words that were asked for, on standard output.
fn print(words: &str) -> Result<u8, String> {
    match io::stdout().lock().write_all(words.as_bytes()) {
        // Whoever reads it has read enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(0),
    }
}

/// One session on a connection that stands.
fn talk(wish: &Wish, target: &Target, client: &Client, is_quiet: bool) -> Result<u8, String> {
    let ending = session::run(client, wish).map_err(|error| explain::session(&error))?;
    tracing::info!(?ending, "the session is over");
    if wish.terminal && io::stdin().is_terminal() && !is_quiet {
        match ending {
            // The other side was in the middle of a line, as likely as not.
            Ending::Left => say(&format!("\nConnection to {} closed.\n", target.name())),
            Ending::Lost(_) => say("\n"),
            _ => say(&format!("Connection to {} closed.\n", target.name())),
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
            complain(&explain::lost(&error, &target.name()));
            FAILURE
        }
    })
}

/// What the command line and the configuration say, and where they say nothing, the user.
fn host(arguments: &SshArgs) -> Result<HostConfig, String> {
    let destination = match &arguments.destination {
        Some(destination) => destination.clone(),
        None => ask("Host: ", "")?,
    };
    let address: Address = destination.trim().parse().map_err(|error| format!("{error}"))?;
    let host = wanted::look_up(arguments, &address, address.user())?;
    // Whoever was asked for the host is asked for the user too.
    if arguments.destination.is_some() || address.user().is_some() || host.is_set(Keyword::User) {
        return Ok(host);
    }
    let user = ask(&format!("User [{}]: ", host.user()), host.user())?;
    wanted::look_up(arguments, &address, Some(&user))
}

fn ask(question: &str, otherwise: &str) -> Result<String, String> {
    let answer = Tty::open().and_then(|mut tty| tty.ask(question)).map_err(|error| error.to_string())?;
    match answer.trim() {
        "" => Ok(otherwise.to_owned()),
        answer => Ok(answer.to_owned()),
    }
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
