//! The command line of `feramiko ssh`: that of `ssh`, and some long names.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{ArgAction, Args, ValueHint};

/// Log in to a host, or run a command there
///
/// Reads ~/.ssh/config and /etc/ssh/ssh_config as ssh does. Asks for host and user when they are
/// not given. Unknown hosts are shown with their fingerprint and remembered if you say so; a
/// changed host key is refused. At the beginning of a line, ~. leaves and ~? lists what else the
/// escape character does.
#[derive(Args, Debug)]
pub(crate) struct SshArgs {
    /// Where to: [user@]host[:port], or ssh://[user@]host[:port]
    #[arg(value_hint = ValueHint::Hostname)]
    pub(crate) destination: Option<String>,

    /// What to run there instead of a shell
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_hint = ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<String>,

    /// An option as in ssh_config(5); the first one for a keyword counts
    #[arg(short = 'o', long = "option", value_name = "KEYWORD=VALUE")]
    pub(crate) options: Vec<String>,

    /// A configuration to read in place of ~/.ssh/config and /etc/ssh/ssh_config, or "none"
    #[arg(short = 'F', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// Print what the configuration says about the host, and leave
    #[arg(short = 'G', long)]
    pub(crate) show_config: bool,

    /// Port; stands for -o Port=PORT [default: 22]
    #[arg(short, long)]
    pub(crate) port: Option<u16>,

    /// User; stands for -o User=USER [default: you]
    #[arg(short, long = "user", value_name = "USER")]
    pub(crate) login: Option<String>,

    /// A private key to log in with, in place of those in ~/.ssh; may be given several times
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) identity: Vec<PathBuf>,

    /// Hosts to go through, separated by commas
    #[arg(short = 'J', long, value_name = "[USER@]HOST[:PORT]")]
    pub(crate) jump: Option<String>,

    /// The file of known hosts [default: ~/.ssh/known_hosts]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) known_hosts: Option<PathBuf>,

    /// Lend the agent to the host
    #[arg(short = 'A', long)]
    pub(crate) forward_agent: bool,

    /// Do not lend the agent
    #[arg(short = 'a', conflicts_with = "forward_agent")]
    pub(crate) no_agent: bool,

    /// Ask for a terminal there even for a command; twice, even without one here
    #[arg(short = 't', long, action = ArgAction::Count)]
    pub(crate) tty: u8,

    /// Ask for no terminal there
    #[arg(short = 'T', long)]
    pub(crate) no_tty: bool,

    /// Run nothing there
    #[arg(short = 'N', long)]
    pub(crate) no_command: bool,

    /// The command is the name of a subsystem
    #[arg(short = 's', long, conflicts_with = "no_command")]
    pub(crate) subsystem: bool,

    /// Read nothing from standard input
    #[arg(short = 'n', long)]
    pub(crate) no_input: bool,

    /// The escape character, or "none" [default: ~]
    #[arg(short, long, value_name = "CHAR")]
    pub(crate) escape: Option<String>,

    /// Use IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,

    /// Use IPv6 addresses only
    #[arg(short = '6', long)]
    pub(crate) ipv6: bool,

    /// An address of this machine to connect from
    #[arg(short = 'b', long, value_name = "ADDRESS")]
    pub(crate) bind: Option<String>,

    /// Compress
    #[arg(short = 'C', long)]
    pub(crate) compress: bool,

    /// Ciphers, in order of preference, or with + - ^ in front added to, taken from, put before the usual ones
    #[arg(short = 'c', long, value_name = "LIST", allow_hyphen_values = true)]
    pub(crate) ciphers: Option<String>,

    /// MACs, in the same way
    #[arg(short = 'm', long, value_name = "LIST", allow_hyphen_values = true)]
    pub(crate) macs: Option<String>,

    /// A tag for the configuration's "Match tagged"
    #[arg(short = 'P', long, value_name = "TAG")]
    pub(crate) tag: Option<String>,

    /// List algorithms: cipher, cipher-auth, mac, kex, key, key-sig, sig, compression, help; and leave
    #[arg(short = 'Q', long, value_name = "WHAT")]
    pub(crate) query: Option<String>,

    /// Seconds until connecting and logging in must have succeeded, your answers included
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) timeout: u64,

    /// Say more about what goes on; up to three times
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Say less
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Write a readable log to a file
    #[arg(short = 'E', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) log: Option<PathBuf>,
}

