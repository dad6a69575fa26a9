//! What was negotiated, and what it cost.

use std::fmt;
use std::fs::DirEntry;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use feramiko::{Client, Error, Fingerprint, Negotiated, Tried};

/// How long threads may take to end.
const MOMENT: Duration = Duration::from_secs(5);
/// Round trips that are measured.
const TRIPS: usize = 50;

/// What this process has used since the beginning of the demo.
pub(super) struct Costs {
    processor: Option<Duration>,
    threads: Option<usize>,
    of_connection: Option<usize>,
}

impl Costs {
    pub(super) fn begin() -> Self {
        Self { processor: processor_time(), threads: threads(), of_connection: None }
    }

    /// The connection stands, and nothing runs on it yet.
    pub(super) fn connected(&mut self) {
        self.of_connection = threads().zip(self.threads).map(|(now, before)| now.saturating_sub(before));
    }

    /// Says that nothing is left, if that is so.
    pub(super) fn conclude(&self, out: &mut dyn Write) -> io::Result<()> {
        // Those that were told to end need a moment for it.
        let deadline = Instant::now() + MOMENT;
        while self.threads < threads() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        let now = threads();
        match (self.threads, now) {
            (Some(before), Some(now)) if now > before => {
                writeln!(out, "{} threads more than before are left.", now - before)
            }
            _ => writeln!(out, "Nothing is left of it: no file, no process, no thread."),
        }
    }
}

/// The figures of one call.
pub(super) struct Report {
    negotiated: Negotiated,
    host_key: Fingerprint,
    versions: (String, String),
    login: Vec<Tried>,
    handshake: Duration,
    sent: u64,
    received: u64,
    round_trip: Duration,
    processor: Option<Duration>,
    threads: Option<usize>,
    memory: Option<u64>,
}

impl Report {
    /// Of a call that still stands.
    pub(super) fn of(client: &Client, handshake: Duration, costs: &Costs) -> Result<Self, Error> {
        let transport = client.transport();
        // Before the measurements below, which are none of the call's affair.
        let traffic = transport.traffic();
        let processor = processor_time().zip(costs.processor).map(|(now, before)| now.saturating_sub(before));
        let Some(negotiated) = transport.negotiated() else {
            return Err(transport.cause().unwrap_or_else(|| feramiko::ConnectionError::Closed.into()));
        };
        let peer = transport.peer_version().unwrap_or_default();
        Ok(Self {
            negotiated,
            host_key: client.host_key().fingerprint(),
            versions: (peer, format!("feramiko {}", env!("CARGO_PKG_VERSION"))),
            login: client.login_steps().to_vec(),
            handshake,
            sent: traffic.sent,
            received: traffic.received,
            round_trip: round_trip(client)?,
            processor,
            threads: costs.of_connection,
            memory: peak_memory(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = &self.negotiated;
        let quantum = if keys.kex.contains("mlkem") || keys.kex.contains("sntrup") {
            ", safe from quantum computers too"
        } else {
            ""
        };
        let strict = if keys.strict_kex { ", strict" } else { "" };
        let pair = |out: &str, back: &str| match out == back {
            true => out.to_owned(),
            false => format!("{out} there, {back} back"),
        };
        let mac = |name: Option<&'static str>| name.unwrap_or("part of the cipher");
        writeln!(f, "What was negotiated")?;
        row(f, "server", &feramiko_wire::sanitize(self.versions.0.as_bytes()))?;
        row(f, "client", &self.versions.1)?;
        row(f, "key exchange", &format!("{}{quantum}{strict}", keys.kex))?;
        row(f, "host key", &format!("{} {}", keys.host_key, self.host_key))?;
        row(f, "cipher", &pair(keys.cipher_out, keys.cipher_in))?;
        row(f, "integrity", &pair(mac(keys.mac_out), mac(keys.mac_in)))?;
        row(f, "compression", &pair(&keys.compression_out.to_string(), &keys.compression_in.to_string()))?;
        let login: Vec<String> = self.login.iter().map(ToString::to_string).collect();
        row(f, "login", &login.join(", then "))?;
        writeln!(f, "\nWhat it cost")?;
        row(f, "handshake", &format!("{}, from the TCP connection to the login", time(self.handshake)))?;
        row(f, "on the wire", &format!("{} there, {} back", bytes(self.sent), bytes(self.received)))?;
        row(f, "round trip", &format!("{}, the median of {TRIPS}", time(self.round_trip)))?;
        if let Some(processor) = self.processor {
            row(f, "processor", &format!("{}, client and server together", time(processor)))?;
        }
        if let Some(memory) = self.memory {
            row(f, "memory", &format!("{} at most, the program itself included", bytes(memory)))?;
        }
        if let Some(threads) = self.threads {
            row(f, "threads", &format!("{threads} for the connection, client and server together"))?;
        }
        writeln!(f)
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "  {name:<13} {value}")
}

/// The median time of a question that only the other side can answer.
fn round_trip(client: &Client) -> Result<Duration, Error> {
    let mut trips = Vec::with_capacity(TRIPS);
    for _ in 0..TRIPS {
        let started = Instant::now();
        match client.transport().global_request("keepalive@openssh.com", b"", true).wait() {
            // A refusal is an answer.
            Ok(_) | Err(Error::RequestRefused(_)) => trips.push(started.elapsed()),
            Err(error) => return Err(error),
        }
    }
    trips.sort_unstable();
    Ok(trips.get(TRIPS / 2).copied().unwrap_or_default())
}

/// What this process has had of the processor, where the system tells without ado.
#[cfg(unix)]
fn processor_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(time.tv_sec.try_into().ok()?, time.tv_nsec.try_into().ok()?))
}

#[cfg(not(unix))]
fn processor_time() -> Option<Duration> {
    None
}

/// The threads of this process, where the system tells (Linux), but for the one that gives the terminal back when a
/// signal comes: that is no part of a call, and stays.
fn threads() -> Option<usize> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let name = |entry: &DirEntry| std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
    let tasks = std::fs::read_dir("/proc/self/task").ok()?.flatten();
    // The system cuts names off after 15 bytes.
    Some(tasks.filter(|task| !name(task).starts_with("terminal signal")).count())
}

/// The most memory that this process has had at once, in bytes, where the system tells (Linux).
fn peak_memory() -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn time(time: Duration) -> String {
    let micros = time.as_micros();
    match micros {
        0..1000 => format!("{micros} µs"),
        1000..10_000 => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        10_000..1_000_000 => format!("{:.0} ms", time.as_secs_f64() * 1e3),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

fn bytes(count: u64) -> String {
    let [kilo, mega] = [count as f64 / 1e3, count as f64 / 1e6];
    match count {
        0..1000 => format!("{count} bytes"),
        1000..1_000_000 => format!("{kilo:.1} kB"),
        _ => format!("{mega:.1} MB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_have_their_unit() {
        assert_eq!(time(Duration::from_micros(63)), "63 µs");
        assert_eq!(time(Duration::from_micros(4120)), "4.1 ms");
        assert_eq!(time(Duration::from_millis(47)), "47 ms");
        assert_eq!(time(Duration::from_millis(61_200)), "61.2 s");
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(12_345), "12.3 kB");
        assert_eq!(bytes(8_100_000), "8.1 MB");
    }
}
