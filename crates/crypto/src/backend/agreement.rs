//! Elliptic curve Diffie-Hellman (RFC 5656 section 4, RFC 8731), by aws-lc-rs: one implementation for the
//! methods that are nothing else and for the hybrids.

use aws_lc_rs::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use aws_lc_rs::rand::SystemRandom;
use subtle::ConstantTimeEq;

use crate::kex::{DhGroup, Kex, KexKind, Response, Started};
use crate::signing::Curve;
use crate::{CryptoError, HashAlgorithm, Secret};

use super::ecdsa;

/// Where points are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    X25519,
    Nist(Curve),
}

impl Group {
    /// Bytes of an X25519 share.
    pub(crate) const X25519_LEN: usize = 32;

    fn algorithm(self) -> &'static agreement::Algorithm {
        match self {
            Self::X25519 => &X25519,
            Self::Nist(curve) => ecdsa::agreeing(curve),
        }
    }

    /// Whether a share has the only form that we take: the backend would know others, longer and shorter.
    fn accepts(self, share: &[u8]) -> bool {
        match self {
            Self::X25519 => share.len() == Self::X25519_LEN,
            Self::Nist(curve) => ecdsa::is_uncompressed(curve, share),
        }
    }
}

/// An ephemeral key, used once.
pub(crate) struct Ephemeral {
    group: Group,
    private: EphemeralPrivateKey,
    share: Vec<u8>,
}

impl Ephemeral {
    pub(crate) fn generate(group: Group) -> Result<Self, CryptoError> {
        let private = EphemeralPrivateKey::generate(group.algorithm(), &SystemRandom::new())
            .map_err(|_| CryptoError::Backend)?;
        let share = private.compute_public_key().map_err(|_| CryptoError::Backend)?;
        let share = share.as_ref().to_vec();
        Ok(Self { group, private, share })
    }

    pub(crate) fn share(&self) -> &[u8] {
        &self.share
    }

    /// The shared secret, of the fixed width of a coordinate. Points off the curve are the backend's to
    /// refuse; the points of small order of X25519 all give zero (RFC 7748 section 6.1).
    pub(crate) fn agree(self, peer: &[u8]) -> Result<Secret, CryptoError> {
        if !self.group.accepts(peer) {
            return Err(CryptoError::BadShare);
        }
        let peer = UnparsedPublicKey::new(self.group.algorithm(), peer);
        agree_ephemeral(self.private, peer, CryptoError::BadShare, |secret| {
            let zero = vec![0; secret.len()];
            if secret.ct_eq(&zero).into() {
                return Err(CryptoError::BadShare);
            }
            Ok(Secret::new(secret.to_vec()))
        })
    }
}

impl Started for Ephemeral {
    fn share(&self) -> &[u8] {
        Ephemeral::share(self)
    }

    fn finish(self: Box<Self>, server_share: &[u8]) -> Result<Secret, CryptoError> {
        self.agree(server_share)
    }
}

/// A method that is this and nothing else.
#[derive(Debug)]
pub(crate) struct Ecdh {
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    pub(crate) hash: HashAlgorithm,
}

impl Kex for Ecdh {
    fn name(&self) -> &'static str {
        self.name
    }

    fn hash(&self) -> HashAlgorithm {
        self.hash
    }

    fn kind(&self) -> KexKind {
        KexKind::Ecdh
    }

    fn start(&self, group: Option<&DhGroup>) -> Result<Box<dyn Started>, CryptoError> {
        match group {
            None => Ok(Box::new(Ephemeral::generate(self.group)?)),
            Some(_) => Err(CryptoError::Unsupported),
        }
    }

    fn respond(&self, group: Option<&DhGroup>, client_share: &[u8]) -> Result<Response, CryptoError> {
        if group.is_some() {
            return Err(CryptoError::Unsupported);
        }
        let ephemeral = Ephemeral::generate(self.group)?;
        let share = ephemeral.share().to_vec();
        Ok(Response { share, secret: ephemeral.agree(client_share)? })
    }
}
