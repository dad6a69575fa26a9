//! A private key on its way into an agent, and in it.

use std::fmt;

use feramiko_crypto::RsaParts;
use feramiko_crypto::signing::PublicParts;
use feramiko_wire::{Reader, Writer};

use crate::secret_key::SecretKey;
use crate::{Certificate, Fingerprint, KeyError, PrivateKey, PublicKey};

const PLACE: &str = "private key for an agent";
const CERTIFICATE: &[u8] = b"-cert-v01@openssh.com";

/// A private key as it is handed to an agent: by itself, or with the certificate that the agent shows in its place.
#[derive(Clone)]
pub struct AgentPrivateKey {
    key: PrivateKey,
    certificate: Option<Certificate>,
}

impl AgentPrivateKey {
    /// A key with its certificate. It is another entry than the key by itself.
    ///
    /// # Errors
    /// [`Mismatch`](KeyError::Mismatch) when the certificate is another key's,
    /// [`UnsupportedType`](KeyError::UnsupportedType) when agents do not take certificates of its type.
    pub fn certified(key: PrivateKey, certificate: Certificate) -> Result<Self, KeyError> {
        if key.public_key() != certificate.public_key() {
            return Err(KeyError::Mismatch);
        }
        match key.secret_key() {
            SecretKey::Ed25519(_)
            | SecretKey::Ecdsa(_)
            | SecretKey::Rsa(_)
            | SecretKey::MlDsa44Ed25519(_) => {}
            _ => return Err(KeyError::unsupported_type(certificate.algorithm().as_bytes())),
        }
        Ok(Self { key, certificate: Some(certificate) })
    }

    /// The key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// Its certificate, if it has one.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// The blob under which it is listed and asked for.
    pub fn blob(&self) -> &[u8] {
        self.certificate.as_ref().map_or(self.key.public_key().blob(), Certificate::blob)
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.key.public_key().fingerprint()
    }

    /// Whether a login with it may name that algorithm.
    pub(super) fn signs_logins_by(&self, algorithm: &str) -> bool {
        let public = self.key.public_key();
        let known = self.certificate.as_ref().map(Certificate::signature_algorithms);
        known.unwrap_or(public.signature_algorithms()).contains(&algorithm)
    }

    /// The fields of SSH_AGENTC_ADD_IDENTITY (RFC 9987 section 4.2) up to the comment. With a certificate the public
    /// fields are in there (OpenSSH PROTOCOL.certkeys), but for Ed25519, which repeats them.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, KeyError> {
        let damaged = KeyError::damaged_by(PLACE);
        let mut ahead = reader.clone();
        if !ahead.string().map_err(&damaged)?.ends_with(CERTIFICATE) {
            return Ok(PrivateKey::new(SecretKey::decode(reader)?, String::new())?.into());
        }
        let certificate = Certificate::from_blob(ahead.string().map_err(&damaged)?)?;
        if Reader::new(reader.remaining()).string() != Ok(certificate.algorithm().as_bytes()) {
            return Err(KeyError::damaged(PLACE, "the type is not that of its certificate"));
        }
        let secret = private_part(certificate.public_key(), &mut ahead)?;
        *reader = ahead;
        Self::certified(PrivateKey::new(secret, String::new())?, certificate)
    }

    pub(super) fn encode(&self, writer: &mut Writer<'_>) {
        let secret = self.key.secret_key();
        let Some(certificate) = &self.certificate else { return secret.encode(writer) };
        writer.string(certificate.algorithm().as_bytes());
        writer.string(certificate.blob());
        match secret {
            SecretKey::Ed25519(key) => {
                writer.string(&key.public());
                writer.nested(|pair| {
                    pair.raw(key.seed().as_bytes());
                    pair.raw(&key.public());
                });
            }
            SecretKey::Ecdsa(key) => writer.mpint(key.scalar().as_bytes()),
            SecretKey::Rsa(key) => {
                let RsaParts { d, p, q, iqmp, .. } = key.parts();
                [d, iqmp, p, q].into_iter().for_each(|number| writer.mpint(number.as_bytes()));
            }
            SecretKey::MlDsa44Ed25519(key) => writer.string(key.seeds().as_bytes()),
            // `certified` takes none of these.
            SecretKey::Dsa(_) | SecretKey::Sk(_) => {}
        }
    }
}

/// What a certificate does not say of its key.
fn private_part(public: &PublicKey, reader: &mut Reader<'_>) -> Result<SecretKey, KeyError> {
    let damaged = KeyError::damaged_by(PLACE);
    match public.parts() {
        PublicParts::Ed25519(known) => {
            let again = reader.string().map_err(&damaged)?;
            let pair = reader.string().map_err(&damaged)?;
            let (seed, end) = pair
                .split_at_checked(32)
                .ok_or_else(|| KeyError::damaged(PLACE, "an Ed25519 pair has 64 bytes, and this has not"))?;
            match again == known && end == known {
                true => SecretKey::ed25519(seed, Some(known)),
                false => Err(KeyError::Mismatch),
            }
        }
        PublicParts::Ecdsa { curve, point } => {
            let scalar = reader.mpint().map_err(damaged)?;
            SecretKey::ecdsa(curve, scalar.magnitude(), Some(point))
        }
        PublicParts::Rsa { n, e } => {
            let mut read = || reader.mpint().map(|number| number.magnitude().to_vec()).map_err(&damaged);
            let (d, iqmp, p, q) = (read()?.into(), read()?.into(), read()?.into(), read()?.into());
            SecretKey::rsa(&RsaParts { n: n.to_vec(), e: e.to_vec(), d, p, q, iqmp })
        }
        PublicParts::MlDsa44Ed25519(known) => {
            SecretKey::mldsa44_ed25519(reader.string().map_err(damaged)?, known)
        }
        _ => Err(KeyError::unsupported_type(public.algorithm().as_bytes())),
    }
}

impl From<PrivateKey> for AgentPrivateKey {
    fn from(key: PrivateKey) -> Self {
        Self { key, certificate: None }
    }
}

impl fmt::Debug for AgentPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.certificate {
            Some(certificate) => certificate.fmt(f),
            None => self.key.fmt(f),
        }
    }
}
