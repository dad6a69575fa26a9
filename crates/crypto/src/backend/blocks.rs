//! The block ciphers of 64 bits (RFC 4253 section 6.3, RFC 4344 section 4), which aws-lc-rs does not have: one block at a time.

use blowfish::Blowfish;
use des::TdesEde3;
use des::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

use crate::CryptoError;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 8;
/// Bytes of a Blowfish key with CBC (RFC 4253 section 6.3). The cipher itself would take many lengths.
pub(crate) const BLOWFISH_KEY: usize = 16;
/// Bytes of a Blowfish key in counter mode (RFC 4344 section 4).
pub(crate) const BLOWFISH_CTR_KEY: usize = 32;
/// Bytes of the three keys of 3DES, parity bits included.
pub(crate) const TRIPLE_DES_KEY: usize = 24;

/// A key, expanded; wiped when dropped.
pub(crate) enum SmallBlocks {
    Blowfish(Box<Blowfish>),
    TripleDes(Box<TdesEde3>),
}

impl SmallBlocks {
    pub(crate) fn blowfish<const KEY: usize>(key: &[u8]) -> Result<Self, CryptoError> {
        let key: &[u8; KEY] = key.try_into().map_err(|_| CryptoError::BadKey)?;
        let key = Blowfish::new_from_slice(key).map_err(|_| CryptoError::BadKey)?;
        Ok(Self::Blowfish(Box::new(key)))
    }

    pub(crate) fn triple_des(key: &[u8]) -> Result<Self, CryptoError> {
        let key: &[u8; TRIPLE_DES_KEY] = key.try_into().map_err(|_| CryptoError::BadKey)?;
        Ok(Self::TripleDes(Box::new(TdesEde3::new(key.into()))))
    }

    pub(crate) fn encrypt_block(&self, block: &mut [u8; BLOCK]) {
        match self {
            Self::Blowfish(key) => key.encrypt_block(block.into()),
            Self::TripleDes(key) => key.encrypt_block(block.into()),
        }
    }

    pub(crate) fn decrypt_block(&self, block: &mut [u8; BLOCK]) {
        match self {
            Self::Blowfish(key) => key.decrypt_block(block.into()),
            Self::TripleDes(key) => key.decrypt_block(block.into()),
        }
    }
}
