//! The command line: one definition for the parser, the help, the manual page and the completions.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

/// SSH in Rust: a client, a demonstration, and a BBS to call
#[derive(Debug, Parser)]
#[command(name = "feramiko", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(DemoArgs),
    Ssh(SshArgs),
    Bbs(BbsArgs),
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

/// Log in to a host, or run a command there
///
/// Asks for host and user when they are not given. Unknown hosts are shown with their fingerprint
/// and remembered if you say so; a changed host key is refused. At the beginning of a line, ~.
/// leaves and ~? lists what else the escape character does.
#[derive(Args, Debug)]
pub(crate) struct SshArgs {
    /// Where to: [user@]host[:port]
    #[arg(value_hint = ValueHint::Hostname)]
    pub(crate) destination: Option<String>,

    /// What to run there instead of a shell
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_hint = ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<String>,

    /// Port, whatever the destination says [default: 22]
    #[arg(short, long)]
    pub(crate) port: Option<u16>,

    /// User, whatever the destination says [default: you]
    #[arg(short, long = "user", value_name = "USER")]
    pub(crate) login: Option<String>,

    /// A private key to log in with, in place of those in ~/.ssh; may be given several times
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) identity: Vec<PathBuf>,

    /// The file of known hosts [default: ~/.ssh/known_hosts]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) known_hosts: Option<PathBuf>,

    /// Ask for a terminal there even for a command
    #[arg(short = 't', long, conflicts_with = "no_tty")]
    pub(crate) tty: bool,

    /// Ask for no terminal there
    #[arg(short = 'T', long)]
    pub(crate) no_tty: bool,

    /// The escape character, or "none"
    #[arg(short, long, value_name = "CHAR", default_value = "~", value_parser = parse_escape)]
    pub(crate) escape: Escape,

    /// Seconds until connecting and logging in must have succeeded, your answers included
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) timeout: u64,

    /// Write a readable log to a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) log: Option<PathBuf>,
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

    /// Public keys that may call, one a line; each under any user name
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

/// A session's escape character, if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Escape(pub(crate) Option<u8>);

fn parse_escape(text: &str) -> Result<Escape, String> {
    match text.as_bytes() {
        b"none" => Ok(Escape(None)),
        [byte @ b'!'..=b'~'] => Ok(Escape(Some(*byte))),
        [b'^', byte @ b'@'..=b'_'] => Ok(Escape(Some(byte & 0x1f))),
        [b'^', byte @ b'a'..=b'z'] => Ok(Escape(Some(byte & 0x1f))),
        _ => Err("one printable ASCII character, a control character as ^X, or none".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn ssh(arguments: &[&str]) -> SshArgs {
        let line = ["feramiko", "ssh"].iter().chain(arguments);
        match Cli::try_parse_from(line).unwrap().command {
            Command::Ssh(arguments) => arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_remote_command_keeps_its_own_options() {
        let arguments = ssh(&["-p", "2200", "robey@host", "ls", "-l", "--", "-p"]);
        assert_eq!(arguments.port, Some(2200));
        assert_eq!(arguments.destination.as_deref(), Some("robey@host"));
        assert_eq!(arguments.command, ["ls", "-l", "--", "-p"]);
    }

    #[test]
    fn escape_characters() {
        assert_eq!(ssh(&["host"]).escape, Escape(Some(b'~')));
        assert_eq!(ssh(&["-e", "none", "host"]).escape, Escape(None));
        assert_eq!(ssh(&["-e", "^]", "host"]).escape, Escape(Some(0x1d)));
        assert_eq!(ssh(&["-e", "^", "host"]).escape, Escape(Some(b'^')));
        assert!(Cli::try_parse_from(["feramiko", "ssh", "-e", "ab", "host"]).is_err());
    }
}
