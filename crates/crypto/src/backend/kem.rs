//! Key encapsulation: ML-KEM-768 and ML-KEM-1024 (FIPS 203) by aws-lc-rs, Streamlined NTRU Prime sntrup761 by sntrup.

use std::convert::Infallible;

use aws_lc_rs::kem::{self, Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_768, ML_KEM_1024};
use rand_core::{TryCryptoRng, TryRng};
use sntrup::sntrup761;
use zeroize::Zeroizing;

use crate::{CryptoError, Secret};

/// Bytes behind the coefficients in an ML-KEM encapsulation key.
const ML_KEM_SEED: usize = 32;
/// What ML-KEM calculates modulo.
const ML_KEM_Q: u16 = 3329;

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kem {
    MlKem768,
    MlKem1024,
    Sntrup761,
}

/// One of the parameter sets of ML-KEM.
#[derive(Clone, Copy)]
pub(crate) struct MlKem {
    algorithm: &'static kem::Algorithm<kem::AlgorithmId>,
    key_len: usize,
    ciphertext_len: usize,
}

const ML_KEM_768_SET: MlKem = MlKem { algorithm: &ML_KEM_768, key_len: 1184, ciphertext_len: 1088 };
const ML_KEM_1024_SET: MlKem = MlKem { algorithm: &ML_KEM_1024, key_len: 1568, ciphertext_len: 1568 };

impl Kem {
    /// A key pair: the encapsulation key for the peer, and what opens the answer.
    pub(crate) fn generate(self) -> Result<(Vec<u8>, Decapsulator), CryptoError> {
        match self {
            Self::MlKem768 => ML_KEM_768_SET.generate(),
            Self::MlKem1024 => ML_KEM_1024_SET.generate(),
            Self::Sntrup761 => {
                let mut seed = Zeroizing::new([0; 32]);
                aws_lc_rs::rand::fill(&mut *seed).map_err(|_| CryptoError::Backend)?;
                let (public, key) = sntrup761::generate_key_deterministic(&seed);
                Ok((public.as_ref().to_vec(), Decapsulator::Sntrup761(key)))
            }
        }
    }

    /// A secret, and the ciphertext that tells it to the owner of the encapsulation key.
    pub(crate) fn encapsulate(self, key: &[u8]) -> Result<(Vec<u8>, Secret), CryptoError> {
        match self {
            Self::MlKem768 => ML_KEM_768_SET.encapsulate(key),
            Self::MlKem1024 => ML_KEM_1024_SET.encapsulate(key),
            Self::Sntrup761 => {
                let key = sntrup761::EncapsulationKey::try_from(key).map_err(|_| CryptoError::BadShare)?;
                let mut random = Random::default();
                let (ciphertext, secret) = key.encapsulate(&mut random);
                if random.failed {
                    return Err(CryptoError::Backend);
                }
                Ok((ciphertext.as_ref().to_vec(), Secret::new(secret.as_ref().to_vec())))
            }
        }
    }
}

/// The private half of a KEM's key pair.
pub(crate) enum Decapsulator {
    MlKem(MlKem, DecapsulationKey<kem::AlgorithmId>),
    Sntrup761(sntrup761::DecapsulationKey),
}

impl Decapsulator {
    /// The secret in `ciphertext`. One of the right length that nobody made gives a random secret, not an
    /// error (both KEMs reject implicitly).
    pub(crate) fn decapsulate(&self, ciphertext: &[u8]) -> Result<Secret, CryptoError> {
        match self {
            Self::MlKem(set, key) => {
                if ciphertext.len() != set.ciphertext_len {
                    return Err(CryptoError::BadShare);
                }
                let secret =
                    key.decapsulate(Ciphertext::from(ciphertext)).map_err(|_| CryptoError::BadShare)?;
                Ok(Secret::new(secret.as_ref().to_vec()))
            }
            Self::Sntrup761(key) => {
                let ciphertext =
                    sntrup761::Ciphertext::try_from(ciphertext).map_err(|_| CryptoError::BadShare)?;
                Ok(Secret::new(key.decapsulate(&ciphertext).as_ref().to_vec()))
            }
        }
    }
}

impl MlKem {
    fn generate(self) -> Result<(Vec<u8>, Decapsulator), CryptoError> {
        let key = DecapsulationKey::generate(self.algorithm).map_err(|_| CryptoError::Backend)?;
        let public = key
            .encapsulation_key()
            .and_then(|public| public.key_bytes())
            .map_err(|_| CryptoError::Backend)?;
        Ok((public.as_ref().to_vec(), Decapsulator::MlKem(self, key)))
    }

    fn encapsulate(self, key: &[u8]) -> Result<(Vec<u8>, Secret), CryptoError> {
        if !self.is_canonical(key) {
            return Err(CryptoError::BadShare);
        }
        let key = EncapsulationKey::new(self.algorithm, key).map_err(|_| CryptoError::BadShare)?;
        let (ciphertext, secret) = key.encapsulate().map_err(|_| CryptoError::BadShare)?;
        Ok((ciphertext.as_ref().to_vec(), Secret::new(secret.as_ref().to_vec())))
    }

