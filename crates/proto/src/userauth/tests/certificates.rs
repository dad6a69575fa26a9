//! publickey requests with a certificate in the key's place (OpenSSH PROTOCOL.certkeys).

use feramiko_keys::certificate::CertificateBuilder;
use feramiko_keys::{Certificate, KeyType, PrivateKey};

use super::server::*;
use super::*;
use crate::event::{AuthOutcome, Decision, Method, Proof, SignRequest};
use crate::kex::Protected;
use crate::userauth::Client;

const ED25519: &str = "ssh-ed25519-cert-v01@openssh.com";

fn certified(key: &PrivateKey) -> Certificate {
    CertificateBuilder::user(key.public_key()).principal("robey").issue(&ed25519()).unwrap()
}

fn request_with<'a>(algorithm: &'a str, certificate: &'a Certificate) -> KeyRequest<'a> {
    KeyRequest { user: "robey", algorithm, key: certificate.blob(), host_key: None }
}

/// By the key's own algorithm, as everybody does.
fn signed_plainly(request: KeyRequest<'_>, plain: &str, key: &PrivateKey) -> Vec<u8> {
    with_signature(request, &key.sign(plain, &request.signed_text(SESSION)).unwrap())
}

#[test]
fn a_certificate_is_offered_then_proved_and_never_told_as_a_key() {
    let (mut out, key) = (output(), ed25519());
    let certificate = certified(&key);
    let (mut server, offered) = asked(server(), &offer("robey", ED25519, certificate.blob()), &mut out);
    assert!(matches!(offered.proof(), Proof::CertificateOffer(offered) if *offered == certificate));
    server.decide(offered, Decision::Accept, &mut out).unwrap().unwrap();
    let ok = message(60, |writer| {
        writer.string(ED25519.as_bytes());
        writer.string(certificate.blob());
    });
    assert_eq!(sent_one(&mut out), ok);
    assert!(!out.authenticated, "an offer lets nobody in");

    let request = request_with(ED25519, &certificate);
    let (mut server, proved) = asked(server, &signed_plainly(request, "ssh-ed25519", &key), &mut out);
    assert!(matches!(proved.proof(), Proof::Certificate(verified)
        if *verified.certificate() == certificate && verified.algorithm() == ED25519));
    server.decide(proved, Decision::Accept, &mut out).unwrap().unwrap();
    assert_eq!(sent_one(&mut out), [52]);
}

#[test]
fn defect_024_an_offered_certificate_is_no_part_of_a_success() {
    let (mut out, key) = (output(), ed25519());
    let certificate = certified(&key);
    let (mut server, offered) = asked(server(), &offer("robey", ED25519, certificate.blob()), &mut out);
    assert!(server.decide(offered, partial(&["password"]), &mut out).unwrap().is_err());
    assert_eq!(sent_one(&mut out), failure(ALL, false));
}

#[test]
fn defect_030_algorithm_certificate_and_signature_agree() {
    let (mut out, key, other) = (output(), ed25519(), ed25519());
    let certificate = certified(&key);
    let request = request_with(ED25519, &certificate);
    let good = signed_plainly(request, "ssh-ed25519", &key);
    asked(server(), &good, &mut out);
    // Another holder, another name in front of the signature, another session.
    refused(server(), &signed_plainly(request, "ssh-ed25519", &other), ALL, &mut out);
    let signature = key.sign("ssh-ed25519", &request.signed_text(SESSION)).unwrap();
    let renamed = [&[0, 0, 0, 32], ED25519.as_bytes(), &signature[15..]].concat();
    refused(server(), &with_signature(request, &renamed), ALL, &mut out);
    let elsewhere = key.sign("ssh-ed25519", &request.signed_text(b"another session")).unwrap();
    refused(server(), &with_signature(request, &elsewhere), ALL, &mut out);
    // The certificate under a key's name, the key under a certificate's.
    let plain = KeyRequest { algorithm: "ssh-ed25519", ..request };
    refused(server(), &signed_plainly(plain, "ssh-ed25519", &key), ALL, &mut out);
    let bare = KeyRequest { algorithm: ED25519, ..key_request("robey", ED25519, &key) };
    refused(server(), &signed_plainly(bare, "ssh-ed25519", &key), ALL, &mut out);
    // A certificate that its authority has not signed so.
    let mut bent = certificate.blob().to_vec();
    *bent.last_mut().unwrap() ^= 1;
    refused(server(), &offer("robey", ED25519, &bent), ALL, &mut out);
}

