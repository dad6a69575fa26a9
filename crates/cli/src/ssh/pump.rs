//! Bytes from here to there: standard input to a channel, a channel's streams to standard output and error.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::pipe;

/// What is moved at once. A channel's window and a pipe hold as much or less.
const CHUNK: usize = 256 * 1024;

/// Standard input, with a way to stop waiting for it.
pub(super) struct Input {
    file: File,
    /// Becomes readable when the [`Stop`] is gone.
    stopped: OwnedFd,
}

/// Dropped, it ends the wait for input.
pub(super) struct Stop {
    _writer: OwnedFd,
}

/// Something of ours (not of the peer's) ended the copying.
#[derive(Debug)]
pub(super) enum Copied {
    /// All of it is there.
    All,
    /// Nobody takes it any more.
    Unwanted,
}

impl Input {
    /// The input behind this descriptor.
    ///
    /// # Errors
    /// No descriptors are left.
    pub(super) fn new(descriptor: impl AsFd) -> io::Result<(Self, Stop)> {
        let file = File::from(descriptor.as_fd().try_clone_to_owned()?);
        let (stopped, writer) = pipe()?;
        Ok((Self { file, stopped }, Stop { _writer: writer }))
    }

    /// Hands on what comes until it ends, which is `Ok(true)`, or is stopped or not wanted any more (`take` says
    /// false), which is `Ok(false)`.
    pub(super) fn each(mut self, mut take: impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
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

/// Copies until the reader ends. When the writer is closed, what still comes is thrown away, and `unwanted` is told.
///
/// # Errors
/// The reader failed.
pub(super) fn copy(mut from: impl Read, to: &File, unwanted: impl FnOnce()) -> io::Result<Copied> {
    let mut buffer = vec![0; CHUNK];
    let mut unwanted = Some(unwanted);
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let data = buffer.get(..count).unwrap_or_default();
        if unwanted.is_some()
            && let Err(error) = write_all(to, data)
        {
            tracing::debug!(%error, "nobody takes the output");
            if let Some(unwanted) = unwanted.take() {
                unwanted();
            }
        }
    }
    Ok(if unwanted.is_some() { Copied::All } else { Copied::Unwanted })
}

/// Also to a descriptor that another program has made non-blocking.
fn write_all(mut to: &File, data: &[u8]) -> io::Result<()> {
    let mut rest = data;
    while !rest.is_empty() {
        match to.write(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(to, PollFlags::OUT)], None)?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// The file behind a descriptor, without the buffers that this program puts around its own.
///
/// # Errors
/// No descriptors are left.
pub(super) fn unbuffered(descriptor: impl AsFd) -> io::Result<Arc<File>> {
    Ok(Arc::new(File::from(descriptor.as_fd().try_clone_to_owned()?)))
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn output_that_nobody_takes_is_read_to_its_end_all_the_same() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let writer = File::from(writer);
        let mut told = 0;
        let copied = copy(io::repeat(7).take(3 * CHUNK as u64), &writer, || told += 1).unwrap();
        assert!(matches!(copied, Copied::Unwanted));
        assert_eq!(told, 1);
    }

    #[test]
    fn a_descriptor_that_does_not_block_gets_all_of_it() {
        use rustix::fs::{OFlags, fcntl_setfl};
        let (reader, writer) = pipe().unwrap();
        fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            File::from(reader).read_to_end(&mut all).map(|_| all)
        });
        let writer = File::from(writer);
        let copied = copy(io::repeat(7).take(1_000_000), &writer, || panic!("it is wanted")).unwrap();
        assert!(matches!(copied, Copied::All));
        drop(writer);
        assert_eq!(reading.join().unwrap().unwrap(), vec![7; 1_000_000]);
    }
}
