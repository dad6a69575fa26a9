//! HMAC over SHA-2 (RFC 6668; the `-etm` forms are of OpenSSH PROTOCOL section 1.5), by aws-lc-rs.

use aws_lc_rs::hmac::{self, Algorithm, HMAC_SHA256, HMAC_SHA512};
use subtle::ConstantTimeEq;

use crate::CryptoError;
use crate::cipher::{KeyedMac, Mac};

/// In order of preference.
pub(crate) static ALL: [&dyn Mac; 4] = [
    &Hmac { name: "hmac-sha2-256-etm@openssh.com", algorithm: HMAC_SHA256, etm: true },
    &Hmac { name: "hmac-sha2-512-etm@openssh.com", algorithm: HMAC_SHA512, etm: true },
    &Hmac { name: "hmac-sha2-256", algorithm: HMAC_SHA256, etm: false },
    &Hmac { name: "hmac-sha2-512", algorithm: HMAC_SHA512, etm: false },
];

#[derive(Debug)]
struct Hmac {
    name: &'static str,
    algorithm: Algorithm,
    etm: bool,
}

impl Mac for Hmac {
    fn name(&self) -> &'static str {
        self.name
    }

    fn key_len(&self) -> usize {
        // RFC 6668 section 2: as long as the digest.
        self.algorithm.tag_len()
    }

    fn tag_len(&self) -> usize {
        self.algorithm.tag_len()
    }

    fn is_etm(&self) -> bool {
        self.etm
    }

    fn keyed(&self, key: &[u8]) -> Result<Box<dyn KeyedMac>, CryptoError> {
        if key.len() != self.key_len() {
            return Err(CryptoError::BadKey);
        }
        Ok(Box::new(KeyedHmac(hmac::Key::new(self.algorithm, key))))
    }
}

struct KeyedHmac(hmac::Key);

impl KeyedHmac {
    fn tag(&self, sequence: u32, bytes: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&sequence.to_be_bytes());
        context.update(bytes);
        context.sign()
    }
}

impl KeyedMac for KeyedHmac {
    fn sign(&self, sequence: u32, bytes: &[u8], tag: &mut [u8]) -> Result<(), CryptoError> {
        let computed = self.tag(sequence, bytes);
        if tag.len() != computed.as_ref().len() {
            return Err(CryptoError::Unsupported);
        }
        tag.copy_from_slice(computed.as_ref());
        Ok(())
    }

    fn verify(&self, sequence: u32, bytes: &[u8], tag: &[u8]) -> Result<(), CryptoError> {
        let computed = self.tag(sequence, bytes);
        if computed.as_ref().ct_eq(tag).into() { Ok(()) } else { Err(CryptoError::Unauthentic) }
    }
}
