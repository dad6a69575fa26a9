//! The log: one line for each event, appended to a file.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;

use feramiko_wire::sanitize;
use tracing_subscriber::EnvFilter;

/// Which events are written, in the manner of `RUST_LOG`: `feramiko_proto=trace`. Without it: debug and above.
const FILTER_VARIABLE: &str = "FERAMIKO_LOG";

/// Logs to that file from now on. A new file is its owner's alone (on Windows, whose its folder is).
///
/// # Errors
/// The file cannot be opened.
pub(crate) fn to_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    begin(options.open(path)?, "debug")
}

/// Logs to standard error from now on: the more often `-v` is said, the more.
///
/// # Errors
/// There is a log already.
pub(crate) fn to_stderr(verbose: u8) -> io::Result<()> {
    let level = match verbose {
        0 | 1 => "info",
        2 => "debug",
        _ => "trace",
    };
    begin(io::stderr(), level)
}

fn begin(out: impl Write + Send + 'static, level: &str) -> io::Result<()> {
    let filter = EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_writer(Mutex::new(Clean(out)))
        .with_env_filter(filter)
        .with_ansi(false)
        .try_init()
        .map_err(io::Error::other)
}

/// What peers say ends up in a log, and the log in somebody's terminal.
struct Clean<W>(W);

impl<W: Write> Write for Clean<W> {
    /// Takes whole events: that is how they are written.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.write_all(sanitize(event).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
