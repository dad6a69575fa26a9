//! One channel: its two halves, its data, its credit (RFC 4254 sections 5.2 and 5.3).

use super::requests::{Requests, Side, Standing};
use super::ring::Ring;
use super::shared::Shared;
use super::window::{ReceiveWindow, SendWindow};
use crate::error::{Misuse, ProtocolError};
use crate::event::{ChannelId, Event, Request, RequestId, Stream, Write};
use crate::msg::channel as wire;
use crate::output::Output;

/// SSH_EXTENDED_DATA_STDERR.
pub(super) const STDERR: u32 = 1;

/// One direction, as far as its sender has gone. What was sent before lies in the output or in the rings, so
/// nothing can overtake it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Open,
    /// SSH_MSG_CHANNEL_EOF.
    Eof,
    /// SSH_MSG_CHANNEL_CLOSE.
    Closed,
}

/// The other end.
#[derive(Debug)]
struct Peer {
    number: u32,
    window: SendWindow,
}

#[derive(Debug)]
pub(super) struct ChannelState {
    id: ChannelId,
    number: u32,
    /// `None` until the open is confirmed.
    peer: Option<Peer>,
    /// What the peer has sent.
    input: Half,
    /// What we have sent.
    output: Half,
    /// To be closed as soon as it is confirmed.
    abandoned: bool,
    /// The application has no handle any more.
    forgotten: bool,
    window: ReceiveWindow,
    data: Ring,
    stderr: Ring,
    /// The end of the input has been announced.
    end_told: bool,
    /// A write was blocked, and the application waits to be told.
    wants_write: bool,
    /// It is in `Shared::waiting`.
    is_waiting: bool,
    /// It is in `Shared::uncredited`.
    is_uncredited: bool,
    requests: Requests,
}

impl ChannelState {
    /// A channel that we ask for.
    pub(super) fn opening(id: ChannelId, number: u32, shared: &mut Shared) -> Self {
        Self {
            id,
            number,
            peer: None,
            input: Half::Open,
            output: Half::Open,
            abandoned: false,
            forgotten: false,
            window: ReceiveWindow::open(&mut shared.budget),
            data: Ring::default(),
            stderr: Ring::default(),
            end_told: false,
            wants_write: false,
            is_waiting: false,
            is_uncredited: false,
            requests: Requests::new(Side::Ours),
        }
    }

    /// A channel that the peer has asked for, accepted.
    pub(super) fn accepted(
        id: ChannelId,
        number: u32,
        (theirs, window, side): (u32, SendWindow, Side),
        shared: &mut Shared,
    ) -> Self {
        let peer = Some(Peer { number: theirs, window });
        Self { peer, requests: Requests::new(side), ..Self::opening(id, number, shared) }
    }

    pub(super) fn id(&self) -> ChannelId {
        self.id
    }

    /// The window to announce.
    pub(super) fn window(&self) -> u32 {
        self.window.size()
    }

    pub(super) fn is_confirmed(&self) -> bool {
        self.peer.is_some()
    }

    /// Both sides have sent CLOSE: for the peer the channel does not exist.
    pub(super) fn is_closed(&self) -> bool {
        self.input == Half::Closed && self.output == Half::Closed
    }

    pub(super) fn is_forgotten(&self) -> bool {
        self.forgotten
    }

    pub(super) fn requests(&self) -> &Requests {
        &self.requests
    }

    pub(super) fn ring(&self, stream: Stream) -> &Ring {
        match stream {
            Stream::Data => &self.data,
            Stream::Stderr => &self.stderr,
        }
    }

    fn ring_mut(&mut self, stream: Stream) -> &mut Ring {
        match stream {
            Stream::Data => &mut self.data,
            Stream::Stderr => &mut self.stderr,
        }
    }

    fn unread(&self) -> usize {
        self.data.len() + self.stderr.len()
    }

