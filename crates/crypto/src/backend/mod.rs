//! What stands behind the traits: one idea a file, each over the crate that does it best.

pub(crate) mod agreement;
pub(crate) mod blocks;
pub(crate) mod cbc;
pub(crate) mod chachapoly;
pub(crate) mod ciphers;
pub(crate) mod ctr;
pub(crate) mod dh;
pub(crate) mod dsa;
pub(crate) mod ecdsa;
pub(crate) mod ed25519;
pub(crate) mod gcm;
pub(crate) mod hmac;
pub(crate) mod hmac_md5;
pub(crate) mod hybrid;
pub(crate) mod kem;
pub(crate) mod kex;
pub(crate) mod macs;
pub(crate) mod mldsa;
pub(crate) mod number;
pub(crate) mod rsa;
pub(crate) mod rsa_private;
pub(crate) mod separate;
pub(crate) mod signatures;
pub(crate) mod sk;
pub(crate) mod umac;

/// Bytes after which a cipher with blocks of so many bytes needs new keys: 1 GiB with small ones, whose blocks would begin to
/// repeat (RFC 4344 section 3.2).
fn small_block_volume(block_len: usize) -> Option<u64> {
    (block_len < 16).then_some(1 << 30)
}

/// The bytes that a test vector spells; spaces and line ends do not count.
#[cfg(test)]
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}
