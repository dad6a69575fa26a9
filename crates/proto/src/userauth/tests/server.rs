use std::collections::BTreeSet;

use feramiko_keys::{KeyType, PrivateKey};

use super::*;
use crate::config::ServerConfig;
use crate::error::Misuse;
use crate::event::{AuthAttempt, Decision, Proof};
use crate::kex::Protected;
use crate::userauth::Server;

fn server_with(methods: &[&str]) -> Server {
    let methods = methods.iter().map(|name| (*name).to_owned()).collect();
    let config = ServerConfig { methods, ..ServerConfig::default() };
    let context = context(config.common.clone(), Extensions::default());
    Server::new(context, Arc::new(config), Protected::for_test())
}

fn server() -> Server {
    server_with(&["publickey", "password", "keyboard-interactive"])
}

const ALL: &str = "publickey,password,keyboard-interactive";

fn attempt(out: &mut Output) -> AuthAttempt {
    match event(out) {
        Event::Attempt(attempt) => attempt,
        other => panic!("{other:?}"),
    }
}

/// Hands a request in and gives the question that it leads to.
fn asked(server: Server, payload: &[u8], out: &mut Output) -> (Server, AuthAttempt) {
    let server = server.handle(payload, out).unwrap();
    let attempt = attempt(out);
    (server, attempt)
}

/// The request is refused, without a question, with these methods to follow.
fn refused(server: Server, payload: &[u8], remaining: &str, out: &mut Output) -> Server {
    let server = server.handle(payload, out).unwrap();
    assert!(events(out).is_empty());
    assert_eq!(sent_one(out), failure(remaining, false));
    server
}

fn partial(remaining: &[&str]) -> Decision {
    Decision::Partial { remaining: remaining.iter().map(|name| (*name).to_owned()).collect() }
}

fn ask(prompts: &[&str]) -> Decision {
    Decision::Ask {
        name: "Login".to_owned(),
        instruction: String::new(),
        prompts: prompts.iter().map(|text| prompt(text, false)).collect(),
    }
}

fn change_request(user: &str) -> Vec<u8> {
    request(user, "password", |writer| {
        writer.boolean(true);
        writer.string(b"old");
        writer.string(b"new");
    })
}

fn key_request<'a>(user: &'a str, algorithm: &'a str, key: &'a PrivateKey) -> KeyRequest<'a> {
    KeyRequest { user, algorithm, key: key.public_key().blob(), host_key: None }
}

#[test]
fn a_password_is_put_to_the_application_and_lets_in() {
    let mut out = output();
    let (mut server, attempt) = asked(server(), &password("robey", "foo"), &mut out);
    assert_eq!(attempt.user(), "robey");
    assert!(matches!(attempt.proof(), Proof::Password(secret) if secret.as_bytes() == b"foo"));
    assert_eq!(server.user(), None);
    server.decide(attempt, Decision::Accept, &mut out).unwrap().unwrap();
    assert_eq!(sent_one(&mut out), [52]);
    assert!(matches!(event(&mut out), Event::Authenticated));
    assert!(out.authenticated);
    assert_eq!(server.user(), Some("robey"));
    let server = server.handle(&password("root", "foo"), &mut out).unwrap();
    assert_eq!(server.user(), Some("robey"));
    assert!(events(&mut out).is_empty() && sent(&mut out).is_empty());
}

#[test]
fn a_refusal_lists_the_methods_without_none() {
    let mut out = output();
    let (mut server, attempt) =
        asked(server_with(&["none", "password"]), &password("robey", "bar"), &mut out);
    server.decide(attempt, Decision::Reject, &mut out).unwrap().unwrap();
    assert_eq!(sent_one(&mut out), failure("password", false));
    assert!(!out.authenticated);
}

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
        for algorithm in key.public_key().signature_algorithms() {
            let mut out = output();
            let request = key_request("robey", algorithm, &key);
            let (_, proved) = asked(server(), &signed(SESSION, request, &key), &mut out);
            assert!(matches!(proved.proof(), Proof::Key(verified) if verified.algorithm() == *algorithm));
            seen.insert(*algorithm);
        }
    }
    assert_eq!(seen, Common::default().algorithms.user_key.iter().map(String::as_str).collect());
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
    let mut config = ServerConfig::default();
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

