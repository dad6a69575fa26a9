//! aes128-gcm@openssh.com and aes256-gcm@openssh.com (RFC 5647 with the names and the padding of OpenSSH
//! PROTOCOL section 1.6).
//!
//! Two backends, chosen when a key is made: aws-lc-rs where the processor has the 512-bit vectors that its
//! fast code wants, ring elsewhere (nearly twice as fast with 256-bit ones). Both give the same bytes.

use aws_lc_rs::aead as aws;
use ring::aead as ring;
use zeroize::Zeroize;

use crate::CryptoError;
use crate::cipher::{Cipher, CipherKeys, Layout, Opener, Sealer, check_length_field, length_field};

const LAYOUT: Layout = Layout { head: 4, block: 16, length_is_padded: false, tag: 16, fails_late: false };
const NONCE_LEN: usize = 12;

#[derive(Debug)]
pub(crate) struct AesGcm {
    name: &'static str,
    key_len: usize,
}

impl AesGcm {
    pub(crate) const AES128: Self = Self { name: "aes128-gcm@openssh.com", key_len: 16 };
    pub(crate) const AES256: Self = Self { name: "aes256-gcm@openssh.com", key_len: 32 };

    fn direction(&self, backend: Backend, keys: CipherKeys<'_>) -> Result<Box<Direction>, CryptoError> {
        if keys.key.len() != self.key_len {
            return Err(CryptoError::BadKey);
        }
        let nonces = Nonces::new(keys.iv)?;
        let key = match backend {
            Backend::Ring => Key::ring(keys.key),
            Backend::AwsLc => Key::aws_lc(keys.key),
        }?;
        Ok(Box::new(Direction { key, nonces }))
    }
}

impl Cipher for AesGcm {
    fn name(&self) -> &'static str {
        self.name
    }

    fn key_len(&self) -> usize {
        self.key_len
    }

    fn iv_len(&self) -> usize {
        NONCE_LEN
    }

    fn is_aead(&self) -> bool {
        true
    }

    fn sealer(&self, keys: CipherKeys<'_>) -> Result<Box<dyn Sealer>, CryptoError> {
        Ok(self.direction(Backend::fastest(), keys)?)
    }

    fn opener(&self, keys: CipherKeys<'_>) -> Result<Box<dyn Opener>, CryptoError> {
        Ok(self.direction(Backend::fastest(), keys)?)
    }
}

/// Who computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backend {
    Ring,
    AwsLc,
}

impl Backend {
    fn fastest() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("vaes")
            && std::arch::is_x86_feature_detected!("vpclmulqdq")
        {
            return Self::AwsLc;
        }
        Self::Ring
    }
}

/// The key and the nonces of one direction: a sealer or an opener.
struct Direction {
    key: Key,
    nonces: Nonces,
}

impl Sealer for Direction {
    fn layout(&self) -> Layout {
        LAYOUT
    }

    fn seal(&mut self, _sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        let (body, tag) = LAYOUT.split(packet).ok_or(CryptoError::Unsupported)?;
        let (length, text) = body.split_first_chunk_mut().ok_or(CryptoError::Unsupported)?;
        let nonce = self.nonces.next()?;
        self.key.seal(nonce, *length, text, tag)
    }
}

impl Opener for Direction {
    fn layout(&self) -> Layout {
        LAYOUT
    }

    fn length(&self, _sequence: u32, head: &[u8]) -> Result<u32, CryptoError> {
        length_field(head)
    }

    fn open(&mut self, _sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        let (body, tag) = LAYOUT.split_received(packet)?;
        check_length_field(body)?;
        let (length, text) = body.split_first_chunk_mut().ok_or(CryptoError::Unauthentic)?;
        let nonce = self.nonces.next()?;
        let opened = self.key.open(nonce, *length, text, tag);
        if opened.is_err() {
            text.zeroize();
        }
        opened
    }
}

// No box inside: a direction lives in one already, and every packet would go through it.
#[allow(clippy::large_enum_variant)]
enum Key {
    Ring(ring::LessSafeKey),
    AwsLc(aws::LessSafeKey),
}

