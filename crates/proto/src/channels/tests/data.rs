//! Data, windows, credit, and who is told when.

use super::*;
use crate::event::{Read, Write};

/// Credit granted by the messages.
fn credit(sent: &[Vec<u8>]) -> Vec<u32> {
    sent.iter().filter_map(|payload| wire::WindowAdjust::decode(payload).ok()).map(|m| m.bytes).collect()
}

fn read_all(side: &mut Side, id: ChannelId, stream: Stream) -> usize {
    let mut buffer = vec![0; 4 << 20];
    match side.at(id).read(stream, &mut buffer) {
        Read::Data(bytes) => bytes,
        Read::Blocked | Read::Eof => 0,
    }
}

#[test]
fn defect_077_data_beyond_the_window_is_refused() {
    let (mut side, _) = Side::client_with_channel();
    for _ in 0..16 {
        side.give(|m| data(&vec![1; 128 * 1024]).encode(m)).expect("the window allows it");
    }
    side.give(|m| data(b"").encode(m)).expect("nothing fits anywhere");
    assert!(is_broken(side.give(|m| stderr(b"x").encode(m))), "both streams share the window");
}

#[test]
fn data_beyond_our_maximum_packet_is_refused() {
    let (mut side, _) = Side::client_with_channel();
    assert!(is_broken(side.give(|m| data(&vec![1; 128 * 1024 + 1]).encode(m))));
}

#[test]
fn defect_076_a_window_of_more_than_32_bits_is_refused() {
    let (mut side, _) = Side::client_with_channel();
    let adjust = |bytes| move |m: &mut Vec<u8>| wire::WindowAdjust { recipient: 0, bytes }.encode(m);
    side.give(adjust(u32::MAX - PEER_WINDOW)).expect("2^32-1 is allowed");
    assert!(is_broken(side.give(adjust(1))));
}

#[test]
fn credit_returns_when_the_application_reads() {
    let (mut side, id) = Side::client_with_channel();
    for _ in 0..16 {
        side.give(|m| data(&vec![1; 128 * 1024]).encode(m)).expect("the window allows it");
    }
    assert!(side.sent().is_empty(), "nothing was read");
    let mut buffer = vec![0; 1 << 20];
    assert_eq!(side.at(id).read(Stream::Data, &mut buffer[..1000]), Read::Data(1000));
    assert!(side.sent().is_empty(), "not worth a message");
    assert_eq!(side.at(id).read(Stream::Data, &mut buffer), Read::Data(1 << 20));
    assert_eq!(credit(&side.sent()), [(1 << 20) + 1000]);
    side.give(|m| data(&vec![1; 128 * 1024]).encode(m)).expect("there is credit");
}

#[test]
fn no_credit_after_the_peers_end() {
    let (mut side, id) = Side::client_with_channel();
    for _ in 0..16 {
        side.give(|m| data(&vec![1; 128 * 1024]).encode(m)).expect("the window allows it");
    }
    side.give(|m| wire::Eof { recipient: 0 }.encode(m)).expect("it is open");
    assert_eq!(read_all(&mut side, id, Stream::Data), 2 << 20);
    assert!(side.sent().is_empty());
}

#[test]
fn credit_is_withheld_during_a_key_exchange_and_merged() {
    let (mut side, id) = Side::client_with_channel();
    side.start_exchange();
    for _ in 0..16 {
        side.give(|m| data(&vec![1; 128 * 1024]).encode(m)).expect("the window allows it");
        read_all(&mut side, id, Stream::Data);
    }
    assert!(side.sent().is_empty());
    side.end_exchange();
    assert_eq!(credit(&side.sent()), [2 << 20]);
}

#[test]
fn defect_083_extended_data_of_unknown_types_is_credited_and_dropped() {
    let (mut side, id) = Side::client_with_channel();
    for _ in 0..8 * 16 {
        side.give(|m| wire::ExtendedData { recipient: 0, kind: 2, data: &[1; 16 * 1024] }.encode(m))
            .expect("the window allows it");
    }
    assert_eq!(credit(&side.sent()), [1 << 20, 1 << 20]);
    assert!(side.events().is_empty());
    assert_eq!(side.at(id).readable(Stream::Data) + side.at(id).readable(Stream::Stderr), 0);
}

