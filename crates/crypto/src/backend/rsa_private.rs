//! RSA's private operation on crypto-bigint, for what aws-lc-rs does not sign: SHA-1, and moduli below 2048 bits.
//!
//! The base is blinded by a random number each time, the exponentiation takes the same time for every exponent of its length, and
//! no factor of the modulus is used, which a fault could give away. [`RsaKey`](super::rsa::RsaKey) verifies what comes out.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, ConcatenatingMul, NonZero, Odd};
use zeroize::{Zeroize, Zeroizing};

use super::number::trim;
use crate::{CryptoError, HashAlgorithm, RsaParts};

/// Bits of the largest public exponent.
const MAX_EXPONENT_BITS: u32 = 24;
/// Draws of a blinding number before the generator is called broken: each is good with a probability of at least one half.
const DRAWS: usize = 128;

/// The PKCS#1 v1.5 signature of `message` (RFC 8017 section 8.2.1), as long as the modulus; not verified yet.
pub(crate) fn sign(parts: &RsaParts, hash: HashAlgorithm, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let padded = pad(hash, message, parts.n.len()).ok_or(CryptoError::Unsupported)?;
    let modulus = Odd::new(BoxedUint::from_be_slice_vartime(&parts.n)).into_option();
    let params = BoxedMontyParams::new_vartime(modulus.ok_or(CryptoError::BadKey)?);
    let number = |bytes: &[u8]| {
        BoxedUint::from_be_slice(bytes, params.bits_precision()).map_err(|_| CryptoError::BadKey)
    };
    let form = |bytes: &[u8]| number(bytes).map(|number| BoxedMontyForm::new(number, &params));

    let mut blind = form(&draw_below(&parts.n)?)?;
    let mut unblind = Option::from(blind.invert()).ok_or(CryptoError::Backend)?;
    let mut blinded = form(&padded)? * blind.pow_bounded_exp(&number(&parts.e)?, MAX_EXPONENT_BITS);
    let exponent = Zeroizing::new(number(parts.d.as_bytes())?);
    let mut power = blinded.pow(&exponent);
    let signature = (&power * &unblind).retrieve();
    for secret in [&mut blind, &mut unblind, &mut blinded, &mut power] {
        secret.zeroize();
    }
    let bytes = signature.to_be_bytes();
    let first = bytes.len().checked_sub(parts.n.len()).ok_or(CryptoError::Backend)?;
    Ok(bytes.get(first..).unwrap_or_default().to_vec())
}

/// Whether the factors belong to the modulus and to one another. Whether the exponent does shows in a signature.
pub(crate) fn are_consistent(parts: &RsaParts) -> bool {
    let number = |bytes: &[u8]| Zeroizing::new(BoxedUint::from_be_slice_vartime(bytes));
    let (p, q, iqmp) =
        (number(parts.p.as_bytes()), number(parts.q.as_bytes()), number(parts.iqmp.as_bytes()));
    let product = Zeroizing::new(p.concatenating_mul(&*q).to_be_bytes().into_vec());
    let Some(modulus) = NonZero::new((*p).clone()).into_option().map(Zeroizing::new) else {
        return false;
    };
    let product_of_inverse = Zeroizing::new(q.concatenating_mul(&*iqmp));
    let one = Zeroizing::new(product_of_inverse.rem(&modulus));
    trim(&product) == parts.n && trim(&one.to_be_bytes()) == [1]
}

/// EMSA-PKCS1-v1_5 (RFC 8017 section 9.2); `None` if there is no room.
fn pad(hash: HashAlgorithm, message: &[u8], len: usize) -> Option<Vec<u8>> {
    let prefix: &[u8] = match hash {
        HashAlgorithm::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
        HashAlgorithm::Sha256 => {
            b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
        }
        HashAlgorithm::Sha512 => {
            b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40"
        }
        HashAlgorithm::Sha384 => return None,
    };
    let digest = hash.digest(&[message]);
    let filling = len.checked_sub(3 + prefix.len() + digest.len()).filter(|filling| *filling >= 8)?;
    Some([&[0, 1], vec![0xff; filling].as_slice(), &[0], prefix, &digest].concat())
}

/// A random number from 1 to `n - 1`, as long as `n`, which has no leading zeros.
fn draw_below(n: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let unused = n.first().map_or(0, |first| first.leading_zeros());
    let mut bytes = Zeroizing::new(vec![0; n.len()]);
    for _ in 0..DRAWS {
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| CryptoError::Backend)?;
        bytes.first_mut().into_iter().for_each(|first| *first &= 0xff >> unused);
        if bytes.as_slice() < n && bytes.iter().any(|byte| *byte != 0) {
            return Ok(bytes);
        }
    }
    Err(CryptoError::Backend)
}
