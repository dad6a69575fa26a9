//! OpenSSH's client, told everything and reading nobody's configuration.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::accounts::USER;
use crate::job::Negotiated;
use crate::keys::{KeyFile, host_keys};
use crate::places::program;
use crate::process::{Finished, Running, run};

/// Answers one prompt for each call: the first line that is left. What it was asked is written down.
const ASKPASS: &str = r#"#!/bin/sh
directory=${0%/*}
printf '%s' "$1" | tr '\n' ' ' >> "$directory/prompts"
echo >> "$directory/prompts"
head -n 1 "$directory/answers"
sed -i 1d "$directory/answers"
"#;

/// Runs the rest of its arguments where the first one is the directory /etc/ssh: in a mount namespace of its own.
const ON_ANOTHER_HOST: &str = r#"
set -eu
directory=$1
shift
mount --make-rprivate /
mount --bind "$directory" /etc/ssh
exec "$@"
"#;

/// One use of `ssh`. It trusts the host keys of the fixtures, and offers no key and no answer that it was not given.
#[derive(Debug)]
pub struct Ssh {
    address: SocketAddr,
    user: String,
    arguments: Vec<String>,
    directory: TempDir,
    answers: Vec<String>,
    has_key: bool,
    vouches: bool,
}

impl Ssh {
    /// To a server on this machine, as [`USER`].
    pub fn to(address: SocketAddr) -> Self {
        let directory = tempfile::Builder::new().prefix("ssh-").tempdir().expect("a temporary directory");
        let ssh = Self {
            address,
            user: USER.to_owned(),
            arguments: Vec::new(),
            directory,
            answers: Vec::new(),
            has_key: false,
            vouches: false,
        };
        let keys: Vec<String> = host_keys().into_iter().map(|key| key.public).collect();
        ssh.host_keys(&keys.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// As somebody else.
    pub fn user(mut self, user: &str) -> Self {
        self.user = user.to_owned();
        self
    }

    /// Trusts these host keys (type and base64) in place of the fixtures'.
    pub fn host_keys(self, keys: &[&str]) -> Self {
        let SocketAddr::V4(address) = self.address else { panic!("fixtures listen on IPv4") };
        let lines: String =
            keys.iter().map(|key| format!("[{}]:{} {key}\n", address.ip(), address.port())).collect();
        self.known_hosts(&lines)
    }

    /// Trusts what this text says, as known_hosts files have it.
    pub fn known_hosts(self, text: &str) -> Self {
        fs::write(self.known_hosts_file(), text).expect("known_hosts written");
        self
    }

    /// Its known_hosts file.
    pub fn known_hosts_file(&self) -> PathBuf {
        self.directory.path().join("known_hosts")
    }

    /// Offers that key; may be said more than once.
    pub fn key(mut self, key: &KeyFile) -> Self {
        self.has_key = true;
        self.option("IdentityFile", &key.path.display().to_string())
    }

    /// Lets the machine vouch for its user, with this host key (`HostbasedAuthentication`). Only root can do that: it takes a
    /// mount namespace, in which the machine has this key.
    ///
    /// # Panics
    /// If the key cannot be read.
    pub fn vouched_by(mut self, key: &KeyFile) -> Self {
        let etc = self.directory.path().join("etc-ssh");
        fs::create_dir(&etc).expect("a directory made");
        fs::write(etc.join("ssh_config"), "EnableSSHKeysign yes\n").expect("a configuration written");
        let private = etc.join("ssh_host_ed25519_key");
        fs::copy(&key.path, &private).expect("a host key copied");
        fs::set_permissions(&private, fs::Permissions::from_mode(0o600)).expect("a host key made private");
        fs::write(private.with_extension("pub"), &key.public).expect("a public key written");
        self.vouches = true;
        self.option("HostbasedAuthentication", "yes").option("PreferredAuthentications", "hostbased")
    }

    /// Shows this certificate of the machine's key too: after [`vouched_by`](Self::vouched_by).
    ///
    /// # Panics
    /// If nobody vouches.
    pub fn host_certificate(self, line: &str) -> Self {
        let path = self.directory.path().join("etc-ssh/ssh_host_ed25519_key-cert.pub");
        fs::write(path, format!("{line}\n")).expect("a certificate beside the host key");
        self
    }

    /// Answers prompts (passwords, passphrases, keyboard-interactive) with these, one after the other. Without
    /// answers, `ssh` asks nothing and fails where it would.
    pub fn answers(mut self, answers: &[&str]) -> Self {
        self.answers = answers.iter().map(|answer| (*answer).to_owned()).collect();
        self
    }

    /// Sets an option of `ssh_config`. The first setting counts, and these come before the fixture's own.
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.arguments.push("-o".to_owned());
        self.arguments.push(format!("{name}={value}"));
        self
    }

    /// Adds a flag, such as `-tt`.
    pub fn flag(mut self, flag: &str) -> Self {
        self.arguments.push(flag.to_owned());
        self
    }

    /// The whole command line and environment; an empty `command` asks for a shell. It needs `self` as long as it runs.
    pub fn command(&self, command: &str) -> Command {
        let directory = self.directory.path();
        let mut ssh = match self.vouches {
            false => Command::new(program("ssh")),
            true => {
                let mut unshare = Command::new(program("unshare"));
                unshare.args(["--mount", "sh", "-c", ON_ANOTHER_HOST, "on-another-host"]);
                unshare.arg(directory.join("etc-ssh")).arg(program("ssh"));
                unshare
            }
        };
        ssh.args(["-F", "none", "-v", "-E"]).arg(directory.join("log")).args(&self.arguments);
        let mut option = |name: &str, value: &str| {
            ssh.arg("-o").arg(format!("{name}={value}"));
        };
        option("UserKnownHostsFile", &self.known_hosts_file().display().to_string());
        option("GlobalKnownHostsFile", "none");
        option("StrictHostKeyChecking", "yes");
        option("UpdateHostKeys", "no");
        option("IdentitiesOnly", "yes");
        option("IdentityAgent", "none");
        option("NumberOfPasswordPrompts", "1");
        option("ControlPath", "none");
        if !self.has_key {
            option("IdentityFile", "none");
        }
        if self.answers.is_empty() {
            option("BatchMode", "yes");
        } else {
            let askpass = directory.join("askpass");
            fs::write(&askpass, ASKPASS).expect("askpass written");
            fs::set_permissions(&askpass, fs::Permissions::from_mode(0o700))
                .expect("askpass made executable");
            fs::write(directory.join("answers"), self.answers.join("\n") + "\n").expect("answers written");
            ssh.env("SSH_ASKPASS", askpass).env("SSH_ASKPASS_REQUIRE", "force");
        }
        ssh.arg("-p").arg(self.address.port().to_string());
        ssh.arg("-l").arg(&self.user).arg(self.address.ip().to_string());
        if !command.is_empty() {
            ssh.arg(command);
        }
        ssh.env_remove("SSH_AUTH_SOCK").env_remove("DISPLAY");
        ssh
    }

    /// [`command`](Self::command) as a line for a shell, for instance in a [`Tmux`](crate::Tmux).
    pub fn shell_line(&self, command: &str) -> String {
        let ssh = self.command(command);
        let mut line = "env -u SSH_AUTH_SOCK -u DISPLAY".to_owned();
        for (name, value) in ssh.get_envs() {
            if let Some(value) = value {
                line += &format!(" {}={}", name.display(), quoted(value));
            }
        }
        for word in std::iter::once(ssh.get_program()).chain(ssh.get_args()) {
            line += " ";
            line += &quoted(word);
        }
        line
    }

    /// Runs `command` over there, with `input` on its standard input, to the end.
    pub fn run(&self, command: &str, input: &[u8]) -> Finished {
        run(self.command(command), input)
    }

    /// Starts `command` over there and leaves it running.
    pub fn start(&self, command: &str) -> Running {
        Running::start("ssh", self.command(command))
    }

    /// What `ssh -v` wrote, its error messages included.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// The prompts that were answered.
    pub fn prompts(&self) -> Vec<String> {
        let prompts = fs::read_to_string(self.directory.path().join("prompts")).unwrap_or_default();
        prompts.lines().map(str::to_owned).collect()
    }

    /// Whether the log tells of a login.
    pub fn authenticated(&self) -> bool {
        self.log().lines().any(|line| line.starts_with("Authenticated to "))
    }

    /// What was negotiated at last, according to the log.
    pub fn negotiated(&self) -> Negotiated {
        let mut negotiated = Negotiated::default();
        for line in self.log().lines() {
            let Some(rest) = line.strip_prefix("debug1: kex: ") else { continue };
            if let Some(name) = rest.strip_prefix("algorithm: ") {
                negotiated.kex = name.to_owned();
            } else if let Some(name) = rest.strip_prefix("host key algorithm: ") {
                negotiated.host_key = name.to_owned();
            } else if let Some(rest) = rest.strip_prefix("client->server cipher: ") {
                let words: Vec<&str> = rest.split(' ').collect();
                if let [cipher, "MAC:", mac, "compression:", compression] = words[..] {
                    negotiated.cipher = cipher.to_owned();
                    negotiated.mac = mac.to_owned();
                    negotiated.compression = compression.to_owned();
                }
            }
        }
        negotiated
    }

    /// How many key exchanges the log tells of.
    pub fn key_exchanges(&self) -> u64 {
        self.log().lines().filter(|line| line.contains("SSH2_MSG_NEWKEYS received")).count() as u64
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("log")
    }
}

fn quoted(word: &OsStr) -> String {
    format!("'{}'", word.to_string_lossy().replace('\'', "'\\''"))
}
