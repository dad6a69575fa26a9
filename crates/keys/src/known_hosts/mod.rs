//! `known_hosts`: which key belongs to which host (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

mod line;
mod write;

use std::path::Path;

use line::{Entry, Line, Marker};

use crate::{Fingerprint, KeyError, PublicKey, file};

/// The port that stands in no entry.
const SSH_PORT: u16 = 22;
/// The most bytes of a file: some 100 000 hosts.
const MAX_FILE: u64 = 32 << 20;

/// The lines of a `known_hosts` file.
///
/// Lines that cannot be read are kept as they are, never match, and are listed by
/// [`damaged`](Self::damaged).
///
/// ```
/// use feramiko_keys::{HostStatus, KeyType, KnownHosts, PrivateKey};
///
/// let key = PrivateKey::generate(KeyType::Ed25519)?;
/// let line = KnownHosts::add_line("example.com", 2222, key.public_key(), true)?;
/// let hosts = KnownHosts::parse(line.as_bytes());
/// assert_eq!(hosts.check("example.com", 2222, key.public_key()), HostStatus::Known { line: 1 });
/// assert_eq!(hosts.check("example.com", 22, key.public_key()), HostStatus::Unknown);
/// # Ok::<(), feramiko_keys::KeyError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct KnownHosts {
    lines: Vec<Line>,
    /// Whether the last line had its end.
    ended: bool,
}

/// A key that a line gives a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// The number of the line, the first being 1.
    pub line: usize,
    /// The type of the key: `ssh-ed25519`. It may be one that this crate does not support otherwise.
    pub algorithm: String,
    /// The key's blob.
    pub blob: Vec<u8>,
}

impl KnownKey {
    /// The key's fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.blob)
    }
}

/// What a file says of a host and the key it showed.
///
/// Only [`Known`](Self::Known) is trust. OpenSSH asks the user about [`Unknown`](Self::Unknown) and
/// [`CertifiedOnly`](Self::CertifiedOnly), and refuses all the others; of
/// [`UnknownType`](Self::UnknownType) it says, as of [`Changed`](Self::Changed), that the host
/// identification has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostStatus {
    /// The key is one of the host's.
    Known {
        /// The first line that says so.
        line: usize,
    },
    /// Nothing is known of the host.
    Unknown,
    /// A certificate authority stands for the host, and no key: the host should have shown a certificate.
    /// (Host certificates are not supported yet; the lines never count as keys of the host.)
    CertifiedOnly {
        /// The lines of the authorities.
        lines: Vec<usize>,
    },
    /// The host has other keys, none of this key's type. It may have a new key beside the old ones, or
    /// somebody stands in between who has no key of the right type: treat it as changed unless its other
    /// keys can be shown, and ask the host for keys of [`algorithms_for`](KnownHosts::algorithms_for) first.
    UnknownType {
        /// All keys known for the host.
        known: Vec<KnownKey>,
    },
    /// The host has a key of this type, and it is another one: an attack, or a new key that was not announced.
    Changed {
        /// All keys known for the host.
        known: Vec<KnownKey>,
    },
    /// The key is marked `@revoked` for the host: never trust it.
    Revoked {
        /// The line that says so.
        line: usize,
    },
}

impl HostStatus {
    /// What two files say together (the user's and the system's): a revocation wins, then trust, then
    /// what is known otherwise.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let rank = |status: &Self| match status {
            Self::Unknown => 0,
            Self::CertifiedOnly { .. } => 1,
            Self::UnknownType { .. } => 2,
            Self::Changed { .. } => 3,
            Self::Known { .. } => 4,
            Self::Revoked { .. } => 5,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}

impl KnownHosts {
    /// Reads the text of a file. Never fails: see [`damaged`](Self::damaged).
    pub fn parse(text: &[u8]) -> Self {
        let ended = text.last().is_none_or(|byte| *byte == b'\n');
        let lines = match text {
            [] => Vec::new(),
            text => {
                let text = text.strip_suffix(b"\n").unwrap_or(text);
                text.split(|byte| *byte == b'\n').map(Line::parse).collect()
            }
        };
        Self { lines, ended }
    }

