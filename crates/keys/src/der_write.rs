//! DER (X.690) written: the few types that private keys need. Each holds secrets, so each is wiped.

use feramiko_crypto::{DsaNumbers, RsaParts};
use pkcs8::ObjectIdentifier;
use zeroize::Zeroizing;

use crate::KeyError;
use crate::asn1::{DSA, EC, ED25519, RSA, curve_oid};
use crate::secret_key::SecretKey;

type Der = Zeroizing<Vec<u8>>;

const NULL: [u8; 2] = [5, 0];

/// A key in PKCS#8 (RFC 5958), without its public part where the private one tells it.
pub(crate) fn pkcs8(key: &SecretKey) -> Result<Der, KeyError> {
    let (algorithm, key) = match key {
        // RFC 8410.
        SecretKey::Ed25519(key) => (sequence(&[&object(ED25519)]), octets(key.seed().as_bytes())),
        // RFC 5915: the curve stands outside.
        SecretKey::Ecdsa(key) => {
            let point = value(0xa1, &[&value(3, &[&[0], &key.point()])]);
            let key_fields = sequence(&[&integer(&[1]), &octets(key.scalar().as_bytes()), &point]);
            (sequence(&[&object(EC), &object(curve_oid(key.curve()))]), key_fields)
        }
        SecretKey::Rsa(key) => {
            let (d_p, d_q) = key.exponents_modulo_primes()?;
            let RsaParts { n, e, d, p, q, iqmp } = key.parts();
            let numbers = [&[0], &n[..], e, d.as_bytes(), p.as_bytes(), q.as_bytes()];
            let more = [d_p.as_bytes(), d_q.as_bytes(), iqmp.as_bytes()];
            let fields: Vec<Der> = numbers.into_iter().chain(more).map(integer).collect();
            let fields: Vec<&[u8]> = fields.iter().map(|field| field.as_slice()).collect();
            (sequence(&[&object(RSA), &NULL]), sequence(&fields))
        }
        // RFC 3279 section 2.3.2.
        SecretKey::Dsa(key) => {
            let DsaNumbers { p, q, g, .. } = key.numbers();
            let group = sequence(&[&integer(p), &integer(q), &integer(g)]);
            (sequence(&[&object(DSA), &group]), integer(key.x().as_bytes()))
        }
        SecretKey::MlDsa44Ed25519(_) | SecretKey::Sk(_) => {
            let name = key.public_key()?.algorithm();
            return Err(KeyError::UnsupportedFormat { name: format!("PKCS#8 for {name}") });
        }
    };
    Ok(sequence(&[&integer(&[0]), &algorithm, &octets(&key)]))
}

/// SEQUENCE.
pub(crate) fn sequence(parts: &[&[u8]]) -> Der {
    value(0x30, parts)
}

/// OCTET STRING.
pub(crate) fn octets(bytes: &[u8]) -> Der {
    value(4, &[bytes])
}

/// OBJECT IDENTIFIER.
pub(crate) fn object(oid: ObjectIdentifier) -> Der {
    value(6, &[oid.as_bytes()])
}

/// INTEGER that is not negative, from its magnitude, whose leading zeros do not count.
pub(crate) fn integer(magnitude: &[u8]) -> Der {
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
    let magnitude = magnitude.get(zeros..).unwrap_or_default();
    match magnitude.first() {
        Some(1..=0x7f) => value(2, &[magnitude]),
        _ => value(2, &[&[0], magnitude]),
    }
}

fn value(tag: u8, parts: &[&[u8]]) -> Der {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let bytes = length.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = bytes.get(zeros..).unwrap_or_default();
    let mut der = Zeroizing::new(Vec::with_capacity(length + bytes.len() + 2));
    der.push(tag);
    if length > 0x7f {
        der.push(0x80 | u8::try_from(bytes.len()).unwrap_or_default());
    }
    match bytes {
        [] => der.push(0),
        bytes => der.extend_from_slice(bytes),
    }
    for part in parts {
        der.extend_from_slice(part);
    }
    der
}

#[cfg(test)]
mod tests {
    use feramiko_crypto::signing::Curve;

    use super::*;

    #[test]
    fn lengths_and_signs_are_those_of_x_690() {
        assert_eq!(*sequence(&[]), [0x30, 0]);
        assert_eq!(octets(&[7; 0x7f])[..3], [4, 0x7f, 7]);
        assert_eq!(octets(&[7; 0x80])[..4], [4, 0x81, 0x80, 7]);
        assert_eq!(octets(&[7; 0x1234])[..5], [4, 0x82, 0x12, 0x34, 7]);
        assert_eq!(*integer(&[]), [2, 1, 0]);
        assert_eq!(*integer(&[0, 0]), [2, 1, 0]);
        assert_eq!(*integer(&[0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(*integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(*object(curve_oid(Curve::P384)), [6, 5, 0x2b, 0x81, 4, 0, 0x22]);
    }
}
