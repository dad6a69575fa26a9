//! A plain list: public keys in lines.

use base64ct::{Base64, Encoding};
use feramiko_wire::Reader;

use super::RevokedKeys;
use crate::KeyError;
use crate::algorithm::LEAST_RSA_BITS;
use crate::certificate::Certificate;

/// Reads `type base64 [comment]`. Keys of types that are not supported count too: they are compared as bytes.
pub(super) fn parse(content: &[u8]) -> Result<RevokedKeys, KeyError> {
    let mut revoked = RevokedKeys::default();
    for (number, line) in (1..).zip(content.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii();
        if matches!(line, [] | [b'#', ..]) {
            continue;
        }
        let bad = |problem: &str| KeyError::Damaged {
            place: "list of revoked keys",
            problem: format!("line {number}: {problem}").into(),
        };
        let (blob, kind) = key(line).ok_or_else(|| bad("neither a public key nor a comment"))?;
        if kind.ends_with(CERTIFICATE.as_bytes()) {
            // As sshd does: its key is meant, not only this certificate of it.
            let certificate = Certificate::from_blob_with_rsa_floor(&blob, LEAST_RSA_BITS);
            let certificate = certificate.map_err(|error| bad(&error.to_string()))?;
            revoked.revoke_blob(certificate.public_key().blob());
        } else {
            revoked.revoke_blob(&blob);
        }
    }
    Ok(revoked)
}

/// How the types of certificates end.
const CERTIFICATE: &str = "-cert-v01@openssh.com";

/// The blob and the type.
fn key(line: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let (kind, base64) = (words.next()?, words.next()?);
    let blob = Base64::decode_vec(std::str::from_utf8(base64).ok()?).ok()?;
    let matches = Reader::new(&blob).string().ok()? == kind;
    matches.then_some((blob, kind))
}
