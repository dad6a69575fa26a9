//! umac-64@openssh.com and umac-128@openssh.com: UMAC on AES-128 (RFC 4418), with the packet's sequence number as the nonce,
//! 8 bytes, and nothing but the packet as the message (as OpenSSH does).
//!
//! A polynomial hash under a secret key, hidden by a pad that is used once. Only what packets need is here: messages of up to 16 MiB.

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::CryptoError;
use crate::cipher::{KeyedMac, Mac};

/// Bytes of key.
const KEY: usize = 16;
/// Bytes of an AES block.
const BLOCK: usize = 16;
/// Bytes of message that the first layer makes 8 of.
const CHUNK: usize = 1024;
/// Bytes of message that the second layer takes with 64-bit numbers only.
const MAX_MESSAGE: usize = 16 << 20;
/// What the second layer calculates modulo: 2^64 - 59.
const P64: u64 = u64::MAX - 58;
/// What the third layer calculates modulo: 2^36 - 5.
const P36: u64 = (1 << 36) - 5;
/// The bits of the second layer's keys that are used.
const POLY_KEY_MASK: u64 = 0x01ff_ffff_01ff_ffff;
/// The bytes that the keys of one round of the third layer take, and those of its masks.
const L3_KEYS: usize = 64;
const L3_MASK: usize = 4;

#[derive(Debug)]
pub(crate) struct Umac {
    pub(crate) name: &'static str,
    /// 8 or 16.
    pub(crate) tag_len: usize,
    pub(crate) etm: bool,
}

impl Mac for Umac {
    fn name(&self) -> &'static str {
        self.name
    }

    fn key_len(&self) -> usize {
        KEY
    }

    fn tag_len(&self) -> usize {
        self.tag_len
    }

    fn is_etm(&self) -> bool {
        self.etm
    }

    fn keyed(&self, key: &[u8]) -> Result<Box<dyn KeyedMac>, CryptoError> {
        Ok(Box::new(Keyed::new(key, self.tag_len)?))
    }
}

/// The keys of all layers.
struct Keyed {
    pad: EncryptingKey,
    /// Of the first layer; each round begins 4 words later.
    words: Zeroizing<Vec<u32>>,
    /// Each gives 4 bytes of the tag.
    rounds: Zeroizing<Vec<Round>>,
    tag_len: usize,
}

/// The keys of the second and third layer.
#[derive(Clone, Copy, zeroize::Zeroize)]
struct Round {
    poly: u64,
    /// For the low half of the second layer's result; the high half is zero in messages of our length.
    inner: [u64; 4],
    mask: u32,
}

impl Keyed {
    fn new(key: &[u8], tag_len: usize) -> Result<Self, CryptoError> {
        let aes = aes(key)?;
        let rounds = tag_len / 4;
        let pad = self::aes(&derive(&aes, 0, KEY)?)?;
        let words = derive(&aes, 1, CHUNK + rounds.saturating_sub(1) * 16)?;
        let polys = derive(&aes, 2, rounds * 24)?;
        let inners = derive(&aes, 3, rounds * L3_KEYS)?;
        let masks = derive(&aes, 4, rounds * L3_MASK)?;
        let keys = polys.chunks(24).zip(inners.chunks(L3_KEYS)).zip(masks.as_chunks::<L3_MASK>().0);
        let rounds = keys.map(|((poly, inner), mask)| {
            let mut last = inner.as_chunks::<8>().0.iter().skip(4).map(|key| u64::from_be_bytes(*key) % P36);
            Round {
                poly: u64::from_be_bytes(*poly.first_chunk().unwrap_or(&[0; 8])) & POLY_KEY_MASK,
                inner: std::array::from_fn(|_| last.next().unwrap_or_default()),
                mask: u32::from_be_bytes(*mask),
            }
        });
        let rounds = Zeroizing::new(rounds.collect());
        let words = words.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word)).collect();
        Ok(Self { pad, words: Zeroizing::new(words), rounds, tag_len })
    }

    fn tag(&self, nonce: u64, message: &[u8]) -> Result<[u8; BLOCK], CryptoError> {
        if message.len() > MAX_MESSAGE {
            return Err(CryptoError::Unsupported);
        }
        let mut tag = self.pad(nonce)?;
        for (index, (round, part)) in self.rounds.iter().zip(tag.as_chunks_mut::<4>().0).enumerate() {
            let words = self.words.get(index * 4..).unwrap_or_default();
            let hash = round.finish(round.compress(words, message));
            part.iter_mut().zip(hash.to_be_bytes()).for_each(|(byte, mask)| *byte ^= mask);
        }
        Ok(tag)
    }

    /// What hides the hash. Two short tags share a block of AES (RFC 4418 section 3.3).
    fn pad(&self, nonce: u64) -> Result<[u8; BLOCK], CryptoError> {
        let halves = self.tag_len == BLOCK / 2;
        let mut block = [0; BLOCK];
        let shared = if halves { nonce & !1 } else { nonce };
        block.first_chunk_mut().into_iter().for_each(|front| *front = shared.to_be_bytes());
        encrypt(&self.pad, &mut block)?;
        if halves && nonce & 1 == 1 {
            block.rotate_left(BLOCK / 2);
        }
        Ok(block)
    }
}

