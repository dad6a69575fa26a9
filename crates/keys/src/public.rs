use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use base64ct::{Base64, Encoding};
use feramiko_crypto::signing::{PublicParts, SignatureScheme};
use feramiko_wire::Reader;

use crate::algorithm::{MIN_RSA_BITS, signature_algorithms};
use crate::parts::{Parts, write_blob};
use crate::{Fingerprint, KeyError, SkDetails, file, fingerprint, randomart, rfc4716, signature};

/// A public key. Cheap to clone; equal when the blobs are.
#[derive(Clone)]
pub struct PublicKey {
    blob: Arc<[u8]>,
    parts: Parts,
}

impl PublicKey {
    /// From a key blob: RFC 4253 section 6.6 (RSA), RFC 5656 section 3.1, RFC 8709 section 4.
    ///
    /// The name is looked at before anything else; integers are canonical and nothing may follow, so
    /// one key has one blob. RSA moduli are odd, of 2048 to 8192 bits, with an odd exponent of 3 up to
    /// 2^24 - 1. Whether an ECDSA point is on its curve shows when a signature is verified.
    pub fn from_blob(blob: &[u8]) -> Result<Self, KeyError> {
        Self::from_blob_with_rsa_floor(blob, MIN_RSA_BITS)
    }

    /// As [`from_blob`](Self::from_blob), for old machines: with another least number of bits for RSA
    /// moduli. The floor is at least 1024 bits, whatever is asked.
    pub fn from_blob_with_rsa_floor(blob: &[u8], min_rsa_bits: usize) -> Result<Self, KeyError> {
        let damaged = KeyError::damaged_by("public key");
        let mut reader = Reader::new(blob);
        let name = reader.string().map_err(&damaged)?;
        let parts = Parts::read(name, &mut reader, min_rsa_bits)?;
        reader.finish().map_err(damaged)?;
        Ok(Self { blob: blob.into(), parts })
    }

    /// From its parts, checked as [`from_blob`](Self::from_blob) does.
    pub fn from_parts(parts: PublicParts<'_>) -> Result<Self, KeyError> {
        Self::from_blob(&write_blob(parts)?)
    }

    /// From a line as in a `.pub` file: type, base64, comment. Answers the comment too.
    pub fn from_line(line: &str) -> Result<(Self, String), KeyError> {
        Self::from_line_with_rsa_floor(line, MIN_RSA_BITS)
    }

    /// As [`from_line`](Self::from_line), with the floor of [`from_blob_with_rsa_floor`](Self::from_blob_with_rsa_floor).
    pub fn from_line_with_rsa_floor(line: &str, min_rsa_bits: usize) -> Result<(Self, String), KeyError> {
        let line = line.trim();
        if line.contains(['\n', '\r', '\0']) {
            return Err(KeyError::damaged("public key line", "more than one line"));
        }
        let mut words = line.splitn(2, [' ', '\t']);
        let name = words.next().unwrap_or_default();
        let rest = words.next().unwrap_or_default().trim_start();
        let mut words = rest.splitn(2, [' ', '\t']);
        let base64 = words.next().unwrap_or_default();
        let comment = words.next().unwrap_or_default().trim_start();
        if base64.is_empty() {
            return Err(KeyError::damaged("public key line", "not a type, a space and base64"));
        }
        let blob = Base64::decode_vec(base64)
            .map_err(|_| KeyError::damaged("public key line", "the key is not base64"))?;
        let key = Self::from_blob_with_rsa_floor(&blob, min_rsa_bits)?;
        if key.algorithm() != name {
            return Err(KeyError::damaged("public key line", "the type in front is not that of the key"));
        }
        Ok((key, comment.to_owned()))
    }

    /// From the text of a file as RFC 4716 has it, which ssh.com, PuTTY and many devices write. Answers the comment too.
    ///
    /// # Errors
    ///
    /// As [`from_blob`](Self::from_blob); [`Damaged`](KeyError::Damaged) for what is no such file.
    pub fn from_rfc4716(text: &str) -> Result<(Self, String), KeyError> {
        rfc4716::read(text, MIN_RSA_BITS)
    }

    /// The text of a file as RFC 4716 has it. Control characters of the comment are left out.
    pub fn to_rfc4716(&self, comment: &str) -> String {
        rfc4716::write(self, comment)
    }

    /// The first key of a file of public key lines; empty lines and those that begin with `#` are passed over. A file as
    /// RFC 4716 has it will do too.
    ///
    /// Regular files of up to 1 MiB only.
    pub fn load_file(path: impl AsRef<Path>) -> Result<(Self, String), KeyError> {
        Self::load_file_with_rsa_floor(path, MIN_RSA_BITS)
    }

