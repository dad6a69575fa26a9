//! Outgoing packets: padded, compressed, sealed in place; held back while keys are exchanged.

use std::collections::VecDeque;

use feramiko_crypto::cipher::{Layout, Sealer, plaintext_sealer};
use feramiko_crypto::{CryptoError, Secret};
use zeroize::Zeroize;

use super::Compressor;
use crate::error::ConnectionError;

/// Bytes of replies owed beyond which the peer is not read (`Connection::wants_input`).
const MAX_OWED: usize = 256 * 1024;
/// Bytes of messages held back during a key exchange beyond which the peer is not read.
const MAX_HELD: usize = 2 << 20;
/// What a message that is held back costs besides its bytes, at most.
const HELD_OVERHEAD: usize = 64;
/// `packet_length` and `padding_length`.
const HEADER: usize = 5;

/// What protects outgoing packets after a NEWKEYS.
pub(crate) struct OutboundKeys {
    pub(crate) sealer: Box<dyn Sealer>,
    /// A fresh stream, when the negotiated compression is on (RFC 4253 section 6.2).
    pub(crate) compressor: Option<Compressor>,
    /// Strict KEX.
    pub(crate) reset_sequence: bool,
}

pub(crate) struct Outbound {
    sealer: Box<dyn Sealer>,
    layout: Layout,
    sequence: u32,
    compressor: Option<Compressor>,
    scratch: Vec<u8>,
    buffer: Vec<u8>,
    /// Bytes in `buffer` that are no replies.
    own_bytes: usize,
    high_water: usize,
    exchanging: bool,
    /// Passwords may be among them.
    held: VecDeque<Secret>,
    held_bytes: usize,
    /// Since the last NEWKEYS.
    packets: u32,
    bytes: u64,
    padding: Padding,
    failure: Option<ConnectionError>,
    /// A packet could not be sealed. What came after it would be lost or worse: a nonce used twice.
    broken: bool,
}

impl Outbound {
    pub(crate) fn new(random: fn(&mut [u8]) -> Result<(), CryptoError>, high_water: usize) -> Self {
        let sealer = plaintext_sealer();
        Self {
            layout: sealer.layout(),
            sealer,
            sequence: 0,
            compressor: None,
            scratch: Vec::new(),
            buffer: Vec::new(),
            own_bytes: 0,
            high_water,
            exchanging: false,
            held: VecDeque::new(),
            held_bytes: 0,
            packets: 0,
            bytes: 0,
            padding: Padding { random, pool: Vec::new() },
            failure: None,
            broken: false,
        }
    }

    /// The version line, before any packet.
    pub(crate) fn raw(&mut self, line: &[u8]) {
        self.buffer.extend_from_slice(line);
    }

