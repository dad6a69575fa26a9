//! Packets of a cipher that only hides, with a MAC of its own: over the plaintext (RFC 4253 section 6.4) or, in
//! the `-etm@openssh.com` forms, over the ciphertext (OpenSSH PROTOCOL section 1.5).

use zeroize::Zeroize;

use crate::CryptoError;
use crate::cipher::{CipherKeys, KeyedMac, LENGTH, Layout, Opener, Sealer, check_length_field, length_field};

/// The bytes that a block of any cipher here has at most.
const MAX_BLOCK: usize = 16;

/// Encrypts whole blocks that follow one another.
pub(crate) trait Encrypts: Send {
    fn encrypt(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError>;
}

/// Decrypts whole blocks that follow one another.
pub(crate) trait Decrypts: Send {
    fn decrypt(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError>;
    /// As `decrypt`, without moving on.
    fn peek(&self, bytes: &mut [u8]) -> Result<(), CryptoError>;
}

/// What the shape of the packets depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mode {
    /// Bytes of a block.
    pub(crate) block: usize,
    /// Whether an attacker can move blocks of ciphertext and learn of them by where a packet fails (CBC).
    pub(crate) is_chained: bool,
}

/// One direction: a sealer or an opener.
pub(crate) struct Separate<C> {
    cipher: C,
    mac: Box<dyn KeyedMac>,
    layout: Layout,
    etm: bool,
}

impl<C> Separate<C> {
    /// `keys` has a MAC; its cipher key and vector are already in `cipher`.
    pub(crate) fn new(cipher: C, mode: Mode, keys: CipherKeys<'_>) -> Result<Box<Self>, CryptoError> {
        let (mac, mac_key) = keys.mac.ok_or(CryptoError::Unsupported)?;
        let etm = mac.is_etm();
        let layout = Layout {
            head: if etm { LENGTH } else { mode.block },
            block: mode.block,
            length_is_padded: !etm,
            tag: mac.tag_len(),
            fails_late: mode.is_chained && !etm,
        };
        Ok(Box::new(Self { cipher, mac: mac.keyed(mac_key)?, layout, etm }))
    }
}

impl<C: Encrypts> Sealer for Separate<C> {
    fn layout(&self) -> Layout {
        self.layout
    }

    fn seal(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        let (body, tag) = self.layout.split(packet).ok_or(CryptoError::Unsupported)?;
        if self.etm {
            let text = body.get_mut(LENGTH..).ok_or(CryptoError::Unsupported)?;
            self.cipher.encrypt(text)?;
            self.mac.sign(sequence, body, tag)
        } else {
            self.mac.sign(sequence, body, tag)?;
            self.cipher.encrypt(body)
        }
    }
}

impl<C: Decrypts> Opener for Separate<C> {
    fn layout(&self) -> Layout {
        self.layout
    }

    fn length(&self, _sequence: u32, head: &[u8]) -> Result<u32, CryptoError> {
        if self.etm {
            return length_field(head);
        }
        let mut block = [0; MAX_BLOCK];
        let block = block.get_mut(..self.layout.block).ok_or(CryptoError::Unsupported)?;
        block.copy_from_slice(head.get(..self.layout.block).ok_or(CryptoError::Unauthentic)?);
        self.cipher.peek(block)?;
        let length = length_field(block);
        block.zeroize();
        length
    }

    fn open(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        let (body, tag) = self.layout.split_received(packet)?;
        if self.etm {
            check_length_field(body)?;
            self.mac.verify(sequence, body, tag)?;
            let text = body.get_mut(LENGTH..).ok_or(CryptoError::Unauthentic)?;
            return self.cipher.decrypt(text);
        }
        self.cipher.decrypt(body)?;
        // The MAC first, whatever the length says: the two failures take the same time.
        let opened = self.mac.verify(sequence, body, tag).and_then(|()| check_length_field(body));
        if opened.is_err() {
            body.zeroize();
        }
        opened
    }
}
