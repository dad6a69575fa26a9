//! The agent protocol (RFC 9987) with OpenSSH's extensions (PROTOCOL.agent): messages as data, and the rules of an
//! agent. No socket and no clock in here.
//!
//! A client writes [`AgentRequest`]s and reads [`AgentReply`]s. An agent is a [`Keyring`], asked through one
//! [`AgentSession`] for each connection to it:
//!
//! ```
//! use std::time::{Instant, SystemTime};
//! use feramiko_keys::agent::{AgentReply, AgentRequest, AgentSession, Constraints, Keyring, Moment, Step};
//! use feramiko_keys::{KeyType, PrivateKey};
//!
//! let mut keyring = Keyring::new();
//! let mut session = AgentSession::default();
//! let key = PrivateKey::generate(KeyType::Ed25519)?;
//! let now = Moment { timer: Instant::now(), date: SystemTime::now() };
//! keyring.add(key.clone().into(), "robey@example", Constraints::default(), now.timer)?;
//!
//! let request = AgentRequest::List.encode();
//! let Step::Reply(reply) = keyring.handle(&mut session, &request, now) else { panic!() };
//! let AgentReply::Identities(found) = AgentReply::decode(&reply)? else { panic!() };
//! assert_eq!(found[0].key, key.public_key().blob());
//! # Ok::<(), feramiko_keys::KeyError>(())
//! ```

mod constraint;
mod held;
mod keyring;
mod message;
mod session;
mod signed;
mod signing;
#[cfg(test)]
mod tests;

pub use constraint::{Constraints, Destination, Hop, HopKey};
pub use held::AgentPrivateKey;
pub use keyring::{Keyring, Moment, Step};
pub use message::{AgentReply, AgentRequest, Identity, MAX_FRAME, SessionBind, frame_length, sign_flags};
pub use session::AgentSession;
pub use signing::{Confirmation, Signing};
