//! PuTTY's private key files, `.ppk` of versions 2 and 3 (appendix C of PuTTY's manual).

mod protect;
mod write;

use base64ct::{Base64, Encoding};
use feramiko_crypto::signing::PublicParts;
use feramiko_crypto::{RsaParts, Secret};
use feramiko_wire::Reader;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use self::protect::{Argon, Keys};
pub use self::write::PpkVersion;
pub(crate) use self::write::write;
use crate::algorithm::LEAST_RSA_BITS;
use crate::dek::hex;
use crate::error::printable;
use crate::secret_key::SecretKey;
use crate::{KeyError, PublicKey};

const PLACE: &str = "ppk file";
const MAGIC: &[u8] = b"PuTTY-User-Key-File-";
/// The one cipher; the plaintext is padded to its block.
const CIPHER: &str = "aes256-cbc";
const BLOCK: usize = 16;

/// Whether a text is such a file, of any version.
pub(crate) fn is_ppk(text: &[u8]) -> bool {
    text.starts_with(MAGIC)
}

/// A file taken apart.
pub(crate) struct File<'a> {
    pub(crate) version: PpkVersion,
    pub(crate) public: PublicKey,
    comment: &'a [u8],
    /// Whether there is a cipher.
    pub(crate) sealed: bool,
    argon: Option<Argon>,
    private: Zeroizing<Vec<u8>>,
    mac: Vec<u8>,
}

impl<'a> File<'a> {
    pub(crate) fn parse(text: &'a [u8]) -> Result<Self, KeyError> {
        let mut lines = Lines(text);
        let (first, algorithm) = lines.any_field()?;
        let version = match first.strip_prefix(MAGIC) {
            Some(b"3") => PpkVersion::V3,
            Some(b"2") => PpkVersion::V2,
            Some(number) => {
                let number = printable(number);
                return Err(KeyError::UnsupportedFormat { name: format!("PuTTY's ppk version {number}") });
            }
            None => return Err(KeyError::damaged(PLACE, "its first line is not that of a ppk file")),
        };
        let sealed = match lines.field(b"Encryption")? {
            b"none" => false,
            cipher if cipher == CIPHER.as_bytes() => true,
            cipher => return Err(KeyError::UnsupportedCipher { name: printable(cipher) }),
        };
        let comment = lines.field(b"Comment")?;
        let public = PublicKey::from_blob_with_rsa_floor(&lines.base64(b"Public-Lines")?, LEAST_RSA_BITS)?;
        if public.algorithm().as_bytes() != algorithm {
            return Err(KeyError::damaged(PLACE, "the type in front is not that of the key"));
        }
        let argon = if sealed && version == PpkVersion::V3 { Some(read_argon(&mut lines)?) } else { None };
        let private = lines.base64(b"Private-Lines")?;
        let mac = std::str::from_utf8(lines.field(b"Private-MAC")?).ok().and_then(hex);
        let mac = mac.ok_or_else(|| KeyError::damaged(PLACE, "the MAC is not hexadecimal"))?;
        Ok(Self { version, public, comment, sealed, argon, private, mac })
    }

    /// The name of the key derivation, where there is one.
    pub(crate) fn kdf(&self) -> Option<&'static str> {
        match (self.sealed, &self.argon) {
            (false, _) => None,
            (true, Some(argon)) => Some(argon.name()),
            (true, None) => Some("SHA-1"),
        }
    }

    pub(crate) fn comment(&self) -> String {
        String::from_utf8_lossy(self.comment).chars().filter(|c| !c.is_control()).collect()
    }

    /// Decrypts, checks the MAC over everything, and only then reads.
    pub(crate) fn open(&self, passphrase: Option<&Secret>) -> Result<SecretKey, KeyError> {
        let passphrase = passphrase.filter(|passphrase| self.sealed && !passphrase.as_bytes().is_empty());
        if self.sealed && passphrase.is_none() {
            return Err(KeyError::PassphraseNeeded);
        }
        if self.sealed && (self.private.is_empty() || !self.private.len().is_multiple_of(BLOCK)) {
            return Err(KeyError::damaged(PLACE, "its length is not a multiple of the cipher's block"));
        }
        let keys = Keys::derive(self.version, passphrase, self.argon.as_ref())?;
        let mut private = self.private.clone();
        keys.open(&mut private)?;
        let mac = keys.mac(&self.public, self.sealed, self.comment, &private);
        if !bool::from(mac.ct_eq(&self.mac)) {
            return Err(match self.sealed {
                true => KeyError::WrongPassphrase,
                false => KeyError::damaged(PLACE, "the MAC does not fit: it was changed"),
            });
        }
        let mut reader = Reader::new(&private);
        let key = read_private(&self.public, &mut reader)?;
        if !self.sealed {
            reader.finish().map_err(KeyError::damaged_by(PLACE))?;
        }
        if key.public_key()? == self.public { Ok(key) } else { Err(KeyError::Mismatch) }
    }
}

