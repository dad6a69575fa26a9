//! One connection to an agent: which SSH sessions it is for, and what keys may therefore do on it.
//!
//! PROTOCOL.agent, and the rules by which OpenSSH's agent applies it.

use feramiko_crypto::Provider;
use feramiko_wire::Reader;

use super::constraint::{Destination, Hop};
use super::held::AgentPrivateKey;
use super::message::SessionBind;
use super::signed::Login;
use crate::PublicKey;
use crate::pattern::matches;

/// SSH sessions that one connection may be bound to, as OpenSSH bounds them: each is one hop.
const MAX_BOUND: usize = 16;
/// Bytes of a session identifier.
const MAX_SESSION_ID: usize = 128;

/// What an agent knows of one connection to it. Each connection begins with an empty one.
#[derive(Debug, Default)]
pub struct AgentSession {
    bound: Vec<Bound>,
    /// Somebody has tried to bind it, with success or without: it is not of this machine alone.
    tried: bool,
}

/// A hop: the session to a host.
#[derive(Debug)]
struct Bound {
    host_key: PublicKey,
    session_id: Vec<u8>,
    /// It is lent to that host, and may be bound further.
    forwarded: bool,
}

impl AgentSession {
    /// Remembers that this connection is for an SSH session, after checking that the host key signed its identifier.
    /// Says whether it did.
    pub(super) fn bind(&mut self, bind: &SessionBind<'_>) -> bool {
        self.tried = true;
        if bind.session_id.is_empty() || bind.session_id.len() > MAX_SESSION_ID {
            return false;
        }
        let Some(host_key) = proven(bind) else { return false };
        for known in &self.bound {
            if !known.forwarded {
                // Bound for a login, it goes no further.
                return false;
            }
            if known.session_id == bind.session_id {
                return known.host_key == host_key;
            }
        }
        if self.bound.len() == MAX_BOUND {
            return false;
        }
        let session_id = bind.session_id.to_vec();
        self.bound.push(Bound { host_key, session_id, forwarded: bind.is_forwarding });
        true
    }

    /// Whether a key may be seen on this connection, removed, or replaced.
    pub(super) fn may_see(&self, destinations: &[Destination]) -> bool {
        self.permits(destinations, None)
    }

    /// Whether a key may sign this on this connection.
    pub(super) fn may_sign(&self, destinations: &[Destination], key: &AgentPrivateKey, data: &[u8]) -> bool {
        if destinations.is_empty() {
            return true;
        }
        let Some(last) = self.bound.last() else { return false };
        let Some(login) = Login::read(data) else { return false };
        login.key == key.blob()
            && key.signs_logins_by(login.algorithm)
            && self.permits(destinations, Some(login.user))
            && login.session_id == last.session_id
            // On the first hop the host's key is known from the binding alone; beyond it the signature must name it.
            && match login.host_key {
                Some(host_key) => host_key == last.host_key.blob(),
                None => self.bound.len() == 1,
            }
    }

    /// Walks along the hops; `user` is given when something is to be signed.
    fn permits(&self, destinations: &[Destination], user: Option<&[u8]>) -> bool {
        if destinations.is_empty() {
            return true;
        }
        let Some((last, before)) = self.bound.split_last() else { return !self.tried };
        let mut from = None;
        for hop in before {
            if !hop.forwarded || !step(destinations, from, Some(&hop.host_key), None) {
                return false;
            }
            from = Some(&hop.host_key);
        }
        if last.forwarded && user.is_some() {
            // To the host that it is lent to it leads, but a login there is another session.
            return false;
        }
        if !step(destinations, from, Some(&last.host_key), user) {
            return false;
        }
        // Seen from the host that it is lent to: only what leads on from there.
        !last.forwarded || step(destinations, Some(&last.host_key), None, None)
    }
}

/// The host key, if it has signed the session identifier.
fn proven(bind: &SessionBind<'_>) -> Option<PublicKey> {
    let key = PublicKey::from_blob(bind.host_key).ok()?;
    let algorithm = Reader::new(bind.signature).utf8().ok()?;
    let scheme = Provider::default().signature(algorithm)?;
    key.verify(scheme, bind.session_id, bind.signature).ok()?;
    Some(key)
}

/// Whether one of `destinations` is the step from `from` (the agent's machine for `None`) to `to` (somewhere for
/// `None`) as `user` (anybody for `None`).
fn step(
    destinations: &[Destination],
    from: Option<&PublicKey>,
    to: Option<&PublicKey>,
    user: Option<&[u8]>,
) -> bool {
    destinations.iter().any(|destination| {
        from.map_or(destination.from.is_origin(), |from| is_at(&destination.from, from))
            && to.is_none_or(|to| is_at(&destination.to, to))
            && user.is_none_or(|user| {
                let pattern = destination.to.user.as_bytes();
                pattern.is_empty() || matches(pattern, user)
            })
    })
}

/// Whether a host key is one of a hop's.
fn is_at(hop: &Hop, key: &PublicKey) -> bool {
    hop.keys.iter().any(|known| !known.is_ca && known.key == key.blob())
}
