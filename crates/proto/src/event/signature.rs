//! Questions about keys: whether a host key is trusted, and what a key is to sign.

use feramiko_keys::{Certificate, PublicKey};

use crate::shown::Shown;

/// Is this the server's key?
#[derive(Debug)]
pub struct HostKeyQuestion {
    pub(crate) shown: Shown,
    pub(crate) algorithm: String,
}

impl HostKeyQuestion {
    /// The key, which has signed this exchange: the server holds its private half. Where a certificate was shown, it
    /// is the certified key.
    pub fn key(&self) -> &PublicKey {
        self.shown.key()
    }

    /// The certificate that was shown. Its authority has signed it; whether that authority is trusted for this host, and
    /// all else that makes it good, is for [`Certificate::check_host`] to say.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.shown.certificate()
    }

    /// The algorithm agreed on: of signatures, or of certificates.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }
}

/// A signature is needed of a key that is ours.
#[derive(Debug)]
pub struct SignRequest {
    pub(crate) purpose: SignPurpose,
    pub(crate) key: PublicKey,
    pub(crate) algorithm: String,
    pub(crate) message: Vec<u8>,
    /// Which exchange or attempt it belongs to: a late answer to an old one is dropped.
    pub(crate) serial: u64,
}

/// What a signature is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignPurpose {
    /// A server's host key proves itself.
    HostKey,
    /// A key of the client's logs in: the user's, or that of the user's host.
    UserKey,
}

impl SignRequest {
    /// What it is for.
    pub fn purpose(&self) -> SignPurpose {
        self.purpose
    }
    /// Whose signature.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
    /// By which algorithm: `rsa-sha2-512`.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }
    /// Over what.
    pub fn message(&self) -> &[u8] {
        &self.message
    }
}
