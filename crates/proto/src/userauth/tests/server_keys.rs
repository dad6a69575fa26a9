use std::collections::BTreeSet;

use feramiko_keys::certificate::{CertificateBuilder, certificate_algorithm};
use feramiko_keys::{KeyType, PrivateKey, Signer};
use feramiko_testkit::Device;

use super::server::*;
use super::*;
use crate::event::{Decision, Proof};
use crate::kex::Protected;
use crate::userauth::Server;

#[test]
fn a_key_is_offered_then_signs() {
    let (mut out, key) = (output(), ed25519());
    let blob = key.public_key().blob();
    let (mut server, offered) = asked(server(), &offer("robey", "ssh-ed25519", blob), &mut out);
    assert!(matches!(offered.proof(), Proof::KeyOffer(offered) if offered == key.public_key()));
    server.decide(offered, Decision::Accept, &mut out).unwrap().unwrap();
    let ok = message(60, |writer| {
        writer.string(b"ssh-ed25519");
        writer.string(blob);
    });
    assert_eq!(sent_one(&mut out), ok);
    assert!(!out.authenticated);

    let request = key_request("robey", "ssh-ed25519", &key);
    let (mut server, proved) = asked(server, &signed(SESSION, request, &key), &mut out);
    assert!(matches!(proved.proof(), Proof::Key(verified)
        if verified.key() == key.public_key() && verified.algorithm() == "ssh-ed25519"));
    server.decide(proved, Decision::Accept, &mut out).unwrap().unwrap();
    assert_eq!(sent_one(&mut out), [52]);
}

#[test]
fn every_key_type_logs_in_by_each_of_its_algorithms() {
    let kinds = [
        KeyType::Ed25519,
        KeyType::EcdsaP256,
        KeyType::EcdsaP384,
        KeyType::EcdsaP521,
        KeyType::Rsa { bits: 2048 },
    ];
    let mut seen = BTreeSet::new();
    for kind in kinds {
        let key = PrivateKey::generate(kind).unwrap();
        let taken = |name: &&&str| Common::default().algorithms.user_key.iter().any(|taken| taken == **name);
        for algorithm in key.public_key().signature_algorithms().iter().filter(taken) {
            let mut out = output();
            let request = key_request("robey", algorithm, &key);
            let (_, proved) = asked(server(), &signed(SESSION, request, &key), &mut out);
            assert!(matches!(proved.proof(), Proof::Key(verified) if verified.algorithm() == *algorithm));
            seen.insert(*algorithm);

            let certificate =
                CertificateBuilder::user(key.public_key()).principal("robey").issue(&key).unwrap();
            let certified = certificate_algorithm(algorithm).unwrap();
            let request = KeyRequest { algorithm: certified, key: certificate.blob(), ..request };
            let signature = key.sign(algorithm, &request.signed_text(SESSION)).unwrap();
            let (_, proved) = asked(server(), &with_signature(request, &signature), &mut out);
            assert!(
                matches!(proved.proof(), Proof::Certificate(verified) if verified.algorithm() == certified)
            );
            seen.insert(certified);
        }
    }
    // What devices sign cannot be signed here.
    let user_key = Common::default().algorithms.user_key;
    assert_eq!(seen, user_key.iter().map(String::as_str).filter(|name| !name.starts_with("sk-")).collect());
}

#[test]
fn defect_033_what_nobody_touched_lets_in_only_when_that_is_waived() {
    let name = "sk-ssh-ed25519@openssh.com";
    for (flags, waived, allowed) in
        [(0, false, false), (0, true, true), (Device::TOUCHED, false, true), (Device::VERIFIED, false, false)]
    {
        let (mut out, device) = (output(), Device::ed25519(flags).unwrap());
        let blob = device.public_key().blob();
        let request = KeyRequest { user: "robey", algorithm: name, key: blob, host_key: None };
        let signature = device.sign(name, &request.signed_text(SESSION)).unwrap();
        let (mut server, mut proved) = asked(server(), &with_signature(request, &signature), &mut out);
        let said = proved.proof().security_key().unwrap();
        assert_eq!(said.user_present(), flags & Device::TOUCHED != 0);
        if waived {
            proved.waive_touch();
        }
        let answer = server.decide(proved, Decision::Accept, &mut out).unwrap();
        assert_eq!((answer.is_ok(), out.authenticated), (allowed, allowed), "{flags}");
        assert_eq!(sent_one(&mut out), if allowed { vec![52] } else { failure(ALL, false) });
    }
}

#[test]
fn the_hostbound_method_proves_the_host_key_too() {
    let (mut out, key) = (output(), ed25519());
    let request = KeyRequest { host_key: Some(HOST_KEY), ..key_request("robey", "ssh-ed25519", &key) };
    let (_, proved) = asked(server(), &signed(SESSION, request, &key), &mut out);
    assert!(matches!(proved.proof(), Proof::Key(_)));

    let elsewhere = KeyRequest { host_key: Some(b"another host"), ..request };
    refused(server(), &signed(SESSION, elsewhere, &key), ALL, &mut out);
}