    /// Reads a file: a regular one of at most 32 MiB. One that is missing is empty, and so is `/dev/null`.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        if write::is_null_device(path) {
            return Ok(Self::default());
        }
        match file::read(path, MAX_FILE) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(KeyError::Io { kind: std::io::ErrorKind::NotFound, .. }) => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// The text, byte for byte as it was read.
    pub fn to_bytes(&self) -> Vec<u8> {
        let lines: Vec<&[u8]> = self.lines.iter().map(Line::raw).collect();
        let mut text = lines.join(&b'\n');
        if self.ended && !self.lines.is_empty() {
            text.push(b'\n');
        }
        text
    }

    /// The lines that cannot be read: number and reason.
    pub fn damaged(&self) -> impl Iterator<Item = (usize, &'static str)> {
        self.numbered().filter_map(|(number, line)| Some((number, line.damage()?)))
    }

    /// What is known of `host` at `port` and this key of it.
    ///
    /// The host is looked up by the name it was called by, in lower case, as `[host]:port` unless the
    /// port is 22. As OpenSSH does, a key of a host at another port that is unknown there is accepted
    /// when it is the host's key at port 22, and a revocation of the host counts for all its ports.
    pub fn check(&self, host: &str, port: u16, key: &PublicKey) -> HostStatus {
        let status = self.check_name(&lookup_name(host, port), key);
        match status {
            HostStatus::Unknown | HostStatus::CertifiedOnly { .. } if is_other_port(port) => {
                match self.check_name(&lookup_name(host, SSH_PORT), key) {
                    trusted_or_revoked @ (HostStatus::Known { .. } | HostStatus::Revoked { .. }) => {
                        trusted_or_revoked
                    }
                    _ => status,
                }
            }
            status => status,
        }
    }

    /// The keys known for a host, revoked ones and authorities left out.
    pub fn keys_for(&self, host: &str, port: u16) -> Vec<KnownKey> {
        let name = lookup_name(host, port);
        let entries: Vec<_> = self.entries(&name).collect();
        let revoked = |blob: &[u8]| {
            entries.iter().any(|(_, entry)| entry.marker == Marker::Revoked && entry.blob == blob)
        };
        entries
            .iter()
            .filter(|(_, entry)| entry.marker == Marker::None && !revoked(&entry.blob))
            .map(|(line, entry)| known_key(*line, entry))
            .collect()
    }

    /// The types of the keys known for a host, in the order of the file: to be asked for first, because a
    /// host that shows a key of another type cannot be recognized. Where a port has no entry, those of
    /// the host at port 22.
    pub fn algorithms_for(&self, host: &str, port: u16) -> Vec<String> {
        let mut keys = self.keys_for(host, port);
        if keys.is_empty() && is_other_port(port) {
            keys = self.keys_for(host, SSH_PORT);
        }
        let mut algorithms = Vec::new();
        for key in keys {
            if !algorithms.contains(&key.algorithm) {
                algorithms.push(key.algorithm);
            }
        }
        algorithms
    }

    /// The line, without its end, that makes `key` known for a host; `hashed` hides the name, as
    /// `HashKnownHosts` does.
    ///
    /// # Errors
    ///
    /// [`Unprintable`](KeyError::Unprintable) when the name is empty or has control characters, spaces, or
    /// characters that mean something in this file (`,*?!|#@[]"\`).
    pub fn add_line(host: &str, port: u16, key: &PublicKey, hashed: bool) -> Result<String, KeyError> {
        write::line(host, port, key, hashed)
    }

    /// Appends [`add_line`](Self::add_line)'s line to a file. The file, and `~/.ssh`, are made for their
    /// owner alone when missing; nothing that is there is changed, and a last line without its end gets it.
    pub fn append_to_file(
        path: impl AsRef<Path>,
        host: &str,
        port: u16,
        key: &PublicKey,
        hashed: bool,
    ) -> Result<(), KeyError> {
        let line = write::line(host, port, key, hashed)?;
        if write::is_null_device(path.as_ref()) {
            return Ok(());
        }
        file::append(path.as_ref(), &line)
    }

    fn check_name(&self, name: &str, key: &PublicKey) -> HostStatus {
        let (mut trusted, mut known, mut authorities) = (None, Vec::new(), Vec::new());
        for (number, entry) in self.entries(name) {
            let same = entry.blob == key.blob();
            match entry.marker {
                Marker::Revoked if same => return HostStatus::Revoked { line: number },
                Marker::Revoked => {}
                Marker::CertAuthority => authorities.push(number),
                Marker::None if same => trusted = trusted.or(Some(number)),
                Marker::None => known.push(known_key(number, entry)),
            }
        }
        if let Some(line) = trusted {
            HostStatus::Known { line }
        } else if known.iter().any(|other| other.algorithm == key.algorithm()) {
            HostStatus::Changed { known }
        } else if !known.is_empty() {
            HostStatus::UnknownType { known }
        } else if !authorities.is_empty() {
            HostStatus::CertifiedOnly { lines: authorities }
        } else {
            HostStatus::Unknown
        }
    }

    fn entries<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (usize, &'a Entry)> {
        self.numbered()
            .filter_map(|(number, line)| Some((number, line.entry()?)))
            .filter(move |(_, entry)| entry.hosts.matches(name.as_bytes()))
    }

    fn numbered(&self) -> impl Iterator<Item = (usize, &Line)> {
        (1..).zip(&self.lines)
    }
}

fn known_key(line: usize, entry: &Entry) -> KnownKey {
    KnownKey { line, algorithm: entry.algorithm.clone(), blob: entry.blob.clone() }
}

fn is_other_port(port: u16) -> bool {
    port != SSH_PORT && port != 0
}

/// The name that a host has in these files.
fn lookup_name(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if is_other_port(port) { format!("[{host}]:{port}") } else { host }
}

#[cfg(test)]
mod tests;
