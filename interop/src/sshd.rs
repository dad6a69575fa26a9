//! OpenSSH's server, on a free loopback port.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::accounts::{USER, among_accounts};
use crate::data::test_data;
use crate::keys::{KeyType, host_key, host_keys, user_key, user_keys};
use crate::places::program;
use crate::process::Running;

/// What the test commands are on a server whose commands are run by a shell. (`echo`, `cat` and `exit` it has.)
const COMMANDS: [(&str, &str); 4] = [
    ("bytes", "exec head -c \"$1\" \"${0%/*}/data\""),
    ("errors", "exec head -c \"$1\" \"${0%/*}/data\" >&2"),
    (
        "sink",
        "file=$(mktemp)\ncat > \"$file\"\necho \"$(wc -c < \"$file\") $(sha256sum < \"$file\" | cut -d' ' -f1)\"\nrm \"$file\"",
    ),
    // The shell that was told to run it dies, and that is whom sshd watches.
    ("signal", "kill -s \"$1\" $PPID"),
];

/// A running sshd. Dropping it ends it and all its sessions.
#[derive(Debug)]
pub struct Sshd {
    running: Running,
    address: SocketAddr,
    user: String,
    directory: TempDir,
}

/// Says how an [`Sshd`] is to be.
#[derive(Debug, Default)]
pub struct SshdBuilder {
    options: Vec<(String, String)>,
    authorized_keys: Option<String>,
    data_bytes: usize,
    accounts_needed: bool,
    home_files: Vec<(String, String)>,
}

impl SshdBuilder {
    /// Sets an option of `sshd_config`: `("Ciphers", "aes128-ctr")`. The first setting of an option counts, and these
    /// come before the fixture's own.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.options.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The lines of `authorized_keys`; without this, every key of [`user_keys`] is welcome.
    pub fn authorized_keys(mut self, lines: &str) -> Self {
        self.authorized_keys = Some(lines.to_owned());
        self
    }

    /// How much test data there is for the commands `bytes` and `errors`.
    pub fn data(mut self, bytes: usize) -> Self {
        self.data_bytes = bytes;
        self
    }

