//! The set of algorithms that a connection may use.

use crate::CryptoError;
use crate::backend::{ciphers, kex, macs, signatures};
use crate::cipher::{Cipher, Mac};
use crate::kex::Kex;
use crate::signing::SignatureScheme;

/// Algorithms in order of preference, and the source of randomness.
///
/// The lists hold everything that *can* be used; a connection's configuration names what *may* be.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Key exchange methods.
    pub kex: Vec<&'static dyn Kex>,
    /// Signature algorithms, for host keys and users.
    pub signatures: Vec<&'static dyn SignatureScheme>,
    /// Encryption algorithms.
    pub ciphers: Vec<&'static dyn Cipher>,
    /// MAC algorithms.
    pub macs: Vec<&'static dyn Mac>,
    /// Fills the slice with random bytes.
    pub random: fn(&mut [u8]) -> Result<(), CryptoError>,
}

impl Provider {
    /// The method of this name.
    pub fn kex(&self, name: &str) -> Option<&'static dyn Kex> {
        self.kex.iter().copied().find(|kex| kex.name() == name)
    }

    /// The signature algorithm of this name.
    pub fn signature(&self, name: &str) -> Option<&'static dyn SignatureScheme> {
        self.signatures.iter().copied().find(|scheme| scheme.name() == name)
    }

    /// The cipher of this name.
    pub fn cipher(&self, name: &str) -> Option<&'static dyn Cipher> {
        self.ciphers.iter().copied().find(|cipher| cipher.name() == name)
    }

    /// The MAC of this name.
    pub fn mac(&self, name: &str) -> Option<&'static dyn Mac> {
        self.macs.iter().copied().find(|mac| mac.name() == name)
    }
}

impl Default for Provider {
    /// Everything that is built in, the best first, what is of old last. What of it is offered, a connection's configuration says.
    fn default() -> Self {
        Self {
            kex: kex::ALL.to_vec(),
            signatures: signatures::ALL.to_vec(),
            ciphers: ciphers::ALL.to_vec(),
            macs: macs::ALL.to_vec(),
            random,
        }
    }
}

fn random(bytes: &mut [u8]) -> Result<(), CryptoError> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| CryptoError::Backend)
}