impl Key {
    fn ring(key: &[u8]) -> Result<Self, CryptoError> {
        let algorithm = if key.len() == 16 { &ring::AES_128_GCM } else { &ring::AES_256_GCM };
        let key = ring::UnboundKey::new(algorithm, key).map_err(|_| CryptoError::BadKey)?;
        Ok(Self::Ring(ring::LessSafeKey::new(key)))
    }

    fn aws_lc(key: &[u8]) -> Result<Self, CryptoError> {
        let algorithm = if key.len() == 16 { &aws::AES_128_GCM } else { &aws::AES_256_GCM };
        let key = aws::UnboundKey::new(algorithm, key).map_err(|_| CryptoError::BadKey)?;
        Ok(Self::AwsLc(aws::LessSafeKey::new(key)))
    }

    fn seal(
        &self,
        nonce: [u8; NONCE_LEN],
        length: [u8; 4],
        text: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), CryptoError> {
        let computed: [u8; 16] = match self {
            Self::Ring(key) => key
                .seal_in_place_separate_tag(
                    ring::Nonce::assume_unique_for_key(nonce),
                    ring::Aad::from(length),
                    text,
                )
                .ok()
                .and_then(|tag| tag.as_ref().try_into().ok()),
            Self::AwsLc(key) => key
                .seal_in_place_separate_tag(
                    aws::Nonce::assume_unique_for_key(nonce),
                    aws::Aad::from(length),
                    text,
                )
                .ok()
                .and_then(|tag| tag.as_ref().try_into().ok()),
        }
        .ok_or(CryptoError::Backend)?;
        tag.copy_from_slice(&computed);
        Ok(())
    }

    fn open(
        &self,
        nonce: [u8; NONCE_LEN],
        length: [u8; 4],
        text: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptoError> {
        match self {
            Self::Ring(key) => {
                let tag = tag.try_into().map_err(|_| CryptoError::Unauthentic)?;
                key.open_in_place_separate_tag(
                    ring::Nonce::assume_unique_for_key(nonce),
                    ring::Aad::from(length),
                    tag,
                    text,
                    0..,
                )
                .map(drop)
                .map_err(|_| CryptoError::Unauthentic)
            }
            Self::AwsLc(key) => key
                .open_in_place_separate_tag(
                    aws::Nonce::assume_unique_for_key(nonce),
                    aws::Aad::from(length),
                    tag,
                    text,
                )
                .map(drop)
                .map_err(|_| CryptoError::Unauthentic),
        }
    }
}

/// The nonces of RFC 5647 section 7.1: 4 fixed bytes, then a counter of 8 that the derived IV begins.
struct Nonces {
    fixed: [u8; 4],
    counter: u64,
    /// The counter may run over its end (it starts anywhere) but never meet its start again.
    left: u64,
}

impl Nonces {
    fn new(iv: &[u8]) -> Result<Self, CryptoError> {
        let iv: &[u8; NONCE_LEN] = iv.try_into().map_err(|_| CryptoError::BadKey)?;
        let (fixed, counter) = iv.split_first_chunk().ok_or(CryptoError::BadKey)?;
        let counter = counter.try_into().map_err(|_| CryptoError::BadKey)?;
        Ok(Self { fixed: *fixed, counter: u64::from_be_bytes(counter), left: u64::MAX })
    }

