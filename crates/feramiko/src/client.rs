//! [`Client`]: the short way to a server.

use std::sync::Arc;

use feramiko_keys::{HostKeyChanges, PublicKey};

use crate::channel::Channel;
use crate::error::{Error, Tried};
use crate::pending::Pending;
use crate::process::Command;
use crate::transport::Transport;

/// A connection to a server that knows who it is: the host key is verified and the user is logged in.
///
/// A handle: clones share the connection, which is closed when the last handle of it is dropped, channels and
/// processes included.
///
/// ```no_run
/// # fn main() -> Result<(), feramiko::Error> {
/// use feramiko::Client;
///
/// let client = Client::connect("robey@example.com").wait()?;
/// let output = client.command("uname -a").output().wait()?;
/// print!("{}", String::from_utf8_lossy(&output.stdout));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    login: Arc<Login>,
}

#[derive(Debug)]
struct Login {
    user: String,
    host_key: PublicKey,
    steps: Vec<Tried>,
}

impl Client {
    pub(crate) fn new(transport: Transport, user: String, host_key: PublicKey, steps: Vec<Tried>) -> Self {
        Self { transport, login: Arc::new(Login { user, host_key, steps }) }
    }

    /// A command line for the user's shell at the other end, taken as it is; [`Command::arg`] adds quoted words.
    pub fn command(&self, line: impl Into<Vec<u8>>) -> Command {
        Command::exec(self.transport.clone(), line.into())
    }

    /// The user's login shell; give it a [`pty`](Command::pty) to be interactive.
    pub fn shell(&self) -> Command {
        Command::shell(self.transport.clone())
    }

    /// A subsystem by its name: `sftp`.
    pub fn subsystem(&self, name: impl Into<String>) -> Command {
        Command::subsystem(self.transport.clone(), name.into())
    }

    /// A session channel with nothing in it yet.
    ///
    /// # Errors
    /// [`Error::Open`] with the server's reason.
    pub fn open_session(&self) -> Pending<Result<Channel, Error>> {
        self.transport.open_session()
    }

    /// The connection underneath, for everything else.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// As whom it is logged in.
    pub fn user(&self) -> &str {
        &self.login.user
    }

    /// The server's host key.
    pub fn host_key(&self) -> &PublicKey {
        &self.login.host_key
    }

    /// What the host keys that the server announced after login have changed in known_hosts (`UpdateHostKeys`): waits for
    /// work that is under way, and answers `None` where there was nothing to change. A program that is about to end asks
    /// before it closes the connection, so that nothing is cut short.
    ///
    /// # Errors
    /// The server did not prove its keys, or a file could not be written. The connection goes on all the same.
    pub fn host_key_update(&self) -> Pending<Result<Option<HostKeyChanges>, Error>> {
        self.transport.host_key_update()
    }

    /// How the login went, step by step, the last one being the success. Where no step has a [`proof`](Tried::proof), the
    /// server wanted none: whatever asks for a password after that is not the login.
    pub fn login_steps(&self) -> &[Tried] {
        &self.login.steps
    }

    /// Closes the connection and waits until it is gone; other handles of it end with it.
    pub fn close(&self) -> Pending<()> {
        self.transport.close()
    }
}
