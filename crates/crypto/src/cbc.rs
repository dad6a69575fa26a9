//! Cipher block chaining (NIST SP 800-38A section 6.2) in place and without padding, for old packets and old
//! key files. It hides, but does not authenticate: whoever decrypts must know from elsewhere that the bytes are good.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext,
    UnboundCipherKey,
};
use zeroize::Zeroize;

use crate::CryptoError;
use crate::backend::blocks::{self, SmallBlocks};

/// A block cipher that SSH or a key file uses in CBC mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockCipher {
    /// AES with a key of 128 bits.
    Aes128,
    /// AES with a key of 192 bits.
    Aes192,
    /// AES with a key of 256 bits.
    Aes256,
    /// DES three times, encrypting, decrypting and encrypting with three keys (168 bits that count).
    TripleDes,
    /// Blowfish with a key of 128 bits.
    Blowfish,
}

impl BlockCipher {
    /// Bytes of a block, and of the initial vector.
    pub const fn block_len(self) -> usize {
        match self {
            Self::Aes128 | Self::Aes192 | Self::Aes256 => 16,
            Self::TripleDes | Self::Blowfish => blocks::BLOCK,
        }
    }

    /// Bytes of the key.
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
            Self::TripleDes => blocks::TRIPLE_DES_KEY,
            Self::Blowfish => blocks::BLOWFISH_KEY,
        }
    }

    fn check_lengths(self, key: &[u8], iv: &[u8]) -> Result<(), CryptoError> {
        let good = key.len() == self.key_len() && iv.len() == self.block_len();
        if good { Ok(()) } else { Err(CryptoError::BadKey) }
    }
}

fn aes(algorithm: &'static Algorithm, key: &[u8]) -> Result<UnboundCipherKey, CryptoError> {
    UnboundCipherKey::new(algorithm, key).map_err(|_| CryptoError::BadKey)
}

/// Encrypts a stream of blocks.
///
/// ```
/// use feramiko_crypto::cbc::{BlockCipher, CbcDecryptor, CbcEncryptor};
///
/// let (key, iv) = ([7; 24], [9; 8]);
/// let mut bytes = *b"sixteen bytes ..";
/// CbcEncryptor::new(BlockCipher::TripleDes, &key, &iv)?.encrypt(&mut bytes)?;
/// assert_ne!(&bytes, b"sixteen bytes ..");
/// CbcDecryptor::new(BlockCipher::TripleDes, &key, &iv)?.decrypt(&mut bytes)?;
/// assert_eq!(&bytes, b"sixteen bytes ..");
/// # Ok::<(), feramiko_crypto::CryptoError>(())
/// ```
pub struct CbcEncryptor {
    key: EncryptKey,
    chain: Chain,
}

enum EncryptKey {
    Aes(Box<EncryptingKey>),
    Small(SmallBlocks),
}

impl CbcEncryptor {
    /// With [`BlockCipher::key_len`] bytes of key and [`BlockCipher::block_len`] bytes of initial vector.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] if either has another length.
    pub fn new(cipher: BlockCipher, key: &[u8], iv: &[u8]) -> Result<Self, CryptoError> {
        cipher.check_lengths(key, iv)?;
        let aes = |algorithm| {
            let key = EncryptingKey::cbc(aes(algorithm, key)?).map_err(|_| CryptoError::BadKey)?;
            Ok(EncryptKey::Aes(Box::new(key)))
        };
        let key = match cipher {
            BlockCipher::Aes128 => aes(&AES_128)?,
            BlockCipher::Aes192 => aes(&AES_192)?,
            BlockCipher::Aes256 => aes(&AES_256)?,
            BlockCipher::TripleDes => EncryptKey::Small(SmallBlocks::triple_des(key)?),
            BlockCipher::Blowfish => {
                EncryptKey::Small(SmallBlocks::blowfish::<{ blocks::BLOWFISH_KEY }>(key)?)
            }
        };
        Ok(Self { key, chain: Chain::new(cipher, iv) })
    }

    /// Encrypts whole blocks, which follow those of earlier calls.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`] if these are no whole blocks; nothing has changed then.
    pub fn encrypt(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        self.chain.check_whole(bytes)?;
        match &self.key {
            EncryptKey::Small(key) => {
                let mut previous = self.chain.small();
                for block in bytes.as_chunks_mut::<{ blocks::BLOCK }>().0 {
                    for (byte, mask) in block.iter_mut().zip(previous) {
                        *byte ^= mask;
                    }
                    key.encrypt_block(block);
                    previous = *block;
                }
            }
            EncryptKey::Aes(key) => {
                let context = EncryptionContext::Iv128(self.chain.last.into());
                key.less_safe_encrypt(bytes, context).map_err(|_| CryptoError::Backend)?;
            }
        }
        self.chain.move_on(bytes);
        Ok(())
    }
}

