//! [`Server`]: takes connections in, within limits.

use std::future::IntoFuture;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use feramiko_keys::Signer;
use feramiko_proto::{Algorithms, ServerConfig, Steps};

use crate::acceptor::Acceptor;
use crate::authorized::AuthorizedKeysPolicy;
use crate::certified::CertificatePolicy;
use crate::driver::socket::Socket;
use crate::error::Error;
use crate::gate::Gate;
use crate::helper::Driver;
use crate::limits::{Admission, MaxStartups, SourceRate};
use crate::pending::Pending;
use crate::permissions::NameOf;
use crate::server_connection::{Policies, ServerConnection};
use crate::transport::{Transport, show};

/// Takes SSH connections in. A handle: the last clone dropped stops listening; connections go on.
///
/// Nothing is called back: a connection is pulled with [`accept`](Self::accept), and from it attempts to log in, channels
/// and requests, each of which is accepted or refused; what is dropped is refused.
///
/// ```
/// use feramiko::{Client, KeyType, PrivateKey, Program, Proof, Server};
///
/// let key = PrivateKey::generate(KeyType::Ed25519)?;
/// let server = Server::builder().host_key(key.clone()).bind("127.0.0.1:0").wait()?;
/// let address = server.local_addr()?;
/// std::thread::spawn(move || {
///     server.serve(|connection| {
///         while let Some(attempt) = connection.next_auth().wait()? {
///             let known = matches!(attempt.proof(), Proof::Password(word) if word.matches("foo"));
///             if known && attempt.user() == "robey" { attempt.accept()? } else { attempt.reject()? }
///         }
///         while let Some(session) = connection.next_session().wait()? {
///             let Some(start) = session.program().wait()? else { continue };
///             if let Program::Exec(line) = start.program().clone() {
///                 start.accept().finish(line, b"", 0).wait()?;
///             }
///         }
///         Ok(())
///     })
/// });
///
/// let client = Client::connect(address.to_string())
///     .user("robey")
///     .password("foo")
///     .host_key(key.public_key().clone())
///     .wait()?;
/// assert_eq!(client.command("hello").output().wait()?.stdout, b"hello");
/// # Ok::<(), feramiko::Error>(())
/// ```
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    listener: Listener,
    address: SocketAddr,
    setup: Arc<Setup>,
}

enum Listener {
    Thread(Acceptor),
    #[cfg(feature = "tokio")]
    Tokio {
        listener: tokio::net::TcpListener,
        stopped: tokio::sync::watch::Sender<bool>,
    },
}

/// What all connections of a server have in common.
struct Setup {
    config: Arc<ServerConfig>,
    signers: Vec<Arc<dyn Signer>>,
    gate: Arc<Gate>,
    rules: Rules,
    announce: bool,
}

/// Makes a [`Server`].
#[must_use = "a ServerBuilder does nothing until bind is called"]
pub struct ServerBuilder {
    config: ServerConfig,
    signers: Vec<Arc<dyn Signer>>,
    startups: MaxStartups,
    rate: Option<SourceRate>,
    rules: Rules,
    announce: bool,
}

/// What clients may do.
#[derive(Clone, Default)]
struct Rules {
    policies: Policies,
    env: Option<Arc<[String]>>,
    name_of: Option<NameOf>,
}

impl Server {
    /// Begins to describe a server. A [host key](ServerBuilder::host_key) is all that must be said.
    pub fn builder() -> ServerBuilder {
        ServerBuilder {
            config: ServerConfig::default(),
            signers: Vec::new(),
            startups: MaxStartups::default(),
            rate: None,
            rules: Rules::default(),
            announce: true,
        }
    }

    /// The next connection that is let in. Those beyond the limits are turned away before.
    ///
    /// # Errors
    /// The listening socket has failed, or [`stop`](Self::stop) was called.
    pub fn accept(&self) -> Pending<Result<ServerConnection, Error>> {
        let inner = Arc::clone(&self.0);
        Pending::new(async move { inner.accept().await })
    }

