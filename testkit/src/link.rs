//! One direction of a link: bytes go out at a rate, arrive after a delay, and wait in buffers as a socket's would.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Bytes that travel together.
const SEGMENT: usize = 64 * 1024;

/// What a link is like.
#[derive(Debug, Clone, Copy)]
pub struct LinkModel {
    /// Bytes a second; `None` for no limit.
    pub rate: Option<u64>,
    /// From one end to the other.
    pub delay: Duration,
    /// Bytes that the sending socket holds.
    pub send_buffer: usize,
    /// Bytes that wait at the receiving socket until it is read; beyond them nothing more is sent.
    pub receive_buffer: usize,
}

impl Default for LinkModel {
    /// No delay, no limit of rate, sockets of 256 KiB.
    fn default() -> Self {
        Self { rate: None, delay: Duration::ZERO, send_buffer: 256 * 1024, receive_buffer: 256 * 1024 }
    }
}

struct Segment {
    sent: Instant,
    arrives: Instant,
    bytes: Vec<u8>,
}

/// One direction.
pub struct Link {
    model: LinkModel,
    busy_until: Option<Instant>,
    /// In order; the first `arrived` of them have arrived, the first `left` have left the sending socket.
    segments: VecDeque<Segment>,
    arrived: usize,
    left: usize,
    arrived_bytes: usize,
    unsent_bytes: usize,
    /// Bytes of the first segment that were taken.
    taken: usize,
    carried: u64,
}

impl Link {
    /// An empty link.
    pub fn new(model: LinkModel) -> Self {
        Self {
            model,
            busy_until: None,
            segments: VecDeque::new(),
            arrived: 0,
            left: 0,
            arrived_bytes: 0,
            unsent_bytes: 0,
            taken: 0,
            carried: 0,
        }
    }

    /// What it is like from now on.
    pub fn set_model(&mut self, model: LinkModel) {
        self.model = model;
    }

    /// Bytes it ever took.
    pub fn carried(&self) -> u64 {
        self.carried
    }

    fn advance(&mut self, now: Instant) {
        while let Some(segment) = self.segments.get(self.left).filter(|segment| segment.sent <= now) {
            self.unsent_bytes -= segment.bytes.len();
            self.left += 1;
        }
        while let Some(segment) = self.segments.get(self.arrived).filter(|segment| segment.arrives <= now) {
            self.arrived_bytes += segment.bytes.len();
            self.arrived += 1;
        }
    }

    /// Bytes that the sender's socket would take now.
    pub fn room(&mut self, now: Instant) -> usize {
        self.advance(now);
        if self.arrived_bytes >= self.model.receive_buffer {
            return 0;
        }
        self.model.send_buffer.saturating_sub(self.unsent_bytes)
    }

    /// Sends as much as there is room for; answers how much that was.
    pub fn send(&mut self, bytes: &[u8], now: Instant) -> usize {
        let bytes = &bytes[..bytes.len().min(self.room(now))];
        for part in bytes.chunks(SEGMENT) {
            let time = match self.model.rate {
                Some(rate) => Duration::from_nanos(part.len() as u64 * 1_000_000_000 / rate),
                None => Duration::ZERO,
            };
            let sent = self.busy_until.map_or(now, |until| until.max(now)) + time;
            self.busy_until = Some(sent);
            self.segments.push_back(Segment { sent, arrives: sent + self.model.delay, bytes: part.to_vec() });
        }
        self.unsent_bytes += bytes.len();
        self.carried += bytes.len() as u64;
        self.advance(now);
        bytes.len()
    }

    /// Appends at most `limit` bytes of what has arrived; answers how many that were.
    pub fn take(&mut self, limit: usize, into: &mut Vec<u8>, now: Instant) -> usize {
        self.advance(now);
        let mut count = 0;
        while count < limit && self.arrived > 0 {
            let front = &self.segments[0];
            let rest = &front.bytes[self.taken..];
            let part = &rest[..rest.len().min(limit - count)];
            into.extend_from_slice(part);
            count += part.len();
            self.taken += part.len();
            self.arrived_bytes -= part.len();
            if self.taken == front.bytes.len() {
                self.segments.pop_front();
                self.taken = 0;
                self.arrived -= 1;
                self.left -= 1;
            }
        }
        count
    }

    /// When something arrives or leaves the sending socket next.
    pub fn next_wake(&mut self, now: Instant) -> Option<Instant> {
        self.advance(now);
        let arrival = self.segments.get(self.arrived).map(|segment| segment.arrives);
        let sent = self.segments.get(self.left).map(|segment| segment.sent);
        arrival.into_iter().chain(sent).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_their_time() {
        let start = Instant::now();
        let model = LinkModel {
            rate: Some(1000),
            delay: Duration::from_millis(100),
            send_buffer: 500,
            receive_buffer: 400,
        };
        let mut link = Link::new(model);
        assert_eq!(link.send(&[7; 600], start), 500, "as much as the socket holds");
        assert_eq!(link.send(&[7], start), 0);
        let mut taken = Vec::new();
        let arrival = start + Duration::from_millis(600);
        assert_eq!(link.next_wake(start), Some(start + Duration::from_millis(500)));
        assert_eq!(link.take(1000, &mut taken, arrival - Duration::from_millis(1)), 0);
        assert_eq!(link.room(arrival), 0, "the receiver does not read");
        assert_eq!(link.take(150, &mut taken, arrival), 150);
        assert_eq!(link.room(arrival), 500);
        assert_eq!(link.take(1000, &mut taken, arrival), 350);
        assert_eq!((taken.len(), link.carried()), (500, 500));
        assert_eq!(link.next_wake(arrival), None);
    }
}
