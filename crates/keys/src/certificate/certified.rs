//! A private key together with its certificate.

use std::sync::Arc;

use super::Certificate;
use crate::{KeyError, PublicKey, Signer};

/// A [`Signer`] that shows its certificate. Without the certificate it is the plain key that it was.
#[derive(Clone)]
pub struct CertifiedKey {
    signer: Arc<dyn Signer>,
    certificate: Certificate,
}

impl CertifiedKey {
    /// Puts the two together.
    ///
    /// # Errors
    ///
    /// [`Mismatch`](KeyError::Mismatch) when the certificate is another key's.
    pub fn new(signer: impl Signer + 'static, certificate: Certificate) -> Result<Self, KeyError> {
        if signer.public_key() != certificate.public_key() {
            return Err(KeyError::Mismatch);
        }
        Ok(Self { signer: Arc::new(signer), certificate })
    }
}

impl Signer for CertifiedKey {
    fn public_key(&self) -> &PublicKey {
        self.signer.public_key()
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.signer.sign(algorithm, message)
    }

    fn is_slow(&self) -> bool {
        self.signer.is_slow()
    }

    fn certificate(&self) -> Option<&Certificate> {
        Some(&self.certificate)
    }
}

impl std::fmt::Debug for CertifiedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CertifiedKey").field(&self.certificate).finish()
    }
}
