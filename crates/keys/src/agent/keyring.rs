//! The agent: keys, a lock, and what is answered to whom.

use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::rand;
use feramiko_crypto::{CryptoError, HashAlgorithm, Secret};
use zeroize::Zeroizing;

use super::constraint::{Constraints, Destination};
use super::held::AgentPrivateKey;
use super::message::{
    AgentReply, AgentRequest, Identity, MAX_FRAME, RSA_SHA2_256, RSA_SHA2_512, known_extensions,
};
use super::session::AgentSession;
use super::signed::Login;
use super::signing::{Confirmation, Signing};
use crate::error::printable;
use crate::{KeyError, PrivateKey};

/// Keys that are held.
const MAX_KEYS: usize = 512;
/// By how much each wrong passphrase makes the next attempt wait, and the most.
const PENALTY: Duration = Duration::from_millis(100);
const MAX_PENALTY: Duration = Duration::from_secs(10);

/// An agent's keys. It answers requests; whoever has the connections brings them here, one at a time.
///
/// Keys that a list of 256 KiB would not hold are refused, and more than 512. Nothing is loaded by request: smart
/// cards and their libraries are none of its business. RSA keys do not sign with SHA-1.
#[derive(Default)]
pub struct Keyring {
    held: Vec<Held>,
    lock: Option<Lock>,
    wrong: u32,
    /// Before this no passphrase is looked at.
    not_before: Option<Instant>,
    lifetime: Option<Duration>,
}

struct Held {
    key: AgentPrivateKey,
    comment: Vec<u8>,
    expires: Option<Instant>,
    confirm: bool,
    destinations: Vec<Destination>,
}

/// When a request came.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// By the clock that lifetimes are counted by.
    pub timer: Instant,
    /// By the calendar, which certificates of hosts are valid by.
    pub date: SystemTime,
}

/// What is to be done about a request.
#[derive(Debug)]
pub enum Step {
    /// Send this.
    Reply(Vec<u8>),
    /// Ask the user if need be, sign, and send [`Signing::reply`].
    Sign(Box<Signing>),
    /// Wrong passphrases have been tried: bring the request again then.
    Wait(Instant),
}

impl Keyring {
    /// Without keys, open.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long keys are held that come without a lifetime of their own; for ever, unless this is said.
    pub fn set_lifetime(&mut self, lifetime: impl Into<Option<Duration>>) {
        self.lifetime = lifetime.into();
    }

    /// Keys that are held.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether it answers nothing until it is unlocked.
    pub fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// Holds a key, in place of the same one if it is there already.
    ///
    /// # Errors
    /// There is no room for more; [`InDevice`](KeyError::InDevice) for the file of a key in a FIDO device, which only
    /// the device can sign with.
    pub fn add(
        &mut self,
        key: AgentPrivateKey,
        comment: impl AsRef<[u8]>,
        constraints: Constraints,
        now: Instant,
    ) -> Result<(), KeyError> {
        if key.key().public_key().is_security_key() {
            return Err(KeyError::InDevice);
        }
        let Constraints { lifetime, confirm, destinations } = constraints;
        let lifetime = lifetime.or(self.lifetime);
        let expires = match lifetime {
            // A time so far away that it cannot be told is no time at all.
            Some(lifetime) => now.checked_add(lifetime),
            None => None,
        };
        let held = Held { key, comment: comment.as_ref().to_vec(), expires, confirm, destinations };
        let others = || self.held.iter().filter(|other| other.key.blob() != held.key.blob());
        let listed: usize = others().map(Held::listed).sum();
        if others().count() == MAX_KEYS || listed + held.listed() + 5 > MAX_FRAME {
            return Err(KeyError::Signer("the agent has no room for more keys".to_owned()));
        }
        match self.held.iter_mut().find(|other| other.key.blob() == held.key.blob()) {
            Some(same) => *same = held,
            None => self.held.push(held),
        }
        Ok(())
    }

    /// Forgets all keys.
    pub fn clear(&mut self) {
        self.held.clear();
    }

    /// Forgets keys whose time has come; answers when the next one's does.
    pub fn expire(&mut self, now: Instant) -> Option<Instant> {
        self.held.retain(|held| held.expires.is_none_or(|expires| now < expires));
        self.held.iter().filter_map(|held| held.expires).min()
    }

    /// Answers a request: a message without its length, that came on the connection of `session`.
    pub fn handle(&mut self, session: &mut AgentSession, request: &[u8], now: Moment) -> Step {
        let Moment { timer: now, date } = now;
        self.expire(now);
        let request = match AgentRequest::decode(request) {
            Ok(request) => request,
            Err(_) => {
                session.cannot_read(request);
                return failure();
            }
        };
        match request {
            // Also while it is locked: a connection that comes from elsewhere must not pass for one of this machine
            // when the lock is opened.
            AgentRequest::Bind(bind) => match session.bind(&bind) {
                true => success(),
                false => Step::Reply(AgentReply::ExtensionFailure.encode()),
            },
            AgentRequest::Unlock(passphrase) => self.unlock(&passphrase, now),
            AgentRequest::List if self.is_locked() => {
                Step::Reply(AgentReply::Identities(Vec::new()).encode())
            }
            _ if self.is_locked() => failure(),
            AgentRequest::List => self.list(session, date),
            AgentRequest::Sign { key, data, flags } => self.sign(session, key, data, flags, date),
            AgentRequest::Add { key, comment, constraints } => {
                let hidden =
                    self.find(key.blob()).is_some_and(|held| !session.may_see(&held.destinations, date));
                match hidden || self.add(key, comment, constraints, now).is_err() {
                    true => failure(),
                    false => success(),
                }
            }
            AgentRequest::Remove(key) => self.remove(session, key, date),
            AgentRequest::RemoveAll => {
                self.clear();
                success()
            }
            AgentRequest::Lock(passphrase) => match Lock::new(&passphrase) {
                Some(lock) => {
                    self.lock = Some(lock);
                    success()
                }
                None => failure(),
            },
            AgentRequest::Query => Step::Reply(known_extensions()),
            AgentRequest::Extension { .. } | AgentRequest::Other(_) => failure(),
        }
    }

