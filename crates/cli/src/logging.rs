//! The log: one line for each event, appended to a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use feramiko_wire::sanitize;
use tracing_subscriber::EnvFilter;

/// Which events are written, in the manner of `RUST_LOG`: `feramiko_proto=trace`. Without it: debug and above.
const FILTER_VARIABLE: &str = "FERAMIKO_LOG";

/// Logs to that file from now on. A new file is its owner's alone.
///
/// # Errors
/// The file cannot be opened.
pub(crate) fn to_file(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let filter = EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new("debug"));
    tracing_subscriber::fmt()
        .with_writer(Mutex::new(Clean(file)))
        .with_env_filter(filter)
        .with_ansi(false)
        .try_init()
        .map_err(io::Error::other)
}

/// What peers say ends up in a log, and the log in somebody's terminal.
struct Clean(File);

impl Write for Clean {
    /// Takes whole events: that is how they are written.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.write_all(sanitize(event).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
