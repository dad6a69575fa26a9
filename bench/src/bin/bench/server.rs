//! The servers, each in its own process, started anew for each measurement.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use feramiko_bench::process::{Usage, stop};
use feramiko_bench::serve::ServeSpec;
use feramiko_bench::{Failure, process};
use rustix::process::{Pid, Signal, kill_process};

use crate::world::{World, system};

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Sshd,
    /// Ours, with the worker thread.
    Thread,
    /// Ours, on tokio.
    Tokio,
    Russh,
    /// russh, sealing with ring.
    RusshRing,
}

impl Server {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sshd => "sshd",
            Self::Thread => "ours, thread",
            Self::Tokio => "ours, tokio",
            Self::Russh => "russh",
            Self::RusshRing => "russh (ring)",
        }
    }

    /// The name by which `--peers` calls it.
    pub(crate) fn peer(self) -> &'static str {
        match self {
            Self::Sshd => "openssh",
            Self::Thread => "thread",
            Self::Tokio => "tokio",
            Self::Russh => "russh",
            Self::RusshRing => "ring",
        }
    }

    /// Starts it on a free port; `threads` is for runtimes that can have several.
    pub(crate) fn start(self, world: &World, threads: usize) -> Result<Running, Failure> {
        let own = |program: &Path, variant: &str| {
            let spec = ServeSpec {
                host_key: world.path("host"),
                user_key: world.path("user.pub"),
                threads,
                variant: variant.to_owned(),
            };
            let mut command = Command::new(program);
            command.args(spec.to_args());
            start_own(command)
        };
        match self {
            Self::Sshd => start_sshd(world),
            Self::Thread => own(&world.program("ours_server"), "thread"),
            Self::Tokio => own(&world.program("ours_server"), "tokio"),
            Self::Russh => own(&world.program("russh_server"), ""),
            Self::RusshRing => own(&world.ring_program("russh_server"), ""),
        }
    }
}

/// A server that runs. Dropped without [`stop`](Self::stop), it is killed.
pub(crate) struct Running {
    child: Option<Child>,
    pub(crate) address: SocketAddr,
    /// It serves each connection in a process of its own, and ends when told by a signal.
    forks: bool,
}

impl Running {
    /// Ends it, and tells what it used since it was started.
    pub(crate) fn stop(mut self) -> Result<Usage, Failure> {
        let Some(child) = self.child.take() else { return Ok(Usage::default()) };
        if self.forks {
            // What its children used counts once they have been waited for.
            await_no_children(child.id())?;
            if let Some(pid) = Pid::from_raw(child.id().try_into()?) {
                kill_process(pid, Signal::TERM)?;
            }
        }
        stop(child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It is dead already, or will be.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn start_own(mut command: Command) -> Result<Running, Failure> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.as_mut() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    match line.trim().parse() {
        Ok(address) => Ok(Running { child: Some(child), address, forks: false }),
        Err(_) => {
            process::finish(child, Instant::now())?;
            Err(format!("{command:?} did not say where it listens").into())
        }
    }
}

fn start_sshd(world: &World) -> Result<Running, Failure> {
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    if rustix::process::geteuid().is_root() {
        std::fs::create_dir_all("/run/sshd")?;
    }
    let config = world.path("sshd_config");
    let text = [
        "ListenAddress 127.0.0.1".to_owned(),
        format!("Port {port}"),
        format!("HostKey {}", world.path("host").display()),
        format!("AuthorizedKeysFile {}", world.path("user.pub").display()),
        "PidFile none\nUsePAM no\nStrictModes no\nUseDNS no\nPrintMotd no\nPrintLastLog no".to_owned(),
        "PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no".to_owned(),
        // A home without start-up files: the shell is not what is measured.
        format!("SetEnv HOME={}", world.path("").display()),
        "MaxStartups 1000\nLogLevel ERROR\nCompression no".to_owned(),
    ];
    std::fs::write(&config, text.join("\n") + "\n")?;
    let mut command = Command::new(system("sshd")?);
    let log = world.path("sshd.log");
    command.args(["-D", "-E"]).arg(&log).arg("-f").arg(config).stdin(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn()?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let running = Running { child: Some(child), address, forks: true };
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        if Instant::now() > deadline {
            let log = std::fs::read_to_string(log).unwrap_or_default();
            return Err(format!("sshd does not listen: {log}").into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(running)
}

fn await_no_children(id: u32) -> Result<(), Failure> {
    let children = format!("/proc/{id}/task/{id}/children");
    let deadline = Instant::now() + PATIENCE;
    while !std::fs::read_to_string(&children)?.trim().is_empty() {
        if Instant::now() > deadline {
            return Err("sshd still serves somebody".into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
