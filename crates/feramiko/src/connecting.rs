//! From something that leads to a server to a [`Client`] that is logged in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use feramiko_keys::{Certificate, PublicKey};
use feramiko_proto::{ClientConfig, ConnectionError};
use feramiko_wire::Writer;

use crate::client::Client;
use crate::dial::Deadline;
use crate::driver::socket::Socket;
use crate::error::{Error, Stage};
use crate::helper::{Driver, blocking};
use crate::identity::Prepared;
use crate::login::log_in;
use crate::pending::Pending;
use crate::rotation::HostKeyKeeper;
use crate::transport::Transport;
use crate::verify::HostKeyVerifier;

/// Any stream of tokio's.
#[cfg(feature = "tokio")]
pub(crate) trait AsyncStream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}
#[cfg(feature = "tokio")]
impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> AsyncStream for S {}

/// Something that leads to the server.
pub(crate) enum Line {
    Over(Socket),
    #[cfg(feature = "tokio")]
    OverAsync(Box<dyn AsyncStream>),
}

/// A line through another connection, whose server opens a TCP connection to the host.
pub(crate) async fn through(
    transport: &Transport,
    host: &str,
    port: u16,
    driver: Driver,
    deadline: Deadline,
) -> Result<Line, Error> {
    let opening = transport.open_channel("direct-tcpip", &direct_tcpip(host, port));
    let channel = within(deadline, driver, Stage::Connect, opening).await??;
    Ok(match driver {
        Driver::Thread => Line::Over(channel.into()),
        #[cfg(feature = "tokio")]
        Driver::Tokio => Line::OverAsync(Box::new(channel.into_async())),
    })
}

/// Begins the SSH connection. Its own deadline is what is left of the one over everything.
pub(crate) fn open(line: Line, mut config: ClientConfig, deadline: Deadline) -> Result<Transport, Error> {
    if let Some(left) = deadline.left(Stage::Identification)? {
        config.common.timing.login = Some(left);
        config.common.timing.identification = left;
    }
    match line {
        Line::Over(socket) => Transport::client(socket, config),
        #[cfg(feature = "tokio")]
        Line::OverAsync(stream) => Transport::client_async(stream, config),
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
fn direct_tcpip(host: &str, port: u16) -> Vec<u8> {
    let mut data = Vec::new();
    let mut writer = Writer::new(&mut data);
    writer.string(host.as_bytes());
    writer.u32(port.into());
    // Where the connection comes from: from inside this program.
    writer.string(b"127.0.0.1");
    writer.u32(0);
    data
}

/// From the first byte to the login.
pub(crate) struct Handshake {
    pub(crate) transport: Transport,
    pub(crate) user: String,
    pub(crate) deadline: Deadline,
    pub(crate) driver: Driver,
}

impl Handshake {
    pub(crate) async fn run(
        self,
        verifier: Box<dyn HostKeyVerifier>,
        prepared: Prepared,
    ) -> Result<Client, Error> {
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

    fn keeper(&mut self) -> Option<HostKeyKeeper> {
        self.verifier.keeper()
    }

    fn is_slow(&self) -> bool {
        self.verifier.is_slow()
    }
}
