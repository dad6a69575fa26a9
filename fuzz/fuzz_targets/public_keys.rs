//! Public keys, as blobs and as lines, and the signatures that are said to be theirs.
#![no_main]

use feramiko_crypto::Provider;
use feramiko_fuzz::{Choices, allocates_at_most};
use feramiko_keys::PublicKey;
use libfuzzer_sys::fuzz_target;

fn describe(key: &PublicKey) {
    assert_eq!(PublicKey::from_blob(key.blob()).expect("its own blob").blob(), key.blob());
    assert_eq!(PublicKey::from_parts(key.parts()).expect("its own parts").blob(), key.blob());
    let (again, comment) = PublicKey::from_line(&key.to_line("a comment")).expect("its own line");
    assert_eq!((again.blob(), comment.as_str()), (key.blob(), "a comment"));
    assert!(key.bits() >= 256 && !key.signature_algorithms().is_empty());
    assert!(key.fingerprint().to_string().starts_with("SHA256:"));
    assert!(key.fingerprint_md5().contains(':'));
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices::new(data);
    let as_line = choices.byte() & 1 == 1;
    let signature = choices.bytes();
    let rest = choices.rest();
    allocates_at_most((1 << 20) + 16 * data.len(), || {
        let key = match as_line {
            true => PublicKey::from_line(&String::from_utf8_lossy(rest)).map(|(key, comment)| {
                assert!(!comment.contains('\n'));
                key
            }),
            false => PublicKey::from_blob(rest),
        };
        let key = match key {
            Ok(key) => key,
            Err(error) => return assert!(!error.to_string().contains('\x1b')),
        };
        describe(&key);
        // RSA numbers of 8192 bits take milliseconds to verify with.
        for scheme in Provider::default().signatures.iter().filter(|_| key.bits() <= 2048) {
            assert!(key.verify(*scheme, b"message", signature).is_err(), "nobody has signed this");
        }
    });
});
