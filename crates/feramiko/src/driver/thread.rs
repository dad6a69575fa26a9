//! The worker thread: drives one connection over a [`Link`].

use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::thread;
use std::time::Instant;

use feramiko_proto::ConnectionError;

use super::link::{Link, Wanted};
use super::reading::Reading;
use super::takeover::Stance;
use super::work;
use super::{CLOSE_LINGER, FLUSH_LINGER, IDLE};
use crate::error::Error;
use crate::pollable::Signal;
use crate::shared::{Next, Shared, link_failed};
use crate::state::Plan;

/// Starts the worker of a connection.
pub(crate) fn start(shared: &Arc<Shared>, link: Arc<dyn Link>) -> io::Result<()> {
    let alarm = Arc::new(Signal::new()?);
    let waker = Waker::from(Arc::clone(&alarm));
    let worker = Worker {
        shared: Arc::clone(shared),
        link: Arc::clone(&link),
        alarm,
        waker,
        reading: Some(Reading::new()),
        stance: Stance::default(),
    };
    let thread = thread::Builder::new().name("feramiko".to_owned()).spawn(move || worker.run())?;
    shared.set_worker(thread);
    Ok(())
}

struct Worker {
    shared: Arc<Shared>,
    link: Arc<dyn Link>,
    alarm: Arc<Signal>,
    waker: Waker,
    /// While it reads.
    reading: Option<Box<Reading>>,
    stance: Stance,
}

impl Worker {
    fn run(mut self) {
        let _gone = Gone(Arc::clone(&self.shared));
        self.shared.with(|state, _| state.flow.link = Some(Arc::clone(&self.link)));
        loop {
            for job in self.shared.take_jobs() {
                work::start(job, &self.shared);
            }
            self.shared.flush();
            if self.reading.as_ref().is_some_and(|reading| reading.again && reading.received.wants_more) {
                self.read();
                continue;
            }
            match self.shared.sleep_worker(&self.waker, &mut self.reading, &mut self.stance) {
                Next::Sleep(plan) => self.sleep(plan),
                Next::Work => self.present_again(),
                Next::Broken(error) => self.last_words(error),
                Next::End => break,
            }
        }
        self.finish();
    }

    fn sleep(&mut self, plan: Plan) {
        let wanted = Wanted { read: plan.read, write: plan.write };
        let idle = plan.bulky.then(|| Instant::now() + IDLE);
        let deadline = [plan.deadline, idle].into_iter().flatten().min();
        match self.link.wait(wanted, &self.alarm, deadline) {
            Ok(ready) => {
                if ready.write {
                    self.shared.unblock();
                }
                if ready.read {
                    self.reading = self.shared.take_reading();
                    self.read();
                } else if idle.is_some_and(|idle| idle <= Instant::now()) {
                    self.shared.shrink();
                }
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Reads, unless a thread that waits has begun to.
    fn read(&mut self) {
        let Some(reading) = &mut self.reading else { return };
        let read = reading.read(&*self.link);
        self.shared.with(|state, now| state.take_read(reading, read, now));
        if reading.received.setting_up {
            self.link.acknowledge();
        }
    }

    /// What the core would not take, once it would.
    fn present_again(&mut self) {
        self.reading = self.shared.take_reading();
        if let Some(reading) = self.reading.as_mut().filter(|reading| reading.received.stalled) {
            reading.received = self.shared.receive(&mut reading.input);
        }
    }

    fn fail(&self, error: &io::Error) {
        self.shared.with(|state, now| state.connection.fail(link_failed(error), now));
    }

    /// Nothing can be sent any more. A peer that has gone may have said why: reads what is left, and then gives up.
    fn last_words(&mut self, error: ConnectionError) {
        self.reading = self.reading.take().or_else(|| self.shared.take_reading());
        let Some(reading) = &mut self.reading else {
            // Whoever reads has been told to stop.
            return thread::yield_now();
        };
        loop {
            let read = reading.read(&*self.link);
            let more = matches!(read, Ok(Some(count)) if count > 0);
            let over = self.shared.with(|state, now| {
                state.take_read(reading, read, now);
                state.sort_events(now);
                let over = !more || !state.connection.wants_input();
                if over && state.cause.is_none() {
                    state.connection.fail(error.clone(), now);
                }
                over
            });
            if over {
                return;
            }
        }
    }

    /// Sends what is left, says goodbye, and gives the link up; all within a bounded time.
    fn finish(&mut self) {
        let deadline = Instant::now() + FLUSH_LINGER;
        self.shared.flush();
        while let Some(plan) = self.shared.sleep_ending(&self.waker) {
            let wanted = Wanted { read: false, write: plan.write };
            let ready = self.link.wait(wanted, &self.alarm, Some(deadline));
            if ready.is_err() || deadline <= Instant::now() {
                break;
            }
            if ready.is_ok_and(|ready| ready.write) {
                self.shared.unblock();
            }
            self.shared.flush();
        }
        self.link.finish_writing();
        if self.shared.with(|state, _| tells_peer(state.cause.as_ref())) {
            self.linger();
        }
        self.link.shutdown(deadline);
    }

    /// Waits until the peer has closed too: a socket that is closed while input is unread resets the connection, and the
    /// peer may lose what was sent last.
    fn linger(&mut self) {
        let deadline = Instant::now() + CLOSE_LINGER;
        let mut scrap = vec![0; 4096];
        while Instant::now() < deadline {
            match self.link.try_read(&mut scrap) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let wanted = Wanted { read: true, write: false };
                    if self.link.wait(wanted, &self.alarm, Some(deadline)).is_err() {
                        break;
                    }
                }
                Err(_) => break,
            }
        }
    }
}

/// Whether the peer is told why the connection ended, and therefore still there.
pub(crate) fn tells_peer(cause: Option<&Error>) -> bool {
    match cause {
        Some(Error::Connection(error)) => error.disconnect_reason().is_some(),
        _ => true,
    }
}

/// However the worker ends, even by a panic: every handle learns of it.
struct Gone(Arc<Shared>);

impl Drop for Gone {
    fn drop(&mut self) {
        let message = "the thread that drove the connection has failed".to_owned();
        self.0.driver_gone(ConnectionError::Io { kind: io::ErrorKind::Other, message });
    }
}
