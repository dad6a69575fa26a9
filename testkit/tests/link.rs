//! A link of 100 ms round trip and 1 Gbit/s, in virtual time.

use std::time::Duration;

use feramiko_proto::{Read, Stream, Write};
use feramiko_testkit::{LinkModel, Pair, Sink, Source, open_channel, password_login, pattern};

const RATE: u64 = 125_000_000;

fn long_fat_pair() -> Pair {
    let mut pair = Pair::fake(|client, server| {
        client.common.limits.channels = 200;
        server.common.limits.channels = 200;
    });
    pair.client.keep_events = false;
    pair.server.keep_events = false;
    password_login(&mut pair, "robey", "foo");
    pair
}

fn make_long_and_fat(pair: &mut Pair) {
    pair.set_link(LinkModel {
        rate: Some(RATE),
        delay: Duration::from_millis(50),
        send_buffer: 4 << 20,
        receive_buffer: 16 << 20,
    });
}

/// Moves data on the newest channel for so long; answers the rate in the last part of it, in bytes a second.
fn measured_rate(pair: &mut Pair, download: bool, warm_up: Duration, measure: Duration) -> u64 {
    let (ours, theirs) = open_channel(pair);
    make_long_and_fat(pair);
    let mut source = Source::new(u64::MAX);
    let mut sink = Sink::default();
    let mut pump = |pair: &mut Pair| {
        let now = pair.now();
        let (client, server) = (&mut pair.client.connection, &mut pair.server.connection);
        let mut client = client.channel(ours, now).expect("the channel lives");
        let mut server = server.channel(theirs, now).expect("the channel lives");
        if download {
            source.pump(&mut server);
            sink.pump(&mut client);
        } else {
            source.pump(&mut client);
            sink.pump(&mut server);
        }
        sink.received()
    };
    let mut run = |pair: &mut Pair, time: Duration| {
        let limit = pair.now() + time;
        let mut received = pump(pair);
        while pair.step(limit) {
            received = pump(pair);
        }
        pair.run_for(limit - pair.now());
        received
    };
    let before = run(pair, warm_up);
    let after = run(pair, measure);
    ((after - before) as f64 / measure.as_secs_f64()) as u64
}

#[test]
fn one_channel_fills_the_link_either_way() {
    for download in [true, false] {
        let mut pair = long_fat_pair();
        let rate = measured_rate(&mut pair, download, Duration::from_secs(3), Duration::from_secs(1));
        assert!(rate >= RATE * 8 / 10, "{rate} of {RATE} bytes a second, download {download}");
    }
}

#[test]
fn a_hundred_unread_channels_leave_it_its_share_and_stay_within_the_memory_limit() {
    let mut pair = long_fat_pair();
    make_long_and_fat(&mut pair);
    let mut unread = Vec::new();
    for _ in 0..100 {
        let (ours, theirs) = open_channel(&mut pair);
        unread.push(ours);
        // All that its window takes, and nobody reads it.
        let now = pair.now();
        let mut sent = 0;
        loop {
            let mut channel = pair.server.connection.channel(theirs, now).unwrap();
            match channel.write(Stream::Data, pattern(sent, 32 * 1024)).unwrap() {
                Write::Taken(count) => sent += count as u64,
                Write::Blocked => {
                    let before = pair.to_client.carried();
                    pair.settle();
                    if pair.to_client.carried() == before {
                        break;
                    }
                }
            }
        }
    }
    let rate = measured_rate(&mut pair, true, Duration::from_secs(3), Duration::from_secs(1));
    let now = pair.now();
    let held: usize = unread
        .iter()
        .map(|id| pair.client.connection.channel(*id, now).unwrap().readable(Stream::Data))
        .sum();
    assert!(held > 10 << 20, "they hold {held} bytes");
    assert!(held as u64 <= 128 << 20, "they hold {held} bytes");
    assert!(rate >= RATE * 8 / 10, "{rate} of {RATE} bytes a second");
    // What they hold can still be read.
    for id in unread {
        let mut channel = pair.client.connection.channel(id, now).unwrap();
        let mut sink = Sink::default();
        sink.pump(&mut channel);
        assert!(sink.received() > 0);
        assert_eq!(channel.read(Stream::Data, &mut [0; 1]), Read::Blocked);
    }
}

#[test]
fn a_short_link_needs_no_large_windows() {
    let mut pair = long_fat_pair();
    let (ours, theirs) = open_channel(&mut pair);
    let mut source = Source::new(64 << 20);
    let mut sink = Sink::default();
    let done = pair.run_until(Duration::from_secs(60), |pair| {
        let now = pair.now();
        source.pump(&mut pair.server.connection.channel(theirs, now).unwrap());
        sink.pump(&mut pair.client.connection.channel(ours, now).unwrap());
        sink.is_done()
    });
    assert!(done && sink.received() == 64 << 20);
}
