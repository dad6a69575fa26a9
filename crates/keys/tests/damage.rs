//! Files that were cut, bent or made up: an error, never a panic, and never another key.

use base64ct::{Base64, Encoding};
use feramiko_crypto::Secret;
use feramiko_keys::{Fingerprint, KeyError, KnownHosts, PrivateKey, PublicKey};
use proptest::prelude::*;

const FILES: [&str; 24] = [
    "ed25519",
    "ecdsa256",
    "ecdsa384",
    "ecdsa521",
    "rsa",
    "ed25519.aes256-ctr",
    "ed25519.aes128-cbc",
    "ed25519.aes256-gcm",
    "ed25519.chacha20-poly1305",
    "rsa.pem",
    "ecdsa256.pem",
    "rsa.pkcs8",
    "ecdsa521.pkcs8",
    "openssl-ed25519.pkcs8",
    "openssl-secp384r1.sec1",
    "rsa.pem.locked",
    "rsa.pkcs8.locked",
    "ed25519.3des-cbc",
    "rsa.scrypt",
    "dsa",
    "dsa.pem",
    "dsa.pkcs8",
    "dsa.pem.locked",
    "ecdsa256.pkcs8.locked",
];

/// Parts of the names of files that are opened with much work.
const DEAR: [&str; 6] = [".aes", ".chacha", ".3des", ".locked", ".scrypt", "dsa."];

/// PuTTY's, which have no PEM frame.
const PPK: [&str; 4] = ["ed25519.ppk", "ed25519.argon2id.ppk", "rsa.ppk2.locked", "dsa.ppk"];

