//! What a connection tells its driver, and the questions it asks.
//!
//! Questions are owned tokens without `Clone`, consumed by their answer: whoever is asked may think
//! as long as it likes, and nothing is borrowed meanwhile.

use feramiko_crypto::Secret;
use feramiko_keys::{Certificate, PublicKey, SkDetails};

use crate::error::ConnectionError;
use crate::shown::Shown;

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

/// Our number of a channel, never reused within a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(pub(crate) u64);

/// One of our channel requests that wants a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub(crate) u64);

/// One of our global requests that wants a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GlobalId(pub(crate) u64);

/// Data, or extended data of type 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// SSH_MSG_CHANNEL_DATA.
    Data,
    /// SSH_MSG_CHANNEL_EXTENDED_DATA of type SSH_EXTENDED_DATA_STDERR.
    Stderr,
}

/// Is this the server's key?
#[derive(Debug)]
pub struct HostKeyQuestion {
    pub(crate) shown: Shown,
    pub(crate) algorithm: String,
}

impl HostKeyQuestion {
    /// The key, which has signed this exchange: the server holds its private half. Where a certificate was shown, it
    /// is the certified key.
    pub fn key(&self) -> &PublicKey {
        self.shown.key()
    }

    /// The certificate that was shown. Its authority has signed it; whether that authority is trusted for this host, and
    /// all else that makes it good, is for [`Certificate::check_host`] to say.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.shown.certificate()
    }

    /// The algorithm agreed on: of signatures, or of certificates.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }
}

/// A signature is needed of a key that is ours.
#[derive(Debug)]
pub struct SignRequest {
    pub(crate) purpose: SignPurpose,
    pub(crate) key: PublicKey,
    pub(crate) algorithm: String,
    pub(crate) message: Vec<u8>,
    /// Which exchange or attempt it belongs to: a late answer to an old one is dropped.
    pub(crate) serial: u64,
}

/// What a signature is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignPurpose {
    /// A server's host key proves itself.
    HostKey,
    /// A key of the client's logs in: the user's, or that of the user's host.
    UserKey,
}

impl SignRequest {
    /// What it is for.
    pub fn purpose(&self) -> SignPurpose {
        self.purpose
    }
    /// Whose signature.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
    /// By which algorithm: `rsa-sha2-512`.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }
    /// Over what.
    pub fn message(&self) -> &[u8] {
        &self.message
    }
}

/// How a client logs in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Method {
    /// No proof: asks what the server wants (RFC 4252 section 5.2).
    None,
    /// RFC 4252 section 8.
    Password(Secret),
    /// RFC 4252 section 8: an expired password and a new one.
    PasswordChange {
        /// The old password.
        old: Secret,
        /// The new one.
        new: Secret,
    },
    /// RFC 4252 section 7. The signature is asked for by [`Event::Sign`].
    PublicKey {
        /// The public half.
        key: PublicKey,
        /// The algorithm; `None` chooses the best that both sides know (`server-sig-algs`).
        algorithm: Option<String>,
        /// Ask first whether the key would do, and sign only then.
        query: bool,
    },
    /// RFC 4252 section 9: the client's host vouches for its user. The signature is asked for by [`Event::Sign`].
    HostBased {
        /// The public half of the host's key.
        key: PublicKey,
        /// The algorithm; `None` chooses the best that this side knows.
        algorithm: Option<String>,
        /// The full name of the client's host. OpenSSH ends it with a dot, and compares it with what the address says.
        host: String,
        /// Who the user is there.
        user: String,
    },
    /// RFC 4252 section 7 with a certificate in the key's place (OpenSSH PROTOCOL.certkeys). The signature is asked for
    /// by [`Event::Sign`], of the certified key.
    Certificate {
        /// The certificate.
        certificate: Certificate,
        /// The algorithm, one of [`Certificate::signature_algorithms`]; `None` chooses the best that both sides know.
        algorithm: Option<String>,
        /// Ask first whether the certificate would do, and sign only then.
        query: bool,
    },
    /// RFC 4256.
    KeyboardInteractive {
        /// Hints for the server, usually empty.
        submethods: String,
    },
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthOutcome {
    /// Logged in.
    Success,
    /// The proof was right, and more is wanted: one of these methods.
    Partial {
        /// Methods that can continue.
        remaining: Vec<String>,
    },
    /// Not accepted.
    Failure {
        /// Methods that can continue.
        remaining: Vec<String>,
    },
}

/// A server's questions (RFC 4256 section 3.2). Text as sent: sanitize before showing.
#[derive(Debug)]
pub struct Prompts {
    pub(crate) name: String,
    pub(crate) instruction: String,
    pub(crate) prompts: Vec<Prompt>,
    pub(crate) serial: u64,
}

