//! The CBC ciphers of old (RFC 4253 section 6.3), with a MAC before or after.

use crate::CryptoError;
use crate::cbc::{BlockCipher, CbcDecryptor, CbcEncryptor};
use crate::cipher::{Cipher, CipherKeys, Opener, Sealer};

use super::separate::{Decrypts, Encrypts, Mode, Separate};

#[derive(Debug)]
pub(crate) struct Cbc {
    pub(crate) name: &'static str,
    pub(crate) cipher: BlockCipher,
}

impl Cbc {
    fn mode(&self) -> Mode {
        Mode { block: self.cipher.block_len(), is_chained: true }
    }
}

impl Cipher for Cbc {
    fn name(&self) -> &'static str {
        self.name
    }

    fn key_len(&self) -> usize {
        self.cipher.key_len()
    }

    fn iv_len(&self) -> usize {
        self.cipher.block_len()
    }

    fn is_aead(&self) -> bool {
        false
    }

    fn max_bytes(&self) -> Option<u64> {
        super::small_block_volume(self.cipher.block_len())
    }

    fn sealer(&self, keys: CipherKeys<'_>) -> Result<Box<dyn Sealer>, CryptoError> {
        Ok(Separate::new(CbcEncryptor::new(self.cipher, keys.key, keys.iv)?, self.mode(), keys)?)
    }

    fn opener(&self, keys: CipherKeys<'_>) -> Result<Box<dyn Opener>, CryptoError> {
        Ok(Separate::new(CbcDecryptor::new(self.cipher, keys.key, keys.iv)?, self.mode(), keys)?)
    }
}

impl Encrypts for CbcEncryptor {
    fn encrypt(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        CbcEncryptor::encrypt(self, bytes)
    }
}

impl Decrypts for CbcDecryptor {
    fn decrypt(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        CbcDecryptor::decrypt(self, bytes)
    }

    fn peek(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        CbcDecryptor::peek(self, bytes)
    }
}
