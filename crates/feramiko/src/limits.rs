//! Who is let in to negotiate: MaxStartups with its early drop, and a rate for each source. Pure: the time and
//! the dice are arguments.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// How many connections may be negotiating or logging in at once (OpenSSH's `MaxStartups start:rate:full` and
/// `PerSourceMaxStartups`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxStartups {
    /// Up to so many, all are taken. Default: 10.
    pub start: usize,
    /// From there on, so many of a hundred are turned away, and more the closer to `full`; but none from a source that
    /// has no other connection here. Default: 30.
    pub rate: u32,
    /// From so many on, all are turned away. Default: 100.
    pub full: usize,
    /// So many of one source, which is an IPv4 address or an IPv6 network of 64 bits. Default: 9, so that a
    /// single source that connects and says nothing keeps nobody else out.
    pub per_source: usize,
}

impl Default for MaxStartups {
    fn default() -> Self {
        Self { start: 10, rate: 30, full: 100, per_source: 9 }
    }
}

impl MaxStartups {
    /// No more than `most` at once, and none turned away before, wherever they come from.
    pub fn at_most(most: usize) -> Self {
        Self { start: most, rate: 100, full: most, per_source: most }
    }

    /// Of a hundred connections, so many are turned away when `busy` others are logging in.
    fn refused_of_100(&self, busy: usize) -> u32 {
        if busy >= self.full {
            return 100;
        }
        if busy < self.start {
            return 0;
        }
        let rate = u64::from(self.rate.min(100));
        let (above, span) = ((busy - self.start) as u64, (self.full - self.start) as u64);
        u32::try_from(rate + (100 - rate) * above / span).unwrap_or(100)
    }
}

/// How often one source may connect. A source is an IPv4 address or an IPv6 network of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceRate {
    /// So many connections at once.
    pub burst: u32,
    /// And one more after each such time.
    pub interval: Duration,
}

impl Default for SourceRate {
    /// 20 at once, then two a second: no person notices, and a flood of key exchanges costs little
    /// (CVE-2002-20001).
    fn default() -> Self {
        Self { burst: 20, interval: Duration::from_millis(500) }
    }
}

/// The most sources that are remembered one by one.
const MAX_SOURCES: usize = 16_384;

/// Why a connection is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnedAway {
    /// Too many in all.
    Startups,
    /// Too many of its source: at once, or in a short time.
    Source,
}

#[derive(Debug)]
pub(crate) struct Admission {
    startups: MaxStartups,
    rate: Option<SourceRate>,
    busy: usize,
    /// The same, source by source.
    busy_of: HashMap<IpAddr, usize>,
    sources: HashMap<IpAddr, Bucket>,
    /// When the sources are looked through again for those that recovered; not at each connection of a flood.
    sweep_at: Option<Instant>,
}

/// The bucket is full again at this time; each connection puts it off by the interval.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    full_at: Instant,
}

impl Admission {
    pub(crate) fn new(startups: MaxStartups, rate: Option<SourceRate>) -> Self {
        Self { startups, rate, busy: 0, busy_of: HashMap::new(), sources: HashMap::new(), sweep_at: None }
    }

    /// Lets a connection in, or not. `dice` is a random number from 0 to 99. One that is let in is counted
    /// until [`logged_in`](Self::logged_in), which is told the same source.
    pub(crate) fn admit(
        &mut self,
        source: Option<IpAddr>,
        dice: u32,
        now: Instant,
    ) -> Result<(), TurnedAway> {
        let source = source.map(network);
        let already = source.and_then(|source| self.busy_of.get(&source)).copied().unwrap_or_default();
        let stranger = source.is_some() && already == 0;
        let refused = if stranger && self.busy < self.startups.full {
            0
        } else {
            self.startups.refused_of_100(self.busy)
        };
        if dice < refused {
            return Err(TurnedAway::Startups);
        }
        if source.is_some() && already >= self.startups.per_source {
            return Err(TurnedAway::Source);
        }
        if let (Some(rate), Some(source)) = (self.rate, source)
            && !self.take(source, rate, now)
        {
            return Err(TurnedAway::Source);
        }
        self.busy += 1;
        if let Some(source) = source {
            *self.busy_of.entry(source).or_default() += 1;
        }
        Ok(())
    }

    /// A connection has logged in or has gone: it is no startup any more.
    pub(crate) fn logged_in(&mut self, source: Option<IpAddr>) {
        self.busy = self.busy.saturating_sub(1);
        let Some(source) = source.map(network) else { return };
        if let Some(busy) = self.busy_of.get_mut(&source) {
            *busy = busy.saturating_sub(1);
            if *busy == 0 {
                self.busy_of.remove(&source);
            }
        }
    }

    fn take(&mut self, source: IpAddr, rate: SourceRate, now: Instant) -> bool {
        if self.sources.len() >= MAX_SOURCES && self.sweep_at.is_none_or(|due| due <= now) {
            // A full bucket needs no memory.
            self.sources.retain(|_, bucket| bucket.full_at > now);
            self.sweep_at = Some(now + Duration::from_secs(1));
        }
        let crowded = self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&source);
        // When too many sources come at once, those without a place share one.
        let place = if crowded { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { source };
        let bucket = self.sources.entry(place).or_insert(Bucket { full_at: now });
        let from = bucket.full_at.max(now);
        let debt = from.saturating_duration_since(now);
        if debt + rate.interval > rate.interval.saturating_mul(rate.burst.max(1)) {
            return false;
        }
        bucket.full_at = from + rate.interval;
        true
    }
}