    /// Seals a message now, or keeps it until the exchange under way is done.
    pub(crate) fn send(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        if self.broken {
            return;
        }
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[0; HEADER]);
        fill(&mut self.buffer);
        let payload = self.buffer.get_mut(start + HEADER..).unwrap_or_default();
        let number = payload.first().copied().unwrap_or_default();
        let owed = !is_our_own(number);
        if self.exchanging && !matches!(number, 1..=4 | 20..=49) {
            if owed {
                self.held_bytes += payload.len() + HELD_OVERHEAD;
            }
            self.held.push_back(Secret::new(payload.to_vec()));
            payload.zeroize();
            self.buffer.truncate(start);
            return;
        }
        if let Err(error) = self.seal(start) {
            self.buffer.truncate(start);
            self.failure = Some(error);
            self.broken = true;
        } else if !owed {
            self.own_bytes += self.buffer.len().saturating_sub(start);
        }
    }

    /// From `start` there is a header without content and a payload: makes it a packet.
    fn seal(&mut self, start: usize) -> Result<(), ConnectionError> {
        if let Some(compressor) = &mut self.compressor {
            self.scratch.clear();
            let payload = self.buffer.get(start + HEADER..).unwrap_or_default();
            compressor.compress(payload, &mut self.scratch)?;
            self.buffer.truncate(start + HEADER);
            self.buffer.extend_from_slice(&self.scratch);
        }
        let Layout { block, length_is_padded, tag, .. } = self.layout;
        let unpadded = self.buffer.len() - start - if length_is_padded { 0 } else { 4 };
        // At least 4 bytes, up to a whole number of blocks (RFC 4253 section 6).
        let padding = 4 + (block - (unpadded + 4) % block) % block;
        self.padding.append(padding, &mut self.buffer)?;
        let length = self.buffer.len() - start - 4;
        if let Some(header) = self.buffer.get_mut(start..start + HEADER) {
            let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
            let padding = u8::try_from(padding).unwrap_or(u8::MAX);
            header.copy_from_slice(&[length[0], length[1], length[2], length[3], padding]);
        }
        self.buffer.resize(self.buffer.len() + tag, 0);
        let packet = self.buffer.get_mut(start..).unwrap_or_default();
        self.bytes += packet.len() as u64;
        self.packets = self.packets.saturating_add(1);
        self.sealer.seal(self.sequence, packet)?;
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }

    /// Our KEXINIT is out: only the exchange may follow, until [`Self::install`].
    pub(crate) fn hold(&mut self) {
        self.exchanging = true;
    }

    /// Our NEWKEYS is out: these keys protect what follows.
    pub(crate) fn install(&mut self, keys: OutboundKeys) {
        self.layout = keys.sealer.layout();
        self.sealer = keys.sealer;
        self.compressor = keys.compressor;
        if keys.reset_sequence {
            self.sequence = 0;
        }
        self.packets = 0;
        self.bytes = 0;
        self.exchanging = false;
    }

    /// Sends what was held back.
    pub(crate) fn release(&mut self) {
        self.held_bytes = 0;
        for payload in std::mem::take(&mut self.held) {
            self.send(|out| out.extend_from_slice(payload.as_bytes()));
        }
    }

    /// `zlib@openssh.com` begins.
    pub(crate) fn start_compression(&mut self) {
        self.compressor = Some(Compressor::new());
    }

    pub(crate) fn exchanging(&self) -> bool {
        self.exchanging
    }

    pub(crate) fn blocked(&self) -> bool {
        self.exchanging || self.buffer.len() >= self.high_water
    }

    pub(crate) fn owes_too_much(&self) -> bool {
        self.buffer.len().saturating_sub(self.own_bytes) > MAX_OWED || self.held_bytes > MAX_HELD
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Swaps what is queued for an empty buffer.
    pub(crate) fn take(&mut self, spare: &mut Vec<u8>) {
        spare.clear();
        std::mem::swap(spare, &mut self.buffer);
        self.own_bytes = 0;
    }

    /// Packets and bytes sealed since the last NEWKEYS.
    pub(crate) fn sealed(&self) -> (u32, u64) {
        (self.packets, self.bytes)
    }

    /// A packet could not be sealed: the connection must end.
    pub(crate) fn take_failure(&mut self) -> Option<ConnectionError> {
        self.failure.take()
    }
}

/// Whether a message is the application's doing, not a reply to the peer: requests, opens, data and its end. If these
/// kept us from reading, two sides with much to say would wait for each other for ever.
fn is_our_own(number: u8) -> bool {
    matches!(number, 50 | 61 | 80 | 90 | 94..=96 | 98)
}

/// Random padding out of a pool: one call of the generator serves many packets.
struct Padding {
    random: fn(&mut [u8]) -> Result<(), CryptoError>,
    pool: Vec<u8>,
}

impl Padding {
    const POOL: usize = 1024;

    fn append(&mut self, count: usize, out: &mut Vec<u8>) -> Result<(), CryptoError> {
        if self.pool.len() < count {
            self.pool.resize(Self::POOL.max(count), 0);
            (self.random)(&mut self.pool)?;
        }
        out.extend(self.pool.drain(self.pool.len() - count..));
        Ok(())
    }
}
