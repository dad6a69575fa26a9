//! Changes: hosts added and removed, names hidden. In memory, and in files.

use std::path::Path;

use base64ct::{Base64, Encoding};
use feramiko_crypto::CryptoError;

use super::line::{HASH_BYTES, HASH_MAGIC, HostMarker, Line, hash_name};
use super::{KnownHosts, LookupName, MAX_FILE};
use crate::{KeyError, PublicKey, edit};

/// What [`hash_names`](KnownHosts::hash_names) did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HashedNames {
    /// How many names were hidden.
    pub hidden: usize,
    /// The lines (by their old numbers) whose names can still be read: those with patterns or markers, and damaged ones.
    pub left: Vec<usize>,
}

impl KnownHosts {
    /// Whether names are hidden here: some are. New lines should hide theirs too, then.
    pub fn is_hashed(&self) -> bool {
        self.lines.iter().filter_map(Line::names).any(|names| names.hosts.is_hashed())
    }

    /// The line, without its end, that makes `key` known for a host; `hashed` hides the name, as
    /// `HashKnownHosts` does.
    ///
    /// # Errors
    ///
    /// [`Unprintable`](KeyError::Unprintable) when the name is empty or has control characters, spaces, or
    /// characters that mean something in this file (`,*?!|#@[]'"\`).
    pub fn add_line(host: &str, port: u16, key: &PublicKey, hashed: bool) -> Result<String, KeyError> {
        Ok(lines(&[LookupName::new(host, port)], key, hashed)?.trim_end().to_owned())
    }

    /// Makes `key` known for a host by its names (its name and its address, usually): in one line, or where names are
    /// hidden in a line for each. They are hidden when `hashed` says so, or when names [are](Self::is_hashed) hidden here.
    ///
    /// # Errors
    ///
    /// As for [`add_line`](Self::add_line).
    pub fn add(&mut self, names: &[LookupName], key: &PublicKey, hashed: bool) -> Result<(), KeyError> {
        let text = lines(names, key, hashed || self.is_hashed())?;
        self.lines.extend(text.lines().map(|line| Line::parse(line.as_bytes())));
        self.ended = true;
        Ok(())
    }

    /// Removes the lines that name a host, as `ssh-keygen -R` does: those of authorities and revocations stay, and a
    /// line that names other hosts beside this one goes for all of them. Answers the numbers of the lines that went.
    pub fn remove(&mut self, name: &LookupName) -> Vec<usize> {
        self.remove_where(|line| {
            let names = line.names().filter(|names| names.marker == HostMarker::None);
            names.is_some_and(|names| names.hosts.matches(name.as_str().as_bytes()))
        })
    }

    pub(super) fn remove_where(&mut self, gone: impl Fn(&Line) -> bool) -> Vec<usize> {
        let mut number = 0;
        let mut removed = Vec::new();
        self.lines.retain(|line| {
            number += 1;
            if gone(line) {
                removed.push(number);
            }
            removed.last() != Some(&number)
        });
        self.ended |= !removed.is_empty();
        removed
    }

    /// Hides the names of hosts, as `ssh-keygen -H` does: each gets a line of its own. Lines with patterns or markers
    /// stay as they are, and so do those that cannot be read.
    ///
    /// # Errors
    ///
    /// [`KeyError::Crypto`] when there is no randomness, [`KeyError::TooLarge`] when the lines would become too many.
    /// Nothing is changed then.
    pub fn hash_names(&mut self) -> Result<HashedNames, KeyError> {
        let mut result = HashedNames::default();
        let (mut lines, mut bytes) = (Vec::with_capacity(self.lines.len()), 0);
        for (number, line) in (1..).zip(&self.lines) {
            let plain = line.names().filter(|names| {
                names.marker == HostMarker::None && !names.hosts.is_hashed() && !names.hosts.has_any(b"*?!")
            });
            let (hosts, key) = line.split();
            if plain.is_none() || hosts.iter().all(|byte| *byte == b',') {
                let hidden = line.names().is_some_and(|names| names.hosts.is_hashed());
                if !hidden && (line.names().is_some() || line.damage().is_some()) {
                    result.left.push(number);
                }
                lines.push(line.clone());
                continue;
            }
            for name in hosts.split(|byte| *byte == b',').filter(|name| !name.is_empty()) {
                let hidden = hashed(&name.to_ascii_lowercase())?;
                let line = [hidden.as_bytes(), b" ", key].concat();
                // One line of many names would become a multiple of itself.
                bytes += line.len() as u64 + 1;
                if bytes > MAX_FILE {
                    return Err(KeyError::TooLarge { path: None, limit: MAX_FILE });
                }
                lines.push(Line::parse(&line));
                result.hidden += 1;
            }
        }
        self.lines = lines;
        Ok(result)
    }

