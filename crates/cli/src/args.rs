//! The command line: one definition for the parser, the help, the manual page and the completions.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

use crate::ssh_args;
pub(crate) use crate::ssh_args::SshArgs;

/// SSH in Rust: a client, a demonstration, and a BBS to call
#[derive(Debug, Parser)]
#[command(name = "feramiko", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Reads a command line, the program's name included. Options of `ssh` may stand on both sides of the destination.
    ///
    /// # Errors
    /// Also that help was asked for.
    pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut all: Vec<OsString> = arguments.into_iter().collect();
        if all.get(1).is_some_and(|word| word == "ssh") {
            let behind = all.split_off(2);
            all.extend(ssh_args::in_order(behind).map_err(|problem| {
                let mut command = Self::command();
                command.error(clap::error::ErrorKind::InvalidValue, problem)
            })?);
        }
        Self::try_parse_from(all)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(DemoArgs),
    Ssh(Box<SshArgs>),
    Bbs(BbsArgs),
    #[cfg(unix)]
    Agent(AgentArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell to complete for
        shell: Shell,
    },
    /// Print the manual page, in roff
    Man,
}

/// Call a BBS of your own: server and client in one process, nothing left behind
///
/// Makes a fresh host key, starts the BBS server on a free loopback port, connects to it, verifies
/// the key, logs in as robey, and gives you the session. Afterwards shows what was negotiated.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Show a scripted tour with its transcript, as is done when there is no terminal
    #[arg(long)]
    pub(crate) tour: bool,
}

/// Run the BBS server: robey (password foo) and whoever's key you let in
#[derive(Args, Debug)]
pub(crate) struct BbsArgs {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2200")]
    pub(crate) listen: SocketAddr,

    /// Folder for host key and posts [default: feramiko/bbs in the user's data folder]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,

    /// Keys that may call, each under any user name: an authorized_keys file, whose options are kept to
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) authorized_keys: Option<PathBuf>,

    /// Write a readable log to a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) log: Option<PathBuf>,
}

/// Hold keys in memory and sign with them: an agent, in the way of ssh-agent
///
/// Without a command it prints the lines that tell a shell where it is, and stays in the foreground until it is
/// interrupted. With one it runs the command, and ends with it. Keys are brought and removed with ssh-add.
#[cfg(unix)]
#[derive(Args, Debug)]
pub(crate) struct AgentArgs {
    /// The socket to listen at [default: a new one, in a new folder for temporary files]
    #[arg(short = 'a', long, value_name = "SOCKET", value_hint = ValueHint::FilePath)]
    pub(crate) socket: Option<PathBuf>,

    /// Seconds after which keys are forgotten that come without a lifetime of their own
    #[arg(short = 't', long, value_name = "SECONDS")]
    pub(crate) lifetime: Option<u64>,

    /// Print the lines for csh
    #[arg(short, long, conflicts_with = "command")]
    pub(crate) csh: bool,

    /// What to run with this agent
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_hint = ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<OsString>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssh(arguments: &[&str]) -> SshArgs {
        let arguments = ["feramiko", "ssh"].iter().chain(arguments).map(OsString::from);
        match Cli::read(arguments).unwrap().command {
            Command::Ssh(arguments) => *arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_become_lines_of_a_configuration() {
        let arguments = ssh(&[
            "host",
            "-4",
            "-tt",
            "-vvA",
            "-e^]",
            "-c",
            "^aes128-ctr",
            "-oCompression yes",
            "-i",
            "a b",
        ]);
        let expected = [
            "LogLevel DEBUG2",
            "RequestTTY force",
            "ForwardAgent yes",
            "AddressFamily inet",
            "EscapeChar ^]",
            "Ciphers ^aes128-ctr",
            "IdentityFile \"a b\"",
            "Compression yes",
        ];
        assert_eq!(arguments.lines(), expected);
        assert_eq!(ssh(&["-N", "host"]).lines(), ["RequestTTY no", "SessionType none"]);
    }

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_remote_command_keeps_its_own_options() {
        let arguments = ssh(&["-p", "2200", "robey@host", "ls", "-l", "--", "-p"]);
        assert_eq!(arguments.lines(), ["Port=\"2200\""]);
        assert_eq!(arguments.destination.as_deref(), Some("robey@host"));
        assert_eq!(arguments.command, ["ls", "-l", "--", "-p"]);
    }
}