fn read_argon(lines: &mut Lines<'_>) -> Result<Argon, KeyError> {
    let name = lines.field(b"Key-Derivation")?;
    let mut number = |key: &[u8]| {
        let digits = std::str::from_utf8(lines.field(key)?).unwrap_or_default();
        digits.parse::<u32>().map_err(|_| KeyError::damaged(PLACE, "a cost of Argon2 is not a number"))
    };
    let memory = number(b"Argon2-Memory")?;
    let passes = number(b"Argon2-Passes")?;
    let lanes = number(b"Argon2-Parallelism")?;
    let salt = std::str::from_utf8(lines.field(b"Argon2-Salt")?).ok().and_then(hex);
    let salt = salt.ok_or_else(|| KeyError::damaged(PLACE, "the salt is not hexadecimal"))?;
    Argon::new(name, memory, passes, lanes, salt)
}

/// The fields that the public part does not have.
fn read_private(public: &PublicKey, reader: &mut Reader<'_>) -> Result<SecretKey, KeyError> {
    let damaged = KeyError::damaged_by(PLACE);
    let mut number = || reader.mpint().map(|number| number.magnitude().to_vec()).map_err(&damaged);
    match public.parts() {
        PublicParts::Ed25519(key) => {
            // A number in little-endian order, as PuTTY sees it: zeros at its end may be left out.
            let bytes = reader.string().map_err(damaged)?;
            let mut seed = Zeroizing::new([0; 32]);
            if bytes.len() > seed.len() {
                return Err(KeyError::damaged(PLACE, "an Ed25519 seed has 32 bytes, and this one has not"));
            }
            for (to, from) in seed.iter_mut().zip(bytes) {
                *to = *from;
            }
            SecretKey::ed25519(&*seed, Some(key))
        }
        PublicParts::Ecdsa { curve, point } => {
            SecretKey::ecdsa(curve, Secret::new(number()?).as_bytes(), Some(point))
        }
        PublicParts::Rsa { n, e } => {
            let (d, p, q, iqmp) = (number()?.into(), number()?.into(), number()?.into(), number()?.into());
            SecretKey::rsa(&RsaParts { n: n.to_vec(), e: e.to_vec(), d, p, q, iqmp })
        }
        PublicParts::Dsa { p, q, g, y } => {
            let [p, q, g, y] = [p, q, g, y].map(<[u8]>::to_vec);
            let numbers = feramiko_crypto::DsaNumbers { p, q, g, y };
            SecretKey::dsa(&numbers, Secret::new(number()?).as_bytes())
        }
        _ => Err(KeyError::unsupported_type(public.algorithm().as_bytes())),
    }
}

/// The lines that are left of a file.
struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a [u8], KeyError> {
        if self.0.is_empty() {
            return Err(KeyError::damaged(PLACE, "it ends before its time"));
        }
        let end = self.0.iter().position(|byte| *byte == b'\n').unwrap_or(self.0.len());
        let (line, rest) = self.0.split_at_checked(end).unwrap_or((self.0, &[]));
        self.0 = rest.get(1..).unwrap_or_default();
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }

    fn any_field(&mut self) -> Result<(&'a [u8], &'a [u8]), KeyError> {
        let line = self.next()?;
        let colon = line.windows(2).position(|pair| pair == b": ");
        let (key, value) = colon
            .and_then(|colon| Some((line.get(..colon)?, line.get(colon + 2..)?)))
            .or_else(|| Some((line.strip_suffix(b":")?, &[][..])))
            .ok_or_else(|| KeyError::damaged(PLACE, "a line is not a name, a colon and a value"))?;
        Ok((key, value))
    }

    /// The value of the next line, which must have this name.
    fn field(&mut self, name: &[u8]) -> Result<&'a [u8], KeyError> {
        match self.any_field()? {
            (found, value) if found == name => Ok(value),
            _ => Err(KeyError::damaged(PLACE, "its lines are not those that must be there, in their order")),
        }
    }

    /// As many lines of base64 as this field says. No more is made room for than there is text.
    fn base64(&mut self, name: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let digits = std::str::from_utf8(self.field(name)?).unwrap_or_default();
        let count: usize =
            digits.parse().map_err(|_| KeyError::damaged(PLACE, "a number of lines is not a number"))?;
        let mut text = Zeroizing::new(String::with_capacity(self.0.len()));
        for _ in 0..count {
            text.push_str(std::str::from_utf8(self.next()?).unwrap_or("?"));
        }
        let bytes = Base64::decode_vec(&text);
        bytes.map(Zeroizing::new).map_err(|_| KeyError::damaged(PLACE, "a part is not base64"))
    }
}
