//! Requests and replies: RFC 9987 sections 5 and 6, PROTOCOL.agent section 1.

use feramiko_crypto::Secret;
use feramiko_wire::{DecodeError, Reader, Writer};
use zeroize::Zeroizing;

use super::constraint::Constraints;
use super::held::AgentPrivateKey;
use crate::KeyError;

/// The most bytes of a message, its length not counted (OpenSSH's bound too).
pub const MAX_FRAME: usize = 256 * 1024;

/// More than the largest key needs, so that no buffer of secrets is moved.
const ROOM: usize = 16 * 1024;
const REQUEST: &str = "agent request";
const REPLY: &str = "agent reply";

const SESSION_BIND: &[u8] = b"session-bind@openssh.com";
const QUERY: &[u8] = b"query";

const FAILURE: u8 = 5;
const SUCCESS: u8 = 6;
const LIST: u8 = 11;
const IDENTITIES: u8 = 12;
const SIGN: u8 = 13;
const SIGNATURE: u8 = 14;
const ADD: u8 = 17;
const REMOVE: u8 = 18;
const REMOVE_ALL: u8 = 19;
const LOCK: u8 = 22;
const UNLOCK: u8 = 23;
const ADD_CONSTRAINED: u8 = 25;
const EXTENSION: u8 = 27;
const EXTENSION_FAILURE: u8 = 28;
const EXTENSION_RESPONSE: u8 = 29;
/// What other agents say for [`FAILURE`].
const FAILURES_OF_OLD: [u8; 2] = [30, 102];

/// Asks for `rsa-sha2-256` (RFC 9987 section 4.6.1).
pub(super) const RSA_SHA2_256: u32 = 2;
/// Asks for `rsa-sha2-512`.
pub(super) const RSA_SHA2_512: u32 = 4;

/// The length that the first four bytes of a message announce.
///
/// # Errors
/// It is 0, or more than [`MAX_FRAME`].
pub fn frame_length(header: [u8; 4]) -> Result<usize, DecodeError> {
    match usize::try_from(u32::from_be_bytes(header)) {
        Ok(length @ 1..=MAX_FRAME) => Ok(length),
        Ok(0) => Err(DecodeError::Invalid("an agent's message is empty")),
        _ => Err(DecodeError::Invalid("an agent's message is longer than 256 KiB")),
    }
}

/// The flags of a request for a signature by that algorithm.
pub fn sign_flags(algorithm: &str) -> u32 {
    match algorithm.strip_suffix("-cert-v01@openssh.com").unwrap_or(algorithm) {
        "rsa-sha2-512" => RSA_SHA2_512,
        "rsa-sha2-256" => RSA_SHA2_256,
        _ => 0,
    }
}

/// What a client asks of an agent.
#[derive(Debug)]
#[non_exhaustive]
pub enum AgentRequest<'a> {
    /// The public keys, please.
    List,
    /// A signature.
    Sign {
        /// The blob of the key, or of the certificate.
        key: &'a [u8],
        /// What is to be signed.
        data: &'a [u8],
        /// Which algorithm: [`sign_flags`].
        flags: u32,
    },
    /// Keep this key.
    Add {
        /// The key.
        key: AgentPrivateKey,
        /// For people.
        comment: &'a [u8],
        /// What limits its use.
        constraints: Constraints,
    },
    /// Forget this key: its blob.
    Remove(&'a [u8]),
    /// Forget all keys.
    RemoveAll,
    /// Do nothing any more until this passphrase is shown again.
    Lock(Secret),
    /// The passphrase.
    Unlock(Secret),
    /// Which SSH session this connection to the agent is for (`session-bind@openssh.com`).
    Bind(SessionBind<'a>),
    /// Which extensions are there?
    Query,
    /// Any other extension, by its name.
    Extension {
        /// The name.
        name: &'a [u8],
        /// What follows in the message.
        contents: &'a [u8],
    },
    /// Anything else, by its number: smart cards, what is left of SSH-1, and what is to come.
    Other(u8),
}

/// `session-bind@openssh.com` (PROTOCOL.agent section 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionBind<'a> {
    /// The server's host key, as it came in the key exchange.
    pub host_key: &'a [u8],
    /// The session identifier.
    pub session_id: &'a [u8],
    /// The host key's signature of it, from the first key exchange.
    pub signature: &'a [u8],
    /// Whether the connection is lent to that host, rather than used to log in there.
    pub is_forwarding: bool,
}

/// What an agent answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AgentReply<'a> {
    /// No.
    Failure,
    /// Done.
    Success,
    /// The public keys.
    Identities(Vec<Identity<'a>>),
    /// The signature blob of RFC 4253 section 6.6.
    Signature(&'a [u8]),
    /// The extension is known and failed.
    ExtensionFailure,
    /// What an extension answers.
    Extension {
        /// Its name.
        name: &'a [u8],
        /// What follows in the message.
        contents: &'a [u8],
    },
}

/// A key that an agent has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The blob of the public key, or of the certificate. Of any type, known or not.
    pub key: &'a [u8],
    /// For people, as it came: sanitize before showing.
    pub comment: &'a [u8],
}

