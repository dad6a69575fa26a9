//! `feramiko`: an ssh client, a demonstration, and a BBS server, as one command.

use std::io::{self, ErrorKind};
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

mod args;
#[expect(dead_code, unused_imports, reason = "the bbs command is still to come")]
mod bbs;
mod generate;
#[expect(dead_code, unused_imports, reason = "the ssh command is still to come")]
mod terminal;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Completions { shell } => generate::completions(shell, &mut io::stdout()),
        Command::Man => generate::man(&mut io::stdout()),
        Command::Demo(_) | Command::Ssh(_) | Command::Bbs(_) => {
            Err(io::Error::new(ErrorKind::Unsupported, "this command is still to come"))
        }
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
