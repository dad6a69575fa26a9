//! `feramiko agent`: an agent for the programs that find it by `SSH_AUTH_SOCK`.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use feramiko::agent::{AgentServer, AgentSocket, Confirmation};
use feramiko::quote;

use crate::args::AgentArgs;
use crate::signals::{self, Signals};

/// Asks people where there is no terminal, as ssh-agent has it.
const ASKPASS: &str = "/usr/bin/ssh-askpass";

/// Runs the agent: as long as the command runs, or until a signal ends it.
///
/// # Errors
/// The socket cannot be made, the command cannot be started, nobody takes what is printed.
pub(crate) fn run(arguments: &AgentArgs) -> io::Result<ExitCode> {
    // Before there is anything to remove: from here on a signal ends this in good order.
    let mut signals = signals::endings()?;
    let server = AgentServer::confirming(ask);
    server.set_lifetime(arguments.lifetime.map(Duration::from_secs));
    let socket = match &arguments.socket {
        Some(path) => AgentSocket::serve(path, &server)?,
        None => AgentSocket::serve_somewhere(&server)?,
    };
    let code = match arguments.command.split_first() {
        None => {
            announce(socket.path(), arguments.csh)?;
            signals.forever().next();
            ExitCode::SUCCESS
        }
        Some((program, words)) => with_command(program, words, socket.path(), &mut signals)?,
    };
    server.clear();
    Ok(code)
}

/// The lines that a shell evaluates.
fn announce(path: &Path, csh: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let id = std::process::id().to_string().into_bytes();
    for (name, value) in [("SSH_AUTH_SOCK", quote(path.as_os_str().as_bytes())), ("SSH_AGENT_PID", id)] {
        let line = match csh {
            true => [b"setenv ", name.as_bytes(), b" ", &value, b";\n"].concat(),
            false => [name.as_bytes(), b"=", &value, b"; export ", name.as_bytes(), b";\n"].concat(),
        };
        out.write_all(&line)?;
    }
    writeln!(out, "echo Agent pid {};", std::process::id())?;
    out.flush()
}

/// Runs the command with this agent; answers its exit status. A signal that would end the agent is left to the
/// command, which the terminal has sent it too.
fn with_command(
    program: &OsString,
    words: &[OsString],
    path: &Path,
    signals: &mut Signals,
) -> io::Result<ExitCode> {
    let mut command = Command::new(program);
    command.args(words).env("SSH_AUTH_SOCK", path).env("SSH_AGENT_PID", std::process::id().to_string());
    let mut child = command.spawn().map_err(|error| {
        io::Error::new(error.kind(), format!("{}: {error}", Path::new(program).display()))
    })?;
    let handle = signals.handle();
    let waiting = std::thread::spawn(move || {
        let status = child.wait();
        handle.close();
        status
    });
    // Ends when the command has.
    for signal in signals.forever() {
        tracing::debug!(signal, "left to the command");
    }
    let status = waiting.join().map_err(|_| io::Error::other("nobody waited for the command"))??;
    // As a shell says it when a signal has ended the command.
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// Asks whether a key may be used, by the program that `SSH_ASKPASS` names. Without one the answer is no. As for ssh-agent,
/// a program that asks for a line, and does not know of questions, is told yes by an empty one or by that word only.
fn ask(question: &Confirmation) -> bool {
    let program = std::env::var_os("SSH_ASKPASS").filter(|program| !program.is_empty());
    let mut command = Command::new(program.unwrap_or_else(|| ASKPASS.into()));
    command.arg(question.to_string()).env("SSH_ASKPASS_PROMPT", "confirm");
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    command.output().is_ok_and(|done| {
        let line = done.stdout.split(|byte| *byte == b'\n').next().unwrap_or_default();
        done.status.success() && (line.is_empty() || line.eq_ignore_ascii_case(b"yes"))
    })
}
