//! Key files made by `ssh-keygen`, once for all tests.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::places::{key_directory, program};
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
}

impl KeyType {
    /// All of them.
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
        }
    }

    fn stem(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Ecdsa256 => "ecdsa256",
            Self::Ecdsa384 => "ecdsa384",
            Self::Ecdsa521 => "ecdsa521",
            Self::Rsa => "rsa",
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

/// The host key of that kind that every foreign server shows.
pub fn host_key(kind: KeyType) -> KeyFile {
    load(&format!("host_{}", kind.stem()))
}

/// All host keys.
pub fn host_keys() -> Vec<KeyFile> {
    KeyType::ALL.into_iter().map(host_key).collect()
}

/// A user's key that every foreign server accepts.
pub fn user_key(kind: KeyType) -> KeyFile {
    load(&format!("user_{}", kind.stem()))
}

/// All of the user's keys, [`sealed_user_key`] included.
pub fn user_keys() -> Vec<KeyFile> {
    KeyType::ALL.into_iter().map(user_key).chain([sealed_user_key()]).collect()
}

/// One more key of the user, an Ed25519 key sealed with [`PASSPHRASE`].
pub fn sealed_user_key() -> KeyFile {
    load("user_sealed")
}

fn load(name: &str) -> KeyFile {
    static READY: OnceLock<()> = OnceLock::new();
    READY.get_or_init(generate);
    let path = key_directory().join(name);
    let public = path.with_extension("pub");
    let line = fs::read_to_string(&public).unwrap_or_else(|error| panic!("{}: {error}", public.display()));
    KeyFile { path, public: line.split_whitespace().take(2).collect::<Vec<_>>().join(" ") }
}

/// Makes what is missing, in a directory of its own, and puts it in place in one step: several test processes may
/// come here at once, and the first to be done wins.
fn generate() {
    let directory = key_directory();
    if directory.exists() {
        return;
    }
    let parent = directory.parent().unwrap_or(&directory);
    fs::create_dir_all(parent).unwrap_or_else(|error| panic!("{}: {error}", parent.display()));
    let fresh = tempfile::tempdir_in(parent).unwrap_or_else(|error| panic!("{}: {error}", parent.display()));
    let make = |name: &str, kind: KeyType, passphrase: &str| {
        let mut command = Command::new(program("ssh-keygen"));
        command.args(["-q", "-N", passphrase, "-C", name, "-f"]).arg(fresh.path().join(name));
        run(
            {
                command.args(kind.arguments());
                command
            },
            b"",
        )
        .expect_success("ssh-keygen");
    };
    for kind in KeyType::ALL {
        make(&format!("host_{}", kind.stem()), kind, "");
        make(&format!("user_{}", kind.stem()), kind, "");
    }
    make("user_sealed", KeyType::Ed25519, PASSPHRASE);
    if fs::rename(fresh.path(), &directory).is_err() {
        assert!(directory.exists(), "{} could not be made", directory.display());
    }
}
