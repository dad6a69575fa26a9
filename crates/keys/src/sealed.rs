//! The encryption of OpenSSH's key files: bcrypt makes key and IV of the passphrase, a cipher opens.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::aead;
use aws_lc_rs::cipher::{AES_128, AES_192, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use feramiko_crypto::cbc::{BlockCipher, CbcDecryptor, CbcEncryptor};
use feramiko_crypto::{CryptoError, Secret};
use feramiko_wire::Reader;
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::KeyError;
use crate::error::printable;

/// The most bcrypt rounds that are done for a file (`docs/DEFECTS.md`, row 61); ssh-keygen writes 16 or 24.
pub(crate) const MAX_ROUNDS: u32 = 2048;
/// The rounds that we write, as OpenSSH 9.4 and later do.
pub(crate) const ROUNDS: u32 = 24;

/// A cipher of key files.
#[derive(Debug)]
pub(crate) struct FileCipher {
    pub(crate) name: &'static str,
    /// The plaintext is padded to a multiple of this.
    pub(crate) block: usize,
    /// Bytes of tag behind the ciphertext.
    pub(crate) tag: usize,
    key: usize,
    iv: usize,
    mode: Mode,
}

#[derive(Debug, Clone, Copy)]
enum Mode {
    Ctr,
    Cbc(BlockCipher),
    Gcm,
    ChaChaPoly,
}

const fn ctr(name: &'static str, key: usize) -> FileCipher {
    FileCipher { name, block: 16, tag: 0, key, iv: 16, mode: Mode::Ctr }
}

const fn cbc(name: &'static str, cipher: BlockCipher) -> FileCipher {
    let (block, key) = (cipher.block_len(), cipher.key_len());
    FileCipher { name, block, tag: 0, key, iv: block, mode: Mode::Cbc(cipher) }
}

const fn gcm(name: &'static str, key: usize) -> FileCipher {
    FileCipher { name, block: 16, tag: 16, key, iv: 12, mode: Mode::Gcm }
}

static CIPHERS: [FileCipher; 10] = [
    ctr("aes256-ctr", 32),
    ctr("aes192-ctr", 24),
    ctr("aes128-ctr", 16),
    gcm("aes256-gcm@openssh.com", 32),
    gcm("aes128-gcm@openssh.com", 16),
    FileCipher {
        name: "chacha20-poly1305@openssh.com",
        block: 8,
        tag: 16,
        key: 64,
        iv: 0,
        mode: Mode::ChaChaPoly,
    },
    cbc("aes256-cbc", BlockCipher::Aes256),
    cbc("aes192-cbc", BlockCipher::Aes192),
    cbc("aes128-cbc", BlockCipher::Aes128),
    cbc("3des-cbc", BlockCipher::TripleDes),
];

/// A cipher for OpenSSH's key files, one of those that `ssh-keygen -Z` takes.
///
/// ```
/// use feramiko_keys::KeyCipher;
///
/// assert_eq!(KeyCipher::default().to_string(), "aes256-ctr");
/// let cipher: KeyCipher = "chacha20-poly1305@openssh.com".parse()?;
/// assert!(KeyCipher::all().any(|known| known == cipher));
/// # Ok::<(), feramiko_keys::KeyError>(())
/// ```
#[derive(Clone, Copy)]
pub struct KeyCipher(pub(crate) &'static FileCipher);

impl KeyCipher {
    /// All of them; the first is the default.
    pub fn all() -> impl Iterator<Item = Self> {
        CIPHERS.iter().map(Self)
    }

    /// Its name, as `ssh-keygen -Z` takes it.
    pub fn name(self) -> &'static str {
        self.0.name
    }
}

impl Default for KeyCipher {
    /// aes256-ctr, as ssh-keygen has it.
    fn default() -> Self {
        let [first, ..] = &CIPHERS;
        Self(first)
    }
}

impl FromStr for KeyCipher {
    type Err = KeyError;

    fn from_str(name: &str) -> Result<Self, KeyError> {
        FileCipher::find(name.as_bytes()).map(Self)
    }
}

impl PartialEq for KeyCipher {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for KeyCipher {}

impl fmt::Debug for KeyCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyCipher({self})")
    }
}

impl fmt::Display for KeyCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

/// A cipher with the key that a passphrase gives.
pub(crate) struct FileKey {
    cipher: &'static FileCipher,
    material: Zeroizing<Vec<u8>>,
}

impl FileCipher {
    pub(crate) fn find(name: &[u8]) -> Result<&'static Self, KeyError> {
        CIPHERS
            .iter()
            .find(|cipher| cipher.name.as_bytes() == name)
            .ok_or_else(|| KeyError::UnsupportedCipher { name: printable(name) })
    }

    /// Derives with the options of a file: `string salt || uint32 rounds`. Bounded before it costs anything.
    pub(crate) fn unlock(&'static self, options: &[u8], passphrase: &Secret) -> Result<FileKey, KeyError> {
        let damaged = KeyError::damaged_by("key derivation options");
        let mut reader = Reader::new(options);
        let salt = reader.string().map_err(&damaged)?;
        let rounds = reader.u32().map_err(&damaged)?;
        reader.finish().map_err(damaged)?;
        if rounds > MAX_ROUNDS {
            let (asked, limit) = (rounds.into(), MAX_ROUNDS.into());
            return Err(KeyError::TooCostly { what: "bcrypt rounds", asked, limit });
        }
        self.derive(salt, rounds, passphrase)
    }

    pub(crate) fn derive(
        &'static self,
        salt: &[u8],
        rounds: u32,
        passphrase: &Secret,
    ) -> Result<FileKey, KeyError> {
        let mut material = Zeroizing::new(vec![0; self.key + self.iv]);
        bcrypt_pbkdf::bcrypt_pbkdf(passphrase.as_bytes(), salt, rounds, &mut material)
            .map_err(KeyError::damaged_by("key derivation options"))?;
        Ok(FileKey { cipher: self, material })
    }
}

