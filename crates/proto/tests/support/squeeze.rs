//! `zlib` (RFC 4253 section 6.2) as the peer by hand speaks it: one stream from NEWKEYS to NEWKEYS.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

/// A fresh stream, where that is what was offered.
pub(super) fn squeeze(offered: &str) -> Option<Compress> {
    (offered == "zlib").then(|| Compress::new(Compression::fast(), true))
}

/// A fresh stream, where that is what was offered.
pub(super) fn unsqueeze(offered: &str) -> Option<Decompress> {
    (offered == "zlib").then(|| Decompress::new(true))
}

/// A payload as it is sent.
pub(super) fn squeezed(stream: Option<&mut Compress>, payload: &[u8]) -> Vec<u8> {
    let Some(stream) = stream else { return payload.to_vec() };
    let (mut out, mut rest) = (Vec::new(), payload);
    loop {
        out.reserve(rest.len() / 2 + 64);
        let before = stream.total_in();
        stream.compress_vec(rest, &mut out, FlushCompress::Sync).unwrap();
        rest = &rest[usize::try_from(stream.total_in() - before).unwrap()..];
        if rest.is_empty() && out.len() < out.capacity() {
            return out;
        }
    }
}

/// A payload as it was meant; `None` for one that is damaged.
pub(super) fn unsqueezed(stream: Option<&mut Decompress>, payload: Vec<u8>) -> Option<Vec<u8>> {
    let Some(stream) = stream else { return Some(payload) };
    let (mut out, mut rest) = (Vec::new(), payload.as_slice());
    loop {
        out.reserve(rest.len() + 64);
        let before = stream.total_in();
        stream.decompress_vec(rest, &mut out, FlushDecompress::Sync).ok()?;
        rest = &rest[usize::try_from(stream.total_in() - before).unwrap()..];
        if rest.is_empty() && out.len() < out.capacity() {
            return Some(out);
        }
    }
}
