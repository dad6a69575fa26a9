//! A child process for a socket: its standard input and output.

use std::io;
use std::process::Child;
use std::sync::Arc;

use super::link::Link;

/// As [`Socket::child`](super::socket::Socket::child).
pub(super) fn link(mut child: Child) -> io::Result<Arc<dyn Link>> {
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        let message = "the child's standard input and output must be piped";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    };
    #[cfg(unix)]
    return Ok(Arc::new(polled::ChildLink::new(child, input, output)?));
    #[cfg(not(unix))]
    Ok(Arc::new(pumped(child, input, output)?))
}

/// Pipes cannot be polled: a thread for each. The end of the child ends them.
#[cfg(not(unix))]
fn pumped(
    mut child: Child,
    input: std::process::ChildStdin,
    output: std::process::ChildStdout,
) -> io::Result<super::pump::PumpLink> {
    super::pump::PumpLink::new(output, input, move || end(&mut child))
}

/// Its output has ended, or it had its time: no process and no zombie is left behind.
fn end(child: &mut Child) {
    if !matches!(child.try_wait(), Ok(Some(_))) {
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Where pipes can be polled as sockets can.
#[cfg(unix)]
mod polled {
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};
    use std::process::{Child, ChildStdin, ChildStdout};
    use std::sync::{Arc, Mutex, PoisonError};
    use std::time::Instant;

    use super::super::link::{Link, Wanted, wait_descriptors};
    use crate::pollable::Signal;

    /// The pipes of a child process.
    pub(super) struct ChildLink {
        child: Mutex<Child>,
        output: OwnedFd,
        input: Mutex<Option<Arc<OwnedFd>>>,
    }

    impl ChildLink {
        pub(super) fn new(child: Child, input: ChildStdin, output: ChildStdout) -> io::Result<Self> {
            let (input, output) = (OwnedFd::from(input), OwnedFd::from(output));
            rustix::io::ioctl_fionbio(&input, true)?;
            rustix::io::ioctl_fionbio(&output, true)?;
            Ok(Self { child: Mutex::new(child), output, input: Mutex::new(Some(Arc::new(input))) })
        }

        fn input(&self) -> Option<Arc<OwnedFd>> {
            self.input.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }
    }

    impl Link for ChildLink {
        fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
            Ok(rustix::io::read(&self.output, buffer)?)
        }

        fn try_write(&self, data: &[u8]) -> io::Result<usize> {
            let input = self.input().ok_or(io::ErrorKind::BrokenPipe)?;
            Ok(rustix::io::write(&input, data)?)
        }

        fn wait(&self, wanted: Wanted, alarm: &Arc<Signal>, deadline: Option<Instant>) -> io::Result<Wanted> {
            let input = self.input().filter(|_| wanted.write);
            let write = input.as_ref().map(|input| input.as_fd());
            wait_descriptors(wanted.read.then_some(self.output.as_fd()), write, alarm, deadline)
        }

        fn finish_writing(&self) {
            drop(self.input.lock().unwrap_or_else(PoisonError::into_inner).take());
        }

        fn shutdown(&self, _deadline: Instant) {
            self.finish_writing();
            super::end(&mut self.child.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    impl Drop for ChildLink {
        fn drop(&mut self) {
            self.shutdown(Instant::now());
        }
    }
}
