//! chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305), by aws-lc-rs.

use aws_lc_rs::aead::chacha20_poly1305_openssh::{KEY_LEN, OpeningKey, SealingKey, TAG_LEN};

use crate::CryptoError;
use crate::cipher::{Cipher, CipherKeys, Layout, Opener, Sealer, check_length_field};

const LAYOUT: Layout = Layout { head: 4, block: 8, length_is_padded: false, tag: TAG_LEN, fails_late: false };

#[derive(Debug)]
pub(crate) struct ChaChaPoly;

impl Cipher for ChaChaPoly {
    fn name(&self) -> &'static str {
        "chacha20-poly1305@openssh.com"
    }

    fn key_len(&self) -> usize {
        KEY_LEN
    }

    fn iv_len(&self) -> usize {
        0
    }

    fn is_aead(&self) -> bool {
        true
    }

    fn needs_strict_kex(&self) -> bool {
        true
    }

    fn sealer(&self, keys: CipherKeys<'_>) -> Result<Box<dyn Sealer>, CryptoError> {
        let key = keys.key.try_into().map_err(|_| CryptoError::BadKey)?;
        Ok(Box::new(ChaChaPolySealer(SealingKey::new(key))))
    }

    fn opener(&self, keys: CipherKeys<'_>) -> Result<Box<dyn Opener>, CryptoError> {
        let key = keys.key.try_into().map_err(|_| CryptoError::BadKey)?;
        Ok(Box::new(ChaChaPolyOpener(OpeningKey::new(key))))
    }
}

struct ChaChaPolySealer(SealingKey);

impl Sealer for ChaChaPolySealer {
    fn layout(&self) -> Layout {
        LAYOUT
    }

    fn seal(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        let (body, tag) = LAYOUT.split(packet).ok_or(CryptoError::Unsupported)?;
        let tag = tag.try_into().map_err(|_| CryptoError::Unsupported)?;
        self.0.seal_in_place(sequence, body, tag);
        Ok(())
    }
}

struct ChaChaPolyOpener(OpeningKey);

impl Opener for ChaChaPolyOpener {
    fn layout(&self) -> Layout {
        LAYOUT
    }

    fn length(&self, sequence: u32, head: &[u8]) -> Result<u32, CryptoError> {
        let field = head.first_chunk().ok_or(CryptoError::Unauthentic)?;
        Ok(u32::from_be_bytes(self.0.decrypt_packet_length(sequence, *field)))
    }

    fn open(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        let (body, tag) = LAYOUT.split_received(packet)?;
        let tag: &[u8; TAG_LEN] = (&*tag).try_into().map_err(|_| CryptoError::Unauthentic)?;
        let length = self.length(sequence, body)?;
        self.0.open_in_place(sequence, body, tag).map_err(|_| CryptoError::Unauthentic)?;
        // The backend leaves the length, which has a key of its own, sealed.
        if let Some(field) = body.first_chunk_mut() {
            *field = length.to_be_bytes();
        }
        check_length_field(body)
    }
}
