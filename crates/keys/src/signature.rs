//! Signature blobs: `string format || string body` (RFC 4253 section 6.6), and the body of each type.

use feramiko_crypto::signing::{Curve, PublicParts};
use feramiko_wire::{Reader, Writer};

use crate::{KeyError, SkDetails};

/// What a scheme verifies, and what a FIDO device says beside it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Raw {
    pub(crate) bytes: Vec<u8>,
    pub(crate) details: Option<SkDetails>,
}

/// Takes a signature blob apart; answers the raw signature that a scheme verifies.
///
/// The format must be `algorithm` exactly, and nothing may follow.
pub(crate) fn open(blob: &[u8], algorithm: &str, key: PublicParts<'_>) -> Result<Raw, KeyError> {
    let damaged = KeyError::damaged_by("signature");
    let mut reader = Reader::new(blob);
    if reader.string().map_err(&damaged)? != algorithm.as_bytes() {
        return Err(KeyError::damaged("signature", "its format is not that of the algorithm agreed on"));
    }
    let body = reader.string().map_err(&damaged)?;
    let mut bytes = match key {
        PublicParts::Ecdsa { curve, .. } => ecdsa_raw(body, curve)?,
        PublicParts::SkEcdsa { .. } => ecdsa_raw(body, Curve::P256)?,
        _ => body.to_vec(),
    };
    let mut details = None;
    if let PublicParts::SkEcdsa { .. } | PublicParts::SkEd25519 { .. } = key {
        // PROTOCOL.u2f: flags and counter, and with webauthn what the browser signed. The scheme wants them behind the
        // signature, whose length is fixed.
        if bytes.len() != 64 {
            return Err(KeyError::BadSignature);
        }
        let (flags, counter) = (reader.u8().map_err(&damaged)?, reader.u32().map_err(&damaged)?);
        details = Some(SkDetails { flags, counter });
        bytes.push(flags);
        bytes.extend_from_slice(&counter.to_be_bytes());
        if algorithm.starts_with("webauthn-") {
            bytes.extend_from_slice(reader.rest());
        }
    }
    reader.finish().map_err(damaged)?;
    Ok(Raw { bytes, details })
}

/// Puts a signature blob together from the raw signature of a key.
pub(crate) fn seal(algorithm: &str, key: PublicParts<'_>, raw: &[u8]) -> Vec<u8> {
    let mut blob = Vec::with_capacity(raw.len() + 64);
    let mut writer = Writer::new(&mut blob);
    writer.string(algorithm.as_bytes());
    match key {
        PublicParts::Ecdsa { curve, .. } => writer.nested(|body| {
            let (r, s) = raw.split_at_checked(curve.field_len()).unwrap_or((raw, &[]));
            body.mpint(r);
            body.mpint(s);
        }),
        _ => writer.string(raw),
    }
    blob
}

/// `mpint r || mpint s` (RFC 5656 section 3.1.2) as `r || s` of fixed width.
fn ecdsa_raw(body: &[u8], curve: Curve) -> Result<Vec<u8>, KeyError> {
    let damaged = KeyError::damaged_by("ECDSA signature");
    let mut reader = Reader::new(body);
    let r = reader.mpint().map_err(&damaged)?;
    let s = reader.mpint().map_err(&damaged)?;
    reader.finish().map_err(damaged)?;
    let width = curve.field_len();
    let mut raw = Vec::with_capacity(2 * width);
    for number in [r.magnitude(), s.magnitude()] {
        let zeros = width.checked_sub(number.len()).ok_or(KeyError::BadSignature)?;
        raw.resize(raw.len() + zeros, 0);
        raw.extend_from_slice(number);
    }
    Ok(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: PublicParts<'_> = PublicParts::Ecdsa { curve: Curve::P256, point: &[] };

    #[test]
    fn ecdsa_numbers_go_between_fixed_width_and_mpint() {
        for (r, s) in [(1_u8, 0x80_u8), (0xff, 0), (0, 0x7f)] {
            let mut raw = vec![0; 64];
            (raw[31], raw[32]) = (r, s);
            let blob = seal("ecdsa-sha2-nistp256", KEY, &raw);
            assert_eq!(open(&blob, "ecdsa-sha2-nistp256", KEY).unwrap().bytes, raw);
        }
    }

    #[test]
    fn numbers_wider_than_the_curve_are_no_signature() {
        let mut body = Vec::new();
        Writer::new(&mut body).mpint(&[1; 33]);
        Writer::new(&mut body).mpint(&[1]);
        assert_eq!(ecdsa_raw(&body, Curve::P256), Err(KeyError::BadSignature));
        assert_eq!(ecdsa_raw(&body, Curve::P384).unwrap().len(), 96);
    }

    #[test]
    fn defect_032_the_format_of_a_signature_is_the_algorithm_agreed_on() {
        let blob = seal("rsa-sha2-256", PublicParts::Rsa { n: &[], e: &[] }, b"signature");
        let key = PublicParts::Rsa { n: &[], e: &[] };
        assert_eq!(open(&blob, "rsa-sha2-256", key).unwrap().bytes, b"signature");
        assert!(matches!(open(&blob, "rsa-sha2-512", key), Err(KeyError::Damaged { .. })));
        assert!(matches!(open(&blob, "ssh-rsa", key), Err(KeyError::Damaged { .. })));
    }

    #[test]
    fn trailing_bytes_and_cut_signatures_are_refused() {
        let key = PublicParts::Rsa { n: &[], e: &[] };
        let blob = seal("rsa-sha2-256", key, b"signature");
        for end in 0..blob.len() {
            assert!(open(&blob[..end], "rsa-sha2-256", key).is_err());
        }
        let longer = [&blob[..], &[0]].concat();
        assert!(open(&longer, "rsa-sha2-256", key).is_err());
    }
}
