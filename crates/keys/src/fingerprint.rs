use std::fmt;
use std::str::FromStr;

use base64ct::{Base64, Base64Unpadded, Encoding};
use feramiko_crypto::HashAlgorithm;
use md5::{Digest, Md5};

use crate::KeyError;

/// The SHA-256 of a public key's blob, shown as OpenSSH shows it.
///
/// ```
/// # use feramiko_keys::Fingerprint;
/// let text = "SHA256:g1L7bxAbtbD99lOGjO/RsNsWS/UDojVYh7rwKK7bQKM";
/// let pinned: Fingerprint = text.parse()?;
/// assert_eq!(pinned.to_string(), text);
/// # Ok::<(), feramiko_keys::KeyError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of a public key's blob.
    pub fn of(blob: &[u8]) -> Self {
        let mut digest = [0; 32];
        for (to, from) in digest.iter_mut().zip(HashAlgorithm::Sha256.digest(&[blob])) {
            *to = from;
        }
        Self(digest)
    }

    /// The digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// `MD5:` and 16 bytes in hexadecimal, as `ssh-keygen -l -E md5` prints; to compare with old notes only.
pub(crate) fn md5(blob: &[u8]) -> String {
    let bytes: Vec<String> = Md5::digest(blob).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("MD5:{}", bytes.join(":"))
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SHA256:{}", Base64Unpadded::encode_string(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = KeyError;

    /// Reads `SHA256:` and base64, with or without its `=`.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bad = || KeyError::damaged("fingerprint", "not SHA256: and 43 characters of base64");
        let base64 = text.trim().strip_prefix("SHA256:").ok_or_else(bad)?;
        let bytes = if base64.ends_with('=') {
            Base64::decode_vec(base64)
        } else {
            Base64Unpadded::decode_vec(base64)
        };
        let digest = bytes.map_err(|_| bad())?.try_into().map_err(|_| bad())?;
        Ok(Self(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_with_and_without_padding_and_nothing_else() {
        let shown = Fingerprint::of(b"blob").to_string();
        assert_eq!(shown.parse::<Fingerprint>().unwrap(), Fingerprint::of(b"blob"));
        assert_eq!(format!("{shown}=").parse::<Fingerprint>().unwrap(), Fingerprint::of(b"blob"));
        for bad in ["", "SHA256:", "MD5:aa", &shown[..49], &format!("{shown}A"), &shown.to_lowercase()] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }

    #[test]
    fn md5_is_that_of_rfc_1321() {
        assert_eq!(md5(b"abc"), "MD5:90:01:50:98:3c:d2:4f:b0:d6:96:3f:7d:28:e1:7f:72");
    }
}
