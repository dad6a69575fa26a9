//! One connection, many users: the lock, and how to wait for something behind it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use feramiko_proto::{ConnectionError, DisconnectReason};

use crate::driver::buffer::{Input, Unsent};
use crate::driver::job::Job;
use crate::driver::link::Link;
use crate::driver::reading::{Reading, Received};
use crate::pending::Parking;
use crate::state::{Plan, State};
use crate::waiters::Topic;

/// A connection that drivers and handles share.
///
/// Every look behind the lock goes through [`with`](Self::with): events are sorted before the lock is released, wakers
/// woken and dropped after it, and output sent by whoever made it.
pub(crate) struct Shared {
    state: Mutex<State>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    pub(crate) fn new(state: State) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(state), worker: Mutex::new(None) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something behind the lock.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut State, Instant) -> R) -> R {
        let now = Instant::now();
        let mut state = self.lock();
        let result = work(&mut state, now);
        if self.release(state, now) {
            self.flush();
        }
        result
    }

    /// Sorts events, gives the lock back, wakes whom it concerns. Says whether there is something to send that nobody sends.
    fn release(&self, mut state: MutexGuard<'_, State>, now: Instant) -> bool {
        state.sort_events(now);
        let flow = &state.flow;
        let waiting = !flow.unsent.is_empty() || state.connection.has_output();
        let flush = waiting && flow.link.is_some() && !flow.flushing && !flow.blocked;
        let alarm = state.alarm();
        let woken = std::mem::take(&mut state.woken);
        drop(state);
        woken.wake();
        if let Some(alarm) = alarm {
            alarm.wake();
        }
        flush
    }

    /// Sends what there is to send, without blocking, unless somebody else is at it already. What the link does not take
    /// is left to the driver. This is done by whoever made the output: no thread is woken for it.
    pub(crate) fn flush(&self) {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let flow = &mut state.flow;
            let Some(link) = flow.link.clone().filter(|_| !flow.flushing && !flow.blocked) else { break };
            let mut unsent = std::mem::take(&mut flow.unsent);
            if unsent.is_empty() {
                state.take_output(&mut unsent);
            }
            if unsent.is_empty() {
                state.flow.unsent = unsent;
                break;
            }
            state.flow.flushing = true;
            // Room was made: writers may go on while this is being sent.
            self.release(state, now);
            let result = send(&*link, &mut unsent);
            state = self.lock();
            state.flow.flushing = false;
            state.flow.unsent = unsent;
            match result {
                Ok(all) => state.flow.blocked = !all,
                Err(error) => state.broken(&error),
            }
        }
        self.release(state, Instant::now());
    }

    /// What the driver has to do now: timers that are due are handled; the jobs are its own.
    pub(crate) fn take_jobs(&self) -> Vec<Job> {
        self.with(|state, now| {
            state.flow.asleep = None;
            state.handle_timeout(now);
            std::mem::take(&mut state.flow.jobs)
        })
    }

    /// The driver is about to sleep, and `alarm` would wake it: what it is to wait for. From here on whoever changes what
    /// matters wakes it. `writing`: it holds output that its link does not take. `stalled`: it holds input that the core
    /// would not take.
    #[cfg(feature = "tokio")]
    pub(crate) fn sleep(&self, alarm: &Waker, writing: bool, stalled: bool) -> Next {
        self.with(|state, now| state.next(alarm, writing, stalled, now))
    }

    /// The same after the connection's end: `None` when nothing is left to be sent.
    pub(crate) fn sleep_ending(&self, alarm: &Waker) -> Option<Plan> {
        self.with(|state, _| state.has_unsent().then(|| state.lie_down(alarm, false, true)))
    }

    /// The link takes more.
    pub(crate) fn unblock(&self) {
        self.with(|state, _| state.flow.blocked = state.flow.broken.is_some());
    }

    /// Hands over what was read.
    pub(crate) fn receive(&self, input: &mut Input) -> Received {
        self.with(|state, now| state.receive(input, now))
    }

    /// Nothing happens: buffers that have grown are given back.
    pub(crate) fn shrink(&self) {
        self.with(|state, _| {
            if !state.flow.flushing && !state.has_unsent() {
                // The buffer that the core holds comes out for a new one; were there something in it, it would be sent.
                let mut unsent = Unsent::default();
                state.take_output(&mut unsent);
                unsent.shrink();
                state.flow.unsent = unsent;
            }
            if let Some(reading) = &mut state.flow.reading {
                reading.input.shrink();
            }
        });
    }

    pub(crate) fn set_worker(&self, worker: JoinHandle<()>) {
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = Some(worker);
    }

    /// Waits for the worker thread to be gone; it is about to go.
    pub(crate) fn join(&self) {
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(worker) = worker.filter(|worker| worker.thread().id() != std::thread::current().id()) {
            // A panic of the worker has been reported to every handle already.
            let _ = worker.join();
        }
    }

    /// The driver is gone: nothing moves any more. A connection that has not ended before ends now.
    pub(crate) fn driver_gone(&self, error: ConnectionError) {
        self.with(|state, now| {
            if state.cause.is_none() {
                state.connection.fail(error, now);
                state.sort_events(now);
            }
            state.flow.done = true;
            state.flow.link = None;
            state.flow.alarm = None;
            state.flow.asleep = None;
            let jobs = std::mem::take(&mut state.flow.jobs);
            state.wake(Topic::End);
            jobs
        });
    }

    /// Waits, as a future, until `check` answers; asked anew whenever something of `topic` has happened.
    pub(crate) fn until<T, F>(self: &Arc<Self>, topic: Topic, check: F) -> Until<F>
    where
        F: FnMut(&mut State, Instant) -> Option<T> + Unpin,
    {
        Until { shared: Arc::clone(self), topic, key: None, check }
    }

    /// Waits, as a thread, until `check` answers, at most for `limit`.
    pub(crate) fn block<T>(
        &self,
        topic: Topic,
        limit: Option<Duration>,
        mut check: impl FnMut(&mut State, Instant) -> Option<T>,
    ) -> Option<T> {
        if let Some(value) = self.with(&mut check) {
            return Some(value);
        }
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let parking = Parking::current();
        let mut key = None;
        loop {
            // Rather than wait for the worker to read and to wake this thread, read.
            if let Ok(answer) = self.read_instead(topic, &mut key, deadline, &mut check) {
                return answer;
            }
            match self.poll(topic, &mut key, parking.waker(), &mut check) {
                Poll::Ready(value) => return Some(value),
                Poll::Pending if parking.park(deadline) => {}
                Poll::Pending => {
                    self.leave(topic, &mut key);
                    return None;
                }
            }
        }
    }

    /// One look, leaving `waker` behind if the answer is not there.
    pub(crate) fn poll<T>(
        &self,
        topic: Topic,
        key: &mut Option<u64>,
        waker: &Waker,
        mut check: impl FnMut(&mut State, Instant) -> Option<T>,
    ) -> Poll<T> {
        self.with(|state, now| {
            let answer = check(state, now);
            // What the check caused may be its answer: sort first, then look again before going to sleep.
            let answer = answer.or_else(|| {
                state.sort_events(now);
                check(state, now)
            });
            match answer {
                Some(value) => {
                    if let Some(key) = key.take() {
                        state.deregister(topic, key);
                    }
                    Poll::Ready(value)
                }
                None => {
                    state.register(topic, key, waker);
                    Poll::Pending
                }
            }
        })
    }

    /// Nobody waits under this key any more.
    pub(crate) fn leave(&self, topic: Topic, key: &mut Option<u64>) {
        if let Some(key) = key.take() {
            self.with(|state, _| state.deregister(topic, key));
        }
    }
}