    fn next(&mut self) -> Result<[u8; NONCE_LEN], CryptoError> {
        self.left = self.left.checked_sub(1).ok_or(CryptoError::Backend)?;
        let mut nonce = [0; NONCE_LEN];
        if let Some((fixed, counter)) = nonce.split_first_chunk_mut() {
            *fixed = self.fixed;
            counter.copy_from_slice(&self.counter.to_be_bytes());
        }
        self.counter = self.counter.wrapping_add(1);
        Ok(nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::hex;

    const BACKENDS: [Backend; 2] = [Backend::Ring, Backend::AwsLc];

    fn keys<'a>(key: &'a [u8], iv: &'a [u8]) -> CipherKeys<'a> {
        CipherKeys { key, iv, mac: None }
    }

    /// Test cases 3 and 15 of NIST's GCM specification (the sealed text does not depend on the associated
    /// data), with our 4 bytes of associated data; those tags were computed with OpenSSL.
    #[test]
    fn nist_vectors() {
        for backend in BACKENDS {
            for (key, iv, length, text, sealed, tag) in VECTORS {
                let (key, iv) = (hex(key), hex(iv));
                let cipher = if key.len() == 16 { AesGcm::AES128 } else { AesGcm::AES256 };
                let mut packet = hex(length);
                packet.extend(hex(text));
                packet.extend([0; 16]);
                cipher.direction(backend, keys(&key, &iv)).unwrap().seal(0, &mut packet).unwrap();
                assert_eq!(packet, [hex(length), hex(sealed), hex(tag)].concat());
            }
        }
    }

    #[test]
    fn both_backends_give_the_same_bytes() {
        for cipher in [AesGcm::AES128, AesGcm::AES256] {
            let key = vec![7; cipher.key_len()];
            let iv = [0xff; 12];
            let [mut one, mut other] =
                BACKENDS.map(|backend| cipher.direction(backend, keys(&key, &iv)).unwrap());
            let [mut one_opens, mut other_opens] =
                BACKENDS.map(|backend| cipher.direction(backend, keys(&key, &iv)).unwrap());
            for blocks in [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33, 64, 2048_usize] {
                let mut packet = (blocks as u32 * 16).to_be_bytes().to_vec();
                packet.extend((0..blocks * 16 + 16).map(|i| i as u8));
                let plain = packet.clone();
                let mut twin = packet.clone();
                one.seal(0, &mut packet).unwrap();
                other.seal(0, &mut twin).unwrap();
                assert_eq!(packet, twin);
                one_opens.open(0, &mut twin).unwrap();
                other_opens.open(0, &mut packet).unwrap();
                assert_eq!(packet[..plain.len() - 16], plain[..plain.len() - 16]);
                assert_eq!(twin[..plain.len() - 16], plain[..plain.len() - 16]);
            }
        }
    }

    /// Whichever of them this machine would take.
    #[test]
    fn defect_064_every_flipped_bit_is_refused_by_both_backends() {
        for backend in BACKENDS {
            let make = || AesGcm::AES256.direction(backend, keys(&[1; 32], &[2; 12])).unwrap();
            let mut sealed = 32_u32.to_be_bytes().to_vec();
            sealed.extend([b'p'; 32 + 16]);
            make().seal(0, &mut sealed).unwrap();
            assert_eq!(make().open(0, &mut sealed.clone()), Ok(()));
            for bit in 0..sealed.len() * 8 {
                let mut packet = sealed.clone();
                packet[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(make().open(0, &mut packet), Err(CryptoError::Unauthentic), "bit {bit}");
                assert!(!packet.windows(4).any(|window| window == b"pppp"), "plaintext left");
            }
        }
    }

    #[test]
    fn nonces_count_up_over_their_end_and_never_come_back() {
        let mut nonces = Nonces::new(&hex("01020304 ffffffffffffffff")).unwrap();
        assert_eq!(nonces.next().unwrap().to_vec(), hex("01020304 ffffffffffffffff"));
        assert_eq!(nonces.next().unwrap().to_vec(), hex("01020304 0000000000000000"));
        nonces.left = 1;
        assert!(nonces.next().is_ok());
        assert_eq!(nonces.next(), Err(CryptoError::Backend));
        assert_eq!(nonces.next(), Err(CryptoError::Backend));
    }

    /// key, IV, packet length (the associated data), text, sealed text, tag.
    const VECTORS: [(&str, &str, &str, &str, &str, &str); 2] = [
        (
            "feffe9928665731c6d6a8f9467308308",
            "cafebabefacedbaddecaf888",
            "00000040",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
            "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985",
            "e6114f6468325271e9b03b510a6dff85",
        ),
        (
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
            "cafebabefacedbaddecaf888",
            "00000040",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
            "4c94d832c068679ac9246e9aa8d1987a",
        ),
    ];
}
