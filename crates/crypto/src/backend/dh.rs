//! Diffie-Hellman in finite fields (RFC 4253 section 8, RFC 8268) and its group exchange (RFC 4419), on
//! crypto-bigint's constant-time exponentiation. `group1`, of old, is the only one below 2048 bits.

use std::ops::RangeInclusive;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use super::number::trim;
use crate::groups::fixed_group;
use crate::kex::{DhGroup, Kex, KexKind, Response, Started};
use crate::{CryptoError, HashAlgorithm, Secret};

/// Bits of a prime that the peer may choose.
const PRIME_BITS: RangeInclusive<usize> = 2048..=8192;
/// Bytes of a private exponent: twice the 256 bits that the strongest cipher's key has, which is what RFC 4419
/// section 6.2 asks for. A longer one costs much (300 ms instead of 19 in group 18) and gives nothing.
const EXPONENT_LEN: usize = 64;

/// A method in a group that its name fixes, or in one that the server chooses.
#[derive(Debug)]
pub(crate) struct Dh {
    pub(crate) name: &'static str,
    pub(crate) hash: HashAlgorithm,
    /// The group of RFC 3526 or RFC 2409 with so many bits; `None` for the group exchange.
    pub(crate) bits: Option<u32>,
}

impl Dh {
    fn private(&self, group: Option<&DhGroup>) -> Result<Private, CryptoError> {
        match (self.bits, group) {
            (Some(bits), None) => Private::generate(fixed_group(bits).ok_or(CryptoError::Unsupported)?),
            (None, Some(group)) if PRIME_BITS.contains(&bits(&group.p)) => Private::generate(group),
            (None, Some(_)) => Err(CryptoError::BadShare),
            _ => Err(CryptoError::Unsupported),
        }
    }
}

impl Kex for Dh {
    fn name(&self) -> &'static str {
        self.name
    }

    fn hash(&self) -> HashAlgorithm {
        self.hash
    }

    fn kind(&self) -> KexKind {
        if self.bits.is_some() { KexKind::Dh } else { KexKind::GroupExchange }
    }

    fn start(&self, group: Option<&DhGroup>) -> Result<Box<dyn Started>, CryptoError> {
        Ok(Box::new(self.private(group)?))
    }

    fn respond(&self, group: Option<&DhGroup>, client_share: &[u8]) -> Result<Response, CryptoError> {
        let private = self.private(group)?;
        let secret = private.agree(client_share)?;
        Ok(Response { share: private.share.clone(), secret })
    }
}

/// An ephemeral exponent and its share.
struct Private {
    prime: Vec<u8>,
    params: BoxedMontyParams,
    exponent: Zeroizing<BoxedUint>,
    share: Vec<u8>,
}

impl Private {
    fn generate(group: &DhGroup) -> Result<Self, CryptoError> {
        let prime = trim(&group.p).to_vec();
        let modulus =
            Odd::new(BoxedUint::from_be_slice_vartime(&prime)).into_option().ok_or(CryptoError::BadShare)?;
        if !in_range(&group.g, &prime) {
            return Err(CryptoError::BadShare);
        }
        let mut private = Self {
            prime,
            params: BoxedMontyParams::new_vartime(modulus),
            exponent: random_exponent()?,
            share: Vec::new(),
        };
        let share = private.raise(&group.g)?;
        private.share = trim(share.as_bytes()).to_vec();
        Ok(private)
    }

    /// `base` to our exponent, as wide as the prime's limbs.
    fn raise(&self, base: &[u8]) -> Result<Secret, CryptoError> {
        let base = BoxedUint::from_be_slice(trim(base), self.params.bits_precision())
            .map_err(|_| CryptoError::BadShare)?;
        let mut power =
            BoxedMontyForm::new(base, &self.params).pow_bounded_exp(&self.exponent, EXPONENT_LEN as u32 * 8);
        let result = Zeroizing::new(power.retrieve());
        power.zeroize();
        Ok(Secret::new(result.to_be_bytes().into_vec()))
    }

    fn agree(&self, peer: &[u8]) -> Result<Secret, CryptoError> {
        if !in_range(peer, &self.prime) {
            return Err(CryptoError::BadShare);
        }
        let secret = self.raise(peer)?;
        // A group from the peer may be none: then a share in range can still end in a secret that anybody
        // knows.
        if self.is_known(&secret).into() { Err(CryptoError::BadShare) } else { Ok(secret) }
    }

