//! What a connection knows of itself.

use std::time::Duration;

use feramiko_keys::{Certificate, PublicKey};

use super::Connection;
use crate::error::{ConnectionError, Phase};
use crate::kex::{Negotiated, SessionProof};
use crate::shown::Shown;

impl Connection {
    /// Which side this is.
    pub fn is_client(&self) -> bool {
        self.role.is_client()
    }

    /// Whether a user is logged in, so that channels can be opened.
    pub fn is_authenticated(&self) -> bool {
        self.transport.is_authenticated()
    }

    /// Why the connection has ended, once it has.
    pub fn ended(&self) -> Option<&ConnectionError> {
        self.ended.as_ref()
    }

    /// How far the connection has come.
    pub fn phase(&self) -> Phase {
        self.current_phase()
    }

    /// The user who is logged in.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// What the last completed key exchange agreed on.
    pub fn negotiated(&self) -> Option<Negotiated> {
        self.transport.negotiated()
    }

    /// The hash of the first key exchange (RFC 4253 section 7.2); it never changes.
    pub fn session_id(&self) -> Option<&[u8]> {
        self.transport.session_id().map(|id| &**id)
    }

    /// The peer's version line: `SSH-2.0-OpenSSH_9.2p1 Debian-2`. Sanitize before showing.
    pub fn peer_version(&self) -> Option<&str> {
        self.transport.peer_version()
    }

    /// The server's host key, once the first key exchange is done; a client trusts it then.
    pub fn host_key(&self) -> Option<&PublicKey> {
        self.transport.host_key().map(Shown::key)
    }

    /// The certificate that the server's host key came in, if it did.
    pub fn host_certificate(&self) -> Option<&Certificate> {
        self.transport.host_key().and_then(Shown::certificate)
    }

    /// What the server showed in the first key exchange, key or certificate, byte for byte: what `publickey-hostbound` is
    /// bound to.
    pub fn host_key_blob(&self) -> Option<&[u8]> {
        self.transport.host_key().map(Shown::blob)
    }

    /// Client: what proves to an agent with which host this session is, once the first key exchange is done.
    pub fn session_proof(&self) -> Option<&SessionProof> {
        self.transport.proof()
    }

    /// The least round trip measured so far.
    pub fn round_trip(&self) -> Option<Duration> {
        self.liveness.round_trip()
    }
}
