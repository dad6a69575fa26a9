//! Raw signatures: public key parts, private keys in memory, and the schemes by their SSH names.

use std::fmt::Debug;

use crate::CryptoError;

/// A NIST curve of RFC 5656.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Curve {
    /// nistp256.
    P256,
    /// nistp384.
    P384,
    /// nistp521.
    P521,
}

impl Curve {
    /// Bytes of a coordinate or a scalar: 32, 48, 66.
    pub fn field_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The identifier in key blobs: `nistp256` and so on.
    pub fn name(self) -> &'static str {
        match self {
            Self::P256 => "nistp256",
            Self::P384 => "nistp384",
            Self::P521 => "nistp521",
        }
    }
}

/// A public key taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicParts<'a> {
    /// The 32 bytes of RFC 8032.
    Ed25519(&'a [u8; 32]),
    /// An uncompressed point (`0x04 || x || y`).
    Ecdsa {
        /// Its curve.
        curve: Curve,
        /// Its point.
        point: &'a [u8],
    },
    /// Modulus and public exponent, big-endian, without leading zeros.
    Rsa {
        /// The modulus.
        n: &'a [u8],
        /// The exponent.
        e: &'a [u8],
    },
    /// The numbers of `ssh-dss`, big-endian, without leading zeros.
    Dsa {
        /// The prime.
        p: &'a [u8],
        /// The order of the group.
        q: &'a [u8],
        /// The generator.
        g: &'a [u8],
        /// The public value.
        y: &'a [u8],
    },
    /// ML-DSA-44 and Ed25519 together: 1312 bytes of the one, 32 of the other.
    MlDsa44Ed25519(&'a [u8]),
    /// An Ed25519 key in a FIDO device.
    SkEd25519 {
        /// The 32 bytes of RFC 8032.
        key: &'a [u8; 32],
        /// What the key is for: `ssh:`.
        application: &'a [u8],
    },
    /// A key on nistp256 in a FIDO device.
    SkEcdsa {
        /// An uncompressed point.
        point: &'a [u8],
        /// What the key is for: `ssh:`.
        application: &'a [u8],
    },
}

/// A signature algorithm by its SSH name.
pub trait SignatureScheme: Debug + Send + Sync {
    /// The name in KEXINIT, in `server-sig-algs` and in front of signatures: `rsa-sha2-512`.
    fn name(&self) -> &'static str;
    /// The name in front of the key blobs that it works with: `ssh-rsa`.
    fn key_type(&self) -> &'static str;
    /// Verifies. `signature` is 64 bytes for Ed25519, `r || s` of fixed width for ECDSA and DSA, and the
    /// signature number of any length up to the modulus's for RSA (shorter ones are left-padded: some
    /// old peers drop leading zeros). RSA moduli are 2048 to 8192 bits, the exponent odd, at least 3 and below 2^24... anything else is `BadKey`.
    ///
    /// A FIDO device's signature is followed by its flags (1 byte) and counter (4), and with `webauthn-sk-ecdsa` by three
    /// strings of RFC 4251: origin, client data, extensions. What the flags say is not judged.
    fn verify(&self, key: PublicParts<'_>, message: &[u8], signature: &[u8]) -> Result<(), CryptoError>;
}
