//! What is shown to log in: keys, passwords, answers.

use std::sync::{Arc, Mutex};

use feramiko_crypto::Secret;
use feramiko_keys::{Certificate, CertifiedKey, PublicKey, Signer};
use feramiko_proto::Prompts;

use crate::agenda::{Entry, Method};
use crate::error::KeySource;
use crate::keyring::Key;

/// Asks for a password: the number of the attempt, the first being 1. `None` gives up.
pub(crate) type AskPassword = Arc<Mutex<dyn FnMut(u32) -> Option<Secret> + Send>>;
/// Answers a server's questions. `None` gives up.
pub(crate) type Answer = Arc<Mutex<dyn FnMut(&Prompts) -> Option<Vec<Secret>> + Send>>;
/// Something to show.
pub(crate) enum Item {
    Key { key: Key, source: KeySource },
    Password(Secret),
    AskPassword { ask: AskPassword, asked: u32 },
    Interactive(Answer),
    HostBased(HostVoucher),
}

/// The host that vouches for its user.
#[derive(Clone)]
pub(crate) struct HostVoucher {
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) host: String,
    pub(crate) user: String,
}

impl Item {
    pub(crate) fn entry(&self, others_interactive: bool, tries: u32) -> Entry {
        // Servers that ask for a password by keyboard-interactive only are many; a declared answerer goes before that.
        let instead = Some(Method::Interactive).filter(|_| !others_interactive);
        match self {
            Self::Key { .. } => Entry::once(Method::PublicKey),
            Self::Password(_) => Entry { method: Method::Password, instead, tries: 1 },
            Self::AskPassword { .. } => Entry { method: Method::Password, instead, tries },
            Self::Interactive(_) => Entry { method: Method::Interactive, instead: None, tries },
            Self::HostBased(_) => Entry::once(Method::HostBased),
        }
    }

    /// The same key with its certificate; `None` where that is another key's, or shown already.
    pub(crate) fn certified(&self, certificate: &Certificate) -> Option<Self> {
        let Self::Key { key: Key::Open(signer), source } = self else { return None };
        if signer.certificate().is_some() {
            return None;
        }
        let certified = CertifiedKey::new(Arc::clone(signer), certificate.clone()).ok()?;
        Some(Self::Key { key: Key::Open(Arc::new(certified)), source: source.clone() })
    }

    /// The public half of what it signs with, as far as it is known.
    pub(crate) fn public_key(&self) -> Option<&PublicKey> {
        match self {
            Self::Key { key: Key::Open(signer), .. } => Some(signer.public_key()),
            Self::HostBased(voucher) => Some(voucher.signer.public_key()),
            _ => None,
        }
    }

    pub(crate) fn certificate(&self) -> Option<&Certificate> {
        match self {
            Self::Key { key: Key::Open(signer), .. } => signer.certificate(),
            _ => None,
        }
    }

    /// Where its key comes from.
    pub(crate) fn source(&self) -> Option<&KeySource> {
        match self {
            Self::Key { source, .. } => Some(source),
            Self::HostBased(_) => Some(&KeySource::Program),
            _ => None,
        }
    }

    /// What an error message calls it. Never a secret.
    pub(crate) fn describe(&self) -> String {
        let key = self.public_key().map(|key| match self.certificate() {
            Some(certificate) => format!("{} {}", certificate.algorithm(), key.fingerprint()),
            None => format!("{} {}", key.algorithm(), key.fingerprint()),
        });
        let key = key.unwrap_or_else(|| "a protected key".to_owned());
        match self {
            Self::Key { source: KeySource::Program, .. } => key,
            Self::Key { source, .. } => format!("{source} ({key})"),
            Self::HostBased(voucher) => format!("the host {} ({key})", voucher.host),
            Self::Password(_) | Self::AskPassword { .. } | Self::Interactive(_) => String::new(),
        }
    }

    /// The same behind its method.
    pub(crate) fn name(&self) -> String {
        let method = self.entry(false, 1).method.name();
        match self.describe() {
            detail if detail.is_empty() => method.to_owned(),
            detail => format!("{method} with {detail}"),
        }
    }
}
