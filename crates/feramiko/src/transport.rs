//! [`Transport`]: one SSH connection over any socket-like object, step by step.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use feramiko_keys::{Certificate, HostKeyChanges, PublicKey, Signer};
use feramiko_proto::{
    ClientConfig, Connection, DisconnectReason, HostKeyQuestion, Misuse, Negotiated, ServerConfig,
    SessionProof,
};

use crate::attempt::Attempt;
use crate::auth::{AuthStep, Credential, authenticate};
use crate::channel::Channel;
use crate::driver::{socket::Socket, thread};
use crate::error::{Error, HostKeyRefusal};
use crate::incoming::IncomingChannel;
use crate::pending::Pending;
use crate::rotation::HostKeys;
use crate::shared::{Handle, Shared, Undo};
use crate::slot::Slot;
use crate::state::{ShowBanner, State, Traffic};
use crate::verify::HostKeyVerifier;
use crate::waiters::{Side, Topic};

/// One SSH connection, client or server, negotiated in the background.
///
/// A handle: clones share the connection, and a [`Channel`] is a handle too. When the last one is dropped the connection
/// is closed: what was written is still sent, for a bounded time, but nobody waits for it; [`close`](Self::close) does.
/// All handles of a dead connection report the same cause.
#[derive(Clone)]
pub struct Transport {
    pub(crate) handle: Arc<Handle>,
}

impl Transport {
    /// Begins an SSH connection as a client, driven by a worker thread. Returns at once; [`ready`](Self::ready) tells
    /// how the negotiation went.
    ///
    /// The server's host key must be decided about: give a verifier ([`verify_host_key`](Self::verify_host_key)), or
    /// answer the [`host_key_question`](Self::host_key_question). Until then the negotiation waits.
    ///
    /// # Errors
    /// A configuration that cannot work, and a socket or thread that the system refuses.
    pub fn client(socket: impl Into<Socket>, config: impl Into<Arc<ClientConfig>>) -> Result<Self, Error> {
        Self::drive(client_state(config.into())?, socket.into())
    }

    /// Begins an SSH connection as a server, driven by a worker thread. Returns at once.
    ///
    /// `host_keys` sign for `config.host_keys`, which are filled from them when empty.
    ///
    /// # Errors
    /// As for [`client`](Self::client).
    pub fn server(
        socket: impl Into<Socket>,
        config: impl Into<Arc<ServerConfig>>,
        host_keys: Vec<Arc<dyn Signer>>,
    ) -> Result<Self, Error> {
        Self::drive(server_state(config.into(), host_keys)?, socket.into())
    }

