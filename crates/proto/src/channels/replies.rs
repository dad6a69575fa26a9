//! Answers in the order of the questions (RFC 4254 sections 4 and 5.4: replies carry no number).

use std::collections::VecDeque;

use crate::output::Output;

/// Replies owed to the peer, refusals included, beyond which it has broken the peace.
const MAX_OWED: usize = 4096;

/// Requests of the peer that want a reply, each with its answer once there is one.
#[derive(Debug)]
pub(super) struct Replies<T> {
    /// The serial of the first in the queue.
    first: u64,
    queue: VecDeque<Option<T>>,
    unanswered: usize,
}

impl<T> Default for Replies<T> {
    fn default() -> Self {
        Self { first: 0, queue: VecDeque::new(), unanswered: 0 }
    }
}

impl<T> Replies<T> {
    /// Requests that nobody has answered.
    pub(super) fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// A request whose answer is still to come; its serial. `None` when there are too many.
    pub(super) fn ask(&mut self) -> Option<u64> {
        let serial = self.push(None)?;
        self.unanswered += 1;
        Some(serial)
    }

    /// A request that is answered already, but not before those that came earlier. `None` when there are too many.
    pub(super) fn answered(&mut self, answer: T) -> Option<()> {
        self.push(Some(answer)).map(drop)
    }

    fn push(&mut self, answer: Option<T>) -> Option<u64> {
        if self.queue.len() >= MAX_OWED {
            return None;
        }
        self.queue.push_back(answer);
        Some(self.first + self.queue.len() as u64 - 1)
    }

    /// The answer to an earlier request. A second answer is dropped.
    pub(super) fn settle(&mut self, serial: u64, answer: T) {
        let place = serial.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        if let Some(slot @ None) = place.and_then(|place| self.queue.get_mut(place)) {
            *slot = Some(answer);
            self.unanswered -= 1;
        }
    }

    /// The next answer to be sent.
    pub(super) fn next(&mut self) -> Option<T> {
        let answer = self.queue.front_mut()?.take()?;
        self.queue.pop_front();
        self.first += 1;
        Some(answer)
    }

    /// Nobody will be told any more. Late answers are dropped.
    pub(super) fn clear(&mut self) {
        self.first += self.queue.len() as u64;
        self.queue = VecDeque::new();
        self.unanswered = 0;
    }
}

/// Counts events that want no answer, so that a peer cannot fill the queue with them.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    unfetched: usize,
    /// The place of the last one in the order of all events.
    last: u64,
}

impl Quiet {
    /// Whether another event may be told; if so, it is told next.
    pub(super) fn admit(&mut self, limit: usize, out: &Output) -> bool {
        if out.fetched() > self.last {
            self.unfetched = 0;
        }
        if self.unfetched >= limit {
            return false;
        }
        self.unfetched += 1;
        self.last = out.told();
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn replies_keep_the_order_of_the_requests(
            requests in prop::collection::vec(prop::option::of(any::<u8>()), 0..50),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..80),
        ) {
            let mut replies = Replies::default();
            let mut waiting = Vec::new();
            let mut sent = Vec::new();
            let mut expected = Vec::new();
            for (number, request) in requests.iter().enumerate() {
                match request {
                    Some(answer) => replies.answered(u64::from(*answer)).expect("there is room"),
                    None => waiting.push((number, replies.ask().expect("there is room"))),
                }
                expected.push(request.map_or(1000 + number as u64, u64::from));
                sent.extend(std::iter::from_fn(|| replies.next()));
            }
            for index in order {
                if waiting.is_empty() {
                    break;
                }
                prop_assert_eq!(replies.unanswered(), waiting.len());
                let (number, serial) = waiting.swap_remove(index.index(waiting.len()));
                replies.settle(serial, 1000 + number as u64);
                replies.settle(serial, 5);
                sent.extend(std::iter::from_fn(|| replies.next()));
            }
            prop_assert_eq!(&*sent, &expected[..sent.len()]);
            let first_waiting = waiting.iter().map(|(number, _)| *number).min();
            prop_assert_eq!(sent.len(), first_waiting.unwrap_or(requests.len()), "nothing answered is held back");
        }
    }

    #[test]
    fn what_is_owed_is_bounded() {
        let mut replies = Replies::default();
        assert!(replies.ask().is_some());
        let refused = (0..).take_while(|_| replies.answered(false).is_some()).count();
        assert_eq!(refused, MAX_OWED - 1);
    }

    #[test]
    fn answers_after_the_end_are_dropped() {
        let mut replies = Replies::default();
        let serial = replies.ask().expect("there is room");
        replies.clear();
        replies.settle(serial, true);
        assert_eq!((replies.next(), replies.unanswered()), (None, 0));
    }
}
