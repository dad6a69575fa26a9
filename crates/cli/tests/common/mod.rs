//! What the tests of the commands share.
#![allow(dead_code, reason = "each test file uses its part")]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use feramiko::PrivateKey;
use feramiko_interop::{KeyFile, Running, host_keys};

/// The program under test.
pub(crate) fn feramiko() -> &'static str {
    env!("CARGO_BIN_EXE_feramiko")
}

/// A house that runs in a process of its own. Dropping it kills it.
pub(crate) struct Bbs {
    pub(crate) running: Running,
    pub(crate) address: SocketAddr,
    /// Its host key, type and base64.
    pub(crate) host_key: String,
}

impl Bbs {
    /// Opens the house whose data is in that folder; the owner of `guest` may call too.
    pub(crate) fn open(data: &Path, guest: &KeyFile) -> Self {
        Self::open_to(data, &format!("{}\n", guest.public))
    }

    /// The same, with a whole file of keys. The log is the file `log` of that folder.
    pub(crate) fn open_to(data: &Path, guests: &str) -> Self {
        let file = data.join("guests");
        fs::write(&file, guests).unwrap();
        let mut command = Command::new(feramiko());
        command.args(["bbs", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        command.arg("--authorized-keys").arg(file).arg("--log").arg(data.join("log"));
        let running = Running::start("feramiko bbs", command);
        running.wait_for_text("Control-C closes the house");
        let listening = running.wait_for_text("listening on");
        let address = listening.split_whitespace().last().unwrap().parse().unwrap();
        let key = PrivateKey::load_file(data.join("host_key"), None).unwrap();
        let host_key = key.public_key().to_line("").trim().to_owned();
        Self { running, address, host_key }
    }
}

/// A home for a user, who knows nobody yet.
pub(crate) struct Home(pub(crate) tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir(home.0.path().join(".ssh")).unwrap();
        home
    }

    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.0.path().join(".ssh/known_hosts")
    }

    /// Knows these keys (type and base64) for that address.
    pub(crate) fn know(&self, address: SocketAddr, keys: &[&str]) {
        let host = format!("[{}]:{}", address.ip(), address.port());
        let lines: String = keys.iter().map(|key| format!("{host} {key}\n")).collect();
        fs::write(self.known_hosts(), lines).unwrap();
    }

    /// Knows the host keys of the foreign servers.
    pub(crate) fn know_foreign(&self, address: SocketAddr) {
        let keys: Vec<String> = host_keys().into_iter().map(|key| key.public).collect();
        self.know(address, &keys.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// `feramiko ssh` as that user, without a terminal to ask at.
    pub(crate) fn ssh(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("setsid");
        command.arg("--wait").arg(feramiko()).arg("ssh").args(arguments);
        command.env("HOME", self.0.path());
        command
    }

    /// The same as a line for a shell.
    pub(crate) fn ssh_line(&self, arguments: &str) -> String {
        format!("env HOME={} {} ssh {arguments}", self.0.path().display(), feramiko())
    }

    /// A shell line that runs `line` and says whether the terminal's settings (but for its size) are the same after it.
    pub(crate) fn watched(&self, line: &str) -> String {
        let at = self.0.path().display();
        format!(
            "stty -g > {at}/before; {line}; echo \"[status $?]\"; stty -g > {at}/after; \
             cmp {at}/before {at}/after && echo '[same terminal]'"
        )
    }
}
