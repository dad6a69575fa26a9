//! PEM encryption of old (RFC 1421's `DEK-Info` with OpenSSL's way from passphrase to key): one round of MD5.

use feramiko_crypto::Secret;
use feramiko_crypto::cbc::BlockCipher;
use md5::{Digest, Md5};
use zeroize::Zeroizing;

use crate::error::printable;
use crate::{KeyError, padded};

const PLACE: &str = "DEK-Info";
/// Bytes of the initial vector that salt the passphrase.
const SALT: usize = 8;
const CIPHERS: [(&str, BlockCipher); 4] = [
    ("AES-128-CBC", BlockCipher::Aes128),
    ("AES-192-CBC", BlockCipher::Aes192),
    ("AES-256-CBC", BlockCipher::Aes256),
    ("DES-EDE3-CBC", BlockCipher::TripleDes),
];

/// What a `DEK-Info` line says.
#[derive(Debug)]
pub(crate) struct Dek {
    pub(crate) name: &'static str,
    cipher: BlockCipher,
    iv: Vec<u8>,
}

impl Dek {
    /// Reads `AES-128-CBC,0123…`.
    pub(crate) fn parse(value: &str) -> Result<Self, KeyError> {
        let (name, iv) = value.split_once(',').unwrap_or((value, ""));
        let (name, cipher) = CIPHERS
            .into_iter()
            .find(|(known, _)| *known == name.trim())
            .ok_or_else(|| KeyError::UnsupportedCipher { name: printable(name.trim().as_bytes()) })?;
        let iv = hex(iv.trim()).filter(|iv| iv.len() == cipher.block_len()).ok_or_else(|| {
            KeyError::damaged(PLACE, "the initial vector is not as long as the cipher's block")
        })?;
        Ok(Self { name, cipher, iv })
    }

    pub(crate) fn open(&self, sealed: &[u8], passphrase: &Secret) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let mut key = Zeroizing::new(Vec::with_capacity(self.cipher.key_len() + 16));
        let salt = self.iv.get(..SALT).unwrap_or_default();
        let mut digest = Zeroizing::new(Vec::new());
        while key.len() < self.cipher.key_len() {
            let hash = Md5::new().chain_update(&*digest).chain_update(passphrase.as_bytes());
            *digest = hash.chain_update(salt).finalize().to_vec();
            key.extend_from_slice(&digest);
        }
        key.truncate(self.cipher.key_len());
        padded::open(self.cipher, &key, &self.iv, sealed)
    }
}

/// The bytes that a text of hexadecimal digits spells.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
