//! The connection protocol (RFC 4254), the same for both sides: channels, their requests, global requests.

mod channel;
mod fields;
mod global;
mod replies;
mod requests;
mod ring;
mod shared;
#[cfg(test)]
mod tests;
mod view;
mod window;

use std::collections::BTreeMap;
use std::time::Duration;

use feramiko_wire::Rest;

use crate::config::Limits;
use crate::error::{Misuse, ProtocolError};
use crate::event::{
    ChannelId, ChannelRequest, Event, GlobalId, GlobalRequest, OpenFailure, OpenRequest, Stream,
};
use crate::msg::channel as wire;
use crate::output::Output;
use channel::{ChannelState, STDERR};
use global::{Global, NO_MORE_SESSIONS};
use requests::Side;
use shared::Shared;
use window::SendWindow;

pub use view::Channel;

/// The kind of channel in which programs run (RFC 4254 section 6.1).
const SESSION: &str = "session";

/// All channels of a connection.
pub(crate) struct Channels {
    is_client: bool,
    /// By our number on the wire. A number is free again when both sides have closed and the application has
    /// forgotten the channel.
    slots: Vec<Option<ChannelState>>,
    free: Vec<u32>,
    numbers: BTreeMap<ChannelId, u32>,
    /// Opens of the peer that nobody has answered. They have no number yet.
    offers: BTreeMap<ChannelId, Offer>,
    next_id: u64,
    global: Global,
    shared: Shared,
}

/// An open of the peer.
struct Offer {
    sender: u32,
    window: SendWindow,
    side: Side,
}

impl Channels {
    pub(crate) fn new(limits: &Limits, is_client: bool) -> Self {
        Self {
            is_client,
            slots: Vec::new(),
            free: Vec::new(),
            numbers: BTreeMap::new(),
            offers: BTreeMap::new(),
            next_id: 0,
            global: Global::default(),
            shared: Shared::new(limits),
        }
    }

    // Inputs.

    /// Messages 80 to 82 and 90 to 100. The first byte of `payload` is the number.
    pub(crate) fn handle(&mut self, payload: &[u8], out: &mut Output) -> Result<(), ProtocolError> {
        self.sweep();
        let message = payload.first().copied().unwrap_or_default();
        let malformed = || ProtocolError::malformed(message);
        match message {
            wire::Data::NUMBER => {
                let data = wire::Data::decode(payload).map_err(malformed())?;
                let (channel, shared) = self.confirmed(data.recipient)?;
                channel.receive(Some(Stream::Data), data.data, shared, out)
            }
            wire::ExtendedData::NUMBER => {
                let data = wire::ExtendedData::decode(payload).map_err(malformed())?;
                let stream = (data.kind == STDERR).then_some(Stream::Stderr);
                let (channel, shared) = self.confirmed(data.recipient)?;
                channel.receive(stream, data.data, shared, out)
            }
            wire::WindowAdjust::NUMBER => {
                let adjust = wire::WindowAdjust::decode(payload).map_err(malformed())?;
                let (channel, shared) = self.confirmed(adjust.recipient)?;
                channel.adjust(adjust.bytes, shared, out)
            }
            wire::Request::NUMBER => {
                let request = wire::Request::decode(payload).map_err(malformed())?;
                let (channel, shared) = self.confirmed(request.recipient)?;
                let parsed = fields::parse(request.name, request.data.0).map_err(malformed())?;
                let parsed = parsed.filter(|_| fields::is_bearable(request.name, request.data.0));
                channel.receive_request(parsed, request.want_reply, shared, out)
            }
            wire::RequestSuccess::NUMBER => {
                let reply = wire::RequestSuccess::decode(payload).map_err(malformed())?;
                self.confirmed(reply.recipient)?.0.receive_reply(true, out)
            }
            wire::RequestFailure::NUMBER => {
                let reply = wire::RequestFailure::decode(payload).map_err(malformed())?;
                self.confirmed(reply.recipient)?.0.receive_reply(false, out)
            }
            wire::Eof::NUMBER => {
                let eof = wire::Eof::decode(payload).map_err(malformed())?;
                let (channel, shared) = self.confirmed(eof.recipient)?;
                channel.receive_eof(shared, out);
                Ok(())
            }
            wire::Close::NUMBER => {
                let close = wire::Close::decode(payload).map_err(malformed())?;
                let (channel, shared) = self.confirmed(close.recipient)?;
                channel.receive_close(shared, out);
                if channel.is_forgotten() {
                    self.remove(close.recipient);
                }
                Ok(())
            }
            wire::Open::NUMBER => self.peer_opens(payload, out),
            wire::OpenConfirmation::NUMBER => {
                let confirmation = wire::OpenConfirmation::decode(payload).map_err(malformed())?;
                let (channel, shared) = self.opening(confirmation.recipient)?;
                channel.confirm(&confirmation, shared, out)
            }
            wire::OpenFailure::NUMBER => self.open_failed(payload, out),
            80 => self.global.receive(payload, (self.is_client, self.shared.limits.pending_requests), out),
            81 | 82 => self.global.receive_reply(payload, out),
            _ => Err(ProtocolError::Unexpected { message, state: "the session" }),
        }
    }

