//! The private part of a key, as all formats give and take it.

use feramiko_crypto::signing::{Curve, PublicParts};
use feramiko_crypto::{
    CryptoError, DsaKey, DsaNumbers, EcdsaKey, Ed25519Key, HashAlgorithm, MlDsa44Ed25519Key, RsaKey,
    RsaParts, Secret,
};
use feramiko_wire::{Reader, Writer};

use crate::algorithm::{
    LEAST_RSA_BITS, SK_ECDSA, SK_ED25519, SSH_DSS, SSH_ED25519, SSH_MLDSA44_ED25519, SSH_RSA, ecdsa_curve,
    ecdsa_name,
};
use crate::parts::{Parts, write_blob};
use crate::security_key::SecurityKey;
use crate::{KeyError, KeyType, PublicKey};

const PLACE: &str = "private key";

pub(crate) enum SecretKey {
    Ed25519(Ed25519Key),
    Ecdsa(EcdsaKey),
    Rsa(RsaKey),
    Dsa(DsaKey),
    MlDsa44Ed25519(MlDsa44Ed25519Key),
    /// What a FIDO device needs to sign; nothing here can.
    Sk(SecurityKey),
}

impl SecretKey {
    pub(crate) fn generate(kind: KeyType) -> Result<Self, KeyError> {
        Ok(match kind {
            KeyType::Ed25519 => Self::Ed25519(Ed25519Key::generate()?),
            KeyType::EcdsaP256 => Self::Ecdsa(EcdsaKey::generate(Curve::P256)?),
            KeyType::EcdsaP384 => Self::Ecdsa(EcdsaKey::generate(Curve::P384)?),
            KeyType::EcdsaP521 => Self::Ecdsa(EcdsaKey::generate(Curve::P521)?),
            KeyType::Rsa { bits } => Self::Rsa(RsaKey::generate(bits).map_err(|error| match error {
                CryptoError::BadKey => KeyError::UnsupportedType {
                    name: format!("ssh-rsa of {bits} bits (2048, 3072, 4096 and 8192 can be made)"),
                },
                error => error.into(),
            })?),
            KeyType::MlDsa44Ed25519 => Self::MlDsa44Ed25519(MlDsa44Ed25519Key::generate()?),
        })
    }

    /// From a seed of 32 bytes; `public`, where the file has it, must belong to it.
    pub(crate) fn ed25519(seed: &[u8], public: Option<&[u8]>) -> Result<Self, KeyError> {
        let seed = seed
            .try_into()
            .map_err(|_| KeyError::damaged(PLACE, "an Ed25519 seed has 32 bytes, and this one has not"))?;
        let key = Ed25519Key::from_seed(seed)?;
        match public {
            Some(public) if public != key.public() => Err(KeyError::Mismatch),
            _ => Ok(Self::Ed25519(key)),
        }
    }

    /// From a scalar; `point`, where the file has it, must belong to it.
    pub(crate) fn ecdsa(curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<Self, KeyError> {
        let key = EcdsaKey::from_scalar(curve, scalar)
            .map_err(|_| KeyError::damaged(PLACE, "the number is not one of its curve"))?;
        match point {
            Some(point) if point != key.point() => Err(KeyError::Mismatch),
            _ => Ok(Self::Ecdsa(key)),
        }
    }

    /// From its numbers, of any size that can be named as the least; the floor is asked for where the key is used.
    pub(crate) fn rsa(parts: &RsaParts) -> Result<Self, KeyError> {
        // First, because it names what is wrong with sizes.
        public(PublicParts::Rsa { n: &parts.n, e: &parts.e })?;
        Ok(Self::Rsa(RsaKey::from_parts_with_floor(parts, LEAST_RSA_BITS).map_err(|_| KeyError::Mismatch)?))
    }

    /// From its group and private value; `numbers.y`, where it is not empty, must belong to them.
    pub(crate) fn dsa(numbers: &DsaNumbers, x: &[u8]) -> Result<Self, KeyError> {
        let key = DsaKey::from_parts(numbers, x)
            .map_err(|_| KeyError::damaged(PLACE, "its DSA numbers cannot be those of a key"))?;
        match numbers.y.as_slice() {
            [] => Ok(Self::Dsa(key)),
            y if y == key.numbers().y => Ok(Self::Dsa(key)),
            _ => Err(KeyError::Mismatch),
        }
    }

    pub(crate) fn public_key(&self) -> Result<PublicKey, KeyError> {
        match self {
            Self::Ed25519(key) => public(PublicParts::Ed25519(&key.public())),
            Self::Ecdsa(key) => public(PublicParts::Ecdsa { curve: key.curve(), point: &key.point() }),
            Self::Rsa(key) => public(PublicParts::Rsa { n: key.n(), e: key.e() }),
            Self::Dsa(key) => {
                let DsaNumbers { p, q, g, y } = key.numbers();
                public(PublicParts::Dsa { p, q, g, y })
            }
            Self::MlDsa44Ed25519(key) => public(PublicParts::MlDsa44Ed25519(key.public())),
            Self::Sk(key) => Ok(key.public.clone()),
        }
    }

    /// Reads the fields of PROTOCOL.key's private section, which are those of PROTOCOL.agent too.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, KeyError> {
        let damaged = KeyError::damaged_by(PLACE);
        let name = reader.string().map_err(&damaged)?;
        if name == SSH_ED25519.as_bytes() {
            let public = reader.string().map_err(&damaged)?;
            let pair = reader.string().map_err(damaged)?;
            let (seed, again) = pair
                .split_at_checked(32)
                .filter(|(_, again)| again.len() == 32)
                .ok_or_else(|| KeyError::damaged(PLACE, "an Ed25519 pair has 64 bytes, and this has not"))?;
            if again != public {
                return Err(KeyError::Mismatch);
            }
            Self::ed25519(seed, Some(public))
        } else if name == SSH_RSA.as_bytes() {
            let mut number = || reader.mpint().map(|number| number.magnitude().to_vec());
            let mut read = || number().map_err(&damaged);
            let (n, e) = (read()?, read()?);
            let (d, iqmp) = (read()?.into(), read()?.into());
            let (p, q) = (read()?.into(), read()?.into());
            Self::rsa(&RsaParts { n, e, d, p, q, iqmp })
        } else if let Some(curve) = ecdsa_curve(name) {
            if reader.string().map_err(&damaged)? != curve.name().as_bytes() {
                return Err(KeyError::damaged(PLACE, "the curve is not the one of its type"));
            }
            let point = reader.string().map_err(&damaged)?;
            let scalar = reader.mpint().map_err(damaged)?;
            Self::ecdsa(curve, scalar.magnitude(), Some(point))
        } else if name == SSH_DSS.as_bytes() {
            let mut read = || reader.mpint().map(|number| number.magnitude().to_vec()).map_err(&damaged);
            let (p, q, g, y) = (read()?, read()?, read()?, read()?);
            Self::dsa(&DsaNumbers { p, q, g, y }, Secret::new(read()?).as_bytes())
        } else if name == SSH_MLDSA44_ED25519.as_bytes() {
            let public = reader.string().map_err(&damaged)?;
            Self::mldsa44_ed25519(reader.string().map_err(damaged)?, public)
        } else if [SK_ED25519.as_bytes(), SK_ECDSA.as_bytes()].contains(&name) {
            let parts = Parts::read(name, reader, LEAST_RSA_BITS)?;
            Ok(Self::Sk(SecurityKey::decode(public(parts.lent())?, reader)?))
        } else {
            Err(KeyError::unsupported_type(name))
        }
    }

