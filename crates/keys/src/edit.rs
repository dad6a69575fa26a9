//! Files of lines that several programs write: appended to, or replaced as a whole.
//!
//! Those who use this module exclude one another by a lock on the file. Programs that know nothing of the lock (OpenSSH
//! takes none) are noticed when they change the file before it is replaced; then the change is made anew.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::{KeyError, file};

/// How often a change is made anew because somebody else was quicker.
const TRIES: usize = 64;

/// Appends the lines that `lines` makes, each with its end, of what is there; nothing, when it makes none.
///
/// The file is regular and has at most `limit` bytes. It is made for its owner alone when missing, in a directory that
/// is made likewise. A last line without its end gets it first.
pub(crate) fn append(
    path: &Path,
    limit: u64,
    lines: impl FnOnce(&[u8]) -> Result<String, KeyError>,
) -> Result<(), KeyError> {
    let io = |error| KeyError::io(path, &error);
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.exists()) {
        file::create_private_dir(parent).map_err(|error| KeyError::io(parent, &error))?;
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    file::owner_only(&mut options);
    file::no_waiting(&mut options);
    let mut held = hold(path, || options.open(path))?;
    let content = read(&mut held, path, limit)?;
    let mut text = lines(&content)?;
    if text.is_empty() {
        return Ok(());
    }
    if content.last().is_some_and(|last| *last != b'\n') {
        text.insert(0, '\n');
    }
    // One write at the end of the file: two programs that append at once do not mix their lines.
    held.write_all(text.as_bytes()).map_err(io)
}

/// Replaces a file by what `change` makes of it; says whether there was anything to change (`None` is no change, and so is
/// a file that is missing).
///
/// The new content is written to a new file beside the old one, which then takes its name: nobody ever sees half of it,
/// and an error leaves the old one as it was. Where `path` is a link, what it leads to is replaced. The new file has the
/// permissions of the old one, except that nobody but the owner may write it.
pub(crate) fn replace(
    path: &Path,
    limit: u64,
    mut change: impl FnMut(&[u8]) -> Result<Option<Vec<u8>>, KeyError>,
) -> Result<bool, KeyError> {
    let io = |error| KeyError::io(path, &error);
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(io(error)),
    };
    let mut options = OpenOptions::new();
    options.read(true);
    file::no_waiting(&mut options);
    for _ in 0..TRIES {
        let mut held = hold(&target, || options.open(&target))?;
        let before = Version::of(&held).map_err(io)?;
        let content = read(&mut held, path, limit)?;
        let Some(new) = change(&content)? else { return Ok(false) };
        let draft = Draft::write(&target, &new, &held)?;
        if Version::of(&held).map_err(io)? == before && is_at(&held, &target) {
            // Windows puts nothing in the place of what somebody holds; elsewhere that keeps others out meanwhile.
            #[cfg(windows)]
            drop(held);
            draft.publish(&target)?;
            return Ok(true);
        }
    }
    Err(io(io::Error::new(io::ErrorKind::ResourceBusy, "other programs change it all the time")))
}

/// Opens a file and locks it, and makes sure that it still has its name then.
fn hold(path: &Path, open: impl Fn() -> io::Result<File>) -> Result<File, KeyError> {
    for _ in 0..TRIES {
        let file = open().map_err(|error| KeyError::io(path, &error))?;
        file::regular(&file, path)?;
        lock(&file);
        if is_at(&file, path) {
            return Ok(file);
        }
    }
    let busy = io::Error::new(io::ErrorKind::ResourceBusy, "other programs replace it all the time");
    Err(KeyError::io(path, &busy))
}

fn read(file: &mut File, path: &Path, limit: u64) -> Result<Vec<u8>, KeyError> {
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content).map_err(|error| KeyError::io(path, &error))?;
    if content.len() as u64 > limit {
        return Err(KeyError::TooLarge { path: Some(path.to_owned()), limit });
    }
    Ok(content)
}

/// What changes when somebody writes to a file.
#[derive(PartialEq)]
struct Version {
    length: u64,
    modified: Option<SystemTime>,
}

impl Version {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { length: metadata.len(), modified: metadata.modified().ok() })
    }
}

/// A new content that is not in its place yet. Dropped, it is gone.
struct Draft {
    path: PathBuf,
    placed: bool,
}

impl Draft {
    fn write(target: &Path, content: &[u8], old: &File) -> Result<Self, KeyError> {
        let mut random = [0; 8];
        aws_lc_rs::rand::fill(&mut random)
            .map_err(|_| KeyError::Crypto(feramiko_crypto::CryptoError::Backend))?;
        let mut name = target.as_os_str().to_owned();
        name.push(format!(".{:016x}", u64::from_ne_bytes(random)));
        let path = PathBuf::from(name);
        // Not through a link that somebody has laid there, and not over a file.
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        file::owner_only(&mut options);
        let mut file = options.open(&path).map_err(|error| KeyError::io(&path, &error))?;
        let draft = Self { path, placed: false };
        let written = file.write_all(content);
        let written = written.and_then(|()| same_access(&file, old)).and_then(|()| file.sync_all());
        written.map_err(|error| KeyError::io(&draft.path, &error))?;
        Ok(draft)
    }

