//! ECDSA over the NIST curves (RFC 5656 section 3), by aws-lc-rs. The curve fixes the hash.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::agreement;
use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, KeyPair, UnparsedPublicKey,
};

use crate::signing::Curve;
use crate::{CryptoError, Secret};

/// An ECDSA private key in memory. Cloning shares it.
#[derive(Clone)]
pub struct EcdsaKey(Arc<Inner>);

struct Inner {
    pair: EcdsaKeyPair,
    curve: Curve,
    scalar: Secret,
    point: Vec<u8>,
}

impl EcdsaKey {
    /// A key from its scalar (big-endian, leading zeros allowed or left out) and its uncompressed point.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] if either is out of range or they do not belong together.
    pub fn from_parts(curve: Curve, scalar: &[u8], point: &[u8]) -> Result<Self, CryptoError> {
        if !is_uncompressed(curve, point) {
            return Err(CryptoError::BadKey);
        }
        let scalar = fixed_width(curve, scalar)?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(signing(curve), scalar.as_bytes(), point)
            .map_err(|_| CryptoError::BadKey)?;
        Ok(Self(Arc::new(Inner { pair, curve, scalar, point: point.to_vec() })))
    }

    /// A key from its scalar alone; the point is computed.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] if the scalar is zero or not below the order of the curve.
    pub fn from_scalar(curve: Curve, scalar: &[u8]) -> Result<Self, CryptoError> {
        let scalar = fixed_width(curve, scalar)?;
        let point = agreement::PrivateKey::from_private_key(agreeing(curve), scalar.as_bytes())
            .map_err(|_| CryptoError::BadKey)?
            .compute_public_key()
            .map_err(|_| CryptoError::BadKey)?;
        Self::from_parts(curve, scalar.as_bytes(), point.as_ref())
    }

    /// A new random key.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the backend fails.
    pub fn generate(curve: Curve) -> Result<Self, CryptoError> {
        let pair = EcdsaKeyPair::generate(signing(curve)).map_err(|_| CryptoError::Backend)?;
        let bytes: EcPrivateKeyBin<'_> =
            pair.private_key().as_be_bytes().map_err(|_| CryptoError::Backend)?;
        let scalar = fixed_width(curve, bytes.as_ref())?;
        let point = pair.public_key().as_ref().to_vec();
        Ok(Self(Arc::new(Inner { pair, curve, scalar, point })))
    }

    /// The curve.
    pub fn curve(&self) -> Curve {
        self.0.curve
    }

    /// The scalar, big-endian, [`Curve::field_len`] bytes.
    pub fn scalar(&self) -> Secret {
        self.0.scalar.clone()
    }

    /// The uncompressed point, `0x04 || x || y`.
    pub fn point(&self) -> Vec<u8> {
        self.0.point.clone()
    }

    /// Signs with the curve's hash (SHA-256, SHA-384, SHA-512); `r || s`, each [`Curve::field_len`] bytes.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the backend fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let signature = self.0.pair.sign(&SystemRandom::new(), message).map_err(|_| CryptoError::Backend)?;
        Ok(signature.as_ref().to_vec())
    }
}

impl fmt::Debug for EcdsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcdsaKey({}, ..)", self.0.curve.name())
    }
}

pub(crate) fn verify(
    curve: Curve,
    point: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    if !is_uncompressed(curve, point) {
        return Err(CryptoError::BadKey);
    }
    if signature.len() != 2 * curve.field_len() {
        return Err(CryptoError::BadSignature);
    }
    UnparsedPublicKey::new(verifying(curve), point)
        .verify(message, signature)
        .map_err(|_| CryptoError::BadSignature)
}

/// Whether `point` has the one form that RFC 5656 section 3.1 makes every implementation know.
pub(crate) fn is_uncompressed(curve: Curve, point: &[u8]) -> bool {
    point.len() == 1 + 2 * curve.field_len() && point.first() == Some(&4)
}

/// The curve for key agreement.
pub(crate) fn agreeing(curve: Curve) -> &'static agreement::Algorithm {
    match curve {
        Curve::P256 => &agreement::ECDH_P256,
        Curve::P384 => &agreement::ECDH_P384,
        Curve::P521 => &agreement::ECDH_P521,
    }
}

fn signing(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
    }
}

fn verifying(curve: Curve) -> &'static EcdsaVerificationAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED,
    }
}

/// The scalar with exactly the curve's width: key files hold it as a number.
fn fixed_width(curve: Curve, scalar: &[u8]) -> Result<Secret, CryptoError> {
    let width = curve.field_len();
    let extra = scalar.len().saturating_sub(width);
    let (zeros, rest) = scalar.split_at_checked(extra).ok_or(CryptoError::BadKey)?;
    if zeros.iter().any(|&byte| byte != 0) {
        return Err(CryptoError::BadKey);
    }
    let mut fixed = Vec::with_capacity(width);
    fixed.resize(width.saturating_sub(rest.len()), 0);
    fixed.extend_from_slice(rest);
    Ok(Secret::new(fixed))
}
