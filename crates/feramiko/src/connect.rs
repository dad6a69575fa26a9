//! [`Connect`]: everything that can be said about a connection before it is made, and how it is made.

use std::future::IntoFuture;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use feramiko_crypto::Secret;
use feramiko_keys::{Certificate, PublicKey, Signer};
use feramiko_proto::{Algorithms, ClientConfig, ConnectionError, Prompts};
use feramiko_wire::Writer;

use crate::address::Address;
use crate::agent::source::AgentSource;
use crate::client::Client;
use crate::dial::{self, Deadline};
use crate::driver::socket::Socket;
use crate::error::{Error, HostKeyRefusal, Stage};
use crate::helper::{Driver, blocking};
use crate::identity::{HostVoucher, Identity, Plan, Prepared};
use crate::keyring::dot_ssh;
use crate::login::log_in;
use crate::pending::Pending;
use crate::state::ShowBanner;
use crate::transport::Transport;
use crate::verify::{HostKeyVerifier, KnownHostsFiles, PinnedFingerprints, PinnedKeys, UnknownHost, prefer};

/// The deadline where none is said.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);
/// Known to all users of this machine.
const SYSTEM_KNOWN_HOSTS: &str = "/etc/ssh/ssh_known_hosts";

/// A connection to be made. [`wait`](Self::wait) makes it, and so does `.await`.
///
/// Unless something else is said, the host key must be known to `~/.ssh/known_hosts` or
/// `/etc/ssh/ssh_known_hosts`, the keys of the agent (`SSH_AUTH_SOCK`) and in `~/.ssh` log in, and all of it may take 30
/// seconds.
#[must_use = "a Connect does nothing until it is waited for or awaited"]
pub struct Connect {
    address: Result<Address, Error>,
    problem: Option<Error>,
    way: Way,
    trust: Trust,
    plan: Plan,
    banner: Option<ShowBanner>,
    config: ClientConfig,
    deadline: Option<Duration>,
    driver: Option<Driver>,
}

/// How the bytes get there.
enum Way {
    Tcp,
    Over(Socket),
    Through(Transport),
    #[cfg(feature = "tokio")]
    OverAsync(Box<dyn AsyncStream>),
}

/// Any stream of tokio's.
#[cfg(feature = "tokio")]
pub(crate) trait AsyncStream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}
#[cfg(feature = "tokio")]
impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> AsyncStream for S {}

/// Who decides about the host key.
enum Trust {
    Files { files: Option<Vec<PathBuf>>, unknown: UnknownHost, hashed: bool },
    Keys(Vec<PublicKey>),
    Fingerprints(PinnedFingerprints),
    Other(Box<dyn HostKeyVerifier>),
}

impl Connect {
    pub(crate) fn to(address: &str) -> Self {
        Self {
            address: address.parse(),
            problem: None,
            way: Way::Tcp,
            trust: Trust::Files { files: None, unknown: UnknownHost::Refuse, hashed: false },
            plan: Plan::default(),
            banner: None,
            config: ClientConfig::default(),
            deadline: Some(DEFAULT_DEADLINE),
            driver: None,
        }
    }

    pub(crate) fn over(mut self, socket: Socket) -> Self {
        self.way = Way::Over(socket);
        self
    }

