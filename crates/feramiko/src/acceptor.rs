//! A listening socket for those who wait without a runtime: a thread accepts, and hands over what is let in.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use crate::driver::link::timespec;
use crate::error::Error;
use crate::gate::{Gate, Permit, has_stopped};
use crate::pollable::Signal;

/// Connections that are let in and that nobody has taken yet; more wait in the system's own queue.
const BACKLOG: usize = 16;
/// How long a listener rests when the system has no descriptors or memory left.
pub(crate) const REST: Duration = Duration::from_millis(100);

/// Wakers that are kept.
const MAX_WAITING: usize = 64;

/// One that is let in.
pub(crate) type Guest = (TcpStream, SocketAddr, Permit);

/// Dropped, it stops listening.
pub(crate) struct Acceptor {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    room: Condvar,
    /// Wakes the thread out of its poll.
    stop: Signal,
}

#[derive(Default)]
struct State {
    guests: VecDeque<Guest>,
    waiting: Vec<Waker>,
    /// Listening has come to an end.
    over: Option<Error>,
    stopped: bool,
}

impl Acceptor {
    pub(crate) fn start(listener: TcpListener, gate: Arc<Gate>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let (state, room) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { state, room, stop: Signal::new()? });
        let thread = {
            let shared = Arc::clone(&shared);
            let work = move || {
                let end = shared.listen(&listener, &gate);
                let mut state = shared.lock();
                state.over = Some(end);
                shared.wake(state);
            };
            std::thread::Builder::new().name("feramiko-accept".to_owned()).spawn(work)?
        };
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<Guest, Error>> {
        let mut state = self.shared.lock();
        if state.stopped {
            return Poll::Ready(Err(has_stopped()));
        }
        if let Some(guest) = state.guests.pop_front() {
            self.shared.room.notify_one();
            return Poll::Ready(Ok(guest));
        }
        if let Some(error) = &state.over {
            return Poll::Ready(Err(error.clone()));
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.waiting.push(cx.waker().clone());
        }
        if state.waiting.len() > MAX_WAITING {
            // Some are of tasks that have gone; whoever still waits comes again.
            self.shared.wake(state);
        }
        Poll::Pending
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them: one takes what is there, the others wait again.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn listen(&self, listener: &TcpListener, gate: &Arc<Gate>) -> Error {
        loop {
            if !self.wait_for_room() {
                return has_stopped();
            }
            match listener.accept() {
                Ok((stream, peer)) => match gate.admit(peer) {
                    Ok(permit) => {
                        let mut state = self.lock();
                        state.guests.push_back((stream, peer, permit));
                        self.wake(state);
                    }
                    Err(why) => why.tell(stream),
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut both = [
                        PollFd::new(listener, PollFlags::IN),
                        PollFd::from_borrowed_fd(self.stop.descriptor(), PollFlags::IN),
                    ];
                    // Whatever it answers, the next round tells.
                    let _ = poll(&mut both, None);
                }
                Err(error) => match Trouble::of(&error) {
                    Trouble::OfTheGuest => {}
                    Trouble::Shortage => {
                        let limit = timespec(REST);
                        let stop = PollFd::from_borrowed_fd(self.stop.descriptor(), PollFlags::IN);
                        let _ = poll(&mut [stop], Some(&limit));
                    }
                    Trouble::Fatal => return Error::io("accepting a connection", &error),
                },
            }
        }
    }

    /// False when it is to stop.
    fn wait_for_room(&self) -> bool {
        let mut state = self.lock();
        while state.guests.len() >= BACKLOG && !state.stopped {
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.stopped
    }
}

impl Acceptor {
    /// Stops listening; guests that nobody has taken are sent away.
    pub(crate) fn stop(&self) {
        let mut state = self.shared.lock();
        state.stopped = true;
        let guests = std::mem::take(&mut state.guests);
        drop(state);
        drop(guests);
        self.shared.room.notify_all();
        self.shared.stop.set();
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

/// What an error of `accept` means.
pub(crate) enum Trouble {
    /// The guest has gone already.
    OfTheGuest,
    /// No descriptors, no memory: it passes.
    Shortage,
    Fatal,
}

impl Trouble {
    pub(crate) fn of(error: &io::Error) -> Self {
        use rustix::io::Errno as E;
        let number = error.raw_os_error().map(E::from_raw_os_error);
        match number {
            Some(E::MFILE | E::NOBUFS) => Self::Shortage,
            #[cfg(unix)]
            Some(E::NFILE | E::NOMEM) => Self::Shortage,
            Some(E::BADF | E::INVAL | E::NOTSOCK | E::OPNOTSUPP | E::FAULT) => Self::Fatal,
            // Network errors of the guest come out of accept on Linux.
            _ => Self::OfTheGuest,
        }
    }
}