    /// Whether nothing more can be read than the rings hold.
    pub(super) fn is_at_end(&self) -> bool {
        self.input != Half::Open || self.output == Half::Closed
    }

    fn broken(&self, rule: &'static str) -> ProtocolError {
        ProtocolError::Channel { channel: self.number, rule }
    }

    // What the peer sends.

    /// OPEN_CONFIRMATION.
    pub(super) fn confirm(
        &mut self,
        message: &wire::OpenConfirmation<'_>,
        shared: &mut Shared,
        out: &mut Output,
    ) -> Result<(), ProtocolError> {
        let Some(window) = SendWindow::new(message.window, message.packet) else {
            return Err(self.broken("confirmed with a maximum packet size of 0"));
        };
        self.peer = Some(Peer { number: message.sender, window });
        if self.abandoned {
            self.close(shared, out);
        } else {
            out.tell(Event::Opened(self.id));
        }
        Ok(())
    }

    /// WINDOW_ADJUST.
    pub(super) fn adjust(
        &mut self,
        bytes: u32,
        shared: &mut Shared,
        out: &mut Output,
    ) -> Result<(), ProtocolError> {
        if !self.peer.as_mut().is_some_and(|peer| peer.window.adjust(bytes)) {
            return Err(self.broken("a window of more than 2^32-1 bytes"));
        }
        if self.wants_write {
            self.wake_writer(shared, out);
        }
        Ok(())
    }

    /// DATA and EXTENDED_DATA; `None` is extended data that nobody here knows.
    pub(super) fn receive(
        &mut self,
        stream: Option<Stream>,
        bytes: &[u8],
        shared: &mut Shared,
        out: &mut Output,
    ) -> Result<(), ProtocolError> {
        if self.input != Half::Open {
            return Err(self.broken("data after the end of data"));
        }
        if bytes.len() as u64 > u64::from(shared.limits.data) {
            return Err(self.broken("more data in a packet than allowed"));
        }
        if !self.window.receive(bytes.len()) {
            return Err(self.broken("more data than the window allows"));
        }
        if self.output == Half::Closed {
            // It was under way when we closed: nobody reads it, and no credit may follow our CLOSE.
            return Ok(());
        }
        let Some(stream) = stream else {
            self.window.drop_bytes(bytes.len());
            self.credit(true, shared, out);
            return Ok(());
        };
        let window = self.window.size() as usize;
        let ring = self.ring_mut(stream);
        let edge = ring.is_empty() && !bytes.is_empty();
        ring.push(bytes, window, &mut shared.spares);
        if edge {
            out.tell(Event::Readable(self.id, stream));
        }
        Ok(())
    }

    /// EOF. Some peers repeat it.
    pub(super) fn receive_eof(&mut self, shared: &mut Shared, out: &mut Output) {
        if self.input == Half::Open {
            self.input = Half::Eof;
            self.window.retire(self.unread(), &mut shared.budget);
            self.tell_end(out);
        }
    }

    /// CLOSE, which is answered at once: what was written before is on its way already.
    pub(super) fn receive_close(&mut self, shared: &mut Shared, out: &mut Output) {
        self.close(shared, out);
        self.input = Half::Closed;
        self.window.retire(self.unread(), &mut shared.budget);
        while let Some(request) = self.requests.answered() {
            if !self.forgotten {
                out.tell(Event::RequestAnswered { channel: self.id, request, success: false });
            }
        }
        if !self.forgotten {
            out.tell(Event::Closed(self.id));
        }
    }

    /// REQUEST, read.
    pub(super) fn receive_request(
        &mut self,
        request: Option<Request>,
        want_reply: bool,
        shared: &Shared,
        out: &mut Output,
    ) -> Result<(), ProtocolError> {
        let at = Standing {
            id: self.id,
            closing: self.output == Half::Closed,
            forgotten: self.forgotten,
            limit: shared.limits.pending_requests,
        };
        self.requests.receive(request, want_reply, at, out).map_err(|rule| self.broken(rule))?;
        self.flush_replies(out);
        Ok(())
    }

