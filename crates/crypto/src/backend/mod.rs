//! What stands behind the traits: one idea a file, each over the crate that does it best.

pub(crate) mod agreement;
pub(crate) mod chachapoly;
pub(crate) mod ciphers;
pub(crate) mod ctr;
pub(crate) mod dh;
pub(crate) mod ecdsa;
pub(crate) mod ed25519;
pub(crate) mod gcm;
pub(crate) mod hmac;
pub(crate) mod hybrid;
pub(crate) mod kem;
pub(crate) mod kex;
pub(crate) mod rsa;
pub(crate) mod signatures;

/// The bytes that a test vector spells; spaces and line ends do not count.
#[cfg(test)]
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}
