//! The composite of ML-DSA-44 and Ed25519, and the signatures of FIDO devices, one of which is played here.

mod support;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use feramiko_crypto::signing::{Curve, PublicParts, SignatureScheme};
use feramiko_crypto::{CryptoError, EcdsaKey, Ed25519Key, HashAlgorithm, MlDsa44Ed25519Key};
use support::scheme;

const MESSAGE: &[u8] = b"to the iron friend";
const REFUSED: Result<(), CryptoError> = Err(CryptoError::BadSignature);

fn composite() -> &'static dyn SignatureScheme {
    scheme("ssh-mldsa44-ed25519@openssh.com")
}

/// The base64 behind a line that holds the name.
fn vector(name: &str) -> Vec<u8> {
    let lines = include_str!("data/mldsa44-ed25519").lines().skip_while(|line| *line != name).skip(1);
    let base64: String = lines.take_while(|line| line.len() > 2).collect();
    Base64::decode_vec(&base64).unwrap()
}

#[test]
fn the_composite_is_that_of_the_draft() {
    let key = MlDsa44Ed25519Key::from_seeds(vector("sk").as_slice().try_into().unwrap()).unwrap();
    assert_eq!(key.public(), vector("pk"));
    assert_eq!(key.seeds().as_bytes(), vector("sk"));
    let public = PublicParts::MlDsa44Ed25519(key.public());
    let message = vector("m");
    assert_eq!(composite().verify(public, &message, &vector("s")), Ok(()));
    let ours = key.sign(&message).unwrap();
    assert_eq!(ours.len(), 2484);
    assert_ne!(ours, key.sign(&message).unwrap(), "hedged: never the same twice");
    assert_eq!(composite().verify(public, &message, &ours), Ok(()));
}

#[test]
fn both_halves_of_a_composite_must_hold() {
    let (key, other) = (MlDsa44Ed25519Key::generate().unwrap(), MlDsa44Ed25519Key::generate().unwrap());
    let (signature, others) = (key.sign(MESSAGE).unwrap(), other.sign(MESSAGE).unwrap());
    let verify = |message: &[u8], signature: &[u8]| {
        composite().verify(PublicParts::MlDsa44Ed25519(key.public()), message, signature)
    };
    assert_eq!(verify(MESSAGE, &signature), Ok(()));
    assert_eq!(verify(b"another", &signature), REFUSED);
    assert_eq!(verify(MESSAGE, &[&signature[..2420], &others[2420..]].concat()), REFUSED);
    assert_eq!(verify(MESSAGE, &[&others[..2420], &signature[2420..]].concat()), REFUSED);
    for at in (0..signature.len()).step_by(61) {
        let mut bent = signature.clone();
        bent[at] ^= 1 << (at % 8);
        assert_eq!(verify(MESSAGE, &bent), REFUSED, "{at}");
    }
    for wrong in
        [&[][..], &signature[..2420], &signature[..2483], &[&signature[..], &[0]].concat(), &[0xff; 2484]]
    {
        assert_eq!(verify(MESSAGE, wrong), REFUSED);
    }
    for wrong in [&[][..], &key.public()[1..], &[key.public(), &[0]].concat()] {
        let refused = composite().verify(PublicParts::MlDsa44Ed25519(wrong), MESSAGE, &signature);
        assert_eq!(refused, Err(CryptoError::BadKey));
    }
}

/// What a device signs (PROTOCOL.u2f): the hash of the application, flags, counter, extensions, the hash of the text.
fn device_text(flags: u8, counter: u32, extensions: &[u8], text: &[u8]) -> Vec<u8> {
    let hash = |bytes: &[u8]| HashAlgorithm::Sha256.digest(&[bytes]);
    [&hash(b"ssh:"), &[flags][..], &counter.to_be_bytes(), extensions, &hash(text)].concat()
}

fn answer(raw: &[u8], flags: u8, counter: u32) -> Vec<u8> {
    [raw, &[flags], &counter.to_be_bytes()].concat()
}

