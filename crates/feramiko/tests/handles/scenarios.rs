//! From the version line to the last close.

use crate::common;

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use common::*;
use feramiko::{
    AcceptAnyHostKeyInsecurely, AuthStep, ConnectionError, Credential, DisconnectReason, Error, ExitStatus,
    HostKeyRefusal, HostKeyVerifier, KeyError, OpenFailure, PinnedKeys, Prompt, Proof, PublicKey, Request,
    Signer, Stream, Transport,
};

crate::with_every_driver! {
    negotiates_in_the_background
    refuses_and_accepts_passwords
    logs_in_in_several_steps
    asks_and_answers
    changes_an_expired_password
    echoes_megabytes_while_keys_are_exchanged
    a_command_has_two_streams_and_a_status
    refusals_tell_why
    an_abandoned_open_closes_the_channel
    a_dropped_channel_is_closed
    every_handle_tells_the_same_cause
    the_last_handle_closes_the_connection
    a_waiting_task_learns_of_the_end
    an_abandoned_attempt_does_not_block_the_next
    defect_100_a_panicking_verifier_refuses
    defect_009_a_panicking_signer_never_accepts
    a_refusal_by_the_verifier_is_what_is_told
    unanswered_questions_are_refusals
    a_client_takes_no_channels_unasked
    global_requests_are_answered
}

fn negotiates_in_the_background(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        pair.client.verify_host_key(PinnedKeys(vec![HOST_KEY.public_key().clone()]));
        let ours = pair.client.ready().await.unwrap();
        let theirs = pair.server.ready().await.unwrap();
        assert_eq!(ours.kex, theirs.kex);
        assert_eq!(ours.cipher_out, theirs.cipher_in);
        assert_eq!(pair.client.host_key().unwrap().blob(), HOST_KEY.public_key().blob());
        assert!(pair.client.peer_version().unwrap().starts_with("SSH-2.0-feramiko_"));
        assert_eq!(pair.client.session_id(), pair.server.session_id());
        assert!(pair.client.is_active() && !pair.client.is_authenticated());
        assert!(pair.client.is_client() && !pair.server.is_client());
    });
}

fn refuses_and_accepts_passwords(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        pair.client.verify_host_key(AcceptAnyHostKeyInsecurely);
        pair.server.ready().await.unwrap();
        pair.server.send_banner("welcome\r\n").unwrap();
        let login = async {
            let step = pair.client.authenticate("robey", Credential::Password("bar".into())).await.unwrap();
            let AuthStep::Refused { remaining } = step else { panic!("{step:?}") };
            assert!(remaining.contains(&"password".to_owned()), "{remaining:?}");
            pair.client.authenticate("robey", Credential::Password("foo".into())).await.unwrap()
        };
        let (admitted, step) = tokio::join!(admit(&pair.server, "foo"), login);
        admitted.unwrap();
        assert_eq!(step, AuthStep::Success);
        assert!(pair.client.is_authenticated() && pair.server.is_authenticated());
        assert_eq!(pair.server.authenticated().await.unwrap(), "robey");
        assert_eq!(pair.client.banner().as_deref(), Some("welcome\r\n"));
        let again = pair.client.authenticate("robey", Credential::None).await;
        assert!(matches!(again, Err(Error::Misuse(_))), "{again:?}");
    });
}

fn logs_in_in_several_steps(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        pair.client.verify_host_key(AcceptAnyHostKeyInsecurely);
        let serve = async {
            let mut proved = false;
            while let Some(attempt) = pair.server.next_attempt().await.unwrap() {
                match attempt.proof() {
                    Proof::KeyOffer(key) if key.blob() == USER_KEY.public_key().blob() => {
                        attempt.accept().unwrap();
                    }
                    Proof::Key(key) if key.key().blob() == USER_KEY.public_key().blob() => {
                        proved = true;
                        attempt.partial(["password"]).unwrap();
                    }
                    Proof::Password(given) if proved && given.as_bytes() == b"foo" => {
                        attempt.accept().unwrap()
                    }
                    _ => attempt.reject().unwrap(),
                }
            }
        };
        let login = async {
            let key = Credential::Key { signer: USER_KEY.clone(), algorithm: None, query: true };
            let step = pair.client.authenticate("robey", key).await.unwrap();
            assert_eq!(step, AuthStep::Partial { remaining: vec!["password".to_owned()] });
            assert!(!pair.client.is_authenticated());
            pair.client.authenticate("robey", Credential::Password("foo".into())).await.unwrap()
        };
        let ((), step) = tokio::join!(serve, login);
        assert_eq!(step, AuthStep::Success);
    });
}