/// What a driver does next.
pub(crate) enum Next {
    /// It sleeps.
    Sleep(Plan),
    /// There is something to do.
    Work,
    /// Sending failed: it reads what is still there, and then gives up with this.
    Broken(ConnectionError),
    /// The connection has ended.
    End,
}

impl State {
    /// See [`Shared::sleep`].
    pub(crate) fn next(&mut self, alarm: &Waker, writing: bool, stalled: bool, now: Instant) -> Next {
        self.sort_events(now);
        if self.cause.is_some() {
            return Next::End;
        }
        if let Some(error) = self.flow.broken.clone() {
            return Next::Broken(error);
        }
        let read = self.connection.wants_input();
        let unsent = self.flow.link.is_none() && self.connection.has_output() && !writing;
        if !self.flow.jobs.is_empty() || unsent || (stalled && read) {
            return Next::Work;
        }
        Next::Sleep(self.lie_down(alarm, writing, false))
    }

    /// See [`Shared::receive`].
    pub(crate) fn receive(&mut self, input: &mut Input, now: Instant) -> Received {
        let consumed = self.connection.receive(input.bytes(), now);
        input.consume(consumed);
        self.flow.traffic.received += consumed as u64;
        let wants_more = self.connection.wants_input();
        Received { wants_more, stalled: !wants_more && !input.is_empty(), setting_up: self.setting_up }
    }