#[test]
fn unread_stderr_is_kept_and_does_not_stop_the_data_that_is_read() {
    let (mut side, id) = Side::client_with_channel();
    for _ in 0..12 {
        side.give(|m| stderr(&vec![2; 128 * 1024]).encode(m)).expect("the window allows it");
    }
    let mut granted = 512 * 1024;
    for _ in 0..100 {
        // The peer has data as long as it has credit, and the application reads nothing else.
        let bytes = granted.min(64 * 1024);
        assert!(bytes > 0, "the peer waits for credit and the application for data");
        granted -= bytes;
        side.give(|m| data(&vec![1; bytes]).encode(m)).expect("there is credit");
        assert_eq!(read_all(&mut side, id, Stream::Data), bytes);
        granted += credit(&side.sent()).iter().sum::<u32>() as usize;
    }
    assert_eq!(read_all(&mut side, id, Stream::Stderr), 12 * 128 * 1024);
}

#[test]
fn readable_is_told_on_the_edge() {
    let (mut side, id) = Side::client_with_channel();
    side.give(|m| data(b"").encode(m)).expect("it is open");
    assert!(side.events().is_empty(), "no bytes are nothing to read");
    side.give(|m| data(b"abc").encode(m)).expect("it is open");
    side.give(|m| data(b"def").encode(m)).expect("it is open");
    side.give(|m| stderr(b"x").encode(m)).expect("it is open");
    assert_eq!(side.told(), [format!("Readable({id:?}, Data)"), format!("Readable({id:?}, Stderr)")]);
    let mut buffer = [0; 4];
    assert_eq!(side.at(id).read(Stream::Data, &mut buffer), Read::Data(4));
    side.give(|m| data(b"g").encode(m)).expect("it is open");
    assert!(side.events().is_empty(), "something was left");
    assert_eq!(side.at(id).read(Stream::Data, &mut buffer), Read::Data(3));
    assert_eq!(&buffer[..3], b"efg");
    assert_eq!(side.at(id).read(Stream::Data, &mut buffer), Read::Blocked);
    side.give(|m| data(b"h").encode(m)).expect("it is open");
    assert_eq!(side.told().len(), 1);
}

#[test]
fn data_can_be_read_in_place() {
    let (mut side, id) = Side::client_with_channel();
    assert_eq!(side.at(id).read_with(Stream::Data, |_, _| (0, ())), None);
    side.give(|m| data(b"hello").encode(m)).expect("it is open");
    let seen = side.at(id).read_with(Stream::Data, |front, back| (2, [front, back].concat()));
    assert_eq!(seen.as_deref(), Some(&b"hello"[..]));
    assert_eq!(side.at(id).readable(Stream::Data), 3);
    let greedy = side.at(id).read_with(Stream::Data, |_, _| (usize::MAX, ()));
    assert_eq!((greedy, side.at(id).readable(Stream::Data)), (Some(()), 0));
}

#[test]
fn writes_are_cut_to_packets_window_and_output() {
    let (mut side, id) = Side::client_with_channel();
    let bytes: Vec<u8> = (0..2 << 20).map(|index: u32| index.to_le_bytes()[1]).collect();
    let mut taken = 0;
    let mut seen = Vec::new();
    loop {
        match side.at(id).write(Stream::Data, &bytes[taken..]).expect("it is open") {
            Write::Taken(count) => taken += count,
            Write::Blocked if taken == PEER_WINDOW as usize => break,
            Write::Blocked => {
                assert!(side.events().is_empty());
                for payload in side.sent() {
                    let data = wire::Data::decode(&payload).expect("data");
                    assert_eq!(data.recipient, THEIRS);
                    assert!((1..=PEER_PACKET as usize).contains(&data.data.len()));
                    seen.extend_from_slice(data.data);
                }
                assert_eq!(side.told(), [format!("Writable({id:?})")], "the output takes data again");
            }
        }
    }
    for payload in side.sent() {
        seen.extend_from_slice(wire::Data::decode(&payload).expect("data").data);
    }
    assert_eq!(seen, bytes[..1 << 20]);
    assert!(side.events().is_empty(), "the window is used up");
    side.give(|m| wire::WindowAdjust { recipient: 0, bytes: 10 }.encode(m)).expect("it is open");
    assert_eq!(side.told(), [format!("Writable({id:?})")]);
    assert_eq!(side.at(id).write(Stream::Stderr, &bytes), Ok(Write::Taken(10)));
    let sent = side.sent();
    let last = wire::ExtendedData::decode(&sent[0]).expect("extended data");
    assert_eq!((last.kind, last.data.len()), (1, 10));
}

