//! A client and a server that meet, and what their meeting took.

use feramiko_bench::Failure;
use feramiko_bench::job::{Job, Work};
use feramiko_bench::process::Usage;

use crate::client::Client;
use crate::options::Options;
use crate::server::Server;
use crate::world::World;

/// The algorithms of a measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Algorithms {
    pub(crate) kex: &'static str,
    pub(crate) cipher: &'static str,
    pub(crate) mac: &'static str,
}

pub(crate) const CURVE: &str = "curve25519-sha256";
pub(crate) const HYBRID: &str = "mlkem768x25519-sha256";
pub(crate) const ETM: &str = "hmac-sha2-256-etm@openssh.com";
pub(crate) const GCM: Algorithms = Algorithms { kex: CURVE, cipher: "aes256-gcm@openssh.com", mac: ETM };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) client: Client,
    pub(crate) server: Server,
}

/// What both sides used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meeting {
    pub(crate) client: Usage,
    pub(crate) server: Usage,
}

impl Pair {
    pub(crate) const OPENSSH: Self = Self { client: Client::Ssh, server: Server::Sshd };

    /// Every client against sshd.
    pub(crate) fn against_sshd() -> Vec<Self> {
        [Client::Ssh, Client::Thread, Client::Tokio, Client::Russh, Client::RusshRing, Client::Ssh2]
            .map(|client| Self { client, server: Server::Sshd })
            .to_vec()
    }

    /// `ssh` against every server.
    pub(crate) fn from_ssh() -> Vec<Self> {
        [Server::Sshd, Server::Thread, Server::Tokio, Server::Russh, Server::RusshRing]
            .map(|server| Self { client: Client::Ssh, server })
            .to_vec()
    }

    /// Both ends the same library.
    pub(crate) fn alike() -> Vec<Self> {
        [
            (Client::Thread, Server::Thread),
            (Client::Tokio, Server::Tokio),
            (Client::Russh, Server::Russh),
            (Client::RusshRing, Server::RusshRing),
        ]
        .map(|(client, server)| Self { client, server })
        .to_vec()
    }

    pub(crate) fn is_wanted(self, options: &Options) -> bool {
        options.wants_peer(self.client.peer()) && options.wants_peer(self.server.peer())
    }

    pub(crate) fn name(self) -> String {
        format!("{} → {}", self.client.name(), self.server.name())
    }

    /// Starts both, lets them do the work, and ends both.
    pub(crate) fn meet(
        self,
        world: &World,
        algorithms: Algorithms,
        threads: usize,
        work: Work,
    ) -> Result<Meeting, Failure> {
        let failed = |failure: Failure| format!("{}, {algorithms:?}, {work:?}: {failure}", self.name());
        let server = self.server.start(world, threads).map_err(failed)?;
        let job = Job {
            address: server.address,
            user: world.user().to_owned(),
            key: world.path("user"),
            host_key: world.path("host.pub"),
            kex: algorithms.kex.to_owned(),
            cipher: algorithms.cipher.to_owned(),
            mac: algorithms.mac.to_owned(),
            threads,
            variant: String::new(),
            work,
        };
        let client = self.client.run(world, &job).map_err(failed)?;
        let server = server.stop().map_err(failed)?;
        Ok(Meeting { client, server })
    }
}

/// `items` in an order that alternates from run to run, so that a drift of the machine favours nobody.
pub(crate) fn alternating<T: Copy>(items: &[T], run: usize) -> Vec<T> {
    if run.is_multiple_of(2) { items.to_vec() } else { items.iter().rev().copied().collect() }
}
