//! The formats made of ASN.1: PKCS#1 (RFC 8017), SEC1 (RFC 5915), PKCS#8 (RFC 5958, RFC 8410), DSA as OpenSSL has it.

use feramiko_crypto::signing::Curve;
use feramiko_crypto::{DsaNumbers, RsaParts};
use pkcs1::RsaPrivateKeyRef;
use pkcs8::der::asn1::{OctetStringRef, UintRef};
use pkcs8::der::{self, Decode, Reader, SliceReader};
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use sec1::EcPrivateKey;

use crate::KeyError;
use crate::secret_key::{SecretKey, secret};

pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
pub(crate) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(crate) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(crate) const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");
const CURVES: [(ObjectIdentifier, Curve); 3] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), Curve::P256),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), Curve::P384),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), Curve::P521),
];
/// What people have in such files and SSH does not use, by names they know.
const OTHERS: [(&str, &str); 5] = [
    ("1.3.101.113", "Ed448"),
    ("1.3.101.110", "X25519"),
    ("1.2.840.113549.1.1.10", "RSA-PSS"),
    ("1.3.132.0.10", "ECDSA on secp256k1"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
];

/// `RSA PRIVATE KEY`.
pub(crate) fn pkcs1(der: &[u8]) -> Result<SecretKey, KeyError> {
    let key = RsaPrivateKeyRef::from_der(der).map_err(KeyError::damaged_by("PKCS#1 key"))?;
    if key.other_prime_infos.is_some() {
        return Err(KeyError::UnsupportedType { name: "RSA with more than two primes".to_owned() });
    }
    SecretKey::rsa(&RsaParts {
        n: key.modulus.as_bytes().to_vec(),
        e: key.public_exponent.as_bytes().to_vec(),
        d: secret(key.private_exponent.as_bytes()),
        p: secret(key.prime1.as_bytes()),
        q: secret(key.prime2.as_bytes()),
        iqmp: secret(key.coefficient.as_bytes()),
    })
}

/// `EC PRIVATE KEY`, which names its curve.
pub(crate) fn sec1(der: &[u8]) -> Result<SecretKey, KeyError> {
    sec1_on(der, None)
}

/// A SEC1 key on the curve that stands outside, inside, or both.
fn sec1_on(der: &[u8], outside: Option<Curve>) -> Result<SecretKey, KeyError> {
    const PLACE: &str = "SEC1 key";
    let key = EcPrivateKey::from_der(der).map_err(KeyError::damaged_by(PLACE))?;
    let inside = match key.parameters.and_then(|parameters| parameters.named_curve()) {
        Some(oid) => Some(curve(oid)?),
        None => None,
    };
    let curve = match (outside, inside) {
        (Some(outside), Some(inside)) if outside != inside => {
            return Err(KeyError::damaged(PLACE, "it names two curves"));
        }
        (outside, inside) => {
            outside.or(inside).ok_or_else(|| KeyError::damaged(PLACE, "it names no curve"))?
        }
    };
    SecretKey::ecdsa(curve, key.private_key, key.public_key)
}

/// `DSA PRIVATE KEY`: a SEQUENCE of 0, `p`, `q`, `g`, `y`, `x`.
pub(crate) fn dsa(text: &[u8]) -> Result<SecretKey, KeyError> {
    let damaged = KeyError::damaged_by("DSA key");
    let mut reader = SliceReader::new(text).map_err(&damaged)?;
    let [version, p, q, g, y, x] = reader
        .sequence(|fields| {
            let mut next = || fields.decode::<UintRef<'_>>().map(|number| number.as_bytes());
            Ok::<_, der::Error>([next()?, next()?, next()?, next()?, next()?, next()?])
        })
        .map_err(&damaged)?;
    reader.finish().map_err(damaged)?;
    if version != [0] {
        return Err(KeyError::damaged("DSA key", "it is of another version"));
    }
    let [p, q, g, y] = [p, q, g, y].map(<[u8]>::to_vec);
    SecretKey::dsa(&DsaNumbers { p, q, g, y }, x)
}

/// `PRIVATE KEY`.
pub(crate) fn pkcs8(der: &[u8]) -> Result<SecretKey, KeyError> {
    const PLACE: &str = "PKCS#8 key";
    let info = PrivateKeyInfoRef::from_der(der).map_err(KeyError::damaged_by(PLACE))?;
    let key = info.private_key.as_bytes();
    match info.algorithm.oid {
        ED25519 => {
            let seed = <&OctetStringRef>::from_der(key).map_err(KeyError::damaged_by(PLACE))?;
            let public = match info.public_key {
                Some(bits) => Some(
                    bits.as_bytes().ok_or_else(|| KeyError::damaged(PLACE, "a public key of odd bits"))?,
                ),
                None => None,
            };
            SecretKey::ed25519(seed.as_bytes(), public)
        }
        EC => {
            let oid = info.algorithm.parameters_oid().map_err(KeyError::damaged_by(PLACE))?;
            sec1_on(key, Some(curve(oid)?))
        }
        RSA => pkcs1(key),
        // RFC 3279 section 2.3.2: the group as parameters, the private value as INTEGER.
        DSA => {
            let group = info.algorithm.parameters_any().map_err(KeyError::damaged_by(PLACE))?;
            let [p, q, g] = group
                .sequence(|fields| {
                    let mut next = || fields.decode::<UintRef<'_>>().map(|number| number.as_bytes().to_vec());
                    Ok::<_, der::Error>([next()?, next()?, next()?])
                })
                .map_err(KeyError::damaged_by(PLACE))?;
            let x = UintRef::from_der(key).map_err(KeyError::damaged_by(PLACE))?;
            SecretKey::dsa(&DsaNumbers { p, q, g, y: Vec::new() }, x.as_bytes())
        }
        oid => Err(unsupported(oid)),
    }
}

/// The number of a curve.
pub(crate) fn curve_oid(curve: Curve) -> ObjectIdentifier {
    let [(p256, _), (p384, _), (p521, _)] = CURVES;
    match curve {
        Curve::P256 => p256,
        Curve::P384 => p384,
        Curve::P521 => p521,
    }
}

fn curve(oid: ObjectIdentifier) -> Result<Curve, KeyError> {
    CURVES.iter().find(|(known, _)| *known == oid).map(|(_, curve)| *curve).ok_or_else(|| unsupported(oid))
}

fn unsupported(oid: ObjectIdentifier) -> KeyError {
    let oid = oid.to_string();
    let known = OTHERS.iter().find(|(number, _)| *number == oid);
    KeyError::UnsupportedType { name: known.map_or(oid.clone(), |(_, name)| (*name).to_owned()) }
}
