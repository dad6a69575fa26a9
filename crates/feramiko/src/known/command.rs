//! Host keys that a command knows (`KnownHostsCommand`).

use std::io::{self, Read};
use std::process::{Command, Stdio};

use feramiko_keys::{KnownHosts, LookupName};

use crate::config::{HostQuestion, KnownHostsCommand};
use crate::error::Error;

/// What errors call it.
const NAME: &str = "the KnownHostsCommand";
/// The most bytes that it may write: those of a known_hosts file.
const MAX_OUTPUT: u64 = 32 << 20;

/// Type, fingerprint and base64 of a host's key or certificate.
pub(super) type ShownKey = [String; 3];

/// Runs the command and reads what it writes. It is run as it is, without a shell, and blocks.
///
/// # Errors
/// It cannot be run, or does not succeed: then nobody knows what it would have said.
pub(super) fn ask(
    command: &KnownHostsCommand,
    invocation: &'static str,
    name: &LookupName,
    key: Option<&ShownKey>,
) -> Result<KnownHosts, Error> {
    let key = key.map(|key| key.each_ref().map(String::as_str));
    let (program, arguments) = command.words(HostQuestion { invocation, name: name.as_str(), key })?;
    let failed = |error: &io::Error| Error::io(format_args!("{NAME} {program}"), error);
    let mut run = Command::new(program);
    run.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = run.spawn().map_err(|error| failed(&error))?;
    let mut text = Vec::new();
    let read = match child.stdout.take() {
        Some(output) => output.take(MAX_OUTPUT + 1).read_to_end(&mut text),
        None => Ok(0),
    };
    let too_much = text.len() as u64 > MAX_OUTPUT;
    if too_much || read.is_err() {
        // One that has ended already needs no end.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| failed(&error))?;
    read.map_err(|error| failed(&error))?;
    match status.success() && !too_much {
        true => Ok(KnownHosts::parse(&text)),
        false if too_much => Err(failed(&io::Error::other("it writes more than 32 MiB"))),
        false => Err(failed(&io::Error::other(format!("it has failed ({status})")))),
    }
}
