//! [`AgentServer`]: an agent of this program.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use feramiko_keys::agent::{
    AgentPrivateKey, AgentSession, Confirmation, Constraints, Keyring, Moment, Signing, Step,
};

use super::client::Agent;
use super::error::AgentError;
use super::line::{Line, Message};
use super::source::AgentSource;
use crate::error::Error;

/// An agent of this program: it holds keys and signs with them. A handle: clones are the same agent.
///
/// What limits a key is enforced: lifetimes, confirmations, and destinations by the SSH sessions that a connection has
/// been bound to, as OpenSSH's agent does. A constraint that it does not know refuses the key. It loads nothing that it
/// is asked to load.
///
/// [`agent`](Self::agent) asks it from within this program, [`AgentSocket`](super::AgentSocket) lets others ask, and it
/// can be lent to servers as any other ([`AgentSource`]).
///
/// ```
/// use feramiko::agent::{AgentServer, Constraints};
/// use feramiko::{KeyType, PrivateKey};
///
/// # fn main() -> Result<(), feramiko::Error> {
/// let server = AgentServer::new();
/// let key = PrivateKey::generate(KeyType::Ed25519)?;
/// server.add(key.clone(), "robey@example", Constraints::default())?;
/// let found = server.agent().identities().wait()?;
/// assert_eq!(found[0].public_key(), key.public_key());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AgentServer(Arc<Inner>);

struct Inner {
    keyring: Mutex<Keyring>,
    confirm: Option<Confirm>,
}

/// Asks whether a key may be used.
type Confirm = Box<dyn Fn(&Confirmation) -> bool + Send + Sync>;

impl AgentServer {
    /// Without keys, and with nobody to confirm anything: keys that are to be confirmed do not sign.
    pub fn new() -> Self {
        Self(Arc::new(Inner { keyring: Mutex::default(), confirm: None }))
    }

    /// One that asks before it uses a key that is to be confirmed. The callback may take its time, and is called by
    /// several threads at once; its panic is a no.
    pub fn confirming(confirm: impl Fn(&Confirmation) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { keyring: Mutex::default(), confirm: Some(Box::new(confirm)) }))
    }

    /// How long keys are held that come without a lifetime of their own; for ever, unless this is said.
    pub fn set_lifetime(&self, lifetime: impl Into<Option<Duration>>) {
        self.keyring().set_lifetime(lifetime);
    }

    /// Holds a key.
    ///
    /// # Errors
    /// [`Error::Key`]: there is no room for more.
    pub fn add(
        &self,
        key: impl Into<AgentPrivateKey>,
        comment: &str,
        constraints: Constraints,
    ) -> Result<(), Error> {
        let added = self.keyring().add(key.into(), comment, constraints, Instant::now());
        added.map_err(|error| Error::Key { path: None, error })
    }

    /// Forgets all keys.
    pub fn clear(&self) {
        self.keyring().clear();
    }

    /// A connection to it, from within this program.
    pub fn agent(&self) -> Agent {
        Agent::on(Box::new(Desk { server: self.clone(), session: AgentSession::default() }))
    }

    /// Forgets keys whose time has come; answers when the next one's does.
    #[cfg(unix)]
    pub(crate) fn expire(&self) -> Option<Instant> {
        self.keyring().expire(Instant::now())
    }

    fn keyring(&self) -> MutexGuard<'_, Keyring> {
        self.0.keyring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks and signs, while others may use the keyring.
    fn sign(&self, signing: Signing) -> Vec<u8> {
        let confirmed = signing.confirmation().is_some_and(|question| {
            let ask = |confirm: &dyn Fn(&Confirmation) -> bool| {
                catch_unwind(AssertUnwindSafe(|| confirm(question))).unwrap_or(false)
            };
            self.0.confirm.as_ref().is_some_and(|confirm| ask(confirm))
        });
        signing.reply(confirmed)
    }
}

impl Default for AgentServer {
    fn default() -> Self {
        Self::new()
    }
}

impl From<AgentServer> for AgentSource {
    fn from(server: AgentServer) -> Self {
        Self::by(move || Ok(server.agent()))
    }
}

impl fmt::Debug for AgentServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AgentServer").field(&*self.keyring()).finish()
    }
}

/// One connection to it.
struct Desk {
    server: AgentServer,
    session: AgentSession,
}

impl Line for Desk {
    fn exchange(&mut self, request: &[u8], _: &'static str, _: Duration) -> Result<Message, AgentError> {
        loop {
            let now = Moment { timer: Instant::now(), date: SystemTime::now() };
            let step = self.server.keyring().handle(&mut self.session, request, now);
            let reply = match step {
                Step::Reply(reply) => reply,
                Step::Sign(signing) => self.server.sign(*signing),
                Step::Wait(until) => {
                    std::thread::sleep(until.saturating_duration_since(Instant::now()));
                    continue;
                }
            };
            return Ok(Message::new(reply));
        }
    }
}
