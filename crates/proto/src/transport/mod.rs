//! The transport protocol (RFC 4253): version lines, key exchanges, extensions, services. It hides from all above
//! that keys are exchanged anew.

mod extensions;
mod ident;
mod liveness;
mod rekey;
mod service;

use std::sync::Arc;

pub(crate) use extensions::Extensions;
use ident::{AwaitIdent, Found};
pub(crate) use liveness::{Due, Liveness};
pub(crate) use rekey::Passed;
use service::USERAUTH;

use crate::config::{Common, ServerConfig};
use crate::error::{ConnectionError, ProtocolError};
use crate::event::{HostKeyQuestion, SignRequest};
use crate::kex::{
    self, Agreed, Context, Done, Markers, Negotiated, Offer, Protected, SessionProof, Setting, Versions,
};
use crate::msg::kex::KexInit;
use crate::msg::phase::{Stage, Verdict, verdict};
use crate::msg::transport as msg;
use crate::output::Output;
use crate::shown::{self, Shown};
use crate::timers::Timer;

/// Key exchanges before authentication is done: each costs us more than it costs a stranger.
const MAX_STRANGERS_EXCHANGES: u64 = 4;
/// Bytes of a peer's last words that are kept.
const MAX_LAST_WORDS: usize = 1024;

/// Which side we are, with what only that side is configured with.
#[derive(Clone)]
pub(crate) enum Role {
    Client,
    Server(Arc<ServerConfig>),
}

impl Role {
    pub(crate) fn is_client(&self) -> bool {
        matches!(self, Self::Client)
    }
}

/// The exchange under way.
enum Exchange {
    Idle,
    /// Our KEXINIT is out, the peer's has not come.
    Offered(Offer),
    Client(kex::Client),
    Server(kex::Server),
}

/// What a message of the transport means for the floors above.
#[derive(Debug)]
pub(crate) enum Step {
    Nothing,
    /// Authentication may begin.
    Service(Protected),
}

pub(crate) struct Transport {
    config: Arc<Common>,
    role: Role,
    ident: Option<AwaitIdent>,
    our_version: String,
    versions: Arc<Versions>,
    exchange: Exchange,
    /// The peer's next exchange message is a wrong guess.
    skip_guess: bool,
    stage: Stage,
    strict: bool,
    /// The peer understands EXT_INFO.
    peer_ext_info: bool,
    session_id: Option<Arc<[u8]>>,
    host_key: Option<Shown>,
    proof: Option<SessionProof>,
    agreed: Option<Agreed>,
    /// Exchanges begun.
    serial: u64,
    /// Exchanges done.
    exchanges: u64,
    protected: Option<Protected>,
    extensions: Extensions,
    /// EXT_INFO may come now, right behind the first NEWKEYS (RFC 8308 section 2.4).
    ext_info_next: bool,
    /// EXT_INFO came during authentication: SUCCESS must follow.
    success_next: bool,
    authenticated: bool,
}

impl Transport {
    pub(crate) fn new(config: Arc<Common>, role: Role) -> Self {
        let our_version = format!("SSH-2.0-{}", config.software);
        Self {
            ident: Some(AwaitIdent::new(role.is_client())),
            config,
            role,
            our_version,
            versions: Arc::new(Versions { client: Vec::new(), server: Vec::new() }),
            exchange: Exchange::Idle,
            skip_guess: false,
            stage: Stage::FirstKexInit,
            strict: false,
            peer_ext_info: false,
            session_id: None,
            host_key: None,
            proof: None,
            agreed: None,
            serial: 0,
            exchanges: 0,
            protected: None,
            extensions: Extensions::default(),
            ext_info_next: false,
            success_next: false,
            authenticated: false,
        }
    }

    /// Sends our version line and KEXINIT, without waiting for the peer's.
    pub(crate) fn start(&mut self, out: &mut Output) -> Result<(), ConnectionError> {
        out.packets.raw(format!("{}\r\n", self.our_version).as_bytes());
        let timing = self.config.timing;
        out.timers.set(Timer::Identification, out.after(timing.identification));
        out.timers.set(Timer::Login, timing.login.and_then(|limit| out.after(limit)));
        self.exchange = Exchange::Offered(self.offer(out)?);
        Ok(())
    }

