//! Both ends of a connection, made by either driver, and what scenarios have in common.
#![allow(dead_code, unreachable_pub)]

use std::future::Future;
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use feramiko::{
    AcceptAnyHostKeyInsecurely, AuthStep, Channel, ClientConfig, Credential, Error, Pending, PrivateKey,
    Proof, Request, ServerConfig, Signer, Socket, Transport,
};
use feramiko_keys::KeyType;

/// The server's key.
pub static HOST_KEY: LazyLock<Arc<PrivateKey>> =
    LazyLock::new(|| Arc::new(PrivateKey::generate(KeyType::Ed25519).unwrap()));
/// A user's key.
pub static USER_KEY: LazyLock<Arc<PrivateKey>> =
    LazyLock::new(|| Arc::new(PrivateKey::generate(KeyType::Ed25519).unwrap()));

pub fn host_keys() -> Vec<Arc<dyn Signer>> {
    vec![HOST_KEY.clone()]
}

/// Two ends.
pub struct Pair {
    pub client: Transport,
    pub server: Transport,
}

/// How both ends are configured.
#[derive(Default, Clone)]
pub struct Setup {
    pub client: ClientConfig,
    pub server: ServerConfig,
}

impl Setup {
    /// Exchanges keys anew after so many bytes.
    pub fn rekey_every(bytes: u64) -> Self {
        let mut setup = Self::default();
        setup.client.common.rekey.bytes = bytes;
        setup.server.common.rekey.bytes = bytes;
        setup
    }
}

