//! The exchange hash, the keys derived from it, and what both roles of an exchange share.

use std::sync::Arc;

use feramiko_crypto::cipher::CipherKeys;
use feramiko_crypto::kex::KexKind;
use feramiko_crypto::{CryptoError, HashAlgorithm, Secret};
use feramiko_wire::Writer;

use super::negotiate::{Agreed, Direction, Offer, negotiate};
use crate::config::Common;
use crate::error::ConnectionError;
use crate::msg::kex::NewKeys;
use crate::output::Output;
use crate::packet::{Compressor, Decompressor, InboundKeys, OutboundKeys};
use crate::shown::Shown;

/// The identification lines of both sides, without CR LF.
#[derive(Debug, Clone)]
pub(crate) struct Versions {
    pub(crate) client: Vec<u8>,
    pub(crate) server: Vec<u8>,
}

/// What an exchange knows from the start.
pub(crate) struct Context {
    pub(crate) versions: Arc<Versions>,
    pub(crate) client_offer: Offer,
    pub(crate) server_offer: Offer,
    pub(crate) agreed: Agreed,
    pub(crate) is_client: bool,
    /// Agreed in the first exchange, for all.
    pub(crate) strict: bool,
    /// `None` in the first exchange; never changes afterwards.
    pub(crate) session_id: Option<Arc<[u8]>>,
    /// The host key of the first exchange.
    pub(crate) host_key: Option<Shown>,
    pub(crate) authenticated: bool,
    pub(crate) min_rsa_bits: usize,
    /// Numbers the exchanges of a connection from 1.
    pub(crate) serial: u64,
}

/// What [`Context::new`] needs beside the offers.
pub(crate) struct Setting {
    pub(crate) config: Arc<Common>,
    pub(crate) versions: Arc<Versions>,
    pub(crate) is_client: bool,
    pub(crate) strict: bool,
    pub(crate) session_id: Option<Arc<[u8]>>,
    pub(crate) host_key: Option<Shown>,
    pub(crate) authenticated: bool,
    pub(crate) serial: u64,
}

impl Context {
    pub(crate) fn new(setting: Setting, ours: Offer, theirs: Offer) -> Result<Self, ConnectionError> {
        let Setting { config, versions, is_client, strict, session_id, host_key, authenticated, serial } =
            setting;
        let agreed = negotiate(&config.provider, &ours, &theirs, is_client)?;
        if config.require_strict_kex && !strict && agreed.needs_strict_kex() {
            return Err(ConnectionError::Incompatible(Box::new(crate::error::Incompatible {
                category: "strict key exchange",
                ours: vec!["kex-strict required with these ciphers".to_owned()],
                theirs: Vec::new(),
            })));
        }
        let (client_offer, server_offer) = if is_client { (ours, theirs) } else { (theirs, ours) };
        Ok(Self {
            versions,
            client_offer,
            server_offer,
            agreed,
            is_client,
            strict,
            session_id,
            host_key,
            authenticated,
            min_rsa_bits: config.min_rsa_bits,
            serial,
        })
    }

    /// H (RFC 4253 section 8; RFC 4419 section 3 adds the group in the middle).
    pub(crate) fn hash(
        &self,
        host_key: &[u8],
        group: Option<&[u8]>,
        shares: Shares<'_>,
        secret: &Secret,
    ) -> Vec<u8> {
        let mut text = Vec::new();
        let mut writer = Writer::new(&mut text);
        writer.string(&self.versions.client);
        writer.string(&self.versions.server);
        writer.string(self.client_offer.payload());
        writer.string(self.server_offer.payload());
        writer.string(host_key);
        writer.raw(group.unwrap_or_default());
        match self.agreed.kex.kind() {
            KexKind::Ecdh | KexKind::Hybrid => {
                writer.string(shares.client);
                writer.string(shares.server);
            }
            KexKind::Dh | KexKind::GroupExchange => {
                writer.mpint(shares.client);
                writer.mpint(shares.server);
            }
        }
        let secret = self.encode_secret(secret);
        self.agreed.kex.hash().digest(&[&text, secret.as_bytes()])
    }

    /// K as it is hashed.
    fn encode_secret(&self, secret: &Secret) -> Secret {
        // Room for the whole, so that no copy is left behind by a growing buffer.
        let mut encoded = Vec::with_capacity(secret.as_bytes().len() + 5);
        let mut writer = Writer::new(&mut encoded);
        match self.agreed.kex.kind() {
            KexKind::Hybrid => writer.string(secret.as_bytes()),
            KexKind::Ecdh | KexKind::Dh | KexKind::GroupExchange => writer.mpint(secret.as_bytes()),
        }
        Secret::new(encoded)
    }

