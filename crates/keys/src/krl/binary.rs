//! The binary format (PROTOCOL.krl).

use feramiko_wire::{Reader, sanitize};

use super::serials::Serials;
use super::{Authority, RevokedKeys, digest};
use crate::KeyError;

/// How a list begins.
pub(super) const MAGIC: &[u8] = b"SSHKRL\n\0";
const FORMAT_VERSION: u32 = 1;

const CERTIFICATES: u8 = 1;
const EXPLICIT_KEY: u8 = 2;
const FINGERPRINT_SHA1: u8 = 3;
const SIGNATURE: u8 = 4;
const FINGERPRINT_SHA256: u8 = 5;
const EXTENSION: u8 = 255;

const SERIAL_LIST: u8 = 0x20;
const SERIAL_RANGE: u8 = 0x21;
const SERIAL_BITMAP: u8 = 0x22;
const KEY_ID: u8 = 0x23;
const CERTIFICATE_EXTENSION: u8 = 0x39;

/// The most bits of a bitmap, as OpenSSH has it.
const MAX_BITMAP_BYTES: usize = (1 << 24) / 8;

/// Reads what follows the magic.
pub(super) fn parse(content: &[u8]) -> Result<RevokedKeys, KeyError> {
    const PLACE: &str = "header of a revocation list";
    let damaged = KeyError::damaged_by(PLACE);
    let mut reader = Reader::new(content);
    if reader.u32().map_err(&damaged)? != FORMAT_VERSION {
        return Err(KeyError::damaged(PLACE, "not of version 1 of the format"));
    }
    let mut revoked = RevokedKeys { version: reader.u64().map_err(&damaged)?, ..RevokedKeys::default() };
    let (_generated, _flags) = (reader.u64().map_err(&damaged)?, reader.u64().map_err(&damaged)?);
    let (_reserved, _comment) = (reader.string().map_err(&damaged)?, reader.string().map_err(&damaged)?);
    while !reader.is_empty() {
        section(&mut reader, &mut revoked)?;
    }
    Ok(revoked)
}

fn section(reader: &mut Reader<'_>, revoked: &mut RevokedKeys) -> Result<(), KeyError> {
    const PLACE: &str = "section of a revocation list";
    let damaged = KeyError::damaged_by(PLACE);
    let kind = reader.u8().map_err(&damaged)?;
    let mut body = Reader::new(reader.string().map_err(&damaged)?);
    match kind {
        CERTIFICATES => certificates(&mut body, revoked)?,
        EXPLICIT_KEY => {
            while !body.is_empty() {
                let blob = body.string().map_err(&damaged)?;
                if Reader::new(blob).string().is_err() {
                    return Err(KeyError::damaged(PLACE, "a revoked key is none"));
                }
                revoked.revoke_blob(blob);
            }
        }
        FINGERPRINT_SHA1 => fingerprints(&mut body, &mut revoked.sha1)?,
        FINGERPRINT_SHA256 => fingerprints(&mut body, &mut revoked.sha256)?,
        EXTENSION => extension(&mut body)?,
        SIGNATURE => {
            return Err(KeyError::damaged(
                PLACE,
                "the list is signed in the way that OpenSSH has given up; `ssh-keygen -Y sign` is the new one",
            ));
        }
        _ => return Err(KeyError::damaged(PLACE, "a section of an unknown kind")),
    }
    body.finish().map_err(damaged)
}

fn fingerprints<const N: usize>(body: &mut Reader<'_>, to: &mut Vec<[u8; N]>) -> Result<(), KeyError> {
    const PLACE: &str = "fingerprints of a revocation list";
    while !body.is_empty() {
        let fingerprint = body.string().map_err(KeyError::damaged_by(PLACE))?;
        to.push(
            fingerprint.try_into().map_err(|_| KeyError::damaged(PLACE, "not of the length of its hash"))?,
        );
    }
    Ok(())
}

fn certificates(body: &mut Reader<'_>, revoked: &mut RevokedKeys) -> Result<(), KeyError> {
    const PLACE: &str = "certificates of a revocation list";
    let damaged = KeyError::damaged_by(PLACE);
    let key = match body.string().map_err(&damaged)? {
        [] => None,
        blob if Reader::new(blob).string().is_err() => {
            return Err(KeyError::damaged(PLACE, "the authority is not a key"));
        }
        blob => Some(digest(blob)),
    };
    let _reserved = body.string().map_err(&damaged)?;
    let (mut serials, mut ids) = (Serials::default(), Vec::new());
    while !body.is_empty() {
        let kind = body.u8().map_err(&damaged)?;
        let mut part = Reader::new(body.string().map_err(&damaged)?);
        match kind {
            SERIAL_LIST => {
                while !part.is_empty() {
                    let serial = part.u64().map_err(&damaged)?;
                    serials.add(serial, serial)?;
                }
            }
            SERIAL_RANGE => {
                let (first, last) = (part.u64().map_err(&damaged)?, part.u64().map_err(&damaged)?);
                serials.add(first, last)?;
            }
            SERIAL_BITMAP => {
                let offset = part.u64().map_err(&damaged)?;
                let bits = part.mpint().map_err(&damaged)?;
                if bits.magnitude().len() > MAX_BITMAP_BYTES {
                    return Err(KeyError::damaged(PLACE, "a bitmap of more than 16 million numbers"));
                }
                serials.add_bitmap(offset, bits.magnitude())?;
            }
            KEY_ID => {
                while !part.is_empty() {
                    ids.push(digest(part.string().map_err(&damaged)?));
                }
            }
            CERTIFICATE_EXTENSION => extension(&mut part)?,
            _ => return Err(KeyError::damaged(PLACE, "a part of an unknown kind")),
        }
        part.finish().map_err(&damaged)?;
    }
    revoked.authorities.push(Authority { key, serials, ids });
    Ok(())
}

/// None is known: one that is critical makes the list unreadable.
fn extension(body: &mut Reader<'_>) -> Result<(), KeyError> {
    const PLACE: &str = "extension of a revocation list";
    let damaged = KeyError::damaged_by(PLACE);
    let name = body.string().map_err(&damaged)?;
    let critical = body.boolean().map_err(&damaged)?;
    let _content = body.string().map_err(&damaged)?;
    if critical {
        let name = sanitize(name.get(..64).unwrap_or(name)).replace(['\n', '\t'], "\u{fffd}");
        return Err(KeyError::Damaged {
            place: PLACE,
            problem: format!("the extension {name} is critical and not supported").into(),
        });
    }
    Ok(())
}
