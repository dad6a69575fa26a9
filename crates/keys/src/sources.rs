//! Lists of places that a client may come from: `from=` of sshd(8), `source-address` of PROTOCOL.certkeys.

use std::net::IpAddr;

use crate::{KeyError, pattern};

const PLACE: &str = "list of sources";

/// Places that a client may come from. The default is an empty list, which no client is in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceList(Vec<Item>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    negated: bool,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Network {
        address: IpAddr,
        bits: u32,
    },
    /// Of a host's name, or of an address as text.
    Pattern(Vec<u8>),
}

impl SourceList {
    /// A list as `from=` has it: addresses, networks (`10.0.0.0/8`), patterns of addresses and of host names with
    /// `*` and `?`, each with `!` in front to exclude it, separated by commas.
    ///
    /// # Errors
    /// An empty list or element; a network with bits behind its mask; what looks like an address and is none.
    pub fn patterns(list: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let items = list.as_ref().split(|byte| *byte == b',').map(|item| {
            let (negated, item) = match item {
                [b'!', item @ ..] => (true, item),
                item => (false, item),
            };
            Ok(Item { negated, place: Place::parse(item)? })
        });
        items.collect::<Result<_, _>>().map(Self)
    }

    /// A list as certificates have it: addresses and networks only, separated by commas.
    ///
    /// # Errors
    /// An empty list or element; what is no address and no network.
    pub fn networks(list: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let items = list.as_ref().split(|byte| *byte == b',').map(|item| match Place::parse(item)? {
            Place::Pattern(_) => Err(KeyError::damaged(PLACE, "neither an address nor a network")),
            place => Ok(Item { negated: false, place }),
        });
        items.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a client at this address is meant, whose host has this name, where it is known. An IPv4 address in IPv6's
    /// clothes is an IPv4 address.
    pub fn matches(&self, address: IpAddr, host: Option<&str>) -> bool {
        let address = address.to_canonical();
        let text = address.to_string();
        let host = host.map(str::to_ascii_lowercase);
        let mut found = false;
        for item in &self.0 {
            let hit = match &item.place {
                Place::Network { address: network, bits } => is_in(address, *network, *bits),
                Place::Pattern(wanted) => {
                    pattern::matches(wanted, text.as_bytes())
                        || host.as_ref().is_some_and(|host| pattern::matches(wanted, host.as_bytes()))
                }
            };
            match (hit, item.negated) {
                // It wins wherever it stands.
                (true, true) => return false,
                (hit, _) => found |= hit,
            }
        }
        found
    }
}

impl Place {
    fn parse(item: &[u8]) -> Result<Self, KeyError> {
        let text = std::str::from_utf8(item).unwrap_or_default();
        if let Some((address, bits)) = text.split_once('/') {
            let bad = || KeyError::damaged(PLACE, "not a network with its number of bits");
            let address: IpAddr = address.parse().map_err(|_| bad())?;
            let digits =
                !bits.is_empty() && bits.len() <= 3 && bits.bytes().all(|byte| byte.is_ascii_digit());
            let bits = bits.parse().ok().filter(|_| digits).ok_or_else(bad)?;
            if bits > width(address) || number(address).1 & !mask(bits) != 0 {
                return Err(KeyError::damaged(PLACE, "an address with bits behind the mask of its network"));
            }
            return Ok(Self::Network { address, bits });
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network { address, bits: width(address) });
        }
        if item.is_empty() {
            return Err(KeyError::damaged(PLACE, "an empty element"));
        }
        let wild = item.contains(&b'*') || item.contains(&b'?');
        let numeric = item.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
        if !wild && (numeric || item.contains(&b':')) {
            // As a pattern it would match nothing, and excluded it would exclude nothing.
            return Err(KeyError::damaged(PLACE, "it looks like an address and is none"));
        }
        Ok(Self::Pattern(item.to_ascii_lowercase()))
    }
}

fn is_in(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let (family, address_bits) = number(address);
    let (network_family, network_bits) = number(network);
    family == network_family && address_bits & mask(bits) == network_bits
}

/// An address as a number, its first bit the highest.
fn number(address: IpAddr) -> (u8, u128) {
    match address {
        IpAddr::V4(address) => (4, u128::from(address.to_bits()) << 96),
        IpAddr::V6(address) => (6, address.to_bits()),
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn mask(bits: u32) -> u128 {
    !u128::MAX.checked_shr(bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(list: &str, address: &str, host: Option<&str>) -> bool {
        SourceList::patterns(list).unwrap().matches(address.parse().unwrap(), host)
    }

    #[test]
    fn addresses_networks_and_patterns() {
        for (list, address, expected) in [
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.4/30", "10.0.0.7", true),
            ("10.0.0.4/30", "10.0.0.8", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "1.2.3.4", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::1", "0:0:0:0:0:0:0:1", true),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("10.0.0.?", "10.0.0.1", true),
            ("10.0.0.?", "10.0.0.11", false),
            ("fe80:*", "fe80::1", true),
            ("*", "1.2.3.4", true),
            ("192.0.2.1,10.0.0.1", "10.0.0.1", true),
        ] {
            assert_eq!(matches(list, address, None), expected, "{list} {address}");
        }
    }

    #[test]
    fn names_count_when_they_are_known() {
        assert!(matches("*.Example.com", "10.0.0.1", Some("WWW.example.com")));
        assert!(!matches("*.example.com", "10.0.0.1", None));
        assert!(!matches("*,!*.evil.com", "10.0.0.1", Some("x.evil.com")));
        assert!(matches("*,!*.evil.com", "10.0.0.1", Some("x.good.com")));
    }

    #[test]
    fn defect_027_an_exclusion_wins_wherever_it_stands_and_alone_matches_nothing() {
        assert!(!matches("*,!10.0.0.0/8", "10.0.0.1", None));
        assert!(!matches("!10.0.0.0/8,*", "10.0.0.1", None));
        assert!(matches("!10.0.0.0/8,*", "11.0.0.1", None));
        assert!(!matches("!10.0.0.0/8", "11.0.0.1", None));
    }

    #[test]
    fn defect_027_a_list_that_is_empty_or_damaged_is_no_list() {
        let bad = [
            "",
            ",",
            "10.0.0.1,",
            "!",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.1",
            "1:2",
        ];
        for list in bad {
            assert!(SourceList::patterns(list).is_err(), "{list}");
            assert!(SourceList::networks(list).is_err(), "{list}");
        }
        for list in ["host", "*", "!10.0.0.1", "10.0.0.?"] {
            assert!(SourceList::networks(list).is_err(), "{list}");
        }
        assert!(SourceList::networks("10.0.0.0/8,::1").is_ok());
        assert!(!SourceList::default().matches("127.0.0.1".parse().unwrap(), Some("localhost")));
    }
}
