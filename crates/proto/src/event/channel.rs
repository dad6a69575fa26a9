//! What is asked of channels and of the connection, and how they answer.

/// Our number of a channel, never reused within a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(pub(crate) u64);

/// Data, or extended data of type 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// SSH_MSG_CHANNEL_DATA.
    Data,
    /// SSH_MSG_CHANNEL_EXTENDED_DATA of type SSH_EXTENDED_DATA_STDERR.
    Stderr,
}

/// The peer wants a channel.
#[derive(Debug)]
pub struct OpenRequest {
    pub(crate) id: ChannelId,
    pub(crate) kind: String,
    pub(crate) data: Vec<u8>,
}

impl OpenRequest {
    /// The id the channel has if it is accepted.
    pub fn id(&self) -> ChannelId {
        self.id
    }
    /// `session`, `direct-tcpip`, …
    pub fn kind(&self) -> &str {
        &self.kind
    }
    /// What follows in the message, by kind.
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

/// Why a channel was refused (RFC 4254 section 5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFailure {
    /// The reason code: 1 administratively prohibited, 2 connect failed, 3 unknown channel type, 4 resource shortage.
    pub reason: u32,
    /// The peer's words, as sent: sanitize before showing.
    pub description: String,
}

impl OpenFailure {
    /// SSH_OPEN_ADMINISTRATIVELY_PROHIBITED.
    pub const PROHIBITED: u32 = 1;
    /// SSH_OPEN_CONNECT_FAILED.
    pub const CONNECT_FAILED: u32 = 2;
    /// SSH_OPEN_UNKNOWN_CHANNEL_TYPE.
    pub const UNKNOWN_KIND: u32 = 3;
    /// SSH_OPEN_RESOURCE_SHORTAGE.
    pub const SHORTAGE: u32 = 4;
}

impl std::fmt::Display for OpenFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.reason {
            1 => "administratively prohibited",
            2 => "connect failed",
            3 => "unknown channel type",
            4 => "resource shortage",
            _ => "for a reason of its own",
        };
        write!(
            f,
            "the peer refused the channel ({name}): {}",
            feramiko_wire::sanitize(self.description.as_bytes())
        )
    }
}

impl std::error::Error for OpenFailure {}

/// A request on a channel (RFC 4254 sections 6.2 to 6.10), read by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// `pty-req`.
    Pty(Pty),
    /// `env`.
    Env {
        /// The variable.
        name: String,
        /// Its value, bytes.
        value: Vec<u8>,
    },
    /// `shell`.
    Shell,
    /// `exec`.
    Exec(Vec<u8>),
    /// `subsystem`.
    Subsystem(String),
    /// `window-change`.
    WindowChange(WindowSize),
    /// `xon-xoff`.
    XonXoff {
        /// Whether the client may do flow control.
        client_can_do: bool,
    },
    /// `signal`: the name without SIG.
    Signal(String),
    /// `break` (RFC 4335).
    Break {
        /// Its length in milliseconds.
        milliseconds: u32,
    },
    /// `exit-status` and `exit-signal`: from the side that runs the process.
    Exit(ExitStatus),
    /// `eow@openssh.com`.
    EndOfWrite,
    /// Any other name.
    Other {
        /// The name.
        name: String,
        /// What follows in the message.
        data: Vec<u8>,
    },
}

/// `pty-req` (RFC 4254 section 6.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pty {
    /// TERM.
    pub term: String,
    /// The size.
    pub size: WindowSize,
    /// Encoded terminal modes (RFC 4254 section 8): opcodes with `uint32` arguments, ended by TTY_OP_END (0).
    pub modes: Vec<u8>,
}

/// The size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WindowSize {
    /// In characters.
    pub columns: u32,
    /// In characters.
    pub rows: u32,
    /// In pixels, or 0.
    pub width: u32,
    /// In pixels, or 0.
    pub height: u32,
}

/// How a remote process ended (RFC 4254 section 6.10).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitStatus {
    /// `exit-status`.
    Code(u32),
    /// `exit-signal`.
    Signal {
        /// The name without SIG.
        name: String,
        /// Whether a core was dumped.
        core_dumped: bool,
        /// The peer's words, as sent: sanitize before showing.
        message: String,
    },
}

/// A request of the peer on one of our channels.
#[derive(Debug)]
pub struct ChannelRequest {
    pub(crate) channel: ChannelId,
    pub(crate) request: Request,
    /// What the peer has sent, where that was replaced.
    pub(crate) sent: Option<Request>,
    /// `Some` when a reply is wanted: the place in the order of replies.
    pub(crate) reply: Option<u64>,
}

impl ChannelRequest {
    /// On this channel.
    pub fn channel(&self) -> ChannelId {
        self.channel
    }
    /// What it asks.
    pub fn request(&self) -> &Request {
        &self.request
    }
    /// What the peer has sent: the same, unless it was [replaced](Self::replace).
    pub fn as_sent(&self) -> &Request {
        self.sent.as_ref().unwrap_or(&self.request)
    }
    /// Has something else done in its place: a forced command.
    pub fn replace(&mut self, request: Request) {
        let sent = std::mem::replace(&mut self.request, request);
        self.sent.get_or_insert(sent);
    }
    /// Whether an answer is wanted.
    pub fn want_reply(&self) -> bool {
        self.reply.is_some()
    }
}

/// A global request of the peer (RFC 4254 section 4).
#[derive(Debug)]
pub struct GlobalRequest {
    pub(crate) name: String,
    pub(crate) data: Vec<u8>,
    /// As in [`ChannelRequest`].
    pub(crate) reply: Option<u64>,
}

impl GlobalRequest {
    /// `tcpip-forward`, …
    pub fn name(&self) -> &str {
        &self.name
    }
    /// What follows in the message, by name.
    pub fn data(&self) -> &[u8] {
        &self.data
    }
    /// Whether an answer is wanted.
    pub fn want_reply(&self) -> bool {
        self.reply.is_some()
    }
}

/// What came of a channel read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// So many bytes (at least one, unless the buffer was empty).
    Data(usize),
    /// Nothing yet; [`Event::Readable`](crate::Event::Readable) will tell.
    Blocked,
    /// The peer has sent all it will send on this stream.
    Eof,
}

/// What came of a channel write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// So many bytes were taken (at least one, unless the data was empty).
    Taken(usize),
    /// The window, the output or a key exchange is in the way; [`Event::Writable`](crate::Event::Writable) will tell.
    Blocked,
}
