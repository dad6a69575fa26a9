//! What a client brings in SSH_MSG_USERAUTH_REQUEST, read by its method. The server's reading; it decides nothing.

use feramiko_wire::{DecodeError, Reader};

use super::signed::KeyRequest;
use super::{Context, HOSTBASED, HOSTBOUND, INTERACTIVE, NONE, PASSWORD, PUBLICKEY};
use crate::algorithms::Family;
use crate::event::{Proof, VerifiedCertificate, VerifiedKey};
use crate::shown::{Algorithm, Shown};

/// Bytes of a user name, a password or an answer that a server listens to.
pub(crate) const MAX_TEXT: usize = 1024;

/// The fields of a request by its method.
pub(crate) enum Fields<'a> {
    None,
    Password {
        old: &'a [u8],
        new: Option<&'a [u8]>,
    },
    Key {
        algorithm: &'a str,
        key: &'a [u8],
        host_key: Option<&'a [u8]>,
        signature: Option<&'a [u8]>,
    },
    HostBased {
        algorithm: &'a str,
        key: &'a [u8],
        host: &'a str,
        client_user: &'a str,
        signature: &'a [u8],
    },
    Interactive {
        submethods: &'a [u8],
    },
    /// A method that nobody here knows.
    Unknown,
}

impl<'a> Fields<'a> {
    /// RFC 4252 sections 5.2 and 7 to 9, RFC 4256 section 3.1, OpenSSH PROTOCOL section 3.1.
    pub(crate) fn decode(method: &str, fields: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(fields);
        let fields = match method {
            NONE => Self::None,
            PASSWORD => {
                let change = reader.boolean()?;
                let old = reader.string()?;
                let new = if change { Some(reader.string()?) } else { None };
                Self::Password { old, new }
            }
            PUBLICKEY | HOSTBOUND => {
                let has_signature = reader.boolean()?;
                let algorithm = reader.utf8()?;
                let key = reader.string()?;
                let host_key = if method == HOSTBOUND { Some(reader.string()?) } else { None };
                let signature = if has_signature { Some(reader.string()?) } else { None };
                Self::Key { algorithm, key, host_key, signature }
            }
            HOSTBASED => Self::HostBased {
                algorithm: reader.utf8()?,
                key: reader.string()?,
                host: reader.utf8()?,
                client_user: reader.utf8()?,
                signature: reader.string()?,
            },
            INTERACTIVE => {
                let _language = reader.string()?;
                Self::Interactive { submethods: reader.string()? }
            }
            _ => return Ok(Self::Unknown),
        };
        reader.finish()?;
        Ok(fields)
    }

    /// The name under which the method is enabled.
    pub(crate) fn method(&self) -> Option<&'static str> {
        match self {
            Self::None => Some(NONE),
            Self::Password { .. } => Some(PASSWORD),
            Self::Key { .. } => Some(PUBLICKEY),
            Self::HostBased { .. } => Some(HOSTBASED),
            Self::Interactive { .. } => Some(INTERACTIVE),
            Self::Unknown => None,
        }
    }

    /// The algorithm of a publickey request, as the client wrote it.
    pub(crate) fn algorithm(&self) -> Option<String> {
        match self {
            Self::Key { algorithm, .. } => Some((*algorithm).to_owned()),
            _ => None,
        }
    }

    /// Whether it asks about a key and proves nothing.
    pub(crate) fn is_query(&self) -> bool {
        matches!(self, Self::Key { signature: None, .. })
    }
}

/// A password that may be put to the application: not empty, not endless.
pub(crate) fn is_password(password: &[u8]) -> bool {
    (1..=MAX_TEXT).contains(&password.len())
}

/// Checks a publickey request, the cheap things first; `None` when it is to be refused. A signature is verified
/// here, over this session and this very request.
pub(crate) fn check_key(
    context: &Context,
    request: KeyRequest<'_>,
    signature: Option<&[u8]>,
) -> Option<Proof> {
    let KeyRequest { algorithm: name, key, host_key, .. } = request;
    if !context.common.algorithms.user_key.iter().any(|allowed| allowed == name)
        || host_key.is_some_and(|named| context.host_key.as_deref() != Some(named))
    {
        return None;
    }
    let algorithm = Algorithm::named(&context.common.provider, name)?;
    let shown = algorithm.read(key, context.common.min_rsa_bits)?;
    let security_key = match signature {
        Some(signature) => {
            let said = shown.verify(&algorithm, &request.signed_text(&context.session_id), signature).ok()?;
            Family::Signature.warn_if_legacy(name);
            said
        }
        None => None,
    };
    let algorithm = name.to_owned();
    Some(match (shown, signature) {
        (Shown::Key(key), None) => Proof::KeyOffer(key),
        (Shown::Key(key), Some(_)) => Proof::Key(VerifiedKey { key, algorithm, security_key }),
        (Shown::Certificate(certificate), None) => Proof::CertificateOffer(certificate),
        (Shown::Certificate(certificate), Some(_)) => {
            Proof::Certificate(VerifiedCertificate { certificate, algorithm, security_key })
        }
    })
}
