//! Public keys taken apart: the fields of a key blob behind the name of its type.

use std::sync::Arc;

use feramiko_crypto::signing::{Curve, PublicParts};
use feramiko_wire::{Mpint, Reader, Writer};

use crate::KeyError;
use crate::algorithm::{
    LEAST_RSA_BITS, MAX_RSA_BITS, SK_ECDSA, SK_ED25519, SSH_DSS, SSH_ED25519, SSH_MLDSA44_ED25519, SSH_RSA,
    ecdsa_curve, ecdsa_name,
};

/// Bytes of a composite key: 1312 of ML-DSA-44, 32 of Ed25519.
const MLDSA44_ED25519_LEN: usize = 1344;

#[derive(Clone)]
pub(crate) enum Parts {
    Ed25519([u8; 32]),
    Ecdsa { curve: Curve, point: Arc<[u8]> },
    Rsa { n: Arc<[u8]>, e: Arc<[u8]> },
    Dsa { p: Arc<[u8]>, q: Arc<[u8]>, g: Arc<[u8]>, y: Arc<[u8]> },
    MlDsa44Ed25519(Arc<[u8]>),
    SkEd25519 { key: [u8; 32], application: Arc<[u8]> },
    SkEcdsa { point: Arc<[u8]>, application: Arc<[u8]> },
}

impl Parts {
    /// Reads the fields of a key of this type, without its name.
    pub(crate) fn read(name: &[u8], reader: &mut Reader<'_>, min_rsa_bits: usize) -> Result<Self, KeyError> {
        if let Some(curve) = ecdsa_curve(name) {
            return Ok(Self::Ecdsa { curve, point: read_point(reader, curve)? });
        }
        match std::str::from_utf8(name).unwrap_or_default() {
            SSH_ED25519 => Ok(Self::Ed25519(read_ed25519(reader)?)),
            SSH_RSA => read_rsa(reader, min_rsa_bits),
            SK_ED25519 => {
                Ok(Self::SkEd25519 { key: read_ed25519(reader)?, application: read_application(reader)? })
            }
            SK_ECDSA => Ok(Self::SkEcdsa {
                point: read_point(reader, Curve::P256)?,
                application: read_application(reader)?,
            }),
            SSH_MLDSA44_ED25519 => {
                let key = reader.string().map_err(KeyError::damaged_by("public key"))?;
                if key.len() != MLDSA44_ED25519_LEN {
                    return Err(KeyError::damaged(
                        "public key",
                        "an ML-DSA-44 and Ed25519 key has 1344 bytes",
                    ));
                }
                Ok(Self::MlDsa44Ed25519(key.into()))
            }
            SSH_DSS => read_dsa(reader),
            _ => Err(KeyError::unsupported_type(name)),
        }
    }

    /// The type: `ssh-ed25519`, `ssh-rsa`, `ecdsa-sha2-nistp256`.
    pub(crate) fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => SSH_ED25519,
            Self::Ecdsa { curve, .. } => ecdsa_name(*curve),
            Self::Rsa { .. } => SSH_RSA,
            Self::Dsa { .. } => SSH_DSS,
            Self::MlDsa44Ed25519(_) => SSH_MLDSA44_ED25519,
            Self::SkEd25519 { .. } => SK_ED25519,
            Self::SkEcdsa { .. } => SK_ECDSA,
        }
    }

    /// The type as `ssh-keygen -l` prints it.
    pub(crate) fn short_name(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "ED25519",
            Self::Ecdsa { .. } => "ECDSA",
            Self::Rsa { .. } => "RSA",
            Self::Dsa { .. } => "DSA",
            Self::MlDsa44Ed25519(_) => "MLDSA44-ED25519",
            Self::SkEd25519 { .. } => "ED25519-SK",
            Self::SkEcdsa { .. } => "ECDSA-SK",
        }
    }

    pub(crate) fn lent(&self) -> PublicParts<'_> {
        match self {
            Self::Ed25519(key) => PublicParts::Ed25519(key),
            Self::Ecdsa { curve, point } => PublicParts::Ecdsa { curve: *curve, point },
            Self::Rsa { n, e } => PublicParts::Rsa { n, e },
            Self::Dsa { p, q, g, y } => PublicParts::Dsa { p, q, g, y },
            Self::MlDsa44Ed25519(key) => PublicParts::MlDsa44Ed25519(key),
            Self::SkEd25519 { key, application } => PublicParts::SkEd25519 { key, application },
            Self::SkEcdsa { point, application } => PublicParts::SkEcdsa { point, application },
        }
    }

    /// Bits, as `ssh-keygen -l` counts them.
    pub(crate) fn bits(&self) -> usize {
        match self {
            Self::Ecdsa { curve: Curve::P384, .. } => 384,
            Self::Ecdsa { curve: Curve::P521, .. } => 521,
            Self::Rsa { n: number, .. } | Self::Dsa { p: number, .. } => Mpint::from_magnitude(number).bits(),
            _ => 256,
        }
    }
}

