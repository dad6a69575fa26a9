//! The connection's few deadlines.

use std::time::Instant;

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The peer's version line must be here.
    Identification = 0,
    /// Authentication must be done.
    Login = 1,
    /// Keys are to be exchanged anew.
    RekeyDue = 2,
    /// The exchange under way must be done.
    RekeyDeadline = 3,
    /// The peer has been silent long enough to be asked.
    Keepalive = 4,
    /// A refusal that was kept back is due.
    Refusal = 5,
}

const ALL: [Timer; 6] = [
    Timer::Identification,
    Timer::Login,
    Timer::RekeyDue,
    Timer::RekeyDeadline,
    Timer::Keepalive,
    Timer::Refusal,
];

#[derive(Debug, Default)]
pub(crate) struct Timers([Option<Instant>; ALL.len()]);

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Option<Instant>) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = at;
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// A timer that is due, disarmed.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        ALL.into_iter().find(|timer| {
            self.0.get_mut(*timer as usize).is_some_and(|slot| slot.take_if(|at| *at <= now).is_some())
        })
    }

    pub(crate) fn clear(&mut self) {
        self.0 = Default::default();
    }
}
