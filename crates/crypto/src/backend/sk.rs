//! Signatures of FIDO devices (PROTOCOL.u2f of OpenSSH's sources): what a device signs is a text around the hash of
//! the message. Whether somebody touched the device is for the caller to ask: the flags are signed, not judged here.

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::signing::Curve;
use crate::{CryptoError, HashAlgorithm};

use super::{ecdsa, ed25519};

/// Bytes of the signature itself, for both types of keys.
const SIGNATURE_LEN: usize = 64;
/// Attested credential data would follow; a signature never has them.
const FLAG_ATTESTED: u8 = 0x40;
/// Extensions follow.
const FLAG_EXTENSIONS: u8 = 0x80;

/// `signature` is 64 bytes, flags, counter.
pub(crate) fn verify_ed25519(
    public: &[u8; 32],
    application: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    let Answer { raw, head, extra: [] } = Answer::read(signature)? else {
        return Err(CryptoError::BadSignature);
    };
    ed25519::verify(public, &signed(application, head, &[], &sha256(message)), raw)
}

/// `signature` is `r || s` in 64 bytes, flags, counter.
pub(crate) fn verify_ecdsa(
    point: &[u8],
    application: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    let Answer { raw, head, extra: [] } = Answer::read(signature)? else {
        return Err(CryptoError::BadSignature);
    };
    ecdsa::verify(Curve::P256, point, &signed(application, head, &[], &sha256(message)), raw)
}

/// As [`verify_ecdsa`], followed by the three strings of a browser: origin, client data, extensions. The device has
/// signed the client data, in which the message stands as the challenge.
pub(crate) fn verify_webauthn(
    point: &[u8],
    application: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    let Answer { raw, head, mut extra } = Answer::read(signature)?;
    let mut field = || string(&mut extra).ok_or(CryptoError::BadSignature);
    let (origin, client_data, extensions) = (field()?, field()?, field()?);
    let flags = head.first().copied().unwrap_or_default();
    let honest = extra.is_empty()
        && !origin.contains(&b'"')
        && flags & FLAG_ATTESTED == 0
        && (flags & FLAG_EXTENSIONS != 0) != extensions.is_empty();
    // The beginning has one form only (W3C webauthn section 5.8.1.1); what follows it does not matter.
    let challenge = Base64UrlUnpadded::encode_string(message);
    let parts =
        [br#"{"type":"webauthn.get","challenge":""#, challenge.as_bytes(), br#"","origin":""#, origin, b"\""];
    if !honest || !client_data.starts_with(&parts.concat()) {
        return Err(CryptoError::BadSignature);
    }
    ecdsa::verify(Curve::P256, point, &signed(application, head, extensions, &sha256(client_data)), raw)
}

/// A signature with what the device says beside it.
struct Answer<'a> {
    raw: &'a [u8],
    /// Flags and counter.
    head: &'a [u8],
    extra: &'a [u8],
}

impl<'a> Answer<'a> {
    fn read(signature: &'a [u8]) -> Result<Self, CryptoError> {
        let (raw, rest) = signature.split_at_checked(SIGNATURE_LEN).ok_or(CryptoError::BadSignature)?;
        let (head, extra) = rest.split_at_checked(5).ok_or(CryptoError::BadSignature)?;
        Ok(Self { raw, head, extra })
    }
}

fn signed(application: &[u8], head: &[u8], extensions: &[u8], message: &[u8]) -> Vec<u8> {
    [&sha256(application), head, extensions, message].concat()
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    HashAlgorithm::Sha256.digest(&[bytes])
}

/// Takes a string of RFC 4251 section 5 off the front.
fn string<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (string, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *bytes = rest;
    Some(string)
}
