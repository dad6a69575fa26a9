//! Revoked keys: OpenSSH's key revocation lists (PROTOCOL.krl) and plain lists of public keys, as `RevokedKeys` of
//! sshd_config(5) and `RevokedHostKeys` of ssh_config(5) name them.

mod binary;
mod list;
mod serials;

use std::path::Path;

use feramiko_crypto::HashAlgorithm;

use crate::certificate::{Certificate, Revoked};
use crate::{KeyError, PublicKey, file};
use serials::Serials;

/// The most bytes of a file, as OpenSSH has it.
const MAX_FILE: u64 = 128 << 20;

/// SHA-256 of a key's blob, or of the identifier of a certificate.
type Digest = [u8; 32];

/// Keys and certificates that are not to be trusted any more, whatever else speaks for them.
///
/// A list that cannot be read in full is an error: whoever cannot tell what is revoked must trust nothing.
///
/// ```
/// use feramiko_keys::{KeyType, PrivateKey, RevokedKeys};
///
/// let stolen = PrivateKey::generate(KeyType::Ed25519)?.public_key().clone();
/// let revoked = RevokedKeys::parse(stolen.to_line("stolen in May").as_bytes())?;
/// assert!(revoked.is_revoked(&stolen));
/// assert!(!revoked.is_revoked(PrivateKey::generate(KeyType::Ed25519)?.public_key()));
/// # Ok::<(), feramiko_keys::KeyError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct RevokedKeys {
    /// Of keys, sorted.
    sha1: Vec<[u8; 20]>,
    /// Of keys, sorted; keys that are listed themselves too.
    sha256: Vec<Digest>,
    authorities: Vec<Authority>,
    version: u64,
}

/// What is revoked of the certificates of one authority, or of all.
#[derive(Debug, Clone)]
struct Authority {
    /// The authority's key; `None` for any.
    key: Option<Digest>,
    serials: Serials,
    /// Of key identifiers, sorted.
    ids: Vec<Digest>,
}

impl RevokedKeys {
    /// Reads a revocation list, or a list of public keys in lines, where empty lines and those that begin with `#` are
    /// passed over.
    ///
    /// Signatures in revocation lists are deprecated, and OpenSSH since 9.4 refuses them: so does this. Sign the file
    /// instead (`ssh-keygen -Y sign`).
    ///
    /// # Errors
    /// Anything that is not understood.
    pub fn parse(content: &[u8]) -> Result<Self, KeyError> {
        let mut revoked = match content.strip_prefix(binary::MAGIC) {
            Some(rest) => binary::parse(rest)?,
            None => list::parse(content)?,
        };
        revoked.sort();
        Ok(revoked)
    }

    /// Reads a file: a regular one of at most 128 MiB.
    ///
    /// # Errors
    /// As for [`parse`](Self::parse); a file that is missing is an error too.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        Self::parse(&file::read(path.as_ref(), MAX_FILE)?)
    }

    /// Both lists together.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.sha1.extend(other.sha1);
        self.sha256.extend(other.sha256);
        self.authorities.extend(other.authorities);
        self.version = self.version.max(other.version);
        self.sort();
        self
    }

    /// The version that the list gives itself; 0 for a plain list.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether a key is revoked. For a certificate ask [`is_certificate_revoked`](Self::is_certificate_revoked).
    pub fn is_revoked(&self, key: &PublicKey) -> bool {
        self.is_blob_revoked(key.blob())
    }

    /// Whether a certificate is revoked: itself, the key in it, or the authority that signed it. Certificates with the
    /// serial number 0, that of authorities that give none, are not revoked by their number.
    pub fn is_certificate_revoked(&self, certificate: &Certificate) -> bool {
        if self.is_revoked(certificate.public_key()) || self.is_revoked(certificate.authority()) {
            return true;
        }
        let (signer, id) = (digest(certificate.authority().blob()), digest(certificate.key_id().as_bytes()));
        let revokes = |known: &Authority| {
            known.ids.binary_search(&id).is_ok() || known.serials.contains(certificate.serial())
        };
        self.authorities.iter().filter(|known| known.key.is_none_or(|key| key == signer)).any(revokes)
    }

    fn is_blob_revoked(&self, blob: &[u8]) -> bool {
        self.sha256.binary_search(&digest(blob)).is_ok() || self.sha1.binary_search(&sha1(blob)).is_ok()
    }

    fn revoke_blob(&mut self, blob: &[u8]) {
        self.sha256.push(digest(blob));
    }

    fn sort(&mut self) {
        self.sha1.sort_unstable();
        self.sha256.sort_unstable();
        for authority in &mut self.authorities {
            authority.ids.sort_unstable();
            authority.serials.sort();
        }
    }
}

impl Revoked for RevokedKeys {
    fn is_key_revoked(&self, key: &PublicKey) -> bool {
        self.is_revoked(key)
    }

    fn is_certificate_revoked(&self, certificate: &Certificate) -> bool {
        Self::is_certificate_revoked(self, certificate)
    }
}

fn digest(blob: &[u8]) -> Digest {
    let mut digest = Digest::default();
    for (to, from) in digest.iter_mut().zip(HashAlgorithm::Sha256.digest(&[blob])) {
        *to = from;
    }
    digest
}

fn sha1(blob: &[u8]) -> [u8; 20] {
    let mut digest = [0; 20];
    for (to, from) in digest.iter_mut().zip(HashAlgorithm::Sha1.digest(&[blob])) {
        *to = from;
    }
    digest
}

#[cfg(test)]
mod tests;
