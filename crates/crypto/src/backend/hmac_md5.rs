//! HMAC over MD5 (RFC 2104, RFC 4253 section 6.4), for machines that know nothing better. MD5's collisions do not break it, but
//! nobody should need it.

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::CryptoError;
use crate::cipher::{KeyedMac, Mac};

/// Bytes of an MD5 digest, and of the key.
const DIGEST: usize = 16;
/// Bytes that MD5 takes at once.
const BLOCK: usize = 64;

#[derive(Debug)]
pub(crate) struct HmacMd5 {
    pub(crate) name: &'static str,
    /// Bytes that are sent of the tag, from its front.
    pub(crate) tag_len: usize,
    pub(crate) etm: bool,
}

impl Mac for HmacMd5 {
    fn name(&self) -> &'static str {
        self.name
    }

    fn key_len(&self) -> usize {
        DIGEST
    }

    fn tag_len(&self) -> usize {
        self.tag_len
    }

    fn is_etm(&self) -> bool {
        self.etm
    }

    fn keyed(&self, key: &[u8]) -> Result<Box<dyn KeyedMac>, CryptoError> {
        if key.len() != DIGEST {
            return Err(CryptoError::BadKey);
        }
        Ok(Box::new(Keyed::new(key, self.tag_len)))
    }
}

/// The states after the padded keys; wiped when dropped.
struct Keyed {
    inner: Md5,
    outer: Md5,
    tag_len: usize,
}

impl Keyed {
    fn new(key: &[u8], tag_len: usize) -> Self {
        let begun = |pad: u8| {
            let mut block = Zeroizing::new([pad; BLOCK]);
            block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
            Md5::new_with_prefix(*block)
        };
        Self { inner: begun(0x36), outer: begun(0x5c), tag_len }
    }

    fn tag(&self, parts: &[&[u8]]) -> [u8; DIGEST] {
        let mut inner = self.inner.clone();
        for part in parts {
            inner.update(part);
        }
        let mut outer = self.outer.clone();
        outer.update(inner.finalize());
        outer.finalize().into()
    }
}

impl KeyedMac for Keyed {
    fn sign(&self, sequence: u32, bytes: &[u8], tag: &mut [u8]) -> Result<(), CryptoError> {
        let computed = self.tag(&[&sequence.to_be_bytes(), bytes]);
        let computed = computed.get(..self.tag_len).ok_or(CryptoError::Backend)?;
        if tag.len() != computed.len() {
            return Err(CryptoError::Unsupported);
        }
        tag.copy_from_slice(computed);
        Ok(())
    }

    fn verify(&self, sequence: u32, bytes: &[u8], tag: &[u8]) -> Result<(), CryptoError> {
        let computed = self.tag(&[&sequence.to_be_bytes(), bytes]);
        let computed = computed.get(..self.tag_len).ok_or(CryptoError::Backend)?;
        if computed.ct_eq(tag).into() { Ok(()) } else { Err(CryptoError::Unauthentic) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::hex;

    /// RFC 2202 section 2, the cases whose keys are as long as SSH's.
    #[test]
    fn rfc2202_vectors() {
        let vectors: [(&str, Vec<u8>, &str); 4] = [
            ("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", b"Hi There".to_vec(), "9294727a3638bb1c13f48ef8158bfc9d"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", vec![0xdd; 50], "56be34521d144c88dbb8c733f0e8b3f6"),
            (
                "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
                b"Test With Truncation".to_vec(),
                "56461ef2342edc00f9bab995690efd4c",
            ),
            // A shorter key is one with zeros behind it: "Jefe".
            (
                "4a656665000000000000000000000000",
                b"what do ya want for nothing?".to_vec(),
                "750c783e6ab0b503eaa86e310a5db738",
            ),
        ];
        for (key, text, tag) in vectors {
            let (front, rest) = text.split_at(4);
            let computed = Keyed::new(&hex(key), DIGEST).tag(&[front, rest]);
            assert_eq!(computed.to_vec(), hex(tag));
        }
    }
}