    /// From the seeds of both keys, which must be those of the public one.
    pub(crate) fn mldsa44_ed25519(seeds: &[u8], public: &[u8]) -> Result<Self, KeyError> {
        const LENGTH: &str = "the seeds of ML-DSA-44 and Ed25519 have 64 bytes, and these have not";
        let seeds = seeds.try_into().map_err(|_| KeyError::damaged(PLACE, LENGTH))?;
        let key = MlDsa44Ed25519Key::from_seeds(seeds)?;
        if key.public() == public { Ok(Self::MlDsa44Ed25519(key)) } else { Err(KeyError::Mismatch) }
    }

    /// Writes what [`decode`](Self::decode) reads.
    pub(crate) fn encode(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Ed25519(key) => {
                writer.string(SSH_ED25519.as_bytes());
                writer.string(&key.public());
                writer.nested(|pair| {
                    pair.raw(key.seed().as_bytes());
                    pair.raw(&key.public());
                });
            }
            Self::Ecdsa(key) => {
                writer.string(ecdsa_name(key.curve()).as_bytes());
                writer.string(key.curve().name().as_bytes());
                writer.string(&key.point());
                writer.mpint(key.scalar().as_bytes());
            }
            Self::Rsa(key) => {
                let RsaParts { n, e, d, p, q, iqmp } = key.parts();
                writer.string(SSH_RSA.as_bytes());
                writer.mpint(n);
                writer.mpint(e);
                for number in [d, iqmp, p, q] {
                    writer.mpint(number.as_bytes());
                }
            }
            Self::Dsa(key) => {
                let DsaNumbers { p, q, g, y } = key.numbers();
                writer.string(SSH_DSS.as_bytes());
                for number in [p, q, g, y] {
                    writer.mpint(number);
                }
                writer.mpint(key.x().as_bytes());
            }
            Self::MlDsa44Ed25519(key) => {
                writer.string(SSH_MLDSA44_ED25519.as_bytes());
                writer.string(key.public());
                writer.string(key.seeds().as_bytes());
            }
            Self::Sk(key) => key.encode(writer),
        }
    }

    /// The raw signature, in the form that a [`feramiko_crypto::signing::SignatureScheme`] verifies.
    pub(crate) fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        match self {
            Self::Ed25519(key) => key.sign(message),
            Self::Ecdsa(key) => key.sign(message),
            Self::Rsa(key) => match algorithm {
                "rsa-sha2-512" => key.sign(HashAlgorithm::Sha512, message),
                "rsa-sha2-256" => key.sign(HashAlgorithm::Sha256, message),
                SSH_RSA => key.sign(HashAlgorithm::Sha1, message),
                _ => Err(CryptoError::Unsupported),
            },
            Self::Dsa(key) => key.sign(message),
            Self::MlDsa44Ed25519(key) => key.sign(message),
            Self::Sk(_) => Err(CryptoError::Unsupported),
        }
    }
}

fn public(parts: PublicParts<'_>) -> Result<PublicKey, KeyError> {
    PublicKey::from_blob_with_rsa_floor(&write_blob(parts)?, LEAST_RSA_BITS)
}

/// A secret number of a file whose parser lends it.
pub(crate) fn secret(bytes: &[u8]) -> Secret {
    Secret::new(bytes.to_vec())
}
