//! Ed25519 (RFC 8032, in SSH by RFC 8709), by aws-lc-rs.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

use crate::{CryptoError, Secret};

/// An Ed25519 private key in memory. Cloning shares it.
#[derive(Clone)]
pub struct Ed25519Key(Arc<Inner>);

struct Inner {
    pair: Ed25519KeyPair,
    seed: Secret,
    public: [u8; 32],
}

impl Ed25519Key {
    /// The key that grows from this seed (the "private key" of RFC 8032 section 5.1.5).
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] if the backend refuses the seed.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, CryptoError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| CryptoError::BadKey)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| CryptoError::Backend)?;
        Ok(Self(Arc::new(Inner { pair, seed: Secret::new(seed.to_vec()), public })))
    }

    /// A new random key.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if there is no randomness.
    pub fn generate() -> Result<Self, CryptoError> {
        let mut seed = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(&mut *seed).map_err(|_| CryptoError::Backend)?;
        Self::from_seed(&seed)
    }

    /// The 32 bytes of the seed.
    pub fn seed(&self) -> Secret {
        self.0.seed.clone()
    }

    /// The public key.
    pub fn public(&self) -> [u8; 32] {
        self.0.public
    }

    /// Signs; 64 bytes.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the backend fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let signature = self.0.pair.try_sign(message).map_err(|_| CryptoError::Backend)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl fmt::Debug for Ed25519Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ed25519Key(..)")
    }
}

pub(crate) fn verify(public: &[u8; 32], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).map_err(|_| CryptoError::BadSignature)
}