    /// The keys of both directions (RFC 4253 section 7.2).
    pub(crate) fn finish(
        self,
        host_key: Shown,
        hash: Vec<u8>,
        secret: &Secret,
    ) -> Result<Finished, ConnectionError> {
        let session_id = self.session_id.clone().unwrap_or_else(|| hash.as_slice().into());
        let derivation = Derivation {
            algorithm: self.agreed.kex.hash(),
            secret: self.encode_secret(secret),
            hash: &hash,
            session_id: &session_id,
        };
        let Agreed { to_server, to_client, .. } = self.agreed;
        let client_keys = DirectionKeys::derive(&derivation, to_server, [b'A', b'C', b'E'])?;
        let server_keys = DirectionKeys::derive(&derivation, to_client, [b'B', b'D', b'F'])?;
        let (out, into) =
            if self.is_client { (client_keys, server_keys) } else { (server_keys, client_keys) };
        let outbound = OutboundKeys {
            sealer: out.direction.cipher.sealer(out.keys())?,
            compressor: out.direction.compression.is_on(self.authenticated).then(Compressor::new),
            reset_sequence: self.strict,
        };
        let inbound = InboundKeys {
            opener: into.direction.cipher.opener(into.keys())?,
            decompressor: into.direction.compression.is_on(self.authenticated).then(Decompressor::new),
            reset_sequence: self.strict,
        };
        Ok(Finished {
            outbound,
            inbound,
            done: Done { agreed: self.agreed, session_id, host_key, proof: None },
        })
    }
}

/// Both shares, by role.
#[derive(Clone, Copy)]
pub(crate) struct Shares<'a> {
    pub(crate) client: &'a [u8],
    pub(crate) server: &'a [u8],
}

/// The keys, before either side has switched to them.
pub(crate) struct Finished {
    pub(crate) outbound: OutboundKeys,
    pub(crate) inbound: InboundKeys,
    pub(crate) done: Done,
}

/// Sends NEWKEYS and switches what we send.
pub(crate) fn send_new_keys(keys: OutboundKeys, out: &mut Output) {
    out.send(|packet| NewKeys {}.encode(packet));
    out.packets.install(keys);
}

/// A completed exchange.
pub(crate) struct Done {
    pub(crate) agreed: Agreed,
    pub(crate) session_id: Arc<[u8]>,
    /// The server's host key.
    pub(crate) host_key: Shown,
    /// On a client.
    pub(crate) proof: Option<SessionProof>,
}

/// What proves to others that a session is with a certain host: `session-bind@openssh.com` shows it to agents
/// (OpenSSH PROTOCOL.agent section 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionProof {
    /// The host key, byte for byte as it came in the first key exchange.
    pub host_key: Vec<u8>,
    /// The session identifier: the hash of the first key exchange (RFC 4253 section 7.2).
    pub session_id: Vec<u8>,
    /// The host key's signature of it.
    pub signature: Vec<u8>,
}

impl Done {
    /// Only a completed exchange, whose host key a client has verified, opens the way to authentication.
    pub(crate) fn protected(&self) -> Protected {
        Protected(())
    }
}

/// The proof that packets are encrypted and, on a client, that the host key is verified: whoever wants to
/// authenticate must show it.
#[derive(Debug)]
pub(crate) struct Protected(());

#[cfg(test)]
impl Protected {
    /// For tests of the rooms that need one.
    pub(crate) fn for_test() -> Self {
        Self(())
    }
}

struct Derivation<'a> {
    algorithm: HashAlgorithm,
    secret: Secret,
    hash: &'a [u8],
    session_id: &'a [u8],
}

impl Derivation<'_> {
    /// `HASH(K || H || letter || session_id)`, continued with `HASH(K || H || all so far)`.
    fn key(&self, letter: u8, length: usize) -> Secret {
        let secret = self.secret.as_bytes();
        // Room for the whole, so that no copy is left behind; the pieces are wiped too.
        let mut key = Vec::with_capacity(length + 2 * self.algorithm.output_len());
        let first = Secret::new(self.algorithm.digest(&[secret, self.hash, &[letter], self.session_id]));
        key.extend_from_slice(first.as_bytes());
        while key.len() < length {
            let more = Secret::new(self.algorithm.digest(&[secret, self.hash, &key]));
            key.extend_from_slice(more.as_bytes());
        }
        key.truncate(length);
        Secret::new(key)
    }
}

struct DirectionKeys {
    direction: Direction,
    iv: Secret,
    key: Secret,
    mac: Secret,
}

impl DirectionKeys {
    fn derive(
        derivation: &Derivation<'_>,
        direction: Direction,
        [iv, key, mac]: [u8; 3],
    ) -> Result<Self, CryptoError> {
        Ok(Self {
            iv: derivation.key(iv, direction.cipher.iv_len()),
            key: derivation.key(key, direction.cipher.key_len()),
            mac: derivation.key(mac, direction.mac.map_or(0, |mac| mac.key_len())),
            direction,
        })
    }

    fn keys(&self) -> CipherKeys<'_> {
        CipherKeys {
            key: self.key.as_bytes(),
            iv: self.iv.as_bytes(),
            mac: self.direction.mac.map(|mac| (mac, self.mac.as_bytes())),
        }
    }
}