    /// Takes connections in until [`stop`](Self::stop) is called, and lets `handler` look after each, on a thread of its
    /// own. A handler that fails or panics ends its own connection only.
    ///
    /// # Errors
    /// The listening socket has failed.
    pub fn serve<F>(&self, handler: F) -> Result<(), Error>
    where
        F: Fn(ServerConnection) -> Result<(), Error> + Send + Sync + 'static,
    {
        let handler = Arc::new(handler);
        loop {
            let connection = match self.accept().wait() {
                Ok(connection) => connection,
                Err(Error::Io { kind: io::ErrorKind::NotConnected, .. }) => return Ok(()),
                Err(error) => return Err(error),
            };
            let handler = Arc::clone(&handler);
            let peer = connection.peer_addr();
            let work = move || {
                if let Err(error) = handler(connection) {
                    tracing::info!(?peer, %error, "a connection has failed");
                }
            };
            if let Err(error) = std::thread::Builder::new().name("feramiko-serve".to_owned()).spawn(work) {
                tracing::error!(?peer, %error, "no thread for a connection");
            }
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// None any more; the address was asked for when it began to listen.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.0.address)
    }

    /// Stops listening: [`accept`](Self::accept) fails from now on, for all clones. Connections go on.
    pub fn stop(&self) {
        match &self.0.listener {
            Listener::Thread(acceptor) => acceptor.stop(),
            #[cfg(feature = "tokio")]
            Listener::Tokio { stopped, .. } => {
                stopped.send_replace(true);
            }
        }
    }
}

impl Inner {
    // Only tokio's listener goes round.
    #[cfg_attr(not(feature = "tokio"), allow(clippy::never_loop))]
    async fn accept(&self) -> Result<ServerConnection, Error> {
        loop {
            match &self.listener {
                Listener::Thread(acceptor) => {
                    let (stream, peer, permit) = std::future::poll_fn(|cx| acceptor.poll_accept(cx)).await?;
                    let transport = self.setup.transport(stream)?;
                    return Ok(self.setup.connection(transport, Some(peer), Some(permit)));
                }
                #[cfg(feature = "tokio")]
                Listener::Tokio { listener, stopped } => {
                    if let Some((stream, peer, permit)) = self.accept_async(listener, stopped).await? {
                        let (config, signers) = (Arc::clone(&self.setup.config), self.setup.signers.clone());
                        let transport = Transport::server_async(stream, config, signers)?;
                        return Ok(self.setup.connection(transport, Some(peer), Some(permit)));
                    }
                }
            }
        }
    }

    /// One that is let in; `None` for one that is not.
    #[cfg(feature = "tokio")]
    async fn accept_async(
        &self,
        listener: &tokio::net::TcpListener,
        stopped: &tokio::sync::watch::Sender<bool>,
    ) -> Result<Option<(tokio::net::TcpStream, SocketAddr, crate::gate::Permit)>, Error> {
        use crate::acceptor::{REST, Trouble};
        use crate::gate::has_stopped;

        let mut stopping = stopped.subscribe();
        let accepted = tokio::select! {
            biased;
            _ = stopping.wait_for(|stopped| *stopped) => return Err(has_stopped()),
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match self.setup.gate.admit(peer) {
                Ok(permit) => {
                    // Speed only: small packets are not to wait for one another.
                    let _ = stream.set_nodelay(true);
                    Ok(Some((stream, peer, permit)))
                }
                Err(why) => {
                    // As much as goes out at once.
                    let _ = stream.try_write(why.words());
                    Ok(None)
                }
            },
            Err(error) => match Trouble::of(&error) {
                Trouble::OfTheGuest => Ok(None),
                Trouble::Shortage => {
                    tokio::time::sleep(REST).await;
                    Ok(None)
                }
                Trouble::Fatal => Err(Error::io("accepting a connection", &error)),
            },
        }
    }
}

impl Setup {
    fn transport(&self, socket: impl Into<Socket>) -> Result<Transport, Error> {
        Transport::server(socket, Arc::clone(&self.config), self.signers.clone())
    }

    fn connection(
        &self,
        transport: Transport,
        peer: Option<SocketAddr>,
        permit: Option<crate::gate::Permit>,
    ) -> ServerConnection {
        let Rules { policies, env, name_of } = self.rules.clone();
        transport.shared().with(|state, _| {
            let permissions = &mut state.permissions;
            permissions.address = peer.map(|peer| peer.ip());
            (permissions.env, permissions.name_of) = (env, name_of);
        });
        // In time: nobody is logged in before the application has this connection.
        transport.announce_host_keys(self.announce);
        ServerConnection::new(transport, peer, permit, policies)
    }
}

impl ServerBuilder {
    /// A host key; one of each type is usual. At least one is needed. One that has a
    /// [certificate](crate::CertifiedKey) is shown in it to clients that ask for certificates.
    pub fn host_key(mut self, key: impl Signer + 'static) -> Self {
        self.signers.push(Arc::new(key));
        self
    }

