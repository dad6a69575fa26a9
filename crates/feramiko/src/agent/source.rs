//! [`AgentSource`]: where an agent is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::client::Agent;
use super::error::AgentError;
use super::reach;
use crate::error::Error;
use crate::helper::{Driver, blocking};
use crate::pending::Pending;

/// What names the agent of a login.
const VARIABLE: &str = "SSH_AUTH_SOCK";

/// Where an agent is: a connection can be made there whenever one is needed.
#[derive(Clone)]
pub struct AgentSource(Place);

#[derive(Clone)]
enum Place {
    Environment,
    Socket(PathBuf),
    #[cfg(windows)]
    Pageant,
    Other(Arc<dyn Fn() -> Result<Agent, Error> + Send + Sync>),
}

impl AgentSource {
    /// At the Unix socket that `SSH_AUTH_SOCK` names when it is needed.
    ///
    /// On Windows at the pipe that it names; where it names none, at that of OpenSSH's agent
    /// (`\\\\.\\pipe\\openssh-ssh-agent`), or else `AgentSource::pageant`.
    pub fn environment() -> Self {
        Self(Place::Environment)
    }

    /// At this Unix socket; on Windows, at this named pipe of this machine (`\\\\.\\pipe\\…`).
    ///
    /// Who made a pipe cannot be told on Windows without `unsafe`, and a name that nobody has taken can be taken by any
    /// user. Whoever answers learns which keys are asked for and what is to be signed with them, as an agent does; they cannot act
    /// in this user's name.
    pub fn socket(path: impl Into<PathBuf>) -> Self {
        Self(Place::Socket(path.into()))
    }

    /// At the pipe of this user's Pageant (PuTTY 0.75 and later). Older ones, which are asked by window messages, are
    /// not found.
    #[cfg(windows)]
    pub fn pageant() -> Self {
        Self(Place::Pageant)
    }

    /// Wherever `connect` leads. It may block.
    pub fn by(connect: impl Fn() -> Result<Agent, Error> + Send + Sync + 'static) -> Self {
        Self(Place::Other(Arc::new(connect)))
    }

    /// Whether it says where: an environment may not.
    pub fn is_named(&self) -> bool {
        !matches!(self.0, Place::Environment) || named().is_some()
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
            Place::Environment => named().ok_or(AgentError::NotNamed)?,
            Place::Socket(path) => path.clone(),
            #[cfg(windows)]
            Place::Pageant => reach::pageant().ok_or(AgentError::NotNamed)?,
        };
        let line = reach::reach(&path).map_err(|error| AgentError::Unreachable {
            kind: error.kind(),
            message: error.to_string(),
            path,
        })?;
        Ok(Agent::on(Box::new(line)))
    }
}

/// What the environment names, or the system's usual place.
fn named() -> Option<PathBuf> {
    let named = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    named.or_else(reach::usual)
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
            #[cfg(windows)]
            Place::Pageant => f.write_str("AgentSource(Pageant)"),
            Place::Other(_) => f.write_str("AgentSource(..)"),
        }
    }
}

impl Agent {
    /// Connects to the agent of the [environment](AgentSource::environment): the one that `SSH_AUTH_SOCK` names.
    ///
    /// # Errors
    /// [`Error::Agent`]: there is none.
    pub fn connect() -> Pending<Result<Self, Error>> {
        AgentSource::environment().connect()
    }

    /// Connects to the agent at a Unix socket; on Windows, at a [named pipe](AgentSource::socket).
    ///
    /// # Errors
    /// [`Error::Agent`]: nobody is there.
    pub fn connect_to(path: impl Into<PathBuf>) -> Pending<Result<Self, Error>> {
        AgentSource::socket(path).connect()
    }
}
