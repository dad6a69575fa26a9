//! [`Connection`]: the one type for both sides.

mod answers;
mod commands;
mod getters;
mod service;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::config::{ClientConfig, Common, ServerConfig};
use crate::error::{ConfigError, ConnectionError, Deadline, DisconnectReason, Phase, ProtocolError};
use crate::event::{Event, GlobalId};
use crate::kex::Protected;
use crate::msg::phase::{Stage, Verdict};
use crate::msg::transport::{Disconnect, Ping, Pong};
use crate::output::Output;
use crate::packet::{Inbound, Outbound};
use crate::timers::Timer;
use crate::transport::{Due, Liveness, Role, Step, Transport};
use crate::userauth;
use service::Service;

pub use crate::channels::Channel;

/// Bytes of the description in a disconnect: errors can quote long lists, and every peer must be able to read it.
const MAX_DESCRIPTION: usize = 2048;

/// One SSH connection, client or server, without its socket, its clock or its threads.
///
/// Whoever drives it keeps to this loop: give [`receive`](Self::receive) what came, send what
/// [`take_output`](Self::take_output) gives, fetch events with [`poll_event`](Self::poll_event) until there are none,
/// and call [`handle_timeout`](Self::handle_timeout) when [`poll_timeout`](Self::poll_timeout) has come. After every
/// call of any method there may be new output, new events and a new timeout.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Instant;
/// use feramiko_proto::{ClientConfig, Connection};
///
/// let mut client = Connection::client(Arc::new(ClientConfig::default()), Instant::now());
/// let mut output = Vec::new();
/// client.take_output(&mut output);
/// assert!(output.starts_with(b"SSH-2.0-feramiko_"));
/// ```
pub struct Connection {
    common: Arc<Common>,
    role: Role,
    inbound: Inbound,
    out: Output,
    transport: Transport,
    service: Service,
    liveness: Liveness,
    /// Keepalive requests under way, where the peer knows no ping.
    probes: VecDeque<(GlobalId, u64)>,
    user: Option<String>,
    /// The global requests that the application wants to hear of.
    global_names: Vec<String>,
    /// What was received before authentication was done: bytes, packets.
    received: (u64, u64),
    /// A disconnect that waits for the end of a key exchange.
    leaving: Option<(DisconnectReason, String)>,
    /// A key exchange held channel data back when this was looked at last.
    was_holding: bool,
    ended: Option<ConnectionError>,
}

impl Connection {
    /// A client, which has its version line and KEXINIT to send.
    ///
    /// A configuration that fails its [`check`](ClientConfig::check) gives a connection that has ended.
    pub fn client(config: Arc<ClientConfig>, now: Instant) -> Self {
        let common = Arc::new(config.common.clone());
        Self::new(common, Role::Client, config.check(), now)
    }

    /// A server, which has its version line and KEXINIT to send.
    ///
    /// A configuration that fails its [`check`](ServerConfig::check) gives a connection that has ended.
    pub fn server(config: Arc<ServerConfig>, now: Instant) -> Self {
        let common = Arc::new(config.common.clone());
        let checked = config.check();
        Self::new(common, Role::Server(config), checked, now)
    }

    fn new(common: Arc<Common>, role: Role, checked: Result<(), ConfigError>, now: Instant) -> Self {
        let out = Output::new(Outbound::new(common.provider.random, common.limits.output), now);
        let mut connection = Self {
            inbound: Inbound::new(common.limits.packet),
            liveness: Liveness::new(common.timing.keepalive, common.timing.keepalive_max, now),
            transport: Transport::new(Arc::clone(&common), role.clone()),
            common,
            role,
            out,
            service: Service::None,
            probes: VecDeque::new(),
            user: None,
            global_names: Vec::new(),
            received: (0, 0),
            leaving: None,
            was_holding: false,
            ended: None,
        };
        let started = checked
            .map_err(ConnectionError::Config)
            .and_then(|()| connection.transport.start(&mut connection.out));
        if let Err(error) = started {
            connection.end(error);
        }
        connection
    }

    // Inputs. They cannot fail: failure is an event.

