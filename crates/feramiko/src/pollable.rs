//! Descriptors that tell a state: for a driver's sleep, and for `select`, `poll` and epoll on channels.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::task::Wake;

/// A descriptor that is readable while it is set.
#[derive(Debug)]
pub(crate) struct Signal {
    read: OwnedFd,
    /// The other end, where there is no eventfd.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    write: OwnedFd,
}

impl Signal {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn new() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Self { read: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn new() -> io::Result<Self> {
        let (read, write) = rustix::pipe::pipe()?;
        for end in [&read, &write] {
            rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
            rustix::io::ioctl_fionbio(end, true)?;
        }
        Ok(Self { read, write })
    }

    /// Makes it readable. A counter or pipe that is full is readable already.
    pub(crate) fn set(&self) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = rustix::io::write(&self.read, &1u64.to_ne_bytes());
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let _ = rustix::io::write(&self.write, &[1]);
    }

    /// Makes it not readable.
    pub(crate) fn clear(&self) {
        let mut buffer = [0u8; 64];
        while matches!(rustix::io::read(&self.read, &mut buffer), Ok(count) if count == buffer.len()) {}
    }
}

impl AsFd for Signal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
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
/// It stays valid, and readable, after the channel and the connection are gone.
#[derive(Debug, Clone)]
pub struct Pollable(pub(crate) Arc<Signal>);

impl AsFd for Pollable {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Pollable {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}
