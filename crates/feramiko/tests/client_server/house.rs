//! A server to connect to, with whichever driver.

use std::future::Future;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

pub(crate) use feramiko::Driver;
use feramiko::{
    AcceptAnyHostKeyInsecurely, Client, ClientConfig, Connect, Error, KeyType, Pending, PrivateKey, Program,
    Proof, Server, ServerBuilder, ServerConnection, Transport,
};

/// A test that runs once with each driver.
macro_rules! scenario {
    ($name:ident, |$driver:ident| $body:block) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn scenario($driver: Driver) $body

            #[test]
            fn with_threads() {
                feramiko::Pending::new(scenario(Driver::Thread)).wait();
            }

            #[cfg(feature = "tokio")]
            #[test]
            fn with_tokio() {
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
                runtime.unwrap().block_on(scenario(Driver::Tokio));
            }
        }
    };
}

pub(crate) fn key() -> PrivateKey {
    PrivateKey::generate(KeyType::Ed25519).unwrap()
}

/// Opens TCP connections on this machine for a client (RFC 4254 section 7.2).
pub(crate) async fn forward(connection: &ServerConnection) -> Result<(), Error> {
    while let Some(open) = connection.next_channel().await? {
        let data = open.data();
        let host = u32::from_be_bytes(data[..4].try_into().unwrap()) as usize;
        let port = u32::from_be_bytes(data[4 + host..8 + host].try_into().unwrap());
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap()))?;
        let channel = open.accept()?;
        let (mut up, mut down, back) = (stream.try_clone()?, stream, channel.clone());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut down, &mut &back);
            back.close();
        });
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut &channel, &mut up);
            let _ = up.shutdown(std::net::Shutdown::Both);
        });
    }
    Ok(())
}

/// Runs it beside the test.
pub(crate) fn spawn(driver: Driver, work: impl Future<Output = ()> + Send + 'static) {
    match driver {
        #[cfg(feature = "tokio")]
        Driver::Tokio => drop(tokio::spawn(work)),
        _ => drop(std::thread::spawn(move || Pending::new(work).wait())),
    }
}

/// What comes through a channel, without blocking a runtime.
pub(crate) async fn wait_for<T: Send + 'static>(driver: Driver, channel: mpsc::Receiver<T>) -> T {
    match driver {
        #[cfg(feature = "tokio")]
        Driver::Tokio => tokio::task::spawn_blocking(move || channel.recv().unwrap()).await.unwrap(),
        _ => channel.recv().unwrap(),
    }
}

type Handler =
    Arc<dyn Fn(ServerConnection) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> + Send + Sync>;

/// A server whose connections are all looked after by one handler.
pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) key: PrivateKey,
    driver: Driver,
    handler: Handler,
}

impl House {
    pub(crate) async fn open<F, W>(driver: Driver, handler: F) -> Self
    where
        F: Fn(ServerConnection) -> W + Send + Sync + 'static,
        W: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |connection| Box::pin(handler(connection)));
        Self::build(driver, handler, |server| server).await
    }

    /// The same house with other rules.
    pub(crate) async fn restart(
        self,
        driver: Driver,
        rules: impl FnOnce(ServerBuilder) -> ServerBuilder,
    ) -> Self {
        self.server.stop();
        Self::build(driver, Arc::clone(&self.handler), rules).await
    }

    async fn build(
        driver: Driver,
        handler: Handler,
        rules: impl FnOnce(ServerBuilder) -> ServerBuilder,
    ) -> Self {
        let key = key();
        let builder = rules(Server::builder().host_key(key.clone()));
        let server = builder.bind("127.0.0.1:0").driver(driver).await.unwrap();
        let address = server.local_addr().unwrap();
        let (accepting, each) = (server.clone(), Arc::clone(&handler));
        spawn(driver, async move {
            while let Ok(connection) = accepting.accept().await {
                let work = each(connection);
                spawn(driver, async move {
                    // What a handler says is for the tests that look at it.
                    let _ = work.await;
                });
            }
        });
        Self { server, address, key, driver, handler }
    }

    /// A connection that trusts the house.
    pub(crate) fn connect(&self) -> Connect {
        self.at(self.address)
    }

    /// The same to another address.
    pub(crate) fn at(&self, address: SocketAddr) -> Connect {
        let connect = Client::connect(address.to_string()).no_config().user("robey").driver(self.driver);
        connect.host_key(self.key.public_key().clone())
    }

    /// A connection that trusts nobody yet.
    pub(crate) fn bare(&self) -> Connect {
        Client::connect(self.address.to_string()).no_config().user("robey").driver(self.driver)
    }

    /// The connection underneath, before any login.
    pub(crate) async fn transport(&self, driver: Driver) -> Transport {
        let config = ClientConfig::default();
        let transport = match driver {
            #[cfg(feature = "tokio")]
            Driver::Tokio => {
                let stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
                Transport::client_async(stream, config).unwrap()
            }
            _ => Transport::client(TcpStream::connect(self.address).unwrap(), config).unwrap(),
        };
        transport.verify_host_key(AcceptAnyHostKeyInsecurely);
        transport.ready().await.unwrap();
        transport
    }
}