#[test]
fn a_writer_is_told_when_neither_window_nor_output_is_in_the_way() {
    let (mut side, id) = Side::client_with_channel();
    while side.at(id).write(Stream::Data, &[0; 64 * 1024]) != Ok(Write::Blocked) || !side.sent().is_empty() {}
    side.events();
    assert_eq!(side.at(id).write(Stream::Data, b"x"), Ok(Write::Blocked), "the window is used up");
    side.start_exchange();
    side.give(|m| wire::WindowAdjust { recipient: 0, bytes: 10 }.encode(m)).expect("it is open");
    assert!(side.events().is_empty(), "a key exchange is under way");
    side.sent();
    assert!(side.events().is_empty());
    side.end_exchange();
    assert_eq!(side.told(), [format!("Writable({id:?})")]);
    side.sent();
    assert!(side.events().is_empty(), "once");
}

#[test]
fn a_write_that_nobody_waits_for_is_not_announced() {
    let (mut side, id) = Side::client_with_channel();
    side.start_exchange();
    assert_eq!(side.at(id).write(Stream::Data, b"x"), Ok(Write::Blocked));
    side.at(id).close();
    side.end_exchange();
    assert!(side.told().iter().all(|event| !event.starts_with("Writable")));
    let (mut side, id) = Side::client_with_channel();
    assert_eq!(side.at(id).write(Stream::Data, b""), Ok(Write::Taken(0)));
    side.give(|m| wire::WindowAdjust { recipient: 0, bytes: 10 }.encode(m)).expect("it is open");
    assert!(side.events().is_empty());
}

#[test]
fn a_window_follows_the_round_trip_and_is_given_back() {
    let (mut side, id) = Side::client_with_channel();
    side.channels.note_round_trip(Duration::from_millis(100));
    let mut left = 2_u64 << 20;
    for _ in 0..12 {
        side.advance(Duration::from_millis(100));
        let mut burst = left;
        while burst > 0 {
            let bytes = burst.min(128 * 1024);
            burst -= bytes;
            left -= bytes;
            side.give(|m| data(&vec![0; bytes as usize]).encode(m)).expect("there is credit");
        }
        read_all(&mut side, id, Stream::Data);
        while read_all(&mut side, id, Stream::Data) > 0 {}
        left += credit(&side.sent()).iter().map(|bytes| u64::from(*bytes)).sum::<u64>();
    }
    assert_eq!(left, 64 << 20, "the peer may send the largest window");
    side.at(id).forget();
    side.give(|m| wire::Close { recipient: 0 }.encode(m)).expect("their close is due");
    assert_eq!(side.channels.shared.budget.used(), 0);
}

#[test]
fn defect_085_unread_channels_stay_within_the_limit_of_the_connection() {
    let mut side = Side::client();
    let mut received = 0;
    for number in 0..100 {
        side.channels.open("session", b"", &mut side.out).expect("there is room");
        let sent = side.sent();
        let window = wire::Open::decode(&sent[0]).expect("an open").window as usize;
        side.give(|m| confirmation(number, number).encode(m)).expect("an answer is due");
        let mut left = window;
        while left > 0 {
            let bytes = left.min(128 * 1024);
            left -= bytes;
            received += bytes;
            side.give(|m| wire::Data { recipient: number, data: &vec![0; bytes] }.encode(m))
                .expect("there is credit");
        }
        side.events();
    }
    assert!(received <= 128 << 20);
    let held = side.channels.slots.iter().flatten().map(|channel| channel.ring(Stream::Data).capacity());
    assert!(held.sum::<usize>() <= received, "memory follows what came");
}
