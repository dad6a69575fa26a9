//! No thread is left behind, and with tokio there is none. In a process of its own, because threads are counted.
#![cfg(target_os = "linux")]

#[path = "handles/common.rs"]
mod common;

use common::{Harness, Pair, Setup, ThreadsTcp, host_keys, logged_in, session, tcp_pair};
use feramiko::{Pending, Socket, Transport};

/// The names of this process's threads that are ours.
fn ours() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.map(|name| name.trim().to_owned()).filter(|name| name.starts_with("feramiko")).collect()
}

/// A thread that has ended may be listed for a moment, and one that was not waited for needs one.
fn all_gone() {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !ours().is_empty() {
        assert!(std::time::Instant::now() < deadline, "left behind: {:?}", ours());
        std::thread::yield_now();
    }
}

fn close(pair: Pair) {
    pair.client.close().wait();
    pair.server.close().wait();
    all_gone();
}

#[test]
fn threads_are_counted() {
    // One worker for each connection, whether it was waited for or dropped.
    let pair = Pending::new(logged_in(ThreadsTcp.pair(Setup::default()))).wait();
    assert_eq!(ours(), ["feramiko", "feramiko"]);
    close(pair);
    let pair = Pending::new(logged_in(ThreadsTcp.pair(Setup::default()))).wait();
    let (channel, _theirs) = Pending::new(async move { session(&pair).await }).wait();
    drop(channel);
    drop(_theirs);
    all_gone();

    // Before anything is negotiated, and with a peer that says nothing.
    let (client, server) = tcp_pair();
    let transport = Transport::client(client, Setup::default().client).unwrap();
    assert!(transport.ready().wait_timeout(std::time::Duration::from_millis(20)).is_none());
    drop(transport);
    all_gone();
    drop(server);

    // One connection inside the channel of another costs its own worker only.
    let outer = Pending::new(logged_in(ThreadsTcp.pair(Setup::default()))).wait();
    let (one, other) = Pending::new(async move { session(&outer).await }).wait();
    let inner = Pending::new(logged_in(common::threads(one, other, Setup::default()))).wait();
    assert_eq!(ours().len(), 4);
    close(inner);

    // The pumps of an opaque socket go with it.
    let (client, server) = tcp_pair();
    let (reader, writer) = (server.try_clone().unwrap(), server.try_clone().unwrap());
    let socket = Socket::opaque(reader, writer, move || {
        let _ = server.shutdown(std::net::Shutdown::Both);
    });
    let pair = Pair {
        client: Transport::client(client, Setup::default().client).unwrap(),
        server: Transport::server(socket, Setup::default().server, host_keys()).unwrap(),
    };
    let pair = Pending::new(logged_in(pair)).wait();
    assert_eq!(ours().len(), 4);
    close(pair);

    #[cfg(feature = "tokio")]
    tokio_has_none();
}

#[cfg(feature = "tokio")]
fn tokio_has_none() {
    let harness = common::TokioTcp::new();
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        let pair = logged_in(pair).await;
        let (channel, theirs) = session(&pair).await;
        channel.send(*b"hello").await.unwrap();
        assert_eq!(theirs.read_some(10).await.unwrap(), b"hello");
        assert!(ours().is_empty(), "{:?}", ours());
    });
}
