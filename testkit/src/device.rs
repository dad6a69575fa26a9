//! A FIDO device that is played here.

use std::sync::atomic::{AtomicU8, Ordering};

use feramiko_crypto::signing::{Curve, PublicParts};
use feramiko_crypto::{CryptoError, EcdsaKey, Ed25519Key, HashAlgorithm};
use feramiko_keys::{KeyError, PublicKey, Signer};
use feramiko_wire::Writer;

const APPLICATION: &[u8] = b"ssh:";
/// What each signature says of the ones before it.
const COUNTER: u32 = 0x0102;

/// A key in a FIDO device: it signs as PROTOCOL.u2f of OpenSSH's sources says, with whatever flags it is told to.
pub struct Device {
    public: PublicKey,
    key: Key,
    flags: AtomicU8,
}

enum Key {
    Ed25519(Ed25519Key),
    Ecdsa(EcdsaKey),
}

impl Device {
    /// The flag that somebody touched it.
    pub const TOUCHED: u8 = 1;
    /// The flag that it knows who.
    pub const VERIFIED: u8 = 4;

    /// A new `sk-ssh-ed25519@openssh.com`.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn ed25519(flags: u8) -> Result<Self, KeyError> {
        let key = Ed25519Key::generate()?;
        let public =
            PublicKey::from_parts(PublicParts::SkEd25519 { key: &key.public(), application: APPLICATION })?;
        Ok(Self { public, key: Key::Ed25519(key), flags: flags.into() })
    }

    /// A new `sk-ecdsa-sha2-nistp256@openssh.com`.
    ///
    /// # Errors
    /// There is no randomness.
    pub fn ecdsa(flags: u8) -> Result<Self, KeyError> {
        let key = EcdsaKey::generate(Curve::P256)?;
        let public =
            PublicKey::from_parts(PublicParts::SkEcdsa { point: &key.point(), application: APPLICATION })?;
        Ok(Self { public, key: Key::Ecdsa(key), flags: flags.into() })
    }

    /// Its public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Signs with these flags from now on.
    pub fn set_flags(&self, flags: u8) {
        self.flags.store(flags, Ordering::SeqCst);
    }

    /// The signature's own bytes, in the form that their type has in a blob.
    fn sign_text(&self, text: &[u8]) -> Result<Vec<u8>, CryptoError> {
        match &self.key {
            Key::Ed25519(key) => Ok(key.sign(text)?.to_vec()),
            Key::Ecdsa(key) => {
                let raw = key.sign(text)?;
                let mut body = Vec::new();
                let mut writer = Writer::new(&mut body);
                raw.chunks(raw.len() / 2).for_each(|number| writer.mpint(number));
                Ok(body)
            }
        }
    }
}

impl Signer for Device {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let flags = self.flags.load(Ordering::SeqCst);
        let hash = |bytes: &[u8]| HashAlgorithm::Sha256.digest(&[bytes]);
        let counter = COUNTER.to_be_bytes();
        let text = [&hash(APPLICATION)[..], &[flags], &counter, &hash(message)].concat();
        let mut blob = Vec::new();
        let mut writer = Writer::new(&mut blob);
        writer.string(algorithm.as_bytes());
        writer.string(&self.sign_text(&text)?);
        writer.u8(flags);
        writer.u32(COUNTER);
        Ok(blob)
    }
}