#[test]
fn defect_020_another_user_starts_anew() {
    let (mut out, key) = (output(), ed25519());
    let request = key_request("robey", "ssh-ed25519", &key);
    let (mut server, proved) = asked(server_with(&["publickey"]), &signed(SESSION, request, &key), &mut out);
    server.decide(proved, partial(&["password"]), &mut out).unwrap().unwrap();
    assert_eq!(sent_one(&mut out), failure("password", true));
    // root has proved nothing: its password is not asked for.
    let server = refused(server, &password("root", "foo"), "publickey", &mut out);
    // And robey has to begin again too.
    refused(server, &password("robey", "foo"), "publickey", &mut out);
}

#[test]
fn defect_020_another_service_starts_anew_and_is_refused() {
    let (mut out, key) = (output(), ed25519());
    let request = key_request("robey", "ssh-ed25519", &key);
    let (mut server, proved) = asked(server_with(&["publickey"]), &signed(SESSION, request, &key), &mut out);
    server.decide(proved, partial(&["password"]), &mut out).unwrap().unwrap();
    sent(&mut out);
    let elsewhere = request_of("robey", "ssh-shell", "password", |writer| {
        writer.boolean(false);
        writer.string(b"foo");
    });
    let server = refused(server, &elsewhere, "publickey", &mut out);
    refused(server, &password("robey", "foo"), "publickey", &mut out);
}

#[test]
fn two_steps_lead_in() {
    let (mut out, key) = (output(), ed25519());
    let request = key_request("robey", "ssh-ed25519", &key);
    let (mut server, proved) = asked(server_with(&["publickey"]), &signed(SESSION, request, &key), &mut out);
    server.decide(proved, partial(&["password"]), &mut out).unwrap().unwrap();
    sent(&mut out);
    // The first step again is no second step.
    let server = refused(server, &signed(SESSION, request, &key), "password", &mut out);
    let (mut server, attempt) = asked(server, &password("robey", "foo"), &mut out);
    server.decide(attempt, Decision::Accept, &mut out).unwrap().unwrap();
    assert!(out.authenticated);
}

#[test]
fn defect_024_a_partial_success_needs_a_proof() {
    let (mut out, key) = (output(), ed25519());
    let unproved = [
        request("robey", "none", |_| ()),
        offer("robey", "ssh-ed25519", key.public_key().blob()),
        interactive("robey"),
    ];
    for payload in &unproved {
        let (mut server, attempt) =
            asked(server_with(&["none", "publickey", "keyboard-interactive"]), payload, &mut out);
        let decided = server.decide(attempt, partial(&["password"]), &mut out).unwrap();
        assert!(matches!(decided, Err(Misuse::Argument(_))));
        assert_eq!(sent_one(&mut out), failure("publickey,keyboard-interactive", false));
    }
}

#[test]
fn a_partial_success_must_name_what_can_follow() {
    for remaining in [&[][..], &[""], &["pass word"], &["password", "a,b"]] {
        let mut out = output();
        let (mut server, attempt) = asked(server(), &password("robey", "foo"), &mut out);
        assert!(server.decide(attempt, partial(remaining), &mut out).unwrap().is_err());
        assert_eq!(sent_one(&mut out), failure(ALL, false));
    }
}