impl Prompts {
    /// A title; may be empty.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// What to do; may be empty.
    pub fn instruction(&self) -> &str {
        &self.instruction
    }
    /// The questions, possibly none. As many answers are due.
    pub fn prompts(&self) -> &[Prompt] {
        &self.prompts
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The question.
    pub text: String,
    /// Whether the answer may be shown while it is typed.
    pub echo: bool,
}

/// A client tries to log in to us.
#[derive(Debug)]
pub struct AuthAttempt {
    pub(crate) user: String,
    pub(crate) proof: Proof,
    pub(crate) serial: u64,
}

impl AuthAttempt {
    /// The user name of this very attempt.
    pub fn user(&self) -> &str {
        &self.user
    }
    /// What the client brings.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// What a client brings to an attempt.
#[derive(Debug)]
#[non_exhaustive]
pub enum Proof {
    /// Nothing. Accepting lets anybody in.
    None,
    /// A password.
    Password(Secret),
    /// An old password and the new one that is to replace it. The old one must be verified.
    PasswordChange {
        /// The old password.
        old: Secret,
        /// The new one.
        new: Secret,
    },
    /// No proof yet: would this key do? [`Decision::Accept`] says yes and logs nobody in.
    KeyOffer(PublicKey),
    /// The client holds the private half of this key: its signature over this session, user and key is verified.
    Key(VerifiedKey),
    /// No proof yet: would this certificate do? As for [`KeyOffer`](Self::KeyOffer); nothing is known of it but that its
    /// authority has signed it.
    CertificateOffer(Certificate),
    /// The client holds the private half of the key that is certified: its signature over this session, user and
    /// certificate is verified. Whether the certificate is good for anything is for [`Certificate::check_user`] to say.
    Certificate(VerifiedCertificate),
    /// The client's host vouches for its user: the signature of the host's key over this session and these names is
    /// verified. Whether that host is to be believed is not: its name is what it says itself.
    HostBased(VerifiedHost),
    /// The client wants to be asked (keyboard-interactive). Answer with [`Decision::Ask`].
    Interactive {
        /// The client's hints.
        submethods: String,
    },
    /// The answers to the last [`Decision::Ask`], as many as were asked for.
    Answers(Vec<Secret>),
}

/// A public key whose owner has signed. Only the verification in this crate makes one.
#[derive(Debug, Clone)]
pub struct VerifiedKey {
    pub(crate) key: PublicKey,
    pub(crate) algorithm: String,
    pub(crate) security_key: Option<SkDetails>,
}

impl VerifiedKey {
    /// The key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
    /// The algorithm of the verified signature.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }
    /// What a FIDO device said with its signature, where the key is in one. It was touched; whether it knew its user is to
    /// be held against `verify-required`.
    pub fn security_key(&self) -> Option<SkDetails> {
        self.security_key
    }
}

/// A client's host that has signed for its user (RFC 4252 section 9). Only the verification in this crate makes one.
#[derive(Debug, Clone)]
pub struct VerifiedHost {
    pub(crate) key: VerifiedKey,
    pub(crate) host: String,
    pub(crate) user: String,
}

impl VerifiedHost {
    /// The key of the host.
    pub fn key(&self) -> &VerifiedKey {
        &self.key
    }
    /// The name that the host says it has, without a dot at its end. It means something only together with the key: look
    /// both up. As sent otherwise: sanitize before showing.
    pub fn host(&self) -> &str {
        &self.host
    }
    /// Who the user is on that host. As sent: sanitize before showing.
    pub fn user(&self) -> &str {
        &self.user
    }
}

/// A certificate whose holder has signed. Only the verification in this crate makes one.
#[derive(Debug, Clone)]
pub struct VerifiedCertificate {
    pub(crate) certificate: Certificate,
    pub(crate) algorithm: String,
    pub(crate) security_key: Option<SkDetails>,
}

impl VerifiedCertificate {
    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
    /// The algorithm of the request: `rsa-sha2-512-cert-v01@openssh.com`.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }
    /// What a FIDO device said with its signature, where the key is in one. It was touched; whether it knew its user is to
    /// be held against `verify-required`.
    pub fn security_key(&self) -> Option<SkDetails> {
        self.security_key
    }
}

/// The answer to an [`AuthAttempt`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Decision {
    /// Log the user in; for a [`Proof::KeyOffer`] or a [`Proof::CertificateOffer`]: it would do. Where the server has
    /// [`Steps`](crate::Steps), the step is done, and the user is logged in when it was the last.
    Accept,
    /// No.
    Reject,
    /// The proof is right and one of these methods must follow. On a [`Proof::None`] or [`Proof::KeyOffer`] this is a refusal,
    /// and so it is where the server has [`Steps`](crate::Steps), which know what follows.
    Partial {
        /// Methods that can continue.
        remaining: Vec<String>,
    },
    /// Ask the client (only for [`Proof::Interactive`] and [`Proof::Answers`]).
    Ask {
        /// A title; may be empty.
        name: String,
        /// What to do; may be empty.
        instruction: String,
        /// The questions; may be none.
        prompts: Vec<Prompt>,
    },
    /// The password is right but has expired (only for the password proofs).
    ChangePassword {
        /// What to tell the user.
        prompt: String,
    },
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
    /// Nothing yet; [`Event::Readable`] will tell.
    Blocked,
    /// The peer has sent all it will send on this stream.
    Eof,
}

/// What came of a channel write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// So many bytes were taken (at least one, unless the data was empty).
    Taken(usize),
    /// The window, the output or a key exchange is in the way; [`Event::Writable`] will tell.
    Blocked,
}