fn asks_and_answers(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        pair.client.verify_host_key(AcceptAnyHostKeyInsecurely);
        let prompt = |text: &str| vec![Prompt { text: text.to_owned(), echo: false }];
        let serve = async {
            while let Some(attempt) = pair.server.next_attempt().await.unwrap() {
                match attempt.proof() {
                    Proof::Interactive { .. } => attempt.ask("", "", prompt("Colour: ")).unwrap(),
                    Proof::Answers(answers) if answers[0].as_bytes() == b"blue" => attempt.accept().unwrap(),
                    _ => attempt.reject().unwrap(),
                }
            }
        };
        let login = async {
            let panics: feramiko::Responder = Box::new(|_| panic!("the application fails"));
            let step =
                pair.client.authenticate("robey", Credential::KeyboardInteractive(panics)).await.unwrap();
            assert!(matches!(step, AuthStep::Refused { .. }), "{step:?}");
            let knows: feramiko::Responder = Box::new(|prompts| {
                assert_eq!(prompts.prompts()[0].text, "Colour: ");
                Some(vec!["blue".into()])
            });
            pair.client.authenticate("robey", Credential::KeyboardInteractive(knows)).await.unwrap()
        };
        let ((), step) = tokio::join!(serve, login);
        assert_eq!(step, AuthStep::Success);
    });
}

fn changes_an_expired_password(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        pair.client.verify_host_key(AcceptAnyHostKeyInsecurely);
        let serve = async {
            while let Some(attempt) = pair.server.next_attempt().await.unwrap() {
                match attempt.proof() {
                    Proof::Password(_) => attempt.change_password("too old").unwrap(),
                    Proof::PasswordChange { old, new }
                        if old.as_bytes() == b"foo" && new.as_bytes() == b"bar" =>
                    {
                        attempt.accept().unwrap();
                    }
                    _ => attempt.reject().unwrap(),
                }
            }
        };
        let login = async {
            let expired = AuthStep::PasswordExpired { prompt: "too old".to_owned() };
            // Given up the first time, with another attempt in its place.
            let step = pair.client.authenticate("robey", Credential::Password("foo".into())).await.unwrap();
            assert_eq!(step, expired);
            let step = pair.client.authenticate("robey", Credential::Password("foo".into())).await.unwrap();
            assert_eq!(step, expired);
            let change = Credential::PasswordChange { old: "foo".into(), new: "bar".into() };
            pair.client.authenticate("robey", change).await.unwrap()
        };
        let ((), step) = tokio::join!(serve, login);
        assert_eq!(step, AuthStep::Success);
    });
}

fn echoes_megabytes_while_keys_are_exchanged(harness: &impl Harness) {
    let pair = harness.pair(Setup::rekey_every(1 << 20));
    harness.run(async move {
        let pair = logged_in(pair).await;
        let (ours, theirs) = session(&pair).await;
        let sent = pattern(6_000_000, 7);
        let write = async {
            ours.send(sent.clone()).await.unwrap();
            ours.shutdown_write().unwrap();
        };
        let (received, (), echoed) = tokio::join!(read_to_end(&ours), write, echo(theirs));
        assert_eq!(echoed, 6_000_000);
        assert!(received.unwrap() == sent);
        assert!(pair.client.negotiated().unwrap().exchanges >= 4);
    });
}

fn a_command_has_two_streams_and_a_status(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        let pair = logged_in(pair).await;
        let (ours, theirs) = session(&pair).await;
        let serve = async {
            let request = theirs.next_request().await.unwrap().unwrap();
            assert_eq!(request.request(), &Request::Exec(b"make".to_vec()));
            request.accept();
            // More on stderr first than any window holds, unless both streams are drained.
            theirs.stderr().send(pattern(4_000_000, 1)).await.unwrap();
            theirs.send(pattern(1_000_000, 2)).await.unwrap();
            theirs.shutdown_write().unwrap();
            theirs.send_exit(ExitStatus::Code(42)).unwrap();
            theirs.close();
            assert!(theirs.next_request().await.unwrap().is_none());
        };
        let run = async {
            exec(&ours, "make").await.unwrap();
            let (mut out, mut err) = (Vec::new(), Vec::new());
            while let Some((stream, data)) = ours.read_any(1 << 20).await.unwrap() {
                if stream == Stream::Data { &mut out } else { &mut err }.extend(data);
            }
            assert!(out == pattern(1_000_000, 2) && err == pattern(4_000_000, 1));
            assert_eq!(ours.exit_status().await.unwrap(), Some(ExitStatus::Code(42)));
            ours.close();
        };
        tokio::join!(serve, run);
    });
}

