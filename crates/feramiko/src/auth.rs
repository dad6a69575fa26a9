//! A client's attempts to log in, one at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use feramiko_crypto::Secret;
use feramiko_keys::Signer;
use feramiko_proto::{AuthOutcome, Method, Prompts};

use crate::error::Error;
use crate::shared::{Shared, Undo};
use crate::state::{AuthEvent, State};
use crate::waiters::Topic;

/// Answers a server's questions: as many answers as there are prompts, or `None` to give up. The questions' text is as the
/// server sent it: sanitize before showing.
pub type Responder = Box<dyn FnMut(&Prompts) -> Option<Vec<Secret>> + Send>;

/// With what a client tries to log in.
#[non_exhaustive]
pub enum Credential {
    /// Nothing: asks what the server wants (RFC 4252 section 5.2).
    None,
    /// A password (RFC 4252 section 8).
    Password(Secret),
    /// An expired password and the one to replace it (RFC 4252 section 8).
    PasswordChange {
        /// The old password.
        old: Secret,
        /// The new one.
        new: Secret,
    },
    /// A key (RFC 4252 section 7), or its certificate where the signer has one. Slow signers sign on a thread of their own.
    Key {
        /// Who signs.
        signer: Arc<dyn Signer>,
        /// The signature algorithm; `None` for the best that both sides know.
        algorithm: Option<String>,
        /// Ask first whether the key would do, so that nothing is signed in vain.
        query: bool,
    },
    /// The client's host vouches for its user (RFC 4252 section 9).
    HostBased {
        /// Who signs with the host's key, which is shown in its certificate where the signer has one.
        signer: Arc<dyn Signer>,
        /// The full name of the client's host. OpenSSH's server wants a dot at its end.
        host: String,
        /// Who the user is there.
        user: String,
    },
    /// The server asks (RFC 4256). The responder is called by whoever waits for the attempt; its panic is "give up".
    KeyboardInteractive(Responder),
}

impl Credential {
    /// A key, used without asking first.
    pub fn key(signer: impl Signer + 'static) -> Self {
        Self::Key { signer: Arc::new(signer), algorithm: None, query: false }
    }

    /// The method's name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Password(_) | Self::PasswordChange { .. } => "password",
            Self::Key { .. } => "publickey",
            Self::HostBased { .. } => "hostbased",
            Self::KeyboardInteractive(_) => "keyboard-interactive",
        }
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credential({})", self.name())
    }
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthStep {
    /// Logged in.
    Success,
    /// Right, and one of these methods must follow.
    Partial {
        /// Methods that can continue.
        remaining: Vec<String>,
    },
    /// Not accepted.
    Refused {
        /// Methods that can continue.
        remaining: Vec<String>,
    },
    /// The password is right but has expired: try again with [`Credential::PasswordChange`], or with something else.
    PasswordExpired {
        /// The server's words, as sent: sanitize before showing.
        prompt: String,
    },
}

impl From<AuthOutcome> for AuthStep {
    fn from(outcome: AuthOutcome) -> Self {
        match outcome {
            AuthOutcome::Success => Self::Success,
            AuthOutcome::Partial { remaining } => Self::Partial { remaining },
            AuthOutcome::Failure { remaining } => Self::Refused { remaining },
            _ => Self::Refused { remaining: Vec::new() },
        }
    }
}

/// One attempt, from its turn to its outcome.
pub(crate) async fn authenticate(
    shared: &Arc<Shared>,
    user: &str,
    credential: Credential,
) -> Result<AuthStep, Error> {
    let (method, signer, mut responder) = split(credential);
    let begin = |state: &mut State, now| begin(state, user, &method, signer.as_ref(), now).transpose();
    let owner = shared.until(Topic::Auth, begin).await?;
    let _undo = Undo::new(shared, move |state, now| abandon(state, owner, now));
    loop {
        let check = |state: &mut State, _| {
            // In the order in which they came: a banner is read before a question is answered.
            let event = state.banner.show().or_else(|| state.auth.event.take());
            event.map(Ok).or_else(|| state.cause.clone().map(Err))
        };
        match shared.until(Topic::Auth, check).await? {
            AuthEvent::Outcome(outcome) => return Ok(outcome.into()),
            AuthEvent::Expired(prompt) => return Ok(AuthStep::PasswordExpired { prompt }),
            AuthEvent::Banner(text, show) => {
                let mut show = show.lock().unwrap_or_else(PoisonError::into_inner);
                // Whoever panics over it has seen it.
                let _ = catch_unwind(AssertUnwindSafe(|| show(&text)));
            }
            AuthEvent::Prompts(prompts) => {
                let answers = responder.as_mut().and_then(|responder| {
                    catch_unwind(AssertUnwindSafe(|| responder(&prompts))).unwrap_or_default()
                });
                shared.with(|state, now| match answers {
                    Some(answers) if answers.len() == prompts.prompts().len() => {
                        state.alive()?;
                        Ok(state.connection.answer_prompts(prompts, answers, now)?)
                    }
                    _ => {
                        state.decline_prompts(prompts, now);
                        Ok::<_, Error>(())
                    }
                })?;
            }
        }
    }
}

fn split(credential: Credential) -> (Method, Option<Arc<dyn Signer>>, Option<Responder>) {
    match credential {
        Credential::None => (Method::None, None, None),
        Credential::Password(password) => (Method::Password(password), None, None),
        Credential::PasswordChange { old, new } => (Method::PasswordChange { old, new }, None, None),
        Credential::Key { signer, algorithm, query } => {
            let method = match signer.certificate().cloned() {
                Some(certificate) => Method::Certificate { certificate, algorithm, query },
                None => Method::PublicKey { key: signer.public_key().clone(), algorithm, query },
            };
            (method, Some(signer), None)
        }
        Credential::HostBased { signer, host, user } => {
            let key = signer.public_key().clone();
            let certificate = signer.certificate().cloned();
            (Method::HostBased { key, certificate, algorithm: None, host, user }, Some(signer), None)
        }
        Credential::KeyboardInteractive(responder) => {
            (Method::KeyboardInteractive { submethods: String::new() }, None, Some(responder))
        }
    }
}

/// Begins the attempt when it is its turn; answers the key that owns it.
fn begin(
    state: &mut State,
    user: &str,
    method: &Method,
    signer: Option<&Arc<dyn Signer>>,
    now: Instant,
) -> Result<Option<u64>, Error> {
    state.alive()?;
    let busy = state.auth.owner.is_some() || (state.auth.under_way && !state.auth.expired);
    if !state.ready || busy {
        return Ok(None);
    }
    if !matches!(method, Method::PasswordChange { .. }) {
        state.decline_password_change(now);
        // Its outcome is the old attempt's, not this one's.
        state.sort_events(now);
    }
    // The core may ask for the signature at once.
    let old = std::mem::replace(&mut state.auth.signer, signer.cloned());
    state.woken.discard(old);
    state.connection.authenticate(user, method.clone(), now)?;
    let owner = state.new_key();
    state.auth.owner = Some(owner);
    state.auth.under_way = true;
    state.auth.expired = false;
    state.auth.event = None;
    Ok(Some(owner))
}

/// Nobody waits for this attempt any more.
fn abandon(state: &mut State, owner: u64, now: Instant) {
    if state.auth.owner != Some(owner) {
        return;
    }
    state.auth.owner = None;
    if let Some(AuthEvent::Prompts(prompts)) = state.auth.event.take() {
        state.decline_prompts(prompts, now);
    }
    state.wake(Topic::Auth);
}
