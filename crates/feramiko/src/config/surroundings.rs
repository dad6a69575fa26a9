//! What a configuration may ask of the machine: its files, its user, its name, its networks.

use std::fs;
use std::io::Read;
use std::net::{IpAddr, ToSocketAddrs};
use std::process::Stdio;

use crate::platform;

/// The most bytes of one file.
const MAX_FILE: u64 = 1 << 20;
/// The most entries of a folder that an `Include` looks through.
const MAX_ENTRIES: usize = 10_000;

/// The machine and the user that a configuration is read for; replaceable, for tests and for programs that stand in for
/// somebody else.
pub trait Surroundings: Send + Sync {
    /// The user who runs this.
    fn user(&self) -> Option<String>;
    /// Their number.
    fn uid(&self) -> u32;
    /// Where a user lives; `None` asks for whoever runs this.
    fn home_of(&self, user: Option<&str>) -> Option<String>;
    /// Where the system's configuration is. `/etc/ssh`; on Windows there is none, because everybody can make files where it
    /// would be, and who has cannot be told.
    fn system_folder(&self) -> Option<String> {
        platform::SYSTEM_FOLDER.map(str::to_owned)
    }
    /// The name of this machine.
    fn machine(&self) -> String;
    /// An environment variable.
    fn variable(&self, name: &str) -> Option<String>;
    /// The addresses of this machine's networks; `None` where they cannot be found out.
    fn addresses(&self) -> Option<Vec<IpAddr>>;
    /// Reads a file whole; `None` if there is none. Where it must be `trusted`, nobody but its owner and root may be able
    /// to write to it.
    ///
    /// # Errors
    /// Words about why it cannot be read.
    fn read(&self, path: &str, trusted: bool) -> Result<Option<Vec<u8>>, String>;
    /// The names in a folder, in order; none if there is no such folder.
    fn list(&self, folder: &str) -> Vec<String>;
    /// Whether a command line of `Match exec` succeeds.
    ///
    /// # Errors
    /// Words about why it cannot be run.
    fn run(&self, command: &str) -> Result<bool, String>;
    /// Whether a host's name has an address, for CanonicalizeHostname; and its canonical name, if `alias` asks for it and
    /// there is one.
    fn lookup(&self, name: &str, alias: bool) -> Option<Option<String>>;
}

/// This machine, as it is. Homes are the environment's `HOME`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThisMachine;

impl Surroundings for ThisMachine {
    fn user(&self) -> Option<String> {
        let named = |name: &str| std::env::var(name).ok().filter(|user| !user.is_empty());
        // The environment is asked where the system does not know.
        platform::user_name().or_else(|| ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(named))
    }

    fn uid(&self) -> u32 {
        platform::user_number()
    }

    fn home_of(&self, user: Option<&str>) -> Option<String> {
        match user {
            None => platform::home(),
            Some(user) => platform::home_of(user),
        }
        .filter(|home| !home.is_empty())
    }

    fn machine(&self) -> String {
        platform::machine()
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    #[cfg(not(target_os = "linux"))]
    fn addresses(&self) -> Option<Vec<IpAddr>> {
        None
    }

    #[cfg(target_os = "linux")]
    fn addresses(&self) -> Option<Vec<IpAddr>> {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let (trie, v6) = (read("/proc/net/fib_trie"), read("/proc/net/if_inet6"));
        (!trie.is_empty() || !v6.is_empty()).then(|| local_addresses(&trie, &v6))
    }

    fn read(&self, path: &str, trusted: bool) -> Result<Option<Vec<u8>>, String> {
        let in_words = |error: std::io::Error| error.to_string();
        let file = match platform::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(in_words(error)),
        };
        let about = file.metadata().map_err(in_words)?;
        if !about.is_file() {
            return Err("it is not a regular file".to_owned());
        }
        if trusted {
            platform::check_owner(path, &about)?;
        }
        let mut text = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut text).map_err(in_words)?;
        if text.len() as u64 > MAX_FILE {
            return Err(format!("it has more than {MAX_FILE} bytes"));
        }
        Ok(Some(text))
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        let named = entries.take(MAX_ENTRIES).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = named.collect();
        names.sort();
        names
    }

    fn run(&self, command: &str) -> Result<bool, String> {
        let mut run = platform::shell(command);
        let done = run.stdin(Stdio::null()).stdout(Stdio::null()).status();
        let failed = |error| format!("{}: {error}", run.get_program().display());
        done.map(|status| status.success()).map_err(failed)
    }

    fn lookup(&self, name: &str, alias: bool) -> Option<Option<String>> {
        let found = (name, 22).to_socket_addrs().ok()?.next().is_some();
        if !found {
            return None;
        }
        Some(if alias { platform::canonical_name(name) } else { None })
    }
}