    /// The length and the modulus check of FIPS 203 section 7.2: every coefficient, 12 bits each and two in three
    /// bytes, is below `q`. The backend takes such keys and fails later, as if by itself.
    fn is_canonical(self, key: &[u8]) -> bool {
        let coefficients = key.get(..self.key_len.saturating_sub(ML_KEM_SEED)).unwrap_or_default();
        let (triples, _) = coefficients.as_chunks::<3>();
        key.len() == self.key_len
            && triples.iter().all(|&[low, middle, high]| {
                let (low, middle, high) = (u16::from(low), u16::from(middle), u16::from(high));
                let one = low | (middle & 0x0f) << 8;
                let other = middle >> 4 | high << 4;
                one < ML_KEM_Q && other < ML_KEM_Q
            })
    }
}

/// The backend's generator in the form that sntrup and ml-dsa want, which cannot fail: failure is remembered, and
/// what was made of the zeros is thrown away.
#[derive(Default)]
pub(super) struct Random {
    failed: bool,
}

impl Random {
    /// Whether there was no randomness at some time.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }
}

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        if aws_lc_rs::rand::fill(bytes).is_err() {
            bytes.fill(0);
            self.failed = true;
        }
        Ok(())
    }
}

impl TryCryptoRng for Random {}

#[cfg(test)]
mod tests {
    use super::*;

    const KEMS: [(Kem, usize, usize); 3] =
        [(Kem::MlKem768, 1184, 1088), (Kem::MlKem1024, 1568, 1568), (Kem::Sntrup761, 1158, 1039)];

    #[test]
    fn both_ends_have_the_same_secret() {
        for (kem, key_len, ciphertext_len) in KEMS {
            let (key, decapsulator) = kem.generate().unwrap();
            let (ciphertext, secret) = kem.encapsulate(&key).unwrap();
            assert_eq!((key.len(), ciphertext.len()), (key_len, ciphertext_len));
            let opened = decapsulator.decapsulate(&ciphertext).unwrap();
            assert_eq!(opened.as_bytes(), secret.as_bytes());
            assert_eq!(secret.as_bytes().len(), 32);
        }
    }

    #[test]
    fn defect_062_only_the_exact_lengths_are_taken() {
        for (kem, key_len, ciphertext_len) in KEMS {
            let (key, decapsulator) = kem.generate().unwrap();
            let (ciphertext, _) = kem.encapsulate(&key).unwrap();
            for len in [0, 1, key_len - 1, key_len + 1] {
                let mut key = key.clone();
                key.resize(len, 0);
                assert_eq!(kem.encapsulate(&key).err(), Some(CryptoError::BadShare), "{kem:?} {len}");
            }
            for len in [0, 1, ciphertext_len - 1, ciphertext_len + 1] {
                let mut ciphertext = ciphertext.clone();
                ciphertext.resize(len, 0);
                let refused = decapsulator.decapsulate(&ciphertext).err();
                assert_eq!(refused, Some(CryptoError::BadShare), "{kem:?} {len}");
            }
        }
    }

    #[test]
    fn defect_062_a_key_with_a_coefficient_too_large_is_refused() {
        let (key, _) = Kem::MlKem768.generate().unwrap();
        assert!(ML_KEM_768_SET.is_canonical(&key));
        for (place, bytes) in [(0, [0x01, 0x0d]), (0, [0xff, 0x0f]), (1150, [0x10, 0xd0])] {
            let mut key = key.clone();
            if place == 0 {
                // The first coefficient: q itself, and the largest number that 12 bits hold.
                key[0] = bytes[0];
                key[1] = key[1] & 0xf0 | bytes[1];
            } else {
                // The last one: q.
                key[1150] = key[1150] & 0x0f | bytes[0];
                key[1151] = bytes[1];
            }
            assert_eq!(Kem::MlKem768.encapsulate(&key).err(), Some(CryptoError::BadShare));
        }
        // One less is a coefficient like any other.
        let mut key = key;
        key[0] = 0x00;
        key[1] = key[1] & 0xf0 | 0x0d;
        assert!(Kem::MlKem768.encapsulate(&key).is_ok());
    }

    #[test]
    fn ciphertexts_that_nobody_made_give_other_secrets_and_no_error() {
        for (kem, key_len, ciphertext_len) in KEMS {
            let (key, decapsulator) = kem.generate().unwrap();
            let (_, secret) = kem.encapsulate(&key).unwrap();
            for byte in [0x00, 0x55, 0xff] {
                let opened = decapsulator.decapsulate(&vec![byte; ciphertext_len]).unwrap();
                assert_ne!(opened.as_bytes(), secret.as_bytes());
                // Nor does a key that nobody made do harm.
                let _ = kem.encapsulate(&vec![byte; key_len]);
            }
        }
    }
}
