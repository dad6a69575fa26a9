//! Windows: nothing can be polled but sockets. Whoever reads the input is left behind when the session ends.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::windows::io::AsHandle;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::ssh::pump::CHUNK;

/// Standard input, with a way to hand on nothing more of it.
pub(in crate::ssh) struct Input {
    /// `None`: it has ended.
    from: Option<io::Stdin>,
    stopped: Arc<AtomicBool>,
}

/// Dropped, it ends the handing on.
pub(in crate::ssh) struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Input {
    /// Standard input.
    pub(in crate::ssh) fn standard() -> io::Result<(Self, Stop)> {
        Ok(Self::new(Some(io::stdin())))
    }

    /// Input that ends at once.
    pub(in crate::ssh) fn none() -> io::Result<(Self, Stop)> {
        Ok(Self::new(None))
    }

    fn new(from: Option<io::Stdin>) -> (Self, Stop) {
        let stopped = Arc::new(AtomicBool::new(false));
        (Self { from, stopped: Arc::clone(&stopped) }, Stop(stopped))
    }

    /// Hands on what comes until it ends, which is `Ok(true)`, or is stopped or not wanted any more (`take` says
    /// false), which is `Ok(false)`.
    pub(in crate::ssh) fn each(self, mut take: impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
        let Some(mut from) = self.from else { return Ok(true) };
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = from.read(&mut buffer);
            if self.stopped.load(Ordering::SeqCst) {
                return Ok(false);
            }
            match read {
                Ok(0) => return Ok(true),
                Ok(count) if take(buffer.get(..count).unwrap_or_default()) => {}
                Ok(_) => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Standard output.
pub(in crate::ssh) fn output() -> io::Result<Arc<File>> {
    unbuffered(io::stdout())
}

/// Standard error.
pub(in crate::ssh) fn errors() -> io::Result<Arc<File>> {
    unbuffered(io::stderr())
}

fn unbuffered(stream: impl AsHandle) -> io::Result<Arc<File>> {
    Ok(Arc::new(File::from(stream.as_handle().try_clone_to_owned()?)))
}

/// Files do not refuse for a while there.
pub(in crate::ssh) fn wait_until_writable(_file: &File) -> io::Result<()> {
    Err(ErrorKind::WouldBlock.into())
}
