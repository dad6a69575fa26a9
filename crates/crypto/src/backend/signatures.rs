//! The signature algorithms by their SSH names (RFC 8709, RFC 5656 section 6.2, RFC 8332).

use crate::signing::{Curve, PublicParts, SignatureScheme};
use crate::{CryptoError, HashAlgorithm};

use super::{ecdsa, ed25519, rsa};

/// In order of preference.
pub(crate) static ALL: [&dyn SignatureScheme; 6] = [
    &Ed25519,
    &Ecdsa { curve: Curve::P256, name: "ecdsa-sha2-nistp256" },
    &Ecdsa { curve: Curve::P384, name: "ecdsa-sha2-nistp384" },
    &Ecdsa { curve: Curve::P521, name: "ecdsa-sha2-nistp521" },
    &Rsa { hash: HashAlgorithm::Sha512, name: "rsa-sha2-512" },
    &Rsa { hash: HashAlgorithm::Sha256, name: "rsa-sha2-256" },
];

#[derive(Debug)]
struct Ed25519;

impl SignatureScheme for Ed25519 {
    fn name(&self) -> &'static str {
        "ssh-ed25519"
    }

    fn key_type(&self) -> &'static str {
        "ssh-ed25519"
    }

    fn verify(&self, key: PublicParts<'_>, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        match key {
            PublicParts::Ed25519(public) => ed25519::verify(public, message, signature),
            _ => Err(CryptoError::BadKey),
        }
    }
}

#[derive(Debug)]
struct Ecdsa {
    curve: Curve,
    name: &'static str,
}

impl SignatureScheme for Ecdsa {
    fn name(&self) -> &'static str {
        self.name
    }

    fn key_type(&self) -> &'static str {
        self.name
    }

    fn verify(&self, key: PublicParts<'_>, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        match key {
            PublicParts::Ecdsa { curve, point } if curve == self.curve => {
                ecdsa::verify(curve, point, message, signature)
            }
            _ => Err(CryptoError::BadKey),
        }
    }
}

#[derive(Debug)]
struct Rsa {
    hash: HashAlgorithm,
    name: &'static str,
}

impl SignatureScheme for Rsa {
    fn name(&self) -> &'static str {
        self.name
    }

    fn key_type(&self) -> &'static str {
        "ssh-rsa"
    }

    fn verify(&self, key: PublicParts<'_>, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        match key {
            PublicParts::Rsa { n, e } => rsa::verify(n, e, self.hash, message, signature),
            _ => Err(CryptoError::BadKey),
        }
    }
}
