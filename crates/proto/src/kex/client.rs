//! A client's exchange, from both KEXINITs to both NEWKEYS.

use feramiko_crypto::kex::{DhGroup, KexKind, Started};
use feramiko_wire::{Mpint, Writer};

use super::exchange::{Context, Done, Finished, SessionProof, Shares, send_new_keys};
use super::groups::{self, MAX_BITS, MIN_BITS, PREFERRED_BITS};
use crate::error::{ConnectionError, HostKeyError, ProtocolError};
use crate::event::{Event, HostKeyQuestion};
use crate::msg::kex::{
    DhInit, DhReply, EcdhInit, EcdhReply, GexGroup, GexInit, GexReply, GexRequest, NewKeys,
};
use crate::output::Output;
use crate::packet::{InboundKeys, OutboundKeys};
use crate::shown::Shown;

/// What the client waits for.
pub(crate) enum Client {
    /// GEX_REQUEST is out.
    AwaitGroup(AwaitGroup),
    /// Our share is out.
    AwaitReply(AwaitReply),
    /// Whoever knows the hosts is asked; the server may switch its keys meanwhile.
    AwaitTrust(AwaitTrust),
    /// Our NEWKEYS is out.
    AwaitNewKeys(AwaitNewKeys),
    /// Both sides have switched.
    Done(Done),
}

pub(crate) struct AwaitGroup {
    context: Context,
}

pub(crate) struct AwaitReply {
    context: Context,
    started: Box<dyn Started>,
    /// What the hash covers of a group exchange: request and group.
    group: Option<Vec<u8>>,
}

pub(crate) struct AwaitTrust {
    outbound: OutboundKeys,
    /// `None` once the server's NEWKEYS has come.
    inbound: Option<InboundKeys>,
    done: Done,
    key: Shown,
}

pub(crate) struct AwaitNewKeys {
    inbound: InboundKeys,
    done: Done,
}

impl Client {
    /// Sends our share, or asks for a group.
    pub(crate) fn start(context: Context, out: &mut Output) -> Result<Self, ConnectionError> {
        if context.agreed.kex.kind() == KexKind::GroupExchange {
            out.send(|packet| request().encode(packet));
            return Ok(Self::AwaitGroup(AwaitGroup { context }));
        }
        let started = context.agreed.kex.start(None)?;
        match context.agreed.kex.kind() {
            KexKind::Dh => out.send(|packet| {
                DhInit { share: Mpint::from_magnitude(started.share()) }.encode(packet);
            }),
            _ => out.send(|packet| EcdhInit { share: started.share() }.encode(packet)),
        }
        Ok(Self::AwaitReply(AwaitReply { context, started, group: None }))
    }

    /// The peer's switch to new keys is still to come.
    pub(crate) fn peer_pending(&self) -> bool {
        match self {
            Self::AwaitTrust(state) => state.inbound.is_some(),
            Self::Done(_) => false,
            _ => true,
        }
    }

    pub(crate) fn handle(self, payload: &[u8], out: &mut Output) -> Result<Self, ConnectionError> {
        let number = payload.first().copied().unwrap_or_default();
        match (self, number) {
            (Self::AwaitGroup(state), GexGroup::NUMBER) => state.group(payload, out),
            (Self::AwaitReply(state), _) if number == state.awaited() => state.reply(payload, out),
            (Self::AwaitTrust(mut state), NewKeys::NUMBER) if state.inbound.is_some() => {
                NewKeys::decode(payload).map_err(ProtocolError::malformed(number))?;
                out.inbound_keys = state.inbound.take();
                Ok(Self::AwaitTrust(state))
            }
            (Self::AwaitNewKeys(state), NewKeys::NUMBER) => {
                NewKeys::decode(payload).map_err(ProtocolError::malformed(number))?;
                out.inbound_keys = Some(state.inbound);
                Ok(Self::Done(state.done))
            }
            _ => Err(ProtocolError::Unexpected { message: number, state: "the key exchange" }.into()),
        }
    }

    /// The answer to [`Event::HostKey`].
    pub(crate) fn answer_host_key(
        self,
        question: &HostKeyQuestion,
        trust: bool,
        out: &mut Output,
    ) -> Result<Self, ConnectionError> {
        match self {
            Self::AwaitTrust(state) if state.key == question.shown => {
                if !trust {
                    return Err(ConnectionError::HostKey(HostKeyError::Refused));
                }
                let AwaitTrust { outbound, inbound, done, .. } = state;
                send_new_keys(outbound, out);
                Ok(match inbound {
                    Some(inbound) => Self::AwaitNewKeys(AwaitNewKeys { inbound, done }),
                    None => Self::Done(done),
                })
            }
            other => Ok(other),
        }
    }
}

fn request() -> GexRequest {
    GexRequest { min: MIN_BITS, preferred: PREFERRED_BITS, max: MAX_BITS }
}

