//! The cryptography of SSH2 behind narrow traits, collected in a [`Provider`] that is data:
//! lists of algorithms in order of preference.
//!
//! ```
//! use feramiko_crypto::signing::PublicParts;
//! use feramiko_crypto::{CryptoError, Ed25519Key, Provider};
//!
//! # fn main() -> Result<(), CryptoError> {
//! let provider = Provider::default();
//!
//! // A key exchange, both roles.
//! let kex = provider.kex("mlkem768x25519-sha256").ok_or(CryptoError::Unsupported)?;
//! let client = kex.start(None)?;
//! let server = kex.respond(None, client.share())?;
//! let secret = client.finish(&server.share)?;
//! assert_eq!(secret.as_bytes(), server.secret.as_bytes());
//!
//! // A signature.
//! let key = Ed25519Key::generate()?;
//! let signature = key.sign(b"session")?;
//! let scheme = provider.signature("ssh-ed25519").ok_or(CryptoError::Unsupported)?;
//! scheme.verify(PublicParts::Ed25519(&key.public()), b"session", &signature)?;
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here knows a message or a packet number beyond what its primitive needs. The default
//! backend is aws-lc-rs; see `ARCHITECTURE.md` for what comes from elsewhere and why.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod backend;
pub mod cbc;
pub mod cipher;
mod error;
pub mod groups;
pub mod hash;
pub mod kex;
pub mod provider;
mod secret;
pub mod signing;

pub use backend::dsa::{DsaKey, DsaNumbers};
pub use backend::ecdsa::EcdsaKey;
pub use backend::ed25519::Ed25519Key;
pub use backend::mldsa::MlDsa44Ed25519Key;
pub use backend::rsa::{RsaKey, RsaParts};
pub use error::CryptoError;
pub use groups::rfc3526_group;
pub use hash::HashAlgorithm;
pub use provider::Provider;
pub use secret::Secret;
