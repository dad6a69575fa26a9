//! Work that must not run under the lock, or on the driver: signatures and the verification of host keys.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use feramiko_keys::Signer;
use feramiko_proto::{HostKeyQuestion, SignRequest};

use crate::error::{Error, HostKeyRefusal};
use crate::shared::Shared;
use crate::verify::HostKeyVerifier;

/// One piece of it.
pub(crate) enum Job {
    /// A key is to sign.
    Sign(SignRequest, Arc<dyn Signer>),
    /// Somebody is to say whether a host key is trusted.
    Verify(HostKeyQuestion, Box<dyn HostKeyVerifier>),
}

impl Job {
    /// Whether it may take longer than the other channels can wait. A verifier may ask a person.
    pub(crate) fn is_slow(&self) -> bool {
        match self {
            Self::Sign(_, signer) => signer.is_slow(),
            Self::Verify(_, verifier) => verifier.is_slow(),
        }
    }

    /// Does the work. Where the application's code panics, the answer is no, and the connection learns of it.
    pub(crate) fn run(self, shared: &Arc<Shared>) {
        match self {
            Self::Sign(request, signer) => {
                let sign = || signer.sign(request.algorithm(), request.message()).ok();
                let signature = catch_unwind(AssertUnwindSafe(sign)).unwrap_or_default();
                shared.with(|state, now| state.connection.provide_signature(request, signature, now));
            }
            Self::Verify(question, mut verifier) => {
                let verify = || verifier.verify(question.key());
                let panicked = |_: Box<dyn std::any::Any + Send>| {
                    Err(Error::from(HostKeyRefusal::Declined {
                        key: question.key().clone(),
                        why: "the verifier panicked".to_owned(),
                    }))
                };
                let verdict = catch_unwind(AssertUnwindSafe(verify)).unwrap_or_else(panicked);
                shared.with(|state, now| state.answer_host_key(question, verdict, now));
            }
        }
    }

    /// Runs on a thread of its own what is slow, everything else here.
    pub(crate) fn start(self, shared: &Arc<Shared>) {
        if !self.is_slow() {
            return self.run(shared);
        }
        let helper = Arc::clone(shared);
        let place = Arc::new(std::sync::Mutex::new(Some(self)));
        let job = Arc::clone(&place);
        let take = |place: &std::sync::Mutex<Option<Self>>| {
            place.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
        };
        let work = move || {
            if let Some(job) = take(&job) {
                job.run(&helper);
            }
        };
        if std::thread::Builder::new().name("feramiko-job".to_owned()).spawn(work).is_err()
            && let Some(job) = take(&place)
        {
            // No thread to be had: slow is better than never.
            job.run(shared);
        }
    }
}
