//! Flow control (RFC 4254 section 5.2): what the peer may send to us, and what we may send to it.

use std::time::{Duration, Instant};

use crate::config::Limits;

/// The most data in one packet of ours. Larger ones gain nothing in the cipher and leave the cache.
const MAX_CHUNK: u32 = 32 * 1024;

/// What all receive windows of a connection share.
#[derive(Debug)]
pub(super) struct Budget {
    /// What a channel starts with.
    start: u64,
    /// What a channel has even if there is no room.
    floor: u64,
    /// What a channel may grow to.
    max: u64,
    /// What all windows may add up to before they stop growing.
    limit: u64,
    used: u64,
    round_trip: Option<Duration>,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        let start = u64::from(limits.window);
        Self {
            start,
            floor: u64::from(limits.data).min(start),
            max: u64::from(limits.max_window.max(limits.window)),
            limit: limits.connection_window,
            used: 0,
            round_trip: None,
        }
    }

    pub(super) fn note_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = Some(round_trip.max(Duration::from_micros(1)));
    }

    /// The window of a new channel. Half the budget is left to windows that are read and grow.
    fn open(&mut self) -> u64 {
        let room = (self.limit / 2).saturating_sub(self.used);
        let size = if self.used == 0 { self.start } else { self.start.min(room).max(self.floor) };
        self.used += size;
        size
    }

    /// Up to `wanted` more for a window that is read.
    fn take(&mut self, wanted: u64) -> u64 {
        let taken = wanted.min(self.limit.saturating_sub(self.used));
        self.used += taken;
        taken
    }

    fn release(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
    }

    #[cfg(test)]
    pub(super) fn used(&self) -> u64 {
        self.used
    }
}

/// What the peer may send: `size` is what it may still send, plus what was received and is unread, plus what was
/// read and is owed to it.
#[derive(Debug)]
pub(super) struct ReceiveWindow {
    size: u64,
    left: u64,
    owed: u64,
    /// Since when, and how much was read since.
    sample: Option<(Instant, u64)>,
}

impl ReceiveWindow {
    pub(super) fn open(budget: &mut Budget) -> Self {
        let size = budget.open();
        Self { size, left: size, owed: 0, sample: None }
    }

    /// What to announce at first; windows fit, because limits are `u32`.
    pub(super) fn size(&self) -> u32 {
        u32::try_from(self.size).unwrap_or(u32::MAX)
    }

    /// Bytes came; false when the peer was not entitled to send them.
    #[must_use]
    pub(super) fn receive(&mut self, bytes: usize) -> bool {
        match self.left.checked_sub(bytes as u64) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    /// Bytes that came were thrown away unread.
    pub(super) fn drop_bytes(&mut self, bytes: usize) {
        self.owed += bytes as u64;
    }

    /// The application has read bytes: they are owed, and the window may grow.
    pub(super) fn read(&mut self, bytes: usize, now: Instant, budget: &mut Budget) {
        let bytes = bytes as u64;
        self.owed += bytes;
        if self.size < budget.start {
            // It started small for want of room; it is read, so it is worth its size.
            self.grow(budget.start.min(self.size + 2 * bytes), budget);
        }
        let Some(round_trip) = budget.round_trip else { return };
        let (since, read) = self.sample.get_or_insert((now, 0));
        *read += bytes;
        let elapsed = now.saturating_duration_since(*since);
        if elapsed < round_trip {
            return;
        }
        // The bytes of one round trip, three times: one window is under way while the next is granted, and because
        // credit comes in halves, a window that holds the peer up passes no more than half of itself for certain:
        // twice that would never grow.
        let scaled = u128::from(*read) * 3 * round_trip.as_nanos() / elapsed.as_nanos().max(1);
        self.sample = Some((now, 0));
        self.grow(u64::try_from(scaled).unwrap_or(u64::MAX), budget);
    }

    fn grow(&mut self, target: u64, budget: &mut Budget) {
        let target = target.min(budget.max);
        let growth = budget.take(target.saturating_sub(self.size));
        self.size += growth;
        self.owed += growth;
    }

    /// Whether credit is worth a message: half the window is owed; or `starved`, what is left is less than what is
    /// owed and whoever read last would have to wait for more (the rest lies unread in the other stream).
    pub(super) fn is_due(&self, starved: bool) -> bool {
        self.owed > 0 && (self.owed * 2 >= self.size || (starved && self.owed >= self.left))
    }

    /// All that is owed, to be granted to the peer now.
    pub(super) fn grant(&mut self) -> u32 {
        let granted = self.owed.min(u64::from(u32::MAX));
        self.owed -= granted;
        self.left += granted;
        u32::try_from(granted).unwrap_or(u32::MAX)
    }

    /// Nothing more will come: only what is unread stays charged to the budget.
    pub(super) fn retire(&mut self, unread: usize, budget: &mut Budget) {
        let unread = (unread as u64).min(self.size);
        budget.release(self.size - unread);
        *self = Self { size: unread, left: 0, owed: 0, sample: None };
    }

    #[cfg(test)]
    pub(super) fn parts(&self) -> (u64, u64, u64) {
        (self.size, self.left, self.owed)
    }
}

/// What we may send.
#[derive(Debug, Clone, Copy)]
pub(super) struct SendWindow {
    left: u64,
    packet: u32,
}

impl SendWindow {
    /// `None` when no packet of ours could ever carry data.
    pub(super) fn new(window: u32, packet: u32) -> Option<Self> {
        (packet > 0).then_some(Self { left: u64::from(window), packet })
    }

