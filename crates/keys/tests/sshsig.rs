//! Signatures of files, pictures and files of RFC 4716, beside the real `ssh-keygen`.
#![cfg(unix)]

mod keygen;

use std::path::Path;
use std::time::SystemTime;

use feramiko_keys::certificate::{CertificateBuilder, Validity};
use feramiko_keys::sshsig::{AllowedSigners, SigHash, SshSignature};
use feramiko_keys::{CertifiedKey, KeyError, KeyType, PrivateKey, PublicKey};
use feramiko_testkit::Device;
use keygen::{KINDS, keygen, says};

const MESSAGE: &[u8] = b"what is signed";

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

/// What `ssh-keygen -Y` prints, line by line; `None` where it finds nobody.
fn principals(arguments: &[&str]) -> Option<Vec<String>> {
    let output = keygen(arguments, b"");
    let found = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| found.lines().map(str::to_owned).collect())
}

/// One after the other, as ssh-keygen prints them.
fn apart(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}

#[test]
fn authorities_allow_whom_they_certify_as_ssh_keygen_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let digest = SigHash::Sha512.digest(MESSAGE);
    let new_key = || PrivateKey::generate(KeyType::Ed25519).unwrap();
    let (key, authority) = (new_key(), new_key());
    let user = || CertificateBuilder::user(key.public_key()).principal("me").principal("you@example.com");
    let certified = |builder: CertificateBuilder| {
        let certificate = builder.issue(&authority).unwrap();
        let signer = CertifiedKey::new(key.clone(), certificate).unwrap();
        SshSignature::sign(&signer, "file", &digest).unwrap()
    };
    let year = |year: u64| (year - 1970) * 31_556_952;
    let signatures = [
        certified(user()),
        certified(user().force_command("date").source_addresses("192.0.2.0/24").no_extensions()),
        certified(user().validity(Validity { from: 0, until: year(2020) })),
        certified(user().validity(Validity { from: year(2900), until: u64::MAX })),
        certified(CertificateBuilder::host(key.public_key()).principal("me")),
        SshSignature::sign(&key, "file", &digest).unwrap(),
    ];
    let (line, by) = (key.public_key().to_line(""), authority.public_key().to_line(""));
    let files = [
        format!("me cert-authority {by}"),
        format!("you@example.com,me cert-authority {by}"),
        format!("* cert-authority,namespaces=\"file\" {by}"),
        format!("me,*@example.com cert-authority {by}"),
        format!("!me,* cert-authority {by}"),
        format!("*,!me cert-authority {by}"),
        format!("you cert-authority {by}"),
        format!("me cert-authority,namespaces=\"git\" {by}"),
        format!("me cert-authority,valid-before=\"20200101Z\" {by}"),
        format!("me cert-authority,valid-after=\"29990101Z\" {by}"),
        format!("me valid-after=\"20200101Z\",cert-authority {by}\nme nonsense"),
        format!("me CERT-AUTHORITY {by}"),
        format!("me cert-authority,cert-authority {by}"),
        format!("me {by}"),
        format!("me {line}"),
        format!("me cert-authority {line}"),
        format!("you cert-authority {by}\nme cert-authority {by}\nme {line}"),
    ];
    for (number, signature) in signatures.iter().enumerate() {
        let signature_file = path(&directory, "signature", signature.to_text().as_bytes());
        assert_eq!(SshSignature::from_text(signature.to_text().as_bytes()).as_ref(), Ok(signature));
        for text in &files {
            let file = path(&directory, "allowed", text.as_bytes());
            let allowed = AllowedSigners::load(&file).unwrap();
            // Each run of ssh-keygen costs: what the others are called was seen with the first signature.
            let all = ["me", "you@example.com", "you", "*"];
            for principal in all.into_iter().take(if number == 0 { 4 } else { 1 }) {
                let arguments =
                    ["-Y", "verify", "-f", &file, "-I", principal, "-n", "file", "-s", &signature_file];
                let theirs = keygen(&arguments, MESSAGE).status.success();
                let ours = allowed.verify(principal, "file", signature, &digest, SystemTime::now());
                assert_eq!(ours.is_ok(), theirs, "signature {number}, {principal}: {text}\n{ours:?}");
            }
            let theirs = principals(&["-Y", "find-principals", "-f", &file, "-s", &signature_file]);
            let ours = allowed.find_principals(signature, SystemTime::now());
            assert_eq!(ours.as_deref().map(apart), theirs, "signature {number}: {text}");
        }
    }
}