fn text(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn load(text: &str) -> Result<PrivateKey, KeyError> {
    PrivateKey::load(text.as_bytes(), Some(&Secret::from("open sesame")))
}

/// The last PEM block of a text: label and bytes.
fn unarmor(text: &str) -> (String, Vec<u8>) {
    let begin = text.rfind("-----BEGIN ").unwrap();
    let (label, rest) = text[begin + 11..].split_once("-----\n").unwrap();
    let base64 = rest.split_once("-----END").unwrap().0.replace('\n', "");
    (label.to_owned(), Base64::decode_vec(&base64).unwrap())
}

fn armor(label: &str, bytes: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", Base64::encode_string(bytes))
}

#[test]
fn defect_126_a_file_cut_anywhere_is_an_error() {
    for name in FILES.into_iter().chain(PPK) {
        let whole = text(name);
        // Without its line end it is still whole.
        for end in 0..whole.len() - 1 {
            assert!(load(&whole[..end]).is_err(), "{name} cut at {end}");
        }
    }
}

#[test]
fn defect_126_a_body_cut_anywhere_is_an_error() {
    for name in FILES.into_iter().filter(|name| !name.ends_with("pem.locked")) {
        let (label, bytes) = unarmor(&text(name));
        for end in 0..bytes.len() {
            assert!(load(&armor(&label, &bytes[..end])).is_err(), "{name} cut at {end}");
        }
    }
}

#[test]
fn defect_126_no_flipped_bit_gives_another_key_or_a_panic() {
    // Where the rounds of bcrypt stand, a flipped bit is up to 1024 rounds of honest work: seconds. The costs of PBKDF2 and
    // scrypt likewise, which end near byte 60.
    let rounds = |name: &str, bytes: &[u8]| {
        let kdf = bytes.windows(6).position(|window| window == b"bcrypt");
        let pbes2 = [".locked", ".scrypt"].iter().any(|end| name.ends_with(end)).then_some(30..60);
        kdf.map(|at| at + 6 + 4 + 4 + 16..at + 6 + 4 + 4 + 16 + 4).or(pbes2)
    };
    for name in FILES.into_iter().filter(|name| !name.ends_with("pem.locked")) {
        let (label, bytes) = unarmor(&text(name));
        let whole = load(&armor(&label, &bytes)).ok().map(|key| key.public_key().clone());
        let skipped = rounds(name, &bytes).unwrap_or(0..0);
        let bits = |at: usize| match DEAR.iter().any(|part| name.contains(part)) {
            // Each try is a key derivation.
            true => at % 8..at % 8 + 1,
            false => 0..8,
        };
        for at in (0..bytes.len().min(200)).filter(|at| !skipped.contains(at)) {
            for bit in bits(at) {
                let mut bent = bytes.clone();
                bent[at] ^= 1 << bit;
                // Bits that are not part of the key may be anything; a bare seed has nothing to check it by.
                if let Ok(key) = load(&armor(&label, &bent))
                    && name != "openssl-ed25519.pkcs8"
                {
                    assert_eq!(Some(key.public_key()), whole.as_ref(), "{name} byte {at} bit {bit}");
                }
            }
        }
    }
}

#[test]
fn defect_126_no_changed_character_of_a_ppk_file_gives_another_key() {
    for name in PPK {
        let whole = text(name);
        let expected = load(&whole).unwrap();
        for at in (0..whole.len()).step_by(if name.contains("argon2") { 5 } else { 1 }) {
            let mut bent = whole.clone().into_bytes();
            bent[at] ^= 1;
            let bent = String::from_utf8(bent).unwrap();
            // Letters of hexadecimal numbers may be large or small: nothing else may change.
            if let Ok(key) = load(&bent) {
                assert_eq!(key.public_key(), expected.public_key(), "{name} at {at}");
                assert!(whole.eq_ignore_ascii_case(&bent), "{name} at {at}: {bent}");
            }
        }
    }
}

#[test]
fn defect_050_lengths_that_are_only_claimed_cost_nothing() {
    let (label, bytes) = unarmor(&text("ed25519"));
    for at in 15..bytes.len() - 4 {
        for claimed in [0_u32, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
            let mut bent = bytes.clone();
            bent[at..at + 4].copy_from_slice(&claimed.to_be_bytes());
            let _ = load(&armor(&label, &bent));
        }
    }
}

#[test]
fn defect_060_deep_nesting_does_not_overflow_the_stack() {
    for byte in [0x30, 0xa0, 0x24] {
        let mut nested = Vec::new();
        for _ in 0..20_000 {
            nested.splice(0..0, [byte, 0x83, 0, 0, 0]);
            let length = nested.len() - 5;
            nested[2..5].copy_from_slice(&(length as u32).to_be_bytes()[1..]);
        }
        for label in ["RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY"] {
            assert!(load(&armor(label, &nested)).is_err());
        }
    }
}

#[test]
fn a_file_over_the_cap_is_refused() {
    let huge = "a".repeat((1 << 20) + 1);
    assert_eq!(load(&huge).unwrap_err(), KeyError::TooLarge { path: None, limit: 1 << 20 });
}

proptest! {
    #[test]
    fn any_text_is_answered(text: Vec<u8>) {
        let _ = PrivateKey::load(&text, None);
        let _ = PublicKey::from_blob(&text);
        let lossy = String::from_utf8_lossy(&text);
        let _ = PublicKey::from_line(&lossy);
        let _ = lossy.parse::<Fingerprint>();
        prop_assert_eq!(KnownHosts::parse(&text).to_bytes(), text);
    }

    #[test]
    fn any_body_is_answered(body: Vec<u8>) {
        for label in ["OPENSSH PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY"] {
            prop_assert!(load(&armor(label, &body)).is_err());
            let opened = [b"openssh-key-v1\0", &body[..]].concat();
            prop_assert!(load(&armor(label, &opened)).is_err());
        }
    }

    #[test]
    fn any_known_hosts_line_survives(
        words in prop::collection::vec("[@|!*?,a-z\\[\\]:= ]{0,12}", 0..6),
        host in "\\PC{0,20}",
        port: u16,
    ) {
        let line = words.join(" ");
        let hosts = KnownHosts::parse(line.as_bytes());
        prop_assert_eq!(hosts.to_bytes(), line.as_bytes());
        let (key, _) = PublicKey::from_line(include_str!("data/ed25519.pub")).unwrap();
        let _ = hosts.check(&host, port, &key);
        if let Ok(line) = KnownHosts::add_line(&host, port, &key, false) {
            prop_assert_eq!(line.lines().count(), 1);
            let known = KnownHosts::parse(line.as_bytes()).check(&host, port, &key);
            prop_assert_eq!(known, feramiko_keys::HostStatus::Known { line: 1 });
        }
    }
}
