//! Signatures of files, who is allowed to make them, and public keys as RFC 4716 has them.
#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use feramiko_fuzz::allocates_at_most;
use feramiko_keys::PublicKey;
use feramiko_keys::sshsig::{AllowedSigners, SshSignature};
use libfuzzer_sys::fuzz_target;

/// By a key, and by the same key in a certificate.
static SIGNATURES: LazyLock<[SshSignature; 2]> = LazyLock::new(|| {
    [
        &include_bytes!("../../crates/keys/tests/data/ed25519.sig")[..],
        include_bytes!("../../crates/keys/tests/data/certified.sig"),
    ]
    .map(|text| SshSignature::from_text(text).expect("a signature"))
});

fuzz_target!(|data: &[u8]| {
    let Some((kind, text)) = data.split_first() else { return };
    allocates_at_most((1 << 20) + 64 * data.len(), || match kind % 3 {
        0 => {
            let allowed = AllowedSigners::parse(text);
            let now = UNIX_EPOCH + Duration::from_secs(1_900_000_000);
            for signature in SIGNATURES.iter() {
                let _ = allowed.find_principals(signature, now);
                let digest = signature.hash().digest(b"what is signed");
                let _ = allowed.verify("robey", "file", signature, &digest, now);
            }
            for principals in allowed.match_principals("robey") {
                assert!(!principals.is_empty());
            }
        }
        1 => match SshSignature::from_text(text) {
            Ok(signature) => {
                assert_eq!(SshSignature::from_text(signature.to_text().as_bytes()).as_ref(), Ok(&signature));
                // RSA numbers of 8192 bits take milliseconds to verify with.
                if signature.public_key().bits() <= 2048 {
                    let digest = signature.hash().digest(b"nobody has signed this");
                    signature.check(signature.namespace(), &digest).expect_err("nobody has signed this");
                }
            }
            Err(error) => assert!(!error.to_string().contains('\x1b')),
        },
        _ => {
            let Ok((key, comment)) = PublicKey::from_rfc4716(&String::from_utf8_lossy(text)) else { return };
            assert!(!comment.contains(char::is_control));
            assert_eq!(PublicKey::from_rfc4716(&key.to_rfc4716(&comment)).map(|(key, _)| key), Ok(key));
        }
    });
});