    /// Puts a file into [`USER`]'s home: `.shosts`.
    pub fn home_file(mut self, name: &str, text: &str) -> Self {
        self.home_files.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Insists on accounts with passwords and PAM, which only root can provide.
    pub fn accounts(mut self) -> Self {
        self.accounts_needed = true;
        self
    }

    /// Starts it, and waits until it listens.
    ///
    /// # Panics
    /// If it does not come up: with the reason and its log.
    pub fn start(self) -> Sshd {
        let directory = tempfile::Builder::new().prefix("sshd-").tempdir().expect("a temporary directory");
        let root = rustix::process::geteuid().is_root();
        assert!(root || !self.accounts_needed, "passwords and PAM need test accounts, and these need root");
        self.furnish(directory.path());
        let mut last = String::new();
        // Another process may take the free port before sshd does.
        for _ in 0..5 {
            let port = free_port();
            let config = directory.path().join("sshd_config");
            fs::write(&config, self.config(directory.path(), root, port)).expect("the configuration written");
            let sshd = program("sshd");
            let mut command = if root { among_accounts(directory.path()) } else { Command::new(&sshd) };
            if root {
                command.arg(&sshd);
            }
            command.arg("-D").arg("-e").arg("-f").arg(&config);
            let running = Running::start("sshd", command);
            let ready = running.wait_for(|line| match line {
                line if line.contains("Server listening on") => Some(true),
                line if line.contains("sshd ended") => Some(false),
                _ => None,
            });
            last = running.log();
            if ready == Ok(true) {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                let user = if root { USER.to_owned() } else { current_user() };
                return Sshd { running, address, user, directory };
            }
            if !last.contains("Address already in use") {
                break;
            }
        }
        panic!("sshd did not come up; it said:\n{last}");
    }

    /// Lays out what sessions find: home, keys, commands, data.
    fn furnish(&self, directory: &Path) {
        let commands = directory.join("home/bin");
        let home = directory.join("home").join(USER).join(".ssh");
        fs::create_dir_all(&commands).expect("directories made");
        fs::create_dir_all(&home).expect("directories made");
        for (name, script) in COMMANDS {
            write_program(&commands.join(name), script);
        }
        if self.data_bytes > 0 {
            fs::write(commands.join("data"), test_data(self.data_bytes)).expect("test data written");
        }
        let every_key =
            || user_keys().into_iter().chain([user_key(KeyType::Dsa)]).map(|key| key.public + "\n").collect();
        let authorized = self.authorized_keys.clone().unwrap_or_else(every_key);
        fs::write(home.join("authorized_keys"), authorized).expect("authorized keys written");
        for (name, text) in &self.home_files {
            fs::write(directory.join("home").join(USER).join(name), text)
                .expect("a file in the home written");
        }
    }

    fn config(&self, directory: &Path, root: bool, port: u16) -> String {
        let mut config = String::new();
        let mut say = |name: &str, value: &str| {
            let _ = writeln!(config, "{name} {value}");
        };
        for (name, value) in &self.options {
            say(name, value);
        }
        say("ListenAddress", "127.0.0.1");
        say("Port", &port.to_string());
        for key in host_keys().into_iter().chain([host_key(KeyType::Dsa)]) {
            say("HostKey", &key.path.display().to_string());
        }
        // Inside the namespace the directory `home` is mounted at /home.
        let home = if root { PathBuf::from("/home") } else { directory.join("home") };
        say("AuthorizedKeysFile", &home.join(USER).join(".ssh/authorized_keys").display().to_string());
        let path = format!("PATH={}:/usr/local/bin:/usr/bin:/bin", home.join("bin").display());
        say("SetEnv", &path);
        for (name, value) in [
            ("PidFile", "none"),
            ("UsePAM", if root { "yes" } else { "no" }),
            ("PasswordAuthentication", "yes"),
            ("KbdInteractiveAuthentication", if root { "yes" } else { "no" }),
            // Key files and homes live below a temporary directory that is not only ours.
            ("StrictModes", "no"),
            ("PrintMotd", "no"),
            ("PrintLastLog", "no"),
            ("UseDNS", "no"),
            ("LogLevel", "VERBOSE"),
            // Tests come in crowds, and their mistakes are meant.
            ("MaxStartups", "200"),
            ("MaxSessions", "100"),
            ("MaxAuthTries", "20"),
            ("LoginGraceTime", "60"),
            ("AcceptEnv", "FERAMIKO_*"),
            ("Subsystem", "sftp internal-sftp"),
        ] {
            say(name, value);
        }
        config
    }
}

impl Sshd {
    /// Begins to describe one.
    pub fn builder() -> SshdBuilder {
        SshdBuilder::default()
    }

    /// One with the fixture's own settings.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who may log in: [`USER`] among the test accounts, else the user who runs the test.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The user's home and what else is under `/home`, as seen from outside.
    pub fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.running.log()
    }

    /// Waits until it has logged a line with `text` in it.
    ///
    /// # Panics
    /// If that does not happen.
    pub fn wait_for_log(&self, text: &str) -> String {
        self.running.wait_for_text(text)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // The first process of the namespace ends when its input does, and is gone only when all others are: then
        // nobody holds the directory any more. Without a namespace there is only the process to kill.
        if rustix::process::geteuid().is_root() {
            self.running.close_stdin();
            let _ = self.running.wait();
        }
    }
}

fn write_program(path: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, format!("#!/bin/sh\n{script}\n")).expect("a script written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a script made executable");
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its number").port()
}

fn current_user() -> String {
    let mut command = Command::new(program("id"));
    command.arg("-un");
    crate::process::run(command, b"").text().trim().to_owned()
}