/// Decrypts a stream of blocks; see [`CbcEncryptor`].
pub struct CbcDecryptor {
    key: DecryptKey,
    chain: Chain,
}

enum DecryptKey {
    Aes(Box<DecryptingKey>),
    Small(SmallBlocks),
}

impl CbcDecryptor {
    /// With [`BlockCipher::key_len`] bytes of key and [`BlockCipher::block_len`] bytes of initial vector.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] if either has another length.
    pub fn new(cipher: BlockCipher, key: &[u8], iv: &[u8]) -> Result<Self, CryptoError> {
        cipher.check_lengths(key, iv)?;
        let aes = |algorithm| {
            let key = DecryptingKey::cbc(aes(algorithm, key)?).map_err(|_| CryptoError::BadKey)?;
            Ok(DecryptKey::Aes(Box::new(key)))
        };
        let key = match cipher {
            BlockCipher::Aes128 => aes(&AES_128)?,
            BlockCipher::Aes192 => aes(&AES_192)?,
            BlockCipher::Aes256 => aes(&AES_256)?,
            BlockCipher::TripleDes => DecryptKey::Small(SmallBlocks::triple_des(key)?),
            BlockCipher::Blowfish => {
                DecryptKey::Small(SmallBlocks::blowfish::<{ blocks::BLOWFISH_KEY }>(key)?)
            }
        };
        Ok(Self { key, chain: Chain::new(cipher, iv) })
    }

    /// Decrypts whole blocks, which follow those of earlier calls.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`] if these are no whole blocks; nothing has changed then.
    pub fn decrypt(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        let mut next = self.chain.clone();
        next.check_whole(bytes)?;
        next.move_on(bytes);
        self.peek(bytes)?;
        self.chain = next;
        Ok(())
    }

    /// Decrypts whole blocks as [`decrypt`](Self::decrypt) would, without moving on.
    pub(crate) fn peek(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        self.chain.check_whole(bytes)?;
        match &self.key {
            DecryptKey::Small(key) => {
                let mut previous = self.chain.small();
                for block in bytes.as_chunks_mut::<{ blocks::BLOCK }>().0 {
                    let sealed = *block;
                    key.decrypt_block(block);
                    for (byte, mask) in block.iter_mut().zip(previous) {
                        *byte ^= mask;
                    }
                    previous = sealed;
                }
            }
            DecryptKey::Aes(key) => {
                let context = DecryptionContext::Iv128(self.chain.last.into());
                key.decrypt(bytes, context).map_err(|_| CryptoError::Backend)?;
            }
        }
        Ok(())
    }
}

/// The last block of ciphertext, which is mixed into the next one.
#[derive(Clone)]
struct Chain {
    block_len: usize,
    /// `block_len` bytes, and zeros.
    last: [u8; 16],
}

impl Chain {
    fn new(cipher: BlockCipher, iv: &[u8]) -> Self {
        let mut chain = Self { block_len: cipher.block_len(), last: [0; 16] };
        chain.move_on(iv);
        chain
    }

    /// For the ciphers with blocks of 8 bytes.
    fn small(&self) -> [u8; blocks::BLOCK] {
        let [a, b, c, d, e, f, g, h, ..] = self.last;
        [a, b, c, d, e, f, g, h]
    }

    fn check_whole(&self, bytes: &[u8]) -> Result<(), CryptoError> {
        if bytes.len().is_multiple_of(self.block_len) { Ok(()) } else { Err(CryptoError::Unsupported) }
    }

