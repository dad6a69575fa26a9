//! Why an operation failed. Every text says what happened and, where something can be done, what would help.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};

use feramiko_keys::{Fingerprint, KeyError};
use feramiko_proto::{ConfigError, ConnectionError, Misuse, OpenFailure, Phase};
use feramiko_wire::sanitize_line;

use crate::agent::error::AgentError;
use crate::config::SshConfigError;
pub use crate::refusal::{HostKeyRefusal, HostName, KnownAt};

/// Why an operation of this crate failed.
///
/// `Clone`, because all who wait for a dead connection are told the same cause.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// The connection has ended.
    Connection(ConnectionError),
    /// The server's host key is not to be trusted.
    HostKey(Box<HostKeyRefusal>),
    /// The server let nobody in.
    Auth(Box<AuthError>),
    /// The peer refused a channel (RFC 4254 section 5.1).
    Open(OpenFailure),
    /// The peer refused a request: on a channel (RFC 4254 section 5.4) or of the connection (section 4). Its name.
    RequestRefused(String),
    /// A deadline passed.
    Timeout {
        /// What was under way.
        during: Stage,
        /// How long was allowed in all.
        limit: Duration,
    },
    /// That is not an address: says which text and what is wrong with it.
    Address {
        /// The text, safe to print.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The name has no address.
    Lookup {
        /// The host's name.
        host: String,
        /// The system's words.
        message: String,
    },
    /// No address of the host took the connection.
    Connect(Vec<FailedAddress>),
    /// A host on the way there (ProxyJump): which one, and why it was not got past.
    Jump {
        /// The host on the way.
        host: HostName,
        /// What went wrong there.
        error: Box<Self>,
    },
    /// The configuration cannot be used.
    Config(ConfigError),
    /// That cannot be done in the state the connection is in.
    Misuse(Misuse),
    /// A key, a key file or a known_hosts file could not be used.
    Key {
        /// The file, where there is one.
        path: Option<PathBuf>,
        /// What is wrong.
        error: KeyError,
    },
    /// The user's or the system's ssh_config cannot be used.
    SshConfig(SshConfigError),
    /// An agent did not do what it was asked.
    Agent(AgentError),
    /// The operating system refused.
    Io {
        /// The kind of error.
        kind: io::ErrorKind,
        /// What was tried and the system's words.
        message: String,
    },
}

/// What a connection to a server was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Stage {
    /// The lookup of the host's name.
    Lookup,
    /// The TCP connection.
    Connect,
    /// The exchange of version lines (RFC 4253 section 4.2).
    Identification,
    /// The key exchange.
    KeyExchange,
    /// The verification of the host key.
    HostKey,
    /// Authentication.
    Authentication,
    /// Anything after login.
    Session,
}

/// An address that did not take a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAddress {
    /// The address.
    pub address: SocketAddr,
    /// The kind of error.
    pub kind: io::ErrorKind,
    /// The system's words.
    pub message: String,
}

/// A login that did not come about: what was tried, and what the server would still take.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuthError {
    /// The user.
    pub user: String,
    /// What was tried, in order.
    pub tried: Vec<Tried>,
    /// The methods that the server would still take, by their names on the wire.
    pub remaining: Vec<String>,
    /// What was left out, and why: an encrypted key file, a method that the server does not take, a key for whose
    /// algorithm it has no use, or one whose turn did not come before the server lost its patience.
    pub skipped: Vec<String>,
    /// How the connection ended, when it ended amid it.
    pub ended: Option<ConnectionError>,
}

/// One attempt to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// The method, by its name on the wire.
    pub method: String,
    /// With what, in words: a key and its file. Never a secret.
    pub detail: String,
    /// The key that was shown, where one was and its public half is known.
    pub fingerprint: Option<Fingerprint>,
    /// Where that key came from.
    pub source: Option<KeySource>,
    /// What came of it.
    pub outcome: Outcome,
    /// Whether anything secret was shown: a key signed, a password or the answer to a question was sent. A server that
    /// lets somebody in without that may be after what it asks for next (`docs/DEFECTS.md`, row 43).
    pub proof: bool,
}

/// Where a key came from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// The program gave it.
    Program,
    /// A file.
    File(PathBuf),
    /// An agent.
    Agent {
        /// What the agent calls it. As it says it: sanitize before showing.
        comment: String,
    },
}

/// What came of an attempt to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Logged in.
    Success,
    /// Right, and more is wanted.
    Partial,
    /// Refused.
    Refused,
    /// The password is right but has expired, and no new one was given.
    Expired,
    /// Whoever was asked gave no answer.
    NoAnswer,
    /// The key did not sign.
    NotSigned,
    /// The connection ended before the server answered.
    Unanswered,
}

