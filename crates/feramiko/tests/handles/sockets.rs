//! Any socket-like object will do.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::{Command, Stdio};

use feramiko::{Channel, ConnectionError, Error, Pending, Socket, Transport};

use crate::common::{Pair, Setup, echo, host_keys, logged_in, pattern, session, tcp_pair, threads};

/// Logs in over the pair, moves a megabyte both ways, and closes both ends.
fn works(pair: Pair) {
    Pending::new(async move {
        let pair = logged_in(pair).await;
        moves(&pair).await;
        pair.client.close().await;
        pair.server.close().await;
    })
    .wait();
}

async fn moves(pair: &Pair) {
    let (ours, theirs) = session(pair).await;
    let sent = pattern(1_000_000, 11);
    let write = async {
        ours.send(sent.clone()).await.unwrap();
        ours.shutdown_write().unwrap();
    };
    let (received, (), _) = tokio::join!(crate::common::read_to_end(&ours), write, echo(theirs));
    assert!(received.unwrap() == sent);
}

#[cfg(unix)]
#[test]
fn unix_sockets() {
    let (client, server) = std::os::unix::net::UnixStream::pair().unwrap();
    works(threads(client, server, Setup::default()));
}

#[test]
fn a_channel_of_another_transport() {
    // Three deep, as through two jump hosts.
    let (client, server) = tcp_pair();
    let outer = Pending::new(logged_in(threads(client, server, Setup::rekey_every(300_000)))).wait();
    let (ours, theirs) = Pending::new(async move { session(&outer).await }).wait();
    let middle = Pending::new(logged_in(threads(ours, theirs, Setup::rekey_every(200_000)))).wait();
    let (ours, theirs) = Pending::new(async move { session(&middle).await }).wait();
    // Nobody has a handle of the outer connections any more but those who use them as sockets.
    works(threads(ours, theirs, Setup::default()));
}

#[test]
fn an_inner_connection_learns_of_the_end_of_the_outer() {
    let (client, server) = tcp_pair();
    let outer = Pending::new(logged_in(threads(client, server, Setup::default()))).wait();
    Pending::new(async move {
        let (ours, theirs) = session(&outer).await;
        let inner = logged_in(threads(ours, theirs, Setup::default())).await;
        outer.client.close().await;
        // One side has closed its outer connection itself, the other one was told.
        assert!(matches!(inner.client.closed().await, Error::Connection(ConnectionError::Io { .. })));
        assert!(matches!(inner.server.closed().await, Error::Connection(_)));
        inner.client.close().await;
        inner.server.close().await;
    })
    .wait();
}

#[cfg(unix)]
#[test]
fn the_pipes_of_a_child() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3 & cat >&3; kill %1 2>/dev/null");
    let child = Command::new("bash")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let client = Socket::child(child);
    let server = listener.accept().unwrap().0;
    works(threads(client, server, Setup::default()));
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "the child is still there");
}

#[cfg(windows)]
#[test]
fn the_pipes_of_a_child() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // It says that it runs a test, first: lines before the version line are passed over (RFC 4253 section 4.2).
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sockets::plays_a_relay_as_a_child", "--nocapture", "--quiet"])
        .env(RELAY, listener.local_addr().unwrap().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let client = Socket::child(child);
    let server = listener.accept().unwrap().0;
    works(threads(client, server, Setup::default()));
}

/// Where the relay leads.
#[cfg(windows)]
const RELAY: &str = "FERAMIKO_TEST_RELAY";

/// From standard input to a socket, and back to standard output; in a child process only.
#[cfg(windows)]
#[test]
fn plays_a_relay_as_a_child() {
    fn carry(mut from: impl Read, mut to: impl Write) {
        let mut buffer = [0; 65536];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            to.write_all(&buffer[..count]).and_then(|()| to.flush()).unwrap();
        }
    }
    let Ok(address) = std::env::var(RELAY) else { return };
    let near = std::net::TcpStream::connect(address).unwrap();
    let far = near.try_clone().unwrap();
    std::thread::spawn(move || {
        carry(std::io::stdin(), &far);
        let _ = far.shutdown(Shutdown::Write);
    });
    carry(&near, std::io::stdout());
    std::process::exit(0);
}

