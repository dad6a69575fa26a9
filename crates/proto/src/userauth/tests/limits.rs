//! How much a client may say before it is in.

use super::server::*;
use super::*;
use crate::config::ServerConfig;
use crate::event::Decision;
use crate::kex::Protected;
use crate::userauth::Server;

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
fn defect_050_the_number_of_answers_is_bounded_by_what_came() {
    let mut out = output();
    let (mut server, attempt) = asked(server(), &interactive("robey"), &mut out);
    server.decide(attempt, ask(&["?"]), &mut out).unwrap().unwrap();
    let claimed = message(61, |writer| writer.u32(u32::MAX));
    assert!(is_malformed(server.handle(&claimed, &mut out), 61));
}

/// A server as it is by default.
fn patient() -> Server {
    let config = ServerConfig::default();
    let context = context(config.common.clone(), Extensions::default());
    Server::new(context, Arc::new(config), Protected::for_test())
}

#[test]
fn defect_036_a_refusal_is_kept_back_on_every_path() {
    let key = ed25519();
    let blob = key.public_key().blob();
    let forged = signed(b"another session", key_request("robey", "ssh-ed25519", &key), &key);
    for (payload, asks) in [
        (password("robey", "bar"), true),
        (interactive("robey"), true),
        (offer("robey", "ssh-ed25519", blob), true),
        (password("robey", ""), false),
        (password("", "foo"), false),
        (forged, false),
        (offer("robey", "ssh-dss", blob), false),
        (request("robey", "unknown", |_| ()), false),
    ] {
        let mut out = output();
        let begin = out.now();
        let mut server = patient().handle(&payload, &mut out).unwrap();
        if asks {
            let attempt = attempt(&mut out);
            server.decide(attempt, Decision::Reject, &mut out).unwrap().unwrap();
        }
        // What is sent ahead waits behind it.
        let mut server = server.handle(&password("robey", "foo"), &mut out).unwrap();
        assert!(sent(&mut out).is_empty() && events(&mut out).is_empty());
        let due = out.timers.next().unwrap();
        assert_eq!(due, begin + Duration::from_millis(5));
        out.set_now(due);
        server.refusal_due(&mut out).unwrap();
        assert_eq!(sent_one(&mut out), failure(ALL, false));
        attempt(&mut out);
    }
}

#[test]
fn what_took_long_is_refused_at_a_round_time() {
    let mut out = output();
    let begin = out.now();
    let (mut server, attempt) = asked(patient(), &password("robey", "bar"), &mut out);
    out.set_now(begin + Duration::from_millis(12));
    server.decide(attempt, Decision::Reject, &mut out).unwrap().unwrap();
    assert!(sent(&mut out).is_empty());
    assert_eq!(out.timers.next(), Some(begin + Duration::from_millis(20)));
}
