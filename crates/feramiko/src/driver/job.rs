//! Work that must not run under the lock, or on the driver: signatures, the verification of host keys, and
//! what is lent.

use std::sync::Arc;

use feramiko_keys::Signer;
use feramiko_proto::{HostKeyQuestion, OpenRequest, SignRequest};

use crate::agent::source::AgentSource;
use crate::lending::Guest;
use crate::verify::HostKeyVerifier;

/// One piece of it.
pub(crate) enum Job {
    /// A key is to sign.
    Sign(SignRequest, Arc<dyn Signer>),
    /// Somebody is to say whether a host key is trusted.
    Verify(HostKeyQuestion, Box<dyn HostKeyVerifier>),
    /// The server opens a channel to the agent that is lent to it.
    Lend(OpenRequest, AgentSource, Guest),
}

impl Job {
    /// Whether it may take longer than the other channels can wait. A verifier may ask a person.
    pub(crate) fn is_slow(&self) -> bool {
        match self {
            Self::Sign(_, signer) => signer.is_slow(),
            Self::Verify(_, verifier) => verifier.is_slow(),
            Self::Lend(..) => true,
        }
    }
}
