//! The composite of ML-DSA-44 (FIPS 204) and Ed25519: draft-ietf-lamps-pq-composite-sigs, in SSH by
//! draft-miller-sshm-mldsa44-ed25519-composite-sigs (`ssh-mldsa44-ed25519@openssh.com`). Both halves must verify.

use std::fmt;
use std::sync::Arc;

use ml_dsa::signature::Keypair;
use ml_dsa::{B32, MlDsa44, Signature, SigningKey, VerifyingKey};
use zeroize::{Zeroize, Zeroizing};

use crate::{CryptoError, Ed25519Key, HashAlgorithm, Secret};

use super::ed25519;
use super::kem::Random;

const ML_DSA_PUBLIC_LEN: usize = 1312;
const ML_DSA_SIGNATURE_LEN: usize = 2420;
const SEED_LEN: usize = 32;

/// What both halves sign begins with these, so that neither is a signature of its own kind.
const PREFIX: &[u8] = b"CompositeAlgorithmSignatures2025";
const LABEL: &[u8] = b"COMPSIG-MLDSA44-Ed25519-SHA512";

/// A composite private key in memory. Cloning shares it.
#[derive(Clone)]
pub struct MlDsa44Ed25519Key(Arc<Inner>);

struct Inner {
    ml_dsa: SigningKey<MlDsa44>,
    ed25519: Ed25519Key,
    seeds: Secret,
    public: Vec<u8>,
}

impl MlDsa44Ed25519Key {
    /// The key that grows from two seeds: ML-DSA's 32 bytes, then Ed25519's.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] if the backend refuses them.
    pub fn from_seeds(seeds: &[u8; 2 * SEED_LEN]) -> Result<Self, CryptoError> {
        let (ml_dsa, ed25519) = seeds.split_first_chunk::<SEED_LEN>().ok_or(CryptoError::BadKey)?;
        let ed25519 = ed25519.first_chunk().ok_or(CryptoError::BadKey)?;
        let mut seed = B32::from(*ml_dsa);
        let ml_dsa = SigningKey::<MlDsa44>::from_seed(&seed);
        seed.zeroize();
        let ed25519 = Ed25519Key::from_seed(ed25519)?;
        let public = [&ml_dsa.verifying_key().encode()[..], &ed25519.public()].concat();
        Ok(Self(Arc::new(Inner { ml_dsa, ed25519, seeds: Secret::new(seeds.to_vec()), public })))
    }

    /// A new random key.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if there is no randomness.
    pub fn generate() -> Result<Self, CryptoError> {
        let mut seeds = Zeroizing::new([0; 2 * SEED_LEN]);
        aws_lc_rs::rand::fill(&mut *seeds).map_err(|_| CryptoError::Backend)?;
        Self::from_seeds(&seeds)
    }

    /// The two seeds, 64 bytes.
    pub fn seeds(&self) -> Secret {
        self.0.seeds.clone()
    }

    /// The public key, 1344 bytes.
    pub fn public(&self) -> &[u8] {
        &self.0.public
    }

    /// Signs; 2484 bytes. ML-DSA is used in its hedged form.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if there is no randomness.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let message = signed(message);
        let mut random = Random::default();
        let signature = self
            .0
            .ml_dsa
            .expanded_key()
            .sign_randomized(&message, LABEL, &mut random)
            .map_err(|_| CryptoError::Backend)?;
        if random.failed() {
            return Err(CryptoError::Backend);
        }
        Ok([&signature.encode()[..], &self.0.ed25519.sign(&message)?].concat())
    }
}

impl fmt::Debug for MlDsa44Ed25519Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MlDsa44Ed25519Key(..)")
    }
}

pub(crate) fn verify(public: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    let (ml_dsa, ed25519) = public.split_first_chunk::<ML_DSA_PUBLIC_LEN>().ok_or(CryptoError::BadKey)?;
    let ed25519 = ed25519.try_into().map_err(|_| CryptoError::BadKey)?;
    let (first, second) =
        signature.split_at_checked(ML_DSA_SIGNATURE_LEN).ok_or(CryptoError::BadSignature)?;
    let message = signed(message);
    let first = Signature::<MlDsa44>::try_from(first).map_err(|_| CryptoError::BadSignature)?;
    let key = VerifyingKey::<MlDsa44>::decode(&(*ml_dsa).into());
    if !key.verify_with_context(&message, LABEL, &first) {
        return Err(CryptoError::BadSignature);
    }
    ed25519::verify(ed25519, &message, second)
}

/// The message of both halves: prefix, label, a context of no bytes, SHA-512 of what is to be signed.
fn signed(message: &[u8]) -> Vec<u8> {
    [PREFIX, LABEL, &[0], &HashAlgorithm::Sha512.digest(&[message])].concat()
}
