//! A certificate's blob, taken apart. There is no recursion: an authority is a plain key.

use feramiko_crypto::Provider;
use feramiko_wire::{Reader, Writer};

use super::names::{self, AUTHORITY_ALGORITHMS, CertificateType};
use super::{CertificateKind, CertificateOption, Inner, Validity};
use crate::error::printable;
use crate::{KeyError, PublicKey};

const PLACE: &str = "certificate";
/// The most principals, as OpenSSH has it (SSHKEY_CERT_MAX_PRINCIPALS), and the most options and extensions.
const MAX_ENTRIES: usize = 256;
/// `SSH_CERT_TYPE_USER` and `SSH_CERT_TYPE_HOST` of PROTOCOL.certkeys.
const KINDS: [(u32, CertificateKind); 2] = [(1, CertificateKind::User), (2, CertificateKind::Host)];

/// Reads a blob and verifies its signature. RSA moduli, also the authority's, have at least so many bits.
pub(super) fn read(blob: &[u8], min_rsa_bits: usize) -> Result<Inner, KeyError> {
    let damaged = KeyError::damaged_by(PLACE);
    let mut reader = Reader::new(blob);
    let name = reader.string().map_err(&damaged)?;
    let kind_of_key = names::type_named(name).ok_or_else(|| KeyError::unsupported_type(name))?;
    // A nonce: it makes what is signed unpredictable.
    reader.string().map_err(&damaged)?;
    let key = read_key(&mut reader, kind_of_key, min_rsa_bits)?;
    let serial = reader.u64().map_err(&damaged)?;
    let kind = reader.u32().map_err(&damaged)?;
    let kind = KINDS
        .into_iter()
        .find_map(|(number, meaning)| (number == kind).then_some(meaning))
        .ok_or_else(|| KeyError::damaged(PLACE, "it is neither for users nor for hosts"))?;
    let key_id = text(reader.string().map_err(&damaged)?)?;
    let principals = read_principals(reader.string().map_err(&damaged)?)?;
    let from = reader.u64().map_err(&damaged)?;
    let until = reader.u64().map_err(&damaged)?;
    let critical_options = read_options(reader.string().map_err(&damaged)?)?;
    let extensions = read_options(reader.string().map_err(&damaged)?)?;
    // Reserved: to be ignored, whatever it holds.
    reader.string().map_err(&damaged)?;
    let authority = reader.string().map_err(&damaged)?;
    let signed = blob.get(..blob.len() - reader.remaining().len()).unwrap_or_default();
    let signature = reader.string().map_err(&damaged)?;
    reader.finish().map_err(damaged)?;

    let authority = read_authority(authority, min_rsa_bits)?;
    let authority_algorithm = verify(&authority, signed, signature)?;
    Ok(Inner {
        blob: blob.to_vec(),
        kind_of_key,
        key,
        serial,
        kind,
        key_id,
        principals,
        validity: Validity { from, until },
        critical_options,
        extensions,
        authority,
        authority_algorithm,
    })
}

/// The certified key: its fields are those of a plain key's blob, which has another name in front and no nonce.
fn read_key(
    reader: &mut Reader<'_>,
    kind: CertificateType,
    min_rsa_bits: usize,
) -> Result<PublicKey, KeyError> {
    let mut plain = Vec::new();
    let mut writer = Writer::new(&mut plain);
    writer.string(kind.key_type.as_bytes());
    for _ in 0..kind.fields {
        writer.string(reader.string().map_err(KeyError::damaged_by(PLACE))?);
    }
    PublicKey::from_blob_with_rsa_floor(&plain, min_rsa_bits)
}

/// The authority's key. That it is a certificate is seen before any of it is read.
fn read_authority(blob: &[u8], min_rsa_bits: usize) -> Result<PublicKey, KeyError> {
    let name = Reader::new(blob).string().map_err(KeyError::damaged_by("certificate authority"))?;
    if names::is_certificate(name) {
        return Err(KeyError::NotAnAuthority { name: printable(name) });
    }
    PublicKey::from_blob_with_rsa_floor(blob, min_rsa_bits)
}

/// Verifies the authority's signature; answers the algorithm.
fn verify(authority: &PublicKey, signed: &[u8], signature: &[u8]) -> Result<&'static str, KeyError> {
    let format = Reader::new(signature).string().map_err(KeyError::damaged_by("signature"))?;
    let allowed = AUTHORITY_ALGORITHMS.into_iter().find(|name| name.as_bytes() == format);
    let scheme = allowed.and_then(|name| Provider::default().signature(name));
    match (allowed, scheme) {
        (Some(algorithm), Some(scheme)) => {
            authority.verify(scheme, signed, signature)?;
            Ok(algorithm)
        }
        _ => Err(KeyError::WrongAlgorithm {
            algorithm: printable(format),
            key_type: authority.algorithm().to_owned(),
        }),
    }
}

fn read_principals(bytes: &[u8]) -> Result<Vec<String>, KeyError> {
    let mut reader = Reader::new(bytes);
    let mut principals = Vec::new();
    while !reader.is_empty() {
        if principals.len() == MAX_ENTRIES {
            return Err(KeyError::damaged(PLACE, "more than 256 principals"));
        }
        principals.push(text(reader.string().map_err(KeyError::damaged_by(PLACE))?)?);
    }
    Ok(principals)
}

/// Names with data, each name once and all in their order (PROTOCOL.certkeys, "Critical options").
fn read_options(bytes: &[u8]) -> Result<Vec<CertificateOption>, KeyError> {
    let damaged = KeyError::damaged_by(PLACE);
    let mut reader = Reader::new(bytes);
    let mut options: Vec<CertificateOption> = Vec::new();
    while !reader.is_empty() {
        if options.len() == MAX_ENTRIES {
            return Err(KeyError::damaged(PLACE, "more than 256 options"));
        }
        let name = text(reader.string().map_err(&damaged)?)?;
        let data = reader.string().map_err(&damaged)?.to_vec();
        if options.last().is_some_and(|last| last.name >= name) {
            return Err(KeyError::damaged(PLACE, "its options are not in order, or one stands there twice"));
        }
        options.push(CertificateOption { name, data });
    }
    Ok(options)
}

/// A text of a certificate. One with a NUL would be another text to whoever is written in C.
fn text(bytes: &[u8]) -> Result<String, KeyError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text.to_owned()),
        _ => Err(KeyError::damaged(PLACE, "a name is not UTF-8, or has a NUL")),
    }
}