    /// The authentication methods that may be tried first. Default: `publickey`, `password`, `keyboard-interactive`.
    /// Others are refused before anybody is asked.
    pub fn methods<S: Into<String>>(mut self, methods: impl IntoIterator<Item = S>) -> Self {
        self.config.methods = methods.into_iter().map(Into::into).collect();
        self
    }

    /// Whether clients are told after login which host keys there are, so that they can learn new ones before old ones go
    /// (`hostkeys-00@openssh.com`). Default: yes.
    pub fn announce_host_keys(mut self, announce: bool) -> Self {
        self.announce = announce;
        self
    }

    /// What somebody who logs in has to go through, one step after the other; it takes the place of
    /// [`methods`](Self::methods). To [accept](crate::Attempt::accept) an attempt is then to say that its step is done, and the
    /// last step lets in.
    ///
    /// ```
    /// use feramiko::Server;
    ///
    /// let server = Server::builder().steps("publickey,password publickey,keyboard-interactive".parse()?);
    /// # Ok::<(), feramiko::Error>(())
    /// ```
    pub fn steps(mut self, steps: Steps) -> Self {
        self.config.steps = steps;
        self
    }

    /// What is shown before authentication (RFC 4252 section 5.4), with the answer to the first request; at most 16 KiB.
    pub fn banner(mut self, text: impl Into<String>) -> Self {
        self.config.banner = Some(text.into());
        self
    }

    /// Answers public keys by the files that this names: a path with `%u` for the user, or a policy. What the options in
    /// them forbid is refused for as long as the connection lives.
    pub fn authorized_keys(mut self, policy: impl Into<AuthorizedKeysPolicy>) -> Self {
        self.rules.policies.keys = Some(Arc::new(policy.into()));
        self
    }

    /// Answers certificates by the authorities that this trusts. What a certificate does not permit is refused for as long
    /// as the connection lives.
    pub fn certificates(mut self, policy: CertificatePolicy) -> Self {
        self.rules.policies.certificates = Some(Arc::new(policy));
        self
    }

    /// The variables that clients may set, as sshd's `AcceptEnv`: names, or beginnings and `*`. By default the
    /// application decides, and under a forced command there are none.
    pub fn accept_env<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.rules.env = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Says the names of clients' hosts, for restrictions to names of hosts (`from="*.example.com"`). Without it, only
    /// addresses are compared, as with sshd's `UseDNS no`.
    ///
    /// The name must be looked up in turn and lead back to the address, or whoever owns the address chooses it. It is called
    /// outside all locks, and login waits for it.
    pub fn host_names(mut self, name_of: impl Fn(IpAddr) -> Option<String> + Send + Sync + 'static) -> Self {
        self.rules.name_of = Some(Arc::new(name_of));
        self
    }

    /// The time from the first byte to the login. Default: 30 seconds.
    pub fn login_grace(mut self, limit: Duration) -> Self {
        let timing = &mut self.config.common.timing;
        timing.login = Some(limit);
        timing.identification = timing.identification.min(limit);
        self
    }

    /// Failed attempts to log in before the connection is ended. Default: 6.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.config.common.limits.failed_attempts = attempts;
        self
    }

    /// Channels of one connection at once. Default: 10.
    pub fn max_sessions(mut self, channels: usize) -> Self {
        self.config.common.limits.channels = channels;
        self
    }

    /// Connections at once that are not logged in yet. Default: 10:30:100.
    pub fn max_startups(mut self, limit: MaxStartups) -> Self {
        self.startups = limit;
        self
    }

