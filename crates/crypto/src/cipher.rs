//! Packet protection: one [`Sealer`] or [`Opener`] a direction (RFC 4253 section 6).

use std::fmt::Debug;

use crate::CryptoError;

/// What a packet protected by an algorithm looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of a packet that must be there before [`Opener::length`] can tell its length: 4, or the
    /// cipher's block where the length is encrypted with the rest.
    pub head: usize,
    /// Packets are padded to a multiple of this (8 or more).
    pub block: usize,
    /// Whether the 4 bytes of the length count for that multiple (not with AEAD and EtM).
    pub length_is_padded: bool,
    /// Bytes of the tag behind the packet.
    pub tag: usize,
    /// Whether a packet that fails must be read on to the largest size before that is told: with CBC and a MAC over
    /// the plaintext, how much was read until the failure tells 4 bytes of plaintext (CVE-2008-5161).
    pub fails_late: bool,
}

/// Bytes of the `packet_length` field.
pub(crate) const LENGTH: usize = 4;

impl Layout {
    /// Parts a packet into its body, `packet_length` up to the padding, and its tag; `None` if it is too
    /// short to have both and a padding length.
    pub(crate) fn split<'a>(&self, packet: &'a mut [u8]) -> Option<(&'a mut [u8], &'a mut [u8])> {
        let body = packet.len().checked_sub(self.tag)?;
        (body > LENGTH && body >= self.head).then_some(())?;
        packet.split_at_mut_checked(body)
    }

    /// As [`split`](Self::split) for a packet from the peer: its body is a whole number of blocks too. This
    /// is the one place that judges the length of a received packet, in every mode.
    pub(crate) fn split_received<'a>(
        &self,
        packet: &'a mut [u8],
    ) -> Result<(&'a mut [u8], &'a mut [u8]), CryptoError> {
        let (body, tag) = self.split(packet).ok_or(CryptoError::Unauthentic)?;
        let unpadded = if self.length_is_padded { 0 } else { LENGTH };
        let whole = body
            .len()
            .checked_sub(unpadded)
            .and_then(|len| len.checked_rem(self.block))
            .is_some_and(|rest| rest == 0);
        if whole { Ok((body, tag)) } else { Err(CryptoError::Unauthentic) }
    }
}

/// The `packet_length` in front of `bytes`.
pub(crate) fn length_field(bytes: &[u8]) -> Result<u32, CryptoError> {
    let field = bytes.first_chunk().ok_or(CryptoError::Unauthentic)?;
    Ok(u32::from_be_bytes(*field))
}

/// Whether the body's own `packet_length` is the length that it has.
pub(crate) fn check_length_field(body: &[u8]) -> Result<(), CryptoError> {
    let told = usize::try_from(length_field(body)?).map_err(|_| CryptoError::Unauthentic)?;
    if body.len().checked_sub(LENGTH) == Some(told) { Ok(()) } else { Err(CryptoError::Unauthentic) }
}

/// Protects outgoing packets.
pub trait Sealer: Send {
    /// The shape of this sealer's packets.
    fn layout(&self) -> Layout;

    /// Seals one packet in place. `packet` is `packet_length || padding_length || payload || padding`
    /// followed by [`Layout::tag`] bytes, which are overwritten with the tag. Lengths and padding are the
    /// caller's business: what is long enough to be a packet is sealed as it is.
    ///
    /// # Errors
    /// [`CryptoError::Unsupported`] if `packet` is too short; [`CryptoError::Backend`] if sealing fails.
    fn seal(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError>;
}

/// Opens incoming packets.
pub trait Opener: Send {
    /// The shape of this opener's packets.
    fn layout(&self) -> Layout;

    /// The `packet_length` of the packet that begins with `head` ([`Layout::head`] bytes, as received).
    /// Changes nothing; may be asked again. The answer is not authenticated yet.
    fn length(&self, sequence: u32, head: &[u8]) -> Result<u32, CryptoError>;