    pub(crate) fn through(mut self, transport: Transport) -> Self {
        self.way = Way::Through(transport);
        self
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn over_async(mut self, stream: Box<dyn AsyncStream>) -> Self {
        self.way = Way::OverAsync(stream);
        self
    }

    /// The user to log in as; it outweighs the one in the address. Without either it is the user of this program.
    pub fn user(mut self, name: &str) -> Self {
        if let Ok(address) = &mut self.address
            && let Err(error) = address.set_user(name)
        {
            self.problem.get_or_insert(error);
        }
        self
    }

    /// The port; it outweighs the one in the address.
    pub fn port(mut self, port: u16) -> Self {
        if let Ok(address) = &mut self.address {
            address.set_port(port);
        }
        self
    }

    // How to log in. What is declared is tried in the order of declaration, as far as the server takes it, and
    // again after each partial success. Where nothing is declared, the keys in ~/.ssh are tried.

    /// Logs in with a password. Where the server takes none but asks one hidden question by keyboard-interactive, the
    /// password is the answer, unless there is a [`keyboard_interactive`](Self::keyboard_interactive).
    pub fn password(self, password: impl Into<Secret>) -> Self {
        self.identity(Identity::Password(password.into()))
    }

    /// Logs in with a password that is asked for when it is its turn: `ask` gets the number of the attempt, the first
    /// being 1, and gives up with `None`.
    pub fn ask_password(self, ask: impl FnMut(u32) -> Option<Secret> + Send + 'static) -> Self {
        self.identity(Identity::AskPassword(Arc::new(Mutex::new(ask))))
    }

    /// Logs in with the keys of the agent that `SSH_AUTH_SOCK` names. An agent that is not there, or does not answer within
    /// some seconds, keeps nobody from logging in otherwise.
    pub fn agent(self) -> Self {
        self.identity(Identity::Agent(AgentSource::environment()))
    }

    /// Logs in with the keys of an agent: at the path of a socket, or one of this program.
    pub fn agent_at(self, source: impl Into<AgentSource>) -> Self {
        self.identity(Identity::Agent(source.into()))
    }

    /// Logs in with a key, wherever it is: in memory, in an agent, in a device. One that has a
    /// [certificate](crate::CertifiedKey) shows that.
    pub fn key(self, signer: impl Signer + 'static) -> Self {
        self.identity(Identity::Key(Arc::new(signer)))
    }

    /// Logs in with a key from a file. A file that cannot be read is an error.
    pub fn key_file(self, path: impl Into<PathBuf>) -> Self {
        self.identity(Identity::KeyFile(path.into()))
    }

    /// Logs in by answering the server's questions (RFC 4256): as many answers as there are prompts, or `None` to
    /// give up. The questions are the server's words: sanitize and label them before showing.
    pub fn keyboard_interactive(
        self,
        answer: impl FnMut(&Prompts) -> Option<Vec<Secret>> + Send + 'static,
    ) -> Self {
        self.identity(Identity::Interactive(Arc::new(Mutex::new(answer))))
    }

    /// Logs in because the machine that this runs on vouches for its user (RFC 4252 section 9): with the key of that host, its
    /// full name, which OpenSSH's server wants with a dot at its end, and who the user is there. Few servers take that.
    pub fn host_based(self, key: impl Signer + 'static, host: &str, user: &str) -> Self {
        let (signer, host, user) = (Arc::new(key), host.to_owned(), user.to_owned());
        self.identity(Identity::HostBased(HostVoucher { signer, host, user }))
    }

    /// Which methods may be used, in which order, whatever the order of declaration: `PreferredAuthentications` of
    /// ssh_config(5). What is declared for other methods is not used. Names that are not known here are passed over.
    pub fn methods<S: Into<String>>(mut self, methods: impl IntoIterator<Item = S>) -> Self {
        self.plan.methods = Some(methods.into_iter().map(Into::into).collect());
        self
    }

    /// Uses of an agent's keys only those whose [files](Self::key_file) are declared: `IdentitiesOnly` of ssh_config(5).
    pub fn identities_only(mut self, only: bool) -> Self {
        self.plan.identities_only = only;
        self
    }

    /// How many keys may be refused before other methods get their turn; the rest of the keys comes behind these. Default:
    /// 5, because servers commonly hang up at the sixth failure.
    pub fn key_tries(mut self, keys: usize) -> Self {
        self.plan.patience = keys;
        self
    }

    /// Shows what the server says before the login when it says it, and before any question that comes behind it. The
    /// words are as sent: sanitize before showing.
    pub fn banner(mut self, show: impl FnMut(&str) + Send + 'static) -> Self {
        self.banner = Some(Arc::new(Mutex::new(show)));
        self
    }

    fn identity(mut self, identity: Identity) -> Self {
        self.plan.identities.push(identity);
        self
    }

    /// How often [`ask_password`](Self::ask_password) and [`keyboard_interactive`](Self::keyboard_interactive) are asked
    /// when their answers are refused. Default: once.
    pub fn tries(mut self, tries: u32) -> Self {
        self.plan.tries = tries.max(1);
        self
    }

    /// Asks for the passphrase of a protected key file; up to three times, until `None`. Without this, protected files
    /// in `~/.ssh` are passed over, and a protected [`key_file`](Self::key_file) is an error.
    pub fn passphrase(mut self, ask: impl FnMut(&Path) -> Option<Secret> + Send + 'static) -> Self {
        self.plan.ask_passphrase = Some(Arc::new(Mutex::new(ask)));
        self
    }

    /// Gives a new password when the server says that the old one has expired; it gets the server's words.
    pub fn new_password(mut self, ask: impl FnMut(&str) -> Option<Secret> + Send + 'static) -> Self {
        self.plan.new_password = Some(Arc::new(Mutex::new(ask)));
        self
    }

    // Which host key is trusted.

    /// Trusts this host key and no other; said several times, any of them.
    pub fn host_key(mut self, key: PublicKey) -> Self {
        match &mut self.trust {
            Trust::Keys(keys) => keys.push(key),
            trust => *trust = Trust::Keys(vec![key]),
        }
        self
    }

    /// Trusts the host key of this fingerprint (`SHA256:…`) and no other; said several times, any of them.
    pub fn fingerprint(mut self, fingerprint: &str) -> Self {
        match (fingerprint.parse(), &mut self.trust) {
            (Ok(fingerprint), Trust::Fingerprints(pinned)) => pinned.0.push(fingerprint),
            (Ok(fingerprint), trust) => *trust = Trust::Fingerprints(PinnedFingerprints(vec![fingerprint])),
            (Err(error), _) => {
                self.problem.get_or_insert(error.into());
            }
        }
        self
    }

    /// Trusts what this file says, in place of the files of the user and of the system; said several times, all of them.
    pub fn known_hosts(mut self, path: impl Into<PathBuf>) -> Self {
        match &mut self.trust {
            Trust::Files { files, .. } => files.get_or_insert_default().push(path.into()),
            trust => {
                let files = Some(vec![path.into()]);
                *trust = Trust::Files { files, unknown: UnknownHost::Refuse, hashed: false };
            }
        }
        self
    }

    /// Trusts a host of which nothing is known, and writes its key to the first known_hosts file. A changed or revoked
    /// key is refused all the same.
    pub fn accept_new(self) -> Self {
        self.unknown_host(UnknownHost::Accept)
    }

    /// Asks about a host of which nothing is known: the function is shown [`HostKeyRefusal::Unknown`] and answers whether
    /// to trust, and write down, the key. The time it takes counts: see [`deadline`](Self::deadline).
    pub fn ask_unknown(self, ask: impl FnMut(&HostKeyRefusal) -> bool + Send + 'static) -> Self {
        self.unknown_host(UnknownHost::Ask(Box::new(ask)))
    }

    fn unknown_host(mut self, choice: UnknownHost) -> Self {
        match &mut self.trust {
            Trust::Files { unknown, .. } => *unknown = choice,
            trust => *trust = Trust::Files { files: None, unknown: choice, hashed: false },
        }
        self
    }

    /// Whether names are hidden in the lines that are written to known_hosts (`HashKnownHosts`). Default: no.
    pub fn hash_known_hosts(mut self, hash: bool) -> Self {
        if let Trust::Files { hashed, .. } = &mut self.trust {
            *hashed = hash;
        }
        self
    }

    /// Lets something else decide about the host key.
    pub fn verifier(mut self, verifier: impl HostKeyVerifier + 'static) -> Self {
        self.trust = Trust::Other(Box::new(verifier));
        self
    }

    // How.

    /// The one deadline over everything: name lookup, TCP connection, version exchange, key exchange, verification of the
    /// host key and authentication, people who are asked included. `None` for none. Default: 30 seconds.
    pub fn deadline(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.deadline = limit.into();
        self
    }

    /// The algorithms that may be negotiated.
    pub fn algorithms(mut self, algorithms: Algorithms) -> Self {
        self.config.common.algorithms = algorithms;
        self
    }

    /// Silence after which the server is asked for a sign of life; after three without an answer the connection is
    /// given up. Default: never.
    pub fn keepalive(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.config.common.timing.keepalive = interval.into();
        self
    }

    /// Everything else. The host key algorithms are reordered for the keys that are known, and the timing of the login is
    /// that of the [`deadline`](Self::deadline).
    pub fn config(mut self, config: ClientConfig) -> Self {
        self.config = config;
        self
    }

    /// Who drives the connection, whether it is waited for or awaited.
    pub fn driver(mut self, driver: Driver) -> Self {
        self.driver = Some(driver);
        self
    }

    /// Makes the connection while this thread waits; a worker thread drives it unless [`driver`](Self::driver) says
    /// otherwise.
    ///
    /// # Errors
    /// [`Error::Lookup`], [`Error::Connect`], [`Error::HostKey`], [`Error::Auth`], [`Error::Timeout`] and
    /// [`Error::Connection`] say how far it came; [`Error::Address`], [`Error::Key`] and [`Error::Config`] that it
    /// did not begin.
    pub fn wait(self) -> Result<Client, Error> {
        let driver = self.driver.unwrap_or(Driver::Thread);
        self.begin(driver).wait()
    }

    fn begin(self, driver: Driver) -> Pending<Result<Client, Error>> {
        Pending::new(async move { self.run(driver).await })
    }

    async fn run(self, driver: Driver) -> Result<Client, Error> {
        let deadline = Deadline::after(self.deadline);
        let address = self.address?;
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let user = match address.user() {
            Some(user) => user.to_owned(),
            None => user_of_this_program()?,
        };
        let target = address.clone();
        let (trust, plan, way) = (self.trust, self.plan, self.way);
        // Files and, for the thread driver, the network: one helper for all that blocks.
        let prepare = move || {
            let verifier = trust.verifier(&target)?;
            let prepared = plan.prepare()?;
            let way = match way {
                Way::Tcp if driver == Driver::Thread => {
                    Way::Over(dial::connect(target.host(), target.port(), deadline)?.into())
                }
                way => way,
            };
            Ok::<_, Error>((verifier, prepared, way))
        };
        let (verifier, prepared, way) = blocking(driver, prepare).await??;
        let mut config = self.config;
        let known = verifier.algorithms();
        let list = &mut config.common.algorithms.host_key;
        *list = prefer(list, &known);
        let transport = open(way, &address, config, driver, deadline).await?;
        if let Some(show) = self.banner {
            transport.show_banner(show);
        }
        Handshake { transport, user, deadline, driver }.run(verifier, prepared).await
    }
}

impl IntoFuture for Connect {
    type Output = Result<Client, Error>;
    type IntoFuture = Pending<Result<Client, Error>>;

