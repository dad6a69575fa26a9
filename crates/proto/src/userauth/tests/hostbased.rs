//! A host vouches for its user (RFC 4252 section 9).

use feramiko_keys::certificate::CertificateBuilder;
use feramiko_keys::{KeyType, PrivateKey};

use super::server::*;
use super::*;
use crate::event::{AuthOutcome, Decision, Method, Proof};
use crate::kex::Protected;
use crate::userauth::hostbased::HostRequest;
use crate::userauth::{Client, Server};

fn willing() -> Server {
    server_with(&["hostbased"])
}

fn request_of<'a>(key: &'a PrivateKey) -> HostRequest<'a> {
    HostRequest {
        user: "robey",
        algorithm: "ssh-ed25519",
        key: key.public_key().blob(),
        host: "lag.net.",
        client_user: "rob",
    }
}

fn vouched(session: &[u8], request: HostRequest<'_>, key: &PrivateKey) -> Vec<u8> {
    let signature = key.sign(request.algorithm, &request.signed_text(session)).unwrap();
    with(request, &signature)
}

fn with(request: HostRequest<'_>, signature: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    request.encode(&mut payload);
    Writer::new(&mut payload).string(signature);
    payload
}

#[test]
fn a_host_that_signs_is_put_to_the_application() {
    let (mut out, key) = (output(), ed25519());
    let (mut server, attempt) = asked(willing(), &vouched(SESSION, request_of(&key), &key), &mut out);
    let Proof::HostBased(host) = attempt.proof() else { panic!("{attempt:?}") };
    assert_eq!((host.host(), host.user(), attempt.user()), ("lag.net", "rob", "robey"));
    assert_eq!((host.key().key(), host.key().algorithm()), (key.public_key(), "ssh-ed25519"));
    server.decide(attempt, Decision::Accept, &mut out).unwrap().unwrap();
    assert_eq!(sent_one(&mut out), [52]);
    assert_eq!(server.user(), Some("robey"));
}

#[test]
fn a_client_sends_what_a_server_verifies() {
    let rsa = PrivateKey::load(include_bytes!("../../../../keys/tests/data/rsa"), None).unwrap();
    let authority = ed25519();
    let certified = |key: &PrivateKey| {
        CertificateBuilder::host(key.public_key()).principal("lag.net").issue(&authority).unwrap()
    };
    let cases = [ed25519(), rsa].into_iter().flat_map(|key| {
        let certificate = certified(&key);
        [(key.clone(), None), (key, Some(certificate))]
    });
    for (key, certificate) in cases {
        let (mut out, mut server_out) = (output(), output());
        // What the server takes of users' keys says nothing about hosts' keys.
        let extensions =
            Extensions { server_sig_algs: Some(vec!["ssh-ed25519".to_owned()]), ..Extensions::default() };
        let mut client = Client::new(context(Common::default(), extensions), Protected::for_test());
        let method = Method::HostBased {
            key: key.public_key().clone(),
            certificate: certificate.clone(),
            algorithm: None,
            host: "lag.net.".to_owned(),
            user: "rob".to_owned(),
        };
        client.authenticate("robey", method, &mut out).unwrap();
        let Event::Sign(asked_for) = event(&mut out) else { panic!("no signature is asked for") };
        let signature = key.sign(asked_for.algorithm(), asked_for.message()).unwrap();
        client.provide_signature(asked_for, Some(signature), &mut out);
        let (mut server, attempt) = asked(willing(), &sent_one(&mut out), &mut server_out);
        let Proof::HostBased(host) = attempt.proof() else { panic!("{attempt:?}") };
        assert_eq!((host.key().key(), host.certificate()), (key.public_key(), certificate.as_ref()));
        server.decide(attempt, Decision::Accept, &mut server_out).unwrap().unwrap();
        client.handle(&sent_one(&mut server_out), &mut out).unwrap();
        assert!(matches!(event(&mut out), Event::Authentication(AuthOutcome::Success)));
    }
}

#[test]
fn defect_022_a_hosts_signature_is_bound_to_session_and_names() {
    let (mut out, key) = (output(), ed25519());
    let good = request_of(&key);
    let signature = key.sign("ssh-ed25519", &good.signed_text(SESSION)).unwrap();
    for forged in [
        HostRequest { user: "root", ..good },
        HostRequest { client_user: "root", ..good },
        HostRequest { host: "lag.org.", ..good },
        HostRequest { host: "lag.net", ..good },
    ] {
        refused(willing(), &with(forged, &signature), "hostbased", &mut out);
    }
    refused(willing(), &vouched(b"another session", good, &key), "hostbased", &mut out);
    let other = ed25519();
    refused(willing(), &vouched(SESSION, good, &other), "hostbased", &mut out);
    for at in 0..signature.len() {
        let mut bad = signature.clone();
        bad[at] ^= 1;
        refused(willing(), &with(good, &bad), "hostbased", &mut out);
    }
    asked(willing(), &with(good, &signature), &mut out);
}

#[test]
fn defect_030_the_key_of_a_host_is_of_the_algorithm_named() {
    let (mut out, key) = (output(), PrivateKey::generate(KeyType::EcdsaP256).unwrap());
    let good = HostRequest { algorithm: "ecdsa-sha2-nistp256", ..request_of(&key) };
    asked(willing(), &vouched(SESSION, good, &key), &mut out);
    let disguised = HostRequest { algorithm: "ecdsa-sha2-nistp384", ..good };
    let signature = key.sign("ecdsa-sha2-nistp256", &disguised.signed_text(SESSION)).unwrap();
    refused(willing(), &with(disguised, &signature), "hostbased", &mut out);
    for algorithm in ["", "ssh-rsa", "ssh-dss"] {
        refused(willing(), &with(HostRequest { algorithm, ..good }, &signature), "hostbased", &mut out);
    }
}

#[test]
fn defect_037_no_host_vouches_where_nobody_asked_for_that() {
    let (mut out, key) = (output(), ed25519());
    refused(server(), &vouched(SESSION, request_of(&key), &key), ALL, &mut out);
    let default = crate::config::ServerConfig::default();
    assert!(!default.methods.iter().any(|name| name == "hostbased"));
}

#[test]
fn names_that_no_host_and_no_user_has_are_refused() {
    let (mut out, key) = (output(), ed25519());
    let good = request_of(&key);
    let (long_host, long_user) = ("x".repeat(257), "x".repeat(1025));
    for odd in [
        HostRequest { host: "", ..good },
        HostRequest { host: "lag .net", ..good },
        HostRequest { host: "läg.net", ..good },
        HostRequest { host: "lag.net\n", ..good },
        HostRequest { host: &long_host, ..good },
        HostRequest { client_user: "", ..good },
        HostRequest { client_user: &long_user, ..good },
    ] {
        refused(willing(), &vouched(SESSION, odd, &key), "hostbased", &mut out);
    }
    let whole = vouched(SESSION, good, &key);
    for end in whole.len() - 150..whole.len() {
        assert!(is_malformed(willing().handle(&whole[..end], &mut out), 50), "cut at {end}");
    }
}
