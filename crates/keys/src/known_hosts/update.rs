//! What becomes of the lines of a host that announces its keys (`hostkeys-00@openssh.com`; ssh_config(5),
//! "UpdateHostKeys").

use std::fmt;
use std::path::Path;

use super::line::{Entry, HostMarker};
use super::{KnownHosts, LookupName};
use crate::algorithm::LEAST_RSA_BITS;
use crate::{KeyError, PublicKey};

/// What an announcement changes, under the conditions that OpenSSH sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKeyChanges {
    names: Vec<LookupName>,
    new: Vec<PublicKey>,
    obsolete: Vec<PublicKey>,
    /// One of the keys that are known is announced.
    stays_known: bool,
}

/// Why an announcement changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoUpdate {
    /// All that is announced is known, and nothing else is.
    UpToDate,
    /// A line about the host has a marker, a wildcard, or more than two names: somebody has written it, and it is left
    /// alone.
    Complex(AtLine),
    /// A line has one of the keys, known or obsolete, under another name: both would have to be changed together.
    OtherName(AtLine),
    /// None of the keys that are known is announced, and none that is may be learned: then the host would be a stranger,
    /// and anybody could be it.
    NoneLeft,
}

/// Where that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtLine {
    /// The number of the file, the first being 0.
    pub file: usize,
    /// The number of the line, the first being 1.
    pub line: usize,
}

impl HostKeyChanges {
    /// What it changes in the user's own files that a host announces these keys.
    ///
    /// `address` is the host's address by name, where lines have both (`CheckHostIP`). Keys that are not `acceptable` are
    /// not learned; nor are they forgotten, for the host has them. Lines with keys that this crate does not read are
    /// left alone.
    ///
    /// # Errors
    ///
    /// Why nothing is to be changed.
    pub fn plan(
        files: &[KnownHosts],
        name: &LookupName,
        address: Option<&LookupName>,
        announced: &[PublicKey],
        acceptable: impl Fn(&PublicKey) -> bool,
    ) -> Result<Self, NoUpdate> {
        let names: Vec<LookupName> = [Some(name), address].into_iter().flatten().cloned().collect();
        let mut known: Vec<&[u8]> = Vec::new();
        let mut obsolete: Vec<PublicKey> = Vec::new();
        let mut obstacle = None;
        for (at, entry) in entries(files) {
            let is_announced = announced.iter().any(|key| key.blob() == entry.blob);
            if !about(entry, &names) {
                if is_announced {
                    obstacle = obstacle.or(Some(NoUpdate::OtherName(at)));
                }
            } else if entry.names.marker != HostMarker::None || is_complex(entry) {
                obstacle = obstacle.or(Some(NoUpdate::Complex(at)));
            } else if is_announced {
                known.push(&entry.blob);
            } else if let Ok(key) = PublicKey::from_blob_with_rsa_floor(&entry.blob, LEAST_RSA_BITS)
                && !obsolete.contains(&key)
            {
                obsolete.push(key);
            }
        }
        let is_new = |key: &&PublicKey| !known.contains(&key.blob()) && acceptable(key);
        let new: Vec<PublicKey> = announced.iter().filter(is_new).cloned().collect();
        if new.is_empty() && obsolete.is_empty() {
            return Err(NoUpdate::UpToDate);
        }
        if let Some(obstacle) = obstacle {
            return Err(obstacle);
        }
        let stays_known = !known.is_empty();
        if !stays_known && new.is_empty() {
            return Err(NoUpdate::NoneLeft);
        }
        let elsewhere = |(_, entry): &(AtLine, &Entry)| {
            !about(entry, &names) && obsolete.iter().any(|key| key.blob() == entry.blob)
        };
        match entries(files).find(elsewhere) {
            Some((at, _)) => Err(NoUpdate::OtherName(at)),
            None => Ok(Self { names, new, obsolete, stays_known }),
        }
    }

    /// The keys that are to be learned, once the host has proved that it holds them.
    pub fn new_keys(&self) -> &[PublicKey] {
        &self.new
    }

    /// The keys that are to be forgotten.
    pub fn obsolete_keys(&self) -> &[PublicKey] {
        &self.obsolete
    }

    /// The host.
    pub fn host(&self) -> Option<&LookupName> {
        self.names.first()
    }

    /// Leaves out a new key, for which there is no proof. Where no key is left then, nothing is forgotten either.
    pub fn leave_out(&mut self, key: &PublicKey) {
        self.new.retain(|new| new != key);
        if self.new.is_empty() && !self.stays_known {
            self.obsolete.clear();
        }
    }