impl Error {
    /// For errors of key files.
    pub(crate) fn key_file(path: &Path, error: KeyError) -> Self {
        Self::Key { path: Some(path.to_owned()), error }
    }

    /// For errors of the operating system: says what was tried.
    pub(crate) fn io(what: impl fmt::Display, error: &io::Error) -> Self {
        Self::Io { kind: error.kind(), message: format!("{what}: {error}") }
    }

    /// Whether this is a deadline that passed.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Jump { error, .. } => error.is_timeout(),
            error => matches!(error, Self::Timeout { .. } | Self::Connection(ConnectionError::TimedOut(_))),
        }
    }

    /// The kind that an [`io::Error`] of this error has.
    pub fn kind(&self) -> io::ErrorKind {
        use io::ErrorKind as K;
        match self {
            Self::Connection(error) => connection_kind(error),
            Self::HostKey(_) | Self::Auth(_) => K::PermissionDenied,
            Self::Open(failure) if failure.reason == OpenFailure::CONNECT_FAILED => K::ConnectionRefused,
            Self::Open(_) | Self::RequestRefused(_) => K::PermissionDenied,
            Self::Timeout { .. } => K::TimedOut,
            Self::Jump { error, .. } => error.kind(),
            Self::Address { .. } | Self::Config(_) | Self::SshConfig(_) => K::InvalidInput,
            Self::Lookup { .. } => K::NotFound,
            Self::Connect(failed) => failed.last().map_or(K::NotFound, |failed| failed.kind),
            Self::Misuse(Misuse::ConnectionClosed | Misuse::NoSuchChannel) => K::NotConnected,
            Self::Misuse(Misuse::ChannelState(_)) => K::BrokenPipe,
            Self::Misuse(_) => K::InvalidInput,
            Self::Key { error, .. } => io::Error::from(error.clone()).kind(),
            Self::Agent(error) => error.kind(),
            Self::Io { kind, .. } => *kind,
        }
    }
}

fn connection_kind(error: &ConnectionError) -> io::ErrorKind {
    use io::ErrorKind as K;
    match error {
        ConnectionError::Io { kind, .. } => *kind,
        ConnectionError::Eof { .. } => K::UnexpectedEof,
        ConnectionError::TimedOut(_) => K::TimedOut,
        ConnectionError::Disconnected { .. } => K::ConnectionReset,
        ConnectionError::Closed => K::NotConnected,
        ConnectionError::HostKey(_) | ConnectionError::TooManyAttempts => K::PermissionDenied,
        ConnectionError::Incompatible(_) => K::Unsupported,
        ConnectionError::Protocol(_) => K::InvalidData,
        _ => K::Other,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => error.fmt(f),
            Self::HostKey(error) => error.fmt(f),
            Self::Auth(error) => error.fmt(f),
            Self::Open(error) => error.fmt(f),
            Self::RequestRefused(name) => {
                write!(f, "the peer refused the request {}", sanitize_line(name.as_bytes()))
            }
            Self::Timeout { during, limit } => write!(
                f,
                "the connection was not made within {} s; {during} was under way",
                limit.as_secs_f32()
            ),
            Self::Address { text, problem } => {
                write!(f, "{text:?} is not an address: {problem}; try user@host, host:port or [::1]:port")
            }
            Self::Lookup { host, message } => write!(f, "the host {host} has no address: {message}"),
            Self::Connect(failed) => {
                f.write_str("no connection to the host")?;
                failed.iter().try_for_each(|one| write!(f, "; {}: {}", one.address, one.message))
            }
            Self::Jump { host, error } => write!(f, "at {host}, on the way there: {error}"),
            Self::Config(error) => error.fmt(f),
            Self::SshConfig(error) => error.fmt(f),
            Self::Misuse(error) => error.fmt(f),
            Self::Key { path: None, error } => error.fmt(f),
            Self::Key { path: Some(path), error } => {
                let text = error.to_string();
                let path = path.display().to_string();
                if text.contains(&path) { f.write_str(&text) } else { write!(f, "{path}: {text}") }
            }
            Self::Agent(error) => error.fmt(f),
            Self::Io { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connection(error) => Some(error),
            Self::HostKey(error) => Some(&**error),
            Self::Auth(error) => Some(&**error),
            Self::Open(error) => Some(error),
            Self::Jump { error, .. } => Some(&**error),
            Self::Config(error) => Some(error),
            Self::SshConfig(error) => Some(error),
            Self::Misuse(error) => Some(error),
            Self::Key { error, .. } => Some(error),
            Self::Agent(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lookup => "the lookup of the name",
            Self::Connect => "the TCP connection",
            Self::Identification => "the exchange of version lines",
            Self::KeyExchange => "the key exchange",
            Self::HostKey => "the verification of the host key",
            Self::Authentication => "authentication",
            Self::Session => "the session",
        })
    }
}

