//! Logins of several steps, as the server declares them.

use super::server::*;
use super::*;
use crate::config::ServerConfig;
use crate::error::Misuse;
use crate::event::{Decision, Proof};
use crate::kex::Protected;
use crate::userauth::Server;

fn server_of(steps: &str) -> Server {
    let config = ServerConfig { steps: steps.parse().unwrap(), ..undelayed() };
    let context = context(config.common.clone(), Extensions::default());
    Server::new(context, Arc::new(config), Protected::for_test())
}

/// The application finds the proof right.
fn pass(server: Server, payload: &[u8], out: &mut Output) -> Server {
    let (mut server, attempt) = asked(server, payload, out);
    server.decide(attempt, Decision::Accept, out).unwrap().unwrap();
    server
}

#[test]
fn three_steps_are_three_yeses_in_their_order() {
    let (mut out, key) = (output(), ed25519());
    let server = server_of("publickey,password,keyboard-interactive");
    let server = refused(server, &password("robey", "foo"), "publickey", &mut out);
    let proof = signed(SESSION, key_request("robey", "ssh-ed25519", &key), &key);
    let server = pass(server, &proof, &mut out);
    assert_eq!(sent_one(&mut out), failure("password", true));
    let server = pass(server, &password("robey", "foo"), &mut out);
    assert_eq!(sent_one(&mut out), failure("keyboard-interactive", true));
    let (mut server, asking) = asked(server, &interactive("robey"), &mut out);
    server.decide(asking, ask(&["Code? "]), &mut out).unwrap().unwrap();
    sent(&mut out);
    assert!(!out.authenticated);
    let server = pass(server, &answers(&["42"]), &mut out);
    assert_eq!(sent_one(&mut out), [52]);
    assert_eq!(server.user(), Some("robey"));
}

#[test]
fn an_offer_is_no_step_and_a_wrong_step_does_not_count() {
    let (mut out, key) = (output(), ed25519());
    let server = server_of("publickey,password password,publickey");
    let server = pass(server, &offer("robey", "ssh-ed25519", key.public_key().blob()), &mut out);
    assert_eq!(sent_one(&mut out)[0], 60);
    let (mut server, wrong) = asked(server, &password("robey", "bar"), &mut out);
    server.decide(wrong, Decision::Reject, &mut out).unwrap().unwrap();
    assert_eq!(sent_one(&mut out), failure("publickey,password", false));
    let server = pass(server, &password("robey", "foo"), &mut out);
    assert_eq!(sent_one(&mut out), failure("publickey", true));
    assert!(!out.authenticated && server.user().is_none());
}

#[test]
fn two_keys_are_two_different_keys() {
    let (mut out, key, other) = (output(), ed25519(), ed25519());
    let proof = |key| signed(SESSION, key_request("robey", "ssh-ed25519", key), key);
    let server = pass(server_of("publickey,publickey"), &proof(&key), &mut out);
    assert_eq!(sent_one(&mut out), failure("publickey", true));
    let server = refused(server, &proof(&key), "publickey", &mut out);
    let again = offer("robey", "ssh-ed25519", key.public_key().blob());
    let server = refused(server, &again, "publickey", &mut out);
    pass(server, &proof(&other), &mut out);
    assert_eq!(sent_one(&mut out), [52]);
}

#[test]
fn defect_020_the_steps_of_one_user_are_not_those_of_another() {
    let (mut out, key) = (output(), ed25519());
    let proof = |user| signed(SESSION, key_request(user, "ssh-ed25519", &key), &key);
    let server = pass(server_of("publickey,password"), &proof("guest"), &mut out);
    assert_eq!(sent_one(&mut out), failure("password", true));
    let server = refused(server, &password("root", "foo"), "publickey", &mut out);
    let server = refused(server, &password("guest", "foo"), "publickey", &mut out);
    // A key that was somebody else's step is a step of this one's.
    pass(server, &proof("root"), &mut out);
    assert_eq!(sent_one(&mut out), failure("password", true));
}

#[test]
fn defect_024_the_steps_are_the_servers_and_not_the_applications() {
    let mut out = output();
    let (mut server, attempt) = asked(server_of("password,publickey"), &password("robey", "foo"), &mut out);
    assert!(matches!(attempt.proof(), Proof::Password(_)));
    let decided = server.decide(attempt, partial(&["keyboard-interactive"]), &mut out).unwrap();
    assert!(matches!(decided, Err(Misuse::Argument(_))));
    assert_eq!(sent_one(&mut out), failure("password", false));
}
