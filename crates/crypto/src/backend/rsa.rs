//! RSA with PKCS#1 v1.5 padding (RFC 8017; in SSH by RFC 8332, with SHA-1 by RFC 4253 section 6.6), by aws-lc-rs where it signs.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeyPairComponents, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaEncoding,
    RsaParameters,
};
use crypto_bigint::{BoxedUint, NonZero};
use zeroize::{Zeroize, Zeroizing};

use super::number::trim;
use super::rsa_private;
use crate::{CryptoError, HashAlgorithm, Secret};

/// Bits of a modulus that we work with: less is as good as open, more only burns time.
const MODULUS_BITS: RangeInclusive<usize> = 1024..=8192;
/// The fewest bits of a private key's modulus unless others are named; aws-lc-rs does not sign with less.
const MIN_BITS: usize = 2048;
/// Bytes of the largest public exponent: below 2^24. Nobody needs more, and a giant one burns time.
const EXPONENT_LEN: usize = 3;

/// The numbers of an RSA private key as key files hold them, big-endian.
#[derive(Debug, Clone, Default)]
pub struct RsaParts {
    /// The modulus.
    pub n: Vec<u8>,
    /// The public exponent.
    pub e: Vec<u8>,
    /// The private exponent.
    pub d: Secret,
    /// The first prime.
    pub p: Secret,
    /// The second prime.
    pub q: Secret,
    /// The inverse of `q` modulo `p`.
    pub iqmp: Secret,
}

/// An RSA private key in memory. Cloning shares it.
#[derive(Clone)]
pub struct RsaKey(Arc<Inner>);

struct Inner {
    /// `None` for a key that the backend finds too small.
    pair: Option<KeyPair>,
    parts: RsaParts,
}

impl RsaKey {
    /// A key from its numbers; leading zeros are allowed.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] if the modulus is not of 2048 to 8192 bits, the exponent is even, below 3 or
    /// not below 2^24, or the numbers do not belong together. That `p` and `q` are primes is not tested:
    /// a signature that would betray that they are not does not leave [`sign`](Self::sign).
    pub fn from_parts(parts: &RsaParts) -> Result<Self, CryptoError> {
        Self::from_parts_with_floor(parts, MIN_BITS)
    }

    /// As [`from_parts`](Self::from_parts), for old machines: with another least number of bits of the modulus, which is at
    /// least 1024 whatever is asked.
    ///
    /// # Errors
    /// As [`from_parts`](Self::from_parts).
    pub fn from_parts_with_floor(parts: &RsaParts, min_bits: usize) -> Result<Self, CryptoError> {
        let parts = RsaParts {
            n: trim(&parts.n).to_vec(),
            e: trim(&parts.e).to_vec(),
            d: trimmed(&parts.d),
            p: trimmed(&parts.p),
            q: trimmed(&parts.q),
            iqmp: trimmed(&parts.iqmp),
        };
        check_public(&parts.n, &parts.e)?;
        if bits(&parts.n) < min_bits {
            return Err(CryptoError::BadKey);
        }
        if bits(&parts.n) < MIN_BITS {
            return Self::small(parts);
        }
        let d_p = exponent_modulo_prime(&parts.d, &parts.p, parts.n.len())?;
        let d_q = exponent_modulo_prime(&parts.d, &parts.q, parts.n.len())?;
        let pair = KeyPair::from_components(&KeyPairComponents {
            public_key: PublicKeyComponents { n: parts.n.as_slice(), e: parts.e.as_slice() },
            d: parts.d.as_bytes(),
            p: parts.p.as_bytes(),
            q: parts.q.as_bytes(),
            dP: d_p.as_bytes(),
            dQ: d_q.as_bytes(),
            qInv: parts.iqmp.as_bytes(),
        })
        .map_err(|_| CryptoError::BadKey)?;
        Ok(Self(Arc::new(Inner { pair: Some(pair), parts })))
    }

    /// A key that the backend does not take: that its numbers belong together is checked here, and shown by a signature.
    fn small(parts: RsaParts) -> Result<Self, CryptoError> {
        let limit = parts.n.len();
        let lengths = [&parts.d, &parts.p, &parts.q, &parts.iqmp].map(|number| number.as_bytes().len());
        if !lengths.iter().all(|len| (1..=limit).contains(len)) || !rsa_private::are_consistent(&parts) {
            return Err(CryptoError::BadKey);
        }
        let key = Self(Arc::new(Inner { pair: None, parts }));
        key.sign(HashAlgorithm::Sha256, b"").map_err(|_| CryptoError::BadKey)?;
        Ok(key)
    }