#[test]
fn defect_037_methods_that_are_not_enabled_are_not_dispatched() {
    let (mut out, key) = (output(), ed25519());
    let request_key = key_request("robey", "ssh-ed25519", &key);
    let all = [
        ("none", request("robey", "none", |_| ())),
        ("password", password("robey", "foo")),
        ("publickey", offer("robey", "ssh-ed25519", key.public_key().blob())),
        ("publickey", signed(SESSION, request_key, &key)),
        ("publickey", signed(SESSION, KeyRequest { host_key: Some(HOST_KEY), ..request_key }, &key)),
        ("keyboard-interactive", interactive("robey")),
    ];
    for enabled in ["none", "password", "publickey", "keyboard-interactive", "hostbased"] {
        for (method, payload) in &all {
            let remaining = if enabled == "none" { "" } else { enabled };
            if *method == enabled {
                asked(server_with(&[enabled]), payload, &mut out);
            } else {
                refused(server_with(&[enabled]), payload, remaining, &mut out);
            }
        }
    }
}

#[test]
fn defect_038_none_fails_unless_it_is_enabled() {
    let mut out = output();
    refused(server(), &request("robey", "none", |_| ()), ALL, &mut out);
    let (mut open, attempt) = asked(server_with(&["none"]), &request("robey", "none", |_| ()), &mut out);
    assert!(matches!(attempt.proof(), Proof::None));
    open.decide(attempt, Decision::Accept, &mut out).unwrap().unwrap();
    assert!(out.authenticated);
}

#[test]
fn defect_039_a_password_is_changed_only_when_we_asked_and_brings_the_old_one() {
    let mut out = output();
    refused(server(), &change_request("robey"), ALL, &mut out);

    let (mut server, attempt) = asked(server(), &password("robey", "old"), &mut out);
    let expired = Decision::ChangePassword { prompt: "too old".to_owned() };
    server.decide(attempt, expired.clone(), &mut out).unwrap().unwrap();
    let asking = message(60, |writer| {
        writer.string(b"too old");
        writer.string(b"");
    });
    assert_eq!(sent_one(&mut out), asking);
    assert!(!out.authenticated);

    let (mut server, attempt) = asked(server, &change_request("robey"), &mut out);
    assert!(matches!(attempt.proof(), Proof::PasswordChange { old, new }
        if old.as_bytes() == b"old" && new.as_bytes() == b"new"));
    // The new one is no good: asked again.
    server.decide(attempt, expired, &mut out).unwrap().unwrap();
    assert_eq!(sent_one(&mut out), asking);
    let server = refused(server, &change_request("root"), ALL, &mut out);
    refused(server, &change_request("robey"), ALL, &mut out);
}

#[test]
fn defect_040_methods_that_are_empty_or_odd_are_refused() {
    let mut out = output();
    for method in ["", "\0", "Password", "password\0", "password ", "hostbased", "publickey-hostbound"] {
        let payload = request("robey", method, |writer| {
            writer.boolean(false);
            writer.string(b"foo");
        });
        refused(server(), &payload, ALL, &mut out);
    }
}

#[test]
fn defect_041_empty_users_and_passwords_are_refused() {
    let mut out = output();
    refused(server(), &password("", "foo"), ALL, &mut out);
    refused(server(), &password("robey", ""), ALL, &mut out);
    refused(server_with(&["none"]), &request("", "none", |_| ()), "", &mut out);
}

#[test]
fn defect_072_users_passwords_and_answers_are_at_most_1024_bytes() {
    let mut out = output();
    let (fits, long) = ("x".repeat(1024), "x".repeat(1025));
    asked(server(), &password(&fits, &fits), &mut out);
    refused(server(), &password(&long, "foo"), ALL, &mut out);
    refused(server(), &password("robey", &long), ALL, &mut out);
    let (mut server, attempt) = asked(server(), &interactive("robey"), &mut out);
    server.decide(attempt, ask(&["?"]), &mut out).unwrap().unwrap();
    sent(&mut out);
    refused(server, &answers(&[&long]), ALL, &mut out);
}

