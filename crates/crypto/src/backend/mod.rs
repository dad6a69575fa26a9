//! What stands behind the traits: one idea a file, each over the crate that does it best.

pub(crate) mod agreement;
pub(crate) mod chachapoly;
pub(crate) mod ciphers;
pub(crate) mod ctr;
pub(crate) mod dh;
pub(crate) mod ecdsa;
pub(crate) mod ed25519;
pub(crate) mod gcm;
pub(crate) mod hmac;
pub(crate) mod hybrid;
pub(crate) mod kem;
pub(crate) mod kex;
pub(crate) mod rsa;
pub(crate) mod signatures;