    /// The peer grants more; false when the sum exceeds 2^32-1.
    #[must_use]
    pub(super) fn adjust(&mut self, bytes: u32) -> bool {
        self.left += u64::from(bytes);
        self.left <= u64::from(u32::MAX)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// How much of `length` bytes the next packet may carry; it is used up.
    pub(super) fn take(&mut self, length: usize) -> usize {
        let chunk = (length as u64).min(self.left).min(u64::from(self.packet.min(MAX_CHUNK)));
        self.left -= chunk;
        // At most MAX_CHUNK.
        chunk as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RTT: Duration = Duration::from_millis(100);

    fn budget() -> Budget {
        Budget::new(&Limits::default())
    }

    proptest! {
        #[test]
        fn every_byte_is_sent_read_or_owed(
            steps in prop::collection::vec((0_u8..4, 0_usize..1 << 20, 0_u64..200), 0..200),
            measured in any::<bool>(),
        ) {
            let mut budget = budget();
            if measured {
                budget.note_round_trip(RTT);
            }
            let mut window = ReceiveWindow::open(&mut budget);
            let mut now = Instant::now();
            let (mut sent, mut unread, mut read, mut granted) = (0_u64, 0_u64, 0_u64, u64::from(window.size()));
            let first = granted;
            for (what, bytes, milliseconds) in steps {
                now += Duration::from_millis(milliseconds);
                match what {
                    0 => {
                        let entitled = sent + bytes as u64 <= granted;
                        prop_assert_eq!(window.receive(bytes), entitled);
                        if entitled {
                            sent += bytes as u64;
                            unread += bytes as u64;
                        }
                    }
                    1 | 2 => {
                        let bytes = (bytes as u64).min(unread);
                        unread -= bytes;
                        read += bytes;
                        window.read(bytes as usize, now, &mut budget);
                    }
                    _ => {
                        if window.is_due(unread == 0) {
                            let credit = u64::from(window.grant());
                            prop_assert!(credit > 0);
                            granted += credit;
                        }
                    }
                }
                let (size, left, owed) = window.parts();
                prop_assert_eq!(left, granted - sent);
                prop_assert_eq!(left + unread + owed, size);
                prop_assert_eq!(granted + owed, first + read + (size - first), "credit is what was read, and growth");
                prop_assert!(size <= budget.max);
                prop_assert_eq!(size, budget.used());
            }
            window.retire(unread as usize, &mut budget);
            prop_assert_eq!(budget.used(), unread);
        }
    }

    /// A peer that sends all it may at once, over a link of 100 ms without a limit of its own.
    fn read_bursts(window: &mut ReceiveWindow, budget: &mut Budget, trips: u32) {
        let mut now = Instant::now();
        for _ in 0..trips {
            now += RTT;
            let (_, left, _) = window.parts();
            assert!(window.receive(left as usize));
            window.read(left as usize, now, budget);
            window.grant();
        }
    }

    #[test]
    fn a_window_doubles_each_round_trip_up_to_its_limit() {
        let mut budget = budget();
        budget.note_round_trip(RTT);
        let mut window = ReceiveWindow::open(&mut budget);
        assert_eq!(window.size(), 2 << 20);
        read_bursts(&mut window, &mut budget, 3);
        assert!(window.size() >= 8 << 20, "{}", window.size());
        read_bursts(&mut window, &mut budget, 20);
        assert_eq!(window.size(), 64 << 20);
    }

    #[test]
    fn without_a_measure_a_window_stays() {
        let mut budget = budget();
        let mut window = ReceiveWindow::open(&mut budget);
        read_bursts(&mut window, &mut budget, 20);
        assert_eq!(window.size(), 2 << 20);
    }

    #[test]
    fn a_slow_reader_does_not_grow() {
        let mut budget = budget();
        budget.note_round_trip(RTT);
        let mut window = ReceiveWindow::open(&mut budget);
        let mut now = Instant::now();
        for _ in 0..1000 {
            now += RTT;
            assert!(window.receive(100_000));
            window.read(100_000, now, &mut budget);
            if window.is_due(true) {
                window.grant();
            }
        }
        assert_eq!(window.size(), 2 << 20);
    }

    #[test]
    fn unread_channels_leave_room_for_one_that_is_read() {
        let mut budget = budget();
        budget.note_round_trip(RTT);
        let idle: Vec<_> = (0..100).map(|_| ReceiveWindow::open(&mut budget)).collect();
        assert!(idle.iter().all(|window| window.size() >= 128 * 1024));
        let mut window = ReceiveWindow::open(&mut budget);
        read_bursts(&mut window, &mut budget, 20);
        assert!(window.size() >= 32 << 20, "{}", window.size());
        assert!(budget.used() <= 128 << 20);
        window.retire(0, &mut budget);
        assert!(budget.used() <= 96 << 20, "the budget has it back");
    }

    #[test]
    fn credit_comes_in_few_steps() {
        let mut budget = budget();
        let mut window = ReceiveWindow::open(&mut budget);
        let mut grants = 0;
        let now = Instant::now();
        for _ in 0..4096 {
            assert!(window.receive(32 * 1024));
            window.read(32 * 1024, now, &mut budget);
            if window.is_due(true) {
                window.grant();
                grants += 1;
            }
        }
        assert_eq!(grants, 128, "128 MiB in steps of 1 MiB");
    }

    #[test]
    fn defect_076_an_adjustment_beyond_the_largest_window_is_seen() {
        let mut window = SendWindow::new(u32::MAX, 1).expect("a packet of one byte will do");
        assert!(window.adjust(0));
        assert!(!window.adjust(1));
        let mut window = SendWindow::new(0, 1).expect("a packet of one byte will do");
        assert!(window.adjust(u32::MAX));
        assert_eq!(window.take(1), 1);
        assert!(window.adjust(1));
        assert!(!window.adjust(u32::MAX));
    }

    #[test]
    fn defect_079_chunks_of_more_than_four_gibibytes_are_counted_right() {
        let mut window = SendWindow::new(u32::MAX, u32::MAX).expect("a large packet will do");
        assert_eq!(window.take((1 << 32) + 5), MAX_CHUNK as usize);
        assert_eq!(window.take(1 << 32), MAX_CHUNK as usize, "a length that is 0 in 32 bits");
        let mut small = SendWindow::new(10, 4).expect("a packet of four bytes will do");
        assert_eq!([small.take(9), small.take(5), small.take(5), small.take(5)], [4, 4, 2, 0]);
        assert!(small.is_empty());
    }

    #[test]
    fn defect_078_a_packet_of_nothing_is_no_window() {
        assert!(SendWindow::new(1000, 0).is_none());
    }
}
