//! Why an agent did not do what it was asked.

use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

/// Why an agent did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AgentError {
    /// The environment names no agent (`SSH_AUTH_SOCK`), nor is there one at a usual place.
    NotNamed,
    /// Nobody answers at the socket.
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// The kind of error.
        kind: io::ErrorKind,
        /// The system's words.
        message: String,
    },
    /// It said no. It does not say why: what was asked for is not there, is not allowed, or is not known to it.
    Refused {
        /// What it was asked.
        request: &'static str,
    },
    /// It did not answer in time. The connection to it cannot be used any more.
    TimedOut {
        /// What it was asked.
        request: &'static str,
        /// How long it had.
        limit: Duration,
    },
    /// Its answer makes no sense. The connection to it cannot be used any more.
    Nonsense {
        /// What it was asked.
        request: &'static str,
        /// What is wrong with the answer.
        problem: String,
    },
    /// The connection to it has ended: the system's words.
    Lost(String),
}

impl AgentError {
    pub(crate) fn kind(&self) -> io::ErrorKind {
        match self {
            Self::NotNamed => io::ErrorKind::NotFound,
            Self::Unreachable { kind, .. } => *kind,
            Self::Refused { .. } => io::ErrorKind::PermissionDenied,
            Self::TimedOut { .. } => io::ErrorKind::TimedOut,
            Self::Nonsense { .. } => io::ErrorKind::InvalidData,
            Self::Lost(_) => io::ErrorKind::BrokenPipe,
        }
    }
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNamed => f.write_str("no agent: SSH_AUTH_SOCK is not set"),
            Self::Unreachable { path, message, .. } => {
                write!(f, "no agent answers at {}: {message}", path.display())
            }
            Self::Refused { request } => write!(f, "the agent refused to {request}"),
            Self::TimedOut { request, limit } => {
                write!(f, "the agent was asked to {request} and did not answer within {} s", limit.as_secs())
            }
            Self::Nonsense { request, problem } => {
                write!(f, "the agent was asked to {request} and its answer makes no sense: {problem}")
            }
            Self::Lost(message) => write!(f, "the connection to the agent has ended: {message}"),
        }
    }
}

impl std::error::Error for AgentError {}
