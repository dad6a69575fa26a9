//! A channel's descriptor, as Python's `select` sees it: readable exactly while there is something to read.

use feramiko::{Channel, Error, Stream};
use feramiko_interop::{Job, KeyType, PATIENCE, Selector, Sshd, connect, test_data, user_key};

/// Reads so many bytes, or to the end of the stream.
fn read(channel: &Channel, stream: Stream, count: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < count {
        let left = count - all.len();
        let mut reading = match stream {
            Stream::Data => channel.read_some(left),
            Stream::Stderr => channel.stderr().read_some(left),
        };
        let piece = reading.wait_timeout(PATIENCE).expect("data in time").expect("data");
        if piece.is_empty() {
            break;
        }
        all.extend(piece);
    }
    all
}

#[test]
fn select_says_readable_exactly_while_data_is_there() -> Result<(), Error> {
    let sshd = Sshd::start();
    let job =
        Job { user: sshd.user().to_owned(), ..Job::new(sshd.address()).key(&user_key(KeyType::Ed25519)) };
    let client = connect(&job).wait()?;
    let process = client.command("cat; echo the end >&2").spawn().wait()?;
    let channel = process.channel();
    let mut selector = Selector::watch(channel.pollable().expect("a descriptor"));
    assert!(!selector.is_readable(), "nothing has come yet");

    // A `select` that waits is woken up.
    selector.begin_to_wait();
    channel.send("iron").wait()?;
    assert!(selector.answer());
    assert!(selector.is_readable(), "level-triggered");
    assert_eq!(read(channel, Stream::Data, 2), b"ir");
    assert!(selector.is_readable(), "a part is left");
    assert_eq!(read(channel, Stream::Data, 2), b"on");
    assert!(!selector.is_readable(), "all has been read");

    // More than a packet and less than a window: sizes from a byte on, drained in as many steps as it takes.
    let data = test_data(200_000);
    for size in [1, 2, 1000, 32_768, 32_769, 200_000] {
        let piece = data.get(..size).unwrap_or_default();
        channel.send(piece).wait()?;
        selector.wait();
        assert_eq!(read(channel, Stream::Data, size - 1), piece[..size - 1]);
        selector.wait();
        assert_eq!(read(channel, Stream::Data, 1), piece[size - 1..]);
        assert!(!selector.is_readable(), "all {size} bytes have been read");
    }

    // The other stream, and the ends of both, are things to read too.
    process.close_stdin()?;
    selector.wait();
    assert_eq!(read(channel, Stream::Stderr, 8), b"the end\n");
    assert_eq!(read(channel, Stream::Data, 1), b"");
    assert_eq!(read(channel, Stream::Stderr, 1), b"");
    selector.wait();
    client.close().wait();
    assert!(selector.is_readable(), "the end of the connection stays to be seen");
    Ok(())
}

/// The loop that a program in Python would have: over two channels, each woken for its own data only.
#[test]
fn two_channels_do_not_wake_each_other() -> Result<(), Error> {
    let sshd = Sshd::start();
    let job =
        Job { user: sshd.user().to_owned(), ..Job::new(sshd.address()).key(&user_key(KeyType::Ed25519)) };
    let client = connect(&job).wait()?;
    let (one, two) = (client.command("cat").spawn().wait()?, client.command("cat").spawn().wait()?);
    let watch = |channel: &Channel| Selector::watch(channel.pollable().expect("a descriptor"));
    let (mut talking, mut silent) = (watch(one.channel()), watch(two.channel()));
    for channel in [one.channel(), two.channel()] {
        channel.send("iron").wait()?;
        talking.wait();
        assert!(!silent.is_readable());
        assert_eq!(read(channel, Stream::Data, 4), b"iron");
        assert!(!talking.is_readable());
        std::mem::swap(&mut talking, &mut silent);
    }
    Ok(())
}