    /// A new random key of 2048, 3072, 4096 or 8192 bits, with the exponent 65537.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] for another size; [`CryptoError::Backend`] if the backend fails.
    pub fn generate(bits: usize) -> Result<Self, CryptoError> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            8192 => KeySize::Rsa8192,
            _ => return Err(CryptoError::BadKey),
        };
        let pair = KeyPair::generate(size).map_err(|_| CryptoError::Backend)?;
        // The backend hands a generated key's numbers out in this form only.
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| CryptoError::Backend)?;
        let parts = parts_of_pkcs8(der.as_ref()).ok_or(CryptoError::Backend)?;
        Self::from_parts(&parts)
    }

    /// The numbers, for writing a key file; without leading zeros.
    pub fn parts(&self) -> &RsaParts {
        &self.0.parts
    }

    /// `d` modulo `p - 1` and modulo `q - 1`, which some formats of key files hold too.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] never comes here: the numbers were checked before.
    pub fn exponents_modulo_primes(&self) -> Result<(Secret, Secret), CryptoError> {
        let RsaParts { n, d, p, q, .. } = self.parts();
        Ok((exponent_modulo_prime(d, p, n.len())?, exponent_modulo_prime(d, q, n.len())?))
    }

    /// The modulus, big-endian, without leading zeros.
    pub fn n(&self) -> &[u8] {
        &self.0.parts.n
    }

    /// The public exponent, big-endian, without leading zeros.
    pub fn e(&self) -> &[u8] {
        &self.0.parts.e
    }

    /// Signs with PKCS#1 v1.5 padding; as many bytes as the modulus has. The signature is verified before it
    /// leaves: a single one with a computing fault in it would give the key away.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`] for SHA-384; [`CryptoError::Backend`] if the signing fails or what it gave does
    /// not verify.
    pub fn sign(&self, hash: HashAlgorithm, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let encoding: Option<&'static dyn RsaEncoding> = match hash {
            HashAlgorithm::Sha1 => None,
            HashAlgorithm::Sha256 => Some(&RSA_PKCS1_SHA256),
            HashAlgorithm::Sha512 => Some(&RSA_PKCS1_SHA512),
            HashAlgorithm::Sha384 => return Err(CryptoError::Unsupported),
        };
        let signature = match (&self.0.pair, encoding) {
            (Some(pair), Some(encoding)) => {
                let mut signature = vec![0; self.n().len()];
                pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
                    .map_err(|_| CryptoError::Backend)?;
                signature
            }
            _ => rsa_private::sign(&self.0.parts, hash, message)?,
        };
        self.release(hash, message, signature)
    }

    /// Lets only a signature out that verifies.
    fn release(
        &self,
        hash: HashAlgorithm,
        message: &[u8],
        mut signature: Vec<u8>,
    ) -> Result<Vec<u8>, CryptoError> {
        if verify(self.n(), self.e(), hash, message, &signature).is_err() {
            signature.zeroize();
            return Err(CryptoError::Backend);
        }
        Ok(signature)
    }
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaKey({} bits, ..)", bits(self.n()))
    }
}

pub(crate) fn verify(
    n: &[u8],
    e: &[u8],
    hash: HashAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    check_public(n, e)?;
    let parameters: &RsaParameters = match hash {
        HashAlgorithm::Sha1 => &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        HashAlgorithm::Sha256 => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        HashAlgorithm::Sha512 => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        HashAlgorithm::Sha384 => return Err(CryptoError::Unsupported),
    };
    let missing = n.len().checked_sub(signature.len()).ok_or(CryptoError::BadSignature)?;
    let mut padded = vec![0; missing];
    padded.extend_from_slice(signature);
    PublicKeyComponents { n, e }.verify(parameters, message, &padded).map_err(|_| CryptoError::BadSignature)
}

/// Refuses what is as good as open, malformed, or made to burn time. How weak a modulus may be is judged where keys are read.
fn check_public(n: &[u8], e: &[u8]) -> Result<(), CryptoError> {
    let canonical = |number: &[u8]| number.first().is_some_and(|&first| first != 0);
    let odd = |number: &[u8]| number.last().is_some_and(|&last| last & 1 == 1);
    let good = canonical(n)
        && canonical(e)
        && odd(n)
        && odd(e)
        && MODULUS_BITS.contains(&bits(n))
        && e.len() <= EXPONENT_LEN
        && e != [1];
    if good { Ok(()) } else { Err(CryptoError::BadKey) }
}

