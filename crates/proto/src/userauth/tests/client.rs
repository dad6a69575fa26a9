use feramiko_keys::{KeyType, PrivateKey, PublicKey};
use feramiko_wire::Writer;

use super::*;
use crate::error::Misuse;
use crate::event::{AuthOutcome, Method, Prompts, SignPurpose, SignRequest};
use crate::kex::Protected;
use crate::userauth::Client;

fn client_with(extensions: Extensions) -> Client {
    Client::new(context(Common::default(), extensions), Protected::for_test())
}

fn client() -> Client {
    client_with(Extensions::default())
}

fn login_with(key: &PublicKey, query: bool) -> Method {
    Method::PublicKey { key: key.clone(), algorithm: None, query }
}

fn key_ok(algorithm: &str, key: &[u8]) -> Vec<u8> {
    message(60, |writer| {
        writer.string(algorithm.as_bytes());
        writer.string(key);
    })
}

fn questions(prompts: &[(&str, bool)]) -> Vec<u8> {
    message(60, |writer| {
        writer.string(b"Login");
        writer.string(b"Say friend");
        writer.string(b"");
        writer.u32(prompts.len() as u32);
        for (text, echo) in prompts {
            writer.string(text.as_bytes());
            writer.boolean(*echo);
        }
    })
}

fn outcome(out: &mut Output) -> AuthOutcome {
    match event(out) {
        Event::Authentication(outcome) => outcome,
        other => panic!("{other:?}"),
    }
}

fn sign_request(out: &mut Output) -> SignRequest {
    match event(out) {
        Event::Sign(request) => request,
        other => panic!("{other:?}"),
    }
}

