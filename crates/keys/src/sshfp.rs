//! Fingerprints of host keys in the DNS (RFC 4255, RFC 6594, RFC 7479).

use feramiko_crypto::HashAlgorithm;

use crate::PublicKey;

/// The digest types: RFC 4255 section 3.1.2, RFC 6594 section 4.1.
const SHA1: u8 = 1;
const SHA256: u8 = 2;

/// An SSHFP record, and whether the resolver vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshfpRecord {
    /// The type of the key: 1 is RSA, 3 ECDSA, 4 Ed25519.
    pub algorithm: u8,
    /// The digest: 1 is SHA-1, 2 is SHA-256.
    pub digest_type: u8,
    /// The digest of the key's blob.
    pub digest: Vec<u8>,
    /// Whether it was authenticated (DNSSEC, the resolver's AD bit over a path that is trusted). Where that is not known,
    /// it was not.
    pub secure: bool,
}

/// What records say of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SshfpVerdict {
    /// Nobody has asked, or there are no records.
    NoRecords,
    /// The key is the one of the records.
    Matching {
        /// Whether all records were authenticated, and the digest is SHA-256.
        secure: bool,
    },
    /// There are records, and the key is not theirs.
    Different,
}

impl SshfpRecord {
    /// The record of a key, as `ssh-keygen -r` prints it; `None` for types of keys that have no number.
    pub fn of(key: &PublicKey, digest_type: u8) -> Option<Self> {
        let algorithm = algorithm_of(key)?;
        let digest = digest_of(key, digest_type)?;
        Some(Self { algorithm, digest_type, digest, secure: false })
    }

    /// What the records of a host say of a key that it shows.
    ///
    /// Only records of the key's type count, and where there is one with SHA-256, those with SHA-1 do not (RFC 6594
    /// section 4.1). As in OpenSSH, each of them must match. A match by SHA-1 is never called secure.
    pub fn verdict(records: &[Self], key: &PublicKey) -> SshfpVerdict {
        if records.is_empty() {
            return SshfpVerdict::NoRecords;
        }
        let of_type: Vec<&Self> =
            records.iter().filter(|record| Some(record.algorithm) == algorithm_of(key)).collect();
        for digest_type in [SHA256, SHA1] {
            let mut counting = of_type.iter().filter(|record| record.digest_type == digest_type).peekable();
            if counting.peek().is_some() {
                let digest = digest_of(key, digest_type);
                let all = counting.all(|record| Some(&record.digest) == digest.as_ref());
                let secure = digest_type == SHA256 && records.iter().all(|record| record.secure);
                return if all { SshfpVerdict::Matching { secure } } else { SshfpVerdict::Different };
            }
        }
        SshfpVerdict::Different
    }
}

fn algorithm_of(key: &PublicKey) -> Option<u8> {
    match key.algorithm() {
        "ssh-rsa" => Some(1),
        "ssh-dss" => Some(2),
        name if name.starts_with("ecdsa-sha2-") => Some(3),
        "ssh-ed25519" => Some(4),
        _ => None,
    }
}

fn digest_of(key: &PublicKey, digest_type: u8) -> Option<Vec<u8>> {
    let hash = match digest_type {
        SHA1 => HashAlgorithm::Sha1,
        SHA256 => HashAlgorithm::Sha256,
        _ => return None,
    };
    Some(hash.digest(&[key.blob()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = include_str!("../tests/data/ed25519.pub");
    const RSA: &str = include_str!("../tests/data/rsa.pub");

    fn record(line: &str, digest_type: u8, secure: bool) -> SshfpRecord {
        SshfpRecord { secure, ..SshfpRecord::of(&line.parse().unwrap(), digest_type).unwrap() }
    }

    #[test]
    fn only_authenticated_sha256_is_called_secure() {
        let key: PublicKey = ED25519.parse().unwrap();
        let verdict = |records: &[SshfpRecord]| SshfpRecord::verdict(records, &key);
        assert_eq!(verdict(&[]), SshfpVerdict::NoRecords);
        assert_eq!(verdict(&[record(ED25519, 2, true)]), SshfpVerdict::Matching { secure: true });
        assert_eq!(verdict(&[record(ED25519, 2, false)]), SshfpVerdict::Matching { secure: false });
        assert_eq!(verdict(&[record(ED25519, 1, true)]), SshfpVerdict::Matching { secure: false });
        let mixed = [record(ED25519, 2, true), record(RSA, 2, false)];
        assert_eq!(verdict(&mixed), SshfpVerdict::Matching { secure: false });
    }

    #[test]
    fn another_key_is_different_whatever_else_matches() {
        let key: PublicKey = ED25519.parse().unwrap();
        let verdict = |records: &[SshfpRecord]| SshfpRecord::verdict(records, &key);
        let wrong = |digest_type| SshfpRecord { digest: vec![0; 32], ..record(ED25519, digest_type, true) };
        assert_eq!(verdict(&[record(RSA, 2, true)]), SshfpVerdict::Different);
        assert_eq!(verdict(&[wrong(2)]), SshfpVerdict::Different);
        // The better digest decides, and a cut one is none.
        assert_eq!(verdict(&[wrong(2), record(ED25519, 1, true)]), SshfpVerdict::Different);
        assert_eq!(verdict(&[wrong(1), record(ED25519, 2, true)]), SshfpVerdict::Matching { secure: true });
        assert_eq!(verdict(&[wrong(2), record(ED25519, 2, true)]), SshfpVerdict::Different);
        let cut = SshfpRecord { digest: Vec::new(), ..record(ED25519, 2, true) };
        assert_eq!(verdict(&[cut]), SshfpVerdict::Different);
        // A digest of an unknown type says nothing for it.
        let unknown = SshfpRecord { digest_type: 3, ..record(ED25519, 2, true) };
        assert_eq!(verdict(&[unknown]), SshfpVerdict::Different);
    }
}