    /// As [`load_file`](Self::load_file), with the floor of [`from_blob_with_rsa_floor`](Self::from_blob_with_rsa_floor).
    pub fn load_file_with_rsa_floor(
        path: impl AsRef<Path>,
        min_rsa_bits: usize,
    ) -> Result<(Self, String), KeyError> {
        let text = file::read(path.as_ref(), file::MAX_KEY_FILE)?;
        let text = String::from_utf8_lossy(&text);
        if rfc4716::is_rfc4716(&text) {
            return rfc4716::read(&text, min_rsa_bits);
        }
        let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        Self::from_line_with_rsa_floor(line.unwrap_or_default(), min_rsa_bits)
    }

    /// The blob, byte for byte as it was received.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// The type: `ssh-ed25519`, `ssh-rsa`, `ecdsa-sha2-nistp256`.
    pub fn algorithm(&self) -> &'static str {
        self.parts.algorithm()
    }

    /// The key taken apart, for a [`SignatureScheme`].
    pub fn parts(&self) -> PublicParts<'_> {
        self.parts.lent()
    }

    /// Bits, as `ssh-keygen -l` counts them: of the modulus, of the field, 256 for Ed25519 and the composite.
    pub fn bits(&self) -> usize {
        self.parts.bits()
    }

    /// Whether the private key is in a FIDO device: `sk-ssh-ed25519@openssh.com`, `sk-ecdsa-sha2-nistp256@openssh.com`.
    pub fn is_security_key(&self) -> bool {
        matches!(self.parts, Parts::SkEd25519 { .. } | Parts::SkEcdsa { .. })
    }

    /// A line as in a `.pub` file, without a line end. Control characters of the comment are left out,
    /// so that it stays one line.
    pub fn to_line(&self, comment: &str) -> String {
        let comment: String = comment.chars().filter(|c| !c.is_control()).collect();
        let comment = comment.trim();
        let space = if comment.is_empty() { "" } else { " " };
        format!("{} {}{space}{comment}", self.algorithm(), Base64::encode_string(&self.blob))
    }

    /// The SHA-256 fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.blob)
    }

    /// The fingerprint of old: `MD5:` and 16 bytes in hexadecimal.
    pub fn fingerprint_md5(&self) -> String {
        fingerprint::md5(&self.blob)
    }

    /// The picture of the SHA-256 fingerprint that `ssh-keygen -lv` draws: 11 lines, the last without its end.
    pub fn randomart(&self) -> String {
        randomart::draw(self)
    }

    /// The type as people say it, and as `ssh-keygen -l` prints it: `ED25519`, `RSA`, `ECDSA-SK`.
    pub fn short_name(&self) -> &'static str {
        self.parts.short_name()
    }

    /// The signature algorithms that this key can be used with, best first.
    pub fn signature_algorithms(&self) -> &'static [&'static str] {
        signature_algorithms(self.algorithm())
    }

    /// Verifies a signature blob (RFC 4253 section 6.6) over `message`.
    ///
    /// The scheme must be one for this type of key, and the format named in the signature must be the
    /// scheme's own name: a signature by another algorithm is not one, even if it would verify. A FIDO device must say
    /// that somebody touched it: see [`verify_details`](Self::verify_details) where that is not asked for.
    pub fn verify(
        &self,
        scheme: &dyn SignatureScheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), KeyError> {
        match self.verify_details(scheme, message, signature)? {
            Some(details) if !details.user_present() => Err(KeyError::NotTouched),
            _ => Ok(()),
        }
    }

    /// As [`verify`](Self::verify), but leaves it to the caller what a FIDO device must say (`no-touch-required` and
    /// `verify-required` of sshd(8)); for other keys there are no details.
    pub fn verify_details(
        &self,
        scheme: &dyn SignatureScheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<Option<SkDetails>, KeyError> {
        if scheme.key_type() != self.algorithm() {
            return Err(KeyError::WrongAlgorithm {
                algorithm: scheme.name().to_owned(),
                key_type: self.algorithm().to_owned(),
            });
        }
        let raw = signature::open(signature, scheme.name(), self.parts())?;
        scheme.verify(self.parts(), message, &raw.bytes)?;
        Ok(raw.details)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.blob == other.blob
    }
}

impl Eq for PublicKey {}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.blob.hash(state);
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.algorithm(), self.fingerprint())
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    /// As [`PublicKey::from_line`], without the comment.
    fn from_str(line: &str) -> Result<Self, KeyError> {
        Ok(Self::from_line(line)?.0)
    }
}

#[cfg(test)]
mod tests;
