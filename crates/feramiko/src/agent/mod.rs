//! Agents: who holds a user's keys and signs with them (RFC 9987, OpenSSH PROTOCOL.agent).
//!
//! [`Agent`] asks one, over the socket of `SSH_AUTH_SOCK`, another path, or anything else that bytes go through.

mod client;
mod error;
mod line;
mod source;

pub use client::{Agent, AgentKey, Listed};
pub use error::AgentError;
pub use feramiko_keys::agent::{AgentPrivateKey, Constraints, Destination, Hop, HopKey};
pub use source::AgentSource;
