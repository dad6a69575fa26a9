//! The two faces of a channel, and the end of a runtime.
#![cfg(feature = "tokio")]

use std::io::{Read, Write};

use feramiko::{ConnectionError, Error, Pending};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::common::{self, Harness, Pair, Setup, TokioTcp, echo, logged_in, pattern, session};

crate::with_every_driver! { a_channel_changes_its_face }

fn a_channel_changes_its_face(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        let pair = logged_in(pair).await;
        let (ours, theirs) = session(&pair).await;
        let serve = async {
            theirs.stderr().send(*b"warning").await.unwrap();
            echo(theirs).await
        };
        let run = async {
            let sent = pattern(1_500_000, 31);
            let channel = ours.into_async();
            let mut stderr = channel.stderr();
            let (mut reader, mut writer) = tokio::io::split(channel);
            let write = async {
                writer.write_all(&sent).await.unwrap();
                writer.shutdown().await.unwrap();
            };
            let mut received = vec![0; sent.len() - 1];
            let (read, ()) = tokio::join!(reader.read_exact(&mut received), write);
            read.unwrap();
            let mut warning = [0; 7];
            stderr.read_exact(&mut warning).await.unwrap();
            assert_eq!(&warning, b"warning");
            let blocking = reader.unsplit(writer).into_blocking();
            received.extend(blocking.read_some(10).await.unwrap());
            assert!(received == sent);
            assert!(blocking.read_some(10).await.unwrap().is_empty());
        };
        tokio::join!(serve, run);
    });
}

#[test]
fn a_thread_waits_for_a_connection_that_tokio_drives() {
    let harness = TokioTcp::new();
    let pair = harness.pair(Setup::default());
    let pair = Pending::new(logged_in(pair)).wait();
    let (mut ours, theirs) = Pending::new(async move { session(&pair).await }).wait();
    let echo = std::thread::spawn(move || {
        let mut byte = [0];
        (&theirs).read_exact(&mut byte).unwrap();
        (&theirs).write_all(&byte).unwrap();
        theirs
    });
    ours.write_all(b"x").unwrap();
    let mut byte = [0];
    ours.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"x");
    drop(echo.join());
}

#[test]
fn the_end_of_the_runtime_is_the_end_of_its_connections() {
    let harness = TokioTcp::new();
    let pair = harness.pair(Setup::default());
    let (pair, ours, theirs) = harness.run(async move {
        let pair = logged_in(pair).await;
        let (ours, theirs) = session(&pair).await;
        (pair, ours, theirs)
    });
    let waiting = std::thread::spawn({
        let ours = ours.clone();
        move || ours.read_some(10).wait()
    });
    drop(harness);
    let Pair { client, server } = pair;
    let errors = [
        waiting.join().unwrap().unwrap_err(),
        ours.send(*b"x").wait().unwrap_err(),
        client.open_session().wait().unwrap_err(),
        client.closed().wait(),
    ];
    let cause = client.cause().unwrap().to_string();
    assert!(cause.contains("runtime"), "{cause}");
    for error in errors {
        assert!(matches!(&error, Error::Connection(ConnectionError::Io { .. })), "{error:?}");
        assert_eq!(error.to_string(), cause);
    }
    assert!(theirs.read_some(10).wait().is_err());
    // Nothing hangs that waits for the end.
    client.close().wait();
    server.close().wait();
}

#[test]
fn without_a_runtime_there_is_no_connection() {
    let (client, _server) = tokio::io::duplex(1024);
    let refused = feramiko::Transport::client_async(client, feramiko::ClientConfig::default());
    assert!(matches!(refused, Err(Error::Io { .. })), "{refused:?}");
}