/// Flags of `ssh` that do not work here, and why.
const NOT_HERE: [(u8, &str); 20] = [
    (b'B', "a connection cannot be bound to an interface; -b works"),
    (b'D', "ports are not forwarded yet"),
    (b'L', "ports are not forwarded yet"),
    (b'R', "ports are not forwarded yet"),
    (b'W', "standard input is not forwarded yet; -J goes through other hosts"),
    (b'g', "ports are not forwarded yet"),
    (b'f', "it stays in the foreground; the shell's & does the same"),
    (b'I', "no PKCS#11 library is loaded; an agent can serve such keys"),
    (b'K', "the gssapi methods are not built"),
    (b'M', "connections are not shared between processes"),
    (b'O', "connections are not shared between processes"),
    (b'S', "connections are not shared between processes"),
    (b'X', "X11 is not forwarded yet"),
    (b'Y', "X11 is not forwarded yet"),
    (b'w', "tunnels are not built"),
    (b'y', "nothing is sent to syslog; -E writes to a file"),
    (b'1', "protocol 1 is gone"),
    (b'U', "there is no such flag"),
    (b'H', "there is no such flag"),
    (b'Z', "there is no such flag"),
];
/// Flags of `ssh` that change nothing here.
const POINTLESS: [u8; 3] = *b"2xk";
/// Flags with a value.
const WITH_VALUE: &[u8] = b"bceFiJlmoPpQE";
const LONG_WITH_VALUE: [&str; 14] = [
    "option",
    "config",
    "port",
    "user",
    "identity",
    "jump",
    "known-hosts",
    "escape",
    "bind",
    "ciphers",
    "macs",
    "tag",
    "query",
    "timeout",
];

/// The arguments behind `ssh`, with all options in front of the destination: as for `ssh`, they may also stand between it and
/// the command. Ports and users become options, among which the first counts.
///
/// # Errors
/// Words about a flag that does not work here.
pub(crate) fn in_order(arguments: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, String> {
    let mut arguments = arguments.into_iter();
    let (mut options, mut destination) = (Vec::new(), None);
    let mut rest: Vec<OsString> = Vec::new();
    while let Some(argument) = arguments.next() {
        match argument.as_encoded_bytes() {
            b"--" => {
                if destination.is_none() {
                    destination = arguments.next();
                }
                break;
            }
            [b'-', b'-', name @ ..] => {
                let takes = LONG_WITH_VALUE.iter().any(|known| known.as_bytes() == name) || name == b"log";
                let value = if takes { arguments.next() } else { None };
                push_long(&mut options, argument.clone(), value);
            }
            [b'-', flags @ ..] if !flags.is_empty() => push_flags(&mut options, flags, &mut arguments)?,
            _ if destination.is_none() => destination = Some(argument),
            _ => {
                rest.push(argument);
                break;
            }
        }
    }
    rest.extend(arguments);
    if let Some(destination) = destination {
        options.extend([OsString::from("--"), destination]);
        options.extend(rest);
    }
    Ok(options)
}

fn push_long(options: &mut Vec<OsString>, name: OsString, value: Option<OsString>) {
    let text = name.to_string_lossy().into_owned();
    let keyword = |flag: &str| match flag {
        "--port" => Some("Port"),
        "--user" => Some("User"),
        _ => None,
    };
    match (text.split_once('='), value) {
        (Some((flag, value)), _) if keyword(flag).is_some() => {
            push_option(options, keyword(flag).unwrap_or_default(), OsStr::new(value));
        }
        (_, Some(value)) => match keyword(&text) {
            Some(keyword) => push_option(options, keyword, &value),
            None => options.extend([name, value]),
        },
        _ => options.push(name),
    }
}

fn push_option(options: &mut Vec<OsString>, keyword: &str, value: &OsStr) {
    let mut line = OsString::from(format!("-o{keyword}=\""));
    // It is one word, whatever is in it.
    let quoted: Vec<u8> = value
        .as_encoded_bytes()
        .iter()
        .flat_map(|byte| match byte {
            b'"' | b'\\' => vec![b'\\', *byte],
            byte => vec![*byte],
        })
        .collect();
    line.push(os_string(quoted));
    line.push("\"");
    options.push(line);
}

/// A piece of an argument.
fn os_string(piece: Vec<u8>) -> OsString {
    #[cfg(unix)]
    return std::os::unix::ffi::OsStringExt::from_vec(piece);
    // What is no Unicode there cannot be put together again.
    #[cfg(not(unix))]
    String::from_utf8_lossy(&piece).into_owned().into()
}

/// Flags that stand together, of which the last may have a value.
fn push_flags(
    options: &mut Vec<OsString>,
    flags: &[u8],
    arguments: &mut impl Iterator<Item = OsString>,
) -> Result<(), String> {
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        if let Some((_, why)) = NOT_HERE.iter().find(|(known, _)| known == flag) {
            return Err(format!("-{}: {why}", char::from(*flag)));
        }
        if POINTLESS.contains(flag) {
            continue;
        }
        let name = os_string(vec![b'-', *flag]);
        if !WITH_VALUE.contains(flag) {
            options.push(name);
            continue;
        }
        let attached = flags.as_slice();
        let value = match attached {
            [] => arguments.next().ok_or_else(|| format!("-{} needs a value", char::from(*flag)))?,
            attached => os_string(attached.to_vec()),
        };
        match flag {
            b'p' => push_option(options, "Port", &value),
            b'l' => push_option(options, "User", &value),
            _ => options.extend([name, value]),
        }
        return Ok(());
    }
    Ok(())
}

