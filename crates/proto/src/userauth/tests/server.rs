use feramiko_keys::PrivateKey;

use super::*;
use crate::config::ServerConfig;
use crate::error::Misuse;
use crate::event::{AuthAttempt, Decision, Proof};
use crate::kex::Protected;
use crate::userauth::Server;

pub(super) fn server_with(methods: &[&str]) -> Server {
    let methods = methods.iter().map(|name| (*name).to_owned()).collect();
    let config = ServerConfig { methods, ..undelayed() };
    let context = context(config.common.clone(), Extensions::default());
    Server::new(context, Arc::new(config), Protected::for_test())
}

/// Refusals come at once.
pub(super) fn undelayed() -> ServerConfig {
    ServerConfig { failure_delay: Duration::ZERO, ..ServerConfig::default() }
}

pub(super) fn server() -> Server {
    server_with(&["publickey", "password", "keyboard-interactive"])
}

pub(super) const ALL: &str = "publickey,password,keyboard-interactive";

pub(super) fn attempt(out: &mut Output) -> AuthAttempt {
    match event(out) {
        Event::Attempt(attempt) => attempt,
        other => panic!("{other:?}"),
    }
}

/// Hands a request in and gives the question that it leads to.
pub(super) fn asked(server: Server, payload: &[u8], out: &mut Output) -> (Server, AuthAttempt) {
    let server = server.handle(payload, out).unwrap();
    let attempt = attempt(out);
    (server, attempt)
}

/// The request is refused, without a question, with these methods to follow.
pub(super) fn refused(server: Server, payload: &[u8], remaining: &str, out: &mut Output) -> Server {
    let server = server.handle(payload, out).unwrap();
    assert!(events(out).is_empty());
    assert_eq!(sent_one(out), failure(remaining, false));
    server
}

pub(super) fn partial(remaining: &[&str]) -> Decision {
    Decision::Partial { remaining: remaining.iter().map(|name| (*name).to_owned()).collect() }
}

pub(super) fn ask(prompts: &[&str]) -> Decision {
    Decision::Ask {
        name: "Login".to_owned(),
        instruction: String::new(),
        prompts: prompts.iter().map(|text| prompt(text, false)).collect(),
    }
}

pub(super) fn change_request(user: &str) -> Vec<u8> {
    request(user, "password", |writer| {
        writer.boolean(true);
        writer.string(b"old");
        writer.string(b"new");
    })
}

pub(super) fn key_request<'a>(user: &'a str, algorithm: &'a str, key: &'a PrivateKey) -> KeyRequest<'a> {
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
    assert!(out.authenticated);
    assert_eq!(server.user(), Some("robey"));
    let server = server.handle(&password("root", "foo"), &mut out).unwrap();
    assert_eq!(server.user(), Some("robey"));
    assert!(events(&mut out).is_empty() && sent(&mut out).is_empty());
}

/// RFC 4462: whose principal belongs to which user is a question that nobody answers here, so there is no such login.
#[test]
fn defect_035_no_principal_of_kerberos_passes_for_a_user() {
    const KERBEROS_5: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
    let mut out = output();
    for method in ["gssapi-with-mic", "gssapi-keyex", "gssapi"] {
        let gssapi = request("robey", method, |writer| {
            writer.u32(1);
            writer.string(KERBEROS_5);
        });
        refused(server(), &gssapi, ALL, &mut out);
        // Nor where the configuration names it.
        let named = server_with(&[method, "password"]).handle(&gssapi, &mut out).unwrap();
        assert!(events(&mut out).is_empty() && named.user().is_none(), "{method}");
        assert_eq!(sent(&mut out).len(), 1, "{method}");
    }
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
    for method in ["", "\0", "Password", "password\0", "password ", "Hostbased", "publickey-hostbound"] {
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
