//! DSA with 160-bit numbers and SHA-1 (FIPS 186-2; `ssh-dss`, RFC 4253 section 6.6), for machines that know nothing
//! better. Nonces are those of RFC 6979: no random generator can spoil them, and none of their bits is biased.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use aws_lc_rs::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY};
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, NonZero, Odd};
use zeroize::{Zeroize, Zeroizing};

use super::number::trim;
use crate::{CryptoError, HashAlgorithm, Secret};

/// Bits of `p`: FIPS 186-2 has 1024, some tools make more.
const P_BITS: RangeInclusive<u32> = 1024..=3072;
/// Bits of `q`: a signature of SSH has room for two numbers of 160 bits.
const Q_BITS: u32 = 160;
/// Bytes of a number below `q`.
const Q_LEN: usize = 20;
/// Of ten thousand nonces not one is expected to fail; more than a few means a broken group.
const TRIES: usize = 16;

/// The public numbers of a DSA key, big-endian, without leading zeros.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DsaNumbers {
    /// The prime that is calculated modulo.
    pub p: Vec<u8>,
    /// The prime order of the group.
    pub q: Vec<u8>,
    /// The generator of the group.
    pub g: Vec<u8>,
    /// The public value.
    pub y: Vec<u8>,
}

/// A DSA private key in memory. Cloning shares it. None can be generated: that time is over.
#[derive(Clone)]
pub struct DsaKey(Arc<Inner>);

struct Inner {
    numbers: DsaNumbers,
    group: Group,
    x: Secret,
}

impl DsaKey {
    /// A key from its group and its private value, big-endian; leading zeros are allowed. `y` is computed, the one of
    /// `numbers` is not looked at.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] if `p` has not 1024 to 3072 bits, `q` not 160, if they are no group, or if `x` is not
    /// between 0 and `q`.
    pub fn from_parts(numbers: &DsaNumbers, x: &[u8]) -> Result<Self, CryptoError> {
        let group = Group::new(&numbers.p, &numbers.q, &numbers.g)?;
        let x = fixed(x).ok_or(CryptoError::BadKey)?;
        let secret = group.below_q(x.as_bytes()).ok_or(CryptoError::BadKey)?;
        // Whoever verifies need not ask this; but a private key with another generator would be another key.
        if group.g().pow_bounded_exp(group.q.as_ref(), Q_BITS).retrieve() != BoxedUint::from(1_u8) {
            return Err(CryptoError::BadKey);
        }
        let mut power = group.g().pow_bounded_exp(&secret, Q_BITS);
        let y = power.retrieve();
        power.zeroize();
        let bytes = |number: &[u8]| trim(number).to_vec();
        let numbers = DsaNumbers {
            p: bytes(&numbers.p),
            q: bytes(&numbers.q),
            g: bytes(&numbers.g),
            y: bytes(&y.to_be_bytes()),
        };
        check_y(&group, &numbers.y)?;
        Ok(Self(Arc::new(Inner { numbers, group, x })))
    }

    /// The public numbers.
    pub fn numbers(&self) -> &DsaNumbers {
        &self.0.numbers
    }

    /// The private value, 20 bytes.
    pub fn x(&self) -> Secret {
        self.0.x.clone()
    }

    /// Signs with SHA-1; `r || s`, 20 bytes each. Verified before it leaves: with nonces that can be repeated, a
    /// computing fault would give the key away.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if what was computed does not verify.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let digest = HashAlgorithm::Sha1.digest(&[message]);
        let group = &self.0.group;
        let mut nonces = Nonces::new(group, self.0.x.as_bytes(), &digest);
        for _ in 0..TRIES {
            let Some(k) = group.below_q(nonces.next().as_bytes()) else { continue };
            let Some(signature) = self.sign_with(&Zeroizing::new(k), &digest) else { continue };
            let DsaNumbers { p, q, g, y } = self.numbers();
            return match verify(p, q, g, y, message, &signature) {
                Ok(()) => Ok(signature),
                Err(_) => Err(CryptoError::Backend),
            };
        }
        Err(CryptoError::Backend)
    }

    /// FIPS 186-4 section 4.6 with a given nonce; `None` where a part comes out as zero.
    fn sign_with(&self, k: &BoxedUint, digest: &[u8]) -> Option<Vec<u8>> {
        let group = &self.0.group;
        let mut power = group.g().pow_bounded_exp(k, Q_BITS);
        let r = power.retrieve().rem(&group.q);
        power.zeroize();
        let r = fixed(&r.to_be_bytes())?;
        let mod_q = |bytes: &[u8]| Some(BoxedMontyForm::new(group.reduced(bytes)?, &group.q_params));
        let (mut k, mut x) = (BoxedMontyForm::new(k.clone(), &group.q_params), mod_q(self.0.x.as_bytes())?);
        // q is prime: k to the power of q - 2 is its inverse, in constant time.
        let mut inverse = k.pow_bounded_exp(&group.q_minus_2, Q_BITS);
        let mut sum = mod_q(digest)?.add(&x.mul(&mod_q(r.as_bytes())?));
        let s = inverse.mul(&sum).retrieve();
        for secret in [&mut k, &mut x, &mut inverse, &mut sum] {
            secret.zeroize();
        }
        let s = fixed(&s.to_be_bytes())?;
        let zero = |number: &Secret| number.as_bytes().iter().all(|byte| *byte == 0);
        if zero(&r) || zero(&s) {
            return None;
        }
        Some([r.as_bytes(), s.as_bytes()].concat())
    }
}

