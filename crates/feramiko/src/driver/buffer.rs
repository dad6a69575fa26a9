//! Input and output buffers that grow under load and shrink when idle.

/// Of an idle connection.
const SMALL: usize = 4 * 1024;

/// One read is never larger.
const LARGE: usize = 256 * 1024;

/// What was read and not yet consumed, and room for more.
#[derive(Debug, Default)]
pub(crate) struct Input {
    buffer: Vec<u8>,
    filled: usize,
}

impl Input {
    /// Room to read into: never empty.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.filled == self.buffer.len() {
            // The last read took all the room there was, or a packet does not fit. The core refuses lengths beyond its
            // limit, so this ends.
            let size = (self.buffer.len() * 2).max(SMALL);
            self.buffer.resize(size, 0);
        }
        self.buffer.get_mut(self.filled..).unwrap_or_default()
    }

    /// So many bytes were read into the room; says whether that was all the room there was.
    pub(crate) fn filled(&mut self, count: usize) -> bool {
        self.filled = (self.filled + count).min(self.buffer.len());
        self.filled == self.buffer.len()
    }

    /// What was read.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        self.buffer.get_mut(..self.filled).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// So many bytes at the front are done with. A buffer that was full grows, so that the next read takes more at once.
    pub(crate) fn consume(&mut self, count: usize) {
        let full = self.filled == self.buffer.len();
        let count = count.min(self.filled);
        self.buffer.copy_within(count..self.filled, 0);
        self.filled -= count;
        if full && count > 0 && self.buffer.len() < LARGE {
            self.buffer.resize((self.buffer.len() * 2).min(LARGE), 0);
        }
    }

    /// Whether there is memory to give back.
    pub(crate) fn is_large(&self) -> bool {
        self.buffer.len() > SMALL
    }

    pub(crate) fn shrink(&mut self) {
        if self.is_large() && self.filled < SMALL {
            let mut small = vec![0; SMALL];
            if let (Some(to), Some(from)) = (small.get_mut(..self.filled), self.buffer.get(..self.filled)) {
                to.copy_from_slice(from);
            }
            self.buffer = small;
        }
    }
}

/// Sealed packets on their way to the link.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
}

impl Unsent {
    pub(crate) fn is_empty(&self) -> bool {
        self.sent >= self.bytes.len()
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    pub(crate) fn sent(&mut self, count: usize) {
        self.sent += count;
    }

    /// To be filled anew; what is left is lost.
    pub(crate) fn refill(&mut self) -> &mut Vec<u8> {
        self.sent = 0;
        self.bytes.clear();
        &mut self.bytes
    }

    pub(crate) fn is_large(&self) -> bool {
        self.bytes.capacity() > SMALL
    }

    pub(crate) fn shrink(&mut self) {
        if self.is_large() && self.is_empty() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_grows_while_reads_fill_it_and_shrinks_when_idle() {
        let mut input = Input::default();
        for _ in 0..20 {
            let room = input.room().len();
            assert!(input.filled(room));
            let all = input.bytes().len();
            input.consume(all);
        }
        assert_eq!(input.room().len(), LARGE);
        input.room().copy_from_slice(&[7; LARGE]);
        input.filled(10);
        input.shrink();
        assert_eq!((input.bytes().to_vec(), input.is_large()), (vec![7; 10], false));
    }

    #[test]
    fn a_packet_that_does_not_fit_finds_room() {
        let mut input = Input::default();
        for _ in 0..12 {
            let room = input.room().len();
            assert!(room > 0);
            input.filled(room);
            input.consume(0);
        }
        assert!(input.bytes().len() > LARGE);
    }

    #[test]
    fn what_is_left_moves_to_the_front() {
        let mut input = Input::default();
        input.room().get_mut(..5).unwrap().copy_from_slice(b"abcde");
        input.filled(5);
        input.consume(2);
        assert_eq!(input.bytes(), b"cde");
    }
}