impl From<AgentError> for Error {
    fn from(error: AgentError) -> Self {
        Self::Agent(error)
    }
}

impl From<Phase> for Stage {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Identification => Self::Identification,
            Phase::KeyExchange => Self::KeyExchange,
            Phase::Authentication => Self::Authentication,
            _ => Self::Session,
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} could not log in", sanitize_line(self.user.as_bytes()))?;
        match self.tried.as_slice() {
            [] => f.write_str("; there was nothing to try")?,
            tried => {
                f.write_str("; tried: ")?;
                list(f, tried)?;
            }
        }
        if !self.skipped.is_empty() {
            f.write_str("; left out: ")?;
            list(f, &self.skipped)?;
        }
        if let Some(ended) = &self.ended {
            return write!(f, "; then the connection ended: {ended}");
        }
        match self.remaining.as_slice() {
            [] => f.write_str("; the server takes nothing more"),
            remaining => {
                f.write_str("; the server would take: ")?;
                let clean: Vec<String> =
                    remaining.iter().map(|name| sanitize_line(name.as_bytes())).collect();
                list(f, &clean)
            }
        }
    }
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
    let mut comma = "";
    items.iter().try_for_each(|item| write!(f, "{}{item}", std::mem::replace(&mut comma, ", ")))
}

impl std::error::Error for AuthError {}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.method)?;
        if !self.detail.is_empty() {
            write!(f, " with {}", self.detail)?;
        }
        f.write_str(match self.outcome {
            Outcome::Success => " (logged in)",
            Outcome::Partial => " (accepted, more was wanted)",
            Outcome::Refused => " (refused)",
            Outcome::Expired => " (the password has expired)",
            Outcome::NoAnswer => " (no answer was given)",
            Outcome::NotSigned => " (the key did not sign)",
            Outcome::Unanswered => " (no answer came)",
        })
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program => f.write_str("this program"),
            Self::File(path) => path.display().fmt(f),
            Self::Agent { comment } => write!(f, "the agent's \"{}\"", sanitize_line(comment.as_bytes())),
        }
    }
}

impl From<ConnectionError> for Error {
    fn from(error: ConnectionError) -> Self {
        Self::Connection(error)
    }
}

impl From<HostKeyRefusal> for Error {
    fn from(error: HostKeyRefusal) -> Self {
        Self::HostKey(Box::new(error))
    }
}

impl From<AuthError> for Error {
    fn from(error: AuthError) -> Self {
        Self::Auth(Box::new(error))
    }
}

impl From<OpenFailure> for Error {
    fn from(error: OpenFailure) -> Self {
        Self::Open(error)
    }
}

impl From<SshConfigError> for Error {
    fn from(error: SshConfigError) -> Self {
        Self::SshConfig(error)
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<Misuse> for Error {
    fn from(error: Misuse) -> Self {
        Self::Misuse(error)
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        Self::Key { path: None, error }
    }
}

/// An error of this crate that came through an [`io::Error`] comes out as it was.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()) {
            Some(inner) => inner.clone(),
            None => Self::Io { kind: error.kind(), message: error.to_string() },
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_way_through_io() {
        let error = Error::Timeout { during: Stage::Connect, limit: Duration::from_secs(2) };
        let through = io::Error::from(error.clone());
        assert_eq!(through.kind(), io::ErrorKind::TimedOut);
        let back = Error::from(through);
        assert!(matches!(back, Error::Timeout { during: Stage::Connect, .. }));
        assert_eq!(back.to_string(), error.to_string());
    }

    #[test]
    fn a_failed_login_tells_what_was_tried_and_what_is_left() {
        let error = AuthError {
            user: "robey\x1b[2J".to_owned(),
            tried: vec![Tried {
                method: "password".to_owned(),
                detail: String::new(),
                fingerprint: None,
                source: None,
                outcome: Outcome::Refused,
                proof: true,
            }],
            remaining: vec!["publickey".to_owned(), "key\x07".to_owned()],
            skipped: vec!["id_rsa: protected by a passphrase".to_owned()],
            ended: None,
        };
        let text = error.to_string();
        assert!(!text.contains(char::is_control), "{text:?}");
        for part in ["robey", "password (refused)", "id_rsa", "publickey"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