    /// Whether the secret is 0, 1 or p - 1.
    fn is_known(&self, secret: &Secret) -> Choice {
        let secret = secret.as_bytes();
        let width = secret.len();
        let widen = |number: &[u8], last: u8| {
            let mut wide = vec![0; width.saturating_sub(number.len())];
            wide.extend_from_slice(number);
            if let Some(byte) = wide.last_mut() {
                *byte = last;
            }
            wide
        };
        let below = self.prime.last().map_or(0, |last| last & !1);
        secret.ct_eq(&widen(&[], 0)) | secret.ct_eq(&widen(&[], 1)) | secret.ct_eq(&widen(&self.prime, below))
    }
}

impl Started for Private {
    fn share(&self) -> &[u8] {
        &self.share
    }

    fn finish(self: Box<Self>, server_share: &[u8]) -> Result<Secret, CryptoError> {
        self.agree(server_share)
    }
}

fn random_exponent() -> Result<Zeroizing<BoxedUint>, CryptoError> {
    let mut bytes = Zeroizing::new([0; EXPONENT_LEN]);
    aws_lc_rs::rand::fill(&mut *bytes).map_err(|_| CryptoError::Backend)?;
    let exponent =
        BoxedUint::from_be_slice(&*bytes, EXPONENT_LEN as u32 * 8).map_err(|_| CryptoError::Backend)?;
    Ok(Zeroizing::new(exponent))
}

fn bits(number: &[u8]) -> usize {
    let number = trim(number);
    let unused = number.first().map_or(0, |first| first.leading_zeros() as usize);
    (number.len() * 8).saturating_sub(unused)
}

/// Whether a public number is in `[2, p - 2]`, for an odd `p` without leading zeros.
fn in_range(number: &[u8], p: &[u8]) -> bool {
    let number = trim(number);
    let above_one = number.len() > 1 || number.first().is_some_and(|&byte| byte > 1);
    let below = match number.len().cmp(&p.len()) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Greater => false,
        std::cmp::Ordering::Equal => match (number.split_last(), p.split_last()) {
            // Less than p - 1, which is p with its lowest bit cleared.
            (Some((last, front)), Some((p_last, p_front))) => (front, *last) < (p_front, p_last & !1),
            _ => false,
        },
    };
    above_one && below
}

#[cfg(test)]
mod tests {
    use crypto_bigint::Resize;

    use super::*;
    use crate::groups::rfc3526_group;

    #[test]
    fn in_range_is_from_two_to_p_minus_two() {
        let p = [0x01, 0x0b]; // 267
        for number in 0..=300_u16 {
            let expected = (2..=265).contains(&number);
            assert_eq!(in_range(&number.to_be_bytes(), &p), expected, "{number}");
        }
        assert!(!in_range(&[], &p));
        assert!(!in_range(&[1, 0, 0], &p));
        assert!(in_range(&[0, 0, 0, 5], &p));
    }

    #[test]
    fn defect_062_a_secret_that_anybody_knows_is_refused() {
        let private = Private::generate(rfc3526_group(2048).unwrap()).unwrap();
        let with_last = |last| {
            let mut number = vec![0; 256];
            number[255] = last;
            Secret::new(number)
        };
        let mut below = private.prime.clone();
        below[255] &= !1;
        assert!(bool::from(private.is_known(&with_last(0))));
        assert!(bool::from(private.is_known(&with_last(1))));
        assert!(!bool::from(private.is_known(&with_last(2))));
        assert!(bool::from(private.is_known(&Secret::new(below.clone()))));
        below[255] -= 1;
        assert!(!bool::from(private.is_known(&Secret::new(below))));
    }

    /// The power of two computed by our exponentiation is the one that shifting gives.
    #[test]
    fn small_powers_are_right() {
        let group = rfc3526_group(2048).unwrap();
        let mut private = Private::generate(group).unwrap();
        let exponent = BoxedUint::from(1000_u32).resize(EXPONENT_LEN as u32 * 8);
        private.exponent = Zeroizing::new(exponent);
        let mut expected = vec![0; 256];
        expected[255 - 125] = 1;
        assert_eq!(private.raise(&[2]).unwrap().as_bytes(), expected);
    }
}
