//! What we write, read by the real `ssh-keygen`; what it answers, compared with what we answer.
#![cfg(unix)]

mod keygen;

use std::path::Path;

use feramiko_crypto::Secret;
use feramiko_keys::{HostStatus, KeyType, KnownHosts, PrivateKey, PublicKey};
use keygen::{KINDS, keygen, says};
use tempfile::TempDir;

fn file(dir: &TempDir, name: &str) -> String {
    dir.path().join(name).to_str().unwrap().to_owned()
}

#[test]
fn ssh_keygen_reads_the_private_keys_that_we_write() {
    let dir = tempfile::tempdir().unwrap();
    for (number, kind) in KINDS.into_iter().enumerate() {
        let key = PrivateKey::generate(kind).unwrap();
        let expected = key.public_key().to_line("me@here");
        for (name, passphrase) in [("plain", ""), ("sealed", "open sesame")] {
            let path = file(&dir, &format!("{number}-{name}"));
            let secret = Secret::from(passphrase);
            key.write_file(&path, "me@here", Some(&secret)).unwrap();
            assert_eq!(says(&["-y", "-P", passphrase, "-f", &path], b"").trim_end(), expected);
        }
        let sealed = file(&dir, &format!("{number}-sealed"));
        assert!(!keygen(&["-y", "-P", "wrong", "-f", &sealed], b"").status.success());
    }
}

#[test]
fn we_read_the_private_keys_that_ssh_keygen_writes() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [&["-t", "ed25519"][..], &["-t", "ecdsa", "-b", "521"], &["-t", "rsa", "-b", "2048"]] {
        for passphrase in ["", "open sesame"] {
            let path = file(&dir, &format!("{}{}", arguments[1], passphrase.len()));
            says(&[arguments, &["-q", "-C", "c d", "-N", passphrase, "-f", &path]].concat(), b"");
            let key = PrivateKey::load_file(&path, Some(&Secret::from(passphrase))).unwrap();
            let (public, comment) = PublicKey::load_file(format!("{path}.pub")).unwrap();
            assert_eq!(*key.public_key(), public);
            assert_eq!((key.comment(), comment.as_str()), ("c d", "c d"));
        }
    }
}

#[test]
fn fingerprints_and_sizes_are_those_of_ssh_keygen() {
    let dir = tempfile::tempdir().unwrap();
    for (number, kind) in KINDS.into_iter().enumerate() {
        let key = PrivateKey::generate(kind).unwrap();
        let public = key.public_key();
        let path = file(&dir, &format!("{number}.pub"));
        std::fs::write(&path, public.to_line("me") + "\n").unwrap();
        let sha256 = says(&["-l", "-E", "sha256", "-f", &path], b"");
        assert!(sha256.starts_with(&format!("{} {} me ", public.bits(), public.fingerprint())), "{sha256}");
        let md5 = says(&["-l", "-E", "md5", "-f", &path], b"");
        assert_eq!(md5.split(' ').nth(1).unwrap(), public.fingerprint_md5());
    }
}

/// The numbers of the lines that `ssh-keygen -F` finds.
fn found(path: &Path, name: &str) -> Vec<usize> {
    let output = keygen(&["-F", name, "-f", path.to_str().unwrap()], b"");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| {
            line.strip_prefix("# Host ")?.split(" line ").nth(1)?.split(' ').next()?.parse().ok()
        })
        .collect()
}

#[test]
fn ssh_keygen_finds_the_hosts_that_we_add() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    let hosts = [("Example.com", 22), ("example.com", 2222), ("::1", 22), ("fe80::1%eth0", 2200)];
    for (host, port) in hosts {
        for hashed in [false, true] {
            KnownHosts::append_to_file(&path, host, port, key.public_key(), hashed).unwrap();
        }
    }
    for (number, (host, port)) in hosts.into_iter().enumerate() {
        let host = host.to_lowercase();
        let name = if port == 22 { host } else { format!("[{host}]:{port}") };
        assert_eq!(found(&path, &name), [2 * number + 1, 2 * number + 2], "{name}");
    }
    assert_eq!(found(&path, "example.org"), Vec::<usize>::new());
}

#[test]
fn we_find_the_hosts_that_ssh_keygen_hashes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    let key = key.public_key();
    for (host, port) in [("example.com", 22), ("example.com", 2222), ("192.0.2.1", 22)] {
        KnownHosts::append_to_file(&path, host, port, key, false).unwrap();
    }
    says(&["-H", "-f", path.to_str().unwrap()], b"");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("example.com") && text.matches("|1|").count() == 3, "{text}");
    let hosts = KnownHosts::load(&path).unwrap();
    assert_eq!(hosts.check("example.com", 22, key), HostStatus::Known { line: 1 });
    assert_eq!(hosts.check("EXAMPLE.com", 2222, key), HostStatus::Known { line: 2 });
    assert_eq!(hosts.check("192.0.2.1", 22, key), HostStatus::Known { line: 3 });
    assert_eq!(hosts.check("192.0.2.2", 22, key), HostStatus::Unknown);
}

#[test]
fn defect_127_names_and_patterns_match_where_ssh_keygen_matches() {
    let dir = tempfile::tempdir().unwrap();
    let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    let key = key.public_key();
    let patterns = [
        "example.com",
        "Example.COM",
        "*.example.com",
        "*.example.com,!bad.example.com",
        "!bad.example.com,*.example.com",
        "!bad.example.com",
        "10.0.0.?",
        "10.0.*.1",
        "*",
        "?",
        "a,b,c",
        "a,,b",
        "[example.com]:2222",
        "[*.example.com]:*",
        "[example.com]",
        "*a*a*b",
        "host,",
    ];
    let names = [
        "example.com",
        "EXAMPLE.com",
        "www.example.com",
        "bad.example.com",
        "10.0.0.1",
        "10.0.0.10",
        "10.0.5.1",
        "a",
        "b",
        "d",
        "[example.com]:2222",
        "[www.example.com]:22022",
        "aaab",
        "host",
        "::1",
    ];
    for (number, pattern) in patterns.into_iter().enumerate() {
        let path = dir.path().join(number.to_string());
        let text = format!("{pattern} {}\n", key.to_line(""));
        std::fs::write(&path, &text).unwrap();
        let hosts = KnownHosts::parse(text.as_bytes());
        for name in names {
            let (host, port) = match name.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
                Some((host, port)) => (host, port.parse().unwrap()),
                None => (name, 22),
            };
            // `check` looks under the bare name too; `keys_for` does not.
            let ours = !hosts.keys_for(host, port).is_empty();
            // ssh-keygen does not lower the name it is asked for, as ssh does.
            let theirs = !found(&path, &name.to_lowercase()).is_empty();
            assert_eq!(ours, theirs, "{pattern} and {name}");
        }
    }
}
