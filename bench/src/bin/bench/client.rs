//! The clients, each in its own process.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use feramiko_bench::commands::Command as Remote;
use feramiko_bench::job::{Job, Work};
use feramiko_bench::latency::Latency;
use feramiko_bench::process::{Usage, finish, run};
use feramiko_bench::{Failure, process};

use crate::world::{HOST_ALIAS, World, system};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Ssh,
    /// Ours, with the worker thread.
    Thread,
    /// Ours, on tokio.
    Tokio,
    Russh,
    /// russh, sealing with ring.
    RusshRing,
    Ssh2,
}

impl Client {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::Thread => "ours, thread",
            Self::Tokio => "ours, tokio",
            Self::Russh => "russh",
            Self::RusshRing => "russh (ring)",
            Self::Ssh2 => "libssh2",
        }
    }

    /// The name by which `--peers` calls it.
    pub(crate) fn peer(self) -> &'static str {
        match self {
            Self::Ssh => "openssh",
            Self::Thread => "thread",
            Self::Tokio => "tokio",
            Self::Russh => "russh",
            Self::RusshRing => "ring",
            Self::Ssh2 => "ssh2",
        }
    }

    /// Whether it can do this at all: `ssh` opens one session in a process, and always runs something.
    pub(crate) fn can(self, work: Work) -> bool {
        !(self == Self::Ssh && matches!(work, Work::Exec(_) | Work::Connect { exec: false, .. }))
    }

    /// Runs it to its end. `seconds`, `p50_us` and `p99_us` are among the figures of the result where they are asked.
    pub(crate) fn run(self, world: &World, job: &Job) -> Result<Usage, Failure> {
        let own = |program: &Path, variant: &str| {
            let mut command = Command::new(program);
            command.args(Job { variant: variant.to_owned(), ..job.clone() }.to_args());
            run(command, true)
        };
        match self {
            Self::Ssh => ssh(world, job),
            Self::Thread => own(&world.program("ours_client"), "thread"),
            Self::Tokio => own(&world.program("ours_client"), "tokio"),
            Self::Russh => own(&world.program("russh_client"), ""),
            Self::RusshRing => own(&world.ring_program("russh_client"), ""),
            Self::Ssh2 => own(&world.program("ssh2_client"), ""),
        }
    }
}

fn ssh(world: &World, job: &Job) -> Result<Usage, Failure> {
    match job.work {
        Work::Download(bytes) => {
            let mut command = ssh_command(world, job, Remote::Bytes(bytes))?;
            command.stdin(Stdio::null()).stdout(Stdio::null());
            run(command, false)
        }
        Work::Upload(bytes) => {
            let mut command = ssh_command(world, job, Remote::Sink)?;
            command.stdin(world.zeros(bytes)?).stdout(Stdio::null());
            run(command, false)
        }
        Work::Connect { count, parallel, .. } => ssh_connections(world, job, count, parallel),
        Work::Echo(count) => ssh_echo(world, job, count),
        Work::Exec(_) => Err("ssh opens one session in a process".into()),
    }
}

fn ssh_command(world: &World, job: &Job, remote: Remote) -> Result<Command, Failure> {
    let mut command = Command::new(system("ssh")?);
    command.args(["-F", "none", "-p", &job.address.port().to_string(), "-i"]).arg(&job.key);
    for option in [
        format!("UserKnownHostsFile={}", world.path("known_hosts").display()),
        format!("HostKeyAlias={HOST_ALIAS}"),
        format!("KexAlgorithms={}", job.kex),
        format!("Ciphers={}", job.cipher),
        format!("MACs={}", job.mac),
    ] {
        command.arg("-o").arg(option);
    }
    for option in [
        "GlobalKnownHostsFile=none",
        "StrictHostKeyChecking=yes",
        "UpdateHostKeys=no",
        "HostKeyAlgorithms=ssh-ed25519",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "BatchMode=yes",
        "ControlPath=none",
        "LogLevel=ERROR",
        "Compression=no",
    ] {
        command.args(["-o", option]);
    }
    command.arg(format!("{}@{}", job.user, job.address.ip())).arg(remote.to_shell());
    Ok(command)
}

fn ssh_connections(world: &World, job: &Job, count: usize, parallel: usize) -> Result<Usage, Failure> {
    let start = Instant::now();
    let cpu = std::thread::scope(|scope| {
        let visit = || {
            let mut command = ssh_command(world, job, Remote::True)?;
            command.stdin(Stdio::null());
            run(command, false)
        };
        let threads: Vec<_> = (0..parallel)
            .map(|_| {
                scope.spawn(move || {
                    (0..count / parallel)
                        .try_fold(Duration::ZERO, |sum, _| Ok::<_, Failure>(sum + visit()?.cpu))
                })
            })
            .collect();
        threads.into_iter().try_fold(Duration::ZERO, |sum, thread| {
            Ok::<_, Failure>(sum + thread.join().map_err(|_| "a thread panicked")??)
        })
    })?;
    let wall = start.elapsed();
    Ok(Usage { wall, cpu, rss_bytes: 0, output: format!("seconds {}\n", wall.as_secs_f64()) })
}

/// A byte through the pipes of `ssh`, as a program that uses it would send it.
fn ssh_echo(world: &World, job: &Job, count: usize) -> Result<Usage, Failure> {
    let mut command = ssh_command(world, job, Remote::Echo)?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let start = Instant::now();
    let mut child = command.spawn()?;
    let (Some(mut stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
        process::stop(child)?;
        return Err("no pipes".into());
    };
    let mut byte = [0];
    let latency = Latency::measure(count, || {
        stdin.write_all(b"x")?;
        stdout.read_exact(&mut byte)
    })?;
    drop((stdin, stdout));
    let usage = finish(child, start)?;
    let output = format!("p50_us {}\np99_us {}\n", latency.percentile(50), latency.percentile(99));
    Ok(Usage { output, ..usage })
}