impl Round {
    /// The first and the second layer (RFC 4418 sections 5.2 and 5.3).
    fn compress(&self, words: &[u32], message: &[u8]) -> u64 {
        let (full, last) = match message.len().checked_rem(CHUNK) {
            Some(0) => message.split_at(message.len().saturating_sub(CHUNK)),
            Some(rest) => message.split_at(message.len().saturating_sub(rest)),
            None => (message, &[][..]),
        };
        if full.is_empty() {
            return short_sum(words, last);
        }
        let mut y = 1;
        for chunk in full.as_chunks::<CHUNK>().0 {
            y = self.poly(y, sum(words, chunk).wrapping_add(CHUNK as u64 * 8));
        }
        self.poly(y, short_sum(words, last))
    }

    /// One step of the second layer.
    fn poly(&self, y: u64, m: u64) -> u64 {
        // Numbers that do not fit below the prime are told apart by a marker before them.
        if m >= u64::MAX << 32 {
            let y = mul_add(self.poly, y, P64 - 1);
            mul_add(self.poly, y, m.wrapping_sub(59))
        } else {
            mul_add(self.poly, y, m)
        }
    }

    /// The third layer (RFC 4418 section 5.4).
    fn finish(&self, y: u64) -> u32 {
        let parts = [y >> 48, y >> 32, y >> 16, y];
        let sum: u64 = parts.iter().zip(self.inner).map(|(part, key)| (part & 0xffff) * key).sum();
        // The tag takes the low 32 bits.
        (sum % P36) as u32 ^ self.mask
    }
}

/// `key * y + m` modulo 2^64 - 59.
fn mul_add(key: u64, y: u64, m: u64) -> u64 {
    let fold = |number: u128| (number >> 64) * 59 + u128::from(number as u64);
    let folded = fold(fold(u128::from(key) * u128::from(y) + u128::from(m)));
    let below = folded.checked_sub(u128::from(P64)).unwrap_or(folded);
    below as u64
}

/// NH (RFC 4418 section 5.2.2) of a multiple of 32 bytes.
fn sum(words: &[u32], text: &[u8]) -> u64 {
    let mut sum = 0_u64;
    for (keys, text) in words.as_chunks::<8>().0.iter().zip(text.as_chunks::<32>().0) {
        let mut added = [0_u32; 8];
        for ((added, key), word) in added.iter_mut().zip(keys).zip(text.as_chunks::<4>().0) {
            *added = u32::from_le_bytes(*word).wrapping_add(*key);
        }
        let [a, b, c, d, e, f, g, h] = added.map(u64::from);
        sum = sum
            .wrapping_add(a.wrapping_mul(e))
            .wrapping_add(b.wrapping_mul(f))
            .wrapping_add(c.wrapping_mul(g))
            .wrapping_add(d.wrapping_mul(h));
    }
    sum
}

/// NH of the last piece, zero-padded to a multiple of 32 bytes and at least so many, with its length in bits added.
fn short_sum(words: &[u32], text: &[u8]) -> u64 {
    let (front, rest) = text.split_at(text.len() - text.len() % 32);
    let mut total = sum(words, front).wrapping_add(text.len() as u64 * 8);
    if !rest.is_empty() || text.is_empty() {
        let mut padded = [0; 32];
        padded.iter_mut().zip(rest).for_each(|(byte, text)| *byte = *text);
        total = total.wrapping_add(sum(words.get(front.len() / 4..).unwrap_or_default(), &padded));
    }
    total
}

/// KDF (RFC 4418 section 3.2).
fn derive(key: &EncryptingKey, index: u64, len: usize) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(len.next_multiple_of(BLOCK)));
    for counter in 1..=len.div_ceil(BLOCK) as u64 {
        bytes.extend(index.to_be_bytes());
        bytes.extend(counter.to_be_bytes());
    }
    encrypt(key, &mut bytes)?;
    bytes.truncate(len);
    Ok(bytes)
}

