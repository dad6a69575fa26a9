//! aes128-ctr, aes192-ctr, aes256-ctr and blowfish-ctr (RFC 4344 section 4), with a MAC before or after.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroize;

use crate::CryptoError;
use crate::cipher::{Cipher, CipherKeys, Opener, Sealer};

use super::blocks::{self, SmallBlocks};
use super::separate::{Decrypts, Encrypts, Mode, Separate};

const BLOCK: usize = 16;

#[derive(Debug)]
pub(crate) struct AesCtr {
    name: &'static str,
    key_len: usize,
}

impl AesCtr {
    pub(crate) const AES128: Self = Self { name: "aes128-ctr", key_len: 16 };
    pub(crate) const AES192: Self = Self { name: "aes192-ctr", key_len: 24 };
    pub(crate) const AES256: Self = Self { name: "aes256-ctr", key_len: 32 };

    fn direction(&self, keys: CipherKeys<'_>) -> Result<Box<Separate<Stream>>, CryptoError> {
        let stream = Stream::new(self.algorithm(), keys.key, keys.iv)?;
        Separate::new(stream, Mode { block: BLOCK, is_chained: false }, keys)
    }

    fn algorithm(&self) -> &'static Algorithm {
        match self.key_len {
            16 => &AES_128,
            24 => &AES_192,
            _ => &AES_256,
        }
    }
}

impl Cipher for AesCtr {
    fn name(&self) -> &'static str {
        self.name
    }

    fn key_len(&self) -> usize {
        self.key_len
    }

    fn iv_len(&self) -> usize {
        BLOCK
    }

    fn is_aead(&self) -> bool {
        false
    }

    fn sealer(&self, keys: CipherKeys<'_>) -> Result<Box<dyn Sealer>, CryptoError> {
        Ok(self.direction(keys)?)
    }

    fn opener(&self, keys: CipherKeys<'_>) -> Result<Box<dyn Opener>, CryptoError> {
        Ok(self.direction(keys)?)
    }
}

/// blowfish-ctr, with a key of 256 bits.
#[derive(Debug)]
pub(crate) struct BlowfishCtr;

impl BlowfishCtr {
    fn direction(keys: CipherKeys<'_>) -> Result<Box<Separate<SmallStream>>, CryptoError> {
        let stream =
            SmallStream::new(SmallBlocks::blowfish::<{ blocks::BLOWFISH_CTR_KEY }>(keys.key)?, keys.iv)?;
        Separate::new(stream, Mode { block: blocks::BLOCK, is_chained: false }, keys)
    }
}

impl Cipher for BlowfishCtr {
    fn name(&self) -> &'static str {
        "blowfish-ctr"
    }

    fn key_len(&self) -> usize {
        blocks::BLOWFISH_CTR_KEY
    }

    fn iv_len(&self) -> usize {
        blocks::BLOCK
    }

    fn is_aead(&self) -> bool {
        false
    }

    fn max_bytes(&self) -> Option<u64> {
        super::small_block_volume(blocks::BLOCK)
    }

    fn sealer(&self, keys: CipherKeys<'_>) -> Result<Box<dyn Sealer>, CryptoError> {
        Ok(Self::direction(keys)?)
    }

    fn opener(&self, keys: CipherKeys<'_>) -> Result<Box<dyn Opener>, CryptoError> {
        Ok(Self::direction(keys)?)
    }
}

/// AES in counter mode. The backend's streaming key does not work in place, so the counter is ours.
struct Stream {
    key: EncryptingKey,
    /// Of the next block; 128 bits, big-endian on the wire, running over its end (RFC 4344 section 4).
    counter: u128,
}

impl Stream {
    fn new(algorithm: &'static Algorithm, key: &[u8], iv: &[u8]) -> Result<Self, CryptoError> {
        let iv = iv.try_into().map_err(|_| CryptoError::BadKey)?;
        let key = UnboundCipherKey::new(algorithm, key).map_err(|_| CryptoError::BadKey)?;
        let key = EncryptingKey::ctr(key).map_err(|_| CryptoError::BadKey)?;
        Ok(Self { key, counter: u128::from_be_bytes(iv) })
    }

    /// Adds the key stream to `bytes` without moving on.
    fn peek(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        let context = EncryptionContext::Iv128(FixedLength::from(self.counter.to_be_bytes()));
        self.key.less_safe_encrypt(bytes, context).map(drop).map_err(|_| CryptoError::Backend)
    }

    /// Adds the key stream to `bytes` and moves on by whole blocks.
    fn apply(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        self.peek(bytes)?;
        self.counter = self.counter.wrapping_add(bytes.len().div_ceil(BLOCK) as u128);
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.counter.zeroize();
    }
}

impl Encrypts for Stream {
    fn encrypt(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        self.apply(bytes)
    }
}

impl Decrypts for Stream {
    fn decrypt(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        self.apply(bytes)
    }

    fn peek(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        Stream::peek(self, bytes)
    }
}

/// A cipher with blocks of 8 bytes in counter mode.
struct SmallStream {
    key: SmallBlocks,
    /// Of the next block; 64 bits, big-endian on the wire, running over its end.
    counter: u64,
}

