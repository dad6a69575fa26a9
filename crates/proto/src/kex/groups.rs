//! Which group a server gives for a group exchange (RFC 4419 section 3).

use feramiko_crypto::kex::DhGroup;
use feramiko_crypto::rfc3526_group;
use feramiko_wire::Mpint;

use crate::msg::kex::GexRequest;

/// The smallest prime a client accepts, in bits (RFC 8270).
pub(crate) const MIN_BITS: u32 = 2048;
/// What a client asks for, in bits: about 128 bits of security.
pub(crate) const PREFERRED_BITS: u32 = 3072;
/// The largest prime a client accepts, in bits: beyond it an exchange costs too much.
pub(crate) const MAX_BITS: u32 = 8192;

/// The groups of RFC 3526 within those bounds.
const STANDARD_BITS: [u32; 5] = [2048, 3072, 4096, 6144, 8192];

pub(crate) fn bits(group: &DhGroup) -> u32 {
    u32::try_from(Mpint::from_magnitude(&group.p).bits()).unwrap_or(u32::MAX)
}

/// The smallest group of at least the preferred size, else the largest below it; `None` when the client's range
/// holds none.
pub(crate) fn choose(request: &GexRequest, configured: &[DhGroup]) -> Option<DhGroup> {
    let GexRequest { min, preferred, max } = *request;
    if min > max || preferred < min || preferred > max {
        return None;
    }
    let groups: Vec<&DhGroup> = if configured.is_empty() {
        STANDARD_BITS.iter().filter_map(|bits| rfc3526_group(*bits)).collect()
    } else {
        configured.iter().collect()
    };
    let allowed = |group: &&DhGroup| {
        let bits = bits(group);
        bits >= min.max(MIN_BITS) && bits <= max.min(MAX_BITS)
    };
    let fitting: Vec<&DhGroup> = groups.into_iter().filter(allowed).collect();
    let above = fitting.iter().filter(|group| bits(group) >= preferred).min_by_key(|group| bits(group));
    let below = || fitting.iter().max_by_key(|group| bits(group));
    above.or_else(below).map(|group| (*group).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(min: u32, preferred: u32, max: u32) -> Option<u32> {
        choose(&GexRequest { min, preferred, max }, &[]).as_ref().map(bits)
    }

    #[test]
    fn the_smallest_that_is_large_enough_else_the_largest() {
        assert_eq!(chosen(2048, 3072, 8192), Some(3072));
        assert_eq!(chosen(2048, 3000, 8192), Some(3072));
        assert_eq!(chosen(2048, 2500, 2600), Some(2048));
        assert_eq!(chosen(1024, 1024, 8192), Some(2048), "never below 2048 bits");
        assert_eq!(chosen(1024, 1024, 2000), None);
        assert_eq!(chosen(4096, 2048, 8192), None, "a range that contradicts itself");
    }
}
