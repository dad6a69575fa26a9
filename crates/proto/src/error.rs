//! Why things fail. Families, not strings; one table leads from an error to its disconnect reason.

use std::fmt;
use std::time::Duration;

use feramiko_crypto::CryptoError;
use feramiko_keys::KeyError;
use feramiko_wire::DecodeError;

use crate::algorithms::Standing;

/// Why a connection ended. Every handle of a dead connection reports a clone of the same one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The peer broke a rule of the protocol.
    Protocol(ProtocolError),
    /// The two sides have no algorithm in common.
    Incompatible(Box<Incompatible>),
    /// The server's host key was refused, changed during the connection, or did not prove itself.
    HostKey(HostKeyError),
    /// The peer sent SSH_MSG_DISCONNECT (RFC 4253 section 11.1).
    Disconnected {
        /// The reason code.
        reason: u32,
        /// The peer's words, as sent: sanitize before showing.
        description: String,
    },
    /// The peer closed the link without a word.
    Eof {
        /// What was under way.
        during: Phase,
    },
    /// The link failed.
    Io {
        /// The kind of the error that the socket reported.
        kind: std::io::ErrorKind,
        /// What it said.
        message: String,
    },
    /// A deadline passed.
    TimedOut(Deadline),
    /// Too many failed logins, or too much said before one succeeded.
    TooManyAttempts,
    /// This side closed the connection.
    Closed,
    /// The cryptography library failed on our side.
    Crypto(CryptoError),
    /// A host key's owner did not sign (server).
    NoSignature,
    /// The configuration cannot be used; nothing was sent.
    Config(ConfigError),
}

/// The stage a connection had reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// The version lines (RFC 4253 section 4.2).
    Identification,
    /// The first key exchange.
    KeyExchange,
    /// Authentication (RFC 4252).
    Authentication,
    /// The connection protocol (RFC 4254).
    Open,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identification => "the exchange of version lines",
            Self::KeyExchange => "the first key exchange",
            Self::Authentication => "authentication",
            Self::Open => "the session",
        })
    }
}

/// Which deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deadline {
    /// The peer's version line did not come.
    Identification(Duration),
    /// Key exchange and authentication took too long (login grace time).
    Login(Duration),
    /// A key re-exchange took too long.
    Rekey(Duration),
    /// The peer answered no keepalive.
    Keepalive {
        /// Keepalives without an answer.
        unanswered: u32,
    },
}

/// The peer broke a rule: which message, which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// Instead of a version line came something else.
    NotSsh {
        /// The beginning of what came, sanitized.
        line: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A packet has a length that no packet may have.
    PacketLength {
        /// The length it claims.
        length: u32,
    },
    /// A packet fails its authentication (or has an impossible length under encryption).
    Unauthentic,
    /// A packet's padding is shorter than 4 bytes or longer than the packet.
    Padding,
    /// A message cannot be read.
    Malformed {
        /// Its number.
        message: u8,
        /// Why not.
        error: DecodeError,
    },
    /// A message came when it may not.
    Unexpected {
        /// Its number.
        message: u8,
        /// What was under way.
        state: &'static str,
    },
    /// A compressed packet is damaged or expands beyond the packet limit.
    Compression,
    /// A service was asked for that is not `ssh-userauth`.
    Service,
    /// A key exchange share or group is not valid.
    KexShare,
    /// A channel message breaks a rule of RFC 4254.
    Channel {
        /// Our number of the channel, as in the message.
        channel: u32,
        /// The rule.
        rule: &'static str,
    },
    /// Any other rule, named.
    Rule {
        /// The message that broke it.
        message: u8,
        /// The rule.
        rule: &'static str,
    },
}

impl ProtocolError {
    /// For `.map_err(ProtocolError::malformed(number))` after reading a message.
    pub(crate) fn malformed(message: u8) -> impl FnOnce(DecodeError) -> Self {
        move |error| Self::Malformed { message, error }
    }
}

/// What this error is called in SSH_MSG_DISCONNECT (RFC 4253 section 11.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// 1.
    HostNotAllowedToConnect = 1,
    /// 2.
    ProtocolError = 2,
    /// 3.
    KeyExchangeFailed = 3,
    /// 5.
    MacError = 5,
    /// 6.
    CompressionError = 6,
    /// 7.
    ServiceNotAvailable = 7,
    /// 8.
    ProtocolVersionNotSupported = 8,
    /// 9.
    HostKeyNotVerifiable = 9,
    /// 10.
    ConnectionLost = 10,
    /// 11.
    ByApplication = 11,
    /// 12.
    TooManyConnections = 12,
    /// 13.
    AuthCancelledByUser = 13,
    /// 14.
    NoMoreAuthMethodsAvailable = 14,
    /// 15.
    IllegalUserName = 15,
}