#[test]
fn questions_are_asked_in_rounds() {
    let mut out = output();
    let (mut server, attempt) = asked(server(), &interactive("robey"), &mut out);
    assert!(matches!(attempt.proof(), Proof::Interactive { submethods } if submethods.is_empty()));
    server.decide(attempt, ask(&["Password: ", "Code: "]), &mut out).unwrap().unwrap();
    let expected = message(60, |writer| {
        writer.string(b"Login");
        writer.string(b"");
        writer.string(b"");
        writer.u32(2);
        for text in [b"Password: ".as_slice(), b"Code: "] {
            writer.string(text);
            writer.boolean(false);
        }
    });
    assert_eq!(sent_one(&mut out), expected);

    let (mut server, attempt) = asked(server, &answers(&["foo", "123"]), &mut out);
    assert_eq!(attempt.user(), "robey");
    assert!(matches!(attempt.proof(), Proof::Answers(given)
        if given.iter().map(Secret::as_bytes).eq([b"foo".as_slice(), b"123"])));
    server.decide(attempt, ask(&[]), &mut out).unwrap().unwrap();
    sent(&mut out);

    let (mut server, attempt) = asked(server, &answers(&[]), &mut out);
    server.decide(attempt, Decision::Accept, &mut out).unwrap().unwrap();
    assert_eq!(sent_one(&mut out), [52]);
}

#[test]
fn another_number_of_answers_fails() {
    for given in [&[][..], &["a"], &["a", "b", "c"]] {
        let mut out = output();
        let (mut server, attempt) = asked(server(), &interactive("robey"), &mut out);
        server.decide(attempt, ask(&["1", "2"]), &mut out).unwrap().unwrap();
        sent(&mut out);
        let server = refused(server, &answers(given), ALL, &mut out);
        // Answers that nobody asked for break the protocol.
        assert!(is_unexpected(server.handle(&answers(&["a", "b"]), &mut out), 61));
    }
}

#[test]
fn a_new_request_ends_the_questions_without_an_answer() {
    let mut out = output();
    let (mut server, attempt) = asked(server(), &interactive("robey"), &mut out);
    server.decide(attempt, ask(&["?"]), &mut out).unwrap().unwrap();
    sent(&mut out);
    let (server, attempt) = asked(server, &password("robey", "foo"), &mut out);
    assert!(matches!(attempt.proof(), Proof::Password(_)));
    assert!(sent(&mut out).is_empty());
    assert!(is_unexpected(server.handle(&answers(&["x"]), &mut out), 61));
}

#[test]
fn decisions_that_do_not_fit_are_misuse_and_refuse() {
    let (mut out, key) = (output(), ed25519());
    let expired = || Decision::ChangePassword { prompt: String::new() };
    let proved = signed(SESSION, key_request("robey", "ssh-ed25519", &key), &key);
    let cases = [
        (password("robey", "foo"), ask(&["?"])),
        (proved.clone(), ask(&["?"])),
        (proved, expired()),
        (offer("robey", "ssh-ed25519", key.public_key().blob()), expired()),
        (interactive("robey"), expired()),
        (interactive("robey"), Decision::Accept),
        (interactive("robey"), ask(&["?"; 65])),
    ];
    for (payload, decision) in cases {
        let (mut server, attempt) = asked(server(), &payload, &mut out);
        let decided = server.decide(attempt, decision, &mut out).unwrap();
        assert!(matches!(decided, Err(Misuse::Argument(_))), "{payload:?}");
        assert_eq!(sent_one(&mut out), failure(ALL, false));
        assert!(!out.authenticated);
    }
}

#[test]
fn a_decision_about_another_attempt_decides_nothing() {
    let (mut out, mut elsewhere) = (output(), output());
    let (mut server, attempt) = asked(server(), &password("robey", "bad"), &mut out);
    let config = ServerConfig::default();
    let mut context = context(config.common.clone(), Extensions::default());
    context.session_id = b"fedcba9876543210".as_slice().into();
    let other = Server::new(context, Arc::new(config), Protected::for_test());
    let (_, foreign) = asked(other, &password("robey", "good"), &mut elsewhere);
    assert!(server.decide(foreign, Decision::Accept, &mut out).unwrap().is_err());
    assert!(!out.authenticated && sent(&mut out).is_empty());
    server.decide(attempt, Decision::Reject, &mut out).unwrap().unwrap();
    assert_eq!(sent_one(&mut out), failure(ALL, false));
}

