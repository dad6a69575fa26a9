//! dropbear's server and client, of the machines that have little room.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::accounts::{USER, among_accounts};
use crate::keys::{KeyFile, KeyType, host_key, user_key};
use crate::places::program;
use crate::process::{Finished, Running, run};

/// The kinds of keys that dropbear reads.
const KEYS: [KeyType; 3] = [KeyType::Ed25519, KeyType::Ecdsa256, KeyType::Rsa];

/// A running dropbear, with the account [`USER`] and its password and keys. Dropping it ends it.
#[derive(Debug)]
pub struct Dropbear {
    running: Running,
    address: SocketAddr,
    _directory: TempDir,
}

impl Dropbear {
    /// Starts it, and waits until it listens.
    ///
    /// # Panics
    /// If it does not come up; without root.
    pub fn start() -> Self {
        let directory =
            tempfile::Builder::new().prefix("dropbear-").tempdir().expect("a temporary directory");
        let ssh = directory.path().join("home").join(USER).join(".ssh");
        fs::create_dir_all(&ssh).expect("directories made");
        let keys: String = KEYS.map(|kind| user_key(kind).public + "\n").concat();
        fs::write(ssh.join("authorized_keys"), keys).expect("authorized keys written");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its number");
        drop(listener);
        let mut command = among_accounts(directory.path());
        command.arg(program("dropbear")).args(["-F", "-E", "-p", &address.to_string()]);
        for kind in KEYS {
            command.arg("-r").arg(converted(&host_key(kind), directory.path(), kind));
        }
        let running = Running::start("dropbear", command);
        running.wait_for_text("Not backgrounding");
        Self { running, address, _directory: directory }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Dropbear {
    fn drop(&mut self) {
        // As with sshd: the first process of the namespace ends when its input does.
        self.running.close_stdin();
        let _ = self.running.wait();
    }
}

/// Runs `command` at a server by dropbear's client, logged in with a key of that kind; these are its further arguments.
pub fn dbclient(
    address: SocketAddr,
    kind: KeyType,
    arguments: &[&str],
    command: &str,
    input: &[u8],
) -> Finished {
    let home = tempfile::Builder::new().prefix("dbclient-").tempdir().expect("a temporary directory");
    let mut client = Command::new(program("dbclient"));
    // The host key is the fixtures'; that it is the one is what the other tests are about.
    client.args(["-y", "-y", "-p", &address.port().to_string(), "-i"]);
    client.arg(converted(&user_key(kind), home.path(), kind)).args(arguments);
    client.arg(format!("{USER}@{}", address.ip())).arg(command);
    client.env("HOME", home.path()).env_remove("SSH_AUTH_SOCK");
    run(client, input)
}

fn converted(key: &KeyFile, directory: &Path, kind: KeyType) -> std::path::PathBuf {
    let path = directory.join(format!("{kind:?}"));
    let mut convert = Command::new(program("dropbearconvert"));
    convert.args(["openssh", "dropbear"]).arg(&key.path).arg(&path);
    run(convert, b"").expect_success("dropbearconvert");
    path
}
