//! Measures what connections cost that do nothing: memory, threads and descriptors of both ends together.
//!
//! `cargo run --release --features tokio --example idle [CONNECTIONS]`
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use feramiko::{
    AcceptAnyHostKeyInsecurely, Channel, ClientConfig, Credential, KeyType, PrivateKey, ServerConfig, Signer,
    Socket, Transport,
};

/// Buffers are given back after a second without traffic.
const REST: Duration = Duration::from_millis(2500);

fn main() {
    let count: usize = std::env::args().nth(1).map_or(500, |count| count.parse().unwrap());
    println!("{count} connections, both ends in this process, logged in, with one open session each:");
    measure("threads", count, || {
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        let keys: Vec<Arc<dyn Signer>> = vec![Arc::new(PrivateKey::generate(KeyType::Ed25519).unwrap())];
        let client = Transport::client(Socket::from(near), ClientConfig::default()).unwrap();
        (client, Transport::server(Socket::from(far), ServerConfig::default(), keys).unwrap())
    });
    #[cfg(feature = "tokio")]
    {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        measure("tokio", count, || {
            let (near, far) = tokio::net::UnixStream::pair().unwrap();
            let keys: Vec<Arc<dyn Signer>> = vec![Arc::new(PrivateKey::generate(KeyType::Ed25519).unwrap())];
            let client = Transport::client_async(near, ClientConfig::default()).unwrap();
            (client, Transport::server_async(far, ServerConfig::default(), keys).unwrap())
        });
    }
}

fn measure(name: &str, count: usize, pair: impl Fn() -> (Transport, Transport)) {
    // What the first one costs, all share.
    let _first = session(pair());
    let before = resident_kib();
    let sessions: Vec<_> = (0..count).map(|_| session(pair())).collect();
    std::thread::sleep(REST);
    let each = (resident_kib() - before) as f64 / count as f64 / 2.0;
    let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    println!(
        "{name:8} {each:6.1} KiB resident for each end; {threads} threads and {descriptors} descriptors in all"
    );
    drop(sessions);
}

fn session((client, server): (Transport, Transport)) -> (Channel, Channel) {
    client.verify_host_key(AcceptAnyHostKeyInsecurely);
    let serve = std::thread::spawn(move || {
        while let Some(attempt) = server.next_attempt().wait().unwrap() {
            attempt.accept().unwrap();
        }
        server.next_open().wait().unwrap().accept().unwrap()
    });
    client.authenticate("robey", Credential::Password("foo".into())).wait().unwrap();
    (client.open_session().wait().unwrap(), serve.join().unwrap())
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
