//! Formats and types beyond the common ones: DSA, encrypted PEM and PKCS#8, PuTTY's files, keys in devices, the composite.

use std::path::PathBuf;

use feramiko_crypto::{Provider, Secret};
use feramiko_keys::{
    KeyCipher, KeyError, KeyFileInfo, KeyFormat, KeyType, PpkVersion, PrivateKey, PublicKey, Signer,
};
use feramiko_testkit::Device;
use feramiko_wire::Writer;

fn passphrase() -> Secret {
    "open sesame".into()
}

fn text(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "data", name].iter().collect();
    std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn load(name: &str) -> PrivateKey {
    PrivateKey::load(&text(name), Some(&passphrase())).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn public(kind: &str) -> PublicKey {
    PublicKey::from_line(std::str::from_utf8(&text(&format!("{kind}.pub"))).unwrap()).unwrap().0
}

#[test]
fn files_say_what_they_are_before_and_after_they_are_opened() {
    for (name, said) in [
        ("ed25519", "OpenSSH"),
        ("ed25519.aes256-gcm", "OpenSSH, encrypted with aes256-gcm@openssh.com under bcrypt"),
        ("rsa.3des-cbc", "OpenSSH, encrypted with 3des-cbc under bcrypt"),
        ("rsa.pem", "PKCS#1"),
        ("rsa.pem.locked", "PKCS#1, encrypted with AES-128-CBC under MD5"),
        ("ecdsa256.pem.locked", "SEC1, encrypted with AES-128-CBC under MD5"),
        ("dsa.pem", "OpenSSL's DSA format"),
        ("dsa.pem.locked", "OpenSSL's DSA format, encrypted with AES-256-CBC under MD5"),
        ("dsa.pkcs8", "PKCS#8"),
        ("rsa.pkcs8.locked", "PKCS#8, encrypted with aes-128-cbc under PBKDF2-HMAC-SHA256"),
        ("openssl-rsa.pkcs8.locked", "PKCS#8, encrypted with aes-256-cbc under PBKDF2-HMAC-SHA256"),
        ("rsa.scrypt", "PKCS#8, encrypted with aes-256-cbc under scrypt"),
        ("ed25519.ppk2", "PuTTY's ppk version 2"),
        ("ed25519.ppk2.locked", "PuTTY's ppk version 2, encrypted with aes256-cbc under SHA-1"),
        ("ed25519.ppk", "PuTTY's ppk version 3"),
        ("ed25519.argon2id.ppk", "PuTTY's ppk version 3, encrypted with aes256-cbc under Argon2id"),
        ("ed25519.argon2i.ppk", "PuTTY's ppk version 3, encrypted with aes256-cbc under Argon2i"),
        ("ed25519.argon2d.ppk", "PuTTY's ppk version 3, encrypted with aes256-cbc under Argon2d"),
    ] {
        let info = KeyFileInfo::read(&text(name)).unwrap();
        assert_eq!(info.to_string(), said, "{name}");
        let key = load(name);
        assert_eq!(key.file_info(), Some(&info));
        if !name.starts_with("openssl") {
            assert_eq!(*key.public_key(), public(name.split('.').next().unwrap()), "{name}");
        }
        if let Some(outside) = info.public_key() {
            assert_eq!(outside, key.public_key());
        }
        assert_eq!(info.cipher().is_some(), said.contains("encrypted"));
    }
    assert!(PrivateKey::generate(KeyType::Ed25519).unwrap().file_info().is_none());
}

#[test]
fn every_type_in_every_ppk_version() {
    for kind in ["ed25519", "ecdsa256", "rsa", "dsa"] {
        for ending in ["ppk", "ppk2", "ppk2.locked", "argon2id.ppk"] {
            let key = load(&format!("{kind}.{ending}"));
            assert_eq!(*key.public_key(), public(kind), "{kind} {ending}");
            assert_eq!(key.comment(), "test key");
        }
    }
}

#[test]
fn a_wrong_and_a_missing_passphrase_are_told_apart_in_every_format() {
    for name in [
        "rsa.pem.locked",
        "dsa.pem.locked",
        "ecdsa521.pem.locked",
        "rsa.pkcs8.locked",
        "rsa.scrypt",
        "ed25519.ppk2.locked",
        "rsa.argon2id.ppk",
        "ed25519.3des-cbc",
    ] {
        let with = |passphrase: Option<Secret>| {
            PrivateKey::load(&text(name), passphrase.as_ref()).map(drop).unwrap_err()
        };
        assert_eq!(with(Some("open sesam".into())), KeyError::WrongPassphrase, "{name}");
        assert_eq!(with(None), KeyError::PassphraseNeeded, "{name}");
        assert_eq!(with(Some("".into())), KeyError::PassphraseNeeded, "{name}");
    }
    for name in ["ed25519.ppk", "rsa.ppk2"] {
        assert!(PrivateKey::load(&text(name), None).is_ok());
    }
}

#[test]
fn a_ppk_file_in_clear_that_was_changed_is_damaged() {
    for name in ["ed25519.ppk", "rsa.ppk2"] {
        let changed = String::from_utf8(text(name)).unwrap().replace("test key", "best key");
        let error = PrivateKey::load(changed.as_bytes(), None).unwrap_err();
        assert!(matches!(error, KeyError::Damaged { place: "ppk file", .. }), "{error}");
    }
    let endings = String::from_utf8(text("ed25519.ppk")).unwrap().replace('\n', "\r\n");
    assert_eq!(*PrivateKey::load(endings.as_bytes(), None).unwrap().public_key(), public("ed25519"));
}

#[test]
fn defect_061_what_a_file_may_ask_for_is_bounded() {
    let ppk = |from: &str, to: &str| {
        let text = String::from_utf8(text("ed25519.argon2id.ppk")).unwrap().replace(from, to);
        PrivateKey::load(text.as_bytes(), Some(&passphrase())).map(drop).unwrap_err()
    };
    let costly = |error: KeyError, name: &str, amount: u64| match error {
        KeyError::TooCostly { what, asked, limit } => {
            assert_eq!((what, asked), (name, amount));
            assert!(limit < asked);
        }
        other => panic!("{other:?}"),
    };
    costly(ppk("Memory: 64", "Memory: 262145"), "KiB of memory for Argon2", 262_145);
    costly(ppk("Passes: 2", "Passes: 65537"), "KiB of work for Argon2", 65537 * 64);
    costly(ppk("Parallelism: 2", "Parallelism: 65"), "lanes of Argon2", 65);
    for (from, to) in
        [("Memory: 64", "Memory: 0"), ("Passes: 2", "Passes: 0"), ("Parallelism: 2", "Parallelism: 0")]
    {
        assert!(matches!(ppk(from, to), KeyError::Damaged { .. }));
    }

    // PBKDF2 and scrypt: the numbers are changed where they stand, in as many bytes.
    let pkcs8 = |name: &str, from: &[u8], to: &[u8]| {
        use base64ct::{Base64, Encoding};
        let text = String::from_utf8(text(name)).unwrap();
        let base64: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        let mut der = Base64::decode_vec(&base64).unwrap();
        let at = der.windows(from.len()).position(|window| window == from).unwrap();
        der.splice(at..at + from.len(), to.iter().copied());
        // Four lengths around it, each 2 bytes longer or none.
        if to.len() > from.len() {
            let more = (to.len() - from.len()) as u8;
            let length = u16::from_be_bytes([der[2], der[3]]) + u16::from(more);
            der[2..4].copy_from_slice(&length.to_be_bytes());
            for at in [5, 18, 20, 33] {
                der[at] += more;
            }
        }
        let text = format!(
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\n{}\n-----END ENCRYPTED PRIVATE KEY-----\n",
            Base64::encode_string(&der)
        );
        PrivateKey::load(text.as_bytes(), Some(&passphrase())).map(drop).unwrap_err()
    };
    let error = pkcs8("rsa.pkcs8.locked", &[2, 2, 8, 0], &[2, 4, 0, 0x98, 0x96, 0x81]);
    costly(error, "PBKDF2 iterations", 10_000_001);
    let error = pkcs8("rsa.pkcs8.locked", &[2, 2, 8, 0], &[2, 4, 0x7f, 0xff, 0xff, 0xff]);
    costly(error, "PBKDF2 iterations", 0x7fff_ffff);
    let error = pkcs8("rsa.scrypt", &[2, 2, 4, 0], &[2, 4, 0x40, 0, 0, 0]);
    costly(error, "bytes of memory for scrypt", 1 << 40);
    let error = pkcs8("rsa.scrypt", &[2, 2, 4, 0], &[2, 2, 4, 1]);
    assert!(matches!(error, KeyError::Damaged { .. }), "not a power of two: {error}");
}

#[test]
fn what_is_written_in_every_format_is_read_again() {
    let mut keys: Vec<_> = ["ed25519", "ecdsa256", "ecdsa384", "ecdsa521", "rsa", "dsa"].map(load).into();
    keys.push(PrivateKey::generate(KeyType::MlDsa44Ed25519).unwrap());
    let secret = passphrase();
    let read = |text: &str, passphrase: Option<&Secret>| PrivateKey::load(text.as_bytes(), passphrase);
    for key in &keys {
        let name = key.public_key().algorithm();
        // Ciphers and derivations do not know what they hide, and take their time: one type tries them all.
        let all = name == "ssh-ed25519";
        for cipher in KeyCipher::all().take(if all { usize::MAX } else { 1 }) {
            let text = key.to_openssh_with("me", Some(&secret), cipher).unwrap();
            assert_eq!(read(&text, None).unwrap_err(), KeyError::PassphraseNeeded);
            let again = read(&text, Some(&secret)).unwrap();
            assert_eq!((again.public_key(), again.comment()), (key.public_key(), "me"), "{name} {cipher}");
            assert_eq!(again.file_info().unwrap().cipher(), Some(cipher.name()));
        }
        if name.starts_with("ssh-mldsa44") {
            let refused = |result: Result<_, KeyError>| {
                assert!(matches!(result, Err(KeyError::UnsupportedFormat { .. })));
            };
            refused(key.to_pkcs8(None).map(drop));
            refused(key.to_ppk("", None, PpkVersion::V3).map(drop));
            continue;
        }
        for passphrase in [None, Some(&secret)].into_iter().take(if all { 2 } else { 1 }) {
            let text = key.to_pkcs8(passphrase).unwrap();
            let again = read(&text, passphrase).unwrap();
            assert_eq!(again.public_key(), key.public_key());
            assert_eq!(again.file_info().unwrap().format(), KeyFormat::Pkcs8);
            for version in [PpkVersion::V2, PpkVersion::V3] {
                let text = key.to_ppk("a comment", passphrase, version).unwrap();
                let again = read(&text, passphrase).unwrap();
                assert_eq!((again.public_key(), again.comment()), (key.public_key(), "a comment"));
                assert_eq!(again.file_info().unwrap().format(), KeyFormat::Ppk(version));
            }
        }
    }
    assert!(keys[0].to_ppk("a\nb", None, PpkVersion::V3).is_err());
}

#[test]
fn keys_of_every_type_sign_and_verify() {
    for key in [load("dsa"), PrivateKey::generate(KeyType::MlDsa44Ed25519).unwrap()] {
        let public = key.public_key();
        let [algorithm] = public.signature_algorithms() else { panic!("one algorithm") };
        let scheme = Provider::default().signature(algorithm).unwrap();
        let signature = key.sign(algorithm, b"message").unwrap();
        assert_eq!(public.verify(scheme, b"message", &signature), Ok(()));
        assert_eq!(public.verify(scheme, b"massage", &signature), Err(KeyError::BadSignature));
        let again = PublicKey::from_line(&public.to_line("a b")).unwrap();
        assert_eq!((&again.0, again.1.as_str()), (public, "a b"));
        assert!(PublicKey::from_blob(&public.blob()[..public.blob().len() - 1]).is_err());
    }
    assert_eq!(load("dsa").public_key().bits(), 1024);
}

/// The file of a FIDO key as PROTOCOL.u2f has it, with a handle that no device knows.
fn device_file(name: &str, public: &[&[u8]]) -> String {
    use base64ct::{Base64, Encoding};
    let fields = |writer: &mut Writer<'_>| {
        writer.string(name.as_bytes());
        for field in public {
            writer.string(field);
        }
    };
    let mut body = b"openssh-key-v1\0".to_vec();
    let mut writer = Writer::new(&mut body);
    writer.string(b"none");
    writer.string(b"none");
    writer.string(b"");
    writer.u32(1);
    writer.nested(fields);
    let mut section = vec![1, 2, 3, 4, 1, 2, 3, 4];
    let mut inner = Writer::new(&mut section);
    fields(&mut inner);
    inner.u8(1);
    inner.string(b"a handle");
    inner.string(b"");
    inner.string(b"my device");
    let padding = section.len().next_multiple_of(8) - section.len();
    section.extend(1..=padding as u8);
    Writer::new(&mut body).string(&section);
    let base64 = Base64::encode_string(&body);
    format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{base64}\n-----END OPENSSH PRIVATE KEY-----\n")
}

