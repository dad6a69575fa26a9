//! What the worker thread needs of a socket, and no more.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::BorrowedFd;

use crate::pollable::Signal;

/// A byte stream both ways that never blocks except in [`wait`](Self::wait).
pub(crate) trait Link: Send + Sync {
    /// Reads what is there; 0 at the end of the stream, `WouldBlock` when nothing is there.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes what fits; `WouldBlock` when nothing does.
    fn try_write(&self, data: &[u8]) -> io::Result<usize>;

    /// Sleeps until `alarm` is set, the link can do one of the things wanted, or the time is up.
    fn wait(&self, wanted: Wanted, alarm: &Arc<Signal>, deadline: Option<Instant>) -> io::Result<Wanted>;

    /// Whether two threads may wait for it at once, one for reading and one for writing.
    fn may_be_shared(&self) -> bool {
        false
    }

    /// Nothing more will be written: tells the peer, so that it sees the end after what was sent.
    fn finish_writing(&self) {}

    /// The end. Until `deadline` it may wait for what has been written to be taken.
    fn shutdown(&self, deadline: Instant);

    /// Acknowledges what was received at once, where that can be said (`TCP_QUICKACK`).
    fn acknowledge(&self) {}
}

/// Directions of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// [`Link::wait`] over descriptors. Without any it waits for the alarm alone.
pub(crate) fn wait_descriptors(
    read: Option<BorrowedFd<'_>>,
    write: Option<BorrowedFd<'_>>,
    alarm: &Signal,
    deadline: Option<Instant>,
) -> io::Result<Wanted> {
    let (nothing, bell) = (PollFlags::empty(), alarm.descriptor());
    let mut fds = [
        PollFd::from_borrowed_fd(bell, PollFlags::IN),
        PollFd::from_borrowed_fd(read.unwrap_or(bell), read.map_or(nothing, |_| PollFlags::IN)),
        PollFd::from_borrowed_fd(write.unwrap_or(bell), write.map_or(nothing, |_| PollFlags::OUT)),
    ];
    let timeout = deadline.map(|deadline| timespec(deadline.saturating_duration_since(Instant::now())));
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let [alarmed, readable, writable] = fds;
    if alarmed.revents().intersects(PollFlags::IN) {
        alarm.clear();
    }
    // An error or a hang-up counts as readiness: the read or write that follows finds out which.
    Ok(Wanted {
        read: read.is_some() && !readable.revents().is_empty(),
        write: write.is_some() && !writable.revents().is_empty(),
    })
}

/// `poll` rounds down on some systems, and a timer that is not quite due would spin: rounded up to a millisecond. Some
/// count milliseconds in 31 bits: whoever waits longer than a day is woken in between.
pub(crate) fn timespec(left: Duration) -> Timespec {
    const DAY: Duration = Duration::from_secs(86_400);
    let left = if left.is_zero() { left } else { left.clamp(Duration::from_millis(1), DAY) };
    // A day fits.
    Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 })
}