#[test]
fn requests_sent_ahead_are_handled_in_order() {
    let mut out = output();
    let (server, first) = asked(server(), &password("robey", "one"), &mut out);
    let server = server.handle(&request("robey", "none", |_| ()), &mut out).unwrap();
    let mut server = server.handle(&password("root", "two"), &mut out).unwrap();
    assert!(events(&mut out).is_empty() && sent(&mut out).is_empty());
    server.decide(first, Decision::Reject, &mut out).unwrap().unwrap();
    assert_eq!(sent(&mut out), [failure(ALL, false), failure(ALL, false)]);
    let second = attempt(&mut out);
    assert_eq!(second.user(), "root");
    server.decide(second, Decision::Accept, &mut out).unwrap().unwrap();
    assert_eq!(server.user(), Some("root"));
}

#[test]
fn requests_sent_ahead_are_ignored_after_a_success() {
    let mut out = output();
    let (server, first) = asked(server(), &password("robey", "one"), &mut out);
    let mut server = server.handle(&password("root", "two"), &mut out).unwrap();
    server.decide(first, Decision::Accept, &mut out).unwrap().unwrap();
    assert_eq!(sent_one(&mut out), [52]);
    assert_eq!(server.user(), Some("robey"));
}

#[test]
fn requests_sent_ahead_are_bounded_in_bytes() {
    let mut out = output();
    let (mut server, _) = asked(server(), &password("robey", "one"), &mut out);
    let big = request("robey", "unknown", |writer| writer.raw(&[0; 30_000]));
    server = server.handle(&big, &mut out).unwrap();
    server = server.handle(&big, &mut out).unwrap();
    assert!(matches!(server.handle(&big, &mut out), Err(ConnectionError::TooManyAttempts)));
}

