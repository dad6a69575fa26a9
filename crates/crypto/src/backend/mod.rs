//! What stands behind the traits: one idea a file, each over the crate that does it best.

pub(crate) mod ecdsa;
pub(crate) mod ed25519;
pub(crate) mod rsa;
pub(crate) mod signatures;