    /// With the feature `tokio`, and a runtime that is current here, that runtime drives the connection; else a worker
    /// thread, unless [`driver`](Connect::driver) says otherwise.
    fn into_future(self) -> Self::IntoFuture {
        let driver = self.driver.unwrap_or_else(Driver::of_this_task);
        self.begin(driver)
    }
}

impl Trust {
    fn verifier(self, address: &Address) -> Result<Box<dyn HostKeyVerifier>, Error> {
        Ok(match self {
            Self::Other(verifier) => verifier,
            Self::Keys(keys) => Box::new(PinnedKeys(keys)),
            Self::Fingerprints(pinned) => Box::new(pinned),
            Self::Files { files, unknown, hashed } => {
                let files = files.unwrap_or_else(|| {
                    let own = dot_ssh("known_hosts");
                    own.into_iter().chain([PathBuf::from(SYSTEM_KNOWN_HOSTS)]).collect()
                });
                let files = KnownHostsFiles::load(address.host(), address.port(), files, unknown)?;
                Box::new(files.hash_names(hashed))
            }
        })
    }
}

/// Begins the SSH connection over whatever leads there. The connection's own deadline is what is left of the one
/// over everything.
async fn open(
    way: Way,
    address: &Address,
    mut config: ClientConfig,
    driver: Driver,
    deadline: Deadline,
) -> Result<Transport, Error> {
    let timed = |config: &mut ClientConfig, during| -> Result<(), Error> {
        if let Some(left) = deadline.left(during)? {
            config.common.timing.login = Some(left);
            config.common.timing.identification = left;
        }
        Ok(())
    };
    let way = match way {
        Way::Through(transport) => {
            let opening = transport.open_channel("direct-tcpip", &direct_tcpip(address));
            let channel = within(deadline, driver, Stage::Connect, opening).await??;
            match driver {
                Driver::Thread => Way::Over(channel.into()),
                #[cfg(feature = "tokio")]
                Driver::Tokio => Way::OverAsync(Box::new(channel.into_async())),
            }
        }
        way => way,
    };
    match way {
        Way::Over(socket) => {
            timed(&mut config, Stage::Identification)?;
            Transport::client(socket, config)
        }
        #[cfg(feature = "tokio")]
        Way::OverAsync(stream) => {
            timed(&mut config, Stage::Identification)?;
            Transport::client_async(stream, config)
        }
        #[cfg(feature = "tokio")]
        Way::Tcp => {
            let stream = dial::connect_async(address.host(), address.port(), deadline).await?;
            // Speed only: small packets are not to wait for one another.
            let _ = stream.set_nodelay(true);
            timed(&mut config, Stage::Identification)?;
            Transport::client_async(stream, config)
        }
        // Not reached: the helper has made a socket of every other way.
        _ => Err(deadline.passed(Stage::Connect)),
    }
}

/// `work`, at most until the deadline.
async fn within<T: Send + 'static>(
    deadline: Deadline,
    driver: Driver,
    during: Stage,
    mut work: Pending<T>,
) -> Result<T, Error> {
    let Some(left) = deadline.left(during)? else { return Ok(work.await) };
    // There are no timers without a runtime but those of threads.
    blocking(driver, move || work.wait_timeout(left)).await?.ok_or_else(|| deadline.passed(during))
}