    /// Opens one whole packet in place, tag included. Afterwards `packet_length || padding_length ||
    /// payload || padding` are readable in front of the tag.
    ///
    /// # Errors
    /// [`CryptoError::Unauthentic`], whether the tag is wrong or the length of `packet` (not the one that its
    /// `packet_length` tells, no whole number of blocks, too short). The bytes are then worthless, and so is
    /// the connection.
    fn open(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError>;
}

/// The keys of one direction, cut to the lengths that the algorithms ask for.
#[derive(Clone, Copy)]
pub struct CipherKeys<'a> {
    /// [`Cipher::key_len`] bytes.
    pub key: &'a [u8],
    /// [`Cipher::iv_len`] bytes.
    pub iv: &'a [u8],
    /// The MAC and its [`Mac::key_len`] bytes; `None` with a cipher that brings its own tag.
    pub mac: Option<(&'static dyn Mac, &'a [u8])>,
}

/// An encryption algorithm by its SSH name.
pub trait Cipher: Debug + Send + Sync {
    /// The name in KEXINIT.
    fn name(&self) -> &'static str;
    /// Bytes of key.
    fn key_len(&self) -> usize;
    /// Bytes of initial vector.
    fn iv_len(&self) -> usize;
    /// Whether the cipher authenticates by itself; then no MAC is negotiated.
    fn is_aead(&self) -> bool;
    /// Whether strict KEX is what keeps this cipher (alone, or with an EtM MAC) from a prefix truncation.
    fn needs_strict_kex(&self) -> bool {
        false
    }
    /// Bytes that one key may protect, if the cipher itself sets a limit.
    fn max_bytes(&self) -> Option<u64> {
        None
    }
    /// A sealer with these keys.
    fn sealer(&self, keys: CipherKeys<'_>) -> Result<Box<dyn Sealer>, CryptoError>;
    /// An opener with these keys.
    fn opener(&self, keys: CipherKeys<'_>) -> Result<Box<dyn Opener>, CryptoError>;
}

/// A MAC algorithm by its SSH name.
pub trait Mac: Debug + Send + Sync {
    /// The name in KEXINIT.
    fn name(&self) -> &'static str;
    /// Bytes of key.
    fn key_len(&self) -> usize;
    /// Bytes of tag.
    fn tag_len(&self) -> usize;
    /// Whether the tag covers the ciphertext, with the length in clear (`-etm@openssh.com`).
    fn is_etm(&self) -> bool;
    /// This MAC with a key.
    fn keyed(&self, key: &[u8]) -> Result<Box<dyn KeyedMac>, CryptoError>;
}

/// A MAC with its key.
pub trait KeyedMac: Send {
    /// Writes the tag over `sequence || bytes`.
    fn sign(&self, sequence: u32, bytes: &[u8], tag: &mut [u8]) -> Result<(), CryptoError>;
    /// Compares the tag in constant time.
    fn verify(&self, sequence: u32, bytes: &[u8], tag: &[u8]) -> Result<(), CryptoError>;
}

/// The sealer that does nothing: packets before the first NEWKEYS (RFC 4253 section 6 with cipher and MAC
/// `none`).
///
/// ```
/// use feramiko_crypto::cipher;
///
/// let mut packet = [0, 0, 0, 12, 10, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// cipher::plaintext_sealer().seal(0, &mut packet)?;
/// assert_eq!(cipher::plaintext_opener().length(0, &packet[..4])?, 12);
/// # Ok::<(), feramiko_crypto::CryptoError>(())
/// ```
pub fn plaintext_sealer() -> Box<dyn Sealer> {
    Box::new(Plaintext)
}

/// The opener that does nothing but judge lengths; see [`plaintext_sealer`].
pub fn plaintext_opener() -> Box<dyn Opener> {
    Box::new(Plaintext)
}

struct Plaintext;

const PLAINTEXT: Layout =
    Layout { head: LENGTH, block: 8, length_is_padded: true, tag: 0, fails_late: false };

impl Sealer for Plaintext {
    fn layout(&self) -> Layout {
        PLAINTEXT
    }

    fn seal(&mut self, _sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        PLAINTEXT.split(packet).map(drop).ok_or(CryptoError::Unsupported)
    }
}

impl Opener for Plaintext {
    fn layout(&self) -> Layout {
        PLAINTEXT
    }

    fn length(&self, _sequence: u32, head: &[u8]) -> Result<u32, CryptoError> {
        length_field(head)
    }

    fn open(&mut self, _sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        let (body, _) = PLAINTEXT.split_received(packet)?;
        check_length_field(body)
    }
}
