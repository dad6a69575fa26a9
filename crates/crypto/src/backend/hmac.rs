//! HMAC over SHA-2 (RFC 6668) and SHA-1 (RFC 4253 section 6.4; the `-etm` forms are of OpenSSH PROTOCOL section 1.5), by aws-lc-rs.

use aws_lc_rs::hmac::{self, Algorithm};
use subtle::ConstantTimeEq;

use crate::CryptoError;
use crate::cipher::{KeyedMac, Mac};

#[derive(Debug)]
pub(crate) struct Hmac {
    name: &'static str,
    algorithm: Algorithm,
    /// Bytes that are sent of the tag, from its front.
    tag_len: usize,
    etm: bool,
}

impl Hmac {
    pub(crate) const fn new(name: &'static str, algorithm: Algorithm, tag_len: usize) -> Self {
        Self { name, algorithm, tag_len, etm: false }
    }

    /// The same over the ciphertext.
    pub(crate) const fn etm(&self, name: &'static str) -> Self {
        Self { name, algorithm: self.algorithm, tag_len: self.tag_len, etm: true }
    }
}

impl Mac for Hmac {
    fn name(&self) -> &'static str {
        self.name
    }

    fn key_len(&self) -> usize {
        // RFC 6668 section 2, RFC 4253 section 6.4: as long as the digest, even if not all of it is sent.
        self.algorithm.tag_len()
    }

    fn tag_len(&self) -> usize {
        self.tag_len
    }

    fn is_etm(&self) -> bool {
        self.etm
    }

    fn keyed(&self, key: &[u8]) -> Result<Box<dyn KeyedMac>, CryptoError> {
        if key.len() != self.key_len() {
            return Err(CryptoError::BadKey);
        }
        Ok(Box::new(KeyedHmac { key: hmac::Key::new(self.algorithm, key), tag_len: self.tag_len }))
    }
}

struct KeyedHmac {
    key: hmac::Key,
    tag_len: usize,
}

impl KeyedHmac {
    fn tag(&self, sequence: u32, bytes: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&sequence.to_be_bytes());
        context.update(bytes);
        context.sign()
    }
}

impl KeyedMac for KeyedHmac {
    fn sign(&self, sequence: u32, bytes: &[u8], tag: &mut [u8]) -> Result<(), CryptoError> {
        let computed = self.tag(sequence, bytes);
        let computed = computed.as_ref().get(..self.tag_len).ok_or(CryptoError::Backend)?;
        if tag.len() != computed.len() {
            return Err(CryptoError::Unsupported);
        }
        tag.copy_from_slice(computed);
        Ok(())
    }

    fn verify(&self, sequence: u32, bytes: &[u8], tag: &[u8]) -> Result<(), CryptoError> {
        let computed = self.tag(sequence, bytes);
        let computed = computed.as_ref().get(..self.tag_len).ok_or(CryptoError::Backend)?;
        if computed.ct_eq(tag).into() { Ok(()) } else { Err(CryptoError::Unauthentic) }
    }
}
