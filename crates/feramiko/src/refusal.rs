//! Why a host key is not trusted.

use std::fmt;
use std::path::PathBuf;

use feramiko_keys::certificate::CertificateError;
use feramiko_keys::{Fingerprint, KnownKey, PublicKey, SshfpVerdict};

/// Why a host key is not trusted. Each case calls for another answer, so each is a value of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostKeyRefusal {
    /// Nothing is known of this host.
    Unknown {
        /// The host.
        host: HostName,
        /// The key it showed.
        key: PublicKey,
        /// The files that were read.
        files: Vec<PathBuf>,
        /// What the DNS says of the key, where it was asked.
        dns: SshfpVerdict,
    },
    /// Another key is known for this host: an attack, or a new key that nobody announced.
    Changed {
        /// The host.
        host: HostName,
        /// The key it showed.
        key: PublicKey,
        /// The keys that are known, and where.
        known: Vec<KnownAt>,
    },
    /// The key is marked `@revoked`.
    Revoked {
        /// The host.
        host: HostName,
        /// The key it showed.
        key: PublicKey,
        /// Where it is marked.
        file: PathBuf,
        /// The line, the first being 1.
        line: usize,
    },
    /// The host's name is known by this key, and its address by another (`CheckHostIP`): the name may lead somewhere else
    /// than it did, or the address belongs to another host now.
    AddressDiffers {
        /// The host.
        host: HostName,
        /// Its address.
        address: HostName,
        /// The key it showed.
        key: PublicKey,
        /// The keys that are known for the address, and where.
        known: Vec<KnownAt>,
    },
    /// The host is known by authorities, and neither its certificate nor the key in it is accepted.
    Certificate {
        /// The host.
        host: HostName,
        /// The key in the certificate.
        key: PublicKey,
        /// What is wrong with the certificate.
        problem: CertificateError,
    },
    /// The key is on a list of revoked keys (`RevokedHostKeys`), or what certifies it is.
    OnList {
        /// The key that was shown.
        key: PublicKey,
    },
    /// Another key, or another fingerprint, was asked for.
    NotTheOne {
        /// What was expected.
        expected: Vec<Fingerprint>,
        /// The key that was shown.
        key: PublicKey,
    },
    /// Whoever was asked said no.
    Declined {
        /// The key that was shown.
        key: PublicKey,
        /// Why, in the words of whoever was asked.
        why: String,
    },
}

/// A host as known_hosts files name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostName {
    /// The name or address it was called by.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A key that a file gives a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAt {
    /// The file.
    pub file: PathBuf,
    /// The line and the key.
    pub key: KnownKey,
}

impl fmt::Display for HostName {
    /// As known_hosts files have it: `host`, or `[host]:port` unless the port is 22.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            22 => f.write_str(&self.host),
            port => write!(f, "[{}]:{port}", self.host),
        }
    }
}

impl fmt::Display for HostKeyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |key: &PublicKey| format!("{} {}", key.algorithm(), key.fingerprint());
        match self {
            Self::Unknown { host, key, files, dns } => {
                let dns = match dns {
                    SshfpVerdict::Matching { .. } => ", as the DNS has it",
                    SshfpVerdict::Different => ", and the DNS has another",
                    _ => "",
                };
                write!(
                    f,
                    "the host {host} is not known ({}); its key is {}{dns}: if that is the fingerprint its owner \
                     tells, add the line \"{host} {}\" to known_hosts, or accept new hosts",
                    paths(files),
                    shown(key),
                    key.to_line("")
                )
            }
            Self::Changed { host, key, known } => {
                write!(
                    f,
                    "the host {host} has shown another key than the one known: somebody may stand between; \
                     it shows {}, known is",
                    shown(key)
                )?;
                list(f, known)?;
                f.write_str("; if its owner confirms the new key, remove these lines")
            }
            Self::AddressDiffers { host, address, key, known } => {
                write!(
                    f,
                    "the key of the host {host} is {}, and its address {address} is known by",
                    shown(key)
                )?;
                list(f, known)?;
                f.write_str("; if the address is the host's now, remove these lines")
            }
            Self::Certificate { host, problem, .. } => {
                write!(f, "the certificate of the host {host} is not accepted: {problem}")
            }
            Self::OnList { key } => write!(f, "the host key {} is on the list of revoked keys", shown(key)),
            Self::Revoked { host, key, file, line } => write!(
                f,
                "the key of the host {host} is revoked: {} ({} line {line})",
                shown(key),
                file.display()
            ),
            Self::NotTheOne { expected, key } => {
                write!(f, "the server's key is {}, expected was", shown(key))?;
                expected.iter().try_for_each(|one| write!(f, " {one}"))
            }
            Self::Declined { key, why } => write!(f, "the host key {} was not accepted: {why}", shown(key)),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, known: &[KnownAt]) -> fmt::Result {
    known.iter().try_for_each(|known| {
        let (file, line) = (known.file.display(), known.key.line);
        write!(f, " {} {} ({file} line {line})", known.key.algorithm, known.key.fingerprint())
    })
}

fn paths(files: &[PathBuf]) -> String {
    match files {
        [] => "no known_hosts file was read".to_owned(),
        files => {
            let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            format!("looked for in {}", names.join(" and "))
        }
    }
}

impl std::error::Error for HostKeyRefusal {}

impl HostKeyRefusal {
    /// The key that the server showed.
    pub fn key(&self) -> &PublicKey {
        match self {
            Self::Unknown { key, .. }
            | Self::Changed { key, .. }
            | Self::Revoked { key, .. }
            | Self::AddressDiffers { key, .. }
            | Self::Certificate { key, .. }
            | Self::OnList { key }
            | Self::NotTheOne { key, .. }
            | Self::Declined { key, .. } => key,
        }
    }
}
