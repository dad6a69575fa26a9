//! The signature algorithms by their SSH names (RFC 8709, RFC 5656 section 6.2, RFC 8332, PROTOCOL.u2f; `ssh-rsa` and
//! `ssh-dss`: RFC 4253 section 6.6).

use crate::signing::{Curve, PublicParts, SignatureScheme};
use crate::{CryptoError, HashAlgorithm};

use super::{dsa, ecdsa, ed25519, mldsa, rsa, sk};

/// In order of preference; those that are no longer safe are the last.
pub(crate) static ALL: [&dyn SignatureScheme; 12] = [
    &Ed25519,
    &Ecdsa { curve: Curve::P256, name: "ecdsa-sha2-nistp256" },
    &Ecdsa { curve: Curve::P384, name: "ecdsa-sha2-nistp384" },
    &Ecdsa { curve: Curve::P521, name: "ecdsa-sha2-nistp521" },
    &Rsa { hash: HashAlgorithm::Sha512, name: "rsa-sha2-512" },
    &Rsa { hash: HashAlgorithm::Sha256, name: "rsa-sha2-256" },
    &SkEd25519,
    &SkEcdsa { name: SK_ECDSA, webauthn: false },
    &SkEcdsa { name: "webauthn-sk-ecdsa-sha2-nistp256@openssh.com", webauthn: true },
    &MlDsa44Ed25519,
    &Rsa { hash: HashAlgorithm::Sha1, name: "ssh-rsa" },
    &Dsa,
];

const SK_ECDSA: &str = "sk-ecdsa-sha2-nistp256@openssh.com";

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

#[derive(Debug)]
struct SkEd25519;

impl SignatureScheme for SkEd25519 {
    fn name(&self) -> &'static str {
        "sk-ssh-ed25519@openssh.com"
    }

    fn key_type(&self) -> &'static str {
        self.name()
    }

    fn verify(&self, key: PublicParts<'_>, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        match key {
            PublicParts::SkEd25519 { key, application } => {
                sk::verify_ed25519(key, application, message, signature)
            }
            _ => Err(CryptoError::BadKey),
        }
    }
}

#[derive(Debug)]
struct SkEcdsa {
    name: &'static str,
    /// Signed through a browser.
    webauthn: bool,
}

impl SignatureScheme for SkEcdsa {
    fn name(&self) -> &'static str {
        self.name
    }

    fn key_type(&self) -> &'static str {
        SK_ECDSA
    }

    fn verify(&self, key: PublicParts<'_>, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        match key {
            PublicParts::SkEcdsa { point, application } if self.webauthn => {
                sk::verify_webauthn(point, application, message, signature)
            }
            PublicParts::SkEcdsa { point, application } => {
                sk::verify_ecdsa(point, application, message, signature)
            }
            _ => Err(CryptoError::BadKey),
        }
    }
}

#[derive(Debug)]
struct MlDsa44Ed25519;

impl SignatureScheme for MlDsa44Ed25519 {
    fn name(&self) -> &'static str {
        "ssh-mldsa44-ed25519@openssh.com"
    }

    fn key_type(&self) -> &'static str {
        self.name()
    }

    fn verify(&self, key: PublicParts<'_>, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        match key {
            PublicParts::MlDsa44Ed25519(public) => mldsa::verify(public, message, signature),
            _ => Err(CryptoError::BadKey),
        }
    }
}

#[derive(Debug)]
struct Dsa;

impl SignatureScheme for Dsa {
    fn name(&self) -> &'static str {
        "ssh-dss"
    }

    fn key_type(&self) -> &'static str {
        self.name()
    }

    fn verify(&self, key: PublicParts<'_>, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        match key {
            PublicParts::Dsa { p, q, g, y } => dsa::verify(p, q, g, y, message, signature),
            _ => Err(CryptoError::BadKey),
        }
    }
}