/// Accepts what `known` knows, until somebody is logged in.
pub(crate) async fn answer_attempts(
    connection: &ServerConnection,
    known: impl Fn(&str, &Proof) -> bool,
) -> Result<(), Error> {
    while let Some(attempt) = connection.next_auth().await? {
        if known(attempt.user(), attempt.proof()) { attempt.accept()? } else { attempt.reject()? }
    }
    Ok(())
}

/// `robey` with the password `foo`.
pub(crate) async fn password_only(connection: &ServerConnection) -> Result<(), Error> {
    answer_attempts(connection, |user, proof| {
        user == "robey" && matches!(proof, Proof::Password(word) if word.matches("foo"))
    })
    .await
}

/// `robey` with the password `foo`, who stays as long as he likes.
pub(crate) async fn guests(connection: ServerConnection) -> Result<(), Error> {
    password_only(&connection).await?;
    run_programs(&connection).await
}

/// Says each command line back.
pub(crate) async fn run_programs(connection: &ServerConnection) -> Result<(), Error> {
    while let Some(session) = connection.next_session().await? {
        let Some(start) = session.program().await? else { continue };
        let line = match start.program() {
            Program::Exec(line) => line.clone(),
            other => format!("{other:?}").into_bytes(),
        };
        start.accept().finish(line, "", 0).await?;
    }
    Ok(())
}

/// A client that has got the server's version line and says nothing.
pub(crate) async fn greeted(driver: Driver, address: SocketAddr) -> TcpStream {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let mut start = [0; 4];
        stream.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"SSH-");
        send.send(stream).unwrap();
    });
    wait_for(driver, receive).await
}

/// Lets so many bytes of the server through to a client, and holds back the rest.
pub(crate) struct Dam {
    pub(crate) address: SocketAddr,
    passed: Arc<AtomicUsize>,
    gone: mpsc::Receiver<()>,
}

impl Dam {
    pub(crate) fn open(server: SocketAddr, limit: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let passed = Arc::new(AtomicUsize::new(0));
        let (tell, gone) = mpsc::channel();
        let count = Arc::clone(&passed);
        std::thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            let server = TcpStream::connect(server).unwrap();
            let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                // To its end, or to its reset.
                let _ = std::io::copy(&mut from_client, &mut to_server);
                let _ = to_server.shutdown(std::net::Shutdown::Both);
                let _ = tell.send(());
            });
            let (mut client, mut server) = (client, server);
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = server.read(&mut buffer) {
                let room = limit.saturating_sub(count.load(Ordering::SeqCst)).min(read);
                count.fetch_add(room, Ordering::SeqCst);
                if client.write_all(&buffer[..room]).is_err() {
                    break;
                }
            }
        });
        Self { address, passed, gone }
    }

    /// Bytes that went through.
    pub(crate) fn passed(&self) -> usize {
        self.passed.load(Ordering::SeqCst)
    }

    /// Waits until the client has closed its end.
    pub(crate) fn client_is_gone(&self) {
        self.gone.recv().unwrap();
    }
}