    /// [`client`](Self::client), driven by a task of the current tokio runtime, whose timers must be enabled. No thread is
    /// made but by slow signatures and verifiers, on the runtime's blocking threads.
    ///
    /// # Errors
    /// A configuration that cannot work; no runtime is current.
    #[cfg(feature = "tokio")]
    pub fn client_async<S>(stream: S, config: impl Into<Arc<ClientConfig>>) -> Result<Self, Error>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        Self::spawn(client_state(config.into())?, stream)
    }

    /// [`server`](Self::server), driven by a task of the current tokio runtime, whose timers must be enabled.
    ///
    /// # Errors
    /// As for [`client_async`](Self::client_async).
    #[cfg(feature = "tokio")]
    pub fn server_async<S>(
        stream: S,
        config: impl Into<Arc<ServerConfig>>,
        host_keys: Vec<Arc<dyn Signer>>,
    ) -> Result<Self, Error>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        Self::spawn(server_state(config.into(), host_keys)?, stream)
    }

    fn drive(state: State, socket: Socket) -> Result<Self, Error> {
        let link = socket.into_link().map_err(|error| Error::io("the socket cannot be used", &error))?;
        let shared = Shared::new(state);
        let transport = Self { handle: Arc::new(Handle::new(&shared)) };
        thread::start(&shared, link).map_err(|error| Error::io("no worker thread", &error))?;
        Ok(transport)
    }

    #[cfg(feature = "tokio")]
    fn spawn<S>(state: State, stream: S) -> Result<Self, Error>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let shared = Shared::new(state);
        let transport = Self { handle: Arc::new(Handle::new(&shared)) };
        crate::driver::tokio::start(&shared, stream)?;
        Ok(transport)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.0
    }

    fn look<R>(&self, look: impl FnOnce(&mut State, Instant) -> R) -> R {
        self.shared().with(look)
    }

    /// Done when keys have been exchanged; on a client the host key is then trusted, and authentication may begin.
    pub fn ready(&self) -> Pending<Result<Negotiated, Error>> {
        let handle = Arc::clone(&self.handle);
        Pending::new(async move {
            let check = |state: &mut State, _| match state.connection.negotiated() {
                Some(negotiated) if state.ready => Some(Ok(negotiated)),
                _ => state.cause.clone().map(Err),
            };
            handle.0.until(Topic::Ready, check).await
        })
    }

    /// Client: who decides whether the server's host key is trusted. It runs outside all locks; its refusal is what every
    /// handle reports, and its panic is a refusal.
    pub fn verify_host_key(&self, verifier: impl HostKeyVerifier + 'static) {
        self.look(|state, _| state.set_verifier(Box::new(verifier)));
    }

    /// Client: the question whether the host key is trusted, for those who give no verifier.
    pub fn host_key_question(&self) -> Pending<Result<HostKeyQuestion, Error>> {
        let handle = Arc::clone(&self.handle);
        Pending::new(async move {
            let check = |state: &mut State, _| match state.host_key.take() {
                Some(question) => Some(Ok(question)),
                None => state.cause.clone().map(Err),
            };
            handle.0.until(Topic::Ready, check).await
        })
    }

    /// Answers it.
    pub fn answer_host_key(&self, question: HostKeyQuestion, trust: bool) {
        let refusal = || {
            let why = "the application declined".to_owned();
            Error::from(HostKeyRefusal::Declined { key: question.key().clone(), why })
        };
        let verdict = if trust { Ok(()) } else { Err(refusal()) };
        self.look(|state, now| state.answer_host_key(question, verdict, now));
    }

    /// Client: what the host keys that the server announced after login have changed in known_hosts, where the verifier
    /// has a [`keeper`](HostKeyVerifier::keeper) for them. Waits for work that is under way, and answers `None` at once
    /// where nothing has been announced (a server announces before it opens the first channel).
    ///
    /// # Errors
    /// The server did not prove its keys, or a file could not be written. The connection goes on all the same.
    pub fn host_key_update(&self) -> Pending<Result<Option<HostKeyChanges>, Error>> {
        let handle = Arc::clone(&self.handle);
        Pending::new(async move {
            let check = |state: &mut State, _| match &state.host_keys {
                HostKeys::Done(learned) => Some(learned.clone()),
                HostKeys::UnderWay if state.flow.done => state.cause.clone().map(Err),
                HostKeys::UnderWay => None,
                _ => Some(Ok(None)),
            };
            handle.0.until(Topic::Replies, check).await
        })
    }

    /// Server: whether clients are told after login which host keys there are, so that they can learn new ones before old
    /// ones go (OpenSSH PROTOCOL section 2.5). Default: yes.
    pub fn announce_host_keys(&self, announce: bool) {
        self.look(|state, _| {
            if let HostKeys::Ours { announced, .. } = &mut state.host_keys {
                *announced = announce;
            }
        });
    }

    /// Client: the server's host key, once it is trusted.
    pub fn host_key(&self) -> Option<PublicKey> {
        self.look(|state, _| state.connection.host_key().cloned())
    }

    /// Client: the certificate that the server's host key came in, if it did, once the key is trusted.
    pub fn host_certificate(&self) -> Option<Certificate> {
        self.look(|state, _| state.connection.host_certificate().cloned())
    }

    /// What was negotiated, after the first key exchange.
    pub fn negotiated(&self) -> Option<Negotiated> {
        self.look(|state, _| state.connection.negotiated())
    }

    /// The peer's version line without its end: `SSH-2.0-OpenSSH_9.2p1`. As sent: sanitize before showing.
    pub fn peer_version(&self) -> Option<String> {
        self.look(|state, _| state.connection.peer_version().map(str::to_owned))
    }

    /// The session identifier (RFC 4253 section 7.2), after the first key exchange.
    pub fn session_id(&self) -> Option<Vec<u8>> {
        self.look(|state, _| state.connection.session_id().map(<[u8]>::to_vec))
    }

    /// Client: what proves to an agent with which host this session is, after the first key exchange:
    /// [`Agent::bind`](crate::agent::Agent::bind).
    pub fn session_proof(&self) -> Option<SessionProof> {
        self.look(|state, _| state.connection.session_proof().cloned())
    }

    /// Whether the connection lives: not ended, be it still negotiating.
    pub fn is_active(&self) -> bool {
        self.look(|state, _| state.cause.is_none())
    }

    /// Whether the connection lives and the client is logged in.
    pub fn is_authenticated(&self) -> bool {
        self.look(|state, _| state.cause.is_none() && state.connection.is_authenticated())
    }

    /// Whether this side is the client.
    pub fn is_client(&self) -> bool {
        self.look(|state, _| state.connection.is_client())
    }

    /// The user name that is logged in.
    pub fn user(&self) -> Option<String> {
        self.look(|state, _| state.connection.user().map(str::to_owned))
    }

    /// The round-trip time, once it has been measured.
    pub fn round_trip(&self) -> Option<Duration> {
        self.look(|state, _| state.connection.round_trip())
    }

    /// What it has moved over its link so far.
    pub fn traffic(&self) -> Traffic {
        self.look(|state, _| state.flow.traffic)
    }

    /// Why the connection has ended, if it has.
    pub fn cause(&self) -> Option<Error> {
        self.look(|state, _| state.cause.clone())
    }

    /// Client: tries to log in. Waits for the negotiation, and for an attempt that is still under way.
    ///
    /// Abandoned, the attempt goes on without an audience: the server's questions get empty answers.
    pub fn authenticate(&self, user: &str, credential: Credential) -> Pending<Result<AuthStep, Error>> {
        let (handle, user) = (Arc::clone(&self.handle), user.to_owned());
        Pending::new(async move { authenticate(&handle.0, &user, credential).await })
    }

    /// Client: the server's words before authentication (RFC 4252 section 5.4), as far as they have come. As sent:
    /// sanitize before showing.
    pub fn banner(&self) -> Option<String> {
        self.look(|state, _| (!state.banner.text.is_empty()).then(|| state.banner.text.clone()))
    }

    /// Client: shows the server's words before authentication (RFC 4252 section 5.4) when they come, and before any question
    /// that comes behind them. It is called by whoever waits for an [attempt](Self::authenticate). The words are as sent:
    /// sanitize before showing.
    pub fn on_banner(&self, show: impl FnMut(&str) + Send + 'static) {
        self.show_banner(Arc::new(Mutex::new(show)));
    }

    pub(crate) fn show_banner(&self, show: ShowBanner) {
        self.look(|state, _| {
            let old = state.banner.show_to(show);
            state.woken.discard(old);
        });
    }

    /// Server: shows a text before authentication (RFC 4252 section 5.4).
    ///
    /// # Errors
    /// [`Error::Misuse`] when it is too late for that or this is a client.
    pub fn send_banner(&self, text: &str) -> Result<(), Error> {
        self.look(|state, now| {
            state.alive()?;
            Ok(state.connection.send_banner(text, now)?)
        })
    }

    /// Server: the client's next attempt to log in; `None` once it is logged in.
    pub fn next_attempt(&self) -> Pending<Result<Option<Attempt>, Error>> {
        let handle = Arc::clone(&self.handle);
        Pending::new(async move {
            let check = |state: &mut State, _| match state.attempts.pop_front() {
                Some(attempt) => Some(Ok(Some(attempt))),
                None if state.cause.is_none() && state.connection.is_authenticated() => Some(Ok(None)),
                None => state.cause.clone().map(Err),
            };
            let attempt = handle.0.until(Topic::Attempts, check).await?;
            Ok(attempt.map(|attempt| Attempt::new(&handle, attempt)))
        })
    }

    /// Server: done when the client is logged in; answers the user name.
    pub fn authenticated(&self) -> Pending<Result<String, Error>> {
        let handle = Arc::clone(&self.handle);
        Pending::new(async move {
            let check = |state: &mut State, _| match state.connection.user() {
                Some(user) if state.cause.is_none() && state.connection.is_authenticated() => {
                    Some(Ok(user.to_owned()))
                }
                _ => state.cause.clone().map(Err),
            };
            handle.0.until(Topic::Attempts, check).await
        })
    }

    /// The next channel that the peer wants. On a client, what comes before this has been called for the first time is
    /// refused.
    pub fn next_open(&self) -> Pending<Result<IncomingChannel, Error>> {
        let handle = Arc::clone(&self.handle);
        Pending::new(async move {
            let check = |state: &mut State, _| {
                state.takes_opens = true;
                match state.opens.pop_front() {
                    Some(request) if state.cause.is_none() => Some(Ok(request)),
                    _ => state.cause.clone().map(Err),
                }
            };
            let request = handle.0.until(Topic::Opens, check).await?;
            Ok(IncomingChannel::new(&handle, request))
        })
    }

    /// Opens a session channel (RFC 4254 section 6.1).
    pub fn open_session(&self) -> Pending<Result<Channel, Error>> {
        self.open_channel("session", b"")
    }

    /// Opens a channel (RFC 4254 section 5.1): its kind, and what follows in the message. Abandoned, it is closed as soon
    /// as the peer confirms it.
    ///
    /// # Errors
    /// [`Error::Open`] with the peer's reason.
    pub fn open_channel(&self, kind: &str, data: &[u8]) -> Pending<Result<Channel, Error>> {
        let (handle, kind, data) = (Arc::clone(&self.handle), kind.to_owned(), data.to_vec());
        Pending::new(async move {
            let shared = &handle.0;
            let id = shared.with(|state, now| {
                state.alive()?;
                if !state.permissions.open_to_client(&kind) {
                    return Err(Misuse::Argument("the client's login may not have such channels").into());
                }
                let id = state.connection.open(&kind, &data, now)?;
                state.slots.insert(id, Slot::default());
                Ok::<_, Error>(id)
            })?;
            let undo = Undo::new(shared, move |state, now| state.forget(id, now));
            let check = |state: &mut State, _| match state.slots.get(&id).and_then(Slot::answer) {
                Some(answer) => Some(answer.map_err(Error::Open)),
                None => state.cause.clone().map(Err),
            };
            shared.until(Topic::Channel(id, Side::State), check).await?;
            undo.disarm();
            Ok(Channel::new(Arc::clone(&handle), id))
        })
    }

    /// Asks something of the connection (RFC 4254 section 4). With `want_reply` it answers what came with the success,
    /// otherwise `None` at once.
    ///
    /// # Errors
    /// [`Error::RequestRefused`].
    pub fn global_request(
        &self,
        name: &str,
        data: &[u8],
        want_reply: bool,
    ) -> Pending<Result<Option<Vec<u8>>, Error>> {
        let (handle, name, data) = (Arc::clone(&self.handle), name.to_owned(), data.to_vec());
        Pending::new(async move {
            let shared = &handle.0;
            let request = shared.with(|state, now| {
                state.alive()?;
                let request = state.connection.global_request(&name, &data, want_reply, now)?;
                if let Some(request) = request {
                    state.replies.insert(request, None);
                }
                Ok::<_, Error>(request)
            })?;
            let Some(request) = request else { return Ok(None) };
            let _undo = Undo::new(shared, move |state, _| drop(state.replies.remove(&request)));
            let check = |state: &mut State, _| match state.replies.get_mut(&request).and_then(Option::take) {
                Some(reply) => Some(Ok(reply)),
                None => state.cause.clone().map(Err),
            };
            let reply = shared.until(Topic::Replies, check).await?;
            reply.map(Some).ok_or(Error::RequestRefused(name))
        })
    }

    /// Client: no session channel may be opened on this connection any more, not even by whoever takes it over
    /// (`no-more-sessions@openssh.com`, OpenSSH PROTOCOL section 2.2).
    ///
    /// # Errors
    /// [`Error::Misuse`].
    pub fn no_more_sessions(&self) -> Result<(), Error> {
        self.look(|state, now| {
            state.alive()?;
            Ok(state.connection.no_more_sessions(now)?)
        })
    }

    /// Begins a key re-exchange, unless one is under way.
    pub fn rekey(&self) {
        self.look(|state, now| state.connection.rekey(now));
    }

    /// Done when the connection has ended; answers why. It is no handle: it does not keep the connection open.
    pub fn closed(&self) -> Pending<Error> {
        let shared = Arc::clone(self.shared());
        Pending::new(async move { shared.until(Topic::End, |state, _| state.cause.clone()).await })
    }

    /// Tells the peer why and ends the connection (RFC 4253 section 11.1). Does not wait.
    pub fn disconnect(&self, reason: DisconnectReason, description: &str) {
        self.look(|state, now| state.disconnect(reason, description, now));
    }

    /// Ends the connection and waits, for a bounded time, until everything has been sent and the driver is gone: no thread
    /// is left behind. Other handles find the connection closed.
    pub fn close(&self) -> Pending<()> {
        let handle = Arc::clone(&self.handle);
        Pending::new(async move {
            let shared = &handle.0;
            shared.with(|state, now| state.disconnect(DisconnectReason::ByApplication, "", now));
            shared.until(Topic::End, |state, _| state.flow.done.then_some(())).await;
            shared.join();
        })
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = if self.is_client() { "client" } else { "server" };
        f.debug_struct("Transport").field("side", &side).field("cause", &self.cause()).finish()
    }
}

fn client_state(config: Arc<ClientConfig>) -> Result<State, Error> {
    config.check()?;
    let mut state = State::new(Connection::client(Arc::clone(&config), Instant::now()), Vec::new());
    state.client_config = Some(config);
    Ok(state)
}

/// What clients are shown of a server's host keys: the keys and the certificates that they have.
pub(crate) fn show(config: &mut ServerConfig, signers: &[Arc<dyn Signer>]) {
    for signer in signers {
        // A key and its certificate may come as two signers; the key is shown once.
        if !config.host_keys.contains(signer.public_key()) {
            config.host_keys.push(signer.public_key().clone());
        }
    }
    config.host_certificates.extend(signers.iter().filter_map(|signer| signer.certificate().cloned()));
}

fn server_state(config: Arc<ServerConfig>, host_keys: Vec<Arc<dyn Signer>>) -> Result<State, Error> {
    let mut config = config;
    if config.host_keys.is_empty() {
        show(Arc::make_mut(&mut config), &host_keys);
    }
    config.check()?;
    Ok(State::new(Connection::server(config, Instant::now()), host_keys))
}

impl Channel {
    /// The connection it belongs to.
    pub fn transport(&self) -> Transport {
        Transport { handle: Arc::clone(self.handle()) }
    }
}