impl AwaitGroup {
    fn group(self, payload: &[u8], out: &mut Output) -> Result<Client, ConnectionError> {
        let message = GexGroup::decode(payload).map_err(ProtocolError::malformed(GexGroup::NUMBER))?;
        let group = DhGroup { p: message.p.magnitude().to_vec(), g: message.g.magnitude().to_vec() };
        if !(MIN_BITS..=MAX_BITS).contains(&groups::bits(&group)) {
            return Err(ProtocolError::KexShare.into());
        }
        let started = self.context.agreed.kex.start(Some(&group))?;
        out.send(|packet| GexInit { share: Mpint::from_magnitude(started.share()) }.encode(packet));
        let covered = group_part(&request(), &group);
        Ok(Client::AwaitReply(AwaitReply { context: self.context, started, group: Some(covered) }))
    }
}

/// `min || n || max || p || g` in the exchange hash (RFC 4419 section 3).
pub(super) fn group_part(request: &GexRequest, group: &DhGroup) -> Vec<u8> {
    let mut part = Vec::new();
    let mut writer = Writer::new(&mut part);
    writer.u32(request.min);
    writer.u32(request.preferred);
    writer.u32(request.max);
    writer.mpint(&group.p);
    writer.mpint(&group.g);
    part
}

/// The three fields of every reply.
struct Reply<'a> {
    host_key: &'a [u8],
    share: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Reply<'a> {
    fn read(kind: KexKind, payload: &'a [u8]) -> Result<Self, ProtocolError> {
        let number = payload.first().copied().unwrap_or_default();
        let malformed = ProtocolError::malformed(number);
        Ok(match kind {
            KexKind::Ecdh | KexKind::Hybrid => {
                let EcdhReply { host_key, share, signature } =
                    EcdhReply::decode(payload).map_err(malformed)?;
                Self { host_key, share, signature }
            }
            KexKind::Dh => {
                let DhReply { host_key, share, signature } = DhReply::decode(payload).map_err(malformed)?;
                Self { host_key, share: share.magnitude(), signature }
            }
            KexKind::GroupExchange => {
                let GexReply { host_key, share, signature } = GexReply::decode(payload).map_err(malformed)?;
                Self { host_key, share: share.magnitude(), signature }
            }
        })
    }
}

impl AwaitReply {
    /// The last message of the method that was agreed on.
    fn awaited(&self) -> u8 {
        match self.context.agreed.kex.kind() {
            KexKind::GroupExchange => GexReply::NUMBER,
            KexKind::Dh | KexKind::Ecdh | KexKind::Hybrid => EcdhReply::NUMBER,
        }
    }

    fn reply(self, payload: &[u8], out: &mut Output) -> Result<Client, ConnectionError> {
        let Self { context, started, group } = self;
        let reply = Reply::read(context.agreed.kex.kind(), payload)?;
        let client_share = started.share().to_vec();
        let secret = started.finish(reply.share)?;
        let shares = Shares { client: &client_share, server: reply.share };
        let hash = context.hash(reply.host_key, group.as_deref(), shares, &secret);
        let key = verify_host_key(&context, reply.host_key, reply.signature, &hash)?;
        let algorithm = context.agreed.host_key.name().to_owned();
        let first = context.host_key.is_none();
        let Finished { outbound, inbound, mut done } = context.finish(key.clone(), hash, &secret)?;
        if first {
            done.proof = Some(SessionProof {
                host_key: reply.host_key.to_vec(),
                session_id: done.session_id.to_vec(),
                signature: reply.signature.to_vec(),
            });
            out.tell(Event::HostKey(HostKeyQuestion { shown: key.clone(), algorithm }));
            return Ok(Client::AwaitTrust(AwaitTrust { outbound, inbound: Some(inbound), done, key }));
        }
        send_new_keys(outbound, out);
        Ok(Client::AwaitNewKeys(AwaitNewKeys { inbound, done }))
    }
}

/// The key or certificate, if it is of the negotiated type, is the one of the first exchange, and has signed `hash`.
/// Of a certificate only that its authority has signed it is known then.
fn verify_host_key(
    context: &Context,
    blob: &[u8],
    signature: &[u8],
    hash: &[u8],
) -> Result<Shown, ConnectionError> {
    let algorithm = context.agreed.host_key;
    let key =
        algorithm.read(blob, context.min_rsa_bits).ok_or(ConnectionError::HostKey(HostKeyError::Invalid))?;
    if context.host_key.as_ref().is_some_and(|known| *known != key) {
        return Err(ConnectionError::HostKey(HostKeyError::ChangedDuringConnection));
    }
    key.verify(&algorithm, hash, signature)
        .map_err(|_| ConnectionError::HostKey(HostKeyError::BadSignature))?;
    Ok(key)
}