    // Getters.

    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }

    pub(crate) fn is_identified(&self) -> bool {
        self.ident.is_none()
    }

    pub(crate) fn peer_version(&self) -> Option<&str> {
        let version = if self.role.is_client() { &self.versions.server } else { &self.versions.client };
        self.ident.is_none().then(|| std::str::from_utf8(version).unwrap_or("SSH-2.0-?"))
    }

    pub(crate) fn negotiated(&self) -> Option<Negotiated> {
        let agreed = self.agreed.as_ref()?;
        Some(agreed.outcome(self.role.is_client(), self.strict, self.exchanges))
    }

    pub(crate) fn session_id(&self) -> Option<&Arc<[u8]>> {
        self.session_id.as_ref()
    }

    pub(crate) fn proof(&self) -> Option<&SessionProof> {
        self.proof.as_ref()
    }

    pub(crate) fn host_key(&self) -> Option<&Shown> {
        self.host_key.as_ref()
    }

    pub(crate) fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    pub(crate) fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    // What comes in.

    /// Looks for the peer's version line; answers how many bytes it took.
    pub(crate) fn identify(&mut self, input: &[u8], out: &mut Output) -> Result<usize, ConnectionError> {
        let Some(ident) = &mut self.ident else { return Ok(0) };
        match ident.look(input)? {
            Found::More => Ok(0),
            Found::Skip(bytes) => Ok(bytes),
            Found::Version(bytes, theirs) => {
                tracing::debug!(peer = %feramiko_wire::sanitize(&theirs), "version line");
                let ours = self.our_version.as_bytes().to_vec();
                let (client, server) = if self.role.is_client() { (ours, theirs) } else { (theirs, ours) };
                self.versions = Arc::new(Versions { client, server });
                self.ident = None;
                out.timers.set(Timer::Identification, None);
                Ok(bytes)
            }
        }
    }

    /// Whether a message may come now.
    pub(crate) fn check_order(&mut self, number: u8) -> Result<Verdict, ProtocolError> {
        if std::mem::take(&mut self.success_next) && number != 52 && number != 1 {
            return Err(ProtocolError::Rule { message: 7, rule: "SUCCESS must follow EXT_INFO here" });
        }
        if number != 7 {
            self.ext_info_next = false;
        }
        let verdict = verdict(number, self.stage, !self.role.is_client(), self.peer_exchanging());
        match verdict {
            Verdict::Refuse => Err(ProtocolError::Unexpected { message: number, state: self.state_name() }),
            other => Ok(other),
        }
    }

    fn state_name(&self) -> &'static str {
        if self.authenticated && self.peer_exchanging() { "a key exchange" } else { self.stage.name() }
    }

    /// The peer's KEXINIT has come and its NEWKEYS has not: nothing but the exchange may come.
    pub(crate) fn peer_exchanging(&self) -> bool {
        match &self.exchange {
            Exchange::Idle | Exchange::Offered(_) => false,
            Exchange::Client(state) => state.peer_pending(),
            Exchange::Server(state) => state.peer_pending(),
        }
    }

    /// A key exchange is under way, on whichever side.
    pub(crate) fn is_exchanging(&self) -> bool {
        !matches!(self.exchange, Exchange::Idle)
    }

    /// Messages 1-49 and 192. `sequence` is the packet's.
    pub(crate) fn handle(
        &mut self,
        payload: &[u8],
        sequence: u32,
        out: &mut Output,
    ) -> Result<Step, ConnectionError> {
        let number = payload.first().copied().unwrap_or_default();
        let malformed = ProtocolError::malformed(number);
        match number {
            msg::Disconnect::NUMBER => return Err(disconnected(payload)),
            msg::Ignore::NUMBER | msg::Unimplemented::NUMBER => {}
            msg::Debug::NUMBER => {
                let message = msg::Debug::decode(payload).map_err(malformed)?;
                tracing::debug!(text = %feramiko_wire::sanitize(message.message), "the peer says");
            }
            msg::ServiceRequest::NUMBER => {
                let request = msg::ServiceRequest::decode(payload).map_err(malformed)?;
                return self.service_requested(request.service, out);
            }
            msg::ServiceAccept::NUMBER => {
                let accept = msg::ServiceAccept::decode(payload).map_err(malformed)?;
                return self.service_accepted(accept.service);
            }
            msg::ExtInfo::NUMBER => self.ext_info(payload)?,
            KexInit::NUMBER => self.kex_init(payload, sequence, out)?,
            21..=49 => self.exchange_message(payload, out)?,
            msg::Ping::NUMBER => {
                let ping = msg::Ping::decode(payload).map_err(malformed)?;
                if self.authenticated {
                    out.send(|packet| msg::Pong { data: ping.data }.encode(packet));
                }
            }
            _ => {}
        }
        Ok(Step::Nothing)
    }

    fn offer(&self, out: &mut Output) -> Result<Offer, ConnectionError> {
        let host_keys = match &self.role {
            Role::Client => self.config.algorithms.host_key.clone(),
            Role::Server(config) => config.host_key_algorithms(),
        };
        let first = self.session_id.is_none();
        let offer = Offer::ours(&self.config, &host_keys, self.role.is_client(), first)?;
        out.send(|packet| packet.extend_from_slice(offer.payload()));
        out.packets.hold();
        Ok(offer)
    }

    /// Starts a re-exchange, unless one is under way. Never before authentication is done.
    pub(crate) fn rekey(&mut self, out: &mut Output) -> Result<(), ConnectionError> {
        if self.authenticated && matches!(self.exchange, Exchange::Idle) {
            let offer = self.offer(out)?;
            self.exchange = Exchange::Offered(offer);
            out.timers.set(Timer::RekeyDeadline, out.after(self.config.timing.rekey));
        }
        Ok(())
    }

    /// Starts a re-exchange when the limits say so.
    pub(crate) fn rekey_if_due(&mut self, received: Passed, out: &mut Output) -> Result<(), ConnectionError> {
        let max_bytes = self.agreed.as_ref().and_then(Agreed::max_bytes);
        if rekey::is_due(&self.config.rekey, max_bytes, out.packets.sealed(), received) {
            self.rekey(out)?;
        }
        Ok(())
    }

    fn kex_init(&mut self, payload: &[u8], sequence: u32, out: &mut Output) -> Result<(), ConnectionError> {
        let theirs = Offer::theirs(payload)?;
        let ours = match std::mem::replace(&mut self.exchange, Exchange::Idle) {
            Exchange::Offered(ours) => ours,
            Exchange::Idle => {
                out.timers.set(Timer::RekeyDeadline, out.after(self.config.timing.rekey));
                self.offer(out)?
            }
            Exchange::Client(_) | Exchange::Server(_) => {
                return Err(ProtocolError::Unexpected { message: 20, state: "a key exchange" }.into());
            }
        };
        if self.session_id.is_none() {
            let markers = Markers::of_peer(&theirs.read()?, !self.role.is_client());
            self.strict = markers.strict;
            self.peer_ext_info = markers.ext_info;
            self.stage = Stage::FirstKex { strict: self.strict };
            if self.strict && sequence != 0 {
                return Err(
                    ProtocolError::Rule { message: 20, rule: "KEXINIT must be the first packet" }.into()
                );
            }
        }
        self.serial += 1;
        if !self.authenticated && self.serial > MAX_STRANGERS_EXCHANGES {
            return Err(ConnectionError::TooManyAttempts);
        }
        let setting = Setting {
            config: Arc::clone(&self.config),
            versions: Arc::clone(&self.versions),
            is_client: self.role.is_client(),
            strict: self.strict,
            session_id: self.session_id.clone(),
            host_key: self.host_key.clone(),
            authenticated: self.authenticated,
            serial: self.serial,
        };
        let context = Context::new(setting, ours, theirs)?;
        self.skip_guess = context.agreed.skip_guess;
        self.exchange = match &self.role {
            Role::Client => Exchange::Client(kex::Client::start(context, out)?),
            Role::Server(config) => Exchange::Server(kex::Server::start(context, Arc::clone(config))),
        };
        Ok(())
    }

    /// Messages 21-49.
    fn exchange_message(&mut self, payload: &[u8], out: &mut Output) -> Result<(), ConnectionError> {
        if payload.first() != Some(&21) && std::mem::take(&mut self.skip_guess) {
            return Ok(());
        }
        self.advance(out, |exchange, out| match exchange {
            Exchange::Client(state) => state.handle(payload, out).map(Exchange::Client),
            Exchange::Server(state) => state.handle(payload, out).map(Exchange::Server),
            Exchange::Idle | Exchange::Offered(_) => {
                let message = payload.first().copied().unwrap_or_default();
                Err(ProtocolError::Unexpected { message, state: "no key exchange" }.into())
            }
        })
    }

    pub(crate) fn answer_host_key(
        &mut self,
        question: &HostKeyQuestion,
        trust: bool,
        out: &mut Output,
    ) -> Result<(), ConnectionError> {
        self.advance(out, |exchange, out| match exchange {
            Exchange::Client(state) => state.answer_host_key(question, trust, out).map(Exchange::Client),
            other => Ok(other),
        })
    }

    /// A host key's signature.
    pub(crate) fn provide_signature(
        &mut self,
        request: &SignRequest,
        signature: Option<&[u8]>,
        out: &mut Output,
    ) -> Result<(), ConnectionError> {
        self.advance(out, |exchange, out| match exchange {
            Exchange::Server(state) => state.provide_signature(request, signature, out).map(Exchange::Server),
            other => Ok(other),
        })
    }

    /// Moves the exchange on, and sees to what follows from either side's switch to new keys.
    fn advance(
        &mut self,
        out: &mut Output,
        step: impl FnOnce(Exchange, &mut Output) -> Result<Exchange, ConnectionError>,
    ) -> Result<(), ConnectionError> {
        let was_holding = out.holding();
        self.exchange = step(std::mem::replace(&mut self.exchange, Exchange::Idle), out)?;
        if was_holding && !out.holding() {
            self.keys_sent(out);
        }
        if out.inbound_keys.is_some() && self.session_id.is_none() {
            self.stage = Stage::Service;
            self.ext_info_next = true;
        }
        let done = match std::mem::replace(&mut self.exchange, Exchange::Idle) {
            Exchange::Client(kex::Client::Done(done)) | Exchange::Server(kex::Server::Done(done)) => done,
            other => {
                self.exchange = other;
                return Ok(());
            }
        };
        self.done(done, out);
        Ok(())
    }

    /// Our NEWKEYS is out.
    fn keys_sent(&mut self, out: &mut Output) {
        if self.session_id.is_none() {
            if self.peer_ext_info {
                let user_keys = match &self.role {
                    Role::Client => None,
                    Role::Server(_) => Some(shown::signatures(&self.config.algorithms.user_key)),
                };
                out.send(|packet| Extensions::write(user_keys.as_deref(), packet));
            }
            if self.role.is_client() {
                out.send(|packet| msg::ServiceRequest { service: USERAUTH }.encode(packet));
            }
        }
        out.packets.release();
    }

    fn done(&mut self, done: Done, out: &mut Output) {
        let protected = done.protected();
        let first = self.session_id.is_none();
        self.session_id = Some(done.session_id);
        // A server may sign with another one later; that of the first exchange is what the session is bound to.
        self.host_key.get_or_insert(done.host_key);
        self.agreed = Some(done.agreed);
        self.exchanges += 1;
        if first {
            self.protected = Some(protected);
            self.proof = done.proof;
        }
        out.timers.set(Timer::RekeyDeadline, None);
        out.timers.set(Timer::RekeyDue, self.config.rekey.interval.and_then(|interval| out.after(interval)));
        if let Some(negotiated) = self.negotiated() {
            tracing::debug!(?negotiated, "keys exchanged");
            if first {
                negotiated.warn_of_legacy();
            }
        }
    }

    /// Authentication has succeeded.
    pub(crate) fn authenticated(&mut self) {
        self.authenticated = true;
        self.stage = Stage::Open;
    }

    /// An unknown message (RFC 4253 section 11.4).
    pub(crate) fn unimplemented(sequence: u32, out: &mut Output) {
        out.send(|packet| msg::Unimplemented { sequence }.encode(packet));
    }
}

fn disconnected(payload: &[u8]) -> ConnectionError {
    match msg::read_disconnect(payload) {
        Some((reason, description)) => ConnectionError::Disconnected {
            reason,
            description: String::from_utf8_lossy(description.get(..MAX_LAST_WORDS).unwrap_or(description))
                .into_owned(),
        },
        None => ProtocolError::Malformed {
            message: 1,
            error: feramiko_wire::DecodeError::Invalid("the reason is missing"),
        }
        .into(),
    }
}
