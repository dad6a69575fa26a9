//! Files that only those may write who may decide: sshd's `StrictModes`, ssh's checks of `~/.ssh/config`.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::{KeyError, file};

/// Who may have written a file: root, its owner, and nobody else.
///
/// As sshd's `StrictModes` has it: the file and every folder above it, up to the home or the root, belong to root or to
/// the owner, and neither the group nor others may write them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    owner: u32,
    home: Option<PathBuf>,
}

impl Ownership {
    /// Of the user with this number.
    pub fn of_user(owner: u32) -> Self {
        Self { owner, home: None }
    }

    /// Of the user that this program runs as. Where users have no numbers (on Windows) no file is safe.
    pub fn of_this_user() -> Self {
        #[cfg(unix)]
        let owner = rustix::process::geteuid().as_raw();
        #[cfg(not(unix))]
        let owner = 0;
        Self::of_user(owner)
    }

    /// The home of the user: folders above it are not looked at.
    #[must_use]
    pub fn home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// The content of a regular file of at most `limit` bytes, when it is written by those only.
    ///
    /// # Errors
    /// [`KeyError::Unsafe`]; [`KeyError::NotRegularFile`], [`KeyError::TooLarge`] and [`KeyError::Io`].
    pub(crate) fn read(&self, path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        // What is open is looked at, so that nobody can put another file in its place meanwhile.
        file::read_checked(path, limit, |metadata| self.check(path, metadata))
    }

    #[cfg(unix)]
    fn check(&self, path: &Path, metadata: &std::fs::Metadata) -> Result<(), KeyError> {
        self.check_one(path, metadata)?;
        let real = |path: &Path| std::fs::canonicalize(path).map_err(|error| KeyError::io(path, &error));
        let home = self.home.as_ref().and_then(|home| std::fs::canonicalize(home).ok());
        for folder in real(path)?.ancestors().skip(1) {
            let metadata = std::fs::metadata(folder).map_err(|error| KeyError::io(folder, &error))?;
            self.check_one(folder, &metadata)?;
            if home.as_deref() == Some(folder) {
                break;
            }
        }
        Ok(())
    }

    /// Where files have other kinds of owners, nothing can be said of them, and so nothing is safe.
    #[cfg(not(unix))]
    fn check(&self, path: &Path, _: &std::fs::Metadata) -> Result<(), KeyError> {
        Err(KeyError::Unsafe { path: path.to_owned(), problem: "its owner cannot be told on this system" })
    }

    #[cfg(unix)]
    fn check_one(&self, path: &Path, metadata: &std::fs::Metadata) -> Result<(), KeyError> {
        use std::os::unix::fs::MetadataExt;
        const WRITABLE_BY_OTHERS: u32 = 0o022;
        let unsafe_for = |problem| Err(KeyError::Unsafe { path: path.to_owned(), problem });
        if metadata.uid() != 0 && metadata.uid() != self.owner {
            return unsafe_for("it belongs to somebody else");
        }
        if metadata.mode() & WRITABLE_BY_OTHERS != 0 {
            return unsafe_for("its group or others may write it");
        }
        Ok(())
    }
}

/// Refuses a file of this user that others may read or write, as ssh does with private keys. The files of somebody else
/// are that somebody's affair.
#[cfg(unix)]
pub(crate) fn unexposed(path: &Path, metadata: &std::fs::Metadata) -> Result<(), KeyError> {
    use std::os::unix::fs::MetadataExt;
    const GROUP_AND_OTHERS: u32 = 0o077;
    let own = metadata.uid() == rustix::process::getuid().as_raw();
    match own && metadata.mode() & GROUP_AND_OTHERS != 0 {
        true => Err(KeyError::Exposed { path: path.to_owned() }),
        false => Ok(()),
    }
}

/// Elsewhere permissions are of another kind.
#[cfg(not(unix))]
pub(crate) fn unexposed(_: &Path, _: &std::fs::Metadata) -> Result<(), KeyError> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn defect_141_owner_and_mode_of_the_file_and_its_folders_are_checked() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("folder");
        let path = folder.join("file");
        fs::create_dir(&folder).unwrap();
        fs::write(&path, "content").unwrap();
        for (place, safe) in [(home.path(), 0o755), (&folder, 0o700), (&path, 0o644)] {
            chmod(place, safe);
        }
        let mine = Ownership::of_this_user().home(home.path());
        let refused = |path: &Path| matches!(mine.read(path, 100), Err(KeyError::Unsafe { .. }));
        assert_eq!(**mine.read(&path, 100).unwrap(), *b"content");
        for (place, safe) in [(home.path(), 0o755), (&folder, 0o700), (&path, 0o644)] {
            for bits in [0o020, 0o002] {
                chmod(place, safe | bits);
                assert!(refused(&path), "{} {bits:o}", place.display());
            }
            chmod(place, safe);
        }
        // Not what the link says but where it leads counts.
        let link = home.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(!refused(&link));
        chmod(&folder, 0o777);
        assert!(refused(&link));
        chmod(&folder, 0o700);
        // Above the home nothing is looked at; without one, up to the root: and /tmp is writable by all.
        let nowhere = Ownership::of_this_user().home(home.path().join("missing"));
        let writable_above = home
            .path()
            .ancestors()
            .any(|above| fs::metadata(above).unwrap().permissions().mode() & 0o022 != 0);
        assert_eq!(nowhere.read(&path, 100).is_err(), writable_above);
        assert!(mine.read(&home.path().join("missing"), 100).is_err());
    }

    #[test]
    fn defect_141_a_file_of_somebody_else_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("file");
        fs::write(&path, "content").unwrap();
        chmod(&path, 0o644);
        chmod(home.path(), 0o755);
        let me = rustix::process::geteuid().as_raw();
        let other = Ownership::of_user(me + 1).home(home.path());
        // Files of root are everybody's.
        assert_eq!(other.read(&path, 100).is_ok(), me == 0);
        if me == 0 {
            std::os::unix::fs::chown(&path, Some(4242), None).unwrap();
            assert!(matches!(other.read(&path, 100), Err(KeyError::Unsafe { .. })));
            assert!(Ownership::of_user(4242).home(home.path()).read(&path, 100).is_ok());
        }
    }
}
