//! What packets are sealed with: the algorithms of SSH as two libraries bring them.

use aws_lc_rs::cipher::{AES_128, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::{aead as aws, hmac};
use feramiko_bench::Failure;
use ring::aead as ring;

/// Bytes behind a packet, whatever seals it.
pub(crate) const TAG: usize = 32;
/// The tag of the AEADs.
const AEAD_TAG: usize = 16;

/// Every seal there is.
pub(crate) const NAMES: [&str; 6] = [
    "none",
    "aes256-gcm/ring",
    "aes256-gcm/aws-lc",
    "chacha20/aws-lc",
    "chacha20/ring",
    "aes128-ctr+hmac/aws-lc",
];

/// One direction of a connection.
pub(crate) struct Seal {
    keys: Keys,
    sequence: u32,
}

#[expect(clippy::large_enum_variant, reason = "there is one of them")]
enum Keys {
    None,
    GcmRing(ring::LessSafeKey),
    GcmAws(aws::LessSafeKey),
    ChachaRing(ring::chacha20_poly1305_openssh::SealingKey, ring::chacha20_poly1305_openssh::OpeningKey),
    ChachaAws(aws::chacha20_poly1305_openssh::SealingKey, aws::chacha20_poly1305_openssh::OpeningKey),
    CtrAws(EncryptingKey, hmac::Key),
}

impl Seal {
    pub(crate) fn new(name: &str) -> Result<Self, Failure> {
        let (key, long) = ([1; 32], [2; 64]);
        let keys = match name {
            "none" => Keys::None,
            "aes256-gcm/ring" => {
                let key = ring::UnboundKey::new(&ring::AES_256_GCM, &key).map_err(|_| "ring: key")?;
                Keys::GcmRing(ring::LessSafeKey::new(key))
            }
            "aes256-gcm/aws-lc" => {
                let key = aws::UnboundKey::new(&aws::AES_256_GCM, &key).map_err(|_| "aws-lc: key")?;
                Keys::GcmAws(aws::LessSafeKey::new(key))
            }
            "chacha20/ring" => Keys::ChachaRing(
                ring::chacha20_poly1305_openssh::SealingKey::new(&long),
                ring::chacha20_poly1305_openssh::OpeningKey::new(&long),
            ),
            "chacha20/aws-lc" => Keys::ChachaAws(
                aws::chacha20_poly1305_openssh::SealingKey::new(&long),
                aws::chacha20_poly1305_openssh::OpeningKey::new(&long),
            ),
            "aes128-ctr+hmac/aws-lc" => {
                let key = UnboundCipherKey::new(&AES_128, &key[..16]).map_err(|_| "aws-lc: key")?;
                let key = EncryptingKey::ctr(key).map_err(|_| "aws-lc: key")?;
                Keys::CtrAws(key, hmac::Key::new(hmac::HMAC_SHA256, &[3; 32]))
            }
            _ => return Err(format!("no seal {name:?}; there are {}", NAMES.join(", ")).into()),
        };
        Ok(Self { keys, sequence: 0 })
    }

    /// Seals a packet in place: 4 bytes of length, the body, room for a tag.
    pub(crate) fn seal(&mut self, packet: &mut [u8]) -> Result<(), Failure> {
        let sequence = self.next();
        let body = packet.len() - TAG;
        let (nonce, failed) = (nonce(sequence), |_| "sealing failed");
        match &self.keys {
            Keys::None => {}
            Keys::GcmRing(key) => {
                let (length, rest) = packet.split_at_mut(4);
                let tag = key
                    .seal_in_place_separate_tag(
                        ring::Nonce::assume_unique_for_key(nonce),
                        ring::Aad::from(&*length),
                        &mut rest[..body - 4],
                    )
                    .map_err(|_| "sealing failed")?;
                packet[body..body + AEAD_TAG].copy_from_slice(tag.as_ref());
            }
            Keys::GcmAws(key) => {
                let (length, rest) = packet.split_at_mut(4);
                let tag = key
                    .seal_in_place_separate_tag(
                        aws::Nonce::assume_unique_for_key(nonce),
                        aws::Aad::from(&*length),
                        &mut rest[..body - 4],
                    )
                    .map_err(failed)?;
                packet[body..body + AEAD_TAG].copy_from_slice(tag.as_ref());
            }
            Keys::ChachaRing(key, _) => {
                let mut tag = [0; AEAD_TAG];
                key.seal_in_place(sequence, &mut packet[..body], &mut tag);
                packet[body..body + AEAD_TAG].copy_from_slice(&tag);
            }
            Keys::ChachaAws(key, _) => {
                let mut tag = [0; AEAD_TAG];
                key.seal_in_place(sequence, &mut packet[..body], &mut tag);
                packet[body..body + AEAD_TAG].copy_from_slice(&tag);
            }
            Keys::CtrAws(key, mac) => {
                let context = EncryptionContext::Iv128(counter(sequence).into());
                let _: DecryptionContext =
                    key.less_safe_encrypt(&mut packet[4..body], context).map_err(failed)?;
                let tag = sign(mac, sequence, &packet[..body]);
                packet[body..].copy_from_slice(tag.as_ref());
            }
        }
        Ok(())
    }

    /// Undoes [`seal`](Self::seal), and checks.
    pub(crate) fn open(&mut self, packet: &mut [u8]) -> Result<(), Failure> {
        let sequence = self.next();
        let body = packet.len() - TAG;
        let nonce = nonce(sequence);
        match &self.keys {
            Keys::None => {}
            Keys::GcmRing(key) => {
                let (length, rest) = packet.split_at_mut(4);
                let sealed = &mut rest[..body - 4 + AEAD_TAG];
                let nonce = ring::Nonce::assume_unique_for_key(nonce);
                key.open_in_place(nonce, ring::Aad::from(&*length), sealed).map_err(|_| "opening failed")?;
            }
            Keys::GcmAws(key) => {
                let (length, rest) = packet.split_at_mut(4);
                let sealed = &mut rest[..body - 4 + AEAD_TAG];
                let nonce = aws::Nonce::assume_unique_for_key(nonce);
                key.open_in_place(nonce, aws::Aad::from(&*length), sealed).map_err(|_| "opening failed")?;
            }
            Keys::ChachaRing(_, key) => {
                let (sealed, tag) = packet.split_at_mut(body);
                let tag = tag.first_chunk().ok_or("no tag")?;
                key.open_in_place(sequence, sealed, tag).map_err(|_| "opening failed")?;
            }
            Keys::ChachaAws(_, key) => {
                let (sealed, tag) = packet.split_at_mut(body);
                let tag = tag.first_chunk().ok_or("no tag")?;
                key.open_in_place(sequence, sealed, tag).map_err(|_| "opening failed")?;
            }
            Keys::CtrAws(key, mac) => {
                let expected = sign(mac, sequence, &packet[..body]);
                if expected.as_ref() != &packet[body..] {
                    return Err("opening failed".into());
                }
                let context = EncryptionContext::Iv128(counter(sequence).into());
                key.less_safe_encrypt(&mut packet[4..body], context).map_err(|_| "opening failed")?;
            }
        }
        Ok(())
    }

    fn next(&mut self) -> u32 {
        let sequence = self.sequence;
        self.sequence += 1;
        sequence
    }
}

fn nonce(sequence: u32) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[8..].copy_from_slice(&sequence.to_be_bytes());
    nonce
}

/// A counter whose lower half no packet exhausts.
fn counter(sequence: u32) -> [u8; 16] {
    let mut counter = [0; 16];
    counter[4..8].copy_from_slice(&sequence.to_be_bytes());
    counter
}

fn sign(key: &hmac::Key, sequence: u32, packet: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(&sequence.to_be_bytes());
    context.update(packet);
    context.sign()
}