/// The addresses that Linux keeps for itself: leaves `/32 host LOCAL` below a line with the address, and the table of
/// IPv6 addresses.
#[cfg(target_os = "linux")]
fn local_addresses(trie: &str, v6: &str) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    let mut last: Option<IpAddr> = None;
    for line in trie.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("|--"), Some(address), _) => last = address.parse().ok(),
            (Some("/32"), Some("host"), Some("LOCAL")) => addresses.extend(last),
            _ => {}
        }
    }
    let v6 = v6.lines().filter_map(|line| u128::from_str_radix(line.split_whitespace().next()?, 16).ok());
    addresses.extend(v6.map(|bits| IpAddr::from(bits.to_be_bytes())));
    addresses.sort();
    addresses.dedup();
    addresses
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::process::Command;

    fn file(mode: u32) -> (tempfile::TempDir, String) {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        fs::write(&path, "Port 22\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let path = path.to_str().unwrap().to_owned();
        (folder, path)
    }

    #[test]
    fn defect_141_a_file_that_others_can_write_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        for mode in [0o600, 0o644, 0o444] {
            let (_folder, path) = file(mode);
            assert_eq!(ThisMachine.read(&path, true).unwrap().unwrap(), b"Port 22\n", "{mode:o}");
        }
        for mode in [0o664, 0o646, 0o666, 0o620] {
            let (_folder, path) = file(mode);
            assert!(ThisMachine.read(&path, true).unwrap_err().contains("write"), "{mode:o}");
            assert!(
                ThisMachine.read(&path, false).is_ok(),
                "one that was named by hand is the user's affair"
            );
        }
        let (folder, path) = file(0o600);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(ThisMachine.read(&path, true).unwrap_err().contains("folder"));
    }

    #[test]
    fn defect_074_only_regular_files_of_a_bounded_size_are_read() {
        assert!(ThisMachine.read("/dev/zero", false).unwrap_err().contains("regular"));
        let folder = tempfile::tempdir().unwrap();
        assert!(ThisMachine.read(folder.path().to_str().unwrap(), false).unwrap_err().contains("regular"));
        let pipe = folder.path().join("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        // Nobody writes to it, and nobody waits for that.
        assert!(ThisMachine.read(pipe.to_str().unwrap(), false).unwrap_err().contains("regular"));
        let big = folder.path().join("big");
        fs::File::create(&big).unwrap().set_len(MAX_FILE + 1).unwrap();
        assert!(ThisMachine.read(big.to_str().unwrap(), false).unwrap_err().contains("more than"));
        assert_eq!(ThisMachine.read(folder.path().join("none").to_str().unwrap(), true), Ok(None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_knows_its_addresses() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n\
                    Local:\n  +-- 127.0.0.0/8 2 0 2\n        |-- 127.0.0.1\n           /32 host LOCAL\n\
                    \x20       |-- 192.0.2.255\n           /32 link BROADCAST\n";
        let v6 = "fe80000000000000021155fffe000001 02 40 20 80 eth0\n";
        let expected: Vec<IpAddr> =
            ["127.0.0.1", "fe80::211:55ff:fe00:1"].iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(local_addresses(trie, v6), expected);
        let found = ThisMachine.addresses().unwrap();
        assert!(found.contains(&"127.0.0.1".parse().unwrap()), "{found:?}");
    }
}
