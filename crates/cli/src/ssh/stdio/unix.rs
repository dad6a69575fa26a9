//! Unix: descriptors can be polled, whatever is behind them.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::pipe;

use crate::ssh::pump::CHUNK;

/// Standard input, with a way to stop waiting for it.
pub(in crate::ssh) struct Input {
    file: File,
    /// Becomes readable when the [`Stop`] is gone.
    stopped: OwnedFd,
}

/// Dropped, it ends the wait for input.
pub(in crate::ssh) struct Stop {
    _writer: OwnedFd,
}

impl Input {
    /// Standard input.
    ///
    /// # Errors
    /// No descriptors are left.
    pub(in crate::ssh) fn standard() -> io::Result<(Self, Stop)> {
        Self::new(rustix::stdio::stdin())
    }

    /// Input that ends at once.
    ///
    /// # Errors
    /// No descriptors are left.
    pub(in crate::ssh) fn none() -> io::Result<(Self, Stop)> {
        Self::new(File::open("/dev/null")?)
    }

    fn new(descriptor: impl AsFd) -> io::Result<(Self, Stop)> {
        let file = File::from(descriptor.as_fd().try_clone_to_owned()?);
        let (stopped, writer) = pipe()?;
        Ok((Self { file, stopped }, Stop { _writer: writer }))
    }

    /// Hands on what comes until it ends, which is `Ok(true)`, or is stopped or not wanted any more (`take` says
    /// false), which is `Ok(false)`.
    pub(in crate::ssh) fn each(mut self, mut take: impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let mut both =
                [PollFd::new(&self.file, PollFlags::IN), PollFd::new(&self.stopped, PollFlags::IN)];
            match poll(&mut both, None) {
                Err(rustix::io::Errno::INTR) => continue,
                polled => polled?,
            };
            let [input, stopped] = both;
            if !stopped.revents().is_empty() {
                return Ok(false);
            }
            if input.revents().is_empty() {
                continue;
            }
            match self.file.read(&mut buffer) {
                Ok(0) => return Ok(true),
                Ok(count) if take(buffer.get(..count).unwrap_or_default()) => {}
                Ok(_) => return Ok(false),
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Standard output.
///
/// # Errors
/// No descriptors are left.
pub(in crate::ssh) fn output() -> io::Result<Arc<File>> {
    unbuffered(rustix::stdio::stdout())
}

/// Standard error.
///
/// # Errors
/// No descriptors are left.
pub(in crate::ssh) fn errors() -> io::Result<Arc<File>> {
    unbuffered(rustix::stdio::stderr())
}

fn unbuffered(descriptor: impl AsFd) -> io::Result<Arc<File>> {
    Ok(Arc::new(File::from(descriptor.as_fd().try_clone_to_owned()?)))
}

/// Waits until something can be written to a file that another program has made non-blocking.
///
/// # Errors
/// It cannot be waited for.
pub(in crate::ssh) fn wait_until_writable(file: &File) -> io::Result<()> {
    poll(&mut [PollFd::new(file, PollFlags::OUT)], None)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn input_is_handed_on_to_its_end() {
        let (reader, writer) = pipe().unwrap();
        let (input, _stop) = Input::new(&reader).unwrap();
        let (send, pieces) = mpsc::channel();
        let thread = std::thread::spawn(move || input.each(|bytes| send.send(bytes.to_vec()).is_ok()));
        let mut writer = File::from(writer);
        writer.write_all(b"one").unwrap();
        assert_eq!(pieces.recv().unwrap(), b"one");
        writer.write_all(b"two").unwrap();
        assert_eq!(pieces.recv().unwrap(), b"two");
        drop(writer);
        assert!(thread.join().unwrap().unwrap());
    }

    #[test]
    fn the_wait_for_input_can_be_stopped() {
        let (reader, _writer) = pipe().unwrap();
        let (input, stop) = Input::new(&reader).unwrap();
        let thread = std::thread::spawn(move || input.each(|_| true));
        drop(stop);
        assert!(!thread.join().unwrap().unwrap());
    }
}
