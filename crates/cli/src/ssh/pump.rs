//! Bytes from here to there: a channel's streams to standard output and error.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};

use super::stdio::wait_until_writable;

/// What is moved at once. A channel's window and a pipe hold as much or less.
pub(super) const CHUNK: usize = 256 * 1024;

/// Something of ours (not of the peer's) ended the copying.
#[derive(Debug)]
pub(super) enum Copied {
    /// All of it is there.
    All,
    /// Nobody takes it any more.
    Unwanted,
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
                wait_until_writable(to)?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::pipe::pipe;

    use super::*;

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
