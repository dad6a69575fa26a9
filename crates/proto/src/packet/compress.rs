//! `zlib` (RFC 4253 section 6.2) and `zlib@openssh.com`: one stream over all packets of a direction.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::error::ProtocolError;

pub(crate) struct Compressor(Compress);

impl Compressor {
    pub(crate) fn new() -> Self {
        Self(Compress::new(Compression::default(), true))
    }

    /// Appends the compressed `payload` to `out`, flushed so that the peer can read all of it.
    pub(crate) fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), ProtocolError> {
        let mut rest = payload;
        loop {
            // Deflate's worst case is a few bytes per stored block; the flush adds some.
            out.reserve(rest.len() + rest.len() / 1024 + 64);
            let before = self.0.total_in();
            self.0.compress_vec(rest, out, FlushCompress::Sync).map_err(|_| ProtocolError::Compression)?;
            let taken = usize::try_from(self.0.total_in() - before).unwrap_or(usize::MAX);
            rest = rest.get(taken..).unwrap_or_default();
            // Space left over means that the flush is complete.
            if rest.is_empty() && out.len() < out.capacity() {
                return Ok(());
            }
        }
    }
}

pub(crate) struct Decompressor(Decompress);

impl Decompressor {
    pub(crate) fn new() -> Self {
        Self(Decompress::new(true))
    }

    /// Replaces `out` with the decompressed `payload`; more than `limit` bytes are refused, and no more
    /// than that is ever allocated.
    pub(crate) fn decompress(
        &mut self,
        payload: &[u8],
        out: &mut Vec<u8>,
        limit: usize,
    ) -> Result<(), ProtocolError> {
        out.clear();
        let mut rest = payload;
        loop {
            if out.len() == out.capacity() {
                if out.len() > limit {
                    return Err(ProtocolError::Compression);
                }
                // One byte of space beyond the limit tells a payload of exactly the limit from a longer one.
                let more = out.len().max(payload.len() * 2).max(1024).min(limit + 1 - out.len());
                out.reserve_exact(more);
            }
            let before = self.0.total_in();
            let status = self
                .0
                .decompress_vec(rest, out, FlushDecompress::Sync)
                .map_err(|_| ProtocolError::Compression)?;
            let taken = usize::try_from(self.0.total_in() - before).unwrap_or(usize::MAX);
            rest = rest.get(taken..).unwrap_or_default();
            if out.len() > limit {
                return Err(ProtocolError::Compression);
            }
            match status {
                Status::StreamEnd => return Err(ProtocolError::Compression),
                _ if rest.is_empty() && out.len() < out.capacity() => return Ok(()),
                Status::BufError if out.len() < out.capacity() => return Err(ProtocolError::Compression),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defect_053_every_ratio_up_to_the_limit_is_byte_exact() {
        let mut compressor = Compressor::new();
        let mut decompressor = Decompressor::new();
        let mut noise = 1_u32;
        for size in [1, 2, 100, 1024, 4096, 32_768, 65_535, 65_536, 262_143, 262_144] {
            let zeros = vec![0_u8; size];
            let random: Vec<u8> = std::iter::repeat_with(|| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (noise >> 24) as u8
            })
            .take(size)
            .collect();
            for payload in [zeros, random] {
                let mut sealed = Vec::new();
                compressor.compress(&payload, &mut sealed).unwrap();
                let mut opened = Vec::new();
                decompressor.decompress(&sealed, &mut opened, 262_144).unwrap();
                assert_eq!(opened, payload);
            }
        }
    }

    #[test]
    fn defect_052_a_bomb_is_refused_at_the_limit() {
        let mut sealed = Vec::new();
        Compressor::new().compress(&vec![0; 16 << 20], &mut sealed).unwrap();
        assert!(sealed.len() < 20_000);
        let mut opened = Vec::new();
        let result = Decompressor::new().decompress(&sealed, &mut opened, 262_144);
        assert_eq!(result, Err(ProtocolError::Compression));
        assert!(opened.capacity() <= 2 * 262_144, "allocated {}", opened.capacity());
    }

    #[test]
    fn damage_is_an_error() {
        let mut opened = Vec::new();
        assert_eq!(
            Decompressor::new().decompress(&[0xff; 40], &mut opened, 1000),
            Err(ProtocolError::Compression)
        );
    }
}