impl fmt::Debug for DsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DsaKey(..)")
    }
}

/// FIPS 186-4 section 4.7, with SHA-1.
pub(crate) fn verify(
    p: &[u8],
    q: &[u8],
    g: &[u8],
    y: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    let group = Group::new(p, q, g)?;
    let y = check_y(&group, y)?;
    let numbers = signature.split_at_checked(Q_LEN).filter(|(_, s)| s.len() == Q_LEN);
    verified(&group, y, &HashAlgorithm::Sha1.digest(&[message]), numbers).ok_or(CryptoError::BadSignature)
}

fn verified(group: &Group, y: BoxedUint, digest: &[u8], numbers: Option<(&[u8], &[u8])>) -> Option<()> {
    let (r, s) = numbers?;
    let (r, s) = (group.below_q(r)?, group.below_q(s)?);
    let params = &group.q_params;
    let inverse = BoxedMontyForm::new(s, params).pow_bounded_exp(&group.q_minus_2, Q_BITS);
    let u1 = BoxedMontyForm::new(group.reduced(digest)?, params).mul(&inverse).retrieve();
    let u2 = BoxedMontyForm::new(r.clone(), params).mul(&inverse).retrieve();
    let y = BoxedMontyForm::new(y, &group.p_params);
    let v = group.g().pow_bounded_exp(&u1, Q_BITS).mul(&y.pow_bounded_exp(&u2, Q_BITS)).retrieve();
    (fixed(&v.rem(&group.q).to_be_bytes())?.as_bytes() == fixed(&r.to_be_bytes())?.as_bytes()).then_some(())
}

/// `p`, `q` and `g`, found to be a group.
struct Group {
    p_params: BoxedMontyParams,
    q: NonZero<BoxedUint>,
    q_params: BoxedMontyParams,
    q_minus_2: BoxedUint,
    g: BoxedUint,
}

impl Group {
    /// What is cheap to check is checked: sizes first, then that `q` divides `p - 1` and that `g` is between 1 and `p`.
    fn new(p: &[u8], q: &[u8], g: &[u8]) -> Result<Self, CryptoError> {
        let (p, q, g) = (trim(p), trim(q), trim(g));
        if !P_BITS.contains(&bits(p)) || bits(q) != Q_BITS || !between_1_and(g, p) {
            return Err(CryptoError::BadKey);
        }
        let odd = |bytes| {
            Odd::new(BoxedUint::from_be_slice_vartime(bytes)).into_option().ok_or(CryptoError::BadKey)
        };
        let (p, q) = (odd(p)?, odd(q)?);
        let order = NonZero::new(q.as_ref().clone()).into_option().ok_or(CryptoError::BadKey)?;
        if p.as_ref().rem(&order) != BoxedUint::one_with_precision(order.bits_precision()) {
            return Err(CryptoError::BadKey);
        }
        let q_minus_2 = q.as_ref().wrapping_sub(BoxedUint::from(2_u8));
        let p_params = BoxedMontyParams::new_vartime(p);
        let g = BoxedUint::from_be_slice(g, p_params.bits_precision()).map_err(|_| CryptoError::BadKey)?;
        Ok(Self { p_params, q: order, q_params: BoxedMontyParams::new_vartime(q), q_minus_2, g })
    }

    fn g(&self) -> BoxedMontyForm {
        BoxedMontyForm::new(self.g.clone(), &self.p_params)
    }

