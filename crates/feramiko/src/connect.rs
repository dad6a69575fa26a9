//! [`Connect`]: everything that can be said about a connection before it is made, and how it is made.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use feramiko_crypto::Secret;
use feramiko_keys::Signer;
use feramiko_proto::{Algorithms, ClientConfig, Prompts};

use crate::address::Address;
use crate::agent::source::AgentSource;
use crate::config::{HostConfig, SshConfig};
#[cfg(feature = "tokio")]
use crate::connecting::AsyncStream;
use crate::driver::socket::Socket;
use crate::error::Error;
use crate::helper::Driver;
use crate::identity::{Identity, Plan};
use crate::item::HostVoucher;
use crate::settings::Said;
use crate::state::ShowBanner;
use crate::transport::Transport;
use crate::trust::Trust;

/// The deadline where none is said.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

/// A connection to be made. [`wait`](Self::wait) makes it, and so does `.await`.
///
/// Unless something else is said, it is made as `ssh` makes it: `~/.ssh/config` and `/etc/ssh/ssh_config` say what the
/// name stands for and how to get there, the host key must be known to known_hosts, the keys of the agent and in `~/.ssh` log
/// in. All of it may take 30 seconds. What is declared here counts before any file.
///
/// Where both the host key ([`host_key`](Self::host_key), [`fingerprint`](Self::fingerprint), [`verifier`](Self::verifier))
/// and something to log in with are declared, no file of the user is read, but for those that are named.
#[must_use = "a Connect does nothing until it is waited for or awaited"]
pub struct Connect {
    pub(crate) address: Result<Address, Error>,
    pub(crate) problem: Option<Error>,
    pub(crate) source: Source,
    pub(crate) way: Way,
    pub(crate) trust: Trust,
    pub(crate) plan: Plan,
    pub(crate) banner: Option<ShowBanner>,
    pub(crate) config: ClientConfig,
    pub(crate) said: Said,
    pub(crate) deadline: Option<Duration>,
    pub(crate) driver: Option<Driver>,
    pub(crate) each_hop: Option<EachHop>,
}

/// Prepares the connection to a hop on the way.
pub(crate) type EachHop = Arc<Mutex<dyn FnMut(Connect, &HostConfig) -> Connect + Send>>;

/// Which configuration is looked at.
#[derive(Debug)]
pub(crate) enum Source {
    /// The user's and the system's, unless nothing is needed of them.
    Unsaid,
    Config(SshConfig),
    /// It has been looked at.
    Host(Box<HostConfig>),
}

/// How the bytes get there.
pub(crate) enum Way {
    /// As the configuration says; without a word of it, by TCP.
    Usual,
    Over(Socket),
    Through(Transport),
    #[cfg(feature = "tokio")]
    OverAsync(Box<dyn AsyncStream>),
}

impl Connect {
    pub(crate) fn to(address: &str) -> Self {
        Self {
            address: address.parse(),
            problem: None,
            source: Source::Unsaid,
            way: Way::Usual,
            trust: Trust::default(),
            plan: Plan::default(),
            banner: None,
            config: ClientConfig::default(),
            said: Said::default(),
            deadline: Some(DEFAULT_DEADLINE),
            driver: None,
            each_hop: None,
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

    // Which configuration. What is declared in code counts before it.

    /// Looks at this file in place of `~/.ssh/config` and `/etc/ssh/ssh_config`: `ssh -F`.
    pub fn config_file(self, path: impl Into<PathBuf>) -> Self {
        self.ssh_config(SshConfig::file(path))
    }

    /// Looks at no configuration. known_hosts and keys are those in `~/.ssh`, unless declared.
    pub fn no_config(self) -> Self {
        self.ssh_config(SshConfig::empty())
    }

    /// Looks at this configuration.
    pub fn ssh_config(mut self, config: SshConfig) -> Self {
        self.source = Source::Config(config);
        self
    }

    /// Takes what a configuration says about a host, which has been looked up before. Its user, host and port count, and not
    /// those of the address.
    pub fn host_config(mut self, host: HostConfig) -> Self {
        self.source = Source::Host(Box::new(host));
        self
    }

    /// Prepares the connections to the hops of a ProxyJump: the function is given each of them, and what the configuration
    /// says about it. A hop is told nothing of what is declared for the host behind it: neither passwords nor trusted keys.
    pub fn each_hop(mut self, prepare: impl FnMut(Self, &HostConfig) -> Self + Send + 'static) -> Self {
        self.each_hop = Some(Arc::new(Mutex::new(prepare)));
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

    /// Logs in with the keys that the configuration names: those of the agent (IdentityAgent, `SSH_AUTH_SOCK`), then those in
    /// files (IdentityFile, `~/.ssh/id_*`), as far as they are there. That is what happens where nothing at all is declared.
    pub fn usual_keys(self) -> Self {
        self.identity(Identity::Usual)
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
        self.said.identities_only = true;
        self.plan.identities_only = only;
        self
    }

    /// Shows the certificate in this file for its key, wherever that is declared or held: `CertificateFile` of ssh_config(5).
    /// May be said more than once. Those that stand beside a [`key_file`](Self::key_file), with `-cert.pub` behind its name,
    /// need not be named. One that cannot be read is left out, and the error of a login that fails says so.
    pub fn certificate_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.plan.certificate_files.push(path.into());
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
        self.said.tries = true;
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

    // How.

    /// The one deadline over everything: name lookup, TCP connection, version exchange, key exchange, verification of the
    /// host key and authentication, people who are asked included. `None` for none. Default: 30 seconds.
    pub fn deadline(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.deadline = limit.into();
        self
    }

    /// The algorithms that may be negotiated.
    pub fn algorithms(mut self, algorithms: Algorithms) -> Self {
        self.said.algorithms = true;
        self.config.common.algorithms = algorithms;
        self
    }

    /// The fewest bits that RSA keys may have, the host's, the user's and those of authorities: 1024 to 8192
    /// (`RequiredRSASize`). Default: 2048. Old machines have shorter ones.
    pub fn min_rsa_bits(mut self, bits: usize) -> Self {
        self.said.min_rsa_bits = true;
        self.config.common.min_rsa_bits = bits;
        self
    }

    /// Silence after which the server is asked for a sign of life; after three without an answer the connection is
    /// given up. Default: never.
    pub fn keepalive(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.said.keepalive = true;
        self.config.common.timing.keepalive = interval.into();
        self
    }

    /// Everything else. The host key algorithms are reordered for the keys that are known, and the timing of the login is
    /// that of the [`deadline`](Self::deadline).
    pub fn config(mut self, config: ClientConfig) -> Self {
        self.said.config = true;
        self.config = config;
        self
    }

    /// Who drives the connection, whether it is waited for or awaited.
    pub fn driver(mut self, driver: Driver) -> Self {
        self.driver = Some(driver);
        self
    }
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
