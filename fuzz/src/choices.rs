//! Decisions, read off the fuzzer's bytes. When they run out everything is 0.

/// Reads from the front.
#[derive(Debug, Clone)]
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// From all of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left to decide by.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    /// Yes or no.
    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A number below `limit`, which is at least 1.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    /// A number that is small, or at an edge.
    pub fn number(&mut self) -> u32 {
        match self.byte() {
            0xff => u32::MAX,
            0xfe => u32::MAX - 1,
            0xfd => 1 << 31,
            0xfc => (1 << 31) - 1,
            0xfb => 1 << 20,
            0xfa => 1 << 16,
            0xf9 => u32::from_be_bytes(std::array::from_fn(|_| self.byte())),
            small => u32::from(small),
        }
    }

    /// A string: a length of one byte (255: of two more, times 16), and as many bytes as are there.
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = match self.byte() {
            255 => usize::from(u16::from_be_bytes([self.byte(), self.byte()])) * 16,
            length => usize::from(length),
        };
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// One of these, or bytes as they come.
    pub fn name(&mut self, names: &[&'static str]) -> Vec<u8> {
        match names.get(self.below(names.len() + 1)) {
            Some(name) => name.as_bytes().to_vec(),
            None => self.bytes().to_vec(),
        }
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}