/// A way to drive a pair, and to run a scenario that awaits.
pub trait Harness {
    fn pair(&self, setup: Setup) -> Pair;
    /// How many bytes are many: as many as the promise says, over the sockets of the system.
    fn bulk(&self) -> u64 {
        1 << 30
    }
    fn run<T>(&self, scenario: impl Future<Output = T> + Send + 'static) -> T;
}

pub fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Both ends driven by worker threads.
pub fn threads(client: impl Into<Socket>, server: impl Into<Socket>, setup: Setup) -> Pair {
    Pair {
        client: Transport::client(client, setup.client).unwrap(),
        server: Transport::server(server, setup.server, host_keys()).unwrap(),
    }
}

/// Worker threads over TCP, scenarios finished by `wait`.
pub struct ThreadsTcp;

impl Harness for ThreadsTcp {
    fn pair(&self, setup: Setup) -> Pair {
        let (client, server) = tcp_pair();
        threads(client, server, setup)
    }
    fn run<T>(&self, scenario: impl Future<Output = T> + Send + 'static) -> T {
        Pending::new(scenario).wait()
    }
}

/// Worker threads over a pipe in memory.
pub struct ThreadsMemory;

impl Harness for ThreadsMemory {
    fn bulk(&self) -> u64 {
        48 << 20
    }
    fn pair(&self, setup: Setup) -> Pair {
        let (client, server) = Socket::pipe();
        threads(client, server, setup)
    }
    fn run<T>(&self, scenario: impl Future<Output = T> + Send + 'static) -> T {
        Pending::new(scenario).wait()
    }
}

/// Tokio tasks on several threads over TCP.
#[cfg(feature = "tokio")]
pub struct TokioTcp(pub tokio::runtime::Runtime);

#[cfg(feature = "tokio")]
impl TokioTcp {
    pub fn new() -> Self {
        Self(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
    }
}

#[cfg(feature = "tokio")]
impl Harness for TokioTcp {
    fn pair(&self, setup: Setup) -> Pair {
        let _entered = self.0.enter();
        let (client, server) = tcp_pair();
        let stream = |stream: TcpStream| {
            stream.set_nonblocking(true).unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::net::TcpStream::from_std(stream).unwrap()
        };
        Pair {
            client: Transport::client_async(stream(client), setup.client).unwrap(),
            server: Transport::server_async(stream(server), setup.server, host_keys()).unwrap(),
        }
    }
    fn run<T>(&self, scenario: impl Future<Output = T> + Send + 'static) -> T {
        self.0.block_on(scenario)
    }
}

/// Tokio tasks on one thread, over tokio's own pipe in memory.
#[cfg(feature = "tokio")]
pub struct TokioMemory(pub tokio::runtime::Runtime);

#[cfg(feature = "tokio")]
impl TokioMemory {
    pub fn new() -> Self {
        Self(tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap())
    }
}

#[cfg(feature = "tokio")]
impl Harness for TokioMemory {
    fn bulk(&self) -> u64 {
        48 << 20
    }
    fn pair(&self, setup: Setup) -> Pair {
        let _entered = self.0.enter();
        let (client, server) = tokio::io::duplex(64 * 1024);
        Pair {
            client: Transport::client_async(client, setup.client).unwrap(),
            server: Transport::server_async(server, setup.server, host_keys()).unwrap(),
        }
    }
    fn run<T>(&self, scenario: impl Future<Output = T> + Send + 'static) -> T {
        self.0.block_on(scenario)
    }
}

/// Runs scenarios (`fn(&impl Harness)`) with every driver.
#[macro_export]
macro_rules! with_every_driver {
    ($($scenario:ident)*) => {
        mod threads_over_tcp {
            $(#[test] fn $scenario() { super::$scenario(&super::common::ThreadsTcp) })*
        }
        mod threads_in_memory {
            $(#[test] fn $scenario() { super::$scenario(&super::common::ThreadsMemory) })*
        }
        #[cfg(feature = "tokio")]
        mod tokio_over_tcp {
            $(#[test] fn $scenario() { super::$scenario(&super::common::TokioTcp::new()) })*
        }
        #[cfg(feature = "tokio")]
        mod tokio_in_memory {
            $(#[test] fn $scenario() { super::$scenario(&super::common::TokioMemory::new()) })*
        }
    };
}

/// Lets in whoever knows the password; answers when that has happened.
pub async fn admit(server: &Transport, password: &str) -> Result<(), Error> {
    while let Some(attempt) = server.next_attempt().await? {
        match attempt.proof() {
            Proof::Password(given) if given.as_bytes() == password.as_bytes() => attempt.accept()?,
            _ => attempt.reject()?,
        }
    }
    Ok(())
}

/// A pair that is logged in.
pub async fn logged_in(pair: Pair) -> Pair {
    pair.client.verify_host_key(AcceptAnyHostKeyInsecurely);
    let login = pair.client.authenticate("robey", Credential::Password("foo".into()));
    let (admitted, login) = tokio::join!(admit(&pair.server, "foo"), login);
    admitted.unwrap();
    assert_eq!(login.unwrap(), AuthStep::Success);
    pair
}

/// A session channel, both ends of it.
pub async fn session(pair: &Pair) -> (Channel, Channel) {
    let incoming = async { pair.server.next_open().await.unwrap().accept().unwrap() };
    let (ours, theirs) = tokio::join!(pair.client.open_session(), incoming);
    (ours.unwrap(), theirs)
}

/// Sends everything back until the end, and then the end.
pub async fn echo(channel: Channel) -> u64 {
    let mut total = 0;
    loop {
        let data = channel.read_some(64 * 1024).await.unwrap();
        if data.is_empty() {
            channel.shutdown_write().unwrap();
            return total;
        }
        total += data.len() as u64;
        channel.send(data).await.unwrap();
    }
}

/// Bytes that differ from place to place.
pub fn pattern(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend(next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Everything up to the end.
pub async fn read_to_end(channel: &Channel) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    loop {
        let data = channel.read_some(256 * 1024).await?;
        if data.is_empty() {
            return Ok(all);
        }
        all.extend(data);
    }
}

pub async fn exec(channel: &Channel, command: &str) -> Result<(), Error> {
    channel.request(Request::Exec(command.into())).await
}

/// Polls once, with a waker that does nothing.
pub fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Done when everything that the peer had sent when this was called has been received.
pub async fn barrier(transport: &Transport) {
    let answer = transport.global_request("barrier@feramiko.test", b"", true).await;
    assert!(matches!(answer, Err(Error::RequestRefused(_))), "{answer:?}");
}