/// RFC 4254 section 7.2.
fn direct_tcpip(address: &Address) -> Vec<u8> {
    let mut data = Vec::new();
    let mut writer = Writer::new(&mut data);
    writer.string(address.host().as_bytes());
    writer.u32(address.port().into());
    // Where the connection comes from: from inside this program.
    writer.string(b"127.0.0.1");
    writer.u32(0);
    data
}

/// From the first byte to the login.
struct Handshake {
    transport: Transport,
    user: String,
    deadline: Deadline,
    driver: Driver,
}

impl Handshake {
    async fn run(self, verifier: Box<dyn HostKeyVerifier>, prepared: Prepared) -> Result<Client, Error> {
        let asked = Arc::new(AtomicBool::new(false));
        self.transport.verify_host_key(Watched { verifier, asked: Arc::clone(&asked) });
        let negotiating = |transport: &Transport| match transport.peer_version() {
            None => Stage::Identification,
            Some(_) if asked.load(Ordering::Relaxed) && transport.host_key().is_none() => Stage::HostKey,
            Some(_) => Stage::KeyExchange,
        };
        if let Err(error) = self.transport.ready().await {
            let during = negotiating(&self.transport);
            return Err(self.explain(error, during));
        }
        let prepared = match self.transport.session_proof().filter(|_| prepared.has_agents()) {
            Some(proof) => blocking(self.driver, move || prepared.bind(&proof)).await?,
            None => prepared,
        };
        let login = log_in(&self.transport, self.driver, &self.user, prepared).await;
        let steps = login.map_err(|error| self.explain(error, Stage::Authentication))?;
        let host_key = self.transport.host_key().ok_or(ConnectionError::Closed)?;
        Ok(Client::new(self.transport, self.user, host_key, steps))
    }

