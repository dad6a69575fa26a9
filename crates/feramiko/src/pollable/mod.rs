//! Descriptors that tell a state: for a driver's sleep, and for `select`, `poll` and epoll on channels.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod counter;
// In the tests also where it is not needed: there it is used nowhere else.
#[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
mod two_ends;

use std::io;
use std::sync::Arc;
use std::task::Wake;

use rustix::fd::BorrowedFd;

#[cfg(any(target_os = "linux", target_os = "android"))]
use counter::Counter as Bell;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use two_ends::TwoEnds as Bell;

/// A descriptor (on Windows a socket) that is readable while it is set.
#[derive(Debug)]
pub(crate) struct Signal(Bell);

impl Signal {
    pub(crate) fn new() -> io::Result<Self> {
        Bell::new().map(Self)
    }

    /// Makes it readable.
    pub(crate) fn set(&self) {
        self.0.set();
    }

    /// Makes it not readable.
    pub(crate) fn clear(&self) {
        self.0.clear();
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.descriptor()
    }
}

/// Waking sets it.
impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.set();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.set();
    }
}

/// A descriptor that is readable exactly while a channel has something to read: bytes of either stream, their end,
/// or an error. Level-triggered, for `select`, `poll` and epoll. Do not read from it or write to it.
///
/// On Windows it is a socket (`AsSocket`), for `select` and `WSAPoll`.
///
/// It stays valid, and readable, after the channel and the connection are gone.
#[derive(Debug, Clone)]
pub struct Pollable(pub(crate) Arc<Signal>);

#[cfg(unix)]
mod unix {
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

    impl AsFd for super::Pollable {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.descriptor()
        }
    }

    impl AsRawFd for super::Pollable {
        fn as_raw_fd(&self) -> RawFd {
            self.0.descriptor().as_raw_fd()
        }
    }
}

#[cfg(windows)]
mod windows {
    use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, RawSocket};

    impl AsSocket for super::Pollable {
        fn as_socket(&self) -> BorrowedSocket<'_> {
            self.0.descriptor()
        }
    }

    impl AsRawSocket for super::Pollable {
        fn as_raw_socket(&self) -> RawSocket {
            self.0.descriptor().as_raw_socket()
        }
    }
}
