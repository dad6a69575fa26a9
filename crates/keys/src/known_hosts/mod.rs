//! `known_hosts`: which key belongs to which host (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

mod edit;
mod line;
mod name;
mod status;
mod update;

use std::path::Path;

use line::{Entry, Line};

use crate::{KeyError, PublicKey, file};

pub use edit::HashedNames;
pub use line::HostMarker;
pub use name::LookupName;
pub use status::{HostStatus, KnownKey};
pub use update::{AtLine, HostKeyChanges, NoUpdate};

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

/// A line that names a host, as `ssh-keygen -F` finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundHost<'a> {
    /// The number of the line, the first being 1.
    pub line: usize,
    /// What stands in front of the hosts.
    pub marker: HostMarker,
    /// The key; `None` when it cannot be read.
    pub key: Option<KnownKey>,
    /// The line without its end, byte for byte. Sanitize before showing.
    pub text: &'a [u8],
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
        if edit::is_null_device(path) {
            return Ok(Self::default());
        }
        match file::read(path, MAX_FILE) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(KeyError::Io { kind: std::io::ErrorKind::NotFound, .. }) => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// The text, byte for byte as it was read, but for what was changed since.
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

    /// What is known of `host` at `port` and this key of it: see [`check_name`](Self::check_name).
    pub fn check(&self, host: &str, port: u16, key: &PublicKey) -> HostStatus {
        self.check_name(&LookupName::new(host, port), key)
    }

    /// What is known of a host and this key of it.
    ///
    /// As OpenSSH does, a key of a host at another port that is unknown there is accepted when it is the
    /// host's key at port 22, and a revocation of the host counts for all its ports.
    pub fn check_name(&self, name: &LookupName, key: &PublicKey) -> HostStatus {
        let status = self.check_exactly(name, key);
        match (&status, name.without_port()) {
            (HostStatus::Unknown | HostStatus::CertifiedOnly { .. }, Some(host)) => {
                match self.check_exactly(&host, key) {
                    trusted_or_revoked @ (HostStatus::Known { .. } | HostStatus::Revoked { .. }) => {
                        trusted_or_revoked
                    }
                    _ => status,
                }
            }
            _ => status,
        }
    }

    /// As [`check_name`](Self::check_name), by lines that name this very port only.
    pub fn check_exactly(&self, name: &LookupName, key: &PublicKey) -> HostStatus {
        let (mut trusted, mut known, mut authorities) = (None, Vec::new(), Vec::new());
        for (number, entry) in self.entries(name) {
            let same = entry.blob == key.blob();
            match entry.names.marker {
                HostMarker::Revoked if same => return HostStatus::Revoked { line: number },
                HostMarker::Revoked => {}
                HostMarker::CertAuthority => authorities.push(number),
                HostMarker::None if same => trusted = trusted.or(Some(number)),
                HostMarker::None => known.push(known_key(number, entry)),
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

    /// The keys known for a host, revoked ones and authorities left out.
    pub fn keys_for(&self, host: &str, port: u16) -> Vec<KnownKey> {
        self.keys_named(&LookupName::new(host, port))
    }

    /// As [`keys_for`](Self::keys_for), by name.
    pub fn keys_named(&self, name: &LookupName) -> Vec<KnownKey> {
        self.unrevoked(name, HostMarker::None)
    }

    /// The authorities whose certificates count for a host (`@cert-authority`), revoked ones left out: those of the port
    /// first, then those of the host.
    pub fn authorities(&self, name: &LookupName) -> Vec<KnownKey> {
        let mut found = self.unrevoked(name, HostMarker::CertAuthority);
        if let Some(host) = name.without_port() {
            for key in self.unrevoked(&host, HostMarker::CertAuthority) {
                if self.revoked(name, &key.blob).is_none() && !found.iter().any(|one| one.line == key.line) {
                    found.push(key);
                }
            }
        }
        found
    }

    /// The line that revokes a key, whether a host's or an authority's, for a host at any of its ports.
    pub fn revoked(&self, name: &LookupName, blob: &[u8]) -> Option<usize> {
        let of_host = name.without_port();
        [Some(name), of_host.as_ref()].into_iter().flatten().find_map(|name| {
            let mut entries = self.entries(name);
            let is_it = |entry: &Entry| entry.names.marker == HostMarker::Revoked && entry.blob == blob;
            entries.find(|(_, entry)| is_it(entry)).map(|(line, _)| line)
        })
    }

    /// The types of the keys known for a host, in the order of the file: to be asked for first, because a
    /// host that shows a key of another type cannot be recognized. Where a port has no entry, those of
    /// the host at port 22.
    pub fn algorithms_for(&self, host: &str, port: u16) -> Vec<String> {
        let name = LookupName::new(host, port);
        let mut keys = self.keys_named(&name);
        if let (true, Some(host)) = (keys.is_empty(), name.without_port()) {
            keys = self.keys_named(&host);
        }
        let mut algorithms = Vec::new();
        for key in keys {
            if !algorithms.contains(&key.algorithm) {
                algorithms.push(key.algorithm);
            }
        }
        algorithms
    }

    /// The lines that name a host, whatever they say of it; those too whose key cannot be read.
    pub fn find(&self, name: &LookupName) -> impl Iterator<Item = FoundHost<'_>> {
        self.numbered().filter_map(|(number, line)| {
            let names = line.names().filter(|names| names.hosts.matches(name.as_str().as_bytes()))?;
            let key = line.entry().map(|entry| known_key(number, entry));
            Some(FoundHost { line: number, marker: names.marker, key, text: line.raw() })
        })
    }

    fn unrevoked(&self, name: &LookupName, marker: HostMarker) -> Vec<KnownKey> {
        let entries: Vec<_> = self.entries(name).collect();
        let revoked = |blob: &[u8]| {
            entries.iter().any(|(_, entry)| entry.names.marker == HostMarker::Revoked && entry.blob == blob)
        };
        entries
            .iter()
            .filter(|(_, entry)| entry.names.marker == marker && !revoked(&entry.blob))
            .map(|(line, entry)| known_key(*line, entry))
            .collect()
    }

    fn entries(&self, name: &LookupName) -> impl Iterator<Item = (usize, &Entry)> {
        self.numbered()
            .filter_map(|(number, line)| Some((number, line.entry()?)))
            .filter(move |(_, entry)| entry.names.hosts.matches(name.as_str().as_bytes()))
    }

    fn numbered(&self) -> impl Iterator<Item = (usize, &Line)> {
        (1..).zip(&self.lines)
    }
}

fn known_key(line: usize, entry: &Entry) -> KnownKey {
    KnownKey { line, algorithm: entry.algorithm.clone(), blob: entry.blob.clone() }
}

#[cfg(test)]
mod tests;
