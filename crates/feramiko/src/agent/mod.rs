//! Agents: who holds a user's keys and signs with them (RFC 9987, OpenSSH PROTOCOL.agent).
//!
//! [`Agent`] asks one, over the socket of `SSH_AUTH_SOCK`, another path, or anything else that bytes go through.
//! [`AgentServer`] is one, and `AgentSocket` (on Unix) a socket at which others ask it.
//! [`Command::lend_agent`](crate::Command::lend_agent) and [`Channel::lend_agent`](crate::Channel::lend_agent) lend
//! one to a server (agent forwarding), where [`Start::agent`](crate::Start::agent) leads back to it.

mod client;
pub(crate) mod error;
pub(crate) mod lend;
mod line;
mod reach;
mod relay;
mod server;
#[cfg(unix)]
mod socket;
pub(crate) mod source;
#[cfg(all(test, unix))]
mod tests;

pub use client::{Agent, AgentKey, Listed};
pub use error::AgentError;
pub use feramiko_keys::agent::{AgentPrivateKey, Confirmation, Constraints, Destination, Hop, HopKey};
pub use server::AgentServer;
#[cfg(unix)]
pub use socket::AgentSocket;
pub use source::AgentSource;