impl SmallStream {
    fn new(key: SmallBlocks, iv: &[u8]) -> Result<Self, CryptoError> {
        let iv = iv.try_into().map_err(|_| CryptoError::BadKey)?;
        Ok(Self { key, counter: u64::from_be_bytes(iv) })
    }

    /// Adds the key stream to `bytes`; answers the counter after it.
    fn stream(&self, bytes: &mut [u8]) -> u64 {
        let mut counter = self.counter;
        for piece in bytes.chunks_mut(blocks::BLOCK) {
            let mut block = counter.to_be_bytes();
            self.key.encrypt_block(&mut block);
            piece.iter_mut().zip(block).for_each(|(byte, mask)| *byte ^= mask);
            counter = counter.wrapping_add(1);
        }
        counter
    }
}

impl Encrypts for SmallStream {
    fn encrypt(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        self.counter = self.stream(bytes);
        Ok(())
    }
}

impl Decrypts for SmallStream {
    fn decrypt(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        self.encrypt(bytes)
    }

    fn peek(&self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        self.stream(bytes);
        Ok(())
    }
}

impl Drop for SmallStream {
    fn drop(&mut self) {
        self.counter.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Provider;
    use crate::backend::hex;

    /// NIST SP 800-38A appendix F.5.
    #[test]
    fn sp800_38a_vectors() {
        const TEXT: &str = "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
            30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710";
        const IV: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
        let vectors = [
            (
                &AES_128,
                "2b7e151628aed2a6abf7158809cf4f3c",
                "874d6191b620e3261bef6864990db6ce 9806f66b7970fdff8617187bb9fffdff
                 5ae4df3edbd5d35e5b4f09020db03eab 1e031dda2fbe03d1792170a0f3009cee",
            ),
            (
                &AES_192,
                "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
                "1abc932417521ca24f2b0459fe7e6e0b 090339ec0aa6faefd5ccc2c6f4ce8e94
                 1e36b26bd1ebc670d1bd1d665620abf7 4f78a7f6d29809585a97daec58c6b050",
            ),
            (
                &AES_256,
                "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
                "601ec313775789a5b7a7f504bbf3d228 f443e3ca4d62b59aca84e990cacaf5c5
                 2b0930daa23de94ce87017ba2d84988d dfc9c58db67aada613c2dd08457941a6",
            ),
        ];
        for (algorithm, key, sealed) in vectors {
            let mut whole = hex(TEXT);
            Stream::new(algorithm, &hex(key), &hex(IV)).unwrap().apply(&mut whole).unwrap();
            assert_eq!(whole, hex(sealed));
            // In two steps: our own counter continues where the backend's stopped.
            let mut parts = hex(TEXT);
            let mut stream = Stream::new(algorithm, &hex(key), &hex(IV)).unwrap();
            let (one, other) = parts.split_at_mut(16);
            stream.apply(one).unwrap();
            stream.apply(other).unwrap();
            assert_eq!(parts, hex(sealed));
        }
    }

    /// The key stream is what Blowfish makes of the counter, block by block; the key has 256 bits (RFC 4344 section 4).
    #[test]
    fn blowfish_counts_in_64_bits_under_a_key_of_256() {
        let key = [7; 32];
        let blocks = || SmallBlocks::blowfish::<32>(&key).unwrap();
        let mut bytes = [0; 20];
        let mut stream = SmallStream::new(blocks(), &u64::MAX.to_be_bytes()).unwrap();
        stream.encrypt(&mut bytes[..16]).unwrap();
        stream.encrypt(&mut bytes[16..]).unwrap();
        let expected = [u64::MAX, 0, 1].map(|counter| {
            let mut block = counter.to_be_bytes();
            blocks().encrypt_block(&mut block);
            block
        });
        assert_eq!(bytes, expected.concat()[..20]);
        assert_eq!(BlowfishCtr.key_len(), 32);
        assert!(SmallBlocks::blowfish::<32>(&[7; 16]).is_err());
    }

    #[test]
    fn the_counter_carries_through_all_128_bits() {
        for counter in [u128::from(u32::MAX) - 1, u128::from(u64::MAX), u128::MAX - 2] {
            let iv = counter.to_be_bytes();
            let mut whole = [0; 128];
            Stream::new(&AES_256, &[3; 32], &iv).unwrap().apply(&mut whole).unwrap();
            let mut blocks = [0; 128];
            let mut stream = Stream::new(&AES_256, &[3; 32], &iv).unwrap();
            for block in blocks.chunks_mut(16) {
                stream.apply(block).unwrap();
            }
            assert_eq!(whole, blocks, "{counter:x}");
        }
    }

    #[test]
    fn asking_for_the_length_changes_nothing() {
        let mac = Provider::default().mac("hmac-sha2-256").unwrap();
        let keys = CipherKeys { key: &[1; 32], iv: &[2; 16], mac: Some((mac, &[3; 32])) };
        let mut packet = [0; 32 + 32];
        packet[3] = 28;
        packet[4] = 27;
        AesCtr::AES256.sealer(keys).unwrap().seal(9, &mut packet).unwrap();
        let mut opener = AesCtr::AES256.opener(keys).unwrap();
        for _ in 0..3 {
            assert_eq!(opener.length(9, &packet[..16]), Ok(28));
        }
        assert_eq!(opener.open(9, &mut packet), Ok(()));
        assert_eq!(packet[..5], [0, 0, 0, 28, 27]);
    }
}
