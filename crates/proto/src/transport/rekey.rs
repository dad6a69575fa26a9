//! When keys are exchanged anew (RFC 4253 section 9, RFC 4344 section 3): the one place that decides.

use crate::config::RekeyLimits;

/// What has passed in one direction since the last NEWKEYS: packets, bytes.
pub(crate) type Passed = (u32, u64);

pub(crate) fn is_due(limits: &RekeyLimits, sent: Passed, received: Passed) -> bool {
    [sent, received].iter().any(|(packets, bytes)| *packets >= limits.packets || *bytes >= limits.bytes)
}