    fn publish(mut self, target: &Path) -> Result<(), KeyError> {
        fs::rename(&self.path, target).map_err(|error| KeyError::io(target, &error))?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.placed {
            // It was never anybody's file: nothing is lost when it stays.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// An error is no lock, and no reason to write nothing: some file systems have none.
#[cfg(unix)]
fn lock(file: &File) {
    let _ = file.lock();
}

/// Elsewhere a lock keeps others from reading.
#[cfg(not(unix))]
fn lock(_file: &File) {}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(file), Ok(named)) => (file.dev(), file.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

/// The permissions of the old file, and its owner, where we may give files away.
#[cfg(unix)]
fn same_access(new: &File, old: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let (ours, old) = (new.metadata()?, old.metadata()?);
    if (ours.uid(), ours.gid()) != (old.uid(), old.gid()) {
        // Only root may; for others the file is theirs, as it is for ssh-keygen.
        let _ = fchown(new, Some(old.uid()), Some(old.gid()));
    }
    new.set_permissions(fs::Permissions::from_mode(old.mode() & 0o644))
}

#[cfg(not(unix))]
fn same_access(_new: &File, _old: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const LIMIT: u64 = 1 << 20;

    fn line(text: &str) -> impl FnOnce(&[u8]) -> Result<String, KeyError> {
        let line = format!("{text}\n");
        move |_| Ok(line)
    }

    #[test]
    fn defect_128_appending_keeps_what_is_there_and_ends_its_last_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ssh").join("known_hosts");
        append(&file, LIMIT, line("one")).unwrap();
        append(&file, LIMIT, line("two")).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"one\ntwo\n");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(dir.path().join("ssh")).unwrap().permissions().mode() & 0o777, 0o700);

        fs::write(&file, "one\ncut").unwrap();
        append(&file, LIMIT, line("three")).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"one\ncut\nthree\n");
    }

    #[test]
    fn defect_125_a_replaced_file_keeps_its_permissions_and_its_links() {
        let dir = tempfile::tempdir().unwrap();
        let (file, other) = (dir.path().join("file"), dir.path().join("link"));
        symlink(&file, &other).unwrap();
        for (mode, expected) in [(0o600, 0o600), (0o644, 0o644), (0o666, 0o644)] {
            fs::write(&file, "old").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert!(replace(&other, LIMIT, |old| Ok(Some([old, b" and new"].concat()))).unwrap());
            assert_eq!(fs::read(&file).unwrap(), b"old and new");
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, expected);
        }
        assert!(fs::symlink_metadata(&other).unwrap().is_symlink());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left lying around");
    }

    #[test]
    fn defect_128_what_cannot_be_replaced_stays_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "old").unwrap();
        let failed = replace(&file, LIMIT, |_| Err(KeyError::PassphraseNeeded));
        assert_eq!(failed, Err(KeyError::PassphraseNeeded));
        assert_eq!(replace(&file, LIMIT, |_| Ok(None)), Ok(false));
        assert!(replace(&file, 2, |_| Ok(Some(Vec::new()))).is_err());
        assert_eq!(replace(&dir.path().join("missing"), LIMIT, |_| Ok(Some(Vec::new()))), Ok(false));
        assert!(replace(dir.path(), LIMIT, |_| Ok(Some(Vec::new()))).is_err());
        assert_eq!(fs::read(&file).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_line_that_comes_while_the_file_is_being_rewritten_is_not_lost() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "one\n").unwrap();
        let mut calls = 0;
        let changed = replace(&file, LIMIT, |old| {
            calls += 1;
            if calls == 1 {
                // As OpenSSH would: it knows of no lock.
                let mut other = OpenOptions::new().append(true).open(&file).unwrap();
                other.write_all(b"two\n").unwrap();
            }
            Ok(Some(String::from_utf8_lossy(old).to_uppercase().into_bytes()))
        });
        assert_eq!(changed, Ok(true));
        assert_eq!(fs::read(&file).unwrap(), b"ONE\nTWO\n");
    }

    #[test]
    fn many_who_append_and_replace_at_once_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let file = &file;
                scope.spawn(move || {
                    for number in 0..10 {
                        append(file, LIMIT, line(&format!("{writer} {number}"))).unwrap();
                        replace(file, LIMIT, |old| Ok(Some(old.to_vec()))).unwrap();
                    }
                });
            }
        });
        let text = fs::read_to_string(&file).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), 40, "{text}");
    }
}