fn network(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V4(_) => source,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => IpAddr::V4(address),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn startups_are_dropped_early_and_then_all() {
        let limit = MaxStartups::default();
        let refused: Vec<u32> = [0, 9, 10, 55, 99, 100, 1000].map(|busy| limit.refused_of_100(busy)).to_vec();
        assert_eq!(refused, [0, 0, 30, 65, 99, 100, 100]);
        assert_eq!(MaxStartups::at_most(1).refused_of_100(0), 0);
        assert_eq!(MaxStartups::at_most(1).refused_of_100(1), 100);
        assert_eq!(MaxStartups::at_most(0).refused_of_100(0), 100);
    }

    #[test]
    fn a_login_makes_room_for_the_next() {
        let mut admission = Admission::new(MaxStartups::at_most(2), None);
        let now = Instant::now();
        let admit = |admission: &mut Admission| admission.admit(source(1), 99, now);
        assert_eq!(admit(&mut admission), Ok(()));
        assert_eq!(admit(&mut admission), Ok(()));
        assert_eq!(admit(&mut admission), Err(TurnedAway::Startups));
        admission.logged_in(source(1));
        assert_eq!(admit(&mut admission), Ok(()));
    }

    #[test]
    fn the_dice_decide_between_start_and_full() {
        let mut admission =
            Admission::new(MaxStartups { start: 0, rate: 50, full: 10, per_source: 10 }, None);
        let now = Instant::now();
        assert_eq!(admission.admit(None, 49, now), Err(TurnedAway::Startups));
        assert_eq!(admission.admit(None, 50, now), Ok(()));
    }

    #[test]
    fn defect_055_one_source_has_only_so_many_places_and_gets_them_back() {
        let mut admission = Admission::new(MaxStartups::default(), None);
        let now = Instant::now();
        let admit = |admission: &mut Admission, last| admission.admit(source(last), 0, now);
        for _ in 0..9 {
            assert_eq!(admit(&mut admission, 1), Ok(()));
        }
        assert_eq!(admit(&mut admission, 1), Err(TurnedAway::Source));
        for last in 2..12 {
            assert_eq!(admit(&mut admission, last), Ok(()), "even when the dice fall worst");
        }
        assert_eq!(admit(&mut admission, 2), Err(TurnedAway::Startups), "which now count for a second one");
        for last in 2..12 {
            admission.logged_in(source(last));
        }
        admission.logged_in(source(1));
        assert_eq!(admit(&mut admission, 1), Ok(()));
        for _ in 0..9 {
            admission.logged_in(source(1));
        }
        assert!(admission.busy_of.is_empty() && admission.busy == 0);
    }

    #[test]
    fn defect_070_one_source_is_slowed_down_and_the_others_are_not() {
        let rate = SourceRate { burst: 3, interval: Duration::from_secs(1) };
        let mut admission = Admission::new(MaxStartups::at_most(1000), Some(rate));
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(admission.admit(source(1), 0, start), Ok(()));
        }
        assert_eq!(admission.admit(source(1), 0, start), Err(TurnedAway::Source));
        assert_eq!(admission.admit(source(2), 0, start), Ok(()));
        let later = start + Duration::from_secs(1);
        assert_eq!(admission.admit(source(1), 0, later), Ok(()));
        assert_eq!(admission.admit(source(1), 0, later), Err(TurnedAway::Source));
        let much_later = start + Duration::from_secs(1000);
        let admitted = (0..10).filter(|_| admission.admit(source(1), 0, much_later).is_ok()).count();
        assert_eq!(admitted, 3, "an idle time saves up no more than the burst");
    }

    #[test]
    fn a_network_of_64_bits_is_one_source_and_a_mapped_address_is_ipv4() {
        let net = |text: &str| network(text.parse().unwrap());
        assert_eq!(net("2001:db8:1:2:3::4"), net("2001:db8:1:2:ffff::"));
        assert_ne!(net("2001:db8:1:2::"), net("2001:db8:1:3::"));
        assert_eq!(net("::ffff:192.0.2.1"), net("192.0.2.1"));
    }

    #[test]
    fn memory_for_sources_is_bounded_and_strangers_are_still_served() {
        let rate = SourceRate { burst: 2, interval: Duration::from_secs(60) };
        let mut admission = Admission::new(MaxStartups::at_most(usize::MAX), Some(rate));
        let start = Instant::now();
        for number in 0..40_000_u32 {
            let _ = admission.admit(Some(IpAddr::from(number.to_be_bytes())), 0, start);
        }
        assert!(admission.sources.len() <= MAX_SOURCES + 1);
        let later = start + Duration::from_secs(3600);
        assert_eq!(admission.admit(Some(IpAddr::from([10, 9, 9, 9])), 0, later), Ok(()));
        assert_eq!(admission.sources.len(), 1, "those that recovered are forgotten");
    }
}