    fn find(&self, blob: &[u8]) -> Option<&Held> {
        self.held.iter().find(|held| held.key.blob() == blob)
    }

    fn list(&self, session: &AgentSession, date: SystemTime) -> Step {
        let seen = self.held.iter().filter(|held| session.may_see(&held.destinations, date));
        let identities = seen.map(|held| Identity { key: held.key.blob(), comment: &held.comment });
        Step::Reply(AgentReply::Identities(identities.collect()).encode())
    }

    fn sign(&self, session: &AgentSession, key: &[u8], data: &[u8], flags: u32, date: SystemTime) -> Step {
        let Some(held) = self.find(key) else { return failure() };
        let Some(algorithm) = algorithm(held.key.key(), flags) else { return failure() };
        if !session.may_sign(&held.destinations, &held.key, data, date) {
            return failure();
        }
        let confirmation = held.confirm.then(|| held.confirmation(data));
        let key = held.key.key().clone();
        Step::Sign(Box::new(Signing { key, algorithm, data: data.to_vec(), confirmation }))
    }

    fn remove(&mut self, session: &AgentSession, key: &[u8], date: SystemTime) -> Step {
        let place = self.held.iter().position(|held| held.key.blob() == key);
        match place.filter(|place| {
            self.held.get(*place).is_some_and(|held| session.may_see(&held.destinations, date))
        }) {
            Some(place) => {
                self.held.remove(place);
                success()
            }
            None => failure(),
        }
    }

    fn unlock(&mut self, passphrase: &Secret, now: Instant) -> Step {
        let Some(lock) = &self.lock else { return failure() };
        if let Some(not_before) = self.not_before.filter(|not_before| now < *not_before) {
            return Step::Wait(not_before);
        }
        if lock.opens(passphrase) {
            self.lock = None;
            (self.wrong, self.not_before) = (0, None);
            return success();
        }
        self.wrong = self.wrong.saturating_add(1);
        self.not_before = now.checked_add(PENALTY.saturating_mul(self.wrong).min(MAX_PENALTY));
        failure()
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("keys", &self.len()).field("locked", &self.is_locked()).finish()
    }
}

impl Held {
    /// Bytes in a list of keys.
    fn listed(&self) -> usize {
        self.key.blob().len() + self.comment.len() + 8
    }

    fn confirmation(&self, data: &[u8]) -> Confirmation {
        Confirmation {
            comment: printable(&self.comment),
            fingerprint: self.key.fingerprint(),
            user: Login::read(data).map(|login| printable(login.user)),
        }
    }
}

fn success() -> Step {
    Step::Reply(AgentReply::Success.encode())
}

fn failure() -> Step {
    Step::Reply(AgentReply::Failure.encode())
}

/// The algorithm that the flags ask for, if the key signs with it.
fn algorithm(key: &PrivateKey, flags: u32) -> Option<&'static str> {
    let known = key.public_key().signature_algorithms();
    let wanted = match flags {
        flags if flags & !(RSA_SHA2_256 | RSA_SHA2_512 | 1) != 0 => return None,
        _ if key.public_key().algorithm() != "ssh-rsa" => return known.first().copied(),
        // Where both are asked for OpenSSH takes this one.
        flags if flags & RSA_SHA2_256 != 0 => "rsa-sha2-256",
        flags if flags & RSA_SHA2_512 != 0 => "rsa-sha2-512",
        // SHA-1.
        _ => return None,
    };
    known.iter().find(|known| **known == wanted).copied()
}

/// The passphrase that opens the lock, as a salted hash.
struct Lock {
    salt: [u8; 16],
    hash: Zeroizing<Vec<u8>>,
}

impl Lock {
    /// `None` for an empty passphrase.
    fn new(passphrase: &Secret) -> Option<Self> {
        if passphrase.as_bytes().is_empty() {
            return None;
        }
        let mut salt = [0; 16];
        rand::fill(&mut salt).map_err(|_| CryptoError::Backend).ok()?;
        Some(Self { salt, hash: hash(&salt, passphrase) })
    }

    /// Takes the same time for every passphrase of a length, whatever the right one is.
    fn opens(&self, passphrase: &Secret) -> bool {
        let hash = Secret::new(hash(&self.salt, passphrase).to_vec());
        hash.matches(&*self.hash) && !passphrase.as_bytes().is_empty()
    }
}

fn hash(salt: &[u8], passphrase: &Secret) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(HashAlgorithm::Sha256.digest(&[salt, passphrase.as_bytes()]))
}
