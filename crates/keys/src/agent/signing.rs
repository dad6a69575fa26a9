//! A signature that an agent was asked for, and may make.

use std::fmt;

use super::message::AgentReply;
use crate::{Fingerprint, PrivateKey};

/// A signature to be made: away from the keyring, because it takes time and somebody may have to be asked first.
pub struct Signing {
    pub(super) key: PrivateKey,
    pub(super) algorithm: &'static str,
    pub(super) data: Vec<u8>,
    pub(super) confirmation: Option<Confirmation>,
}

/// What the user is asked before a key is used. Safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confirmation {
    /// The comment of the key.
    pub comment: String,
    /// The fingerprint of the key.
    pub fingerprint: Fingerprint,
    /// Who is to be logged in as, where that can be told.
    pub user: Option<String>,
}

impl Signing {
    /// What the user has to say yes to first, if that is so.
    pub fn confirmation(&self) -> Option<&Confirmation> {
        self.confirmation.as_ref()
    }

    /// The reply: the signature, or a failure when `confirmed` is false and it had to be true.
    pub fn reply(self, confirmed: bool) -> Vec<u8> {
        if self.confirmation.is_some() && !confirmed {
            return AgentReply::Failure.encode();
        }
        match self.key.sign(self.algorithm, &self.data) {
            Ok(signature) => AgentReply::Signature(&signature).encode(),
            Err(_) => AgentReply::Failure.encode(),
        }
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, algorithm, confirmation, .. } = self;
        f.debug_struct("Signing")
            .field("key", key)
            .field("algorithm", algorithm)
            .field("confirmation", confirmation)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Confirmation {
    /// As a person is asked, over two or three lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Allow use of key {}?\nKey fingerprint {}.", self.comment, self.fingerprint)?;
        match &self.user {
            Some(user) => write!(f, "\nTo log in as {user}."),
            None => Ok(()),
        }
    }
}
