//! A private key on its way into an agent, and in it.

use std::fmt;

use feramiko_wire::{Reader, Writer};

use crate::secret_key::SecretKey;
use crate::{Fingerprint, KeyError, PrivateKey};

/// A private key as it is handed to an agent: with what the agent shows in its place.
#[derive(Clone)]
pub struct AgentPrivateKey {
    key: PrivateKey,
}

impl AgentPrivateKey {
    /// The key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The blob under which it is listed and asked for.
    pub fn blob(&self) -> &[u8] {
        self.key.public_key().blob()
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.key.public_key().fingerprint()
    }

    /// Whether a login with it may name that algorithm.
    pub(super) fn signs_logins_by(&self, algorithm: &str) -> bool {
        self.key.public_key().signature_algorithms().contains(&algorithm)
    }

    /// The fields of SSH_AGENTC_ADD_IDENTITY (RFC 9987 section 4.2) up to the comment.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, KeyError> {
        let key = PrivateKey::new(SecretKey::decode(reader)?, String::new())?;
        Ok(Self { key })
    }

    pub(super) fn encode(&self, writer: &mut Writer<'_>) {
        self.key.secret_key().encode(writer);
    }
}

impl From<PrivateKey> for AgentPrivateKey {
    fn from(key: PrivateKey) -> Self {
        Self { key }
    }
}

impl fmt::Debug for AgentPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}
