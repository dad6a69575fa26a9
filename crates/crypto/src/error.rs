use std::fmt;

/// Why a cryptographic operation failed. Deliberately coarse: the wrong length and the wrong tag are
/// one error, so that nothing can be learned from the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CryptoError {
    /// A packet's tag does not fit its bytes, or its length cannot be.
    Unauthentic,
    /// A signature is not one of this key over this message.
    BadSignature,
    /// A key exchange share is not a valid one: its length, its point, its range, its zero secret.
    BadShare,
    /// Key material has the wrong length, a forbidden size or inconsistent parts.
    BadKey,
    /// The random generator or the backend failed.
    Backend,
    /// The algorithm cannot do that (a sealer from a MAC-less cipher without its MAC, for example).
    Unsupported,
}

impl fmt::Display for CryptoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unauthentic => "a packet fails its authentication",
            Self::BadSignature => "a signature does not verify",
            Self::BadShare => "a key exchange share is not valid",
            Self::BadKey => "key material is not valid",
            Self::Backend => "the cryptography library failed",
            Self::Unsupported => "the algorithm cannot do that",
        })
    }
}

impl std::error::Error for CryptoError {}