    /// Whether nothing is left to be done.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.obsolete.is_empty()
    }

    /// Makes the changes: new keys are added to the first of the files, obsolete ones removed from all. What was changed
    /// in the files since [`plan`](Self::plan) is respected: a line that has become complex stays, a key that has come
    /// is not added twice.
    ///
    /// # Errors
    ///
    /// The first file that cannot be read or replaced; those before it are done.
    pub fn write<P: AsRef<Path>>(&self, files: &[P], hashed: bool) -> Result<(), KeyError> {
        for (number, path) in files.iter().enumerate() {
            let path = path.as_ref();
            let change = |hosts: &mut KnownHosts| self.apply(hosts, number == 0, hashed);
            if number == 0 && !path.exists() {
                self.new
                    .iter()
                    .try_for_each(|key| KnownHosts::add_to_file(path, &self.names, key, hashed))?;
            } else {
                KnownHosts::edit_file(path, change)?;
            }
        }
        Ok(())
    }

    /// Makes the changes in memory, as [`write`](Self::write) does in each file; new keys are added if this one is to
    /// `learn` them. Answers whether anything has changed. Other lines stay as they are, byte for byte.
    ///
    /// # Errors
    ///
    /// As for [`KnownHosts::add`].
    pub fn apply(&self, hosts: &mut KnownHosts, learn: bool, hashed: bool) -> Result<bool, KeyError> {
        // Looked at before lines go: where names are hidden, the host's only line may be about to go.
        let hashed = hashed || hosts.is_hashed();
        let removed = hosts.remove_where(|line| {
            line.entry().is_some_and(|entry| {
                about(entry, &self.names)
                    && entry.names.marker == HostMarker::None
                    && !is_complex(entry)
                    && self.obsolete.iter().any(|key| key.blob() == entry.blob)
            })
        });
        let mut changed = !removed.is_empty();
        let Some(name) = self.names.first().filter(|_| learn) else { return Ok(changed) };
        for key in &self.new {
            let known = |known: &super::KnownKey| known.blob == key.blob();
            if hosts.revoked(name, key.blob()).is_none() && !hosts.keys_named(name).iter().any(known) {
                hosts.add(&self.names, key, hashed)?;
                changed = true;
            }
        }
        Ok(changed)
    }
}

fn entries(files: &[KnownHosts]) -> impl Iterator<Item = (AtLine, &Entry)> {
    files.iter().enumerate().flat_map(|(file, hosts)| {
        hosts.numbered().filter_map(move |(line, text)| Some((AtLine { file, line }, text.entry()?)))
    })
}

fn about(entry: &Entry, names: &[LookupName]) -> bool {
    names.iter().any(|name| entry.names.hosts.matches(name.as_str().as_bytes()))
}

/// Not one that `ssh` writes: those have a name, or a name and an address.
fn is_complex(entry: &Entry) -> bool {
    entry.names.hosts.has_any(b"*?!") || entry.names.hosts.count() > 2
}

