//! Private key files: text as it comes, and bodies of every kind under the right frame.
#![no_main]

use base64ct::{Base64, Encoding};
use feramiko_fuzz::{allocates_at_most, contains};
use feramiko_keys::{KeyFileInfo, PrivateKey, Zeroizing};
use feramiko_proto::Secret;
use feramiko_wire::Reader;
use libfuzzer_sys::fuzz_target;

const LABELS: [&str; 6] = [
    "OPENSSH PRIVATE KEY",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "PRIVATE KEY",
    "DSA PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
];

fn text(label: &str, body: &[u8]) -> Vec<u8> {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in Base64::encode_string(body).as_bytes().chunks(70) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text.into_bytes()
}

/// bcrypt rounds that an openssh-key-v1 body asks for: one is enough here, each takes milliseconds.
fn rounds(body: &[u8]) -> Option<u32> {
    let mut reader = Reader::new(body.strip_prefix(b"openssh-key-v1\0")?);
    let (_cipher, _kdf) = (reader.string().ok()?, reader.string().ok()?);
    let mut options = Reader::new(reader.string().ok()?);
    options.string().ok()?;
    options.u32().ok()
}

fn load(text: &[u8], passphrase: Option<&Secret>) {
    if let Ok(info) = KeyFileInfo::read(text) {
        assert!(!info.to_string().contains('\x1b'));
    }
    match PrivateKey::load(text, passphrase) {
        Ok(key) => {
            // What can be loaded can be written and used. RSA is dear: only now and then.
            assert!(!key.comment().contains(char::is_control));
            let written: Zeroizing<String> =
                key.to_openssh(key.comment(), None).expect("a key that cannot be written");
            let again = PrivateKey::load(written.as_bytes(), None).expect("our own file");
            assert_eq!(again.public_key(), key.public_key());
            let algorithm = key.public_key().signature_algorithms()[0];
            // The file of a FIDO key cannot sign.
            if !algorithm.starts_with("rsa") && !key.public_key().is_security_key() {
                key.sign(algorithm, b"message").expect("a key that cannot sign");
            }
        }
        Err(error) => {
            let said = error.to_string();
            assert!(!said.is_empty() && !contains(said.as_bytes(), b"\x1b"), "{said:?}");
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    let passphrase = Secret::from("open sesame");
    let passphrase = (kind & 0x80 != 0).then_some(&passphrase);
    let text = match LABELS.get(usize::from(kind & 0x7f)) {
        Some(label) => text(label, data),
        None => data.to_vec(),
    };
    let costly = |body: &[u8]| rounds(body).is_some_and(|rounds| (2..=2048).contains(&rounds));
    // Text as it comes is not taken apart here: without a passphrase nothing is derived.
    // Encrypted PKCS#8 may ask for seconds of honest work: it is taken apart, and not opened.
    let known = LABELS.get(usize::from(kind & 0x7f)).is_some_and(|label| !label.starts_with("ENCRYPTED"));
    let passphrase = passphrase.filter(|_| known && !costly(data));
    allocates_at_most((1 << 20) + 8 * data.len(), || load(&text, passphrase));
});