    /// REQUEST_SUCCESS and REQUEST_FAILURE.
    pub(super) fn receive_reply(&mut self, success: bool, out: &mut Output) -> Result<(), ProtocolError> {
        let Some(request) = self.requests.answered() else {
            return Err(self.broken("a reply to no request"));
        };
        if !self.forgotten {
            out.tell(Event::RequestAnswered { channel: self.id, request, success });
        }
        Ok(())
    }

    fn tell_end(&mut self, out: &mut Output) {
        if std::mem::replace(&mut self.end_told, true) || self.forgotten {
            return;
        }
        for stream in [Stream::Data, Stream::Stderr] {
            if self.ring(stream).is_empty() {
                out.tell(Event::Readable(self.id, stream));
            }
        }
    }

    // What the application does.

    /// Lets go of bytes that the application has read.
    pub(super) fn consume(&mut self, stream: Stream, bytes: usize, shared: &mut Shared, out: &mut Output) {
        let bytes = self.ring_mut(stream).consume(bytes, &mut shared.spares);
        if !self.is_at_end() {
            self.window.read(bytes, out.now(), &mut shared.budget);
            self.credit(self.ring(stream).is_empty(), shared, out);
        }
    }

    /// Grants what is owed when that is worth a message.
    fn credit(&mut self, starved: bool, shared: &mut Shared, out: &mut Output) {
        if !self.window.is_due(starved) || shared.ended {
            return;
        }
        if !out.holding() {
            self.grant(out);
        } else if !std::mem::replace(&mut self.is_uncredited, true) {
            shared.uncredited.push(self.number);
        }
    }

    /// Grants what is owed.
    pub(super) fn grant(&mut self, out: &mut Output) {
        self.is_uncredited = false;
        let Some(peer) = &self.peer else { return };
        if self.is_at_end() {
            return;
        }
        let (recipient, bytes) = (peer.number, self.window.grant());
        if bytes > 0 {
            out.send(|packet| wire::WindowAdjust { recipient, bytes }.encode(packet));
        }
    }

    /// Queues as much of `bytes` as the window and the output take.
    pub(super) fn write(
        &mut self,
        stream: Stream,
        bytes: &[u8],
        shared: &mut Shared,
        out: &mut Output,
    ) -> Result<Write, Misuse> {
        self.check_output(shared)?;
        if self.output == Half::Eof {
            return Err(Misuse::ChannelState("the end of data has been sent on this channel"));
        }
        let Some(peer) = &mut self.peer else { return Err(UNCONFIRMED) };
        let recipient = peer.number;
        let mut taken = 0;
        while taken < bytes.len() && !out.blocked() {
            let chunk = peer.window.take(bytes.len() - taken);
            let Some(data) = bytes.get(taken..taken + chunk).filter(|data| !data.is_empty()) else { break };
            out.send(|packet| match stream {
                Stream::Data => wire::Data { recipient, data }.encode(packet),
                Stream::Stderr => wire::ExtendedData { recipient, kind: STDERR, data }.encode(packet),
            });
            taken += chunk;
        }
        if taken > 0 || bytes.is_empty() {
            self.wants_write = false;
            return Ok(Write::Taken(taken));
        }
        self.wants_write = true;
        if !peer.window.is_empty() {
            self.wait(shared);
        }
        Ok(Write::Blocked)
    }

    /// To be woken when the output takes data again.
    fn wait(&mut self, shared: &mut Shared) {
        if !std::mem::replace(&mut self.is_waiting, true) {
            shared.waiting.push(self.number);
        }
    }

    /// The output takes data again, and the channel was in `Shared::waiting`.
    pub(super) fn output_drained(&mut self, shared: &mut Shared, out: &mut Output) {
        self.is_waiting = false;
        if self.wants_write {
            self.wake_writer(shared, out);
        }
    }

