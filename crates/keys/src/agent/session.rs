//! One connection to an agent: which SSH sessions it is for, and what keys may therefore do on it.
//!
//! PROTOCOL.agent, and the rules by which OpenSSH's agent applies it.

use std::time::SystemTime;

use feramiko_crypto::Provider;
use feramiko_wire::Reader;

use super::constraint::{Destination, Hop};
use super::held::AgentPrivateKey;
use super::message::{self, SessionBind};
use super::signed::Login;
use crate::algorithm::LEAST_RSA_BITS;
use crate::certificate::HostCheck;
use crate::pattern::matches_exactly;
use crate::{Certificate, PublicKey};

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
    host: HostKey,
    session_id: Vec<u8>,
    /// It is lent to that host, and may be bound further.
    forwarded: bool,
}

/// What a host has proved itself with.
#[derive(Debug, PartialEq, Eq)]
enum HostKey {
    Plain(PublicKey),
    Certified(Certificate),
}

impl HostKey {
    /// The host key of a binding, if it has signed the session identifier.
    fn proven(bind: &SessionBind<'_>) -> Option<Self> {
        let host = match Certificate::from_blob_with_rsa_floor(bind.host_key, LEAST_RSA_BITS) {
            Ok(certificate) => Self::Certified(certificate),
            Err(_) => Self::Plain(PublicKey::from_blob_with_rsa_floor(bind.host_key, LEAST_RSA_BITS).ok()?),
        };
        let key = match &host {
            Self::Plain(key) => key,
            Self::Certified(certificate) => certificate.public_key(),
        };
        let algorithm = Reader::new(bind.signature).utf8().ok()?;
        let scheme = Provider::default().signature(algorithm)?;
        // A device may have signed: a host has no fingers to touch it.
        key.verify_details(scheme, bind.session_id, bind.signature).ok()?;
        Some(host)
    }

    fn blob(&self) -> &[u8] {
        match self {
            Self::Plain(key) => key.blob(),
            Self::Certified(certificate) => certificate.blob(),
        }
    }

    /// Whether it is of the host that a hop leads to.
    fn is_at(&self, hop: &Hop, date: SystemTime) -> bool {
        hop.keys.iter().any(|known| match self {
            Self::Plain(key) => !known.is_ca && known.key == key.blob(),
            Self::Certified(certificate) => {
                let authorities = [certificate.authority().clone()];
                known.is_ca
                    && known.key == certificate.authority().blob()
                    && certificate.check_host(&HostCheck::new(&hop.host, &authorities, date)).is_ok()
            }
        })
    }
}

impl AgentSession {
    /// Remembers that this connection is for an SSH session, after checking that the host key signed its identifier.
    /// Says whether it did.
    pub(super) fn bind(&mut self, bind: &SessionBind<'_>) -> bool {
        self.tried = true;
        if bind.session_id.is_empty() || bind.session_id.len() > MAX_SESSION_ID {
            return false;
        }
        let Some(host) = HostKey::proven(bind) else { return false };
        for known in &self.bound {
            if !known.forwarded {
                // Bound for a login, it goes no further.
                return false;
            }
            if known.session_id == bind.session_id {
                return known.host == host;
            }
        }
        if self.bound.len() == MAX_BOUND {
            return false;
        }
        let session_id = bind.session_id.to_vec();
        self.bound.push(Bound { host, session_id, forwarded: bind.is_forwarding });
        true
    }

    /// A request that cannot be read. One that was to bind this connection, be it of a later form, is a reason not to take
    /// the connection for one of this machine.
    pub(super) fn cannot_read(&mut self, request: &[u8]) {
        self.tried |= message::is_bind(request);
    }

    /// Whether a key may be seen on this connection, removed, or replaced.
    pub(super) fn may_see(&self, destinations: &[Destination], date: SystemTime) -> bool {
        self.permits(destinations, None, date)
    }

    /// Whether a key may sign this on this connection.
    pub(super) fn may_sign(
        &self,
        destinations: &[Destination],
        key: &AgentPrivateKey,
        data: &[u8],
        date: SystemTime,
    ) -> bool {
        if destinations.is_empty() {
            return true;
        }
        let Some(last) = self.bound.last() else { return false };
        let Some(login) = Login::read(data) else { return false };
        login.key == key.blob()
            && key.signs_logins_by(login.algorithm)
            && self.permits(destinations, Some(login.user), date)
            && login.session_id == last.session_id
            // On the first hop the host's key is known from the binding alone; beyond it the signature must name it.
            && match login.host_key {
                Some(host_key) => host_key == last.host.blob(),
                None => self.bound.len() == 1,
            }
    }

    /// Walks along the hops; `user` is given when something is to be signed.
    fn permits(&self, destinations: &[Destination], user: Option<&[u8]>, date: SystemTime) -> bool {
        let step = |from, to, user| step(destinations, from, to, user, date);
        if destinations.is_empty() {
            return true;
        }
        let Some((last, before)) = self.bound.split_last() else { return !self.tried };
        let mut from = None;
        for hop in before {
            if !hop.forwarded || !step(from, Some(&hop.host), None) {
                return false;
            }
            from = Some(&hop.host);
        }
        if last.forwarded && user.is_some() {
            // To the host that it is lent to it leads, but a login there is another session.
            return false;
        }
        if !step(from, Some(&last.host), user) {
            return false;
        }
        // Seen from the host that it is lent to: only what leads on from there.
        !last.forwarded || step(Some(&last.host), None, None)
    }
}

/// Whether one of `destinations` is the step from `from` (the agent's machine for `None`) to `to` (somewhere for
/// `None`) as `user` (anybody for `None`).
fn step(
    destinations: &[Destination],
    from: Option<&HostKey>,
    to: Option<&HostKey>,
    user: Option<&[u8]>,
    date: SystemTime,
) -> bool {
    destinations.iter().any(|destination| {
        from.map_or(destination.from.is_origin(), |from| from.is_at(&destination.from, date))
            && to.is_none_or(|to| to.is_at(&destination.to, date))
            && user.is_none_or(|user| {
                let pattern = destination.to.user.as_bytes();
                pattern.is_empty() || matches_exactly(pattern, user)
            })
    })
}
