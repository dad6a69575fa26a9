//! How a [`Job`] is done.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::job::Job;
use crate::agent::lend;
use crate::error::{Error, HostKeyRefusal};
use crate::hostkeys;
use crate::shared::Shared;

/// Does the work. Where the application's code panics, the answer is no, and the connection learns of it.
pub(crate) fn run(job: Job, shared: &Arc<Shared>) {
    match job {
        Job::Sign(request, signer) => {
            let sign = || signer.sign(request.algorithm(), request.message()).ok();
            let signature = catch_unwind(AssertUnwindSafe(sign)).unwrap_or_default();
            shared.with(|state, now| state.connection.provide_signature(request, signature, now));
        }
        Job::Verify(question, mut verifier) => {
            let verify = || {
                match question.certificate() {
                    Some(certificate) => verifier.verify_certificate(certificate),
                    None => verifier.verify(question.key()),
                }?;
                Ok(verifier.keeper())
            };
            let panicked = |_: Box<dyn std::any::Any + Send>| {
                Err(Error::from(HostKeyRefusal::Declined {
                    key: question.key().clone(),
                    why: "the verifier panicked".to_owned(),
                }))
            };
            let verdict = catch_unwind(AssertUnwindSafe(verify)).unwrap_or_else(panicked);
            shared.with(|state, now| {
                if let Ok(Some(keeper)) = verdict {
                    state.keep_host_keys(keeper);
                    state.answer_host_key(question, Ok(()), now);
                } else {
                    state.answer_host_key(question, verdict.map(drop), now);
                }
            });
        }
        Job::Lend(request, source, guest) => lend::receive(request, &source, guest, shared),
        Job::Learn(learning) => hostkeys::learn(shared, *learning),
        Job::Prove(proving) => hostkeys::prove(shared, *proving),
    }
}

/// Runs on a thread of its own what is slow, everything else here.
pub(crate) fn start(job: Job, shared: &Arc<Shared>) {
    if !job.is_slow() {
        return run(job, shared);
    }
    let helper = Arc::clone(shared);
    let place = Arc::new(std::sync::Mutex::new(Some(job)));
    let theirs = Arc::clone(&place);
    let take = |place: &std::sync::Mutex<Option<Job>>| {
        place.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    };
    let work = move || {
        if let Some(job) = take(&theirs) {
            run(job, &helper);
        }
    };
    if std::thread::Builder::new().name("feramiko-job".to_owned()).spawn(work).is_err()
        && let Some(job) = take(&place)
    {
        match job {
            Job::Lend(request, ..) => lend::refuse(request, shared),
            // No thread to be had: slow is better than never.
            job => run(job, shared),
        }
    }
}