#[test]
fn the_file_of_a_key_in_a_device_loads_and_leaves_signing_to_an_agent() {
    let ed25519 = feramiko_crypto::Ed25519Key::generate().unwrap().public();
    let point = feramiko_crypto::EcdsaKey::generate(feramiko_crypto::signing::Curve::P256).unwrap().point();
    for (name, fields) in [
        ("sk-ssh-ed25519@openssh.com", vec![&ed25519[..], b"ssh:"]),
        ("sk-ecdsa-sha2-nistp256@openssh.com", vec![&b"nistp256"[..], &point, b"ssh:work"]),
    ] {
        let file = device_file(name, &fields);
        let key = PrivateKey::load(file.as_bytes(), None).unwrap();
        assert_eq!((key.public_key().algorithm(), key.comment()), (name, "my device"));
        assert!(key.public_key().is_security_key());
        assert_eq!(key.public_key().bits(), 256);
        assert_eq!(key.sign(name, b"message"), Err(KeyError::InDevice));
        let sealed = key.to_openssh("my device", Some(&passphrase())).unwrap();
        let again = PrivateKey::load(sealed.as_bytes(), Some(&passphrase())).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        let plain = again.to_openssh("my device", None).unwrap();
        assert!(PrivateKey::load(plain.as_bytes(), None).is_ok());
        assert!(matches!(key.to_pkcs8(None), Err(KeyError::UnsupportedFormat { .. })));
    }
    let nul = device_file("sk-ssh-ed25519@openssh.com", &[&ed25519, b"ssh:\0"]);
    assert!(matches!(PrivateKey::load(nul.as_bytes(), None), Err(KeyError::Damaged { .. })));
}

