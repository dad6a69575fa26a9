//! Helpers of the tests.
#![allow(dead_code, missing_docs, unreachable_pub)]

use feramiko_crypto::signing::SignatureScheme;
use feramiko_crypto::{Provider, RsaParts, Secret};

/// The bytes that a test vector spells; spaces and line ends do not count.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

/// The signature scheme of this name.
pub fn scheme(name: &str) -> &'static dyn SignatureScheme {
    Provider::default().signature(name).unwrap()
}

/// An RSA key with the exponent 65537, its numbers spelled.
pub fn rsa_parts([n, d, p, q, iqmp]: [&str; 5]) -> RsaParts {
    let secret = |digits: &str| Secret::new(hex(digits));
    RsaParts { n: hex(n), e: vec![1, 0, 1], d: secret(d), p: secret(p), q: secret(q), iqmp: secret(iqmp) }
}