fn bits(number: &[u8]) -> usize {
    let number = trim(number);
    let unused = number.first().map_or(0, |first| first.leading_zeros() as usize);
    number.len() * 8 - unused
}

fn trimmed(number: &Secret) -> Secret {
    Secret::new(trim(number.as_bytes()).to_vec())
}

/// `d mod (prime - 1)`, in constant time for numbers of these lengths.
fn exponent_modulo_prime(d: &Secret, prime: &Secret, limit: usize) -> Result<Secret, CryptoError> {
    let (d, prime) = (d.as_bytes(), prime.as_bytes());
    if d.is_empty() || d.len() > limit || prime.len() > limit {
        return Err(CryptoError::BadKey);
    }
    let mut below = Zeroizing::new(prime.to_vec());
    match below.last_mut() {
        // A prime is odd: one less is the lowest bit cleared.
        Some(last) if *last & 1 == 1 => *last &= !1,
        _ => return Err(CryptoError::BadKey),
    }
    let d = Zeroizing::new(BoxedUint::from_be_slice_vartime(d));
    let below = NonZero::new(BoxedUint::from_be_slice_vartime(&below))
        .into_option()
        .map(Zeroizing::new)
        .ok_or(CryptoError::BadKey)?;
    let remainder = Zeroizing::new(d.rem(&below));
    Ok(Secret::new(remainder.to_be_bytes().into_vec()))
}

/// The numbers inside a PKCS#8 file (RFC 5958) that holds an `RSAPrivateKey` (RFC 8017 appendix A.1.2).
fn parts_of_pkcs8(der: &[u8]) -> Option<RsaParts> {
    const INTEGER: u8 = 0x02;
    const OCTET_STRING: u8 = 0x04;
    const SEQUENCE: u8 = 0x30;

    let mut outer = der_value(&mut { der }, SEQUENCE)?;
    der_value(&mut outer, INTEGER)?;
    der_value(&mut outer, SEQUENCE)?;
    let mut key = der_value(&mut { der_value(&mut outer, OCTET_STRING)? }, SEQUENCE)?;
    let mut number = || der_value(&mut key, INTEGER).map(trim);
    number()?;
    let (n, e, d, p, q) = (number()?, number()?, number()?, number()?, number()?);
    let (_d_p, _d_q, iqmp) = (number()?, number()?, number()?);
    let secret = |number: &[u8]| Secret::new(number.to_vec());
    Some(RsaParts {
        n: n.to_vec(),
        e: e.to_vec(),
        d: secret(d),
        p: secret(p),
        q: secret(q),
        iqmp: secret(iqmp),
    })
}

/// Takes one DER value with this tag off the front.
fn der_value<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (&[found, first], mut rest) = input.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let len = match first {
        0..=0x7f => usize::from(first),
        0x81..=0x83 => {
            let (len, behind) = rest.split_at_checked(usize::from(first & 0x7f))?;
            rest = behind;
            len.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte))
        }
        _ => return None,
    };
    let (value, behind) = rest.split_at_checked(len)?;
    *input = behind;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defect_069_a_faulty_signature_does_not_leave() {
        let key = RsaKey::generate(2048).unwrap();
        let mut signature = key.sign(HashAlgorithm::Sha256, b"message").unwrap();
        assert!(key.release(HashAlgorithm::Sha256, b"message", signature.clone()).is_ok());
        signature[100] ^= 1;
        let refused = key.release(HashAlgorithm::Sha256, b"message", signature);
        assert_eq!(refused, Err(CryptoError::Backend));
    }

    /// Each message has one signature in this padding.
    #[test]
    fn our_own_operation_signs_as_the_backend_does() {
        let key = RsaKey::generate(2048).unwrap();
        for hash in [HashAlgorithm::Sha256, HashAlgorithm::Sha512] {
            let own = rsa_private::sign(key.parts(), hash, b"message").unwrap();
            assert_eq!(own, key.sign(hash, b"message").unwrap());
        }
        assert_eq!(key.sign(HashAlgorithm::Sha1, b"message").unwrap().len(), 256);
    }

    #[test]
    fn bits_are_counted_from_the_highest_one() {
        assert_eq!(bits(&[]), 0);
        assert_eq!(bits(&[0, 0]), 0);
        assert_eq!(bits(&[0, 1]), 1);
        assert_eq!(bits(&[0x80, 0]), 16);
    }
}
