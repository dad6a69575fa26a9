//! Signatures of files, pictures and files of RFC 4716, beside the real `ssh-keygen`.
#![cfg(unix)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use feramiko_crypto::signing::{Curve, PublicParts};
use feramiko_crypto::{EcdsaKey, Ed25519Key, HashAlgorithm};
use feramiko_keys::sshsig::{AllowedSigners, SigHash, SshSignature};
use feramiko_keys::{KeyError, KeyType, PrivateKey, PublicKey, Signer};
use feramiko_wire::Writer;

const KINDS: [KeyType; 5] = [
    KeyType::Ed25519,
    KeyType::EcdsaP256,
    KeyType::EcdsaP384,
    KeyType::EcdsaP521,
    KeyType::Rsa { bits: 2048 },
];
const MESSAGE: &[u8] = b"what is signed";

/// Runs ssh-keygen with this input.
fn keygen(arguments: &[&str], input: &[u8]) -> Output {
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

fn says(arguments: &[&str], input: &[u8]) -> String {
    let output = keygen(arguments, input);
    assert!(output.status.success(), "ssh-keygen {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn path(directory: &tempfile::TempDir, name: &str, content: &[u8]) -> String {
    let path = directory.path().join(name);
    if Path::new(&path).exists() {
        std::fs::remove_file(&path).unwrap();
    }
    feramiko_keys::create_private_file(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn ssh_keygen_checks_what_we_sign_and_we_what_it_signs() {
    let directory = tempfile::tempdir().unwrap();
    for kind in KINDS {
        let key = PrivateKey::generate(kind).unwrap();
        let name = key.public_key().algorithm();
        let key_file = path(&directory, "key", key.to_openssh("", None).unwrap().as_bytes());
        for hash in [SigHash::Sha256, SigHash::Sha512] {
            let digest = hash.digest(MESSAGE);
            let ours = SshSignature::sign(&key, "file", &digest).unwrap();
            let file = path(&directory, "ours", ours.to_text().as_bytes());
            let check = |namespace: &str, message: &[u8]| {
                keygen(&["-Y", "check-novalidate", "-n", namespace, "-s", &file], message).status.success()
            };
            assert!(check("file", MESSAGE), "{name} {hash:?}");
            assert!(!check("git", MESSAGE) && !check("file", b"something else"));

            let option = format!("hashalg={}", hash.name());
            let theirs = says(&["-Y", "sign", "-n", "file", "-O", &option, "-f", &key_file], MESSAGE);
            let theirs = SshSignature::from_text(theirs.as_bytes()).unwrap();
            assert_eq!((theirs.public_key(), theirs.namespace()), (key.public_key(), "file"));
            assert_eq!(theirs.hash(), hash);
            assert_eq!(theirs.check("file", &digest), Ok(()), "{name} {hash:?}");
            assert_eq!(theirs.check("file", &hash.digest_reader(MESSAGE).unwrap()), Ok(()));
            assert_eq!(theirs.check("git", &digest), Err(KeyError::BadSignature));
            assert_eq!(theirs.check("file", &hash.digest(b"something else")), Err(KeyError::BadSignature));
        }
    }
}

#[test]
fn allowed_signers_allow_here_what_they_allow_there() {
    let directory = tempfile::tempdir().unwrap();
    let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    let other = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let digest = SigHash::Sha512.digest(MESSAGE);
    let signature = SshSignature::sign(&key, "file", &digest).unwrap();
    let signature_file = path(&directory, "signature", signature.to_text().as_bytes());
    let (line, other) = (key.public_key().to_line("a comment"), other.public_key().to_line(""));
    for text in [
        format!("me {line}"),
        format!("# a comment\n\nyou {other}\n*@example.com,me {line}"),
        format!("you {line}"),
        format!("ME {line}"),
        format!("!me,* {line}"),
        format!("me {other}"),
        format!("me namespaces=\"file\" {line}"),
        format!("me namespaces=\"git,f*\" {line}"),
        format!("me namespaces=\"git\" {line}"),
        format!("me namespaces=\"git\" {line}\nme {line}"),
        format!("me valid-after=\"20200101Z\" {line}"),
        format!("me valid-after=\"29990101Z\" {line}"),
        format!("me valid-before=\"20200101Z\" {line}"),
        format!("me valid-before=\"299901010000Z\",namespaces=\"file\" {line}"),
        format!("me cert-authority {line}"),
        format!("me unknown {line}"),
        format!("me nonsense\nme {line}"),
        format!("you nonsense\nme {line}"),
        format!("me namespaces=\"file {line}"),
        format!("\"me\" {line}"),
        "me".to_owned(),
        String::new(),
    ] {
        let file = path(&directory, "allowed", text.as_bytes());
        let arguments = ["-Y", "verify", "-f", &file, "-I", "me", "-n", "file", "-s", &signature_file];
        let theirs = keygen(&arguments, MESSAGE).status.success();
        let allowed = AllowedSigners::load(&file).unwrap();
        let ours = allowed.verify("me", "file", &signature, &digest, SystemTime::now());
        assert_eq!(ours.is_ok(), theirs, "{text}\n{ours:?}");
    }
}

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// A FIDO device that is played here: it signs as PROTOCOL.u2f says, touched or not.
struct Device {
    public: PublicKey,
    sign: Sign,
    flags: u8,
}

impl Device {
    fn ed25519(flags: u8) -> Self {
        let key = Ed25519Key::generate().unwrap();
        let parts = PublicParts::SkEd25519 { key: &key.public(), application: b"ssh:" };
        let public = PublicKey::from_parts(parts).unwrap();
        Self { public, flags, sign: Box::new(move |text| key.sign(text).unwrap()) }
    }

    fn ecdsa(flags: u8) -> Self {
        let key = EcdsaKey::generate(Curve::P256).unwrap();
        let parts = PublicParts::SkEcdsa { point: &key.point(), application: b"ssh:" };
        let public = PublicKey::from_parts(parts).unwrap();
        let sign = move |text: &[u8]| {
            let raw = key.sign(text).unwrap();
            let mut body = Vec::new();
            let mut writer = Writer::new(&mut body);
            writer.mpint(&raw[..32]);
            writer.mpint(&raw[32..]);
            body
        };
        Self { public, flags, sign: Box::new(sign) }
    }
}

impl Signer for Device {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let hash = |bytes: &[u8]| HashAlgorithm::Sha256.digest(&[bytes]);
        let text = [&hash(b"ssh:")[..], &[self.flags, 0, 0, 1, 2], &hash(message)].concat();
        let mut blob = Vec::new();
        let mut writer = Writer::new(&mut blob);
        writer.string(algorithm.as_bytes());
        writer.string(&(self.sign)(&text));
        writer.u8(self.flags);
        writer.u32(0x0102);
        Ok(blob)
    }
}

#[test]
fn signatures_of_devices_are_good_here_and_there() {
    let directory = tempfile::tempdir().unwrap();
    let digest = SigHash::Sha512.digest(MESSAGE);
    for make in [Device::ed25519, Device::ecdsa] {
        let signature = SshSignature::sign(&make(1), "file", &digest).unwrap();
        assert_eq!(signature.check("file", &digest), Ok(()));
        let file = path(&directory, "signature", signature.to_text().as_bytes());
        says(&["-Y", "check-novalidate", "-n", "file", "-s", &file], MESSAGE);
        let again = SshSignature::from_text(signature.to_text().as_bytes()).unwrap();
        assert_eq!(again, signature);
        let untouched = SshSignature::sign(&make(0), "file", &digest).unwrap();
        assert_eq!(untouched.check("file", &digest), Err(KeyError::NotTouched));
    }
}

#[test]
fn signatures_that_mean_nothing_are_refused() {
    let dsa = PrivateKey::load(include_bytes!("data/dsa"), None).unwrap();
    let digest = SigHash::Sha512.digest(MESSAGE);
    assert!(matches!(SshSignature::sign(&dsa, "file", &digest), Err(KeyError::UnsupportedType { .. })));
    let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    assert!(SshSignature::sign(&key, "", &digest).is_err());
    assert!(SshSignature::sign(&key, "a\nb", &digest).is_err());
    let text = SshSignature::sign(&key, "file", &digest).unwrap().to_text();
    for end in 0..text.len() - 1 {
        assert!(SshSignature::from_text(&text.as_bytes()[..end]).is_err(), "{end}");
    }
    assert!(SshSignature::from_text(format!("x\n{text}").as_bytes()).is_err());
    assert!(SshSignature::from_text(text.replace('\n', "\r\n").as_bytes()).is_ok());
    for bent in (60..text.len() - 30).filter(|at| text.as_bytes()[*at] != b'\n') {
        let mut bytes = text.clone().into_bytes();
        bytes[bent] = if bytes[bent] == b'A' { b'B' } else { b'A' };
        let checked = SshSignature::from_text(&bytes).and_then(|bent| bent.check("file", &digest));
        assert!(checked.is_err(), "{bent}");
    }
}

#[test]
fn the_composite_signs_files_too() {
    let key = PrivateKey::generate(KeyType::MlDsa44Ed25519).unwrap();
    let digest = SigHash::Sha512.digest(MESSAGE);
    let text = SshSignature::sign(&key, "file", &digest).unwrap().to_text();
    let signature = SshSignature::from_text(text.as_bytes()).unwrap();
    assert_eq!(signature.check("file", &digest), Ok(()));
}

#[test]
fn pictures_are_those_of_ssh_keygen() {
    let directory = tempfile::tempdir().unwrap();
    let mut keys: Vec<PublicKey> =
        KINDS.map(|kind| PrivateKey::generate(kind).unwrap().public_key().clone()).into();
    keys.push(Device::ed25519(1).public);
    keys.push(Device::ecdsa(1).public);
    for key in keys {
        let file = path(&directory, "key.pub", key.to_line("me").as_bytes());
        let said = says(&["-lv", "-f", &file], b"");
        let title = format!("{} {} me ({})", key.bits(), key.fingerprint(), key.short_name());
        assert_eq!(said.trim_end(), format!("{title}\n{}", key.randomart()));
    }
}

#[test]
fn files_of_rfc_4716_go_both_ways() {
    let directory = tempfile::tempdir().unwrap();
    for kind in KINDS {
        let key = PrivateKey::generate(kind).unwrap();
        let public = key.public_key();
        let file = path(&directory, "key.pub", public.to_line("me").as_bytes());
        let theirs = says(&["-e", "-f", &file], b"");
        let (again, comment) = PublicKey::from_rfc4716(&theirs).unwrap();
        assert_eq!(&again, public);
        assert!(comment.contains("converted by"), "{comment}");
        let ours = path(
            &directory,
            "ours",
            public.to_rfc4716("a comment, and a long one; ".repeat(5).trim()).as_bytes(),
        );
        let said = says(&["-i", "-f", &ours], b"");
        assert_eq!(PublicKey::from_line(&said).unwrap().0, *public);
        assert_eq!(PublicKey::load_file(&ours).unwrap().0, *public);
    }
}
