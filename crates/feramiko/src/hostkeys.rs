//! The host keys that a server announces after login, and their proofs (OpenSSH PROTOCOL section 2.5): both sides.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use feramiko_keys::PublicKey;
use feramiko_proto::hostkeys::{
    ANNOUNCE, MAX_KEYS, PROVE, decode, encode, requested, rsa_algorithm, signed_text,
};
use feramiko_proto::{ClientConfig, GlobalId, GlobalRequest};
use feramiko_wire::Reader;

use crate::driver::job::{Job, Learning, Proof, Proving};
use crate::error::{Error, HostKeyRefusal};
use crate::rotation::{HostKeyKeeper, HostKeys, Learned};
use crate::shared::{Shared, Undo};
use crate::state::State;
use crate::waiters::Topic;

/// How long a server may take to prove its keys. A program that is about to end waits for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often one connection may ask for proofs: each time costs signatures.
const MOST_PROOFS: u32 = 8;
/// Clients that end the connection at an announcement, as OpenSSH knows them.
const DEAF: [&str; 6] = [
    "SSH-2.0-TTSSH/2.5",
    "SSH-2.0-TTSSH/2.6",
    "SSH-2.0-TTSSH/2.70",
    "SSH-2.0-TTSSH/2.71",
    "SSH-2.0-TTSSH/2.72",
    "SSH-2.0-Cisco-1.",
];

impl State {
    /// Client: announcements are for this one, from now on.
    pub(crate) fn keep_host_keys(&mut self, keeper: HostKeyKeeper) {
        self.host_keys = HostKeys::Awaited(Box::new(keeper));
        self.hear(&[ANNOUNCE]);
    }

    /// Server: tells a client that has logged in which keys there are.
    pub(crate) fn announce_host_keys(&mut self, now: Instant) {
        let version = self.connection.peer_version().unwrap_or_default();
        let deaf = DEAF.iter().any(|name| version.starts_with(name));
        if !matches!(self.host_keys, HostKeys::Ours { announced: true, .. }) || deaf {
            return;
        }
        self.hear(&[PROVE]);
        let keys = encode(self.host_signers.iter().map(|signer| signer.public_key().blob()));
        // A connection that has ended meanwhile needs no announcement.
        let _ = self.connection.global_request(ANNOUNCE, &keys, false, now);
    }

    /// A global request of the peer.
    pub(crate) fn sort_global(&mut self, request: GlobalRequest, now: Instant) {
        match (request.name(), &mut self.host_keys) {
            (ANNOUNCE, place @ HostKeys::Awaited(_)) => {
                if let HostKeys::Awaited(keeper) = std::mem::replace(place, HostKeys::UnderWay) {
                    let blobs = request.data().to_vec();
                    self.flow.jobs.push(Job::Learn(Box::new(Learning { keeper: *keeper, blobs })));
                }
                // What a client makes of it is its own affair.
                self.connection.answer_global(request, Some(b""), now);
            }
            (PROVE, HostKeys::Ours { asked, busy, .. }) if !*busy && *asked < MOST_PROOFS => {
                *asked += 1;
                *busy = true;
                match self.proofs(request.data()) {
                    Some(proofs) => self.flow.jobs.push(Job::Prove(Box::new(Proving { request, proofs }))),
                    None => self.answer_proofs(request, None, now),
                }
            }
            (ANNOUNCE | PROVE, _) => self.connection.answer_global(request, None, now),
            _ => self.sort_forward(request, now),
        }
    }

    /// What is to be signed for a request.
    fn proofs(&self, data: &[u8]) -> Option<Vec<Proof>> {
        let session = self.connection.session_id()?;
        let negotiated = self.connection.negotiated()?.host_key;
        let ours: Vec<&[u8]> = self.host_signers.iter().map(|signer| signer.public_key().blob()).collect();
        let proof = |place: usize| {
            let signer = self.host_signers.get(place)?;
            let key = signer.public_key();
            let own = key.signature_algorithms().first().copied();
            let algorithm = match key.algorithm() {
                "ssh-rsa" => rsa_algorithm(negotiated).or(own),
                _ => own,
            };
            let text = signed_text(session, key.blob());
            Some(Proof { signer: Arc::clone(signer), algorithm: algorithm?, text })
        };
        requested(data, &ours)?.into_iter().map(proof).collect()
    }

