//! Where there is no eventfd: a byte is sent when it is set, and taken when it is cleared.

use std::io;
use std::sync::{Mutex, PoisonError};

#[cfg(any(windows, test))]
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

/// How long a byte may take from one end to the other, within one machine.
#[cfg(windows)]
const UNDERWAY: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

#[derive(Debug)]
pub(super) struct TwoEnds {
    read: OwnedFd,
    write: OwnedFd,
    /// Whether there is a byte in it: never more than one.
    set: Mutex<bool>,
}

impl TwoEnds {
    pub(super) fn new() -> io::Result<Self> {
        let (read, write) = ends()?;
        Ok(Self { read, write, set: Mutex::new(false) })
    }

    pub(super) fn set(&self) {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        if !*set {
            *set = rustix::io::write(&self.write, &[1]).is_ok();
            // A socket may hand the byte over a little later: whoever looks after this is to see it.
            self.arrive();
        }
    }

    pub(super) fn clear(&self) {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        if *set {
            let _ = rustix::io::read(&self.read, &mut [0u8; 8]);
            *set = false;
        }
    }

    #[cfg(unix)]
    fn arrive(&self) {}

    #[cfg(windows)]
    fn arrive(&self) {
        let _ = poll(&mut [PollFd::new(&self.read, PollFlags::IN)], Some(&UNDERWAY));
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

/// A pipe.
#[cfg(unix)]
fn ends() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe()?;
    for end in [&read, &write] {
        rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(end, true)?;
    }
    Ok((read, write))
}

/// A socket that talks to itself, and so takes nothing from anybody else: pipes cannot be polled there.
#[cfg(windows)]
fn ends() -> io::Result<(OwnedFd, OwnedFd)> {
    use std::net::{Ipv4Addr, UdpSocket};
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(socket.local_addr()?)?;
    socket.set_nonblocking(true)?;
    // What somebody sent before it was connected.
    let would_block = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    while !socket.recv(&mut [0; 64]).is_err_and(|error| would_block(&error)) {}
    Ok((socket.try_clone()?.into(), socket.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn readable(bell: &TwoEnds) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(bell.descriptor(), PollFlags::IN)];
        poll(&mut fds, Some(&NOW)).unwrap() > 0
    }

    const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

    #[test]
    fn it_is_readable_from_when_it_is_set_until_it_is_cleared() {
        let bell = TwoEnds::new().unwrap();
        assert!(!readable(&bell));
        bell.clear();
        for times in 1..=100 {
            (0..times).for_each(|_| bell.set());
            assert!(readable(&bell));
            assert!(readable(&bell), "looking does not change it");
            bell.clear();
            assert!(!readable(&bell));
        }
    }

    #[test]
    fn no_byte_is_left_behind_by_threads_that_set_and_clear_it_at_once() {
        let bell = Arc::new(TwoEnds::new().unwrap());
        let work = |_| {
            let bell = Arc::clone(&bell);
            std::thread::spawn(move || {
                for _ in 0..2000 {
                    bell.set();
                    bell.clear();
                }
            })
        };
        let threads: Vec<_> = (0..3).map(work).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(!readable(&bell));
        bell.set();
        assert!(readable(&bell));
    }
}