    /// Tells the application if a write would succeed now.
    fn wake_writer(&mut self, shared: &mut Shared, out: &mut Output) {
        if self.output != Half::Open || self.peer.as_ref().is_none_or(|peer| peer.window.is_empty()) {
            return;
        }
        if out.blocked() {
            self.wait(shared);
        } else {
            self.wants_write = false;
            out.tell(Event::Writable(self.id));
        }
    }

    /// Sends EOF, once.
    pub(super) fn finish(&mut self, shared: &Shared, out: &mut Output) -> Result<(), Misuse> {
        if shared.ended {
            return Err(Misuse::ConnectionClosed);
        }
        let Some(peer) = &self.peer else { return Err(UNCONFIRMED) };
        if self.output == Half::Open {
            let recipient = peer.number;
            out.send(|packet| wire::Eof { recipient }.encode(packet));
            self.output = Half::Eof;
            self.wants_write = false;
        }
        Ok(())
    }

    /// Sends CLOSE, once; or as soon as there is somebody to send it to.
    pub(super) fn close(&mut self, shared: &mut Shared, out: &mut Output) {
        if self.output == Half::Closed || shared.ended {
            return;
        }
        let Some(peer) = &self.peer else {
            self.abandoned = true;
            return;
        };
        let recipient = peer.number;
        out.send(|packet| wire::Close { recipient }.encode(packet));
        self.output = Half::Closed;
        self.wants_write = false;
        self.requests.stop_replying();
        self.tell_end(out);
    }

    /// Sends a request; `fields` follow `want_reply`.
    pub(super) fn request(
        &mut self,
        (name, fields): (&str, &[u8]),
        want_reply: bool,
        shared: &mut Shared,
        out: &mut Output,
    ) -> Result<Option<RequestId>, Misuse> {
        self.check_output(shared)?;
        let Some(peer) = &self.peer else { return Err(UNCONFIRMED) };
        let recipient = peer.number;
        let data = feramiko_wire::Rest(fields);
        out.send(|packet| wire::Request { recipient, name, want_reply, data }.encode(packet));
        if !want_reply {
            return Ok(None);
        }
        let request = RequestId(shared.requests);
        shared.requests += 1;
        self.requests.ask(request);
        Ok(Some(request))
    }

    /// The application has answered a request.
    pub(super) fn answer_request(&mut self, serial: u64, success: bool, out: &mut Output) {
        self.requests.settle(serial, success);
        self.flush_replies(out);
    }

    fn flush_replies(&mut self, out: &mut Output) {
        if let (Some(peer), false) = (&self.peer, self.output == Half::Closed) {
            self.requests.flush(peer.number, out);
        }
    }

    /// The application lets go: closed if need be, and nothing is told any more.
    pub(super) fn forget(&mut self, shared: &mut Shared, out: &mut Output) {
        if std::mem::replace(&mut self.forgotten, true) {
            return;
        }
        self.close(shared, out);
        self.data.clear(&mut shared.spares);
        self.stderr.clear(&mut shared.spares);
        if self.is_closed() || shared.ended {
            shared.gone.push(self.number);
        }
    }

    /// The state is about to be dropped: the budget gets its window back.
    pub(super) fn discard(mut self, shared: &mut Shared) {
        self.data.clear(&mut shared.spares);
        self.stderr.clear(&mut shared.spares);
        self.window.retire(0, &mut shared.budget);
    }

    fn check_output(&self, shared: &Shared) -> Result<(), Misuse> {
        if shared.ended {
            Err(Misuse::ConnectionClosed)
        } else if self.peer.is_none() {
            Err(UNCONFIRMED)
        } else if self.output == Half::Closed {
            Err(Misuse::ChannelState("the channel is closed"))
        } else {
            Ok(())
        }
    }
}

const UNCONFIRMED: Misuse = Misuse::ChannelState("the channel has not been confirmed");
