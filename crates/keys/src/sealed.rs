//! The encryption of OpenSSH's key files: bcrypt makes key and IV of the passphrase, a cipher opens.

use aws_lc_rs::aead;
use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext,
    UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
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
    Cbc,
    Gcm,
    ChaChaPoly,
}

const fn aes(name: &'static str, key: usize, mode: Mode) -> FileCipher {
    FileCipher { name, block: 16, tag: 0, key, iv: 16, mode }
}

const fn gcm(name: &'static str, key: usize) -> FileCipher {
    FileCipher { name, block: 16, tag: 16, key, iv: 12, mode: Mode::Gcm }
}

/// What we write with.
pub(crate) const AES256_CTR: FileCipher = aes("aes256-ctr", 32, Mode::Ctr);

static CIPHERS: [FileCipher; 9] = [
    AES256_CTR,
    aes("aes192-ctr", 24, Mode::Ctr),
    aes("aes128-ctr", 16, Mode::Ctr),
    aes("aes256-cbc", 32, Mode::Cbc),
    aes("aes192-cbc", 24, Mode::Cbc),
    aes("aes128-cbc", 16, Mode::Cbc),
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
];

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
            return Err(KeyError::TooCostly { rounds, limit: MAX_ROUNDS });
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
        let (key, iv) = self.material.split_at_checked(self.cipher.key).ok_or(BACKEND)?;
        match self.cipher.mode {
            Mode::Ctr => self.ctr(data),
            Mode::Cbc => {
                let context = DecryptionContext::Iv128(fixed_iv(iv)?);
                let key = DecryptingKey::cbc(aes_key(key)?).map_err(|_| BACKEND)?;
                key.decrypt(data, context).map_err(|_| BACKEND)?;
                Ok(())
            }
            Mode::Gcm => {
                let algorithm = if key.len() == 16 { &aead::AES_128_GCM } else { &aead::AES_256_GCM };
                let key = aead::UnboundKey::new(algorithm, key).map_err(|_| BACKEND)?;
                let nonce = aead::Nonce::try_assume_unique_for_key(iv).map_err(|_| BACKEND)?;
                aead::LessSafeKey::new(key)
                    .open_in_place_separate_tag(nonce, aead::Aad::empty(), tag, data)
                    .map_err(|_| KeyError::WrongPassphrase)?;
                Ok(())
            }
            Mode::ChaChaPoly => open_chachapoly(key, data, tag),
        }
    }

    /// Counter mode, which is the same both ways.
    pub(crate) fn ctr(&self, data: &mut [u8]) -> Result<(), KeyError> {
        let (key, iv) = self.material.split_at_checked(self.cipher.key).ok_or(BACKEND)?;
        let context = EncryptionContext::Iv128(fixed_iv(iv)?);
        let key = EncryptingKey::ctr(aes_key(key)?).map_err(|_| BACKEND)?;
        key.less_safe_encrypt(data, context).map_err(|_| BACKEND)?;
        Ok(())
    }
}

const BACKEND: KeyError = KeyError::Crypto(CryptoError::Backend);

fn fixed_iv(iv: &[u8]) -> Result<FixedLength<16>, KeyError> {
    iv.try_into().map(|iv: &[u8; 16]| FixedLength::from(iv)).map_err(|_| BACKEND)
}

fn aes_key(key: &[u8]) -> Result<UnboundCipherKey, KeyError> {
    let algorithm = match key.len() {
        16 => &AES_128,
        24 => &AES_192,
        _ => &AES_256,
    };
    UnboundCipherKey::new(algorithm, key).map_err(|_| BACKEND)
}

/// OpenSSH's PROTOCOL.chacha20poly1305 with packet number 0 and nothing in front: the first half of the
/// key alone is used. Its 8-byte nonce of zeros gives the same stream as RFC 8439's 12 bytes of zeros.
fn open_chachapoly(key: &[u8], data: &mut [u8], tag: &[u8]) -> Result<(), KeyError> {
    let key = key.first_chunk::<32>().ok_or(BACKEND)?;
    let mut stream = ChaCha20::new(key.into(), &[0; 12].into());
    // Block 0 gives the key of the tag; the text begins with block 1.
    let mut first = Zeroizing::new([0_u8; 64]);
    stream.try_apply_keystream(&mut *first).map_err(|_| BACKEND)?;
    let tag_key = first.first_chunk::<32>().ok_or(BACKEND)?;
    let expected = Poly1305::new(tag_key.into()).compute_unpadded(data);
    if !bool::from(expected.as_slice().ct_eq(tag)) {
        return Err(KeyError::WrongPassphrase);
    }
    stream.try_apply_keystream(data).map_err(|_| BACKEND)
}
