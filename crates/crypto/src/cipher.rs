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
}

/// Protects outgoing packets.
pub trait Sealer: Send {
    /// The shape of this sealer's packets.
    fn layout(&self) -> Layout;

    /// Seals one packet in place. `packet` is `packet_length || padding_length || payload || padding`
    /// followed by [`Layout::tag`] bytes, which are overwritten with the tag.
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
    /// payload || padding` are readable in front of the tag. On error no plaintext may be used.
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
