//! Two sides that talk to each other, whatever their applications do.

use proptest::prelude::*;

use super::*;
use crate::event::{Read, Write};

const CHANNELS: usize = 3;

/// Two sides with a few channels, and what was written and read on each.
struct Pair {
    sides: [Side; 2],
    ids: [Vec<ChannelId>; 2],
    /// By side that writes, channel, stream.
    flows: Vec<Flow>,
    exchanging: [bool; 2],
}

#[derive(Default, Clone)]
struct Flow {
    written: Vec<u8>,
    read: Vec<u8>,
}

fn small() -> Limits {
    Limits {
        window: 3000,
        max_window: 20_000,
        connection_window: 30_000,
        data: 700,
        output: 2000,
        ..Limits::default()
    }
}

impl Pair {
    fn new(limits: &Limits) -> Self {
        let mut sides = [Side::new(limits, true), Side::new(limits, false)];
        let ids = (0..CHANNELS).map(|_| sides[0].channels.open("session", b"", &mut sides[0].out));
        let ids: Vec<_> = ids.map(|id| id.expect("there is room")).collect();
        let flows = vec![Flow::default(); 2 * CHANNELS * 2];
        let mut pair = Self { sides, ids: [ids, Vec::new()], flows, exchanging: [false; 2] };
        pair.deliver(0);
        for event in pair.sides[1].events() {
            let Event::Open(offer) = event else { panic!("{event:?}") };
            let side = &mut pair.sides[1];
            pair.ids[1].push(side.channels.accept(offer, &mut side.out).expect("it is offered"));
        }
        pair.deliver(1);
        pair
    }

    /// What `from` has sent reaches the other.
    fn deliver(&mut self, from: usize) -> usize {
        let payloads = self.sides[from].sent();
        for payload in &payloads {
            let other = &mut self.sides[1 - from];
            other.channels.handle(payload, &mut other.out).expect("both keep to the protocol");
        }
        payloads.len()
    }

    fn flow(&mut self, writer: usize, channel: usize, stream: Stream) -> &mut Flow {
        &mut self.flows[(writer * CHANNELS + channel) * 2 + usize::from(stream == Stream::Stderr)]
    }

    fn write(&mut self, side: usize, channel: usize, stream: Stream, bytes: &[u8]) {
        let id = self.ids[side][channel];
        match self.sides[side].at(id).write(stream, bytes) {
            Ok(Write::Taken(count)) => {
                self.flow(side, channel, stream).written.extend_from_slice(&bytes[..count]);
            }
            Ok(Write::Blocked) | Err(Misuse::ChannelState(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }

    fn read(&mut self, side: usize, channel: usize, stream: Stream, limit: usize) -> bool {
        let id = self.ids[side][channel];
        let mut buffer = vec![0; limit];
        match self.sides[side].at(id).read(stream, &mut buffer) {
            Read::Data(count) => {
                self.flow(1 - side, channel, stream).read.extend_from_slice(&buffer[..count]);
                count > 0
            }
            Read::Blocked | Read::Eof => false,
        }
    }

    /// Both read everything until nothing moves any more.
    fn settle(&mut self) {
        for side in 0..2 {
            if std::mem::take(&mut self.exchanging[side]) {
                self.sides[side].end_exchange();
            }
        }
        loop {
            let mut moved = self.deliver(0) + self.deliver(1) > 0;
            for side in 0..2 {
                for channel in 0..CHANNELS {
                    for stream in [Stream::Data, Stream::Stderr] {
                        moved |= self.read(side, channel, stream, 10_000);
                    }
                }
            }
            if !moved {
                return;
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Act {
    Write(bool, usize),
    Read(bool, usize),
    Finish,
    Close,
    Exchange,
    Deliver,
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (any::<bool>(), 0_usize..3000).prop_map(|(stderr, bytes)| Act::Write(stderr, bytes)),
        8 => (any::<bool>(), 1_usize..4000).prop_map(|(stderr, bytes)| Act::Read(stderr, bytes)),
        1 => Just(Act::Finish),
        1 => Just(Act::Close),
        2 => Just(Act::Exchange),
        8 => Just(Act::Deliver),
        2 => (1_u64..50).prop_map(Act::Wait),
    ]
}

fn stream(stderr: bool) -> Stream {
    if stderr { Stream::Stderr } else { Stream::Data }
}

proptest! {
    #[test]
    fn whatever_is_done_every_byte_arrives_in_order(
        acts in prop::collection::vec((0_usize..2, 0..CHANNELS, act()), 0..200),
        measured in any::<bool>(),
    ) {
        let mut pair = Pair::new(&small());
        let mut next = 0_u8;
        let mut closed = [false; CHANNELS];
        for side in &mut pair.sides {
            if measured {
                side.channels.note_round_trip(Duration::from_millis(10));
            }
        }
        for (side, channel, act) in acts {
            let id = pair.ids[side][channel];
            match act {
                Act::Write(stderr, bytes) => {
                    let bytes: Vec<u8> = std::iter::repeat_with(|| { next = next.wrapping_add(1); next }).take(bytes).collect();
                    pair.write(side, channel, stream(stderr), &bytes);
                }
                Act::Read(stderr, bytes) => drop(pair.read(side, channel, stream(stderr), bytes)),
                Act::Finish => drop(pair.sides[side].at(id).finish()),
                Act::Close => {
                    closed[channel] = true;
                    pair.sides[side].at(id).close();
                }
                Act::Exchange => {
                    let exchanging = &mut pair.exchanging[side];
                    *exchanging = !*exchanging;
                    if *exchanging { pair.sides[side].start_exchange() } else { pair.sides[side].end_exchange() }
                }
                Act::Deliver => drop(pair.deliver(side)),
                Act::Wait(milliseconds) => pair.sides[side].advance(Duration::from_millis(milliseconds)),
            }
        }
        pair.settle();
        for (index, flow) in pair.flows.iter().enumerate() {
            if closed[index / 2 % CHANNELS] {
                prop_assert!(flow.written.starts_with(&flow.read), "a close can cut, never mix");
            } else {
                prop_assert_eq!(&flow.written, &flow.read);
            }
        }
        for side in &pair.sides {
            prop_assert!(side.channels.shared.budget.used() <= 30_000);
        }
    }
}

#[test]
fn bulk_needs_few_adjustments() {
    let mut pair = Pair::new(&Limits::default());
    let bytes = vec![7; 256 * 1024];
    let (mut adjusts, mut packets) = (0, 0);
    let id = pair.ids[1][0];
    let mut buffer = vec![0; 256 * 1024];
    let mut read = 0;
    while read < 64 << 20 {
        pair.write(0, 0, Stream::Data, &bytes);
        packets += pair.deliver(0);
        while let Read::Data(count) = pair.sides[1].at(id).read(Stream::Data, &mut buffer) {
            read += count;
        }
        adjusts += pair.deliver(1);
        pair.sides.iter_mut().for_each(|side| drop(side.events()));
    }
    assert!(packets <= 64 * 32 + 64, "{packets} packets of 32 KiB");
    assert!(adjusts <= 64, "{adjusts} for 64 MiB");
}