/// Whether a message says that it is to bind, however it goes on.
pub(super) fn is_bind(payload: &[u8]) -> bool {
    let mut reader = Reader::new(payload);
    reader.u8() == Ok(EXTENSION) && reader.string() == Ok(SESSION_BIND)
}

impl<'a> AgentRequest<'a> {
    /// Reads a whole message, without its length.
    ///
    /// # Errors
    /// It is cut, has bytes too many, or holds a key or a constraint that is not taken.
    pub fn decode(payload: &'a [u8]) -> Result<Self, KeyError> {
        let damaged = KeyError::damaged_by(REQUEST);
        let mut reader = Reader::new(payload);
        let request = match reader.u8().map_err(&damaged)? {
            LIST => Self::List,
            SIGN => Self::Sign {
                key: reader.string().map_err(&damaged)?,
                data: reader.string().map_err(&damaged)?,
                flags: reader.u32().map_err(&damaged)?,
            },
            number @ (ADD | ADD_CONSTRAINED) => {
                let key = AgentPrivateKey::decode(&mut reader)?;
                let comment = reader.string().map_err(&damaged)?;
                let constraints = match number {
                    ADD => Constraints::default(),
                    _ => Constraints::decode(&mut reader)?,
                };
                Self::Add { key, comment, constraints }
            }
            REMOVE => Self::Remove(reader.string().map_err(&damaged)?),
            REMOVE_ALL => Self::RemoveAll,
            LOCK => Self::Lock(Secret::new(reader.string().map_err(&damaged)?.to_vec())),
            UNLOCK => Self::Unlock(Secret::new(reader.string().map_err(&damaged)?.to_vec())),
            EXTENSION => Self::extension(&mut reader).map_err(&damaged)?,
            number => return Ok(Self::Other(number)),
        };
        reader.finish().map_err(damaged)?;
        Ok(request)
    }

    fn extension(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match reader.string()? {
            SESSION_BIND => Self::Bind(SessionBind {
                host_key: reader.string()?,
                session_id: reader.string()?,
                signature: reader.string()?,
                is_forwarding: reader.boolean()?,
            }),
            QUERY => Self::Query,
            name => Self::Extension { name, contents: reader.rest() },
        })
    }

    /// The whole message, without its length.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut payload = Zeroizing::new(Vec::with_capacity(ROOM));
        let mut writer = Writer::new(&mut payload);
        match self {
            Self::List => writer.u8(LIST),
            Self::Sign { key, data, flags } => {
                writer.u8(SIGN);
                writer.string(key);
                writer.string(data);
                writer.u32(*flags);
            }
            Self::Add { key, comment, constraints } => {
                writer.u8(if constraints.is_empty() { ADD } else { ADD_CONSTRAINED });
                key.encode(&mut writer);
                writer.string(comment);
                constraints.encode(&mut writer);
            }
            Self::Remove(key) => {
                writer.u8(REMOVE);
                writer.string(key);
            }
            Self::RemoveAll => writer.u8(REMOVE_ALL),
            Self::Lock(passphrase) => {
                writer.u8(LOCK);
                writer.string(passphrase.as_bytes());
            }
            Self::Unlock(passphrase) => {
                writer.u8(UNLOCK);
                writer.string(passphrase.as_bytes());
            }
            Self::Bind(bind) => {
                writer.u8(EXTENSION);
                writer.string(SESSION_BIND);
                writer.string(bind.host_key);
                writer.string(bind.session_id);
                writer.string(bind.signature);
                writer.boolean(bind.is_forwarding);
            }
            Self::Query => {
                writer.u8(EXTENSION);
                writer.string(QUERY);
            }
            Self::Extension { name, contents } => {
                writer.u8(EXTENSION);
                writer.string(name);
                writer.raw(contents);
            }
            Self::Other(number) => writer.u8(*number),
        }
        payload
    }
}

impl<'a> AgentReply<'a> {
    /// Reads a whole message, without its length.
    ///
    /// # Errors
    /// It is cut, has bytes too many, counts more keys than it holds, or is none of these.
    pub fn decode(payload: &'a [u8]) -> Result<Self, KeyError> {
        Self::read(payload).map_err(KeyError::damaged_by(REPLY))
    }

    fn read(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let reply = match reader.u8()? {
            FAILURE => Self::Failure,
            number if FAILURES_OF_OLD.contains(&number) => Self::Failure,
            SUCCESS => Self::Success,
            IDENTITIES => {
                // Two strings at least for each: nothing is allocated that is only claimed.
                let count = reader.count(8, MAX_FRAME / 8)?;
                let mut identities = Vec::with_capacity(count);
                for _ in 0..count {
                    identities.push(Identity { key: reader.string()?, comment: reader.string()? });
                }
                Self::Identities(identities)
            }
            SIGNATURE => Self::Signature(reader.string()?),
            EXTENSION_FAILURE => Self::ExtensionFailure,
            EXTENSION_RESPONSE => Self::Extension { name: reader.string()?, contents: reader.rest() },
            _ => return Err(DecodeError::Invalid("its number is not that of an agent's reply")),
        };
        reader.finish()?;
        Ok(reply)
    }

