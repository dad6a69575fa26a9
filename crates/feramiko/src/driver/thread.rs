//! The worker thread: drives one connection over a [`Link`].

use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::thread;
use std::time::Instant;

use feramiko_proto::ConnectionError;

use super::buffer::Input;
use super::link::{Link, Wanted};
use super::{CLOSE_LINGER, FLUSH_LINGER, IDLE};
use crate::error::Error;
use crate::pollable::Signal;
use crate::shared::{Next, Received, Shared, link_failed};
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
        input: Input::default(),
        received: Received { wants_more: true, ..Received::default() },
        again: false,
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
    input: Input,
    received: Received,
    /// The last read took all the room there was: there may be more.
    again: bool,
}

impl Worker {
    fn run(mut self) {
        let _gone = Gone(Arc::clone(&self.shared));
        self.shared.with(|state, _| state.flow.link = Some(Arc::clone(&self.link)));
        loop {
            for job in self.shared.take_jobs() {
                job.start(&self.shared);
            }
            self.shared.flush();
            if self.again && self.received.wants_more {
                self.read();
                continue;
            }
            match self.shared.sleep(&self.waker, false, self.received.stalled) {
                Next::Sleep(plan) => self.sleep(plan),
                Next::Work if self.received.stalled => self.received = self.shared.receive(&mut self.input),
                Next::Work => {}
                Next::Broken(error) => self.last_words(error),
                Next::End => break,
            }
        }
        self.finish();
    }

    fn sleep(&mut self, plan: Plan) {
        let wanted = Wanted { read: plan.read, write: plan.write };
        let large = self.input.is_large();
        let idle = large.then(|| Instant::now() + IDLE);
        let deadline = [plan.deadline, idle].into_iter().flatten().min();
        match self.link.wait(wanted, &self.alarm, deadline) {
            Ok(ready) => {
                if ready.write {
                    self.shared.unblock();
                }
                if ready.read {
                    self.read();
                } else if idle.is_some_and(|idle| idle <= Instant::now()) {
                    self.input.shrink();
                    self.shared.shrink();
                }
            }
            Err(error) => self.fail(&error),
        }
    }

    fn read(&mut self) {
        self.again = false;
        match self.link.try_read(self.input.room()) {
            Ok(0) => self.shared.with(|state, now| state.connection.receive_eof(now)),
            Ok(count) => {
                self.again = self.input.filled(count);
                self.received = self.shared.receive(&mut self.input);
                if self.received.setting_up {
                    self.link.acknowledge();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.again = true,
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&self, error: &io::Error) {
        self.shared.with(|state, now| state.connection.fail(link_failed(error), now));
    }

    /// Nothing can be sent any more. A peer that has gone may have said why: reads what is left, and then gives up.
    fn last_words(&mut self, error: ConnectionError) {
        loop {
            match self.link.try_read(self.input.room()) {
                Ok(0) => break self.shared.with(|state, now| state.connection.receive_eof(now)),
                Ok(count) => {
                    self.input.filled(count);
                    self.received = self.shared.receive(&mut self.input);
                    let over = self.shared.with(|state, _| state.cause.is_some());
                    if over || !self.received.wants_more {
                        break;
                    }
                }
                Err(_) => break,
            }
        }
        self.shared.with(|state, now| {
            state.sort_events(now);
            if state.cause.is_none() {
                state.connection.fail(error, now);
            }
        });
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
        self.input = Input::default();
        while Instant::now() < deadline {
            match self.link.try_read(self.input.room()) {
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
