//! Processes, with the time and memory that they took.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wait4::{ResUse, Wait4};

use crate::Failure;

/// What a process used, with all of its descendants.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// From start to end.
    pub wall: Duration,
    /// User and system time.
    pub cpu: Duration,
    /// The most memory that it held.
    pub rss_bytes: u64,
    /// What it wrote to standard output.
    pub output: String,
}

impl Usage {
    /// The number that a client reported under this name.
    pub fn figure(&self, name: &str) -> Option<f64> {
        let found = self.output.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found?.trim().parse().ok()
    }
}

/// Runs a client to its end.
pub fn run(mut command: Command, read_output: bool) -> Result<Usage, Failure> {
    if read_output {
        command.stdout(Stdio::piped());
    }
    let start = Instant::now();
    let child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    finish(child, start)
}

/// Waits for a process that was begun at `start`.
pub fn finish(mut child: Child, start: Instant) -> Result<Usage, Failure> {
    let mut output = String::new();
    drop(child.stdin.take());
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut output)?;
    }
    let ResUse { status, rusage } = child.wait4()?;
    let wall = start.elapsed();
    if !status.success() {
        return Err(format!("a process ended with {status}").into());
    }
    Ok(Usage { wall, cpu: rusage.utime + rusage.stime, rss_bytes: rusage.maxrss, output })
}

/// Ends a process that serves, and tells what it used.
pub fn stop(mut child: Child) -> Result<Usage, Failure> {
    drop(child.stdin.take());
    let ResUse { rusage, .. } = child.wait4()?;
    Ok(Usage {
        wall: Duration::ZERO,
        cpu: rusage.utime + rusage.stime,
        rss_bytes: rusage.maxrss,
        output: String::new(),
    })
}