    /// Appends [`add`](Self::add)'s line to a file for one name: see [`add_to_file`](Self::add_to_file).
    pub fn append_to_file(
        path: impl AsRef<Path>,
        host: &str,
        port: u16,
        key: &PublicKey,
        hashed: bool,
    ) -> Result<(), KeyError> {
        Self::add_to_file(path, &[LookupName::new(host, port)], key, hashed)
    }

    /// [`add`](Self::add)s to a file. The file, and `~/.ssh`, are made for their owner alone when missing; nothing that
    /// is there is changed, and a last line without its end gets it. `/dev/null` stays empty.
    pub fn add_to_file(
        path: impl AsRef<Path>,
        names: &[LookupName],
        key: &PublicKey,
        hashed: bool,
    ) -> Result<(), KeyError> {
        names.iter().try_for_each(LookupName::writable)?;
        if is_null_device(path.as_ref()) {
            return Ok(());
        }
        edit::append(path.as_ref(), MAX_FILE, |text| {
            lines(names, key, hashed || Self::parse(text).is_hashed())
        })
    }

    /// [`remove`](Self::remove)s a host from a file, which is replaced as a whole. Answers the numbers of the lines that
    /// went; none where the file is missing. Nothing is kept of them.
    pub fn remove_from_file(path: impl AsRef<Path>, name: &LookupName) -> Result<Vec<usize>, KeyError> {
        let mut removed = Vec::new();
        Self::edit_file(path.as_ref(), |hosts| {
            removed = hosts.remove(name);
            Ok(!removed.is_empty())
        })?;
        Ok(removed)
    }

    /// [Hides the names](Self::hash_names) in a file, which is replaced as a whole. Nothing is kept of the old one, whose
    /// names could be read.
    pub fn hash_file(path: impl AsRef<Path>) -> Result<HashedNames, KeyError> {
        let mut result = HashedNames::default();
        Self::edit_file(path.as_ref(), |hosts| {
            result = hosts.hash_names()?;
            Ok(result.hidden > 0)
        })?;
        Ok(result)
    }

    /// Replaces a file by what `change` makes of it, if it says that there is something to change.
    pub(super) fn edit_file(
        path: &Path,
        mut change: impl FnMut(&mut Self) -> Result<bool, KeyError>,
    ) -> Result<bool, KeyError> {
        if is_null_device(path) {
            return Ok(false);
        }
        edit::replace(path, MAX_FILE, |text| {
            let mut hosts = Self::parse(text);
            Ok(change(&mut hosts)?.then(|| hosts.to_bytes()))
        })
    }
}

/// The file that people name to keep no known hosts at all.
pub(super) fn is_null_device(path: &Path) -> bool {
    cfg!(unix) && path == Path::new("/dev/null")
}

/// Lines with their ends.
fn lines(names: &[LookupName], key: &PublicKey, hidden: bool) -> Result<String, KeyError> {
    names.iter().try_for_each(LookupName::writable)?;
    let key = key.to_line("");
    if hidden {
        let line = |name: &LookupName| Ok(format!("{} {key}\n", hashed(name.as_str().as_bytes())?));
        return names.iter().map(line).collect();
    }
    let names: Vec<&str> = names.iter().map(LookupName::as_str).collect();
    Ok(if names.is_empty() { String::new() } else { format!("{} {key}\n", names.join(",")) })
}

/// A name that can be recognized but not read, under a salt of its own.
fn hashed(name: &[u8]) -> Result<String, KeyError> {
    let mut salt = [0; HASH_BYTES];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| KeyError::Crypto(CryptoError::Backend))?;
    let hash = hash_name(&salt, name);
    Ok(format!("{HASH_MAGIC}{}|{}", Base64::encode_string(&salt), Base64::encode_string(&hash)))
}