#[test]
fn a_server_that_takes_no_certificates_does_not_look_at_them() {
    let (mut out, key) = (output(), ed25519());
    let certificate = certified(&key);
    let mut config = crate::config::ServerConfig { failure_delay: Duration::ZERO, ..Default::default() };
    config.common.algorithms.user_key = vec!["ssh-ed25519".to_owned()];
    let context = context(config.common.clone(), Extensions::default());
    let server = crate::userauth::Server::new(context, Arc::new(config), Protected::for_test());
    refused(server, &offer("robey", ED25519, certificate.blob()), ALL, &mut out);
}

fn client(takes: Option<&[&str]>) -> Client {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let extensions = Extensions { server_sig_algs: takes.map(names), ..Extensions::default() };
    Client::new(context(Common::default(), extensions), Protected::for_test())
}

fn sign_request(out: &mut Output) -> SignRequest {
    match event(out) {
        Event::Sign(request) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_shows_the_certificate_and_its_key_signs() {
    let (mut client, mut out, key) = (client(None), output(), ed25519());
    let certificate = certified(&key);
    let method = Method::Certificate { certificate: certificate.clone(), algorithm: None, query: true };
    client.authenticate("robey", method, &mut out).unwrap();
    assert_eq!(sent_one(&mut out), offer("robey", ED25519, certificate.blob()));
    let ok = message(60, |writer| {
        writer.string(ED25519.as_bytes());
        writer.string(certificate.blob());
    });
    let mut client = client.handle(&ok, &mut out).unwrap();
    let asked = sign_request(&mut out);
    assert_eq!((asked.key(), asked.algorithm()), (key.public_key(), "ssh-ed25519"));
    let request = request_with(ED25519, &certificate);
    assert_eq!(asked.message(), request.signed_text(SESSION));
    let signature = key.sign(asked.algorithm(), asked.message()).unwrap();
    client.provide_signature(asked, Some(signature.clone()), &mut out);
    assert_eq!(sent_one(&mut out), with_signature(request, &signature));
    client.handle(&[52], &mut out).unwrap();
    assert!(matches!(event(&mut out), Event::Authentication(AuthOutcome::Success)));
}

#[test]
fn the_algorithm_of_an_rsa_certificate_is_one_that_the_server_takes() {
    let certificate = certified(&PrivateKey::generate(KeyType::Rsa { bits: 2048 }).unwrap());
    let both: &[&str] = &["rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com"];
    for (takes, expected) in [
        (None, Some(both[0])),
        // OpenSSH names signatures, others name certificates.
        (Some(&["rsa-sha2-256", "ssh-ed25519"][..]), Some(both[1])),
        (Some(&["rsa-sha2-512", "rsa-sha2-256"]), Some(both[0])),
        (Some(&both[1..]), Some(both[1])),
        (Some(&["ssh-rsa-cert-v01@openssh.com", "ssh-rsa"]), None),
    ] {
        let (mut client, mut out) = (client(takes), output());
        let method = Method::Certificate { certificate: certificate.clone(), algorithm: None, query: false };
        let begun = client.authenticate("robey", method, &mut out);
        assert_eq!(begun.is_ok(), expected.is_some(), "{takes:?}");
        if let Some(expected) = expected {
            let asked = sign_request(&mut out);
            assert_eq!(feramiko_keys::certificate::plain_algorithm(expected), Some(asked.algorithm()));
            assert_eq!(asked.message(), request_with(expected, &certificate).signed_text(SESSION));
        }
    }
}
