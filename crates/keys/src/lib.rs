//! Keys of SSH: public keys and their fingerprints, private keys and their files, certificates, and `known_hosts`.
//!
//! ```
//! use feramiko_keys::{KeyType, PrivateKey, PublicKey};
//!
//! let key = PrivateKey::generate(KeyType::Ed25519)?;
//! let file = key.to_openssh("robey@example", Some(&"open sesame".into()))?;
//! let again = PrivateKey::load(file.as_bytes(), Some(&"open sesame".into()))?;
//! assert_eq!(again.public_key(), key.public_key());
//!
//! let line = key.public_key().to_line("robey@example");
//! let (public, comment) = PublicKey::from_line(&line)?;
//! assert_eq!(public.fingerprint(), key.public_key().fingerprint());
//! assert_eq!(comment, "robey@example");
//! # Ok::<(), feramiko_keys::KeyError>(())
//! ```
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod agent;
mod algorithm;
mod asn1;
mod authorized_keys;
pub mod certificate;
mod dek;
mod der_write;
mod edit;
mod error;
mod file;
mod fingerprint;
mod key_file;
pub mod known_hosts;
mod krl;
mod moment;
mod openssh;
mod padded;
mod parts;
pub mod pattern;
mod pbes2;
mod pem;
mod permit;
mod ppk;
mod private;
mod public;
mod randomart;
mod restrictions;
mod rfc4716;
mod sealed;
mod secret_key;
mod security_key;
mod signature;
mod signer;
mod sources;
mod sshfp;
pub mod sshsig;
mod strict;

pub use algorithm::{KeyType, LEAST_RSA_BITS, MIN_RSA_BITS};
pub use authorized_keys::{AuthorizedKey, AuthorizedKeys};
pub use certificate::{Certificate, CertifiedKey};
pub use error::KeyError;
pub use file::create_private as create_private_file;
pub use fingerprint::Fingerprint;
pub use key_file::{KeyFileInfo, KeyFormat};
pub use known_hosts::{
    AtLine, FoundHost, HashedNames, HostKeyChanges, HostMarker, HostStatus, KnownHosts, KnownKey, LookupName,
    NoUpdate,
};
pub use krl::RevokedKeys;
pub use permit::PermitList;
pub use ppk::PpkVersion;
pub use private::PrivateKey;
pub use public::PublicKey;
pub use restrictions::{Circumstances, CommandConflict, Denied, Permits, Restrictions};
pub use sealed::KeyCipher;
pub use security_key::SkDetails;
pub use signer::Signer;
pub use sources::SourceList;
pub use sshfp::{SshfpRecord, SshfpVerdict};
pub use strict::Ownership;
pub use zeroize::Zeroizing;