impl ConnectionError {
    /// The reason to give to the peer; `None` when there is nobody left to tell.
    pub fn disconnect_reason(&self) -> Option<DisconnectReason> {
        use DisconnectReason as R;
        match self {
            Self::Protocol(error) => Some(match error {
                ProtocolError::NotSsh { .. } => R::ProtocolVersionNotSupported,
                ProtocolError::Unauthentic => R::MacError,
                ProtocolError::Compression => R::CompressionError,
                ProtocolError::KexShare => R::KeyExchangeFailed,
                ProtocolError::Service => R::ServiceNotAvailable,
                _ => R::ProtocolError,
            }),
            Self::Incompatible(_) | Self::NoSignature => Some(R::KeyExchangeFailed),
            Self::HostKey(_) => Some(R::HostKeyNotVerifiable),
            Self::TimedOut(_) => Some(R::ByApplication),
            Self::TooManyAttempts => Some(R::NoMoreAuthMethodsAvailable),
            Self::Closed | Self::Crypto(_) => Some(R::ByApplication),
            Self::Disconnected { .. } | Self::Eof { .. } | Self::Io { .. } | Self::Config(_) => None,
        }
    }
}

/// No algorithm in common: both lists, and what would help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incompatible {
    /// What was negotiated: `key exchange`, `host key`, `cipher client to server`, …
    pub category: &'static str,
    /// What this side offered.
    pub ours: Vec<String>,
    /// What the peer offered.
    pub theirs: Vec<String>,
}

/// What is wrong with the server's host key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostKeyError {
    /// Whoever was asked does not trust it.
    Refused,
    /// The key cannot be read, or is not of the negotiated type.
    Invalid,
    /// The signature of the exchange does not verify.
    BadSignature,
    /// A key re-exchange came with another key than the first.
    ChangedDuringConnection,
}

/// A command that cannot be obeyed in the state the connection is in. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The connection has ended.
    ConnectionClosed,
    /// That needs an authenticated connection.
    NotAuthenticated,
    /// The connection is authenticated already.
    AlreadyAuthenticated,
    /// An authentication attempt is still under way.
    AttemptUnderWay,
    /// The first key exchange is not done yet.
    NotReady,
    /// Only the other role (client, server) may do that.
    WrongRole,
    /// There is no such channel any more.
    NoSuchChannel,
    /// The channel has not been confirmed, or its half is closed.
    ChannelState(&'static str),
    /// An argument cannot be sent: says which and why.
    Argument(&'static str),
    /// This key cannot log in here, for want of an algorithm: says why. The server has not heard of it.
    Key(&'static str),
    /// A limit of this side's configuration is reached: says which.
    Limit(&'static str),
}

impl From<ProtocolError> for ConnectionError {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<CryptoError> for ConnectionError {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::Unauthentic => Self::Protocol(ProtocolError::Unauthentic),
            CryptoError::BadShare => Self::Protocol(ProtocolError::KexShare),
            other => Self::Crypto(other),
        }
    }
}

impl From<KeyError> for HostKeyError {
    fn from(_: KeyError) -> Self {
        Self::Invalid
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => write!(f, "the peer broke the protocol: {error}"),
            Self::Incompatible(error) => error.fmt(f),
            Self::HostKey(error) => error.fmt(f),
            Self::Disconnected { reason, description } => write!(
                f,
                "the peer disconnected (reason {reason}): {}",
                feramiko_wire::sanitize(description.as_bytes())
            ),
            Self::Eof { during } => write!(f, "the peer closed the connection during {during}"),
            Self::Io { message, .. } => write!(f, "the link failed: {message}"),
            Self::TimedOut(deadline) => deadline.fmt(f),
            Self::TooManyAttempts => f.write_str("too many authentication attempts"),
            Self::Closed => f.write_str("the connection was closed by this side"),
            Self::Crypto(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::NoSignature => f.write_str("the host key's owner did not sign the key exchange"),
        }
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identification(limit) => {
                write!(f, "no SSH version line came within {} s", limit.as_secs_f32())
            }
            Self::Login(limit) => {
                write!(f, "key exchange and login were not done within {} s", limit.as_secs_f32())
            }
            Self::Rekey(limit) => {
                write!(f, "a key re-exchange was not done within {} s", limit.as_secs_f32())
            }
            Self::Keepalive { unanswered } => write!(f, "the peer left {unanswered} keepalives unanswered"),
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSsh { line, why } => write!(f, "that is not an SSH 2 version line ({why}): {line:?}"),
            Self::PacketLength { length } => write!(f, "a packet of {length} bytes"),
            Self::Unauthentic => f.write_str("a packet fails its authentication"),
            Self::Padding => f.write_str("a packet's padding is impossible"),
            Self::Malformed { message, error } => write!(f, "message {message} is malformed: {error}"),
            Self::Unexpected { message, state } => write!(f, "message {message} may not come during {state}"),
            Self::Compression => f.write_str("a compressed packet is damaged or too large"),
            Self::Service => f.write_str("a service was asked for that is not ssh-userauth"),
            Self::KexShare => f.write_str("a key exchange value is not valid"),
            Self::Channel { channel, rule } => write!(f, "channel {channel}: {rule}"),
            Self::Rule { message, rule } => write!(f, "message {message}: {rule}"),
        }
    }
}

impl fmt::Display for Incompatible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no {} in common: this side offers {}; the peer offers {}; {}",
            self.category,
            list(&self.ours),
            list(&self.theirs),
            self.help()
        )
    }
}

