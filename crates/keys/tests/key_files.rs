//! Key files of every type, cipher and format, made by OpenSSH 9.2 and 10.5 and OpenSSL 3.0 (`data/README.md`).

use std::path::PathBuf;

use feramiko_crypto::Secret;
use feramiko_keys::{KeyError, KeyType, PrivateKey, PublicKey, Signer};

const TYPES: [&str; 5] = ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa"];
const CIPHERS: [&str; 10] = [
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
    "aes128-cbc",
    "aes192-cbc",
    "aes256-cbc",
    "aes128-gcm",
    "aes256-gcm",
    "chacha20-poly1305",
    "3des-cbc",
];

fn passphrase() -> Secret {
    "open sesame".into()
}

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "data", name].iter().collect()
}

fn text(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

fn load(name: &str) -> Result<PrivateKey, KeyError> {
    PrivateKey::load(&text(name), None)
}

fn public(kind: &str) -> PublicKey {
    PublicKey::load_file(path(&format!("{kind}.pub"))).unwrap().0
}

#[test]
fn plain_openssh_files_of_every_type() {
    for kind in TYPES {
        let key = load(kind).unwrap();
        assert_eq!(*key.public_key(), public(kind));
        assert_eq!(key.comment(), "test key");
        assert_eq!(PrivateKey::load_file(path(kind), None).unwrap().public_key(), key.public_key());
        let unneeded = PrivateKey::load(&text(kind), Some(&passphrase())).unwrap();
        assert_eq!(unneeded.public_key(), key.public_key());
    }
}

#[test]
fn protected_openssh_files_of_every_type_and_cipher() {
    for kind in TYPES {
        for cipher in CIPHERS {
            let text = text(&format!("{kind}.{cipher}"));
            let key = PrivateKey::load(&text, Some(&passphrase()))
                .unwrap_or_else(|error| panic!("{kind} {cipher}: {error}"));
            assert_eq!(*key.public_key(), public(kind), "{kind} {cipher}");
            assert_eq!(key.comment(), "test key");
        }
    }
}

#[test]
fn the_composite_that_openssh_10_5_made() {
    let key = load("mldsa44").unwrap();
    assert_eq!(*key.public_key(), public("mldsa44"));
    assert_eq!(
        (key.public_key().algorithm(), key.comment()),
        ("ssh-mldsa44-ed25519@openssh.com", "test key")
    );
    let sealed = PrivateKey::load(&text("mldsa44.aes256-ctr"), Some(&passphrase())).unwrap();
    assert_eq!(sealed.public_key(), key.public_key());
    assert_eq!(
        key.public_key().fingerprint().to_string(),
        "SHA256:5HcCE12V0Epr+BWvW+PcUh1ibejp4+X4eQ0+EnDhvsw"
    );
}

#[test]
fn a_wrong_a_missing_and_an_empty_passphrase_are_told_apart() {
    for cipher in CIPHERS {
        let text = text(&format!("ed25519.{cipher}"));
        let with = |passphrase: Option<Secret>| PrivateKey::load(&text, passphrase.as_ref()).unwrap_err();
        assert_eq!(with(Some("open sesame!".into())), KeyError::WrongPassphrase, "{cipher}");
        assert_eq!(with(None), KeyError::PassphraseNeeded, "{cipher}");
        assert_eq!(with(Some("".into())), KeyError::PassphraseNeeded, "{cipher}");
    }
}

#[test]
fn pkcs1_sec1_and_pkcs8_files() {
    for kind in ["ecdsa256", "ecdsa384", "ecdsa521", "rsa"] {
        for format in ["pem", "pkcs8"] {
            assert_eq!(
                *load(&format!("{kind}.{format}")).unwrap().public_key(),
                public(kind),
                "{kind} {format}"
            );
        }
    }
    assert_eq!(load("openssl-ed25519.pkcs8").unwrap().public_key().algorithm(), "ssh-ed25519");
    for (one, other) in [
        ("openssl-rsa.pkcs1", "openssl-rsa.pkcs8"),
        ("openssl-prime256v1.sec1", "openssl-prime256v1.pkcs8"),
        ("openssl-secp384r1.sec1", "openssl-secp384r1.pkcs8"),
        ("openssl-secp521r1.sec1", "openssl-secp521r1.pkcs8"),
    ] {
        assert_eq!(load(one).unwrap().public_key(), load(other).unwrap().public_key());
    }
}

#[test]
fn what_is_not_supported_is_named() {
    let unsupported_type = |name: &str| KeyError::UnsupportedType { name: name.to_owned() };
    let unsupported_format = |name: &str| KeyError::UnsupportedFormat { name: name.to_owned() };
    assert_eq!(load("openssl-ed448.pkcs8").unwrap_err(), unsupported_type("Ed448"));
    assert_eq!(load("openssl-secp256k1.pkcs8").unwrap_err(), unsupported_type("ECDSA on secp256k1"));
    assert_eq!(load("openssl-secp256k1.sec1").unwrap_err(), unsupported_type("ECDSA on secp256k1"));
    assert_eq!(
        load("ecdsa256.pbes1").unwrap_err(),
        unsupported_format("PKCS#8 under PBES1 of PKCS#12 (pbeWithSHA1And3-KeyTripleDES-CBC)")
    );
    let ppk = PrivateKey::load(b"PuTTY-User-Key-File-1: ssh-rsa\n", None);
    assert_eq!(ppk.unwrap_err(), unsupported_format("PuTTY's ppk version 1"));
    let old = PrivateKey::load(b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n", None);
    assert_eq!(old.unwrap_err(), unsupported_format("ssh.com's key format"));
}

#[test]
fn what_is_no_private_key_is_described() {
    let found = |text: &[u8]| match PrivateKey::load(text, None) {
        Err(KeyError::UnknownFormat { found }) => found,
        other => panic!("{other:?}"),
    };
    assert_eq!(found(b""), "an empty file");
    assert_eq!(found(b" \n\n"), "an empty file");
    assert!(found(&text("ed25519.pub")).contains("public key"));
    assert!(found(b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n").contains("CERTIFICATE"));
    assert!(found(b"\xff\xfe-\0-\0").contains("UTF-16"));
    assert!(found(b"\x30\x82\x04\xa4\xff").contains("DER"));
    assert!(!found(b"\x1b[31mhello").contains('\x1b'), "what is shown cannot steer a terminal");
}

#[test]
fn defect_061_costly_key_derivation_is_refused_before_it_runs() {
    assert_eq!(
        PrivateKey::load(&text("ed25519.rounds"), Some(&passphrase())).unwrap_err(),
        KeyError::TooCostly { what: "bcrypt rounds", asked: 2049, limit: 2048 }
    );
}

#[test]
fn defect_058_private_rsa_keys_have_the_sizes_of_public_ones() {
    assert_eq!(load("rsa1024").unwrap_err(), KeyError::RsaSize { bits: 1024, min: 2048, max: 8192 });
    let higher = PrivateKey::load_with_rsa_floor(&text("rsa"), None, 4096).unwrap_err();
    assert!(matches!(higher, KeyError::RsaSize { min: 4096, .. }), "{higher:?}");
}

#[test]
fn text_around_crlf_and_spaces_do_no_harm() {
    for name in ["ed25519", "ecdsa256.pem", "rsa.pkcs8"] {
        let plain = String::from_utf8(text(name)).unwrap();
        let expected = load(name).unwrap();
        for variant in [
            plain.replace('\n', "\r\n"),
            plain.replace('\n', "  \n"),
            format!("\u{feff}{plain}"),
            format!("Bag Attributes\n  key: value\n{plain}\nmore\n"),
            plain.trim_end().to_owned(),
        ] {
            let key = PrivateKey::load(variant.as_bytes(), None).unwrap();
            assert_eq!(key.public_key(), expected.public_key(), "{variant}");
        }
    }
}

#[test]
fn what_is_written_is_read_again() {
    for kind in TYPES {
        let key = load(kind).unwrap();
        let plain = key.to_openssh("a comment", None).unwrap();
        let again = PrivateKey::load(plain.as_bytes(), None).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        assert_eq!(again.comment(), "a comment");

        let sealed = key.to_openssh("", Some(&passphrase())).unwrap();
        assert_eq!(PrivateKey::load(sealed.as_bytes(), None).unwrap_err(), KeyError::PassphraseNeeded);
        let again = PrivateKey::load(sealed.as_bytes(), Some(&passphrase())).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        assert_ne!(*sealed, *key.to_openssh("", Some(&passphrase())).unwrap(), "salted anew each time");
    }
}

#[test]
fn keys_sign_and_their_signatures_have_the_format_of_the_algorithm() {
    for kind in TYPES {
        let key = load(kind).unwrap();
        for algorithm in key.public_key().signature_algorithms() {
            let signature = key.sign(algorithm, b"message").unwrap();
            let name_length = algorithm.len();
            assert_eq!(&signature[4..4 + name_length], algorithm.as_bytes());
        }
        let sha1 = key.sign("ssh-rsa", b"message");
        assert_eq!(matches!(sha1, Err(KeyError::WrongAlgorithm { .. })), kind != "rsa", "{kind}");
        assert!(matches!(key.sign("ssh-dss", b"message"), Err(KeyError::WrongAlgorithm { .. })));
        assert_eq!(key.is_slow(), kind == "rsa");
    }
}

#[test]
fn new_keys_differ_and_have_the_type_asked_for() {
    for (kind, name, bits) in [
        (KeyType::Ed25519, "ssh-ed25519", 256),
        (KeyType::EcdsaP256, "ecdsa-sha2-nistp256", 256),
        (KeyType::EcdsaP384, "ecdsa-sha2-nistp384", 384),
        (KeyType::EcdsaP521, "ecdsa-sha2-nistp521", 521),
        (KeyType::Rsa { bits: 2048 }, "ssh-rsa", 2048),
    ] {
        let key = PrivateKey::generate(kind).unwrap();
        assert_eq!((key.public_key().algorithm(), key.public_key().bits()), (name, bits));
        assert_ne!(key.public_key(), PrivateKey::generate(kind).unwrap().public_key());
    }
    assert!(PrivateKey::generate(KeyType::Rsa { bits: 1024 }).is_err());
}

#[test]
fn private_keys_are_not_printed() {
    let key = load("ed25519").unwrap();
    let shown = format!("{key:?}");
    assert!(shown.starts_with("PrivateKey(ssh-ed25519 SHA256:"), "{shown}");
    assert!(shown.len() < 100);
}

#[test]
fn defect_129_comments_with_control_characters_are_not_written() {
    let key = load("ed25519").unwrap();
    assert_eq!(key.to_openssh("a\nb", None).unwrap_err(), KeyError::Unprintable { what: "comment" });
}

#[test]
fn a_written_file_is_loaded_and_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("id");
    let key = load("ed25519").unwrap();
    key.write_file(&file, "me", Some(&passphrase())).unwrap();
    assert_eq!(PrivateKey::load_file(&file, Some(&passphrase())).unwrap().public_key(), key.public_key());
    assert!(matches!(key.write_file(&file, "me", None), Err(KeyError::Io { .. })));
    assert!(matches!(
        PrivateKey::load_file(dir.path().join("none"), None),
        Err(KeyError::Io { kind: std::io::ErrorKind::NotFound, .. })
    ));
    assert!(matches!(PrivateKey::load_file(dir.path(), None), Err(KeyError::NotRegularFile { .. })));
}