    /// How long a round trip takes: windows grow with it.
    pub(crate) fn note_round_trip(&mut self, round_trip: Duration) {
        self.shared.budget.note_round_trip(round_trip);
    }

    /// Output was taken, or a key exchange is over: credit that was withheld goes out, and writers that were
    /// blocked are told.
    pub(crate) fn output_drained(&mut self, out: &mut Output) {
        if !out.holding() {
            for number in std::mem::take(&mut self.shared.uncredited) {
                if let Some(channel) = slot(&mut self.slots, number) {
                    channel.grant(out);
                }
            }
        }
        if out.blocked() || self.shared.waiting.is_empty() {
            return;
        }
        for number in std::mem::take(&mut self.shared.waiting) {
            if let Some(channel) = slot(&mut self.slots, number) {
                channel.output_drained(&mut self.shared, out);
            }
        }
    }

    /// The connection has ended: nothing is sent or told any more. What was received can be read.
    pub(crate) fn end(&mut self) {
        self.shared.ended = true;
        self.offers.clear();
        self.global.end();
        self.shared.waiting.clear();
        self.shared.uncredited.clear();
        let forgotten = self.slots.iter().zip(0..);
        let forgotten = forgotten.filter(|(slot, _)| slot.as_ref().is_some_and(ChannelState::is_forgotten));
        self.shared.gone.extend(forgotten.map(|(_, number)| number));
        self.sweep();
    }

    // Commands.

    /// Asks for a channel.
    pub(crate) fn open(&mut self, kind: &str, data: &[u8], out: &mut Output) -> Result<ChannelId, Misuse> {
        self.check_alive()?;
        self.sweep();
        fields::check_fields(kind, data)?;
        if self.is_client && kind == SESSION && self.global.no_more_sessions() {
            return Err(Misuse::ChannelState("the server was promised that no more sessions are opened"));
        }
        if self.is_full() {
            return Err(Misuse::Limit("as many channels are open as the configuration allows"));
        }
        let id = self.new_id();
        let (number, window) = self.insert(id, |number, shared| ChannelState::opening(id, number, shared));
        let packet = self.shared.limits.data;
        out.send(|message| {
            wire::Open { kind, sender: number, window, packet, data: Rest(data) }.encode(message);
        });
        Ok(id)
    }

    /// Answers an open of the peer with a channel.
    pub(crate) fn accept(&mut self, request: OpenRequest, out: &mut Output) -> Result<ChannelId, Misuse> {
        self.check_alive()?;
        let id = request.id;
        let Some(Offer { sender, window, side }) = self.offers.remove(&id) else {
            return Err(Misuse::NoSuchChannel);
        };
        let (number, granted) = self
            .insert(id, |number, shared| ChannelState::accepted(id, number, (sender, window, side), shared));
        let packet = self.shared.limits.data;
        out.send(|message| {
            wire::OpenConfirmation {
                recipient: sender,
                sender: number,
                window: granted,
                packet,
                data: Rest(b""),
            }
            .encode(message);
        });
        Ok(id)
    }

