//! `feramiko`: an ssh client, a demonstration, and a BBS server, as one command.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::ExitCode;

use args::{Cli, Command};

#[cfg(unix)]
mod agent_command;
mod args;
mod bbs;
mod bbs_command;
mod demo;
mod generate;
mod logging;
mod signals;
mod ssh;
mod ssh_args;
mod switchboard;
mod terminal;

fn main() -> ExitCode {
    let read = match Cli::read(std::env::args_os()) {
        Ok(read) => read,
        // As OpenSSH's client: what goes wrong here is told from what the remote command says.
        Err(error) if error.use_stderr() && std::env::args_os().nth(1).is_some_and(|word| word == "ssh") => {
            let _ = error.print();
            return ExitCode::from(255);
        }
        Err(error) => error.exit(),
    };
    let done = match read.command {
        Command::Completions { shell } => generate::completions(shell, &mut io::stdout()),
        Command::Man => generate::man(&mut io::stdout()),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Bbs(arguments) => {
            start_log(arguments.log.as_deref()).and_then(|()| bbs_command::run(&arguments))
        }
        // Its exit status is the command's.
        #[cfg(unix)]
        Command::Agent(arguments) => match agent_command::run(&arguments) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        // Its exit status is the remote command's.
        Command::Ssh(arguments) => match start_ssh_log(&arguments) {
            Ok(()) => return ExitCode::from(ssh::run(&arguments)),
            Err(error) => Err(error),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has read enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("feramiko: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `-E` to a file; `-v` without it to standard error.
fn start_ssh_log(arguments: &args::SshArgs) -> io::Result<()> {
    match (&arguments.log, arguments.verbose) {
        (None, 0) => Ok(()),
        (None, verbose) => logging::to_stderr(verbose),
        (path, _) => start_log(path.as_deref()),
    }
}

fn start_log(path: Option<&Path>) -> io::Result<()> {
    let Some(path) = path else { return Ok(()) };
    logging::to_file(path)
        .map_err(|error| io::Error::new(error.kind(), format!("the log {}: {error}", path.display())))
}
