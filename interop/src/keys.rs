//! Key files made by `ssh-keygen`, once for all tests.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::places::{key_directory, old_key_directory, program};
use crate::process::run;

/// The passphrase of [`sealed_user_key`].
pub const PASSPHRASE: &str = "iron friend";

/// The kinds of keys, in the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum KeyType {
    Ed25519,
    Ecdsa256,
    Ecdsa384,
    Ecdsa521,
    Rsa,
    Dsa,
}

impl KeyType {
    /// All of them but DSA's, which only who asks for it knows.
    pub const ALL: [Self; 5] = [Self::Ed25519, Self::Ecdsa256, Self::Ecdsa384, Self::Ecdsa521, Self::Rsa];

    /// The kind of key that the signature algorithm `name` needs.
    ///
    /// # Panics
    /// If no key here can sign with it.
    pub fn for_algorithm(name: &str) -> Self {
        match name {
            "ssh-ed25519" => Self::Ed25519,
            "ecdsa-sha2-nistp256" => Self::Ecdsa256,
            "ecdsa-sha2-nistp384" => Self::Ecdsa384,
            "ecdsa-sha2-nistp521" => Self::Ecdsa521,
            "rsa-sha2-256" | "rsa-sha2-512" | "ssh-rsa" => Self::Rsa,
            "ssh-dss" => Self::Dsa,
            other => panic!("no test key signs with {other}"),
        }
    }

    fn arguments(self) -> [&'static str; 4] {
        match self {
            Self::Ed25519 => ["-t", "ed25519", "-b", "256"],
            Self::Ecdsa256 => ["-t", "ecdsa", "-b", "256"],
            Self::Ecdsa384 => ["-t", "ecdsa", "-b", "384"],
            Self::Ecdsa521 => ["-t", "ecdsa", "-b", "521"],
            Self::Rsa => ["-t", "rsa", "-b", "2048"],
            Self::Dsa => ["-t", "dsa", "-b", "1024"],
        }
    }

    fn stem(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Ecdsa256 => "ecdsa256",
            Self::Ecdsa384 => "ecdsa384",
            Self::Ecdsa521 => "ecdsa521",
            Self::Rsa => "rsa",
            Self::Dsa => "dsa",
        }
    }
}

/// A private key file and its public half.
#[derive(Clone, Debug)]
pub struct KeyFile {
    /// The private key, in OpenSSH's format.
    pub path: PathBuf,
    /// The public key as a line of two words: type and base64.
    pub public: String,
}

impl KeyFile {
    /// Whether it is of a type that is no longer used.
    pub(crate) fn is_old(&self) -> bool {
        self.public.starts_with("ssh-dss ")
    }
}

/// The host key of that kind that every foreign server shows.
pub fn host_key(kind: KeyType) -> KeyFile {
    load(kind, &format!("host_{}", kind.stem()))
}

/// All host keys.
pub fn host_keys() -> Vec<KeyFile> {
    KeyType::ALL.into_iter().map(host_key).collect()
}

/// A user's key that every foreign server accepts.
pub fn user_key(kind: KeyType) -> KeyFile {
    load(kind, &format!("user_{}", kind.stem()))
}

/// All of the user's keys, [`sealed_user_key`] included.
pub fn user_keys() -> Vec<KeyFile> {
    KeyType::ALL.into_iter().map(user_key).chain([sealed_user_key()]).collect()
}

/// One more key of the user, an Ed25519 key sealed with [`PASSPHRASE`].
pub fn sealed_user_key() -> KeyFile {
    load(KeyType::Ed25519, "user_sealed")
}

fn load(kind: KeyType, name: &str) -> KeyFile {
    static READY: OnceLock<()> = OnceLock::new();
    READY.get_or_init(|| {
        let all =
            KeyType::ALL.map(|kind| (kind, ["host", "user"].map(|role| format!("{role}_{}", kind.stem()))));
        let mut jobs: Vec<Making> = Vec::new();
        for (kind, names) in all {
            jobs.extend(names.map(|name| (name, kind, "")));
        }
        jobs.push(("user_sealed".to_owned(), KeyType::Ed25519, PASSPHRASE));
        generate(key_directory(), &jobs);
        let old = ["host_dsa", "user_dsa"].map(|name| (name.to_owned(), KeyType::Dsa, ""));
        generate(old_key_directory(), &old);
    });
    let path = if kind == KeyType::Dsa { old_key_directory() } else { key_directory() }.join(name);
    let public = path.with_extension("pub");
    let line = fs::read_to_string(&public).unwrap_or_else(|error| panic!("{}: {error}", public.display()));
    KeyFile { path, public: line.split_whitespace().take(2).collect::<Vec<_>>().join(" ") }
}

/// Name, type and passphrase of a key that is to be made.
type Making = (String, KeyType, &'static str);

/// Makes what is missing, in a directory of its own, and puts it in place in one step: several test processes may
/// come here at once, and the first to be done wins.
fn generate(directory: PathBuf, jobs: &[Making]) {
    if directory.exists() {
        return;
    }
    let parent = directory.parent().unwrap_or(&directory);
    fs::create_dir_all(parent).unwrap_or_else(|error| panic!("{}: {error}", parent.display()));
    let fresh = tempfile::tempdir_in(parent).unwrap_or_else(|error| panic!("{}: {error}", parent.display()));
    for (name, kind, passphrase) in jobs {
        let mut command = Command::new(program("ssh-keygen"));
        command.args(["-q", "-N", passphrase, "-C", name, "-f"]).arg(fresh.path().join(name));
        command.args(kind.arguments());
        run(command, b"").expect_success("ssh-keygen");
    }
    if fs::rename(fresh.path(), &directory).is_err() {
        assert!(directory.exists(), "{} could not be made", directory.display());
    }
}
