//! `feramiko`: an ssh client, a demonstration, and a BBS server, as one command.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

mod agent_command;
mod args;
mod bbs;
mod bbs_command;
mod demo;
mod generate;
mod logging;
mod ssh;
mod switchboard;
mod terminal;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Completions { shell } => generate::completions(shell, &mut io::stdout()),
        Command::Man => generate::man(&mut io::stdout()),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Bbs(arguments) => {
            start_log(arguments.log.as_deref()).and_then(|()| bbs_command::run(&arguments))
        }
        // Its exit status is the command's.
        Command::Agent(arguments) => match agent_command::run(&arguments) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        // Its exit status is the remote command's.
        Command::Ssh(arguments) => match start_log(arguments.log.as_deref()) {
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

fn start_log(path: Option<&Path>) -> io::Result<()> {
    let Some(path) = path else { return Ok(()) };
    logging::to_file(path)
        .map_err(|error| io::Error::new(error.kind(), format!("the log {}: {error}", path.display())))
}
