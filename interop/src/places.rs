//! Where `cargo xtask peers` puts what the tests need.

use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// The Python interpreter that has asyncssh and paramiko.
pub(crate) fn python() -> PathBuf {
    present(root().join("target/interop-venv/bin/python"))
}

/// The Python interpreter that has a paramiko which still knows what is old.
pub(crate) fn python_of_old() -> PathBuf {
    present(root().join("target/interop-venv-old/bin/python"))
}

/// A script of `interop/python`.
pub(crate) fn script(name: &str) -> PathBuf {
    present(root().join("interop/python").join(name))
}

/// The peer on the russh crate.
pub(crate) fn russh_peer() -> PathBuf {
    present(root().join("interop/peers/target/release/russh-peer"))
}

/// Keys made once and kept: they are for tests on this machine, and making RSA keys takes time.
pub(crate) fn key_directory() -> PathBuf {
    root().join("target/interop-keys")
}

/// Keys of types that are no longer used, kept likewise.
pub(crate) fn old_key_directory() -> PathBuf {
    root().join("target/interop-keys-old")
}

/// A system program, from where Debian and its like keep it.
///
/// # Panics
/// If it is not there.
pub fn program(name: &str) -> PathBuf {
    ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/sbin", "/bin"]
        .iter()
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.exists())
        .unwrap_or_else(|| {
            panic!("{name} is not installed; run `cargo xtask peers`, which says what to install")
        })
}

fn present(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is missing; run `cargo xtask peers`", path.display());
    path
}
