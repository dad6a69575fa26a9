use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use base64ct::{Base64, Encoding};
use feramiko_crypto::signing::{Curve, PublicParts, SignatureScheme};
use feramiko_wire::{Reader, Writer};

use crate::algorithm::{
    LEAST_RSA_BITS, MAX_RSA_BITS, MIN_RSA_BITS, SSH_ED25519, SSH_RSA, ecdsa_curve, ecdsa_name,
    signature_algorithms,
};
use crate::{Fingerprint, KeyError, file, fingerprint, signature};

/// A public key. Cheap to clone; equal when the blobs are.
#[derive(Clone)]
pub struct PublicKey {
    blob: Arc<[u8]>,
    parts: Parts,
}

#[derive(Clone)]
enum Parts {
    Ed25519([u8; 32]),
    Ecdsa { curve: Curve, point: Arc<[u8]> },
    Rsa { n: Arc<[u8]>, e: Arc<[u8]> },
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
        let parts = if name == SSH_ED25519.as_bytes() {
            let key = reader.string().map_err(&damaged)?;
            Parts::Ed25519(key.try_into().map_err(|_| {
                KeyError::damaged("public key", "an Ed25519 key has 32 bytes, and this one has not")
            })?)
        } else if name == SSH_RSA.as_bytes() {
            read_rsa(&mut reader, min_rsa_bits)?
        } else if let Some(curve) = ecdsa_curve(name) {
            read_ecdsa(&mut reader, curve)?
        } else {
            return Err(KeyError::unsupported_type(name));
        };
        reader.finish().map_err(damaged)?;
        Ok(Self { blob: blob.into(), parts })
    }

    /// From its parts, checked as [`from_blob`](Self::from_blob) does.
    pub fn from_parts(parts: PublicParts<'_>) -> Result<Self, KeyError> {
        let mut blob = Vec::new();
        let mut writer = Writer::new(&mut blob);
        match parts {
            PublicParts::Ed25519(key) => {
                writer.string(SSH_ED25519.as_bytes());
                writer.string(key);
            }
            PublicParts::Ecdsa { curve, point } => {
                writer.string(ecdsa_name(curve).as_bytes());
                writer.string(curve.name().as_bytes());
                writer.string(point);
            }
            PublicParts::Rsa { n, e } => {
                writer.string(SSH_RSA.as_bytes());
                writer.mpint(e);
                writer.mpint(n);
            }
            _ => return Err(KeyError::unsupported_type(b"unknown")),
        }
        Self::from_blob(&blob)
    }

    /// From a line as in a `.pub` file: type, base64, comment. Answers the comment too.
    pub fn from_line(line: &str) -> Result<(Self, String), KeyError> {
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
        let key = Self::from_blob(&blob)?;
        if key.algorithm() != name {
            return Err(KeyError::damaged("public key line", "the type in front is not that of the key"));
        }
        Ok((key, comment.to_owned()))
    }

    /// The first key of a file of public key lines; empty lines and those that begin with `#` are passed over.
    ///
    /// Regular files of up to 1 MiB only.
    pub fn load_file(path: impl AsRef<Path>) -> Result<(Self, String), KeyError> {
        let text = file::read(path.as_ref(), file::MAX_KEY_FILE)?;
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        Self::from_line(line.unwrap_or_default())
    }

    /// The blob, byte for byte as it was received.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// The type: `ssh-ed25519`, `ssh-rsa`, `ecdsa-sha2-nistp256`.
    pub fn algorithm(&self) -> &'static str {
        match &self.parts {
            Parts::Ed25519(_) => SSH_ED25519,
            Parts::Ecdsa { curve, .. } => ecdsa_name(*curve),
            Parts::Rsa { .. } => SSH_RSA,
        }
    }

    /// The key taken apart, for a [`SignatureScheme`].
    pub fn parts(&self) -> PublicParts<'_> {
        match &self.parts {
            Parts::Ed25519(key) => PublicParts::Ed25519(key),
            Parts::Ecdsa { curve, point } => PublicParts::Ecdsa { curve: *curve, point },
            Parts::Rsa { n, e } => PublicParts::Rsa { n, e },
        }
    }

    /// Bits, as `ssh-keygen -l` counts them: of the modulus, of the field, 256 for Ed25519.
    pub fn bits(&self) -> usize {
        match &self.parts {
            Parts::Ed25519(_) | Parts::Ecdsa { curve: Curve::P256, .. } => 256,
            Parts::Ecdsa { curve: Curve::P384, .. } => 384,
            Parts::Ecdsa { curve: Curve::P521, .. } => 521,
            Parts::Rsa { n, .. } => feramiko_wire::Mpint::from_magnitude(n).bits(),
        }
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

    /// The signature algorithms that this key can be used with, best first.
    pub fn signature_algorithms(&self) -> &'static [&'static str] {
        signature_algorithms(self.algorithm())
    }

    /// Verifies a signature blob (RFC 4253 section 6.6) over `message`.
    ///
    /// The scheme must be one for this type of key, and the format named in the signature must be the
    /// scheme's own name: a signature by another algorithm is not one, even if it would verify.
    pub fn verify(
        &self,
        scheme: &dyn SignatureScheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), KeyError> {
        if scheme.key_type() != self.algorithm() {
            return Err(KeyError::WrongAlgorithm {
                algorithm: scheme.name().to_owned(),
                key_type: self.algorithm().to_owned(),
            });
        }
        let raw = signature::open(signature, scheme.name(), self.parts())?;
        Ok(scheme.verify(self.parts(), message, &raw)?)
    }
}

