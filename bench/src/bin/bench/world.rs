//! What all measurements need: keys, programs, a directory that goes when they are done.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use feramiko_bench::Failure;
use tempfile::TempDir;

use crate::options::Options;

/// The name by which `known_hosts` knows every server.
pub(crate) const HOST_ALIAS: &str = "bench";

pub(crate) struct World {
    directory: TempDir,
    programs: PathBuf,
    /// Where russh sealing with ring was built.
    ring: PathBuf,
    user: String,
}

impl World {
    pub(crate) fn new(options: &Options) -> Result<Self, Failure> {
        let programs = build(options)?;
        let ring = programs.join("../ring/release");
        let directory = tempfile::Builder::new().prefix("bench-").tempdir()?;
        for name in ["host", "user"] {
            let path = directory.path().join(name);
            let mut keygen = Command::new(system("ssh-keygen")?);
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(path);
            if !keygen.status()?.success() {
                return Err("ssh-keygen failed".into());
            }
        }
        let host_key = std::fs::read_to_string(directory.path().join("host.pub"))?;
        std::fs::write(directory.path().join("known_hosts"), format!("{HOST_ALIAS} {host_key}"))?;
        let id = Command::new(system("id")?).arg("-un").output()?;
        let user = String::from_utf8(id.stdout)?.trim().to_owned();
        Ok(Self { directory, programs, ring, user })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Who logs in: whoever runs this, as sshd knows no other.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// One of this package's programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// A program of the russh peer that seals with ring.
    pub(crate) fn ring_program(&self, name: &str) -> PathBuf {
        self.ring.join(name)
    }

    /// A file of that many zeros, which takes no room.
    pub(crate) fn zeros(&self, bytes: u64) -> Result<File, Failure> {
        let path = self.path(&format!("zeros-{bytes}"));
        if !path.exists() {
            File::create(&path)?.set_len(bytes)?;
        }
        Ok(File::open(path)?)
    }

    /// What this was measured on.
    pub(crate) fn heading(&self, options: &Options) -> String {
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let model = model.map_or("an unknown CPU", |(_, model)| model);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let version = Command::new("ssh").arg("-V").output().map(|output| output.stderr).unwrap_or_default();
        let version = String::from_utf8_lossy(&version);
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or("?");
        format!(
            "{cores} cores of {model}, loopback; load {load} at the start; {}; russh 0.65.1; ssh2 0.9.6.\n\
             Medians of {} alternating runs; (×) is the ratio to OpenSSH in the same run.\n\n",
            version.trim(),
            options.runs
        )
    }
}

/// Builds this package's programs, and returns where they are.
fn build(options: &Options) -> Result<PathBuf, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let programs = std::env::current_exe()?.parent().ok_or("no directory of programs")?.to_path_buf();
    let target = programs.parent().ok_or("no target directory")?;
    let run = |arguments: &[&str], target: &Path| -> Result<(), Failure> {
        let mut build = Command::new(&cargo);
        build.args(["build", "--release", "--quiet", "--locked", "--manifest-path"]).arg(&manifest);
        build.args(arguments).arg("--target-dir").arg(target);
        if build.status()?.success() { Ok(()) } else { Err("the programs could not be built".into()) }
    };
    run(&["--bins"], target)?;
    if options.wants_peer("ring") {
        let peers = ["--bin", "russh_client", "--bin", "russh_server", "--no-default-features"];
        run(&[&peers[..], &["--features", "russh-ring"]].concat(), &target.join("ring"))?;
    }
    Ok(programs)
}

/// A program of the system, also one for administrators.
pub(crate) fn system(name: &str) -> Result<PathBuf, Failure> {
    let found = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/sbin", "/bin"]
        .iter()
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.exists());
    found.ok_or_else(|| format!("{name} is not installed; `cargo xtask peers` says what to install").into())
}