#[test]
fn a_child_without_pipes_is_refused() {
    let program = if cfg!(windows) { "hostname" } else { "true" };
    let child = Command::new(program).stdin(Stdio::null()).spawn().unwrap();
    let refused = Transport::client(Socket::child(child), feramiko::ClientConfig::default());
    assert!(matches!(&refused, Err(Error::Io { kind: std::io::ErrorKind::InvalidInput, .. })), "{refused:?}");
}

#[test]
fn an_opaque_reader_and_writer() {
    let (client, server) = tcp_pair();
    let (reader, writer) = (server.try_clone().unwrap(), server.try_clone().unwrap());
    let (told, shut) = std::sync::mpsc::channel();
    let shutdown = move || {
        // What unblocks the reader.
        let _ = server.shutdown(Shutdown::Both);
        told.send(()).unwrap();
    };
    let pair = Pair {
        client: Transport::client(client, Setup::default().client).unwrap(),
        server: Transport::server(
            Socket::opaque(reader, writer, shutdown),
            Setup::default().server,
            host_keys(),
        )
        .unwrap(),
    };
    works(pair);
    shut.recv().unwrap();
    assert!(shut.recv().is_err(), "called more than once");
}

#[test]
fn an_opaque_reader_that_fails_ends_the_connection() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "unplugged"))
        }
    }
    let socket = Socket::opaque(Fails, std::io::sink(), || ());
    let client = Transport::client(socket, feramiko::ClientConfig::default()).unwrap();
    let cause = client.closed().wait();
    let Error::Connection(ConnectionError::Io { kind, message }) = cause else { panic!("{cause:?}") };
    assert_eq!((kind, &*message), (std::io::ErrorKind::ConnectionAborted, "unplugged"));
    client.close().wait();
}

#[test]
fn a_peer_that_is_gone_ends_the_connection() {
    let (client, server) = tcp_pair();
    let client = Transport::client(client, feramiko::ClientConfig::default()).unwrap();
    drop(server);
    let cause = client.ready().wait().unwrap_err();
    assert!(
        matches!(cause, Error::Connection(ConnectionError::Eof { .. } | ConnectionError::Io { .. })),
        "{cause:?}"
    );
}

#[test]
fn threads_read_and_write_blocking() {
    let (client, server) = tcp_pair();
    let pair = Pending::new(logged_in(threads(client, server, Setup::rekey_every(1 << 20)))).wait();
    let (ours, theirs) = Pending::new(async move { session(&pair).await }).wait();
    let echo = std::thread::spawn(move || {
        let mut theirs = theirs;
        std::io::copy(&mut &theirs.clone(), &mut theirs).unwrap();
        theirs.shutdown_write().unwrap();
        theirs.stderr().write_all(b"done").unwrap();
    });
    let sent = pattern(3_000_000, 21);
    let mut received = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (&ours).write_all(&sent).unwrap();
            ours.shutdown_write().unwrap();
        });
        (&ours).read_to_end(&mut received).unwrap();
    });
    assert!(received == sent);
    drop(ours);
    // The channel was closed, so what the peer still wrote to stderr may have failed; nothing hangs.
    let _ = echo.join();
}

#[test]
fn a_blocking_read_and_write_have_timeouts() {
    let (client, server) = tcp_pair();
    let pair = Pending::new(logged_in(threads(client, server, Setup::default()))).wait();
    let (mut ours, theirs): (Channel, Channel) = Pending::new(async move { session(&pair).await }).wait();
    let limit = Some(std::time::Duration::from_millis(20));
    ours.set_read_timeout(limit);
    ours.set_write_timeout(limit);
    assert_eq!((ours.read_timeout(), ours.write_timeout()), (limit, limit));
    let mut buffer = [0; 10];
    assert_eq!(ours.read(&mut buffer).unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    let mut written = 0;
    let error = loop {
        match ours.write(&[7; 65536]) {
            Ok(count) => written += count,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    // Nothing was lost by either.
    (&theirs).write_all(b"hello").unwrap();
    ours.set_read_timeout(None);
    ours.read_exact(&mut buffer[..5]).unwrap();
    assert_eq!(&buffer[..5], b"hello");
    let mut all = vec![0; written];
    (&theirs).read_exact(&mut all).unwrap();
    assert!(all.iter().all(|byte| *byte == 7));
}
