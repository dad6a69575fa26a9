//! [`AgentSource`]: where an agent is.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::client::Agent;
use super::error::AgentError;
use crate::error::Error;
use crate::helper::{Driver, blocking};
use crate::pending::Pending;

/// How long an agent may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where an agent is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AgentSource {
    /// At the socket that `SSH_AUTH_SOCK` names when it is needed.
    Environment,
    /// At this socket.
    Socket(PathBuf),
}

impl AgentSource {
    /// Connects to it.
    ///
    /// # Errors
    /// [`Error::Agent`]: nobody is there.
    pub fn connect(&self) -> Pending<Result<Agent, Error>> {
        let source = self.clone();
        Pending::new(async move { blocking(Driver::of_this_task(), move || source.connect_now()).await? })
    }

    /// The same on this thread, which waits.
    pub(crate) fn connect_now(&self) -> Result<Agent, Error> {
        let path = self.path()?;
        let unreachable = |error: &io::Error| AgentError::Unreachable {
            path: path.clone(),
            kind: error.kind(),
            message: error.to_string(),
        };
        let stream = reach(&path).map_err(|error| unreachable(&error))?;
        Agent::over(stream)
    }

    fn path(&self) -> Result<PathBuf, AgentError> {
        match self {
            Self::Environment => std::env::var_os("SSH_AUTH_SOCK")
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
                .ok_or(AgentError::NotNamed),
            Self::Socket(path) => Ok(path.clone()),
        }
    }
}

impl From<PathBuf> for AgentSource {
    fn from(path: PathBuf) -> Self {
        Self::Socket(path)
    }
}

impl From<&Path> for AgentSource {
    fn from(path: &Path) -> Self {
        Self::Socket(path.to_owned())
    }
}

impl Agent {
    /// Connects to the agent that `SSH_AUTH_SOCK` names.
    ///
    /// # Errors
    /// [`Error::Agent`]: there is none.
    pub fn connect() -> Pending<Result<Self, Error>> {
        AgentSource::Environment.connect()
    }

    /// Connects to the agent at a Unix socket.
    ///
    /// # Errors
    /// [`Error::Agent`]: nobody is there.
    pub fn connect_to(path: impl Into<PathBuf>) -> Pending<Result<Self, Error>> {
        AgentSource::Socket(path.into()).connect()
    }
}

/// Connects, within a bounded time even to somebody who accepts nothing.
fn reach(path: &Path) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(path)?;
    #[cfg(not(any(target_os = "macos", target_os = "ios")))]
    let flags = SocketFlags::CLOEXEC;
    #[cfg(any(target_os = "macos", target_os = "ios"))]
    let flags = SocketFlags::empty();
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE))?;
    connect(&socket, &address)?;
    Ok(UnixStream::from(socket))
}
