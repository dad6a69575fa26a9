//! What a file says of a host.

use crate::Fingerprint;

/// A key that a line gives a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// The number of the line, the first being 1.
    pub line: usize,
    /// The type of the key: `ssh-ed25519`. It may be one that this crate does not support otherwise.
    pub algorithm: String,
    /// The key's blob.
    pub blob: Vec<u8>,
}

impl KnownKey {
    /// The key's fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.blob)
    }
}

/// What a file says of a host and the key it showed.
///
/// Only [`Known`](Self::Known) is trust. OpenSSH asks the user about [`Unknown`](Self::Unknown) and
/// [`CertifiedOnly`](Self::CertifiedOnly), and refuses all the others; of
/// [`UnknownType`](Self::UnknownType) it says, as of [`Changed`](Self::Changed), that the host
/// identification has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostStatus {
    /// The key is one of the host's.
    Known {
        /// The first line that says so.
        line: usize,
    },
    /// Nothing is known of the host.
    Unknown,
    /// A certificate authority stands for the host, and no key: the host should have shown a certificate.
    /// (The authorities' keys never count as keys of the host; see [`authorities`](super::KnownHosts::authorities).)
    CertifiedOnly {
        /// The lines of the authorities.
        lines: Vec<usize>,
    },
    /// The host has other keys, none of this key's type. It may have a new key beside the old ones, or
    /// somebody stands in between who has no key of the right type: treat it as changed unless its other
    /// keys can be shown, and ask the host for keys of
    /// [`algorithms_for`](super::KnownHosts::algorithms_for) first.
    UnknownType {
        /// All keys known for the host.
        known: Vec<KnownKey>,
    },
    /// The host has a key of this type, and it is another one: an attack, or a new key that was not announced.
    Changed {
        /// All keys known for the host.
        known: Vec<KnownKey>,
    },
    /// The key is marked `@revoked` for the host: never trust it.
    Revoked {
        /// The line that says so.
        line: usize,
    },
}

impl HostStatus {
    /// What two files say together (the user's and the system's): a revocation wins, then trust, then
    /// what is known otherwise.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let rank = |status: &Self| match status {
            Self::Unknown => 0,
            Self::CertifiedOnly { .. } => 1,
            Self::UnknownType { .. } => 2,
            Self::Changed { .. } => 3,
            Self::Known { .. } => 4,
            Self::Revoked { .. } => 5,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}