    fn answer_proofs(&mut self, request: GlobalRequest, proofs: Option<&[u8]>, now: Instant) {
        if let HostKeys::Ours { busy, .. } = &mut self.host_keys {
            *busy = false;
        }
        self.connection.answer_global(request, proofs, now);
    }
}

/// Server: makes the signatures that were asked for.
pub(crate) fn prove(shared: &Arc<Shared>, proving: Proving) {
    let Proving { request, proofs } = proving;
    let sign = || {
        let signatures: Option<Vec<Vec<u8>>> =
            proofs.iter().map(|proof| proof.signer.sign(proof.algorithm, &proof.text).ok()).collect();
        signatures.map(|signatures| encode(signatures.iter().map(Vec::as_slice)))
    };
    let signatures = catch_unwind(AssertUnwindSafe(sign)).unwrap_or_default();
    shared.with(|state, now| state.answer_proofs(request, signatures.as_deref(), now));
}

/// Client: looks into an announcement, asks for proofs, and has known_hosts updated.
pub(crate) fn learn(shared: &Arc<Shared>, learning: Learning) {
    let work = || follow(shared, learning);
    let panicked = |_: Box<dyn std::any::Any + Send>| {
        Err(Error::Io { kind: std::io::ErrorKind::Other, message: "a callback panicked".to_owned() })
    };
    let learned = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked);
    if let Err(error) = &learned {
        tracing::warn!(%error, "announced host keys are not written down");
    }
    shared.with(|state, _| {
        state.host_keys = HostKeys::Done(learned);
        state.wake(Topic::Replies);
    });
}

fn follow(shared: &Arc<Shared>, learning: Learning) -> Learned {
    let Learning { mut keeper, blobs } = learning;
    let Some(config) = shared.with(|state, _| state.client_config.clone()) else { return Ok(None) };
    let Some(announced) = read_announcement(&blobs, config.common.min_rsa_bits) else { return Ok(None) };
    let allowed = &config.common.algorithms.host_key;
    let acceptable = |key: &PublicKey| {
        key.signature_algorithms().iter().any(|name| allowed.iter().any(|allowed| allowed == name))
    };
    let Some(mut changes) = keeper.plan(&announced, acceptable)? else { return Ok(None) };
    if !changes.new_keys().is_empty() {
        let asked = changes.new_keys().to_vec();
        let proofs = ask_for_proofs(shared, &asked)?;
        for key in check_proofs(shared, &config, &asked, &proofs)? {
            changes.leave_out(&key);
        }
    }
    keeper.make(changes)
}

/// The keys of types that we know, RSA keys of so many bits or more. `None` when something is wrong with it: then it means nothing.
fn read_announcement(blobs: &[u8], min_rsa_bits: usize) -> Option<Vec<PublicKey>> {
    let blobs = decode(blobs, MAX_KEYS)?;
    let twice = |(place, blob): (usize, &&[u8])| blobs.iter().take(place).any(|other| other == blob);
    if blobs.iter().enumerate().any(twice) {
        return None;
    }
    let read = |blob: &&[u8]| PublicKey::from_blob_with_rsa_floor(blob, min_rsa_bits).ok();
    let keys: Vec<PublicKey> = blobs.iter().filter_map(read).collect();
    // Whoever announces nothing that we can read has not told us to forget all we know.
    (!keys.is_empty()).then_some(keys)
}