    /// Answers an open of the peer with a refusal.
    pub(crate) fn reject(&mut self, request: OpenRequest, failure: &OpenFailure, out: &mut Output) {
        if let Some(offer) = self.offers.remove(&request.id) {
            refuse(offer.sender, failure.reason, &failure.description, out);
        }
    }

    /// Answers a request on a channel. Replies go out in the order of the requests.
    pub(crate) fn answer_request(&mut self, request: ChannelRequest, success: bool, out: &mut Output) {
        let number = self.numbers.get(&request.channel).copied();
        let channel = number.and_then(|number| slot(&mut self.slots, number));
        if let (Some(channel), Some(serial), false) = (channel, request.reply, self.shared.ended) {
            channel.answer_request(serial, success, out);
        }
    }

    /// Sends a global request.
    pub(crate) fn global_request(
        &mut self,
        name: &str,
        data: &[u8],
        want_reply: bool,
        out: &mut Output,
    ) -> Result<Option<GlobalId>, Misuse> {
        self.check_alive()?;
        self.global.ask(name, data, want_reply, out)
    }

    /// Answers a global request. Replies go out in the order of the requests.
    pub(crate) fn answer_global(&mut self, request: GlobalRequest, reply: Option<&[u8]>, out: &mut Output) {
        if !self.shared.ended {
            self.global.answer(&request, reply, out);
        }
    }

    /// Names the global requests that the application wants to hear of.
    pub(crate) fn handle_global<S: AsRef<str>>(&mut self, names: &[S]) {
        self.global.set_names(names.iter().map(|name| name.as_ref().to_owned()).collect());
    }

    /// Client: promises the server to open no more sessions.
    pub(crate) fn no_more_sessions(&mut self, out: &mut Output) -> Result<(), Misuse> {
        if !self.is_client {
            return Err(Misuse::WrongRole);
        }
        self.global_request(NO_MORE_SESSIONS, b"", false, out)?;
        self.global.promise_no_more_sessions();
        Ok(())
    }

    /// A channel to work with.
    pub(crate) fn channel<'a>(&'a mut self, id: ChannelId, out: &'a mut Output) -> Option<Channel<'a>> {
        self.sweep();
        let number = *self.numbers.get(&id)?;
        let state = slot(&mut self.slots, number)?;
        Some(Channel::new(state, &mut self.shared, out))
    }

    // Opens of both sides, and numbers.

    fn peer_opens(&mut self, payload: &[u8], out: &mut Output) -> Result<(), ProtocolError> {
        let open = wire::Open::decode(payload).map_err(ProtocolError::malformed(wire::Open::NUMBER))?;
        let is_session = open.kind == SESSION;
        if is_session && !self.is_client && self.global.no_more_sessions() {
            let rule = "a session after the promise that there would be no more";
            return Err(ProtocolError::Rule { message: wire::Open::NUMBER, rule });
        }
        let mut refusal = |reason, why| refuse(open.sender, reason, why, out);
        let Some(window) = SendWindow::new(open.window, open.packet) else {
            refusal(OpenFailure::CONNECT_FAILED, "a maximum packet size of 0 carries nothing");
            return Ok(());
        };
        if is_session && self.is_client {
            // RFC 4254 section 6.1.
            refusal(OpenFailure::PROHIBITED, "clients run no sessions");
            return Ok(());
        }
        if self.offers.len() >= self.shared.limits.pending_opens || self.is_full() {
            refusal(OpenFailure::SHORTAGE, "too many channels");
            return Ok(());
        }
        let side = if is_session { Side::TheirSession } else { Side::TheirOther };
        let id = self.new_id();
        self.offers.insert(id, Offer { sender: open.sender, window, side });
        out.tell(Event::Open(OpenRequest { id, kind: open.kind.to_owned(), data: open.data.0.to_vec() }));
        Ok(())
    }

