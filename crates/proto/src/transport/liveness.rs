//! Signs of life, and how long a round trip takes: `ping@openssh.com` or `keepalive@openssh.com`.

use std::time::{Duration, Instant};

/// Bytes received after which the round trip is measured anew: the windows follow it.
const MEASURE_BYTES: u64 = 1 << 20;
/// The least time between two such measurements.
const MEASURE_INTERVAL: Duration = Duration::from_millis(250);
/// When a probe that was not answered is not waited for any more.
const LOST: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Liveness {
    interval: Option<Duration>,
    max: u32,
    heard: Instant,
    /// The number of the probe that is measured, and when it was sent. Those behind it are not measured.
    probe: Option<(u64, Instant)>,
    sent: u64,
    /// Probes since the peer was heard last.
    unanswered: u32,
    round_trip: Option<Duration>,
    measured: Option<Instant>,
    bytes: u64,
}

/// What the keepalive timer asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Wait until then.
    At(Instant),
    /// Send a probe, and look again then.
    Probe(Instant),
    /// The peer is gone.
    Dead(u32),
}

impl Liveness {
    pub(crate) fn new(interval: Option<Duration>, max: u32, now: Instant) -> Self {
        Self {
            interval,
            max,
            heard: now,
            probe: None,
            sent: 0,
            unanswered: 0,
            round_trip: None,
            measured: None,
            bytes: 0,
        }
    }

    /// A packet came.
    pub(crate) fn heard(&mut self, bytes: usize, now: Instant) {
        self.heard = now;
        self.unanswered = 0;
        self.bytes += bytes as u64;
    }

    /// Whether the round trip is to be measured now.
    pub(crate) fn wants_measure(&self, now: Instant) -> bool {
        !self.is_measuring(now)
            && self.bytes >= MEASURE_BYTES
            && self.measured.is_none_or(|at| now.saturating_duration_since(at) >= MEASURE_INTERVAL)
    }

    fn is_measuring(&self, now: Instant) -> bool {
        self.probe.is_some_and(|(_, at)| now.saturating_duration_since(at) < LOST)
    }

    /// A probe is sent: its number, which its answer is to bring back.
    pub(crate) fn sent(&mut self, now: Instant) -> u64 {
        self.sent = self.sent.wrapping_add(1);
        if !self.is_measuring(now) {
            self.probe = Some((self.sent, now));
        }
        self.measured = Some(now);
        self.bytes = 0;
        self.sent
    }

    /// The probe of this number was answered; the least round trip so far, free of what queues added.
    pub(crate) fn answered(&mut self, number: u64, now: Instant) -> Option<Duration> {
        let (_, sent) = self.probe.take_if(|(measured, _)| *measured == number)?;
        let sample = now.saturating_duration_since(sent);
        let least = self.round_trip.map_or(sample, |known| known.min(sample));
        self.round_trip = Some(least);
        self.round_trip
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// When the keepalive timer is to fire first.
    pub(crate) fn start(&mut self, now: Instant) -> Option<Instant> {
        self.heard = now;
        now.checked_add(self.interval?)
    }

    /// The keepalive timer fired.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Due> {
        let interval = self.interval?;
        let at = self.heard.checked_add(interval)?;
        Some(if self.unanswered == 0 && at > now {
            Due::At(at)
        } else if self.unanswered >= self.max {
            Due::Dead(self.unanswered)
        } else {
            self.unanswered += 1;
            Due::Probe(now.checked_add(interval)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_silent_peer_is_asked_and_then_given_up() {
        let start = Instant::now();
        let mut liveness = Liveness::new(Some(SECOND), 2, start);
        assert_eq!(liveness.due(start + SECOND), Some(Due::Probe(start + 2 * SECOND)));
        assert_eq!(liveness.due(start + 2 * SECOND), Some(Due::Probe(start + 3 * SECOND)));
        assert_eq!(liveness.due(start + 3 * SECOND), Some(Due::Dead(2)));
    }

    #[test]
    fn any_packet_is_a_sign_of_life() {
        let start = Instant::now();
        let mut liveness = Liveness::new(Some(SECOND), 1, start);
        assert_eq!(liveness.due(start + SECOND), Some(Due::Probe(start + 2 * SECOND)));
        liveness.heard(1, start + SECOND * 3 / 2);
        assert_eq!(liveness.due(start + 2 * SECOND), Some(Due::At(start + SECOND * 5 / 2)));
    }

    #[test]
    fn a_late_answer_is_measured_from_its_own_probe() {
        let start = Instant::now();
        let mut liveness = Liveness::new(Some(SECOND), 9, start);
        let (first, second) = (liveness.sent(start), liveness.sent(start + SECOND));
        assert_eq!(liveness.answered(first, start + SECOND * 3 / 2), Some(SECOND * 3 / 2));
        assert_eq!(liveness.answered(second, start + SECOND * 3 / 2), None);
        let third = liveness.sent(start + 2 * SECOND);
        assert_eq!(liveness.answered(third, start + 3 * SECOND), Some(SECOND));
    }

    #[test]
    fn a_peer_that_ignores_a_probe_is_measured_again_later() {
        let start = Instant::now();
        let mut liveness = Liveness::new(None, 1, start);
        liveness.heard(1 << 20, start);
        assert!(liveness.wants_measure(start));
        let ignored = liveness.sent(start);
        liveness.heard(1 << 20, start + SECOND);
        assert!(!liveness.wants_measure(start + SECOND), "one at a time");
        let later = start + 30 * SECOND;
        assert!(liveness.wants_measure(later));
        let second = liveness.sent(later);
        // What comes at last is the answer to the first, and not a round trip of the second.
        assert_eq!(liveness.answered(ignored, later + SECOND / 100), None);
        assert_eq!(liveness.answered(second, later + SECOND), Some(SECOND));
    }

    #[test]
    fn the_least_round_trip_counts() {
        let start = Instant::now();
        let mut liveness = Liveness::new(None, 1, start);
        for (took, least) in [(2, 2), (1, 1), (3, 1)] {
            let probe = liveness.sent(start);
            assert_eq!(liveness.answered(probe, start + took * SECOND), Some(least * SECOND));
            assert_eq!(liveness.answered(probe, start + took * SECOND), None, "an answer without a probe");
        }
    }
}
