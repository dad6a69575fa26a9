//! Both sides with messages made by hand.

mod certificates;
mod client;
mod hostbased;
mod limits;
mod server;
mod server_keys;
mod steps;

use std::sync::Arc;
use std::time::{Duration, Instant};

use feramiko_crypto::{CryptoError, Secret};
use feramiko_keys::{KeyType, PrivateKey};
use feramiko_wire::Writer;

use super::signed::KeyRequest;
use super::{Context, Extensions};
use crate::config::Common;
use crate::error::{ConnectionError, ProtocolError};
use crate::event::{Event, Prompt};
use crate::output::Output;
use crate::packet::Outbound;

pub(super) const SESSION: &[u8] = b"0123456789abcdef0123456789abcdef";
pub(super) const HOST_KEY: &[u8] = b"the host key's blob";

fn no_randomness(bytes: &mut [u8]) -> Result<(), CryptoError> {
    bytes.fill(0);
    Ok(())
}

pub(super) fn output() -> Output {
    Output::new(Outbound::new(no_randomness, 1 << 20), Instant::now())
}

pub(super) fn context(common: Common, extensions: Extensions) -> Context {
    Context {
        common: Arc::new(common),
        session_id: SESSION.into(),
        host_key: Some(HOST_KEY.to_vec()),
        extensions,
    }
}

/// The payloads that were sent, out of the plaintext packets.
pub(super) fn sent(out: &mut Output) -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    out.packets.take(&mut bytes);
    let mut rest = bytes.as_slice();
    let mut payloads = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        let padding = rest[4] as usize;
        payloads.push(rest[5..4 + length - padding].to_vec());
        rest = &rest[4 + length..];
    }
    payloads
}

/// The only payload that was sent.
pub(super) fn sent_one(out: &mut Output) -> Vec<u8> {
    let mut payloads = sent(out);
    assert_eq!(payloads.len(), 1, "{payloads:?}");
    payloads.remove(0)
}

pub(super) fn events(out: &mut Output) -> Vec<Event> {
    std::iter::from_fn(|| out.next_event()).collect()
}

pub(super) fn event(out: &mut Output) -> Event {
    let mut events = events(out);
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

pub(super) fn message(number: u8, fill: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut payload = vec![number];
    fill(&mut Writer::new(&mut payload));
    payload
}

pub(super) fn request(user: &str, method: &str, fill: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    request_of(user, "ssh-connection", method, fill)
}

pub(super) fn request_of(
    user: &str,
    service: &str,
    method: &str,
    fill: impl FnOnce(&mut Writer<'_>),
) -> Vec<u8> {
    message(50, |writer| {
        writer.string(user.as_bytes());
        writer.string(service.as_bytes());
        writer.string(method.as_bytes());
        fill(writer);
    })
}

pub(super) fn password(user: &str, password: &str) -> Vec<u8> {
    request(user, "password", |writer| {
        writer.boolean(false);
        writer.string(password.as_bytes());
    })
}

pub(super) fn interactive(user: &str) -> Vec<u8> {
    request(user, "keyboard-interactive", |writer| {
        writer.string(b"");
        writer.string(b"");
    })
}

pub(super) fn offer(user: &str, algorithm: &str, key: &[u8]) -> Vec<u8> {
    request(user, "publickey", |writer| {
        writer.boolean(false);
        writer.string(algorithm.as_bytes());
        writer.string(key);
    })
}

pub(super) fn signed(session: &[u8], request: KeyRequest<'_>, key: &PrivateKey) -> Vec<u8> {
    let signature = key.sign(request.algorithm, &request.signed_text(session)).unwrap();
    with_signature(request, &signature)
}

pub(super) fn with_signature(request: KeyRequest<'_>, signature: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    request.encode(true, &mut payload);
    Writer::new(&mut payload).string(signature);
    payload
}

pub(super) fn answers(answers: &[&str]) -> Vec<u8> {
    message(61, |writer| {
        writer.u32(answers.len() as u32);
        for answer in answers {
            writer.string(answer.as_bytes());
        }
    })
}

pub(super) fn failure(remaining: &str, partial: bool) -> Vec<u8> {
    message(51, |writer| {
        writer.string(remaining.as_bytes());
        writer.boolean(partial);
    })
}

pub(super) fn ed25519() -> PrivateKey {
    PrivateKey::generate(KeyType::Ed25519).unwrap()
}

pub(super) fn prompt(text: &str, echo: bool) -> Prompt {
    Prompt { text: text.to_owned(), echo }
}

pub(super) fn secrets(answers: &[&str]) -> Vec<Secret> {
    answers.iter().map(|answer| Secret::from(*answer)).collect()
}

pub(super) fn is_unexpected<T>(result: Result<T, ConnectionError>, number: u8) -> bool {
    matches!(result, Err(ConnectionError::Protocol(ProtocolError::Unexpected { message, .. })) if message == number)
}

pub(super) fn is_malformed<T>(result: Result<T, ConnectionError>, number: u8) -> bool {
    matches!(result, Err(ConnectionError::Protocol(ProtocolError::Malformed { message, .. })) if message == number)
}