#[test]
fn principals_are_matched_as_ssh_keygen_does() {
    let directory = tempfile::tempdir().unwrap();
    let line = PrivateKey::generate(KeyType::Ed25519).unwrap().public_key().to_line("");
    let text = format!("me,*@example.com {line}\nyou,!me {line}\n* cert-authority {line}\n\"me\" {line}\n");
    let file = path(&directory, "allowed", text.as_bytes());
    let allowed = AllowedSigners::load(&file).unwrap();
    for principal in ["me", "you", "you@example.com", "nobody"] {
        let theirs =
            principals(&["-Y", "match-principals", "-f", &file, "-I", principal]).unwrap_or_default();
        assert_eq!(allowed.match_principals(principal).collect::<Vec<_>>(), theirs, "{principal}");
    }
}

#[test]
fn a_signature_under_a_certificate_that_ssh_keygen_made_is_read() {
    let digest = SigHash::Sha512.digest(MESSAGE);
    let plain = SshSignature::from_text(include_bytes!("data/ed25519.sig")).unwrap();
    let certified = SshSignature::from_text(include_bytes!("data/certified.sig")).unwrap();
    assert_eq!(plain.certificate(), None);
    assert_eq!(certified.certificate().unwrap().key_id(), "robey's ed25519");
    assert_eq!(certified.public_key(), plain.public_key());
    assert_eq!((plain.check("file", &digest), certified.check("file", &digest)), (Ok(()), Ok(())));
    assert_ne!(certified.to_text(), plain.to_text());
}

#[test]
fn signatures_of_devices_are_good_here_and_there() {
    let directory = tempfile::tempdir().unwrap();
    let digest = SigHash::Sha512.digest(MESSAGE);
    for make in [Device::ed25519, Device::ecdsa] {
        let signature = SshSignature::sign(&make(Device::TOUCHED).unwrap(), "file", &digest).unwrap();
        assert_eq!(signature.check("file", &digest), Ok(()));
        let file = path(&directory, "signature", signature.to_text().as_bytes());
        says(&["-Y", "check-novalidate", "-n", "file", "-s", &file], MESSAGE);
        let again = SshSignature::from_text(signature.to_text().as_bytes()).unwrap();
        assert_eq!(again, signature);
        let untouched = SshSignature::sign(&make(0).unwrap(), "file", &digest).unwrap();
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
    let key = PrivateKey::load(include_bytes!("data/mldsa44"), None).unwrap();
    let digest = SigHash::Sha512.digest(MESSAGE);
    let theirs = SshSignature::from_text(include_bytes!("data/mldsa44.sig")).unwrap();
    assert_eq!((theirs.public_key(), theirs.check("file", &digest)), (key.public_key(), Ok(())));
    let other = SigHash::Sha512.digest(b"what is not signed");
    assert_eq!(theirs.check("file", &other), Err(KeyError::BadSignature));
    let text = SshSignature::sign(&key, "file", &digest).unwrap().to_text();
    let signature = SshSignature::from_text(text.as_bytes()).unwrap();
    assert_eq!(signature.check("file", &digest), Ok(()));
}

#[test]
fn pictures_are_those_of_ssh_keygen() {
    let directory = tempfile::tempdir().unwrap();
    let mut keys: Vec<PublicKey> =
        KINDS.map(|kind| PrivateKey::generate(kind).unwrap().public_key().clone()).into();
    keys.push(Device::ed25519(0).unwrap().public_key().clone());
    keys.push(Device::ecdsa(0).unwrap().public_key().clone());
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
