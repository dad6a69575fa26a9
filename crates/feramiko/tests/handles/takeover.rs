//! Threads that read the link in the worker's place, among threads that do not.

use std::io::{ErrorKind, Read, Write};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use feramiko::{Channel, DisconnectReason, Pending};

use crate::common::{Harness, Pair, Setup, ThreadsTcp, logged_in, pattern, session};

fn pair(setup: Setup) -> Pair {
    Pending::new(logged_in(ThreadsTcp.pair(setup))).wait()
}

fn channels(pair: &Pair, count: usize) -> Vec<(Channel, Channel)> {
    let pair = Pair { client: pair.client.clone(), server: pair.server.clone() };
    let open = async move {
        let mut channels = Vec::new();
        for _ in 0..count {
            channels.push(session(&pair).await);
        }
        channels
    };
    Pending::new(open).wait()
}

/// Sends back what comes, until the end.
fn echo(channel: &Channel) {
    let (mut from, mut to) = (channel, channel);
    std::io::copy(&mut from, &mut to).unwrap();
    channel.shutdown_write().unwrap();
}

/// Sends pieces and waits for each to come back, with reads that time out now and then.
fn play(channel: &Channel, rounds: usize, seed: u64) {
    let (mut reader, mut writer) = (channel, channel);
    if seed.is_multiple_of(3) {
        channel.set_read_timeout(Some(Duration::from_micros(200)));
    }
    for round in 0..rounds {
        let sent = pattern(1 + (round * 7919 + seed as usize) % 3000, seed);
        writer.write_all(&sent).unwrap();
        let mut received = vec![0; sent.len()];
        let mut at = 0;
        while at < received.len() {
            match reader.read(&mut received[at..]) {
                Ok(0) => panic!("the end at {at} of round {round}"),
                Ok(count) => at += count,
                Err(error) if error.kind() == ErrorKind::TimedOut => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert!(received == sent, "round {round}");
    }
    channel.set_read_timeout(None);
    channel.shutdown_write().unwrap();
    assert_eq!(reader.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn one_thread_on_each_side_plays_ping_pong() {
    let pair = pair(Setup::rekey_every(200_000));
    let channels = channels(&pair, 1);
    thread::scope(|scope| {
        scope.spawn(|| echo(&channels[0].1));
        play(&channels[0].0, 3000, 1);
    });
    assert!(pair.client.negotiated().unwrap().exchanges > 5);
}

#[test]
fn many_threads_share_a_connection() {
    let pair = pair(Setup::rekey_every(300_000));
    let channels = channels(&pair, 6);
    let start = Barrier::new(channels.len());
    thread::scope(|scope| {
        for (seed, (ours, theirs)) in channels.iter().enumerate() {
            scope.spawn(move || echo(theirs));
            let start = &start;
            scope.spawn(move || {
                start.wait();
                // Some begin when others are done, so that there are times with one reader and times with many.
                play(ours, 300 * (1 + seed % 3), seed as u64);
            });
        }
    });
}

#[test]
fn a_thread_that_reads_does_not_keep_others_waiting() {
    let pair = pair(Setup::default());
    let mut channels = channels(&pair, 2);
    let (busy, busy_there) = channels.pop().unwrap();
    let (quiet, quiet_there) = channels.pop().unwrap();
    let waits = thread::spawn(move || {
        let mut buffer = [0; 10];
        let count = (&quiet).read(&mut buffer).unwrap();
        buffer[..count].to_vec()
    });
    // Whoever reads for it, data of the other channel, new channels and replies come through.
    thread::scope(|scope| {
        scope.spawn(|| echo(&busy_there));
        play(&busy, 500, 2);
    });
    let task = Pair { client: pair.client.clone(), server: pair.server.clone() };
    let (ours, theirs) = Pending::new(async move { session(&task).await }).wait();
    theirs.send(*b"async").wait().unwrap();
    assert_eq!(ours.read_some(10).wait().unwrap(), b"async");
    (&quiet_there).write_all(b"at last").unwrap();
    assert_eq!(waits.join().unwrap(), b"at last");
}

#[test]
fn a_thread_that_reads_learns_of_everything_else() {
    // Its channel's close, its connection's end by another thread, and the peer's disappearance.
    type End = fn(&Pair, &Channel, &Channel);
    let ends: [End; 4] = [
        |_, _, theirs| theirs.close(),
        |pair, _, _| pair.client.disconnect(DisconnectReason::ByApplication, ""),
        |pair, _, _| pair.client.close().wait(),
        |pair, _, _| pair.server.disconnect(DisconnectReason::ByApplication, ""),
    ];
    for (number, end) in ends.into_iter().enumerate() {
        let pair = pair(Setup::default());
        let (ours, theirs) = channels(&pair, 1).pop().unwrap();
        let started = Barrier::new(2);
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                started.wait();
                (&ours).read(&mut [0; 10])
            });
            started.wait();
            (&theirs).write_all(b"").unwrap();
            end(&pair, &ours, &theirs);
            let read = reader.join().unwrap();
            assert_eq!(read.is_ok(), number == 0, "{number}: {read:?}");
        });
        pair.client.close().wait();
        pair.server.close().wait();
    }
}