fn refusals_tell_why(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        let pair = logged_in(pair).await;
        let refuse = async {
            let incoming = pair.server.next_open().await.unwrap();
            assert_eq!((incoming.kind(), incoming.data()), ("chat@example.com", &b"data"[..]));
            incoming.reject(OpenFailure::CONNECT_FAILED, "nobody home");
        };
        let (refused, ()) = tokio::join!(pair.client.open_channel("chat@example.com", b"data"), refuse);
        let Err(Error::Open(failure)) = refused else { panic!("{refused:?}") };
        assert_eq!((failure.reason, &*failure.description), (OpenFailure::CONNECT_FAILED, "nobody home"));

        let (ours, theirs) = session(&pair).await;
        let refuse = async { theirs.next_request().await.unwrap().unwrap().reject() };
        let (refused, ()) = tokio::join!(ours.request(Request::Shell), refuse);
        assert!(matches!(&refused, Err(Error::RequestRefused(name)) if name == "shell"), "{refused:?}");
        // A channel that closes instead of an answer refuses too.
        let close = async {
            let request = theirs.next_request().await.unwrap().unwrap();
            theirs.close();
            drop(request);
        };
        let (refused, ()) = tokio::join!(ours.request(Request::Shell), close);
        assert!(refused.is_err());
    });
}

fn an_abandoned_open_closes_the_channel(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        let pair = logged_in(pair).await;
        let mut open = pair.client.open_session();
        assert!(poll_once(&mut open).is_pending());
        drop(open);
        let theirs = pair.server.next_open().await.unwrap().accept().unwrap();
        assert!(read_to_end(&theirs).await.unwrap().is_empty());
        assert!(theirs.next_request().await.unwrap().is_none());
        // And nothing is left of it: the limit of channels is not touched.
        for _ in 0..30 {
            let (ours, theirs) = session(&pair).await;
            drop(ours);
            assert!(theirs.next_request().await.unwrap().is_none());
        }
    });
}

fn a_dropped_channel_is_closed(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        let pair = logged_in(pair).await;
        let (ours, theirs) = session(&pair).await;
        let clone = ours.clone();
        ours.send(*b"last words").await.unwrap();
        drop(ours);
        assert_eq!(theirs.read_some(100).await.unwrap(), b"last words");
        drop(clone);
        assert!(theirs.read_some(100).await.unwrap().is_empty());
        // The peer's close is answered, and the channel is over on both sides.
        theirs.close();
        assert!(theirs.next_request().await.unwrap().is_none());
        assert!(theirs.send(*b"more").await.is_err());
        assert!(pair.client.is_active() && pair.server.is_active());
    });
}

fn every_handle_tells_the_same_cause(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        let pair = logged_in(pair).await;
        let (ours, theirs) = session(&pair).await;
        let waiting = ours.read_some(10);
        let attempt = pair.client.closed();
        pair.server.disconnect(DisconnectReason::TooManyConnections, "enough");
        let is_cause = |error: &Error| {
            matches!(error, Error::Connection(ConnectionError::Disconnected { reason: 12, description })
                if description == "enough")
        };
        assert!(is_cause(&attempt.await));
        assert!(is_cause(&waiting.await.unwrap_err()));
        assert!(is_cause(&ours.send(*b"x").await.unwrap_err()));
        assert!(is_cause(&ours.request(Request::Shell).await.unwrap_err()));
        assert!(is_cause(&ours.shutdown_write().unwrap_err()));
        assert!(is_cause(&ours.exit_status().await.unwrap_err()));
        assert!(is_cause(&pair.client.open_session().await.unwrap_err()));
        assert!(is_cause(&pair.client.next_open().await.unwrap_err()));
        assert!(is_cause(&pair.client.global_request("x@y", b"", true).await.unwrap_err()));
        assert!(is_cause(&pair.client.cause().unwrap()));
        assert!(!pair.client.is_active() && ours.is_closed());
        let closed = |error: &Error| matches!(error, Error::Connection(ConnectionError::Closed));
        assert!(closed(&theirs.read_some(10).await.unwrap_err()));
        assert_eq!(
            std::io::Error::from(theirs.send(*b"x").await.unwrap_err()).kind(),
            ErrorKind::NotConnected
        );
    });
}