impl fmt::Display for NoUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UpToDate => f.write_str("all that the host announces is known"),
            Self::Complex(at) => {
                write!(f, "line {} about the host has a marker, a pattern or several names", at.line)
            }
            Self::NoneLeft => f.write_str("none of the announced keys is known or may be learned"),
            Self::OtherName(at) => write!(f, "line {} has one of the keys under another name", at.line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> PublicKey {
        PublicKey::from_parts(feramiko_crypto::signing::PublicParts::Ed25519(&[number; 32])).unwrap()
    }

    fn hosts(lines: &[(&str, u8)]) -> KnownHosts {
        let text: String =
            lines.iter().map(|(start, number)| format!("{start} {}\n", key(*number).to_line(""))).collect();
        KnownHosts::parse(text.as_bytes())
    }

    fn plan(lines: &[(&str, u8)], announced: &[u8]) -> Result<(Vec<PublicKey>, Vec<PublicKey>), NoUpdate> {
        let announced: Vec<PublicKey> = announced.iter().map(|number| key(*number)).collect();
        let name = LookupName::new("host", 2222);
        let plan = HostKeyChanges::plan(&[hosts(lines)], &name, None, &announced, |_| true)?;
        Ok((plan.new, plan.obsolete))
    }

    const HOST: &str = "[host]:2222";

    #[test]
    fn new_keys_are_learned_and_those_that_are_not_announced_forgotten() {
        assert_eq!(plan(&[(HOST, 1)], &[1]), Err(NoUpdate::UpToDate));
        assert_eq!(plan(&[(HOST, 1)], &[1, 2]), Ok((vec![key(2)], vec![])));
        assert_eq!(plan(&[(HOST, 1), (HOST, 2)], &[1]), Ok((vec![], vec![key(2)])));
        assert_eq!(plan(&[(HOST, 1), ("other", 7)], &[2, 3]), Ok((vec![key(2), key(3)], vec![key(1)])));
        // The host at another port is another host.
        assert_eq!(plan(&[(HOST, 1), ("host", 5)], &[1]), Err(NoUpdate::UpToDate));
    }

    #[test]
    fn lines_that_somebody_has_written_are_left_alone() {
        let at = |line| AtLine { file: 0, line };
        for line in
            ["*", "[host]:*", "[ho?t]:2222", "[host]:2222,a,b", "@revoked *", "@cert-authority [host]:2222"]
        {
            let complex = plan(&[(HOST, 1), (line, 2)], &[1, 3]);
            assert_eq!(complex, Err(NoUpdate::Complex(at(2))), "{line}");
        }
        // One of the keys stands under another name, announced or obsolete.
        assert_eq!(plan(&[("other", 3), (HOST, 1)], &[1, 3]), Err(NoUpdate::OtherName(at(1))));
        assert_eq!(plan(&[(HOST, 1), (HOST, 2), ("other", 2)], &[1]), Err(NoUpdate::OtherName(at(3))));
        // Nothing would have been changed anyway.
        assert_eq!(plan(&[(HOST, 1), ("@revoked *", 9)], &[1]), Err(NoUpdate::UpToDate));
    }

    #[test]
    fn a_key_that_may_not_be_used_is_neither_learned_nor_forgotten() {
        let name = LookupName::new("host", 22);
        let announced = [key(1), key(2), key(3)];
        let files = [hosts(&[("host", 1), ("host", 2)])];
        let plan = HostKeyChanges::plan(&files, &name, None, &announced, |key| *key == announced[0]);
        assert_eq!(plan, Err(NoUpdate::UpToDate));
    }

    #[test]
    fn defect_143_a_host_never_loses_its_last_key_to_an_announcement() {
        let name = LookupName::new("host", 22);
        let files = [hosts(&[("host", 1), ("host", 2)])];
        let announced = [key(3), key(4)];
        let plan = |acceptable: &dyn Fn(&PublicKey) -> bool| {
            HostKeyChanges::plan(&files, &name, None, &announced, acceptable)
        };
        assert_eq!(plan(&|_| false), Err(NoUpdate::NoneLeft));
        let mut changes = plan(&|_| true).unwrap();
        changes.leave_out(&key(3));
        assert_eq!((changes.new_keys(), changes.obsolete_keys()), (&[key(4)][..], &[key(1), key(2)][..]));
        changes.leave_out(&key(4));
        assert!(changes.is_empty(), "{changes:?}");
    }

    #[test]
    fn lines_with_keys_that_are_not_read_stay() {
        let text = format!(
            "host {}\nhost ssh-dss AAAAB3NzaC1kc3MAAAAA\nhost ssh-ed25519 AAAA\n",
            key(1).to_line("")
        );
        let files = [KnownHosts::parse(text.as_bytes())];
        let name = LookupName::new("host", 22);
        let plan = HostKeyChanges::plan(&files, &name, None, &[key(2)], |_| true).unwrap();
        assert_eq!(plan.obsolete_keys(), [key(1)]);
        let mut hosts = files[0].clone();
        assert_eq!(plan.apply(&mut hosts, true, false), Ok(true));
        let kept = text.lines().skip(1).map(|line| format!("{line}\n")).collect::<String>();
        assert_eq!(hosts.to_bytes(), format!("{kept}host {}\n", key(2).to_line("")).as_bytes());
    }

    #[test]
    fn files_are_changed_in_place_and_new_keys_go_to_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let files = [dir.path().join("known_hosts"), dir.path().join("known_hosts2")];
        let line = |number: u8| format!("{HOST} {}\n", key(number).to_line(""));
        std::fs::write(&files[1], format!("# mine\n{}{}", line(1), line(2))).unwrap();
        let loaded: Vec<KnownHosts> = files.iter().map(|path| KnownHosts::load(path).unwrap()).collect();
        let name = LookupName::new("host", 2222);
        let plan = HostKeyChanges::plan(&loaded, &name, None, &[key(2), key(3)], |_| true).unwrap();
        plan.write(&files, false).unwrap();
        assert_eq!(std::fs::read_to_string(&files[0]).unwrap(), line(3));
        assert_eq!(std::fs::read_to_string(&files[1]).unwrap(), format!("# mine\n{}", line(2)));
        // A second time there is nothing to do, though the plan is old.
        plan.write(&files, false).unwrap();
        assert_eq!(std::fs::read_to_string(&files[0]).unwrap(), line(3));
    }

    #[test]
    fn where_names_are_hidden_new_lines_hide_theirs() {
        let mut hosts = hosts(&[(HOST, 1)]);
        hosts.hash_names().unwrap();
        let name = LookupName::new("host", 2222);
        let address = LookupName::new("192.0.2.1", 2222);
        let plan =
            HostKeyChanges::plan(std::slice::from_ref(&hosts), &name, Some(&address), &[key(2)], |_| true);
        assert_eq!(plan.unwrap().apply(&mut hosts, true, false), Ok(true));
        let text = String::from_utf8(hosts.to_bytes()).unwrap();
        assert!(text.lines().count() == 2 && !text.contains("host") && !text.contains("192"), "{text}");
        for name in [name, address] {
            assert_eq!(hosts.keys_named(&name).len(), 1);
        }
    }
}