    /// The connection's own deadlines are the one over everything.
    fn explain(&self, error: Error, during: Stage) -> Error {
        match error {
            Error::Connection(ConnectionError::TimedOut(_)) if self.deadline.is_set() => {
                self.deadline.passed(during)
            }
            error => error,
        }
    }
}

/// Notices when the question is asked, so that a deadline that passes can say what was under way.
struct Watched {
    verifier: Box<dyn HostKeyVerifier>,
    asked: Arc<AtomicBool>,
}

impl HostKeyVerifier for Watched {
    fn verify(&mut self, key: &PublicKey) -> Result<(), Error> {
        self.asked.store(true, Ordering::Relaxed);
        self.verifier.verify(key)
    }

    fn verify_certificate(&mut self, certificate: &Certificate) -> Result<(), Error> {
        self.asked.store(true, Ordering::Relaxed);
        self.verifier.verify_certificate(certificate)
    }

    fn is_slow(&self) -> bool {
        self.verifier.is_slow()
    }
}

fn user_of_this_program() -> Result<String, Error> {
    let named = |name: &str| std::env::var(name).ok().filter(|user| !user.is_empty());
    ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(named).ok_or_else(|| Error::Address {
        text: String::new(),
        problem: "it names no user, and the environment (USER) does not either",
    })
}

impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect")
            .field("address", &self.address)
            .field("identities", &self.plan.identities)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