    /// How often one source may connect. Default: as often as it likes.
    pub fn source_rate(mut self, rate: SourceRate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// The algorithms that may be negotiated.
    pub fn algorithms(mut self, algorithms: Algorithms) -> Self {
        self.config.common.algorithms = algorithms;
        self
    }

    /// Silence after which a client is asked for a sign of life; after three without an answer the connection is given
    /// up. Default: never.
    pub fn keepalive(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.config.common.timing.keepalive = interval.into();
        self
    }

    /// Everything else. What was said before of what is in here is forgotten; the host keys stay.
    pub fn config(mut self, config: ServerConfig) -> Self {
        self.config = config;
        self
    }

    /// Listens at an address. [`Bind::wait`] and `.await` choose the driver.
    pub fn bind(self, address: impl ToSocketAddrs) -> Bind {
        let listener = TcpListener::bind(address).map_err(|error| Error::io("listening", &error));
        Bind { builder: self, listener, driver: None }
    }

    /// Serves one connection that is there already: of `inetd`, of a Unix socket, in memory. A worker thread drives it.
    ///
    /// # Errors
    /// [`Error::Config`], and a socket that the system refuses.
    pub fn accept_over(self, socket: impl Into<Socket>) -> Result<ServerConnection, Error> {
        let setup = self.setup()?;
        let transport = setup.transport(socket)?;
        Ok(setup.connection(transport, None, None))
    }

    /// [`accept_over`](Self::accept_over) for a client that is known to be at this address. Where it is not known, nobody
    /// logs in who is restricted to certain addresses.
    ///
    /// # Errors
    /// As for [`accept_over`](Self::accept_over).
    pub fn accept_from(self, socket: impl Into<Socket>, peer: SocketAddr) -> Result<ServerConnection, Error> {
        let setup = self.setup()?;
        let transport = setup.transport(socket)?;
        Ok(setup.connection(transport, Some(peer), None))
    }

    fn setup(mut self) -> Result<Setup, Error> {
        if self.config.host_keys.is_empty() {
            show(&mut self.config, &self.signers);
        }
        self.config.check()?;
        self.rules.policies.share_revoked();
        let admission = Admission::new(self.startups, self.rate);
        let gate = Gate::new(admission, self.config.common.provider.random);
        let (config, signers) = (Arc::new(self.config), self.signers);
        Ok(Setup { config, signers, gate, rules: self.rules, announce: self.announce })
    }
}

/// A server about to listen: [`wait`](Self::wait) makes it, and so does `.await`.
#[must_use = "a Bind does nothing until it is waited for or awaited"]
pub struct Bind {
    builder: ServerBuilder,
    listener: Result<TcpListener, Error>,
    driver: Option<Driver>,
}

impl Bind {
    /// Who drives the connections, whether this is waited for or awaited.
    pub fn driver(mut self, driver: Driver) -> Self {
        self.driver = Some(driver);
        self
    }

    /// Makes the server; worker threads drive its connections unless [`driver`](Self::driver) says otherwise.
    ///
    /// # Errors
    /// [`Error::Config`], and an address that cannot be listened at.
    pub fn wait(self) -> Result<Server, Error> {
        let driver = self.driver.unwrap_or(Driver::Thread);
        self.begin(driver)
    }

    fn begin(self, driver: Driver) -> Result<Server, Error> {
        let setup = self.builder.setup()?;
        let listener = self.listener?;
        let address = listener.local_addr().map_err(|error| Error::io("listening", &error))?;
        let listener = match driver {
            Driver::Thread => Acceptor::start(listener, Arc::clone(&setup.gate)).map(Listener::Thread),
            #[cfg(feature = "tokio")]
            Driver::Tokio => {
                listener.set_nonblocking(true).and_then(|()| tokio::net::TcpListener::from_std(listener)).map(
                    |listener| Listener::Tokio { listener, stopped: tokio::sync::watch::Sender::new(false) },
                )
            }
        };
        let listener = listener.map_err(|error| Error::io("listening", &error))?;
        Ok(Server(Arc::new(Inner { listener, address, setup: Arc::new(setup) })))
    }
}

impl IntoFuture for Bind {
    type Output = Result<Server, Error>;
    type IntoFuture = Pending<Result<Server, Error>>;

    /// With the feature `tokio`, and a runtime that is current here, that runtime accepts and drives the connections;
    /// else worker threads, unless [`driver`](Bind::driver) says otherwise.
    fn into_future(self) -> Self::IntoFuture {
        let driver = self.driver.unwrap_or_else(Driver::of_this_task);
        Pending::new(async move { self.begin(driver) })
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.0.address).finish_non_exhaustive()
    }
}
