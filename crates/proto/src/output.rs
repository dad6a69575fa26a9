//! What a state machine is handed: where packets and events go, and the time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::event::{Event, GlobalId};
use crate::packet::{InboundKeys, Outbound};
use crate::timers::Timers;

/// Events nobody fetched beyond which no more input is wanted.
const MAX_EVENTS: usize = 1024;

/// Outgoing packets, events, the time, and what is to happen to the incoming side after this message.
pub(crate) struct Output {
    pub(crate) packets: Outbound,
    events: VecDeque<Event>,
    fetched: u64,
    now: Instant,
    pub(crate) timers: Timers,
    /// Keys for the packets after the one being handled.
    pub(crate) inbound_keys: Option<InboundKeys>,
    /// Authentication has succeeded: `zlib@openssh.com` begins, in both directions, and the
    /// unauthenticated limits end.
    pub(crate) authenticated: bool,
}

impl Output {
    pub(crate) fn new(packets: Outbound, now: Instant) -> Self {
        Self {
            packets,
            events: VecDeque::new(),
            fetched: 0,
            now,
            timers: Timers::default(),
            inbound_keys: None,
            authenticated: false,
        }
    }

    /// Queues a message that `fill` appends, number first. Held back by itself while a key exchange is under way;
    /// channel data must not be: ask [`Self::blocked`] first.
    pub(crate) fn send(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        self.packets.send(fill);
    }

    /// Whether channel data must wait: a key exchange is under way or enough is queued.
    pub(crate) fn blocked(&self) -> bool {
        self.packets.blocked()
    }

    /// Whether messages above 49 are being held back: what can be merged later (window credit) should be.
    pub(crate) fn holding(&self) -> bool {
        self.packets.exchanging()
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// So long from now; `None` is never, when that is beyond the end of time.
    pub(crate) fn after(&self, time: Duration) -> Option<Instant> {
        self.now.checked_add(time)
    }

    pub(crate) fn set_now(&mut self, now: Instant) {
        // A caller's clock that goes back does not move ours.
        self.now = self.now.max(now);
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        self.fetched += 1;
        Some(event)
    }

    /// Events told so far.
    pub(crate) fn told(&self) -> u64 {
        self.fetched + self.events.len() as u64
    }

    /// Events fetched so far.
    pub(crate) fn fetched(&self) -> u64 {
        self.fetched
    }

    /// The valve: replies owed and events not fetched, never our own data.
    pub(crate) fn wants_input(&self) -> bool {
        self.events.len() < MAX_EVENTS && !self.packets.owes_too_much()
    }

    /// Removes the event just told that answers `request`; whether there was one.
    pub(crate) fn take_global_answer(&mut self, request: GlobalId) -> bool {
        let told = matches!(
            self.events.back(),
            Some(Event::GlobalAnswered { request: answered, .. }) if *answered == request
        );
        if told {
            self.events.pop_back();
        }
        told
    }
}
