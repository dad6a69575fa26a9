//! Signatures: what verifies, and the agreement of request, key, curve and format.

use feramiko_crypto::Provider;
use feramiko_crypto::signing::SignatureScheme;
use feramiko_keys::{KeyError, KeyType, PrivateKey};
use feramiko_wire::{Reader, Writer};

const KINDS: [KeyType; 5] = [
    KeyType::Ed25519,
    KeyType::EcdsaP256,
    KeyType::EcdsaP384,
    KeyType::EcdsaP521,
    KeyType::Rsa { bits: 2048 },
];

fn keys() -> Vec<PrivateKey> {
    KINDS.into_iter().map(|kind| PrivateKey::generate(kind).unwrap()).collect()
}

fn scheme(name: &str) -> &'static dyn SignatureScheme {
    Provider::default().signature(name).unwrap()
}

/// A signature blob taken apart and put together with another format or body.
fn blob(format: &str, body: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    let mut writer = Writer::new(&mut blob);
    writer.string(format.as_bytes());
    writer.string(body);
    blob
}

fn body(signature: &[u8]) -> Vec<u8> {
    let mut reader = Reader::new(signature);
    reader.string().unwrap();
    reader.string().unwrap().to_vec()
}

#[test]
fn signatures_of_every_key_and_algorithm_verify_for_their_message_only() {
    for key in keys() {
        let public = key.public_key();
        for algorithm in public.signature_algorithms() {
            let signature = key.sign(algorithm, b"message").unwrap();
            assert_eq!(public.verify(scheme(algorithm), b"message", &signature), Ok(()), "{algorithm}");
            assert_eq!(
                public.verify(scheme(algorithm), b"massage", &signature),
                Err(KeyError::BadSignature),
                "{algorithm}"
            );
        }
    }
}

#[test]
fn ecdsa_numbers_with_leading_zeros_or_sign_bits_verify() {
    // One number in two needs a sign byte and one in 256 is short: 300 signatures meet all of them.
    let key = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    for number in 0..300_u32 {
        let message = number.to_be_bytes();
        let signature = key.sign("ecdsa-sha2-nistp256", &message).unwrap();
        let verified = key.public_key().verify(scheme("ecdsa-sha2-nistp256"), &message, &signature);
        assert_eq!(verified, Ok(()), "{number}");
    }
}

#[test]
fn no_flipped_bit_verifies() {
    for key in keys() {
        let public = key.public_key();
        let algorithm = public.signature_algorithms()[0];
        let signature = key.sign(algorithm, b"message").unwrap();
        for at in 0..signature.len() {
            let mut bent = signature.clone();
            bent[at] ^= 1 << (at % 8);
            assert!(public.verify(scheme(algorithm), b"message", &bent).is_err(), "{algorithm} byte {at}");
        }
    }
}

#[test]
fn defect_030_a_scheme_works_with_keys_of_its_own_type_only() {
    for key in keys() {
        let public = key.public_key();
        let own = public.signature_algorithms();
        let signature = key.sign(own[0], b"message").unwrap();
        for other in Provider::default().signatures.iter().filter(|scheme| !own.contains(&scheme.name())) {
            assert_eq!(
                public.verify(*other, b"message", &signature),
                Err(KeyError::WrongAlgorithm {
                    algorithm: other.name().to_owned(),
                    key_type: public.algorithm().to_owned()
                })
            );
        }
    }
}

#[test]
fn defect_032_the_format_in_the_signature_must_be_the_one_agreed_on() {
    let key = PrivateKey::generate(KeyType::Rsa { bits: 2048 }).unwrap();
    let signature = key.sign("rsa-sha2-256", b"message").unwrap();
    let public = key.public_key();
    assert_eq!(public.verify(scheme("rsa-sha2-256"), b"message", &signature), Ok(()));
    let other = public.verify(scheme("rsa-sha2-512"), b"message", &signature);
    assert!(matches!(other, Err(KeyError::Damaged { place: "signature", .. })), "{other:?}");
    let renamed = blob("ssh-rsa", &body(&signature));
    assert!(public.verify(scheme("rsa-sha2-256"), b"message", &renamed).is_err());
}

#[test]
fn rsa_signatures_may_be_short_and_never_long() {
    // A signature that begins with a zero byte comes once in 256: old peers send it without.
    let key = PrivateKey::generate(KeyType::Rsa { bits: 2048 }).unwrap();
    let public = key.public_key();
    let (message, signature) = (0..5000_u32)
        .map(|number| number.to_be_bytes())
        .map(|message| (message, body(&key.sign("rsa-sha2-256", &message).unwrap())))
        .find(|(_, signature)| signature[0] == 0)
        .unwrap();
    let verify = |body: &[u8]| public.verify(scheme("rsa-sha2-256"), &message, &blob("rsa-sha2-256", body));
    assert_eq!(verify(&signature), Ok(()));
    assert_eq!(verify(&signature[1..]), Ok(()));
    assert!(verify(&[&[0], &signature[..]].concat()).is_err());
    assert!(verify(&[]).is_err());
}

#[test]
fn ed25519_signatures_have_64_bytes() {
    let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    let signature = body(&key.sign("ssh-ed25519", b"message").unwrap());
    assert_eq!(signature.len(), 64);
    for wrong in [&signature[..63], &[&signature[..], &[0]].concat(), &[]] {
        let verified =
            key.public_key().verify(scheme("ssh-ed25519"), b"message", &blob("ssh-ed25519", wrong));
        assert_eq!(verified, Err(KeyError::BadSignature));
    }
}