#[test]
fn defect_023_an_offer_lets_nobody_in_and_another_key_must_prove_itself() {
    let (mut out, offered, other) = (output(), ed25519(), ed25519());
    let (mut server, attempt) =
        asked(server(), &offer("robey", "ssh-ed25519", offered.public_key().blob()), &mut out);
    server.decide(attempt, Decision::Accept, &mut out).unwrap().unwrap();
    assert!(!out.authenticated && events(&mut out).is_empty());
    sent(&mut out);

    // Signed by another key than the one it names.
    let request = key_request("robey", "ssh-ed25519", &offered);
    let server = refused(server, &signed(SESSION, request, &other), ALL, &mut out);
    // The other key, for itself: the application is told which.
    let request = key_request("robey", "ssh-ed25519", &other);
    let (_, proved) = asked(server, &signed(SESSION, request, &other), &mut out);
    assert!(matches!(proved.proof(), Proof::Key(verified) if verified.key() == other.public_key()));
}

#[test]
fn defect_022_a_signature_is_bound_to_session_user_service_algorithm_and_key() {
    let (mut out, key) = (output(), PrivateKey::generate(KeyType::Rsa { bits: 2048 }).unwrap());
    let good = key_request("robey", "rsa-sha2-512", &key);
    let signature = key.sign("rsa-sha2-512", &good.signed_text(SESSION)).unwrap();
    refused(server(), &with_signature(KeyRequest { user: "root", ..good }, &signature), ALL, &mut out);
    refused(
        server(),
        &with_signature(KeyRequest { algorithm: "rsa-sha2-256", ..good }, &signature),
        ALL,
        &mut out,
    );
    refused(
        server(),
        &with_signature(KeyRequest { host_key: Some(HOST_KEY), ..good }, &signature),
        ALL,
        &mut out,
    );
    refused(server(), &signed(b"another session", good, &key), ALL, &mut out);
    for at in [0, signature.len() / 2, signature.len() - 1] {
        let mut bad = signature.clone();
        bad[at] ^= 1;
        refused(server(), &with_signature(good, &bad), ALL, &mut out);
    }
    refused(server(), &with_signature(good, b""), ALL, &mut out);
    asked(server(), &with_signature(good, &signature), &mut out);
}

#[test]
fn defect_030_algorithm_key_type_curve_and_signature_format_agree() {
    let p256 = PrivateKey::generate(KeyType::EcdsaP256).unwrap();
    let p384 = PrivateKey::generate(KeyType::EcdsaP384).unwrap();
    let mut out = output();
    // Only one curve is allowed.
    let mut config = undelayed();
    config.common.algorithms.user_key = vec!["ecdsa-sha2-nistp384".to_owned()];
    let narrow = || {
        let context = context(config.common.clone(), Extensions::default());
        Server::new(context, Arc::new(config.clone()), Protected::for_test())
    };
    let request = key_request("robey", "ecdsa-sha2-nistp256", &p256);
    refused(narrow(), &signed(SESSION, request, &p256), ALL, &mut out);
    refused(narrow(), &offer("robey", "ecdsa-sha2-nistp384", p256.public_key().blob()), ALL, &mut out);
    // An allowed name in front of a key of another type, a signature of another format behind it.
    let disguised = KeyRequest { algorithm: "ecdsa-sha2-nistp384", ..request };
    let signature = p256.sign("ecdsa-sha2-nistp256", &disguised.signed_text(SESSION)).unwrap();
    refused(narrow(), &with_signature(disguised, &signature), ALL, &mut out);
    refused(server(), &with_signature(disguised, &signature), ALL, &mut out);
    let request = key_request("robey", "ecdsa-sha2-nistp384", &p384);
    let renamed = p384.sign("ecdsa-sha2-nistp384", &request.signed_text(SESSION)).unwrap();
    let renamed = [b"\0\0\0\x13ecdsa-sha2-nistp256".as_slice(), &renamed[23..]].concat();
    refused(server(), &with_signature(request, &renamed), ALL, &mut out);
    asked(narrow(), &signed(SESSION, request, &p384), &mut out);
}

#[test]
fn defect_059_the_algorithm_is_looked_at_before_the_key() {
    let (mut out, key) = (output(), ed25519());
    for algorithm in ["", "ssh-rsa", "ssh-dss", "ssh-ed25519-cert-v01@openssh.com", "rsa-sha2-256"] {
        refused(server(), &offer("robey", algorithm, key.public_key().blob()), ALL, &mut out);
    }
    for blob in [b"".as_slice(), b"\0\0\0\x0bssh-ed25519", &[0xff; 40]] {
        refused(server(), &offer("robey", "ssh-ed25519", blob), ALL, &mut out);
    }
}