#[test]
fn a_device_signs_flags_counter_and_application_too() {
    let ed25519 = Ed25519Key::generate().unwrap();
    let ecdsa = EcdsaKey::generate(Curve::P256).unwrap();
    let text = device_text(1, 77, &[], MESSAGE);
    let (key, point) = (ed25519.public(), ecdsa.point());
    let ed25519_parts = |application| PublicParts::SkEd25519 { key: &key, application };
    let ecdsa_parts = |application| PublicParts::SkEcdsa { point: &point, application };
    for (name, parts, other, raw) in [
        (
            "sk-ssh-ed25519@openssh.com",
            ed25519_parts(b"ssh:"),
            ed25519_parts(b"ssh:x"),
            ed25519.sign(&text).unwrap(),
        ),
        (
            "sk-ecdsa-sha2-nistp256@openssh.com",
            ecdsa_parts(b"ssh:"),
            ecdsa_parts(b""),
            ecdsa.sign(&text).unwrap(),
        ),
    ] {
        let verify = |signature: &[u8]| scheme(name).verify(parts, MESSAGE, signature);
        let good = answer(&raw, 1, 77);
        assert_eq!(verify(&good), Ok(()), "{name}");
        assert_eq!(scheme(name).verify(other, MESSAGE, &good), REFUSED);
        assert_eq!(scheme(name).verify(parts, b"another", &good), REFUSED);
        assert_eq!(verify(&answer(&raw, 5, 77)), REFUSED);
        assert_eq!(verify(&answer(&raw, 1, 78)), REFUSED);
        for wrong in [&[][..], &raw, &good[..68], &[&good[..], &[0]].concat()] {
            assert_eq!(verify(wrong), REFUSED);
        }
        let plain = scheme("ssh-ed25519").verify(parts, MESSAGE, &raw);
        assert_eq!(plain, Err(CryptoError::BadKey));
    }
}

#[test]
fn a_browser_signs_what_holds_the_message_as_its_challenge() {
    let ecdsa = EcdsaKey::generate(Curve::P256).unwrap();
    let point = ecdsa.point();
    let parts = PublicParts::SkEcdsa { point: &point, application: b"ssh:" };
    let string = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes(), bytes].concat();
    let client_data = |kind: &str, message: &[u8], origin: &str| {
        let challenge = Base64UrlUnpadded::encode_string(message);
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false}}"#)
    };
    let verify = |flags: u8, origin: &str, client_data: &str, extensions: &[u8]| {
        let raw = ecdsa.sign(&device_text(flags, 3, extensions, client_data.as_bytes())).unwrap();
        let extra = [string(origin.as_bytes()), string(client_data.as_bytes()), string(extensions)].concat();
        let signature = [answer(&raw, flags, 3), extra].concat();
        let cut = scheme("webauthn-sk-ecdsa-sha2-nistp256@openssh.com").verify(
            parts,
            MESSAGE,
            &signature[..signature.len() - 1],
        );
        assert_eq!(cut, REFUSED);
        scheme("webauthn-sk-ecdsa-sha2-nistp256@openssh.com").verify(parts, MESSAGE, &signature)
    };
    let origin = "https://example.org";
    let good = client_data("webauthn.get", MESSAGE, origin);
    assert_eq!(verify(1, origin, &good, &[]), Ok(()));
    assert_eq!(verify(0x81, origin, &good, b"extension"), Ok(()));
    // Flags that contradict what is there, and credentials that are never there.
    assert_eq!(verify(1, origin, &good, b"extension"), REFUSED);
    assert_eq!(verify(0x81, origin, &good, &[]), REFUSED);
    assert_eq!(verify(0x41, origin, &good, &[]), REFUSED);
    // Another message, purpose or origin; an origin that would close its quotes.
    assert_eq!(verify(1, origin, &client_data("webauthn.get", b"another", origin), &[]), REFUSED);
    assert_eq!(verify(1, origin, &client_data("webauthn.create", MESSAGE, origin), &[]), REFUSED);
    assert_eq!(verify(1, "https://example.com", &good, &[]), REFUSED);
    let quoted = r#"x","a":"b"#;
    assert_eq!(verify(1, quoted, &client_data("webauthn.get", MESSAGE, quoted), &[]), REFUSED);
}