fn prompts(out: &mut Output) -> Prompts {
    match event(out) {
        Event::Prompts(prompts) => prompts,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_password_is_sent_as_rfc_4252_section_8_says() {
    let (mut client, mut out) = (client(), output());
    client.authenticate("robey", Method::Password("foo".into()), &mut out).unwrap();
    assert_eq!(sent_one(&mut out), password("robey", "foo"));
    assert_eq!(client.user(), None);
    let client = client.handle(&[52], &mut out).unwrap();
    assert_eq!(outcome(&mut out), AuthOutcome::Success);
    assert!(out.authenticated);
    assert_eq!(client.user(), Some("robey"));
}

#[test]
fn refusals_tell_what_can_follow() {
    let (mut client, mut out) = (client(), output());
    client.authenticate("robey", Method::None, &mut out).unwrap();
    assert_eq!(sent_one(&mut out), request("robey", "none", |_| ()));
    let mut client = client.handle(&failure("publickey,password", false), &mut out).unwrap();
    let remaining = vec!["publickey".to_owned(), "password".to_owned()];
    assert_eq!(outcome(&mut out), AuthOutcome::Failure { remaining });
    client.authenticate("robey", Method::Password("foo".into()), &mut out).unwrap();
    client.handle(&failure("publickey", true), &mut out).unwrap();
    assert_eq!(outcome(&mut out), AuthOutcome::Partial { remaining: vec!["publickey".to_owned()] });
    assert!(!out.authenticated);
}

#[test]
fn one_attempt_at_a_time() {
    let (mut client, mut out) = (client(), output());
    client.authenticate("robey", Method::None, &mut out).unwrap();
    assert_eq!(client.authenticate("robey", Method::None, &mut out), Err(Misuse::AttemptUnderWay));
    let mut client = client.handle(&[52], &mut out).unwrap();
    assert_eq!(client.authenticate("robey", Method::None, &mut out), Err(Misuse::AlreadyAuthenticated));
    assert_eq!(sent(&mut out).len(), 1);
}

#[test]
fn defect_021_the_user_logged_in_is_the_one_of_the_attempt_that_succeeded() {
    let (mut client, mut out) = (client(), output());
    client.authenticate("guest", Method::None, &mut out).unwrap();
    let mut client = client.handle(&failure("password", false), &mut out).unwrap();
    client.authenticate("robey", Method::Password("foo".into()), &mut out).unwrap();
    let client = client.handle(&[52], &mut out).unwrap();
    assert_eq!(client.user(), Some("robey"));
}

#[test]
fn a_key_is_asked_about_then_signs_over_session_and_user() {
    let (mut client, mut out, key) = (client(), output(), ed25519());
    client.authenticate("robey", login_with(key.public_key(), true), &mut out).unwrap();
    let blob = key.public_key().blob();
    assert_eq!(sent_one(&mut out), offer("robey", "ssh-ed25519", blob));

    let mut client = client.handle(&key_ok("ssh-ed25519", blob), &mut out).unwrap();
    let asked = sign_request(&mut out);
    let expected = KeyRequest { user: "robey", algorithm: "ssh-ed25519", key: blob, host_key: None };
    assert_eq!(asked.message(), expected.signed_text(SESSION));
    assert_eq!((asked.purpose(), asked.key()), (SignPurpose::UserKey, key.public_key()));
    assert!(sent(&mut out).is_empty());

    client.provide_signature(asked, Some(b"SIGNATURE".to_vec()), &mut out);
    assert_eq!(sent_one(&mut out), with_signature(expected, b"SIGNATURE"));
    client.handle(&[52], &mut out).unwrap();
    assert_eq!(outcome(&mut out), AuthOutcome::Success);
}

#[test]
fn without_a_query_the_signature_is_asked_for_at_once() {
    let (mut client, mut out, key) = (client(), output(), ed25519());
    client.authenticate("robey", login_with(key.public_key(), false), &mut out).unwrap();
    sign_request(&mut out);
    assert!(sent(&mut out).is_empty());
    assert_eq!(client.authenticate("robey", Method::None, &mut out), Err(Misuse::AttemptUnderWay));
}

#[test]
fn a_server_that_knows_hostbound_gets_its_host_key_signed() {
    let hostbound = Extensions { hostbound: true, ..Extensions::default() };
    let (mut client, mut out, key) = (client_with(hostbound), output(), ed25519());
    client.authenticate("robey", login_with(key.public_key(), false), &mut out).unwrap();
    let asked = sign_request(&mut out);
    let blob = key.public_key().blob();
    let expected =
        KeyRequest { user: "robey", algorithm: "ssh-ed25519", key: blob, host_key: Some(HOST_KEY) };
    assert_eq!(asked.message(), expected.signed_text(SESSION));
    client.provide_signature(asked, Some(b"S".to_vec()), &mut out);
    assert_eq!(sent_one(&mut out), with_signature(expected, b"S"));
}

#[test]
fn a_refused_signature_is_a_failure_and_sends_nothing() {
    let (mut client, mut out, key) = (client(), output(), ed25519());
    client.authenticate("robey", login_with(key.public_key(), false), &mut out).unwrap();
    let asked = sign_request(&mut out);
    client.provide_signature(asked, None, &mut out);
    assert_eq!(outcome(&mut out), AuthOutcome::Failure { remaining: Vec::new() });
    assert!(sent(&mut out).is_empty());
    client.authenticate("robey", Method::None, &mut out).unwrap();
}

#[test]
fn a_signature_for_an_attempt_that_is_over_is_dropped() {
    let (mut client, mut out, key) = (client(), output(), ed25519());
    client.authenticate("robey", login_with(key.public_key(), false), &mut out).unwrap();
    let first = sign_request(&mut out);
    let late = SignRequest {
        purpose: first.purpose,
        key: first.key.clone(),
        algorithm: first.algorithm.clone(),
        message: first.message.clone(),
        serial: first.serial,
    };
    client.provide_signature(first, None, &mut out);
    client.authenticate("robey", login_with(key.public_key(), false), &mut out).unwrap();
    client.provide_signature(late, Some(b"S".to_vec()), &mut out);
    assert!(sent(&mut out).is_empty());
}

#[test]
fn defect_022_a_yes_to_another_key_or_algorithm_is_an_error() {
    let (key, other) = (ed25519(), ed25519());
    for (algorithm, blob) in [
        ("ssh-ed25519", other.public_key().blob()),
        ("ssh-rsa", key.public_key().blob()),
        ("ssh-ed25519", b"".as_slice()),
    ] {
        let (mut client, mut out) = (client(), output());
        client.authenticate("robey", login_with(key.public_key(), true), &mut out).unwrap();
        let result = client.handle(&key_ok(algorithm, blob), &mut out);
        assert!(matches!(result, Err(ConnectionError::Protocol(ProtocolError::Rule { message: 60, .. }))));
        assert!(events(&mut out).is_empty());
    }
}

#[test]
fn defect_043_success_needs_a_request_and_a_question_about_a_key_is_none() {
    let mut out = output();
    assert!(is_unexpected(client().handle(&[52], &mut out), 52));

    let key = ed25519();
    let mut asked = client();
    asked.authenticate("robey", login_with(key.public_key(), true), &mut out).unwrap();
    let result = asked.handle(&[52], &mut out);
    assert!(matches!(result, Err(ConnectionError::Protocol(ProtocolError::Rule { message: 52, .. }))));

    let mut signing = client();
    signing.authenticate("robey", login_with(key.public_key(), false), &mut out).unwrap();
    assert!(is_unexpected(signing.handle(&[52], &mut out), 52));

    let mut prompted = client();
    prompted
        .authenticate("robey", Method::KeyboardInteractive { submethods: String::new() }, &mut out)
        .unwrap();
    let prompted = prompted.handle(&questions(&[("Password: ", false)]), &mut out).unwrap();
    assert!(is_unexpected(prompted.handle(&[52], &mut out), 52));
    assert!(!out.authenticated);
}

#[test]
fn defect_043_success_without_proof_is_told_apart_by_the_method_that_got_it() {
    let (mut client, mut out) = (client(), output());
    client.authenticate("robey", Method::None, &mut out).unwrap();
    client.handle(&[52], &mut out).unwrap();
    assert_eq!(outcome(&mut out), AuthOutcome::Success);
}

#[test]
fn defect_001_a_client_takes_no_messages_of_its_own_kind() {
    for number in [50, 54, 61, 66, 79] {
        let (mut client, mut out) = (client(), output());
        client.authenticate("robey", Method::None, &mut out).unwrap();
        assert!(is_unexpected(client.handle(&[number], &mut out), number), "{number}");
    }
}

#[test]
fn message_60_means_what_the_method_under_way_says() {
    let key = ed25519();
    let ok = key_ok("ssh-ed25519", key.public_key().blob());
    let change = message(60, |writer| {
        writer.string(b"too old");
        writer.string(b"");
    });
    let asking = questions(&[]);
    let mut out = output();
    for payload in [&ok, &change, &asking] {
        assert!(is_unexpected(client().handle(payload, &mut out), 60));
        let mut none = client();
        none.authenticate("robey", Method::None, &mut out).unwrap();
        assert!(is_unexpected(none.handle(payload, &mut out), 60));
        let mut signed = client();
        signed.authenticate("robey", login_with(key.public_key(), false), &mut out).unwrap();
        events(&mut out);
        assert!(is_unexpected(signed.handle(payload, &mut out), 60));
    }
    let mut password = client();
    password.authenticate("robey", Method::Password("foo".into()), &mut out).unwrap();
    assert!(is_malformed(password.handle(&asking, &mut out), 60));
}

#[test]
fn an_expired_password_is_changed_or_the_attempt_is_given_up() {
    let expired = message(60, |writer| {
        writer.string(b"Your password has expired");
        writer.string(b"en");
    });
    let (mut client, mut out) = (client(), output());
    client.authenticate("robey", Method::Password("old".into()), &mut out).unwrap();
    sent(&mut out);
    let mut client = client.handle(&expired, &mut out).unwrap();
    assert!(
        matches!(event(&mut out), Event::PasswordExpired { prompt } if prompt == "Your password has expired")
    );

    let change = |new: &str| Method::PasswordChange { old: "old".into(), new: new.into() };
    assert_eq!(client.authenticate("robey", Method::None, &mut out), Err(Misuse::AttemptUnderWay));
    assert!(matches!(client.authenticate("other", change("new"), &mut out), Err(Misuse::Argument(_))));
    client.authenticate("robey", change("new"), &mut out).unwrap();
    let expected = request("robey", "password", |writer| {
        writer.boolean(true);
        writer.string(b"old");
        writer.string(b"new");
    });
    assert_eq!(sent_one(&mut out), expected);

    let mut client = client.handle(&expired, &mut out).unwrap();
    events(&mut out);
    client.decline_password_change(&mut out).unwrap();
    assert_eq!(outcome(&mut out), AuthOutcome::Failure { remaining: Vec::new() });
    assert!(client.decline_password_change(&mut out).is_err());
    client.authenticate("robey", Method::None, &mut out).unwrap();
}

#[test]
fn questions_are_answered_in_rounds() {
    let (mut client, mut out) = (client(), output());
    client
        .authenticate("robey", Method::KeyboardInteractive { submethods: String::new() }, &mut out)
        .unwrap();
    assert_eq!(sent_one(&mut out), interactive("robey"));

    let mut client = client.handle(&questions(&[("Password: ", false), ("Code: ", true)]), &mut out).unwrap();
    let asked = prompts(&mut out);
    assert_eq!((asked.name(), asked.instruction()), ("Login", "Say friend"));
    assert_eq!(asked.prompts(), [prompt("Password: ", false), prompt("Code: ", true)]);
    client.answer_prompts(asked, secrets(&["foo", "123"]), &mut out).unwrap();
    assert_eq!(sent_one(&mut out), answers(&["foo", "123"]));

    let mut client = client.handle(&questions(&[]), &mut out).unwrap();
    let asked = prompts(&mut out);
    client.answer_prompts(asked, Vec::new(), &mut out).unwrap();
    assert_eq!(sent_one(&mut out), answers(&[]));

    client.handle(&[52], &mut out).unwrap();
    assert_eq!(outcome(&mut out), AuthOutcome::Success);
}

#[test]
fn as_many_answers_as_questions_or_the_attempt_is_given_up() {
    let (mut client, mut out) = (client(), output());
    client
        .authenticate("robey", Method::KeyboardInteractive { submethods: String::new() }, &mut out)
        .unwrap();
    sent(&mut out);
    let mut client = client.handle(&questions(&[("Password: ", false)]), &mut out).unwrap();
    let asked = prompts(&mut out);
    assert!(matches!(client.answer_prompts(asked, Vec::new(), &mut out), Err(Misuse::Argument(_))));
    assert!(sent(&mut out).is_empty());
    assert!(matches!(outcome(&mut out), AuthOutcome::Failure { .. }));
    client.authenticate("robey", Method::None, &mut out).unwrap();
}

#[test]
fn a_second_set_of_questions_before_the_answers_is_an_error() {
    let (mut client, mut out) = (client(), output());
    client
        .authenticate("robey", Method::KeyboardInteractive { submethods: String::new() }, &mut out)
        .unwrap();
    let client = client.handle(&questions(&[]), &mut out).unwrap();
    assert!(is_unexpected(client.handle(&questions(&[]), &mut out), 60));
}

#[test]
fn defect_050_the_number_of_questions_is_bounded_by_what_came() {
    for (count, body) in [(u32::MAX, 0_usize), (2, 5), (65, 65 * 5)] {
        let payload = message(60, |writer| {
            writer.string(b"");
            writer.string(b"");
            writer.string(b"");
            writer.u32(count);
            writer.raw(&vec![0; body]);
        });
        let (mut client, mut out) = (client(), output());
        client
            .authenticate("robey", Method::KeyboardInteractive { submethods: String::new() }, &mut out)
            .unwrap();
        assert!(is_malformed(client.handle(&payload, &mut out), 60), "{count}");
    }
}

#[test]
fn banners_come_at_any_time_and_are_bounded() {
    let banner = |text: &str| {
        message(53, |writer| {
            writer.string(text.as_bytes());
            writer.string(b"");
        })
    };
    let mut out = output();
    let client = client().handle(&banner("Welcome\u{1b}[2J"), &mut out).unwrap();
    assert!(matches!(event(&mut out), Event::Banner(text) if text == "Welcome\u{1b}[2J"));
    let client = client.handle(&banner(&"x".repeat(60_000)), &mut out).unwrap();
    let result = client.handle(&banner(&"x".repeat(6_000)), &mut out);
    assert!(matches!(result, Err(ConnectionError::Protocol(ProtocolError::Rule { message: 53, .. }))));
}

#[test]
fn defect_099_a_server_cannot_make_a_client_loop_for_ever() {
    let (mut client, mut out) = (client(), output());
    client
        .authenticate("robey", Method::KeyboardInteractive { submethods: String::new() }, &mut out)
        .unwrap();
    let limit = Common::default().limits.userauth_messages;
    for _ in 0..limit {
        client = client.handle(&questions(&[]), &mut out).unwrap();
        let asked = prompts(&mut out);
        client.answer_prompts(asked, Vec::new(), &mut out).unwrap();
    }
    assert!(matches!(client.handle(&questions(&[]), &mut out), Err(ConnectionError::TooManyAttempts)));
}

#[test]
fn keys_sign_with_what_the_server_takes() {
    let (rsa, ed25519) = (PrivateKey::generate(KeyType::Rsa { bits: 2048 }).unwrap(), ed25519());
    let chosen = |key: &PrivateKey, names: Option<&[&str]>| {
        let server_sig_algs = names.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let mut client = client_with(Extensions { server_sig_algs, hostbound: false });
        let mut out = output();
        let result = client.authenticate("robey", login_with(key.public_key(), false), &mut out);
        result.map(|()| sign_request(&mut out).algorithm().to_owned())
    };
    assert_eq!(chosen(&rsa, None).unwrap(), "rsa-sha2-512");
    let all = ["ssh-ed25519", "rsa-sha2-256", "rsa-sha2-512"];
    assert_eq!(chosen(&rsa, Some(&all)).unwrap(), "rsa-sha2-512");
    assert_eq!(chosen(&ed25519, Some(&all)).unwrap(), "ssh-ed25519");
    let old = ["ssh-rsa", "rsa-sha2-256"];
    assert_eq!(chosen(&rsa, Some(&old)).unwrap(), "rsa-sha2-256");
    // A list of RSA's algorithms alone is about RSA alone.
    assert_eq!(chosen(&ed25519, Some(&old)).unwrap(), "ssh-ed25519");
    assert!(matches!(chosen(&rsa, Some(&["ssh-ed25519", "ssh-rsa"])), Err(Misuse::Key(_))));
    assert!(matches!(chosen(&ed25519, Some(&["ecdsa-sha2-nistp256"])), Err(Misuse::Key(_))));
}

#[test]
fn extensions_that_come_late_count() {
    let key = PrivateKey::generate(KeyType::Rsa { bits: 2048 }).unwrap();
    let (mut client, mut out) = (client(), output());
    let server_sig_algs = Some(vec!["rsa-sha2-256".to_owned()]);
    client.set_extensions(Extensions { server_sig_algs, hostbound: false });
    client.authenticate("robey", login_with(key.public_key(), false), &mut out).unwrap();
    assert_eq!(sign_request(&mut out).algorithm(), "rsa-sha2-256");
}

#[test]
fn only_algorithms_that_are_allowed_and_fit_the_key_sign() {
    let key = ed25519();
    let mut common = Common::default();
    common.algorithms.user_key = vec!["rsa-sha2-512".to_owned()];
    let mut client = Client::new(context(common, Extensions::default()), Protected::for_test());
    let mut out = output();
    let mut attempt = |algorithm: Option<&str>| {
        let method = Method::PublicKey {
            key: key.public_key().clone(),
            algorithm: algorithm.map(str::to_owned),
            query: false,
        };
        client.authenticate("robey", method, &mut out)
    };
    for algorithm in [None, Some("ssh-ed25519"), Some("rsa-sha2-512"), Some("ssh-rsa"), Some("")] {
        assert!(matches!(attempt(algorithm), Err(Misuse::Key(_))), "{algorithm:?}");
    }
}

#[test]
fn texts_that_cannot_be_sent_are_misuse() {
    let (mut client, mut out) = (client(), output());
    let long = "x".repeat(8 * 1024 + 1);
    for (user, method) in [
        (long.as_str(), Method::None),
        ("robey", Method::Password(long.as_str().into())),
        ("robey", Method::PasswordChange { old: "x".into(), new: long.as_str().into() }),
        ("robey", Method::KeyboardInteractive { submethods: long.clone() }),
    ] {
        assert!(matches!(client.authenticate(user, method, &mut out), Err(Misuse::Argument(_))));
    }
    assert!(sent(&mut out).is_empty());
}

#[test]
fn truncated_and_padded_messages_are_malformed() {
    let key = ed25519();
    let whole = [
        (Method::None, failure("password", false)),
        (login_with(key.public_key(), true), key_ok("ssh-ed25519", key.public_key().blob())),
        (
            Method::Password("foo".into()),
            message(60, |writer: &mut Writer<'_>| {
                writer.string(b"too old");
                writer.string(b"");
            }),
        ),
        (Method::KeyboardInteractive { submethods: String::new() }, questions(&[("?", true)])),
    ];
    for (method, payload) in whole {
        let start = || {
            let (mut client, mut out) = (client(), output());
            client.authenticate("robey", method.clone(), &mut out).unwrap();
            (client, out)
        };
        for end in 1..payload.len() {
            let (client, mut out) = start();
            assert!(is_malformed(client.handle(&payload[..end], &mut out), payload[0]), "{method:?} {end}");
        }
        let (client, mut out) = start();
        assert!(is_malformed(client.handle(&[&payload[..], &[0]].concat(), &mut out), payload[0]));
        let (client, mut out) = start();
        client.handle(&payload, &mut out).unwrap();
    }
}
