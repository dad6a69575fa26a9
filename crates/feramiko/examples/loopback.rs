//! Measures this library against itself over loopback: bulk in MB/s, what it costs both ends, and the round trip of one byte.
//!
//! `cargo run --release --features tokio --example loopback [MiB]`
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use feramiko::{
    AcceptAnyHostKeyInsecurely, Channel, ClientConfig, Credential, PrivateKey, ServerConfig, Signer,
    Transport,
};
use feramiko_keys::KeyType;

const ROUNDS: usize = 20_000;

fn main() {
    let mib: usize = std::env::args().nth(1).map_or(1024, |mib| mib.parse().unwrap());
    for cipher in ["aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"] {
        let (client, server) = tcp();
        report(&format!("threads  {cipher}"), pair(cipher, client, server, threads), mib);
        #[cfg(feature = "tokio")]
        {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            let _entered = runtime.enter();
            let (client, server) = tcp();
            report(&format!("tokio    {cipher}"), pair(cipher, client, server, tasks), mib);
        }
    }
}

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

type Start = fn(TcpStream, ClientConfig, TcpStream, ServerConfig, Arc<PrivateKey>) -> (Transport, Transport);

fn threads(
    client: TcpStream,
    client_config: ClientConfig,
    server: TcpStream,
    server_config: ServerConfig,
    key: Arc<PrivateKey>,
) -> (Transport, Transport) {
    let keys: Vec<Arc<dyn Signer>> = vec![key];
    (
        Transport::client(client, client_config).unwrap(),
        Transport::server(server, server_config, keys).unwrap(),
    )
}

#[cfg(feature = "tokio")]
fn tasks(
    client: TcpStream,
    client_config: ClientConfig,
    server: TcpStream,
    server_config: ServerConfig,
    key: Arc<PrivateKey>,
) -> (Transport, Transport) {
    let keys: Vec<Arc<dyn Signer>> = vec![key];
    let stream = |stream: TcpStream| {
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::net::TcpStream::from_std(stream).unwrap()
    };
    (
        Transport::client_async(stream(client), client_config).unwrap(),
        Transport::server_async(stream(server), server_config, keys).unwrap(),
    )
}

fn pair(cipher: &str, client: TcpStream, server: TcpStream, start: Start) -> (Channel, Channel) {
    let key = Arc::new(PrivateKey::generate(KeyType::Ed25519).unwrap());
    let mut client_config = ClientConfig::default();
    client_config.common.algorithms.ciphers = vec![cipher.to_owned()];
    let (client, server) = start(client, client_config, server, ServerConfig::default(), key);
    client.verify_host_key(AcceptAnyHostKeyInsecurely);
    let serve = std::thread::spawn(move || {
        while let Some(attempt) = server.next_attempt().wait().unwrap() {
            attempt.accept().unwrap();
        }
        server.next_open().wait().unwrap().accept().unwrap()
    });
    client.authenticate("robey", Credential::Password("foo".into())).wait().unwrap();
    let ours = client.open_session().wait().unwrap();
    (ours, serve.join().unwrap())
}

/// Of both ends together, user and system.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn report(name: &str, (ours, theirs): (Channel, Channel), mib: usize) {
    let bulk = |from: &Channel, to: &Channel| {
        let bytes = mib << 20;
        let (start, cpu) = (Instant::now(), cpu_seconds());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let block = vec![7; 256 * 1024];
                let mut from = from;
                for _ in 0..bytes / block.len() {
                    from.write_all(&block).unwrap();
                }
            });
            let mut buffer = vec![0; 256 * 1024];
            let (mut left, mut to) = (bytes, to);
            while left > 0 {
                left -= to.read(&mut buffer).unwrap();
            }
        });
        let speed = bytes as f64 / 1e6 / start.elapsed().as_secs_f64();
        format!("{speed:5.0} MB/s ({:.2} CPU s)", cpu_seconds() - cpu)
    };
    let (up, down) = (bulk(&ours, &theirs), bulk(&theirs, &ours));
    let mut times = std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut theirs, mut byte) = (&theirs, [0]);
            for _ in 0..ROUNDS {
                theirs.read_exact(&mut byte).unwrap();
                theirs.write_all(&byte).unwrap();
            }
        });
        let (mut ours, mut byte) = (&ours, [0]);
        let round = |_| {
            let start = Instant::now();
            ours.write_all(b"x").unwrap();
            ours.read_exact(&mut byte).unwrap();
            start.elapsed()
        };
        (0..ROUNDS).map(round).collect::<Vec<_>>()
    });
    times.sort();
    let at = |share: usize| times[times.len() * share / 100].as_nanos() as f64 / 1e3;
    println!("{name:40} up {up}  down {down}  echo p50 {:5.1} us  p99 {:5.1} us", at(50), at(99));
}