    fn move_on(&mut self, ciphertext: &[u8]) {
        for (old, new) in self.last.iter_mut().zip(ciphertext.rchunks(self.block_len).next().unwrap_or(&[])) {
            *old = *new;
        }
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.last.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::hex;

    const ALL: [BlockCipher; 5] = [
        BlockCipher::Aes128,
        BlockCipher::Aes192,
        BlockCipher::Aes256,
        BlockCipher::TripleDes,
        BlockCipher::Blowfish,
    ];

    /// NIST SP 800-38A appendix F.2.
    #[test]
    fn sp800_38a_vectors() {
        const TEXT: &str = "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
            30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710";
        const IV: &str = "000102030405060708090a0b0c0d0e0f";
        let vectors = [
            (
                BlockCipher::Aes128,
                "2b7e151628aed2a6abf7158809cf4f3c",
                "7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2
                 73bed6b8e3c1743b7116e69e22229516 3ff1caa1681fac09120eca307586e1a7",
            ),
            (
                BlockCipher::Aes192,
                "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
                "4f021db243bc633d7178183a9fa071e8 b4d9ada9ad7dedf4e5e738763f69145a
                 571b242012fb7ae07fa9baac3df102e0 08b0e27988598881d920a9e64f5615cd",
            ),
            (
                BlockCipher::Aes256,
                "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
                "f58c4c04d6e5f1ba779eabfb5f7bfbd6 9cfc4e967edb808d679f777bc6702c7d
                 39f23369a9d9bacfa530e26304231461 b2eb05e2c39be9fcda6c19078c6a9d1b",
            ),
        ];
        for (cipher, key, sealed) in vectors {
            check(cipher, key, IV, &hex(TEXT), sealed);
        }
    }

    /// NIST's TMOVS vectors as OpenSSL's tests have them (evpciph_des3_common.txt, DES-EDE3-CBC).
    #[test]
    fn triple_des_vector() {
        check(
            BlockCipher::TripleDes,
            "0123456789abcdeff1e0d3c2b5a49786fedcba9876543210",
            "fedcba9876543210",
            &hex("37363534333231204e6f77206973207468652074696d6520666f722000000000"),
            "3fe301c962ac01d02213763c1cbd4cdc799657c064ecf5d41c673812cfde9675",
        );
    }

    /// The vector of Eric Young that the author of Blowfish publishes (schneier.com, vectors.txt), whose last
    /// block is zero-padded.
    #[test]
    fn blowfish_vector() {
        check(
            BlockCipher::Blowfish,
            "0123456789abcdeff0e1d2c3b4a59687",
            "fedcba9876543210",
            b"7654321 Now is the time for \0\0\0\0",
            "6b77b4d63006dee605b156e27403979358deb9e7154616d959f1652bd5ff92cc",
        );
    }

    /// In one piece and in several, both ways.
    fn check(cipher: BlockCipher, key: &str, iv: &str, text: &[u8], sealed: &str) {
        let (key, iv, sealed) = (hex(key), hex(iv), hex(sealed));
        for piece in [text.len(), cipher.block_len()] {
            let mut bytes = text.to_vec();
            let mut encryptor = CbcEncryptor::new(cipher, &key, &iv).unwrap();
            for piece in bytes.chunks_mut(piece) {
                encryptor.encrypt(piece).unwrap();
            }
            assert_eq!(bytes, sealed, "{cipher:?} in pieces of {piece}");
            let mut decryptor = CbcDecryptor::new(cipher, &key, &iv).unwrap();
            for piece in bytes.chunks_mut(piece) {
                decryptor.decrypt(piece).unwrap();
            }
            assert_eq!(bytes, text, "{cipher:?} in pieces of {piece}");
        }
    }

    #[test]
    fn only_the_exact_lengths_are_taken() {
        for cipher in ALL {
            let (key, iv) = (vec![1; cipher.key_len()], vec![2; cipher.block_len()]);
            for (key_len, iv_len) in [(0, iv.len()), (key.len() - 1, iv.len()), (key.len(), iv.len() - 1)] {
                let refused = CbcEncryptor::new(cipher, &key[..key_len], &iv[..iv_len]).err();
                assert_eq!(refused, Some(CryptoError::BadKey));
                let refused = CbcDecryptor::new(cipher, &key[..key_len], &iv[..iv_len]).err();
                assert_eq!(refused, Some(CryptoError::BadKey));
            }
            let mut encryptor = CbcEncryptor::new(cipher, &key, &iv).unwrap();
            let mut decryptor = CbcDecryptor::new(cipher, &key, &iv).unwrap();
            assert_eq!(encryptor.encrypt(&mut []), Ok(()));
            for len in [1, 7, 9, 15, 17] {
                let mut bytes = vec![0; len];
                assert_eq!(encryptor.encrypt(&mut bytes), Err(CryptoError::Unsupported));
                assert_eq!(decryptor.decrypt(&mut bytes), Err(CryptoError::Unsupported));
                assert_eq!(bytes, vec![0; len]);
            }
            // What was refused left no trace.
            let mut bytes = [3; 64];
            encryptor.encrypt(&mut bytes).unwrap();
            decryptor.decrypt(&mut bytes).unwrap();
            assert_eq!(bytes, [3; 64]);
        }
    }
}