    /// The whole message, without its length.
    pub fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        let mut writer = Writer::new(&mut payload);
        match self {
            Self::Failure => writer.u8(FAILURE),
            Self::Success => writer.u8(SUCCESS),
            Self::Identities(identities) => {
                writer.u8(IDENTITIES);
                writer.u32(u32::try_from(identities.len()).unwrap_or(u32::MAX));
                for identity in identities {
                    writer.string(identity.key);
                    writer.string(identity.comment);
                }
            }
            Self::Signature(blob) => {
                writer.u8(SIGNATURE);
                writer.string(blob);
            }
            Self::ExtensionFailure => writer.u8(EXTENSION_FAILURE),
            Self::Extension { name, contents } => {
                writer.u8(EXTENSION_RESPONSE);
                writer.string(name);
                writer.raw(contents);
            }
        }
        payload
    }
}

/// What an agent answers to `query`: the names of the extensions that it knows.
pub(super) fn known_extensions() -> Vec<u8> {
    let mut contents = Vec::new();
    Writer::new(&mut contents).string(SESSION_BIND);
    AgentReply::Extension { name: QUERY, contents: &contents }.encode()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyType, PrivateKey};

    #[test]
    fn defect_051_a_message_has_at_most_256_kib() {
        for (length, fits) in
            [(0_u32, false), (1, true), (262_144, true), (262_145, false), (u32::MAX, false)]
        {
            assert_eq!(frame_length(length.to_be_bytes()).is_ok(), fits, "{length}");
        }
    }

    #[test]
    fn defect_050_a_count_of_keys_is_bounded_by_what_is_there() {
        for claimed in [2_u32, 0x1fff_ffff, u32::MAX] {
            let mut reply = vec![IDENTITIES];
            reply.extend(claimed.to_be_bytes());
            reply.extend([0; 8]);
            assert!(AgentReply::decode(&reply).is_err(), "{claimed}");
        }
        let one = [&[IDENTITIES, 0, 0, 0, 1][..], &[0; 8]].concat();
        assert_eq!(
            AgentReply::decode(&one).unwrap(),
            AgentReply::Identities(vec![Identity { key: b"", comment: b"" }])
        );
    }

    #[test]
    fn requests_read_what_they_wrote_and_nothing_shorter_or_longer() {
        let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
        let bind = SessionBind { host_key: b"K", session_id: b"S", signature: b"G", is_forwarding: true };
        let constraints = Constraints { confirm: true, ..Constraints::default() };
        for request in [
            AgentRequest::List,
            AgentRequest::Sign { key: b"KEY", data: b"DATA", flags: 4 },
            AgentRequest::Add { key: key.clone().into(), comment: b"c", constraints: Constraints::default() },
            AgentRequest::Add { key: key.into(), comment: b"c", constraints },
            AgentRequest::Remove(b"KEY"),
            AgentRequest::RemoveAll,
            AgentRequest::Lock("word".into()),
            AgentRequest::Unlock("word".into()),
            AgentRequest::Bind(bind),
            AgentRequest::Query,
        ] {
            let bytes = request.encode();
            let again = AgentRequest::decode(&bytes).unwrap();
            assert_eq!(format!("{again:?}"), format!("{request:?}"));
            assert_eq!(again.encode(), bytes);
            for end in 0..bytes.len() {
                let cut = AgentRequest::decode(&bytes[..end]);
                assert!(cut.map_or(true, |cut| cut.encode() != bytes), "{request:?} cut at {end}");
            }
            let longer = [&bytes[..], &[0]].concat();
            assert!(AgentRequest::decode(&longer).is_err(), "{request:?} and a byte more");
        }
    }

    #[test]
    fn the_numbers_are_those_of_rfc_9987() {
        assert_eq!(*AgentRequest::List.encode(), [11]);
        assert_eq!(*AgentRequest::Remove(b"K").encode(), *b"\x12\0\0\0\x01K");
        assert_eq!(
            *AgentRequest::Sign { key: b"K", data: b"D", flags: sign_flags("rsa-sha2-512") }.encode(),
            *b"\x0d\0\0\0\x01K\0\0\0\x01D\0\0\0\x04"
        );
        assert_eq!(sign_flags("rsa-sha2-256-cert-v01@openssh.com"), 2);
        assert_eq!(sign_flags("ssh-ed25519"), 0);
        for failure in [5, 30, 102] {
            assert_eq!(AgentReply::decode(&[failure]).unwrap(), AgentReply::Failure);
        }
        assert_eq!(AgentReply::Signature(b"S").encode(), b"\x0e\0\0\0\x01S");
    }
}