fn aes(key: &[u8]) -> Result<EncryptingKey, CryptoError> {
    let key = UnboundCipherKey::new(&AES_128, key).map_err(|_| CryptoError::BadKey)?;
    EncryptingKey::ecb(key).map_err(|_| CryptoError::BadKey)
}

fn encrypt(key: &EncryptingKey, blocks: &mut [u8]) -> Result<(), CryptoError> {
    key.less_safe_encrypt(blocks, EncryptionContext::None).map(drop).map_err(|_| CryptoError::Backend)
}

impl KeyedMac for Keyed {
    fn sign(&self, sequence: u32, bytes: &[u8], tag: &mut [u8]) -> Result<(), CryptoError> {
        let computed = self.tag(sequence.into(), bytes)?;
        let computed = computed.get(..self.tag_len).ok_or(CryptoError::Unsupported)?;
        if tag.len() != computed.len() {
            return Err(CryptoError::Unsupported);
        }
        tag.copy_from_slice(computed);
        Ok(())
    }

    fn verify(&self, sequence: u32, bytes: &[u8], tag: &[u8]) -> Result<(), CryptoError> {
        let computed = self.tag(sequence.into(), bytes).map_err(|_| CryptoError::Unauthentic)?;
        let computed = computed.get(..self.tag_len).ok_or(CryptoError::Unauthentic)?;
        if computed.ct_eq(tag).into() { Ok(()) } else { Err(CryptoError::Unauthentic) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::hex;

    fn keyed(tag_len: usize) -> Keyed {
        Keyed::new(b"abcdefghijklmnop", tag_len).unwrap()
    }

    /// RFC 4418 appendix, with its errata; the last 4 bytes of the long tags are those of Nettle's tests.
    #[test]
    fn rfc4418_vectors() {
        let nonce = u64::from_be_bytes(*b"bcdefghi");
        let vectors = [
            (Vec::new(), "6E155FAD26900BE1", "32fedb100c79ad58f07ff7643cc60465"),
            (b"a".repeat(3), "44B5CB542F220104", "185e4fe905cba7bd85e4c2dc3d117d8d"),
            (b"a".repeat(1 << 10), "26BF2F5D60118BD9", "7a54abe04af82d60fb298c3cbd195bcb"),
            (b"a".repeat(1 << 15), "27F8EF643B0D118D", "7b136bd911e4b734286ef2be501f2c3c"),
            (b"a".repeat(1 << 20), "A4477E87E9F55853", "f8acfa3ac31cfeea047f7b115b03bef5"),
            (b"abc".to_vec(), "D4D7B9F6BD4FBFCF", "883c3d4b97a61976ffcf232308cba5a5"),
            (b"abc".repeat(500), "D4CF26DDEFD5C01A", "8824a260c53c66a36c9260a62cb83aa1"),
        ];
        for (message, short, long) in vectors {
            assert_eq!(keyed(8).tag(nonce, &message).unwrap()[..8], hex(short), "{} bytes", message.len());
            assert_eq!(keyed(16).tag(nonce, &message).unwrap()[..], hex(long), "{} bytes", message.len());
        }
    }

    /// Two neighbours share a block of the pad, and not its bytes.
    #[test]
    fn every_sequence_number_has_a_pad_of_its_own() {
        for tag_len in [8, 16] {
            let keyed = keyed(tag_len);
            let mut tags: Vec<_> = (0..256).map(|nonce| keyed.tag(nonce, b"").unwrap()).collect();
            tags.iter_mut().for_each(|tag| tag[tag_len..].fill(0));
            tags.sort_unstable();
            tags.dedup();
            assert_eq!(tags.len(), 256);
        }
    }

    /// `key * y + m` against the definition, at the ends of its ranges.
    #[test]
    fn multiplication_is_reduced_right() {
        let ends = [0, 1, 2, 58, 59, 60, P64 - 2, P64 - 1];
        for key in [0, 1, POLY_KEY_MASK - 1, POLY_KEY_MASK] {
            for y in ends {
                for m in [0, 1, P64 - 1, P64, u64::MAX] {
                    let expected = (u128::from(key) * u128::from(y) + u128::from(m)) % u128::from(P64);
                    assert_eq!(u128::from(mul_add(key, y, m)), expected, "{key} {y} {m}");
                }
            }
        }
    }

    #[test]
    fn messages_of_more_than_16_mib_are_refused() {
        let keyed = keyed(8);
        let message = vec![0; MAX_MESSAGE + 1];
        assert_eq!(keyed.sign(0, &message, &mut [0; 8]), Err(CryptoError::Unsupported));
        assert_eq!(keyed.verify(0, &message, &[0; 8]), Err(CryptoError::Unauthentic));
        assert!(keyed.sign(0, &message[1..], &mut [0; 8]).is_ok());
    }
}