fn the_last_handle_closes_the_connection(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        let pair = logged_in(pair).await;
        let (ours, theirs) = session(&pair).await;
        let Pair { client, server } = pair;
        drop(client);
        // The channel is a handle, and goes on.
        ours.send(*b"still here").await.unwrap();
        assert_eq!(theirs.read_some(100).await.unwrap(), b"still here");
        let sent = pattern(100_000, 3);
        ours.send(sent.clone()).await.unwrap();
        drop(ours);
        let cause = server.closed().await;
        let reason = DisconnectReason::ByApplication as u32;
        assert!(
            matches!(cause, Error::Connection(ConnectionError::Disconnected { reason: r, .. }) if r == reason)
        );
        // What was written before was sent, and what was received can be read.
        assert!(read_to_end(&theirs).await.unwrap() == sent);
    });
}

fn a_waiting_task_learns_of_the_end(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        // Before anything is negotiated.
        let waits = (pair.client.ready(), pair.client.authenticate("robey", Credential::None));
        let host_key = pair.client.host_key_question();
        let close = async {
            pair.client.disconnect(DisconnectReason::ByApplication, "");
        };
        let (ready, login, question, ()) = tokio::join!(waits.0, waits.1, host_key, close);
        for error in [ready.unwrap_err(), login.unwrap_err()] {
            assert!(matches!(error, Error::Connection(ConnectionError::Closed)), "{error:?}");
        }
        // The question may have come before the end.
        drop(question);
        pair.client.close().await;
        pair.server.close().await;
    });
}

fn an_abandoned_attempt_does_not_block_the_next(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        pair.client.verify_host_key(AcceptAnyHostKeyInsecurely);
        pair.client.ready().await.unwrap();
        let mut first = pair.client.authenticate("robey", Credential::Password("bar".into()));
        assert!(poll_once(&mut first).is_pending());
        drop(first);
        let second = pair.client.authenticate("robey", Credential::Password("foo".into()));
        let (admitted, second) = tokio::join!(admit(&pair.server, "foo"), second);
        admitted.unwrap();
        assert_eq!(second.unwrap(), AuthStep::Success);
    });
}

/// Fails in the application's own code.
struct Panics;

impl HostKeyVerifier for Panics {
    fn verify(&mut self, _key: &PublicKey) -> Result<(), Error> {
        panic!("the application fails");
    }
}

impl Signer for Panics {
    fn public_key(&self) -> &PublicKey {
        HOST_KEY.public_key()
    }
    fn sign(&self, _algorithm: &str, _message: &[u8]) -> Result<Vec<u8>, KeyError> {
        panic!("the application fails");
    }
    fn is_slow(&self) -> bool {
        false
    }
}

fn defect_100_a_panicking_verifier_refuses(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        pair.client.verify_host_key(Panics);
        let error = pair.client.ready().await.unwrap_err();
        assert!(matches!(error, Error::HostKey(_)), "{error:?}");
        let reason = DisconnectReason::HostKeyNotVerifiable as u32;
        let theirs = pair.server.ready().await.err();
        let told = pair.server.closed().await;
        assert!(
            matches!(told, Error::Connection(ConnectionError::Disconnected { reason: r, .. }) if r == reason)
        );
        drop(theirs);
    });
}

fn defect_009_a_panicking_signer_never_accepts(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        pair.client.verify_host_key(AcceptAnyHostKeyInsecurely);
        let serve = async {
            let answer = pair.server.next_attempt().await;
            assert!(answer.is_err(), "{answer:?}");
        };
        let login = async {
            let key = Credential::Key { signer: Arc::new(Panics), algorithm: None, query: false };
            let step = pair.client.authenticate("robey", key).await.unwrap();
            assert!(matches!(step, AuthStep::Refused { .. }), "{step:?}");
            assert!(!pair.client.is_authenticated());
            pair.client.close().await;
        };
        tokio::join!(serve, login);
    });
}

fn a_refusal_by_the_verifier_is_what_is_told(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        pair.client.verify_host_key(PinnedKeys(vec![USER_KEY.public_key().clone()]));
        let login = pair.client.authenticate("robey", Credential::Password("secret".into()));
        let (ready, login) = tokio::join!(pair.client.ready(), login);
        for error in [ready.unwrap_err(), login.unwrap_err(), pair.client.open_session().await.unwrap_err()] {
            assert!(
                matches!(&error, Error::HostKey(refusal) if matches!(**refusal, HostKeyRefusal::NotTheOne { .. })),
                "{error:?}"
            );
        }
        // Nothing of the password has reached the server.
        assert!(pair.server.next_attempt().await.is_err());
    });
}