    fn open_failed(&mut self, payload: &[u8], out: &mut Output) -> Result<(), ProtocolError> {
        let failure =
            wire::read_open_failure(payload).map_err(ProtocolError::malformed(wire::OpenFailure::NUMBER))?;
        let (channel, _) = self.opening(failure.recipient)?;
        if !channel.is_forgotten() {
            let description = String::from_utf8_lossy(failure.description).into_owned();
            out.tell(Event::OpenFailed(channel.id(), OpenFailure { reason: failure.reason, description }));
        }
        self.remove(failure.recipient);
        Ok(())
    }

    /// The channel that a message of the peer names, which may be sent only while it is confirmed and not closed.
    fn confirmed(&mut self, number: u32) -> Result<(&mut ChannelState, &mut Shared), ProtocolError> {
        match slot(&mut self.slots, number) {
            Some(channel) if channel.is_closed() => Err(no_channel(number)),
            Some(channel) if channel.is_confirmed() => Ok((channel, &mut self.shared)),
            Some(_) => Err(ProtocolError::Channel { channel: number, rule: "used before it was confirmed" }),
            None => Err(no_channel(number)),
        }
    }

    /// The channel whose open the peer answers.
    fn opening(&mut self, number: u32) -> Result<(&mut ChannelState, &mut Shared), ProtocolError> {
        match slot(&mut self.slots, number) {
            Some(channel) if !channel.is_confirmed() => Ok((channel, &mut self.shared)),
            Some(_) => Err(ProtocolError::Channel { channel: number, rule: "opened twice" }),
            None => Err(no_channel(number)),
        }
    }

    fn is_full(&self) -> bool {
        self.numbers.len() + self.offers.len() >= self.shared.limits.channels
    }

    fn check_alive(&self) -> Result<(), Misuse> {
        if self.shared.ended { Err(Misuse::ConnectionClosed) } else { Ok(()) }
    }

    fn new_id(&mut self) -> ChannelId {
        let id = ChannelId(self.next_id);
        self.next_id += 1;
        id
    }

    /// Gives a channel a number; answers the number and the window to announce.
    fn insert(&mut self, id: ChannelId, make: impl FnOnce(u32, &mut Shared) -> ChannelState) -> (u32, u32) {
        // Memory is gone long before 2^32 channels are open.
        let number = self.free.pop().unwrap_or_else(|| u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
        let channel = make(number, &mut self.shared);
        let window = channel.window();
        match self.slots.get_mut(number as usize) {
            Some(slot) => *slot = Some(channel),
            None => self.slots.push(Some(channel)),
        }
        self.numbers.insert(id, number);
        (number, window)
    }

    fn remove(&mut self, number: u32) {
        if let Some(channel) = self.slots.get_mut(number as usize).and_then(Option::take) {
            self.numbers.remove(&channel.id());
            self.free.push(number);
            channel.discard(&mut self.shared);
        }
    }

    /// Drops what was closed and forgotten.
    fn sweep(&mut self) {
        while let Some(number) = self.shared.gone.pop() {
            self.remove(number);
        }
    }
}

fn slot(slots: &mut [Option<ChannelState>], number: u32) -> Option<&mut ChannelState> {
    slots.get_mut(number as usize)?.as_mut()
}

fn no_channel(number: u32) -> ProtocolError {
    ProtocolError::Channel { channel: number, rule: "there is no such channel" }
}

fn refuse(recipient: u32, reason: u32, description: &str, out: &mut Output) {
    tracing::debug!(reason, description, "channel refused");
    out.send(|message| {
        wire::OpenFailure { recipient, reason, description: description.as_bytes(), language: b"" }
            .encode(message);
    });
}