    /// Handles every whole packet at the front of `input`, opened in place, and answers how many bytes that took.
    /// The rest is to be given again, unchanged, with more behind it.
    ///
    /// Stops early while [`wants_input`](Self::wants_input) is false.
    pub fn receive(&mut self, input: &mut [u8], now: Instant) -> usize {
        self.out.set_now(now);
        let mut consumed = 0;
        while self.ended.is_none() && self.out.wants_input() {
            let rest = input.get_mut(consumed..).unwrap_or_default();
            match self.step(rest) {
                Ok(0) => break,
                Ok(bytes) => consumed += bytes,
                Err(error) => self.end(error),
            }
        }
        self.settle();
        if self.ended.is_some() { input.len() } else { consumed }
    }

    /// The link has come to its end: no byte will follow.
    pub fn receive_eof(&mut self, now: Instant) {
        self.out.set_now(now);
        self.end(ConnectionError::Eof { during: self.current_phase() });
    }

    /// The link has failed, or whoever drives the connection gives it up for `error`.
    pub fn fail(&mut self, error: ConnectionError, now: Instant) {
        self.out.set_now(now);
        self.end(error);
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.out.set_now(now);
        while let Some(timer) = self.out.timers.take_due(self.out.now()) {
            if let Err(error) = self.timer(timer) {
                self.end(error);
            }
        }
        self.settle();
    }

    // Outputs.

    /// Whether more input is wanted. False only while the replies we owe pile up because nobody takes the output, or
    /// events because nobody fetches them: TCP is to push back then.
    pub fn wants_input(&self) -> bool {
        self.ended.is_none() && self.out.wants_input()
    }

    /// Whether [`take_output`](Self::take_output) has something to give.
    pub fn has_output(&self) -> bool {
        !self.out.packets.is_empty()
    }

    /// Swaps what is to be sent for `spare`, whose content is discarded. Channels that were
    /// [`Blocked`](crate::Write::Blocked) may be told to be writable by the events that follow.
    pub fn take_output(&mut self, spare: &mut Vec<u8>) {
        self.settle();
        self.out.packets.take(spare);
        if let Service::Open(channels) = &mut self.service {
            channels.output_drained(&mut self.out);
        }
        self.settle();
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.out.next_event()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next, if nothing else happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.out.timers.next()
    }

    // What the inputs do.

    /// One line or packet; answers how many bytes it took, 0 when it is not whole.
    fn step(&mut self, input: &mut [u8]) -> Result<usize, ConnectionError> {
        if !self.transport.is_identified() {
            let bytes = self.transport.identify(input, &mut self.out)?;
            self.count(bytes, 0)?;
            return Ok(bytes);
        }
        let Self { inbound, transport, service, out, .. } = self;
        let Some(packet) = inbound.next(input)? else { return Ok(0) };
        let number = packet.payload.first().copied().unwrap_or_default();
        let (consumed, sequence) = (packet.consumed, packet.sequence);
        let mut step = Step::Nothing;
        match transport.check_order(number)? {
            Verdict::Refuse => {}
            Verdict::Unimplemented => Transport::unimplemented(sequence, out),
            Verdict::Handle => match number {
                0..=49 | 192 => step = transport.handle(packet.payload, sequence, out)?,
                50..=79 => service.userauth(packet.payload, out)?,
                193 => {
                    let pong = Pong::decode(packet.payload).map_err(ProtocolError::malformed(193))?;
                    let number = pong.data.try_into().ok().map(u64::from_be_bytes);
                    if let Some(round_trip) =
                        number.and_then(|number| self.liveness.answered(number, out.now()))
                    {
                        service.note_round_trip(round_trip);
                    }
                }
                _ => service.channels(packet.payload, out)?,
            },
        }
        if (50..=79).contains(&number) {
            // Passwords came in it.
            self.inbound.wipe(input.get_mut(..consumed).unwrap_or_default());
        }
        self.liveness.heard(consumed, self.out.now());
        self.after_packet(number, consumed, step)?;
        Ok(consumed)
    }

    /// What follows from a packet, once its bytes are let go.
    fn after_packet(&mut self, number: u8, consumed: usize, step: Step) -> Result<(), ConnectionError> {
        if let Some(keys) = self.out.inbound_keys.take() {
            self.inbound.install(keys);
        }
        match step {
            Step::Nothing => {}
            Step::Service(protected) => self.start_userauth(protected),
        }
        match number {
            7 => self.pass_extensions(),
            21 => self.exchanged(),
            81 | 82 => self.probe_answered(),
            _ => {}
        }
        if !self.transport.is_authenticated() {
            self.count(consumed, 1)?;
            self.open_if_authenticated();
        } else if self.liveness.wants_measure(self.out.now()) {
            self.probe();
        }
        Ok(())
    }