/// Refuses whatever is asked, until the connection is given up; answers how many requests that took.
fn tries(mut server: Server, mut next: impl FnMut(u32) -> Vec<u8>) -> u32 {
    let mut out = output();
    for count in 1..1000 {
        server = match server.handle(&next(count), &mut out) {
            Ok(server) => server,
            Err(ConnectionError::TooManyAttempts) => return count,
            Err(other) => panic!("{other:?}"),
        };
        for event in events(&mut out) {
            let Event::Attempt(attempt) = event else { continue };
            match server.decide(attempt, Decision::Reject, &mut out) {
                Ok(decided) => decided.unwrap(),
                Err(ConnectionError::TooManyAttempts) => return count,
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    panic!("no limit");
}

#[test]
fn defect_045_failures_of_every_method_count() {
    let key = ed25519();
    let other = ed25519();
    assert_eq!(tries(server(), |_| password("robey", "bad")), 6);
    assert_eq!(tries(server(), |_| password("robey", "")), 6);
    assert_eq!(tries(server(), |count| password(&count.to_string(), "bad")), 6);
    assert_eq!(tries(server(), |_| interactive("robey")), 6);
    assert_eq!(tries(server(), |_| request("robey", "unknown", |_| ())), 6);
    assert_eq!(tries(server_with(&["publickey"]), |_| password("robey", "bad")), 6);
    let request = key_request("robey", "ssh-ed25519", &key);
    assert_eq!(tries(server(), |_| signed(SESSION, request, &other)), 6);
    assert_eq!(tries(server(), |_| signed(SESSION, request, &key)), 6);
}

#[test]
fn defect_045_the_first_none_is_free_and_only_the_first() {
    let none = || request("robey", "none", |_| ());
    assert_eq!(tries(server(), |_| none()), 7);
    assert_eq!(tries(server_with(&["none"]), |_| none()), 7);
    assert_eq!(tries(server(), |count| if count == 1 { none() } else { password("robey", "bad") }), 7);
}

#[test]
fn defect_045_key_queries_are_counted() {
    let key = ed25519();
    let blob = key.public_key().blob();
    assert_eq!(tries(server(), |_| offer("robey", "ssh-ed25519", blob)), 16);
    assert_eq!(tries(server(), |_| offer("robey", "ssh-dss", blob)), 16);
    assert_eq!(tries(server_with(&["password"]), |_| offer("robey", "ssh-ed25519", blob)), 16);
}

#[test]
fn defect_045_questions_that_are_left_unanswered_count() {
    let mut out = output();
    let mut server = server();
    for _ in 0..6 {
        let attempt;
        (server, attempt) = asked(server, &interactive("robey"), &mut out);
        server.decide(attempt, ask(&["?"]), &mut out).unwrap().unwrap();
    }
    assert!(matches!(server.handle(&interactive("robey"), &mut out), Err(ConnectionError::TooManyAttempts)));
}

#[test]
fn defect_045_messages_in_all_are_bounded() {
    let mut out = output();
    let (mut server, mut attempt_now) = asked(server(), &interactive("robey"), &mut out);
    for _ in 1..64 {
        server.decide(attempt_now, ask(&[]), &mut out).unwrap().unwrap();
        (server, attempt_now) = asked(server, &answers(&[]), &mut out);
    }
    server.decide(attempt_now, ask(&[]), &mut out).unwrap().unwrap();
    assert!(matches!(server.handle(&answers(&[]), &mut out), Err(ConnectionError::TooManyAttempts)));
}

#[test]
fn defect_001_a_server_takes_no_messages_of_its_own_kind() {
    for number in [51, 52, 53, 60, 61, 66, 79] {
        let mut out = output();
        assert!(is_unexpected(server().handle(&[number], &mut out), number), "{number}");
        assert!(!out.authenticated);
    }
}

#[test]
fn banners_are_sent_before_success_only() {
    let mut out = output();
    let (mut server, attempt) = asked(server(), &password("robey", "foo"), &mut out);
    server.send_banner("Hello\r\n", &mut out).unwrap();
    let banner = message(53, |writer| {
        writer.string(b"Hello\r\n");
        writer.string(b"");
    });
    assert_eq!(sent_one(&mut out), banner);
    assert!(matches!(server.send_banner(&"x".repeat(17_000), &mut out), Err(Misuse::Argument(_))));
    server.decide(attempt, Decision::Accept, &mut out).unwrap().unwrap();
    assert_eq!(server.send_banner("late", &mut out), Err(Misuse::AlreadyAuthenticated));
}

#[test]
fn truncated_and_padded_requests_are_malformed() {
    let key = ed25519();
    let request_key = key_request("robey", "ssh-ed25519", &key);
    for payload in [
        request("robey", "none", |_| ()),
        password("robey", "foo"),
        change_request("robey"),
        interactive("robey"),
        offer("robey", "ssh-ed25519", key.public_key().blob()),
        signed(SESSION, request_key, &key),
        signed(SESSION, KeyRequest { host_key: Some(HOST_KEY), ..request_key }, &key),
    ] {
        for end in 1..payload.len() {
            assert!(
                is_malformed(server().handle(&payload[..end], &mut output()), 50),
                "{end} of {payload:?}"
            );
        }
        assert!(is_malformed(server().handle(&[&payload[..], &[0]].concat(), &mut output()), 50));
    }
    let not_utf8 = message(50, |writer| {
        writer.string(b"\xff");
        writer.string(b"ssh-connection");
        writer.string(b"none");
    });
    assert!(is_malformed(server().handle(&not_utf8, &mut output()), 50));
}

#[test]
fn defect_050_the_number_of_answers_is_bounded_by_what_came() {
    let mut out = output();
    let (mut server, attempt) = asked(server(), &interactive("robey"), &mut out);
    server.decide(attempt, ask(&["?"]), &mut out).unwrap().unwrap();
    let claimed = message(61, |writer| writer.u32(u32::MAX));
    assert!(is_malformed(server.handle(&claimed, &mut out), 61));
}
