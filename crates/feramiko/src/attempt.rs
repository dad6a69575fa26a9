//! A client's attempt to log in, as the server's application sees it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use feramiko_keys::{Circumstances, Denied, Restrictions};
use feramiko_proto::{AuthAttempt, Decision, Prompt, Proof};

use crate::error::Error;
use crate::shared::Handle;
use crate::state::State;

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
    /// [`Proof::KeyOffer`] or a [`Proof::CertificateOffer`] it only says that it would do. For a [`Proof::None`] it lets anybody in.
    /// What a FIDO device has signed that nobody touched is rejected all the same; [`accept_with`](Self::accept_with) can
    /// waive that.
    ///
    /// # Errors
    /// The connection has ended, or the answer does not fit the proof, which then counts as a rejection.
    pub fn accept(self) -> Result<(), Error> {
        self.decide(Decision::Accept)
    }

    /// [`accept`](Self::accept), and from now on the connection enforces these restrictions, together with those of the
    /// steps before: what one of them forbids is forbidden.
    ///
    /// Where they forbid this very login (it comes from elsewhere, it is too late, the security key was not touched), it is
    /// rejected.
    ///
    /// # Errors
    /// As for [`accept`](Self::accept).
    pub fn accept_with(self, restrictions: Restrictions) -> Result<(), Error> {
        self.decide_with(Decision::Accept, restrictions)
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
        self.partial_with(remaining, Restrictions::none())
    }

    /// [`partial`](Self::partial) with restrictions, as for [`accept_with`](Self::accept_with).
    ///
    /// # Errors
    /// As for [`accept`](Self::accept).
    pub fn partial_with<S: Into<String>>(
        self,
        remaining: impl IntoIterator<Item = S>,
        restrictions: Restrictions,
    ) -> Result<(), Error> {
        let remaining = remaining.into_iter().map(Into::into).collect();
        self.decide_with(Decision::Partial { remaining }, restrictions)
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
    pub fn decide(self, decision: Decision) -> Result<(), Error> {
        self.decide_with(decision, Restrictions::none())
    }

    /// Any of these, with restrictions for those that accept; see [`accept_with`](Self::accept_with).
    ///
    /// # Errors
    /// As for [`accept`](Self::accept).
    pub fn decide_with(mut self, decision: Decision, restrictions: Restrictions) -> Result<(), Error> {
        let holds = if consents(&decision) { self.holds(&restrictions) } else { Ok(()) };
        let Some(mut attempt) = self.attempt.take() else { return Ok(()) };
        if !restrictions.touch_required {
            attempt.waive_touch();
        }
        let user = attempt.user().to_owned();
        // An offer proves nothing: whoever makes it has still to come with a signature.
        let offer = matches!(attempt.proof(), Proof::KeyOffer(_) | Proof::CertificateOffer(_));
        let is_step = consents(&decision) && !offer;
        self.handle.0.with(|state, now| {
            state.alive()?;
            let together = holds.map_err(|denied| denied.to_string()).and_then(|()| {
                state.permissions.with_step(&user, restrictions).map_err(|conflict| conflict.to_string())
            });
            match together {
                Ok(together) => {
                    state.connection.decide(attempt, decision, now)?;
                    // What the client does now is looked at behind this: events are sorted when the lock is left.
                    if is_step {
                        state.permissions.hold(&user, together);
                    }
                }
                Err(why) => {
                    tracing::info!(
                        user = feramiko_wire::sanitize_line(user.as_bytes()),
                        why,
                        "a login is refused"
                    );
                    state.connection.decide(attempt, Decision::Reject, now)?;
                }
            }
            Ok(())
        })
    }

    /// Whether a login with these restrictions holds here and now.
    fn holds(&self, restrictions: &Restrictions) -> Result<(), Denied> {
        let (address, host) = self.whereabouts();
        restrictions.check(Circumstances { address, host: host.as_deref(), now: SystemTime::now() })?;
        self.proof()
            .security_key()
            .map_or(Ok(()), |said| restrictions.check_security_key(said.user_present(), said.user_verified()))
    }

    /// The client's address, and the name of its host where the server asks for names: not under the lock.
    pub(crate) fn whereabouts(&self) -> (Option<IpAddr>, Option<String>) {
        let look = |state: &mut State, _| (state.permissions.address, state.permissions.name_of.clone());
        let (address, name_of) = self.handle.0.with(look);
        let host = name_of.zip(address).and_then(|(name_of, address)| name_of(address));
        (address, host)
    }
}

fn consents(decision: &Decision) -> bool {
    matches!(decision, Decision::Accept | Decision::Partial { .. })
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