    fn count(&mut self, bytes: usize, packets: u64) -> Result<(), ConnectionError> {
        self.received.0 += bytes as u64;
        self.received.1 += packets;
        let limits = &self.common.limits;
        if self.received.0 > limits.unauthenticated_bytes || self.received.1 > limits.unauthenticated_packets
        {
            return Err(ConnectionError::TooManyAttempts);
        }
        Ok(())
    }

    fn start_userauth(&mut self, protected: Protected) {
        let Some(session_id) = self.transport.session_id() else { return };
        let context = userauth::Context {
            common: Arc::clone(&self.common),
            session_id: Arc::clone(session_id),
            host_key: self.transport.host_key().map(|key| key.blob().to_vec()),
            extensions: self.userauth_extensions(),
        };
        self.service = match &self.role {
            Role::Client => Service::Client(userauth::Client::new(context, protected)),
            Role::Server(config) => {
                Service::Server(userauth::Server::new(context, Arc::clone(config), protected))
            }
        };
        if self.role.is_client() {
            self.out.tell(Event::Ready);
        }
    }

    /// EXT_INFO came late: authentication goes by it.
    fn pass_extensions(&mut self) {
        let extensions = self.userauth_extensions();
        if let Service::Client(client) = &mut self.service {
            client.set_extensions(extensions);
        }
    }

    /// What authentication needs to know of the peer's EXT_INFO.
    fn userauth_extensions(&self) -> userauth::Extensions {
        let extensions = self.transport.extensions();
        userauth::Extensions {
            server_sig_algs: extensions.server_sig_algs.clone(),
            hostbound: extensions.hostbound,
        }
    }

    /// The peer has switched to new keys: an exchange may be done.
    fn exchanged(&mut self) {
        let first = self.transport.negotiated().is_some_and(|negotiated| negotiated.exchanges == 1);
        if first && matches!(self.service, Service::None) && !self.role.is_client() {
            self.out.tell(Event::Ready);
        }
    }

    /// The user is logged in: compression, limits and timers change, and channels may come. When a client exchanges
    /// keys before that, a server's SUCCESS is held back, and all this begins behind it.
    fn open_if_authenticated(&mut self) {
        if self.transport.is_exchanging() || !std::mem::take(&mut self.out.authenticated) {
            return;
        }
        self.user = self.service.user();
        self.transport.authenticated();
        let delayed = |compression| compression == crate::kex::Compression::Delayed;
        if let Some(negotiated) = self.transport.negotiated() {
            if delayed(negotiated.compression_in) {
                self.inbound.start_compression();
            }
            if delayed(negotiated.compression_out) {
                self.out.packets.start_compression();
            }
        }
        self.service = Service::open(&self.common, self.role.is_client(), &self.global_names);
        let now = self.out.now();
        self.out.timers.set(Timer::Login, None);
        self.out.timers.set(Timer::Keepalive, self.liveness.start(now));
        if !self.role.is_client() {
            self.out.tell(Event::Authenticated);
        }
    }

    /// Asks for a sign of life, which measures the round trip too.
    fn probe(&mut self) {
        let number = self.liveness.sent(self.out.now());
        if self.transport.extensions().ping {
            self.out.send(|packet| Ping { data: &number.to_be_bytes() }.encode(packet));
        } else if let Service::Open(channels) = &mut self.service {
            let request = channels.global_request("keepalive@openssh.com", b"", true, &mut self.out);
            self.probes.extend(request.ok().flatten().map(|id| (id, number)));
        }
    }

    /// An answer to a keepalive of ours is nobody else's business.
    fn probe_answered(&mut self) {
        let Some((probe, number)) = self.probes.front().copied() else { return };
        if self.out.take_global_answer(probe) {
            self.probes.pop_front();
            if let Some(round_trip) = self.liveness.answered(number, self.out.now()) {
                self.service.note_round_trip(round_trip);
            }
        }
    }