impl FileKey {
    /// Decrypts in place. A tag that does not fit means the wrong passphrase: nothing can tell it from damage.
    pub(crate) fn open(&self, data: &mut [u8], tag: &[u8]) -> Result<(), KeyError> {
        let (key, iv) = self.split()?;
        match self.cipher.mode {
            Mode::Ctr => apply_ctr(key, iv, data),
            Mode::Cbc(cipher) => Ok(CbcDecryptor::new(cipher, key, iv)?.decrypt(data)?),
            Mode::Gcm => {
                let (key, nonce) = gcm_key(key, iv)?;
                key.open_in_place_separate_tag(nonce, aead::Aad::empty(), tag, data)
                    .map_err(|_| KeyError::WrongPassphrase)?;
                Ok(())
            }
            Mode::ChaChaPoly => {
                let (mut stream, tag_key) = chachapoly(key)?;
                if !bool::from(tag_key.compute_unpadded(data).as_slice().ct_eq(tag)) {
                    return Err(KeyError::WrongPassphrase);
                }
                stream.try_apply_keystream(data).map_err(|_| BACKEND)
            }
        }
    }

    /// Encrypts in place; answers the tag, which is empty with ciphers that have none.
    pub(crate) fn seal(&self, data: &mut [u8]) -> Result<Vec<u8>, KeyError> {
        let (key, iv) = self.split()?;
        match self.cipher.mode {
            Mode::Ctr => apply_ctr(key, iv, data)?,
            Mode::Cbc(cipher) => CbcEncryptor::new(cipher, key, iv)?.encrypt(data)?,
            Mode::Gcm => {
                let (key, nonce) = gcm_key(key, iv)?;
                let tag = key.seal_in_place_separate_tag(nonce, aead::Aad::empty(), data);
                return Ok(tag.map_err(|_| BACKEND)?.as_ref().to_vec());
            }
            Mode::ChaChaPoly => {
                let (mut stream, tag_key) = chachapoly(key)?;
                stream.try_apply_keystream(data).map_err(|_| BACKEND)?;
                return Ok(tag_key.compute_unpadded(data).as_slice().to_vec());
            }
        }
        Ok(Vec::new())
    }

    fn split(&self) -> Result<(&[u8], &[u8]), KeyError> {
        self.material.split_at_checked(self.cipher.key).ok_or(BACKEND)
    }
}

const BACKEND: KeyError = KeyError::Crypto(CryptoError::Backend);

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| BACKEND)?;
    Ok(bytes)
}

/// So many random bytes.
pub(crate) fn random_bytes(count: usize) -> Result<Vec<u8>, KeyError> {
    let mut bytes = vec![0; count];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| BACKEND)?;
    Ok(bytes)
}

/// Counter mode, which is the same both ways.
fn apply_ctr(key: &[u8], iv: &[u8], data: &mut [u8]) -> Result<(), KeyError> {
    let iv: &[u8; 16] = iv.try_into().map_err(|_| BACKEND)?;
    let algorithm = match key.len() {
        16 => &AES_128,
        24 => &AES_192,
        _ => &AES_256,
    };
    let key = UnboundCipherKey::new(algorithm, key).map_err(|_| BACKEND)?;
    let key = EncryptingKey::ctr(key).map_err(|_| BACKEND)?;
    key.less_safe_encrypt(data, EncryptionContext::Iv128(iv.into())).map_err(|_| BACKEND)?;
    Ok(())
}

fn gcm_key(key: &[u8], iv: &[u8]) -> Result<(aead::LessSafeKey, aead::Nonce), KeyError> {
    let algorithm = if key.len() == 16 { &aead::AES_128_GCM } else { &aead::AES_256_GCM };
    let key = aead::UnboundKey::new(algorithm, key).map_err(|_| BACKEND)?;
    let nonce = aead::Nonce::try_assume_unique_for_key(iv).map_err(|_| BACKEND)?;
    Ok((aead::LessSafeKey::new(key), nonce))
}

/// OpenSSH's PROTOCOL.chacha20poly1305 with packet number 0 and nothing in front: the first half of the
/// key alone is used. Its 8-byte nonce of zeros gives the same stream as RFC 8439's 12 bytes of zeros.
fn chachapoly(key: &[u8]) -> Result<(ChaCha20, Poly1305), KeyError> {
    let key = key.first_chunk::<32>().ok_or(BACKEND)?;
    let mut stream = ChaCha20::new(key.into(), &[0; 12].into());
    // Block 0 gives the key of the tag; the text begins with block 1.
    let mut first = Zeroizing::new([0_u8; 64]);
    stream.try_apply_keystream(&mut *first).map_err(|_| BACKEND)?;
    let tag_key = first.first_chunk::<32>().ok_or(BACKEND)?;
    Ok((stream, Poly1305::new(tag_key.into())))
}