/// Writes the blob of a key.
pub(crate) fn write_blob(parts: PublicParts<'_>) -> Result<Vec<u8>, KeyError> {
    let mut blob = Vec::new();
    let mut writer = Writer::new(&mut blob);
    match parts {
        PublicParts::Ed25519(key) => {
            writer.string(SSH_ED25519.as_bytes());
            writer.string(key);
        }
        PublicParts::Ecdsa { curve, point } => {
            writer.string(ecdsa_name(curve).as_bytes());
            writer.string(curve.name().as_bytes());
            writer.string(point);
        }
        PublicParts::Rsa { n, e } => {
            writer.string(SSH_RSA.as_bytes());
            writer.mpint(e);
            writer.mpint(n);
        }
        PublicParts::Dsa { p, q, g, y } => {
            writer.string(SSH_DSS.as_bytes());
            for number in [p, q, g, y] {
                writer.mpint(number);
            }
        }
        PublicParts::MlDsa44Ed25519(key) => {
            writer.string(SSH_MLDSA44_ED25519.as_bytes());
            writer.string(key);
        }
        PublicParts::SkEd25519 { key, application } => {
            writer.string(SK_ED25519.as_bytes());
            writer.string(key);
            writer.string(application);
        }
        PublicParts::SkEcdsa { point, application } => {
            writer.string(SK_ECDSA.as_bytes());
            writer.string(Curve::P256.name().as_bytes());
            writer.string(point);
            writer.string(application);
        }
        _ => return Err(KeyError::unsupported_type(b"unknown")),
    }
    Ok(blob)
}

fn read_ed25519(reader: &mut Reader<'_>) -> Result<[u8; 32], KeyError> {
    let key = reader.string().map_err(KeyError::damaged_by("public key"))?;
    key.try_into()
        .map_err(|_| KeyError::damaged("public key", "an Ed25519 key has 32 bytes, and this one has not"))
}

/// The name of the curve and a point on it.
fn read_point(reader: &mut Reader<'_>, curve: Curve) -> Result<Arc<[u8]>, KeyError> {
    let damaged = KeyError::damaged_by("ECDSA public key");
    if reader.string().map_err(&damaged)? != curve.name().as_bytes() {
        return Err(KeyError::damaged("ECDSA public key", "the curve is not the one of its type"));
    }
    let point = reader.string().map_err(damaged)?;
    // Compressed points and the point at infinity are not used in SSH (RFC 5656 section 3.1).
    if point.len() != 1 + 2 * curve.field_len() || point.first() != Some(&4) {
        return Err(KeyError::damaged("ECDSA public key", "not an uncompressed point of its curve"));
    }
    Ok(point.into())
}

/// What a FIDO key is for (PROTOCOL.u2f): a text without NUL, `ssh:` as a rule.
fn read_application(reader: &mut Reader<'_>) -> Result<Arc<[u8]>, KeyError> {
    let application = reader.string().map_err(KeyError::damaged_by("application of a FIDO key"))?;
    if application.contains(&0) {
        return Err(KeyError::damaged("application of a FIDO key", "there is a NUL in it"));
    }
    Ok(application.into())
}

fn read_rsa(reader: &mut Reader<'_>, min_bits: usize) -> Result<Parts, KeyError> {
    let e = reader.mpint().map_err(KeyError::damaged_by("RSA exponent"))?;
    let n = reader.mpint().map_err(KeyError::damaged_by("RSA modulus"))?;
    let min = min_bits.clamp(LEAST_RSA_BITS, MAX_RSA_BITS);
    if !(min..=MAX_RSA_BITS).contains(&n.bits()) {
        return Err(KeyError::RsaSize { bits: n.bits(), min, max: MAX_RSA_BITS });
    }
    if !odd(n) {
        return Err(KeyError::damaged("RSA modulus", "it is even"));
    }
    if !odd(e) || !(2..=24).contains(&e.bits()) {
        return Err(KeyError::damaged("RSA exponent", "not an odd number from 3 to 2^24 - 1"));
    }
    Ok(Parts::Rsa { n: n.magnitude().into(), e: e.magnitude().into() })
}

/// RFC 4253 section 6.6: `p`, `q`, `g`, `y`. That they are a group shows when a signature is verified.
fn read_dsa(reader: &mut Reader<'_>) -> Result<Parts, KeyError> {
    const PLACE: &str = "DSA public key";
    let mut number = || reader.mpint().map_err(KeyError::damaged_by(PLACE));
    let (p, q, g, y) = (number()?, number()?, number()?, number()?);
    if !(1024..=3072).contains(&p.bits()) || q.bits() != 160 {
        return Err(KeyError::damaged(PLACE, "its primes have not 1024 to 3072 and 160 bits"));
    }
    if !odd(p) || !odd(q) || [g, y].iter().any(|number| !(2..=p.bits()).contains(&number.bits())) {
        return Err(KeyError::damaged(PLACE, "its numbers cannot be those of a key"));
    }
    let [p, q, g, y] = [p, q, g, y].map(|number| Arc::from(number.magnitude()));
    Ok(Parts::Dsa { p, q, g, y })
}

fn odd(number: Mpint<'_>) -> bool {
    number.magnitude().last().is_some_and(|byte| byte & 1 == 1)
}