    /// A number of 20 bytes, unless it is zero or not below `q`.
    fn below_q(&self, bytes: &[u8]) -> Option<BoxedUint> {
        let number = BoxedUint::from_be_slice(bytes, self.q_params.bits_precision()).ok()?;
        let zero = bytes.iter().all(|byte| *byte == 0);
        (!zero && number < *self.q.as_ref()).then_some(number)
    }

    /// A number of 20 bytes, modulo `q`.
    fn reduced(&self, bytes: &[u8]) -> Option<BoxedUint> {
        let number = BoxedUint::from_be_slice(bytes, self.q_params.bits_precision()).ok()?;
        Some(number.rem(&self.q))
    }
}

fn check_y(group: &Group, y: &[u8]) -> Result<BoxedUint, CryptoError> {
    let p = group.p_params.modulus().to_be_bytes();
    if !between_1_and(trim(y), trim(&p)) {
        return Err(CryptoError::BadKey);
    }
    BoxedUint::from_be_slice(trim(y), group.p_params.bits_precision()).map_err(|_| CryptoError::BadKey)
}

/// The nonces of RFC 6979 section 3.2, by HMAC with SHA-1, whose output is just as long as `q`.
struct Nonces {
    key: Secret,
    value: Secret,
    used: bool,
}

impl Nonces {
    fn new(group: &Group, x: &[u8], digest: &[u8]) -> Self {
        let digest =
            group.reduced(digest).and_then(|digest| fixed(&digest.to_be_bytes())).unwrap_or_default();
        let mut nonces = Self { key: vec![0; Q_LEN].into(), value: vec![1; Q_LEN].into(), used: false };
        for round in [0, 1] {
            nonces.key = nonces.mac(&[nonces.value.as_bytes(), &[round], x, digest.as_bytes()]);
            nonces.value = nonces.mac(&[nonces.value.as_bytes()]);
        }
        nonces
    }

    fn next(&mut self) -> Secret {
        if self.used {
            self.key = self.mac(&[self.value.as_bytes(), &[0]]);
            self.value = self.mac(&[self.value.as_bytes()]);
        }
        self.used = true;
        self.value = self.mac(&[self.value.as_bytes()]);
        self.value.clone()
    }

    fn mac(&self, parts: &[&[u8]]) -> Secret {
        let key = hmac::Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.key.as_bytes());
        let mut context = hmac::Context::with_key(&key);
        for part in parts {
            context.update(part);
        }
        context.sign().as_ref().to_vec().into()
    }
}

fn between_1_and(number: &[u8], limit: &[u8]) -> bool {
    !number.is_empty() && number != [1] && (number.len(), number) < (limit.len(), limit)
}

fn bits(number: &[u8]) -> u32 {
    let unused = number.first().map_or(0, |first| first.leading_zeros());
    u32::try_from(number.len().saturating_mul(8)).unwrap_or(u32::MAX).saturating_sub(unused)
}

