//! What the benchmark programs share: the work that a client is given, the commands that a server runs for it, and the
//! measuring of processes.
//!
//! Every client and every server runs in a process of its own, all clients take the same arguments ([`job::Job`]) and
//! all servers know the same commands ([`commands::Command`]), so that only the implementation differs from row to row.

pub mod commands;
pub mod job;
pub mod latency;
pub mod process;
pub mod serve;

/// What the benchmarks fail with: text is enough for their reader.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
