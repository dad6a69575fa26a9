//! What a connection tells its driver, and the questions it asks.
//!
//! Questions are owned tokens without `Clone`, consumed by their answer: whoever is asked may think
//! as long as it likes, and nothing is borrowed meanwhile.

mod channel;
mod login;
mod signature;

pub use channel::*;
pub use login::*;
pub use signature::*;

use crate::error::ConnectionError;

/// Something happened. Fetched with [`Connection::poll_event`](crate::Connection::poll_event).
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Client: is this host key trusted? Answer with `answer_host_key`. Asked in the first exchange only.
    HostKey(HostKeyQuestion),
    /// A signature is needed. Answer with `provide_signature`.
    Sign(SignRequest),
    /// The first key exchange is done; `Connection::negotiated` tells the outcome. On a client the
    /// authentication service is granted too and `authenticate` may be called.
    Ready,
    /// Client: the server's words before authentication (RFC 4252 section 5.4), as sent: sanitize before showing.
    Banner(String),
    /// Client: how an attempt ended.
    Authentication(AuthOutcome),
    /// Client: the server asks (keyboard-interactive). Answer with `answer_prompts`.
    Prompts(Prompts),
    /// Client: the password has expired (RFC 4252 section 8). Try again with [`Method::PasswordChange`], or give up
    /// with `decline_password_change`.
    PasswordExpired {
        /// The server's words, as sent: sanitize before showing.
        prompt: String,
    },
    /// Server: a client tries to log in. Answer with `decide`.
    Attempt(AuthAttempt),
    /// Server: the client is authenticated (as [`Connection::user`](crate::Connection::user)); channels may come.
    Authenticated,
    /// The peer wants a channel. Answer with `accept_channel` or `reject_channel`.
    Open(OpenRequest),
    /// A channel we opened is confirmed.
    Opened(ChannelId),
    /// A channel we opened was refused; the id is gone.
    OpenFailed(ChannelId, OpenFailure),
    /// Something is there to read that was not before: data of this stream, its end, or the channel's close.
    Readable(ChannelId, Stream),
    /// A channel that answered [`Write::Blocked`] may write again.
    Writable(ChannelId),
    /// The peer asks something of a channel. Answer with `answer_request` when `want_reply`; it may be dropped otherwise.
    Request(ChannelRequest),
    /// The peer answered one of our channel requests.
    RequestAnswered {
        /// On this channel.
        channel: ChannelId,
        /// The request.
        request: RequestId,
        /// Whether it succeeded; false too when the channel closed before an answer came.
        success: bool,
    },
    /// How the remote process ended: exit-status or exit-signal (RFC 4254 section 6.10). At most once a channel.
    Exited(ChannelId, ExitStatus),
    /// The peer wants no more input on this channel (`eow@openssh.com`, OpenSSH PROTOCOL section 2.1).
    EndOfWrite(ChannelId),
    /// Both sides have closed the channel. What was received before may still be read.
    Closed(ChannelId),
    /// The peer answered one of our global requests.
    GlobalAnswered {
        /// The request.
        request: GlobalId,
        /// What came with success; `None` for failure.
        reply: Option<Vec<u8>>,
    },
    /// The peer asks something of the connection. Only names in [`Connection::handle_global`](crate::Connection::handle_global)
    /// come here, others are refused at once. Answer with `answer_global` when `want_reply`.
    Global(GlobalRequest),
    /// The connection has ended. Nothing follows.
    Ended(ConnectionError),
}

/// One of our channel requests that wants a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub(crate) u64);

/// One of our global requests that wants a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GlobalId(pub(crate) u64);