fn unanswered_questions_are_refusals(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        let question = pair.client.host_key_question().await.unwrap();
        assert_eq!(question.key().blob(), HOST_KEY.public_key().blob());
        pair.client.answer_host_key(question, true);
        let serve = async {
            drop(pair.server.next_attempt().await.unwrap());
            admit(&pair.server, "foo").await.unwrap();
            drop(pair.server.next_open().await.unwrap());
            let theirs = pair.server.next_open().await.unwrap().accept().unwrap();
            drop(theirs.next_request().await.unwrap());
            theirs
        };
        let run = async {
            let password = || Credential::Password("foo".into());
            let step = pair.client.authenticate("robey", password()).await.unwrap();
            assert!(matches!(step, AuthStep::Refused { .. }));
            assert_eq!(pair.client.authenticate("robey", password()).await.unwrap(), AuthStep::Success);
            let refused = pair.client.open_session().await.unwrap_err();
            assert!(matches!(refused, Error::Open(failure) if failure.reason == OpenFailure::PROHIBITED));
            let ours = pair.client.open_session().await.unwrap();
            let refused = ours.request(Request::Shell).await;
            assert!(matches!(refused, Err(Error::RequestRefused(_))), "{refused:?}");
        };
        tokio::join!(serve, run);
    });
}

fn a_client_takes_no_channels_unasked(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        let pair = logged_in(pair).await;
        let refused = pair.server.open_channel("chat@example.com", b"").await.unwrap_err();
        assert!(matches!(refused, Error::Open(failure) if failure.reason == OpenFailure::PROHIBITED));
        let accept = async { pair.client.next_open().await.unwrap().accept().unwrap() };
        let asked = async {
            // The client asks first: its wish is local, so wait until it has been uttered.
            barrier(&pair.server).await;
            pair.server.open_channel("chat@example.com", b"").await
        };
        let (ours, theirs) = tokio::join!(accept, asked);
        theirs.unwrap().send(*b"hello").await.unwrap();
        assert_eq!(ours.read_some(100).await.unwrap(), b"hello");
    });
}

fn global_requests_are_answered(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        let pair = logged_in(pair).await;
        // An abandoned one does not shift the answers of the others.
        let mut first = pair.client.global_request("first@feramiko.test", b"", true);
        let _ = poll_once(&mut first);
        drop(first);
        barrier(&pair.client).await;
        barrier(&pair.server).await;
        assert!(pair.client.global_request("silent@feramiko.test", b"", false).await.unwrap().is_none());
        pair.client.rekey();
        barrier(&pair.client).await;
    });
}

/// Counts how often it is asked.
struct Counting(Arc<AtomicU32>);

impl HostKeyVerifier for Counting {
    fn verify(&mut self, _key: &PublicKey) -> Result<(), Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[test]
fn a_verifier_is_asked_once_and_may_come_late() {
    let pair = ThreadsTcp.pair(Setup::default());
    let asked = Arc::new(AtomicU32::new(0));
    assert!(pair.client.ready().wait_timeout(std::time::Duration::from_millis(30)).is_none());
    pair.client.verify_host_key(Counting(Arc::clone(&asked)));
    pair.client.ready().wait().unwrap();
    pair.client.rekey();
    pair.server.close().wait();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn a_bad_configuration_is_refused_at_once() {
    let mut setup = Setup::default();
    setup.client.common.algorithms.ciphers.clear();
    let (client, _server) = tcp_pair();
    assert!(matches!(Transport::client(client, setup.client), Err(Error::Config(_))));
    let (_client, server) = tcp_pair();
    assert!(matches!(Transport::server(server, setup.server, Vec::new()), Err(Error::Config(_))));
}

/// Holds a handle of the connection that it decides about, and of nothing else.
struct Entangled(#[allow(dead_code)] Transport);

impl HostKeyVerifier for Entangled {
    fn verify(&mut self, _key: &PublicKey) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn what_the_application_gave_is_dropped_outside_the_lock() {
    let pair = ThreadsTcp.pair(Setup::default());
    let (client, _server) = tcp_pair();
    let other = Transport::client(client, Setup::default().client).unwrap();
    // Replaced, used, and never asked: each is dropped without a deadlock, and its handle with it.
    pair.client.verify_host_key(Entangled(pair.client.clone()));
    pair.client.verify_host_key(Entangled(pair.client.clone()));
    pair.client.ready().wait().unwrap();
    other.verify_host_key(Entangled(other.clone()));
    other.close().wait();
    let traffic = pair.client.traffic();
    assert!(traffic.sent > 500 && traffic.received > 500, "{traffic:?}");
}
