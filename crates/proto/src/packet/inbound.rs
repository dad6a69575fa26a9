//! Incoming packets: length checked before anything, opened in place, decompressed within the limit.

use feramiko_crypto::cipher::{Layout, Opener, plaintext_opener};
use zeroize::Zeroize;

use super::Decompressor;
use crate::error::ProtocolError;

/// `padding_length`, one byte of payload, 4 bytes of padding.
const MIN_LENGTH: u32 = 6;

/// What protects incoming packets after a NEWKEYS.
pub(crate) struct InboundKeys {
    pub(crate) opener: Box<dyn Opener>,
    /// A fresh stream, when the negotiated compression is on (RFC 4253 section 6.2).
    pub(crate) decompressor: Option<Decompressor>,
    /// Strict KEX.
    pub(crate) reset_sequence: bool,
}

pub(crate) struct Inbound {
    opener: Box<dyn Opener>,
    layout: Layout,
    sequence: u32,
    /// The length of the packet at the front, once known.
    length: Option<u32>,
    /// The packet at the front has failed, but nobody may see yet at which length ([`Layout::fails_late`]): so many bytes were opened.
    failed: Option<usize>,
    decompressor: Option<Decompressor>,
    scratch: Vec<u8>,
    limit: u32,
    /// Since the last NEWKEYS.
    packets: u32,
    bytes: u64,
}

/// One packet out of the input.
pub(crate) struct Packet<'a> {
    pub(crate) payload: &'a [u8],
    /// Bytes of input it took.
    pub(crate) consumed: usize,
    pub(crate) sequence: u32,
}

impl Inbound {
    pub(crate) fn new(limit: u32) -> Self {
        let opener = plaintext_opener();
        Self {
            layout: opener.layout(),
            opener,
            sequence: 0,
            length: None,
            failed: None,
            decompressor: None,
            scratch: Vec::new(),
            limit,
            packets: 0,
            bytes: 0,
        }
    }

    /// The packet at the front of `input`, opened in place; `None` while it is not whole.
    pub(crate) fn next<'a>(&'a mut self, input: &'a mut [u8]) -> Result<Option<Packet<'a>>, ProtocolError> {
        let Layout { head, tag, .. } = self.layout;
        if let Some(opened) = self.failed {
            return self.fail_late(opened, input).map(|()| None);
        }
        let length = match self.length {
            Some(length) => length,
            None => {
                let Some(front) = input.get(..head) else { return Ok(None) };
                let length =
                    self.opener.length(self.sequence, front).map_err(|_| ProtocolError::Unauthentic)?;
                if let Err(error) = self.check_length(length) {
                    return self.fail(error, 0, input).map(|()| None);
                }
                *self.length.insert(length)
            }
        };
        let sealed = 4 + length as usize;
        let Some(packet) = input.get_mut(..sealed + tag) else { return Ok(None) };
        let sequence = self.sequence;
        if self.opener.open(sequence, packet).is_err() {
            return self.fail(ProtocolError::Unauthentic, sealed + tag, input).map(|()| None);
        }
        self.length = None;
        self.sequence = sequence.wrapping_add(1);
        self.packets = self.packets.saturating_add(1);
        self.bytes += (sealed + tag) as u64;
        let body = input.get(4..sealed).unwrap_or_default();
        let (padding, body) = body.split_first().ok_or(ProtocolError::Padding)?;
        let padding = usize::from(*padding);
        let payload_len = body.len().checked_sub(padding).ok_or(ProtocolError::Padding)?;
        if padding < 4 || payload_len == 0 {
            return Err(ProtocolError::Padding);
        }
        let mut payload = body.get(..payload_len).unwrap_or_default();
        if let Some(decompressor) = &mut self.decompressor {
            decompressor.decompress(payload, &mut self.scratch, self.limit as usize)?;
            payload = &self.scratch;
            if payload.is_empty() {
                return Err(ProtocolError::Compression);
            }
        }
        Ok(Some(Packet { payload, consumed: sealed + tag, sequence }))
    }

    /// The packet at the front has failed, and so many bytes of it were opened: now, or later.
    fn fail(&mut self, error: ProtocolError, opened: usize, input: &mut [u8]) -> Result<(), ProtocolError> {
        if self.layout.fails_late { self.fail_late(opened, input) } else { Err(error) }
    }

    /// Reads on to the end of the largest packet before the failure is told, and does the work that such a packet would have made:
    /// neither bytes nor time tell what the first block decrypted to (CVE-2008-5161; OpenSSH's packet.c does the same).
    fn fail_late(&mut self, opened: usize, input: &mut [u8]) -> Result<(), ProtocolError> {
        self.failed = Some(opened);
        let Layout { block, tag, .. } = self.layout;
        let largest = 4 + self.limit as usize + tag;
        let Some(rest) = input.get_mut(opened..largest.max(opened)) else { return Ok(()) };
        let whole = rest.len().saturating_sub(tag).checked_div(block).unwrap_or(0) * block + tag;
        // The answer is known: this is for the time that it takes.
        let _ = self.opener.open(self.sequence, rest.get_mut(..whole).unwrap_or_default());
        Err(ProtocolError::Unauthentic)
    }

    /// Under encryption a bad length and a bad tag are one error: nothing can be learned from the difference.
    fn check_length(&self, length: u32) -> Result<(), ProtocolError> {
        let Layout { block, length_is_padded, tag, .. } = self.layout;
        let padded = length as usize + if length_is_padded { 4 } else { 0 };
        if (MIN_LENGTH..=self.limit).contains(&length) && padded.is_multiple_of(block) {
            Ok(())
        } else if tag == 0 {
            Err(ProtocolError::PacketLength { length })
        } else {
            Err(ProtocolError::Unauthentic)
        }
    }

    /// The peer's NEWKEYS came: these keys open what follows.
    pub(crate) fn install(&mut self, keys: InboundKeys) {
        self.layout = keys.opener.layout();
        self.opener = keys.opener;
        self.decompressor = keys.decompressor;
        if keys.reset_sequence {
            self.sequence = 0;
        }
        self.packets = 0;
        self.bytes = 0;
    }

    /// Forgets the payload of the packet just handled: `packet`, where it was opened.
    pub(crate) fn wipe(&mut self, packet: &mut [u8]) {
        packet.zeroize();
        self.scratch.zeroize();
    }

    /// `zlib@openssh.com` begins.
    pub(crate) fn start_compression(&mut self) {
        self.decompressor = Some(Decompressor::new());
    }

    /// Packets and bytes opened since the last NEWKEYS.
    pub(crate) fn opened(&self) -> (u32, u64) {
        (self.packets, self.bytes)
    }
}