    /// Takes what `reading` brought, which is what [`Reading::read`] answered.
    pub(crate) fn take_read(&mut self, reading: &mut Reading, read: io::Result<Option<usize>>, now: Instant) {
        match read {
            Ok(None) => {}
            Ok(Some(0)) => self.connection.receive_eof(now),
            Ok(Some(count)) => {
                reading.again = reading.input.filled(count);
                reading.received = self.receive(&mut reading.input, now);
            }
            Err(error) => self.connection.fail(link_failed(&error), now),
        }
    }

    /// Fetches what is to be sent.
    pub(crate) fn take_output(&mut self, unsent: &mut Unsent) {
        self.connection.take_output(unsent.refill());
        self.flow.traffic.sent += unsent.rest().len() as u64;
    }

    fn lie_down(&mut self, alarm: &Waker, writing: bool, ending: bool) -> Plan {
        let plan = Plan {
            deadline: self.due(),
            read: self.connection.wants_input(),
            write: self.flow.blocked || writing,
            ending,
            lingers: false,
            bulky: self.flow.unsent.is_large()
                || self.flow.reading.as_ref().is_some_and(|reading| reading.input.is_large()),
        };
        if !self.flow.alarm.as_ref().is_some_and(|kept| kept.will_wake(alarm)) {
            let old = self.flow.alarm.replace(alarm.clone());
            self.woken.retire(old);
        }
        self.flow.asleep = Some(plan);
        plan
    }

    /// Whether something is left to be sent over a link that takes it, or will.
    pub(crate) fn has_unsent(&self) -> bool {
        let flow = &self.flow;
        let waiting = flow.flushing || !flow.unsent.is_empty() || self.connection.has_output();
        waiting && flow.broken.is_none()
    }

    /// The link takes nothing any more. What the peer said before is still to be read, so this is not the end yet.
    pub(crate) fn broken(&mut self, error: &io::Error) {
        self.flow.unsent = Unsent::default();
        self.flow.blocked = true;
        if let Some(reader) = &self.flow.reader_alarm {
            // It leaves the rest to the worker.
            reader.set();
        }
        if self.flow.broken.is_none() {
            self.flow.broken = Some(link_failed(error));
        }
    }
}

/// Sends what the link takes; says whether that was all.
fn send(link: &dyn Link, unsent: &mut Unsent) -> io::Result<bool> {
    while !unsent.is_empty() {
        match link.try_write(unsent.rest()) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => unsent.sent(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// A link's error, as the connection reports it.
pub(crate) fn link_failed(error: &io::Error) -> ConnectionError {
    ConnectionError::Io { kind: error.kind(), message: error.to_string() }
}

/// See [`Shared::until`].
pub(crate) struct Until<F> {
    shared: Arc<Shared>,
    topic: Topic,
    key: Option<u64>,
    check: F,
}

impl<T, F: FnMut(&mut State, Instant) -> Option<T> + Unpin> Future for Until<F> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        this.shared.poll(this.topic, &mut this.key, cx.waker(), &mut this.check)
    }
}

impl<F> Drop for Until<F> {
    fn drop(&mut self) {
        self.shared.leave(self.topic, &mut self.key);
    }
}

/// Undoes something when an operation is abandoned or over.
pub(crate) struct Undo<F: FnOnce(&mut State, Instant)> {
    shared: Arc<Shared>,
    work: Option<F>,
}

impl<F: FnOnce(&mut State, Instant)> Undo<F> {
    pub(crate) fn new(shared: &Arc<Shared>, work: F) -> Self {
        Self { shared: Arc::clone(shared), work: Some(work) }
    }

    /// There is nothing to undo any more.
    pub(crate) fn disarm(mut self) {
        self.work = None;
    }
}

impl<F: FnOnce(&mut State, Instant)> Drop for Undo<F> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.shared.with(work);
        }
    }
}

/// What every handle holds: when the last one is dropped, the connection is closed.
pub(crate) struct Handle(pub(crate) Arc<Shared>, Hold);

/// Whether a handle keeps the connection open.
#[derive(PartialEq, Eq)]
enum Hold {
    Open,
    Borrowed,
}

impl Handle {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self(Arc::clone(shared), Hold::Open)
    }

    /// One that does not keep the connection open.
    pub(crate) fn borrowed(shared: &Arc<Shared>) -> Self {
        Self(Arc::clone(shared), Hold::Borrowed)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.1 == Hold::Open {
            self.0.with(|state, now| state.disconnect(DisconnectReason::ByApplication, "", now));
        }
    }
}
