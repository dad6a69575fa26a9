use std::sync::Arc;

use crate::{Certificate, KeyError, PrivateKey, PublicKey};

/// Anything that signs with one key: memory, an agent, a device.
pub trait Signer: Send + Sync {
    /// The public key that verifies what is signed here.
    fn public_key(&self) -> &PublicKey;

    /// Signs; answers the signature blob of RFC 4253 section 6.6.
    ///
    /// `algorithm` is one of the key's [`signature_algorithms`](PublicKey::signature_algorithms).
    fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, KeyError>;

    /// Whether signing may take longer than a connection can wait for; then it is done on another thread.
    fn is_slow(&self) -> bool {
        true
    }

    /// A certificate of the key, to be shown in place of the bare key: see [`CertifiedKey`](crate::CertifiedKey).
    ///
    /// It is signed for with the key all the same: [`sign`](Self::sign) is asked for the key's own algorithms.
    fn certificate(&self) -> Option<&Certificate> {
        None
    }
}

impl Signer for PrivateKey {
    fn public_key(&self) -> &PublicKey {
        self.public_key()
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.sign(algorithm, message)
    }

    /// RSA is slow: milliseconds, where the others take some tens of microseconds.
    fn is_slow(&self) -> bool {
        self.is_rsa()
    }
}

impl<S: Signer + ?Sized> Signer for Arc<S> {
    fn public_key(&self) -> &PublicKey {
        (**self).public_key()
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        (**self).sign(algorithm, message)
    }

    fn is_slow(&self) -> bool {
        (**self).is_slow()
    }

    fn certificate(&self) -> Option<&Certificate> {
        (**self).certificate()
    }
}