    fn timer(&mut self, timer: Timer) -> Result<(), ConnectionError> {
        let timing = self.common.timing;
        match timer {
            Timer::Identification => {
                return Err(ConnectionError::TimedOut(Deadline::Identification(timing.identification)));
            }
            Timer::Login => {
                return Err(ConnectionError::TimedOut(Deadline::Login(timing.login.unwrap_or_default())));
            }
            Timer::Refusal => return self.service.refusal_due(&mut self.out),
            Timer::RekeyDeadline => return Err(ConnectionError::TimedOut(Deadline::Rekey(timing.rekey))),
            Timer::RekeyDue if self.transport.is_authenticated() => self.transport.rekey(&mut self.out)?,
            Timer::RekeyDue => {
                let next = self.common.rekey.interval.and_then(|interval| self.out.after(interval));
                self.out.timers.set(Timer::RekeyDue, next);
            }
            // Nothing can be asked while our side of an exchange lasts, and that has a deadline of its own.
            Timer::Keepalive if self.out.holding() => {
                let next = self.liveness.start(self.out.now());
                self.out.timers.set(Timer::Keepalive, next);
            }
            Timer::Keepalive => {
                let now = self.out.now();
                match self.liveness.due(now) {
                    None => {}
                    Some(Due::At(at)) => self.out.timers.set(Timer::Keepalive, Some(at)),
                    Some(Due::Probe(next)) => {
                        self.probe();
                        self.out.timers.set(Timer::Keepalive, Some(next));
                    }
                    Some(Due::Dead(unanswered)) => {
                        return Err(ConnectionError::TimedOut(Deadline::Keepalive { unanswered }));
                    }
                }
            }
        }
        Ok(())
    }

    /// Runs a command that can end the connection.
    fn attempt(&mut self, now: Instant, command: impl FnOnce(&mut Self) -> Result<(), ConnectionError>) {
        self.out.set_now(now);
        if self.ended.is_none()
            && let Err(error) = command(self)
        {
            self.end(error);
        }
        self.settle();
    }

    /// After every call: failures of sealing, limits that keys have reached, a disconnect that waited.
    fn settle(&mut self) {
        if self.ended.is_some() {
            return;
        }
        if let Some(error) = self.out.packets.take_failure() {
            return self.end(error);
        }
        if !self.out.holding() && self.leaving.is_some() {
            return self.leave_now();
        }
        if let Err(error) = self.transport.rekey_if_due(self.inbound.opened(), &mut self.out) {
            return self.end(error);
        }
        // A key exchange that is over lets the channels write again.
        let holding = self.out.holding();
        if std::mem::replace(&mut self.was_holding, holding)
            && !holding
            && let Service::Open(channels) = &mut self.service
        {
            channels.output_drained(&mut self.out);
        }
    }

    /// Sends the disconnect that was asked for, if one was.
    fn leave_now(&mut self) {
        let Some((reason, description)) = self.leaving.take() else { return };
        self.send_disconnect(reason, &description);
        self.finish(ConnectionError::Closed);
    }

    /// The connection ends for `error`: the peer is told when there is one to tell.
    fn end(&mut self, error: ConnectionError) {
        if self.ended.is_some() {
            return;
        }
        if let Some(reason) = error.disconnect_reason() {
            self.send_disconnect(reason, &error.to_string());
        }
        self.finish(error);
    }

    fn send_disconnect(&mut self, reason: DisconnectReason, description: &str) {
        let end = description.floor_char_boundary(MAX_DESCRIPTION);
        let description = description.get(..end).unwrap_or_default().as_bytes();
        self.out
            .send(|packet| Disconnect { reason: reason as u32, description, language: b"" }.encode(packet));
    }

    fn finish(&mut self, error: ConnectionError) {
        tracing::debug!(%error, "connection ended");
        self.out.timers.clear();
        if let Service::Open(channels) = &mut self.service {
            channels.end();
        }
        self.out.tell(Event::Ended(error.clone()));
        self.ended = Some(error);
    }

    fn current_phase(&self) -> Phase {
        match self.transport.stage() {
            _ if !self.transport.is_identified() => Phase::Identification,
            Stage::FirstKexInit | Stage::FirstKex { .. } => Phase::KeyExchange,
            Stage::Service | Stage::Userauth => Phase::Authentication,
            Stage::Open => Phase::Open,
        }
    }
}
