//! A client's attempt to log in, as the server's application sees it.

use std::sync::Arc;

use feramiko_proto::{AuthAttempt, Decision, Prompt, Proof};

use crate::error::Error;
use crate::shared::Handle;

/// A client tries to log in. Dropped unanswered, it is rejected.
pub struct Attempt {
    handle: Arc<Handle>,
    attempt: Option<AuthAttempt>,
}

impl Attempt {
    pub(crate) fn new(handle: &Arc<Handle>, attempt: AuthAttempt) -> Self {
        Self { handle: Arc::clone(handle), attempt: Some(attempt) }
    }

    /// The user name of this very attempt. As sent: sanitize before showing.
    pub fn user(&self) -> &str {
        self.attempt.as_ref().map_or("", AuthAttempt::user)
    }

    /// What the client brings.
    pub fn proof(&self) -> &Proof {
        self.attempt.as_ref().map_or(&Proof::None, AuthAttempt::proof)
    }

    /// Logs the user in; where the server has [steps](crate::ServerBuilder::steps), says that this step is done. For a
    /// [`Proof::KeyOffer`] it only says that the key would do. For a [`Proof::None`] it lets anybody in.
    ///
    /// # Errors
    /// The connection has ended, or the answer does not fit the proof, which then counts as a rejection.
    pub fn accept(self) -> Result<(), Error> {
        self.decide(Decision::Accept)
    }

    /// Says no.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn reject(self) -> Result<(), Error> {
        self.decide(Decision::Reject)
    }

    /// The proof is right, and one of these methods must follow (RFC 4252 section 5.1).
    ///
    /// # Errors
    /// As for [`accept`](Self::accept).
    pub fn partial<S: Into<String>>(self, remaining: impl IntoIterator<Item = S>) -> Result<(), Error> {
        self.decide(Decision::Partial { remaining: remaining.into_iter().map(Into::into).collect() })
    }

    /// Asks the client (RFC 4256), for [`Proof::Interactive`] and [`Proof::Answers`]. The answers come as the next attempt.
    ///
    /// # Errors
    /// As for [`accept`](Self::accept).
    pub fn ask(self, name: &str, instruction: &str, prompts: Vec<Prompt>) -> Result<(), Error> {
        self.decide(Decision::Ask { name: name.to_owned(), instruction: instruction.to_owned(), prompts })
    }

    /// The password is right but has expired (RFC 4252 section 8): asks for a new one.
    ///
    /// # Errors
    /// As for [`accept`](Self::accept).
    pub fn change_password(self, prompt: &str) -> Result<(), Error> {
        self.decide(Decision::ChangePassword { prompt: prompt.to_owned() })
    }

    /// Any of these.
    ///
    /// # Errors
    /// As for [`accept`](Self::accept).
    pub fn decide(mut self, decision: Decision) -> Result<(), Error> {
        let Some(attempt) = self.attempt.take() else { return Ok(()) };
        self.handle.0.with(|state, now| {
            state.alive()?;
            Ok(state.connection.decide(attempt, decision, now)?)
        })
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            // It fails only when there is nobody left to reject.
            let _ = self.handle.0.with(|state, now| state.connection.decide(attempt, Decision::Reject, now));
        }
    }
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Attempt").field(&self.attempt).finish()
    }
}
