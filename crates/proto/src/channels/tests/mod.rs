//! Channels fed with hand-made messages, and two sides fed with each other's.

mod data;
mod lifecycle;
mod opens;
mod pair;
mod replies;

use std::time::{Duration, Instant};

use feramiko_crypto::cipher::plaintext_sealer;
use feramiko_wire::Rest;

use super::*;
use crate::event::{Request, RequestId};
use crate::packet::{Outbound, OutboundKeys};

/// Our side, and what it says to a peer that the test plays.
struct Side {
    channels: Channels,
    out: Output,
}

/// The peer's number of its first channel in [`Side::with_channel`].
const THEIRS: u32 = 70;
const PEER_WINDOW: u32 = 1 << 20;
const PEER_PACKET: u32 = 32 * 1024;

impl Side {
    fn new(limits: &Limits, is_client: bool) -> Self {
        let packets = Outbound::new(|_| Ok(()), limits.output);
        Self { channels: Channels::new(limits, is_client), out: Output::new(packets, Instant::now()) }
    }

    fn client() -> Self {
        Self::new(&Limits::default(), true)
    }

    fn server() -> Self {
        Self::new(&Limits { channels: 10, ..Limits::default() }, false)
    }

    /// A client with one session, which has number 0 here and `THEIRS` there.
    fn client_with_channel() -> (Self, ChannelId) {
        let mut side = Self::client();
        let id = side.channels.open("session", b"", &mut side.out).expect("there is room");
        side.give(|m| confirmation(0, THEIRS).encode(m)).expect("a confirmation is due");
        side.sent();
        side.events();
        (side, id)
    }

    /// A server with one session, which has number 0 here and `THEIRS` there.
    fn server_with_channel() -> (Self, ChannelId) {
        let mut side = Self::server();
        side.give(|m| session(THEIRS).encode(m)).expect("opens may come");
        let offer = side.offered();
        let id = side.channels.accept(offer, &mut side.out).expect("it is offered");
        side.sent();
        (side, id)
    }

    fn give(&mut self, message: impl FnOnce(&mut Vec<u8>)) -> Result<(), ProtocolError> {
        let mut payload = Vec::new();
        message(&mut payload);
        self.channels.handle(&payload, &mut self.out)
    }

    /// The payloads of the packets that were sent.
    fn sent(&mut self) -> Vec<Vec<u8>> {
        let mut bytes = Vec::new();
        self.out.packets.take(&mut bytes);
        self.channels.output_drained(&mut self.out);
        let mut payloads = Vec::new();
        let mut rest = &*bytes;
        while let Some((header, packet)) = rest.split_first_chunk::<5>() {
            let [a, b, c, d, padding] = *header;
            let length = u32::from_be_bytes([a, b, c, d]) as usize - 1;
            payloads.push(packet[..length - usize::from(padding)].to_vec());
            rest = &packet[length..];
        }
        payloads
    }

    /// The numbers of the messages that were sent.
    fn sent_numbers(&mut self) -> Vec<u8> {
        self.sent().iter().map(|payload| payload[0]).collect()
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.out.next_event()).collect()
    }

    /// The events in words.
    fn told(&mut self) -> Vec<String> {
        self.events().iter().map(|event| format!("{event:?}")).collect()
    }

    /// The one event there is: an open of the peer.
    fn offered(&mut self) -> OpenRequest {
        match self.events().pop() {
            Some(Event::Open(request)) => request,
            other => panic!("no open but {other:?}"),
        }
    }

    /// The channel requests among the events.
    fn requests(&mut self) -> Vec<ChannelRequest> {
        self.events()
            .into_iter()
            .filter_map(|event| match event {
                Event::Request(request) => Some(request),
                _ => None,
            })
            .collect()
    }

    fn at(&mut self, id: ChannelId) -> Channel<'_> {
        self.channels.channel(id, &mut self.out).expect("the channel is there")
    }

    fn is_gone(&mut self, id: ChannelId) -> bool {
        self.channels.channel(id, &mut self.out).is_none()
    }

    fn start_exchange(&mut self) {
        self.out.packets.hold();
    }

    fn end_exchange(&mut self) {
        let sealer = plaintext_sealer();
        self.out.packets.install(OutboundKeys { sealer, compressor: None, reset_sequence: false });
        self.out.packets.release();
        self.channels.output_drained(&mut self.out);
    }

    fn advance(&mut self, by: Duration) {
        self.out.set_now(self.out.now() + by);
    }
}

fn session(sender: u32) -> wire::Open<'static> {
    wire::Open { kind: "session", sender, window: PEER_WINDOW, packet: PEER_PACKET, data: Rest(b"") }
}

fn confirmation(recipient: u32, sender: u32) -> wire::OpenConfirmation<'static> {
    wire::OpenConfirmation { recipient, sender, window: PEER_WINDOW, packet: PEER_PACKET, data: Rest(b"") }
}

fn data(data: &[u8]) -> wire::Data<'_> {
    wire::Data { recipient: 0, data }
}

fn stderr(data: &[u8]) -> wire::ExtendedData<'_> {
    wire::ExtendedData { recipient: 0, kind: STDERR, data }
}

fn request<'a>(name: &'a str, want_reply: bool, fields: &'a [u8]) -> wire::Request<'a> {
    wire::Request { recipient: 0, name, want_reply, data: Rest(fields) }
}

fn is_broken(result: Result<(), ProtocolError>) -> bool {
    matches!(result, Err(ProtocolError::Channel { .. } | ProtocolError::Rule { .. }))
}

fn is_malformed(result: Result<(), ProtocolError>) -> bool {
    matches!(result, Err(ProtocolError::Malformed { .. }))
}
