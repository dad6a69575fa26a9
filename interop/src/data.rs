//! The test data that every peer makes alike, so that a megabyte need not be passed around to be compared.

use aws_lc_rs::digest::{Context, SHA256, digest};

/// The first `count` bytes of the test data: block `i` of 1024 bytes is SHA-256 of `i` as eight big-endian bytes,
/// 32 times over. It compresses, and no two blocks are alike.
pub fn test_data(count: usize) -> Vec<u8> {
    let mut data = Vec::with_capacity(count.next_multiple_of(1024));
    for block in 0..(count as u64).div_ceil(1024) {
        let block = digest(&SHA256, &block.to_be_bytes());
        for _ in 0..32 {
            data.extend_from_slice(block.as_ref());
        }
    }
    data.truncate(count);
    data
}

/// SHA-256, in hexadecimal, of the first `count` bytes of the test data, without holding them.
pub fn test_data_sha256(count: u64) -> String {
    let mut context = Context::new(&SHA256);
    for block in 0..count.div_ceil(1024) {
        let bytes = digest(&SHA256, &block.to_be_bytes()).as_ref().repeat(32);
        let wanted = usize::try_from((count - block * 1024).min(1024)).unwrap_or(1024);
        context.update(bytes.get(..wanted).unwrap_or(&bytes));
    }
    hex(context.finish().as_ref())
}

/// SHA-256 of bytes that come piece by piece, and how many they are.
#[derive(Clone)]
pub struct Digest {
    count: u64,
    context: Context,
}

impl Default for Digest {
    fn default() -> Self {
        Self { count: 0, context: Context::new(&SHA256) }
    }
}

impl Digest {
    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.count += piece.len() as u64;
        self.context.update(piece);
    }

    /// How many bytes came, and their digest in hexadecimal.
    pub fn finish(self) -> (u64, String) {
        (self.count, hex(self.context.finish().as_ref()))
    }
}

/// The blocks of the test data from number `first` on, `blocks` of them.
pub(crate) fn test_blocks(first: u64, blocks: u64) -> Vec<u8> {
    (first..first + blocks)
        .flat_map(|block| digest(&SHA256, &block.to_be_bytes()).as_ref().repeat(32))
        .collect()
}

/// SHA-256 of `data` in hexadecimal.
pub fn sha256_hex(data: &[u8]) -> String {
    hex(digest(&SHA256, data).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streamed_digest_equals_that_of_the_data() {
        for count in [0, 1, 1023, 1024, 1025, 40_000] {
            assert_eq!(test_data_sha256(count), sha256_hex(&test_data(usize::try_from(count).unwrap())));
        }
    }
}
