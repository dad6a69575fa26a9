//! [`AgentSource`]: where an agent is.

use std::fmt;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
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
/// What names the agent of a login.
const VARIABLE: &str = "SSH_AUTH_SOCK";

/// Where an agent is: a connection can be made there whenever one is needed.
#[derive(Clone)]
pub struct AgentSource(Place);

#[derive(Clone)]
enum Place {
    Environment,
    Socket(PathBuf),
    Other(Arc<dyn Fn() -> Result<Agent, Error> + Send + Sync>),
}

impl AgentSource {
    /// At the Unix socket that `SSH_AUTH_SOCK` names when it is needed.
    pub fn environment() -> Self {
        Self(Place::Environment)
    }

    /// At this Unix socket.
    pub fn socket(path: impl Into<PathBuf>) -> Self {
        Self(Place::Socket(path.into()))
    }

    /// Wherever `connect` leads. It may block.
    pub fn by(connect: impl Fn() -> Result<Agent, Error> + Send + Sync + 'static) -> Self {
        Self(Place::Other(Arc::new(connect)))
    }

    /// Whether it says where: an environment may not.
    pub fn is_named(&self) -> bool {
        !matches!(self.0, Place::Environment) || variable().is_some()
    }

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
        let path = match &self.0 {
            Place::Other(connect) => return connect(),
            Place::Environment => variable().ok_or(AgentError::NotNamed)?,
            Place::Socket(path) => path.clone(),
        };
        let stream = reach(&path).map_err(|error| AgentError::Unreachable {
            kind: error.kind(),
            message: error.to_string(),
            path,
        })?;
        Agent::over(stream)
    }
}

fn variable() -> Option<PathBuf> {
    std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

impl From<PathBuf> for AgentSource {
    fn from(path: PathBuf) -> Self {
        Self::socket(path)
    }
}

impl From<&Path> for AgentSource {
    fn from(path: &Path) -> Self {
        Self::socket(path)
    }
}

impl fmt::Debug for AgentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Environment => write!(f, "AgentSource({VARIABLE})"),
            Place::Socket(path) => write!(f, "AgentSource({})", path.display()),
            Place::Other(_) => f.write_str("AgentSource(..)"),
        }
    }
}

impl Agent {
    /// Connects to the agent that `SSH_AUTH_SOCK` names.
    ///
    /// # Errors
    /// [`Error::Agent`]: there is none.
    pub fn connect() -> Pending<Result<Self, Error>> {
        AgentSource::environment().connect()
    }

    /// Connects to the agent at a Unix socket.
    ///
    /// # Errors
    /// [`Error::Agent`]: nobody is there.
    pub fn connect_to(path: impl Into<PathBuf>) -> Pending<Result<Self, Error>> {
        AgentSource::socket(path).connect()
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