#[test]
fn defect_033_a_device_must_have_been_touched_unless_that_is_not_asked_for() {
    let device = Device::ed25519(0).unwrap();
    let (name, public) = ("sk-ssh-ed25519@openssh.com", device.public_key());
    let scheme = Provider::default().signature(name).unwrap();
    let sign = |flags: u8| {
        device.set_flags(flags);
        device.sign(name, b"message").unwrap()
    };
    assert_eq!(public.verify(scheme, b"message", &sign(1)), Ok(()));
    assert_eq!(public.verify(scheme, b"message", &sign(0)), Err(KeyError::NotTouched));
    assert_eq!(public.verify(scheme, b"message", &sign(4)), Err(KeyError::NotTouched));
    for (flags, present, verified) in [(0, false, false), (1, true, false), (4, false, true), (5, true, true)]
    {
        let details = public.verify_details(scheme, b"message", &sign(flags)).unwrap().unwrap();
        assert_eq!((details.user_present(), details.user_verified()), (present, verified));
        assert_eq!(details.counter(), 0x0102);
    }
    // Flags that were not signed are worth nothing.
    let mut bent = sign(0);
    let at = bent.len() - 5;
    bent[at] = 1;
    assert_eq!(public.verify(scheme, b"message", &bent), Err(KeyError::BadSignature));
}
