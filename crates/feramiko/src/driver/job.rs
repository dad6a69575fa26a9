//! Work that must not run under the lock, or on the driver: signatures, the verification of host keys, known_hosts, and
//! what is lent.

use std::sync::Arc;

use feramiko_keys::Signer;
use feramiko_proto::{GlobalRequest, HostKeyQuestion, OpenRequest, SignRequest};

use crate::agent::source::AgentSource;
use crate::lending::Guest;
use crate::rotation::HostKeyKeeper;
use crate::verify::HostKeyVerifier;

/// One piece of it.
pub(crate) enum Job {
    /// A key is to sign.
    Sign(SignRequest, Arc<dyn Signer>),
    /// Somebody is to say whether a host key is trusted.
    Verify(HostKeyQuestion, Box<dyn HostKeyVerifier>),
    /// The server opens a channel to the agent that is lent to it.
    Lend(OpenRequest, AgentSource, Guest),
    /// A server has announced its host keys.
    Learn(Box<Learning>),
    /// A client wants our host keys proved.
    Prove(Box<Proving>),
}

/// An announcement, and who is to remember what is in it.
pub(crate) struct Learning {
    pub(crate) keeper: HostKeyKeeper,
    pub(crate) blobs: Vec<u8>,
}

/// A request for proofs.
pub(crate) struct Proving {
    pub(crate) request: GlobalRequest,
    pub(crate) proofs: Vec<Proof>,
}

/// A host key that is to prove itself: what it signs, and how.
pub(crate) struct Proof {
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) algorithm: &'static str,
    pub(crate) text: Vec<u8>,
}

impl Job {
    /// Whether it may take longer than the other channels can wait. A verifier may ask a person.
    pub(crate) fn is_slow(&self) -> bool {
        match self {
            Self::Sign(_, signer) => signer.is_slow(),
            Self::Verify(_, verifier) => verifier.is_slow(),
            Self::Lend(..) => true,
            Self::Learn(_) => true,
            Self::Prove(proving) => proving.proofs.iter().any(|proof| proof.signer.is_slow()),
        }
    }
}
