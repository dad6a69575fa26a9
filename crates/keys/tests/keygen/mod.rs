//! The real `ssh-keygen`, and the types of keys that all of its versions know.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use feramiko_keys::KeyType;

pub(crate) const KINDS: [KeyType; 5] = [
    KeyType::Ed25519,
    KeyType::EcdsaP256,
    KeyType::EcdsaP384,
    KeyType::EcdsaP521,
    KeyType::Rsa { bits: 2048 },
];

/// Runs it with this input.
pub(crate) fn keygen(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("ssh-keygen")
        .args(arguments)
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ssh-keygen is needed: install openssh-client");
    // It need not read all of it.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// The standard output of a run that must succeed.
pub(crate) fn says(arguments: &[&str], input: &[u8]) -> String {
    let output = keygen(arguments, input);
    assert!(output.status.success(), "ssh-keygen {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