/// A number in exactly 20 bytes.
fn fixed(number: &[u8]) -> Option<Secret> {
    let (zeros, rest) = number.split_at_checked(number.len().saturating_sub(Q_LEN))?;
    if zeros.iter().any(|byte| *byte != 0) {
        return None;
    }
    let mut bytes = Vec::with_capacity(Q_LEN);
    bytes.resize(Q_LEN.saturating_sub(rest.len()), 0);
    bytes.extend_from_slice(rest);
    Some(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::hex;

    /// RFC 6979 appendix A.2.1.
    fn rfc6979_key() -> DsaKey {
        let numbers = DsaNumbers {
            p: hex("86F5CA03DCFEB225063FF830A0C769B9DD9D6153AD91D7CE27F787C43278B447
                E6533B86B18BED6E8A48B784A14C252C5BE0DBF60B86D6385BD2F12FB763ED88
                73ABFD3F5BA2E0A8C0A59082EAC056935E529DAF7C610467899C77ADEDFC846C
                881870B7B19B2B58F9BE0521A17002E3BDD6B86685EE90B3D9A1B02B782B1779"),
            q: hex("996F967F6C8E388D9E28D01E205FBA957A5698B1"),
            g: hex("07B0F92546150B62514BB771E2A0C0CE387F03BDA6C56B505209FF25FD3C133D
                89BBCD97E904E09114D9A7DEFDEADFC9078EA544D2E401AEECC40BB9FBBF78FD
                87995A10A1C27CB7789B594BA7EFB5C4326A9FE59A070E136DB77175464ADCA4
                17BE5DCE2F40D10A46A3A3943F26AB7FD9C0398FF8C76EE0A56826A8A88F1DBD"),
            y: Vec::new(),
        };
        DsaKey::from_parts(&numbers, &hex("411602CB19A6CCC34494D79D98EF1E7ED5AF25F7")).unwrap()
    }

    #[test]
    fn defect_067_dsa_nonces_are_those_of_rfc_6979() {
        let key = rfc6979_key();
        assert_eq!(
            key.numbers().y,
            hex("5DF5E01DED31D0297E274E1691C192FE5868FEF9E19A84776454B100CF16F653
                92195A38B90523E2542EE61871C0440CB87C322FC4B4D2EC5E1E7EC766E1BE8D
                4CE935437DC11C3C8FD426338933EBFE739CB3465F4D3668C5E473508253B1E6
                82F65CBDC4FAE93C2EA212390E54905A86E2223170B44EAA7DA5DD9FFCFB7F3B")
        );
        for (message, signature) in [
            (
                &b"sample"[..],
                "2E1A0C2562B2912CAAF89186FB0F42001585DA55 29EFB6B0AFF2D7A68EB70CA313022253B9A88DF5",
            ),
            (b"test", "42AB2052FD43E123F0607F115052A67DCD9C5C77 183916B0230D45B9931491D4C6B0BD2FB4AAF088"),
        ] {
            assert_eq!(key.sign(message).unwrap(), hex(signature));
        }
    }

    #[test]
    fn defect_067_dsa_nonces_use_their_whole_range() {
        let key = rfc6979_key();
        let nonce = |number: u32| {
            let digest = HashAlgorithm::Sha1.digest(&[&number.to_be_bytes()]);
            Nonces::new(&key.0.group, key.0.x.as_bytes(), &digest).next().as_bytes().to_vec()
        };
        let nonces: Vec<_> = (0..1000).map(nonce).collect();
        // Each of the 160 bits is set in about half of them: 6 standard deviations are 95.
        for bit in 0..160 {
            let set = nonces.iter().filter(|nonce| nonce[bit / 8] >> (7 - bit % 8) & 1 == 1).count();
            assert!((405..=595).contains(&set), "bit {bit} is set in {set} of 1000 nonces");
        }
    }

    #[test]
    fn a_signature_holds_for_its_message_and_key_only() {
        let key = rfc6979_key();
        let DsaNumbers { p, q, g, y } = key.numbers();
        let signature = key.sign(b"message").unwrap();
        assert_eq!(verify(p, q, g, y, b"message", &signature), Ok(()));
        assert_eq!(verify(p, q, g, y, b"massage", &signature), Err(CryptoError::BadSignature));
        assert_eq!(verify(p, q, g, g, b"message", &signature), Err(CryptoError::BadSignature));
        for at in 0..signature.len() {
            let mut bent = signature.clone();
            bent[at] ^= 1;
            assert_eq!(verify(p, q, g, y, b"message", &bent), Err(CryptoError::BadSignature), "{at}");
        }
        let zero_s = [&signature[..20], &[0; 20]].concat();
        let zero_r = [&[0; 20], &signature[20..]].concat();
        let long = [&signature[..], &[0]].concat();
        for none in [&zero_s, &zero_r, &long, &signature[..39].to_vec(), &vec![0xff; 40], &Vec::new()] {
            assert_eq!(verify(p, q, g, y, b"message", none), Err(CryptoError::BadSignature));
        }
    }

    #[test]
    fn defect_058_dsa_numbers_that_are_none_or_burn_time_are_refused() {
        let key = rfc6979_key();
        let DsaNumbers { p, q, g, y } = key.numbers();
        let refused = |p: &[u8], q: &[u8], g: &[u8], y: &[u8]| {
            assert_eq!(verify(p, q, g, y, b"message", &[1; 40]), Err(CryptoError::BadKey));
        };
        refused(&p[1..], q, g, y);
        refused(&vec![0xff; 10_000], q, g, y);
        refused(p, &q[1..], g, y);
        refused(p, &[&[1], &q[..]].concat(), g, y);
        refused(p, &[&q[..19], &[q[19] ^ 2]].concat(), g, y);
        for none in [&[][..], &[0], &[1], p, &[&[1], &p[..]].concat()] {
            refused(p, q, none, y);
            refused(p, q, g, none);
        }
        for x in [&[][..], &[0], q, &[0xff; 20], &[1; 21]] {
            assert!(DsaKey::from_parts(key.numbers(), x).is_err());
        }
    }
}
