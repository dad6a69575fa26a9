//! Bytes that can be checked: written to one end of a channel, read and compared at the other.

use std::sync::LazyLock;

use feramiko_proto::{Channel, Read, Stream, Write};

/// The bytes repeat after so many: a prime, so that no block size hides an error, and more than a compressor
/// remembers, so that they do not shrink.
const PERIOD: usize = 65_521;
/// Bytes written or read at once.
const STEP: usize = 32 * 1024;

static TABLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 1_u64;
    let period: Vec<u8> = (0..PERIOD)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect();
    [&period[..], &period[..STEP]].concat()
});

/// The bytes at `position` and behind it, at most 32 KiB.
pub fn pattern(position: u64, length: usize) -> &'static [u8] {
    let start = (position % PERIOD as u64) as usize;
    &TABLE[start..start + length.min(STEP)]
}

/// Writes the pattern into a channel.
#[derive(Debug, Clone)]
pub struct Source {
    left: u64,
    written: u64,
    finished: bool,
}

impl Source {
    /// Will write so many bytes, then EOF.
    pub fn new(total: u64) -> Self {
        Self { left: total, written: 0, finished: false }
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Whether all was written, and EOF.
    pub fn is_done(&self) -> bool {
        self.finished
    }

    /// Writes until the channel blocks or all is written.
    ///
    /// # Panics
    /// If the channel refuses.
    pub fn pump(&mut self, channel: &mut Channel<'_>) {
        while self.left > 0 {
            let part = pattern(self.written, self.left.min(STEP as u64) as usize);
            match channel.write(Stream::Data, part).expect("the channel takes data") {
                Write::Taken(count) => {
                    self.written += count as u64;
                    self.left -= count as u64;
                }
                Write::Blocked => return,
            }
        }
        if !self.finished {
            channel.finish().expect("the channel takes EOF");
            self.finished = true;
        }
    }
}

/// Reads a channel and compares with the pattern.
#[derive(Debug, Clone, Default)]
pub struct Sink {
    received: u64,
    eof: bool,
}

impl Sink {
    /// Bytes read so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Whether the end came.
    pub fn is_done(&self) -> bool {
        self.eof
    }

    /// Reads what is there.
    ///
    /// # Panics
    /// If it is not what a [`Source`] writes.
    pub fn pump(&mut self, channel: &mut Channel<'_>) {
        let mut buffer = [0; STEP];
        loop {
            match channel.read(Stream::Data, &mut buffer) {
                Read::Data(count) => {
                    let expected = pattern(self.received, count);
                    assert!(buffer[..count] == *expected, "the data differs behind {} bytes", self.received);
                    self.received += count as u64;
                }
                Read::Blocked => return,
                Read::Eof => {
                    self.eof = true;
                    return;
                }
            }
        }
    }
}
