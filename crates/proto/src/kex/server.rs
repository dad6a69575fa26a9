//! A server's exchange, from both KEXINITs to both NEWKEYS.

use std::sync::Arc;

use feramiko_crypto::Secret;
use feramiko_crypto::kex::{DhGroup, KexKind};
use feramiko_wire::Mpint;

use super::client::group_part;
use super::exchange::{Context, Done, Finished, Shares, send_new_keys};
use super::groups;
use crate::config::ServerConfig;
use crate::error::{ConnectionError, ProtocolError};
use crate::event::{Event, SignPurpose, SignRequest};
use crate::msg::kex::{
    DhInit, DhReply, EcdhInit, EcdhReply, GexGroup, GexInit, GexReply, GexRequest, NewKeys,
};
use crate::output::Output;
use crate::packet::InboundKeys;
use crate::shown::Shown;

/// What the server waits for.
pub(crate) enum Server {
    /// The client's share, or its request for a group.
    AwaitInit(AwaitInit),
    /// GEX_GROUP is out.
    AwaitGexInit(AwaitGexInit),
    /// Whoever holds the host key is asked to sign.
    AwaitSignature(AwaitSignature),
    /// Our NEWKEYS is out.
    AwaitNewKeys(AwaitNewKeys),
    /// Both sides have switched.
    Done(Done),
}

pub(crate) struct AwaitInit {
    context: Context,
    config: Arc<ServerConfig>,
}

pub(crate) struct AwaitGexInit {
    context: Context,
    config: Arc<ServerConfig>,
    group: DhGroup,
    covered: Vec<u8>,
}

pub(crate) struct AwaitSignature {
    context: Context,
    key: Shown,
    share: Vec<u8>,
    secret: Secret,
    hash: Vec<u8>,
}

pub(crate) struct AwaitNewKeys {
    inbound: InboundKeys,
    done: Done,
}

impl Server {
    pub(crate) fn start(context: Context, config: Arc<ServerConfig>) -> Self {
        Self::AwaitInit(AwaitInit { context, config })
    }

    /// The peer's switch to new keys is still to come.
    pub(crate) fn peer_pending(&self) -> bool {
        !matches!(self, Self::Done(_))
    }

    pub(crate) fn handle(self, payload: &[u8], out: &mut Output) -> Result<Self, ConnectionError> {
        let number = payload.first().copied().unwrap_or_default();
        match (self, number) {
            (Self::AwaitInit(state), _) if number == state.awaited() => state.init(payload, out),
            (Self::AwaitGexInit(state), GexInit::NUMBER) => state.init(payload, out),
            (Self::AwaitNewKeys(state), NewKeys::NUMBER) => {
                NewKeys::decode(payload).map_err(ProtocolError::malformed(number))?;
                out.inbound_keys = Some(state.inbound);
                Ok(Self::Done(state.done))
            }
            _ => Err(ProtocolError::Unexpected { message: number, state: "the key exchange" }.into()),
        }
    }

    /// The answer to [`Event::Sign`]: an SSH signature blob, or a refusal.
    pub(crate) fn provide_signature(
        self,
        request: &SignRequest,
        signature: Option<&[u8]>,
        out: &mut Output,
    ) -> Result<Self, ConnectionError> {
        match self {
            Self::AwaitSignature(state) if state.context.serial == request.serial => {
                state.reply(signature.ok_or(ConnectionError::NoSignature)?, out)
            }
            other => Ok(other),
        }
    }
}

impl AwaitInit {
    /// The first message of the method that was agreed on.
    fn awaited(&self) -> u8 {
        match self.context.agreed.kex.kind() {
            KexKind::GroupExchange => GexRequest::NUMBER,
            KexKind::Dh | KexKind::Ecdh | KexKind::Hybrid => EcdhInit::NUMBER,
        }
    }

    fn init(self, payload: &[u8], out: &mut Output) -> Result<Server, ConnectionError> {
        let Self { context, config } = self;
        match context.agreed.kex.kind() {
            KexKind::GroupExchange => {
                let request =
                    GexRequest::decode(payload).map_err(ProtocolError::malformed(GexRequest::NUMBER))?;
                let group = groups::choose(&request, &config.groups).ok_or(ProtocolError::KexShare)?;
                out.send(|packet| {
                    let (p, g) = (Mpint::from_magnitude(&group.p), Mpint::from_magnitude(&group.g));
                    GexGroup { p, g }.encode(packet);
                });
                let covered = group_part(&request, &group);
                Ok(Server::AwaitGexInit(AwaitGexInit { context, config, group, covered }))
            }
            KexKind::Dh => {
                let init = DhInit::decode(payload).map_err(ProtocolError::malformed(DhInit::NUMBER))?;
                ask_signature(context, &config, None, init.share.magnitude(), out)
            }
            KexKind::Ecdh | KexKind::Hybrid => {
                let init = EcdhInit::decode(payload).map_err(ProtocolError::malformed(EcdhInit::NUMBER))?;
                ask_signature(context, &config, None, init.share, out)
            }
        }
    }
}

impl AwaitGexInit {
    fn init(self, payload: &[u8], out: &mut Output) -> Result<Server, ConnectionError> {
        let Self { context, config, group, covered } = self;
        let init = GexInit::decode(payload).map_err(ProtocolError::malformed(GexInit::NUMBER))?;
        ask_signature(context, &config, Some((&group, &covered)), init.share.magnitude(), out)
    }
}

fn ask_signature(
    context: Context,
    config: &ServerConfig,
    group: Option<(&DhGroup, &[u8])>,
    client_share: &[u8],
    out: &mut Output,
) -> Result<Server, ConnectionError> {
    let response = context.agreed.kex.respond(group.map(|(group, _)| group), client_share)?;
    let algorithm = context.agreed.host_key;
    let key = config
        .shown()
        .find(|key| key.algorithms().contains(&algorithm.name()))
        .ok_or(ConnectionError::NoSignature)?;
    let shares = Shares { client: client_share, server: &response.share };
    let hash = context.hash(key.blob(), group.map(|(_, covered)| covered), shares, &response.secret);
    out.tell(Event::Sign(SignRequest {
        purpose: SignPurpose::HostKey,
        key: key.key().clone(),
        algorithm: algorithm.scheme().name().to_owned(),
        message: hash.clone(),
        serial: context.serial,
    }));
    let (share, secret) = (response.share, response.secret);
    Ok(Server::AwaitSignature(AwaitSignature { context, key, share, secret, hash }))
}

impl AwaitSignature {
    fn reply(self, signature: &[u8], out: &mut Output) -> Result<Server, ConnectionError> {
        let Self { context, key, share, secret, hash } = self;
        let host_key = key.blob();
        match context.agreed.kex.kind() {
            KexKind::Ecdh | KexKind::Hybrid => {
                out.send(|packet| EcdhReply { host_key, share: &share, signature }.encode(packet));
            }
            KexKind::Dh => out.send(|packet| {
                DhReply { host_key, share: Mpint::from_magnitude(&share), signature }.encode(packet);
            }),
            KexKind::GroupExchange => out.send(|packet| {
                GexReply { host_key, share: Mpint::from_magnitude(&share), signature }.encode(packet);
            }),
        }
        let Finished { outbound, inbound, done } = context.finish(key, hash, &secret)?;
        send_new_keys(outbound, out);
        Ok(Server::AwaitNewKeys(AwaitNewKeys { inbound, done }))
    }
}