impl Incompatible {
    /// What would help.
    pub fn help(&self) -> String {
        let standing = |name: &&String| match crate::algorithms::standing(name) {
            Some(Standing::Legacy) => Some(true),
            Some(_) => Some(false),
            None => None,
        };
        let usable = |old: bool| self.theirs.iter().find(|name| standing(name) == Some(old));
        match (usable(false), usable(true)) {
            (Some(name), _) => format!("allow {name} in this side's configuration, or update the peer"),
            (None, Some(name)) => format!(
                "update the peer, or if that cannot be, allow {name} by name or all that is old with Algorithms::legacy()"
            ),
            (None, None) if self.category == "host key" && self.ours.is_empty() => {
                "give the server a host key".to_owned()
            }
            (None, None) => "none of the peer's is implemented here: update the peer".to_owned(),
        }
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    feramiko_wire::sanitize(names.join(", ").as_bytes())
}

impl fmt::Display for HostKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the server's host key is not trusted",
            Self::Invalid => "the server's host key is not a valid key of the negotiated type",
            Self::BadSignature => "the server did not prove that the host key is its own",
            Self::ChangedDuringConnection => "the server's host key changed during the connection",
        })
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionClosed => f.write_str("the connection has ended"),
            Self::NotAuthenticated => f.write_str("the connection is not authenticated yet"),
            Self::AlreadyAuthenticated => f.write_str("the connection is authenticated already"),
            Self::AttemptUnderWay => f.write_str("an authentication attempt is still under way"),
            Self::NotReady => f.write_str("the first key exchange is not done yet"),
            Self::WrongRole => f.write_str("only the other side of a connection may do that"),
            Self::NoSuchChannel => f.write_str("the channel is gone"),
            Self::ChannelState(why) | Self::Argument(why) | Self::Key(why) | Self::Limit(why) => {
                f.write_str(why)
            }
        }
    }
}

impl std::error::Error for ConnectionError {}
impl std::error::Error for ProtocolError {}
impl std::error::Error for Incompatible {}
impl std::error::Error for HostKeyError {}
impl std::error::Error for Misuse {}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A list of algorithms is empty.
    Empty {
        /// Which.
        category: &'static str,
    },
    /// A list names an algorithm that is not built in.
    Unknown {
        /// Which list.
        category: &'static str,
        /// The name.
        name: String,
    },
    /// A server without host keys, or none that its algorithms can use.
    NoHostKey,
    /// A certificate among the host's is one for users.
    NotAHostCertificate,
    /// A limit is out of its range; says which.
    Limit(&'static str),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { category } => write!(f, "the list of {category} algorithms is empty"),
            Self::Unknown { category, name } => {
                write!(f, "there is no {category} algorithm {name:?} here")
            }
            Self::NoHostKey => f.write_str("the server has no host key that its algorithms can use"),
            Self::NotAHostCertificate => f.write_str("a certificate of the host is one for users"),
            Self::Limit(which) => f.write_str(which),
        }
    }
}

impl std::error::Error for ConfigError {}
