//! OpenSSH's agent, and its program that speaks to agents.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::places::program;
use crate::process::{Finished, Running, run};

/// A running ssh-agent. Dropping it ends it.
#[derive(Debug)]
pub struct SshAgent {
    // First: it goes before its directory does.
    _running: Running,
    directory: TempDir,
}

impl SshAgent {
    /// Starts one without keys.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("agent-").tempdir().expect("a temporary directory");
        let mut command = Command::new(program("ssh-agent"));
        command.arg("-D").arg("-a").arg(directory.path().join("socket"));
        let running = Running::start("ssh-agent", command);
        running.wait_for_text("SSH_AUTH_SOCK");
        Self { _running: running, directory }
    }

    /// Its socket.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("socket")
    }
}

/// Runs `ssh-add` with these words, at the agent of that socket. Whatever passphrase it asks for is `answer`.
pub fn ssh_add(socket: &Path, words: &[&str], answer: &str) -> Finished {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let askpass = directory.path().join("askpass");
    fs::write(&askpass, format!("#!/bin/sh\necho '{answer}'\n")).expect("askpass written");
    fs::set_permissions(&askpass, fs::Permissions::from_mode(0o700)).expect("askpass made executable");
    let mut command = Command::new(program("ssh-add"));
    command.args(words).env("SSH_AUTH_SOCK", socket).env("HOME", directory.path());
    command.env("SSH_ASKPASS", askpass).env("SSH_ASKPASS_REQUIRE", "force");
    run(command, b"")
}