/// Sends the request and waits, on this thread, for what comes.
fn ask_for_proofs(shared: &Arc<Shared>, keys: &[PublicKey]) -> Result<Vec<u8>, Error> {
    let data = encode(keys.iter().map(PublicKey::blob));
    let request = shared.with(|state, now| {
        state.alive()?;
        let request = state.connection.global_request(PROVE, &data, true, now)?;
        if let Some(request) = request {
            state.replies.insert(request, None);
        }
        Ok::<_, Error>(request)
    })?;
    let refused = || Error::RequestRefused(PROVE.to_owned());
    let request: GlobalId = request.ok_or_else(refused)?;
    let _undo = Undo::new(shared, move |state, _| drop(state.replies.remove(&request)));
    let check = |state: &mut State, _| match state.replies.get_mut(&request).and_then(Option::take) {
        Some(reply) => Some(Ok(reply)),
        None => state.cause.clone().map(Err),
    };
    match shared.block(Topic::Replies, Some(PATIENCE), check) {
        Some(reply) => reply?.ok_or_else(refused),
        None => Err(refused()),
    }
}

/// Verifies one signature for each key, in the same order. Answers the keys whose signature is of an algorithm that we do
/// not take; one that is wrong is an error, and nothing is learned at all.
fn check_proofs(
    shared: &Shared,
    config: &ClientConfig,
    keys: &[PublicKey],
    proofs: &[u8],
) -> Result<Vec<PublicKey>, Error> {
    let (session, negotiated) = shared.with(|state, _| {
        let session = state.connection.session_id().map(<[u8]>::to_vec);
        (session.unwrap_or_default(), state.connection.negotiated())
    });
    let required = negotiated.and_then(|negotiated| rsa_algorithm(negotiated.host_key));
    let unproved = |key: &PublicKey| {
        let why = "the server announces it, and has not proved that it holds it".to_owned();
        Error::from(HostKeyRefusal::Declined { key: key.clone(), why })
    };
    let first = keys.first().ok_or(Error::RequestRefused(PROVE.to_owned()))?;
    let signatures = decode(proofs, keys.len()).filter(|found| found.len() == keys.len());
    let mut left_out = Vec::new();
    for (key, signature) in keys.iter().zip(signatures.ok_or_else(|| unproved(first))?) {
        let name = Reader::new(signature).utf8().unwrap_or_default();
        let is_rsa = key.algorithm() == "ssh-rsa";
        let taken = match required {
            Some(required) if is_rsa => name == required,
            _ => key.signature_algorithms().contains(&name),
        };
        match config.common.provider.signature(name).filter(|_| taken) {
            // A device may have signed: a host has no fingers to touch it.
            Some(scheme) => key
                .verify_details(scheme, &signed_text(&session, key.blob()), signature)
                .map(drop)
                .map_err(|_| unproved(key))?,
            None if is_rsa => left_out.push(key.clone()),
            None => return Err(unproved(key)),
        }
    }
    Ok(left_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use feramiko_keys::{KeyType, PrivateKey};

    fn blob() -> Vec<u8> {
        PrivateKey::generate(KeyType::Ed25519).unwrap().public_key().blob().to_vec()
    }

    #[test]
    fn an_announcement_that_is_damaged_or_names_a_key_twice_means_nothing() {
        let (one, two) = (blob(), blob());
        let read = |keys: &[&[u8]]| read_announcement(&encode(keys.iter().copied()), 2048);
        assert_eq!(read(&[&one, b"\0\0\0\x03new", &two]).unwrap().len(), 2, "unknown types are passed over");
        assert_eq!(read(&[&one, &two, &one]), None);
        assert_eq!(read(&[b"\0\0\0\x03new"]), None);
        assert_eq!(read(&[]), None);
        assert_eq!(read_announcement(&encode([&one[..]])[1..], 2048), None);
        let many: Vec<Vec<u8>> = (0..=MAX_KEYS).map(|number| vec![number as u8]).collect();
        assert_eq!(read(&many.iter().map(Vec::as_slice).collect::<Vec<_>>()), None);
    }
}
