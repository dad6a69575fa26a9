//! When keys are exchanged anew (RFC 4253 section 9, RFC 4344 section 3): the one place that decides.

use crate::config::RekeyLimits;

/// What has passed in one direction since the last NEWKEYS: packets, bytes.
pub(crate) type Passed = (u32, u64);

/// `max_bytes` is the limit that the ciphers set.
pub(crate) fn is_due(limits: &RekeyLimits, max_bytes: Option<u64>, sent: Passed, received: Passed) -> bool {
    let max_bytes = max_bytes.map_or(limits.bytes, |max| max.min(limits.bytes));
    [sent, received].iter().any(|(packets, bytes)| *packets >= limits.packets || *bytes >= max_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4344 section 3.2: no more than 1 GB with blocks of 64 bits.
    #[test]
    fn ciphers_with_small_blocks_get_new_keys_after_a_gibibyte() {
        let (limits, provider) = (RekeyLimits::default(), feramiko_crypto::Provider::default());
        let due = |cipher: &str, bytes| {
            is_due(&limits, provider.cipher(cipher).unwrap().max_bytes(), (1, 0), (1, bytes))
        };
        for cipher in ["3des-cbc", "blowfish-cbc", "blowfish-ctr"] {
            assert!(due(cipher, 1 << 30) && !due(cipher, (1 << 30) - 1), "{cipher}");
        }
        for cipher in ["aes128-cbc", "aes128-ctr", "aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"]
        {
            assert!(!due(cipher, 1 << 35), "{cipher}");
        }
    }
}