fn read_ecdsa(reader: &mut Reader<'_>, curve: Curve) -> Result<Parts, KeyError> {
    let damaged = KeyError::damaged_by("ECDSA public key");
    if reader.string().map_err(&damaged)? != curve.name().as_bytes() {
        return Err(KeyError::damaged("ECDSA public key", "the curve is not the one of its type"));
    }
    let point = reader.string().map_err(damaged)?;
    // Compressed points and the point at infinity are not used in SSH (RFC 5656 section 3.1).
    if point.len() != 1 + 2 * curve.field_len() || point.first() != Some(&4) {
        return Err(KeyError::damaged("ECDSA public key", "not an uncompressed point of its curve"));
    }
    Ok(Parts::Ecdsa { curve, point: point.into() })
}

fn read_rsa(reader: &mut Reader<'_>, min_bits: usize) -> Result<Parts, KeyError> {
    let e = reader.mpint().map_err(KeyError::damaged_by("RSA exponent"))?;
    let n = reader.mpint().map_err(KeyError::damaged_by("RSA modulus"))?;
    let min = min_bits.clamp(LEAST_RSA_BITS, MAX_RSA_BITS);
    if !(min..=MAX_RSA_BITS).contains(&n.bits()) {
        return Err(KeyError::RsaSize { bits: n.bits(), min, max: MAX_RSA_BITS });
    }
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    if !odd(n.magnitude()) {
        return Err(KeyError::damaged("RSA modulus", "it is even"));
    }
    if !odd(e.magnitude()) || !(2..=24).contains(&e.bits()) {
        return Err(KeyError::damaged("RSA exponent", "not an odd number from 3 to 2^24 - 1"));
    }
    Ok(Parts::Rsa { n: n.magnitude().into(), e: e.magnitude().into() })
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
mod tests {
    use super::*;

    const ED25519: &str = include_str!("../tests/data/ed25519.pub");
    const RSA: &str = include_str!("../tests/data/rsa.pub");
    const ECDSA: [&str; 3] = [
        include_str!("../tests/data/ecdsa256.pub"),
        include_str!("../tests/data/ecdsa384.pub"),
        include_str!("../tests/data/ecdsa521.pub"),
    ];

    fn lines() -> impl Iterator<Item = &'static str> {
        [ED25519, RSA].into_iter().chain(ECDSA)
    }

    fn blob(name: &str, rest: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut blob = Vec::new();
        let mut writer = Writer::new(&mut blob);
        writer.string(name.as_bytes());
        rest(&mut writer);
        blob
    }

    fn rsa_blob(e: &[u8], n: &[u8]) -> Vec<u8> {
        blob("ssh-rsa", |writer| {
            writer.mpint(e);
            writer.mpint(n);
        })
    }

    #[test]
    fn lines_are_read_and_written_back_as_they_were() {
        for line in lines() {
            let (key, comment) = PublicKey::from_line(line).unwrap();
            assert_eq!(comment, "test key");
            assert_eq!(key.to_line(&comment), line.trim_end());
            assert_eq!(PublicKey::from_blob(key.blob()).unwrap(), key);
            assert_eq!(PublicKey::from_parts(key.parts()).unwrap(), key);
            assert_eq!(line.parse::<PublicKey>().unwrap(), key);
            assert!(line.starts_with(key.algorithm()));
        }
    }

    #[test]
    fn a_line_without_a_comment_ends_after_the_key() {
        let (key, _) = PublicKey::from_line(ED25519).unwrap();
        assert_eq!(key.to_line("").split(' ').count(), 2);
        assert_eq!(PublicKey::from_line(&key.to_line("")).unwrap().1, "");
    }

    #[test]
    fn lines_that_contradict_themselves_are_refused() {
        let (key, _) = PublicKey::from_line(ED25519).unwrap();
        let base64 = Base64::encode_string(key.blob());
        for bad in [
            format!("ssh-rsa {base64}"),
            format!("ssh-ed25519 {}", &base64[..base64.len() - 4]),
            format!("ssh-ed25519 {base64}AAAA"),
            "ssh-ed25519".to_owned(),
            base64.clone(),
            format!("ssh-ed25519 {base64}\nssh-ed25519 {base64}"),
            String::new(),
        ] {
            assert!(matches!(PublicKey::from_line(&bad), Err(KeyError::Damaged { .. })), "{bad}");
        }
    }

    #[test]
    fn defect_129_a_comment_cannot_add_a_line() {
        let (key, _) = PublicKey::from_line(ED25519).unwrap();
        let line = key.to_line("me\nssh-ed25519 AAAA evil\r\u{85}\u{7f}");
        assert_eq!(line.lines().count(), 1);
        assert!(!line.contains(char::is_control));
    }

    #[test]
    fn defect_058_rsa_numbers_are_bounded_before_they_cost_anything() {
        let modulus = |bits: usize| {
            let mut n = vec![0xff; bits.div_ceil(8)];
            n[0] >>= (8 - bits % 8) % 8;
            n
        };
        let size = |bits: usize| PublicKey::from_blob(&rsa_blob(&[1, 0, 1], &modulus(bits)));
        for bits in [2048, 2049, 3072, 8192] {
            assert_eq!(size(bits).unwrap().bits(), bits);
        }
        for bits in [1, 768, 1024, 2047, 8193, 65536] {
            assert_eq!(size(bits), Err(KeyError::RsaSize { bits, min: 2048, max: 8192 }));
        }
        for exponent in [&[][..], &[1], &[2], &[1, 0, 0], &[1, 0, 0, 1], &[0xff; 256]] {
            let key = PublicKey::from_blob(&rsa_blob(exponent, &modulus(2048)));
            assert!(matches!(key, Err(KeyError::Damaged { place: "RSA exponent", .. })), "{exponent:?}");
        }
        for exponent in [&[3][..], &[0xff, 0xff, 0xff]] {
            assert!(PublicKey::from_blob(&rsa_blob(exponent, &modulus(2048))).is_ok());
        }
        let mut even = modulus(2048);
        even[255] = 0xfe;
        assert!(PublicKey::from_blob(&rsa_blob(&[3], &even)).is_err());
    }

    #[test]
    fn short_rsa_keys_are_read_by_name_only() {
        let short = rsa_blob(&[3], &[0xff; 128]);
        assert!(PublicKey::from_blob(&short).is_err());
        assert_eq!(PublicKey::from_blob_with_rsa_floor(&short, 1024).unwrap().bits(), 1024);
        let shorter = rsa_blob(&[3], &[0xff; 96]);
        assert!(PublicKey::from_blob_with_rsa_floor(&shorter, 0).is_err());
    }

    #[test]
    fn defect_059_the_name_is_looked_at_before_the_key() {
        for name in ["ssh-dss", "ssh-ed25519-cert-v01@openssh.com", "x\x1b[31m"] {
            let claims_much = blob(name, |writer| writer.u32(u32::MAX));
            match PublicKey::from_blob(&claims_much) {
                Err(KeyError::UnsupportedType { name }) => assert!(!name.contains('\x1b')),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn defect_031_curve_and_type_agree() {
        let point = [&[4][..], &[7; 64]].concat();
        let with = |curve: &str, point: &[u8]| {
            PublicKey::from_blob(&blob("ecdsa-sha2-nistp256", |writer| {
                writer.string(curve.as_bytes());
                writer.string(point);
            }))
        };
        assert!(with("nistp256", &point).is_ok());
        assert!(with("nistp384", &point).is_err());
        assert!(with("nistp256", &point[..64]).is_err());
        assert!(with("nistp256", &[&[2][..], &[7; 32]].concat()).is_err());
        assert!(with("nistp256", &[0]).is_err());
        assert!(with("nistp256", &[]).is_err());
    }

    #[test]
    fn one_key_has_one_blob() {
        for line in lines() {
            let (key, _) = PublicKey::from_line(line).unwrap();
            assert!(PublicKey::from_blob(&[key.blob(), &[0]].concat()).is_err());
            for end in 0..key.blob().len() {
                assert!(PublicKey::from_blob(&key.blob()[..end]).is_err(), "{end}");
            }
        }
        let padded = blob("ssh-rsa", |writer| {
            writer.string(&[0, 3]);
            writer.mpint(&[0xff; 256]);
        });
        assert!(PublicKey::from_blob(&padded).is_err());
    }

    #[test]
    fn signature_algorithms_never_include_sha1() {
        let (rsa, _) = PublicKey::from_line(RSA).unwrap();
        assert_eq!(rsa.signature_algorithms(), ["rsa-sha2-512", "rsa-sha2-256"]);
        let (ed25519, _) = PublicKey::from_line(ED25519).unwrap();
        assert_eq!(ed25519.signature_algorithms(), ["ssh-ed25519"]);
    }
}
