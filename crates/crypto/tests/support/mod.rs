//! Helpers of the tests.
#![allow(dead_code, missing_docs, unreachable_pub)]

/// The bytes that a test vector spells; spaces and line ends do not count.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}