impl SshArgs {
    /// What the flags say, as lines of ssh_config(5): they count before `-o`, as for `ssh`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let level = match (self.verbose, self.quiet) {
            (0, true) => Some("QUIET"),
            (0, false) => None,
            (1, _) => Some("DEBUG"),
            (2, _) => Some("DEBUG2"),
            _ => Some("DEBUG3"),
        };
        let tty = match (self.no_tty || self.no_command, self.tty) {
            (true, _) => Some("no"),
            (_, 0) => None,
            (_, 1) => Some("yes"),
            _ => Some("force"),
        };
        let set = |flag: bool, value: &'static str| flag.then_some(value);
        let session = set(self.no_command, "none").or(set(self.subsystem, "subsystem"));
        let agent = set(self.forward_agent, "yes").or(set(self.no_agent, "no"));
        let family = set(self.ipv4, "inet").or(set(self.ipv6, "inet6"));
        let fixed = [
            ("LogLevel", level),
            ("RequestTTY", tty),
            ("SessionType", session),
            ("ForwardAgent", agent),
            ("AddressFamily", family),
            ("StdinNull", set(self.no_input, "yes")),
            ("Compression", set(self.compress, "yes")),
            ("EscapeChar", self.escape.as_deref()),
            ("BindAddress", self.bind.as_deref()),
            ("Ciphers", self.ciphers.as_deref()),
            ("MACs", self.macs.as_deref()),
            ("Tag", self.tag.as_deref()),
            ("ProxyJump", self.jump.as_deref()),
        ];
        let fixed = fixed.into_iter().filter_map(|(keyword, value)| Some(format!("{keyword} {}", value?)));
        let quoted = |keyword: &str, path: &PathBuf| {
            format!("{keyword} \"{}\"", path.display().to_string().replace('\\', "\\\\").replace('"', "\\\""))
        };
        let identities = self.identity.iter().map(|path| quoted("IdentityFile", path));
        let hosts = self.known_hosts.iter().map(|path| quoted("UserKnownHostsFile", path));
        fixed.chain(identities).chain(hosts).chain(self.options.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(arguments: &[&str]) -> Result<Vec<String>, String> {
        let ordered = in_order(arguments.iter().map(OsString::from))?;
        Ok(ordered.into_iter().map(|argument| argument.into_string().unwrap()).collect())
    }

    #[test]
    fn options_may_stand_before_and_behind_the_destination() {
        for arguments in [
            &["-p", "2200", "-vC", "host", "ls", "-l", "--", "-p"][..],
            &["-p2200", "host", "-vC", "ls", "-l", "--", "-p"],
            &["host", "--port", "2200", "-v", "-C", "ls", "-l", "--", "-p"],
            &["-2x", "host", "--port=2200", "-vC", "ls", "-l", "--", "-p"],
        ] {
            let mut found = ordered(arguments).unwrap();
            found[..3].sort();
            assert_eq!(
                found,
                ["-C", "-oPort=\"2200\"", "-v", "--", "host", "ls", "-l", "--", "-p"],
                "{arguments:?}"
            );
        }
        assert_eq!(ordered(&["--", "host", "-v"]).unwrap(), ["--", "host", "-v"]);
        assert_eq!(ordered(&["host", "--", "-v"]).unwrap(), ["--", "host", "-v"]);
        assert_eq!(ordered(&["-l", "a\"b\\c", "-ia"]).unwrap(), ["-oUser=\"a\\\"b\\\\c\"", "-i", "a"]);
        assert_eq!(ordered(&["-Q", "mac"]).unwrap(), ["-Q", "mac"]);
        assert_eq!(ordered(&[]).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn flags_that_do_not_work_say_why() {
        for flag in ["-L8080:a:1", "-fN", "-X", "-vM", "-1"] {
            assert!(ordered(&[flag, "host"]).unwrap_err().contains(": "), "{flag}");
        }
        assert!(ordered(&["-p"]).unwrap_err().contains("needs a value"));
    }
}
