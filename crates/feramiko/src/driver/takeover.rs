//! Who reads the link: the worker, or a thread that waits for data anyway and so saves two hops.
//!
//! The right to read is a token, [`Reading`]. The worker leaves it behind the lock when it lies down. A thread that is about to
//! wait takes it, if nobody else waits for anything that may come, and reads until its answer is there. The worker sees
//! that and sleeps without an eye on the socket; timers, jobs and what the socket would not take remain its own. When the
//! thread has put the token back, the worker lingers for a moment before it reads again itself: the thread will be back.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::link::{Link, Wanted};
use super::reading::Reading;
use crate::pollable::Signal;
use crate::shared::{Next, Shared};
use crate::state::State;
use crate::waiters::Topic;

/// How long the worker waits for a thread to come back.
const LINGER: Duration = Duration::from_millis(2);

/// How the worker stands to those who read in its place.
#[derive(Default)]
pub(crate) struct Stance {
    /// The takeovers it knows of.
    seen: u64,
    /// It lingers until then.
    until: Option<Instant>,
}

impl Stance {
    /// Whether the worker leaves the reading to others for now, and until when at most.
    fn stand_back(&mut self, state: &State, now: Instant) -> (bool, Option<Instant>) {
        let flow = &state.flow;
        if flow.takes != self.seen {
            self.seen = flow.takes;
            self.until = Some(now + LINGER);
        }
        let free = flow.reading.is_some();
        self.until = self.until.filter(|until| now < *until && !(free && state.has_interest()));
        (!free || self.until.is_some(), self.until)
    }
}

impl Shared {
    /// The worker is about to sleep, and leaves the token behind. From here on whoever changes what matters wakes it.
    pub(crate) fn sleep_worker(
        &self,
        alarm: &Waker,
        reading: &mut Option<Box<Reading>>,
        stance: &mut Stance,
    ) -> Next {
        self.with(|state, now| {
            if reading.is_some() {
                state.flow.reading = reading.take();
            }
            let stalled = state.flow.reading.as_ref().is_some_and(|reading| reading.received.stalled);
            let mut next = state.next(alarm, false, stalled, now);
            if let Next::Sleep(plan) = &mut next {
                let (back, until) = stance.stand_back(state, now);
                plan.read &= !back;
                plan.lingers = until.is_some();
                plan.deadline = [plan.deadline, until].into_iter().flatten().min();
                state.flow.asleep = Some(*plan);
            }
            next
        })
    }

    /// The token, unless somebody else has it.
    pub(crate) fn take_reading(&self) -> Option<Box<Reading>> {
        self.with(|state, _| {
            // It is awake: nobody, and least of all itself, has to wake it.
            state.flow.asleep = None;
            state.flow.reading.take()
        })
    }

    /// Reads in the worker's place until `check` answers (`Ok(Some)`), until `deadline` (`Ok(None)`), or until the reading is
    /// better left to the worker (`Err`). The caller is registered under `key`.
    pub(crate) fn read_instead<T>(
        &self,
        topic: Topic,
        key: &mut Option<u64>,
        deadline: Option<Instant>,
        check: &mut impl FnMut(&mut State, Instant) -> Option<T>,
    ) -> Result<Option<T>, ()> {
        let (mut pump, link) = match self.take_over(topic, key, check) {
            Taken::Answer(answer) => return Ok(Some(answer)),
            Taken::Nothing => return Err(()),
            Taken::Token(pump, link) => (pump, link),
        };
        let waker = Waker::from(Arc::clone(&pump.alarm));
        loop {
            let wanted = Wanted { read: true, write: false };
            let woken = link.wait(wanted, &pump.alarm, deadline);
            let late = deadline.is_some_and(|deadline| deadline <= Instant::now());
            let Some(reading) = pump.reading.as_mut() else { return Err(()) };
            let read = match woken {
                Ok(ready) if ready.read => reading.read(&*link),
                Ok(_) => Ok(None),
                Err(error) => Err(error),
            };
            let step = self.with(|state, now| {
                // Nobody has to be woken who is awake.
                if let Some(key) = key.take() {
                    state.deregister(topic, key);
                }
                state.take_read(reading, read, now);
                state.sort_events(now);
                let answer = check(state, now);
                let over = state.cause.is_some() || state.flow.broken.is_some();
                if answer.is_some() || late || over || !reading.received.wants_more {
                    return Some(answer);
                }
                state.register(topic, key, &waker);
                None
            });
            if reading.received.setting_up {
                link.acknowledge();
            }
            match step {
                None => {}
                Some(None) if !late => return Err(()),
                Some(answer) => return Ok(answer),
            }
        }
    }

    /// Takes the token, if it is there to be taken, and nobody else would wait longer for it.
    fn take_over<T>(
        &self,
        topic: Topic,
        key: &mut Option<u64>,
        check: &mut impl FnMut(&mut State, Instant) -> Option<T>,
    ) -> Taken<'_, T> {
        self.with(|state, now| {
            if let Some(key) = key.take() {
                state.deregister(topic, key);
            }
            if let Some(answer) = check(state, now) {
                return Taken::Answer(answer);
            }
            state.take_token().map_or(Taken::Nothing, |(reading, alarm, link)| {
                state.register(topic, key, &Waker::from(Arc::clone(&alarm)));
                Taken::Token(Pump { shared: self, reading: Some(reading), alarm }, link)
            })
        })
    }
}

impl State {
    fn take_token(&mut self) -> Option<Token> {
        let link = self.flow.link.as_ref().filter(|link| link.may_be_shared()).cloned()?;
        let reading = self.flow.reading.as_ref()?;
        let ready = reading.received.wants_more && self.cause.is_none() && self.flow.broken.is_none();
        if !ready || self.has_interest() || !self.connection.wants_input() {
            return None;
        }
        let alarm = match &self.flow.reader_alarm {
            Some(alarm) => Arc::clone(alarm),
            None => Arc::clone(self.flow.reader_alarm.insert(Arc::new(Signal::new().ok()?))),
        };
        self.flow.takes += 1;
        Some((self.flow.reading.take()?, alarm, link))
    }
}

/// The token, what interrupts whoever holds it, and what it is good for.
type Token = (Box<Reading>, Arc<Signal>, Arc<dyn Link>);

/// What came of an attempt to take the token.
enum Taken<'a, T> {
    /// It was not needed.
    Answer(T),
    Nothing,
    Token(Pump<'a>, Arc<dyn Link>),
}

/// Holds the token; puts it back however it ends.
struct Pump<'a> {
    shared: &'a Shared,
    reading: Option<Box<Reading>>,
    alarm: Arc<Signal>,
}

impl Drop for Pump<'_> {
    fn drop(&mut self) {
        let reading = self.reading.take();
        self.shared.with(|state, _| {
            state.flow.reading = reading;
            state.flow.takes += 1;
        });
    }
}
