//! Files of keys and hosts: read with a bound and only when regular, made with nobody else's eyes on them.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

use crate::KeyError;

/// The most bytes of a key file, as OpenSSH has it.
pub(crate) const MAX_KEY_FILE: u64 = 1 << 20;

/// The content of a regular file of at most `limit` bytes. A FIFO does not block, a device is not read.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    read_checked(path, limit, |_| Ok(()))
}

/// [`read`], when `check` has nothing against the file that was opened.
pub(crate) fn read_checked(
    path: &Path,
    limit: u64,
    check: impl FnOnce(&Metadata) -> Result<(), KeyError>,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut options = OpenOptions::new();
    options.read(true);
    no_waiting(&mut options);
    let file = options.open(path).map_err(|error| KeyError::io(path, &error))?;
    let too_large = || KeyError::TooLarge { path: Some(path.to_owned()), limit };
    let metadata = regular(&file, path)?;
    check(&metadata)?;
    let length = metadata.len();
    if length > limit {
        return Err(too_large());
    }
    // With the whole capacity there from the start, no copy of a secret is left behind by growing.
    let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
    file.take(limit + 1).read_to_end(&mut content).map_err(|error| KeyError::io(path, &error))?;
    if content.len() as u64 > limit {
        return Err(too_large());
    }
    Ok(content)
}

/// Makes a file that only its owner may read, and that was not there before: not even as a link.
///
/// # Errors
///
/// [`Io`](KeyError::Io), among others where something is at `path` already; half a file is not left behind.
pub fn create_private(path: &Path, content: &[u8]) -> Result<(), KeyError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    owner_only(&mut options);
    let mut file = options.open(path).map_err(|error| KeyError::io(path, &error))?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // Half a key is worse than none.
        let _ = std::fs::remove_file(path);
        KeyError::io(path, &error)
    })
}

/// What is known of an open file that must be a regular one.
pub(crate) fn regular(file: &File, path: &Path) -> Result<Metadata, KeyError> {
    let metadata = file.metadata().map_err(|error| KeyError::io(path, &error))?;
    if !metadata.is_file() {
        return Err(KeyError::NotRegularFile { path: path.to_owned() });
    }
    Ok(metadata)
}

#[cfg(unix)]
pub(crate) fn no_waiting(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
}

#[cfg(unix)]
pub(crate) fn owner_only(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(unix)]
pub(crate) fn create_private_dir(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
pub(crate) fn no_waiting(_options: &mut OpenOptions) {}

#[cfg(not(unix))]
pub(crate) fn owner_only(_options: &mut OpenOptions) {}

#[cfg(not(unix))]
pub(crate) fn create_private_dir(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(path)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn defect_074_only_regular_files_up_to_a_cap_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        for path in [fifo.as_path(), Path::new("/dev/zero"), dir.path()] {
            assert_eq!(read(path, 10), Err(KeyError::NotRegularFile { path: path.to_owned() }));
        }
        let file = dir.path().join("file");
        std::fs::write(&file, [7; 11]).unwrap();
        assert_eq!(read(&file, 10), Err(KeyError::TooLarge { path: Some(file.clone()), limit: 10 }));
        assert_eq!(*read(&file, 11).unwrap(), [7; 11]);
        // Its length is said to be 0, and it goes on and on.
        assert!(matches!(read(Path::new("/proc/self/maps"), 10), Err(KeyError::TooLarge { .. })));
    }

    #[test]
    fn defect_125_a_new_key_file_is_private_and_replaces_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        create_private(&file, b"secret").unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(
            create_private(&file, b"other"),
            Err(KeyError::Io { kind: std::io::ErrorKind::AlreadyExists, .. })
        ));
        assert_eq!(std::fs::read(&file).unwrap(), b"secret");

        let (link, target) = (dir.path().join("link"), dir.path().join("target"));
        symlink(&target, &link).unwrap();
        assert!(create_private(&link, b"secret").is_err());
        assert!(!target.exists(), "a link planted at the path is not followed");
    }
}
