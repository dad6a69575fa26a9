//! Logging in, from version line to success, by every method.

use feramiko_keys::{KeyType, PrivateKey};
use feramiko_proto::{
    AuthOutcome, ConnectionError, Decision, Event, HostKeyError, Method, Misuse, Prompt, Proof,
};
use feramiko_testkit::{Pair, password_login};

fn outcome(pair: &mut Pair) -> AuthOutcome {
    pair.settle();
    let outcome = pair.client.events().into_iter().find_map(|event| match event {
        Event::Authentication(outcome) => Some(outcome),
        _ => None,
    });
    outcome.unwrap_or_else(|| panic!("{:?} {:?}", pair.client.log, pair.server.log))
}

fn try_login(pair: &mut Pair, user: &str, method: Method) -> AuthOutcome {
    let now = pair.now();
    pair.client.connection.authenticate(user, method, now).unwrap();
    outcome(pair)
}

fn with_key(key: &PrivateKey, algorithm: Option<&str>, query: bool) -> Method {
    Method::PublicKey { key: key.public_key().clone(), algorithm: algorithm.map(str::to_owned), query }
}

fn prompt(text: &str) -> Prompt {
    Prompt { text: text.to_owned(), echo: false }
}

#[test]
fn a_password_lets_in_and_a_wrong_one_does_not() {
    let mut pair = Pair::with_defaults();
    pair.settle();
    let AuthOutcome::Failure { remaining } = try_login(&mut pair, "robey", Method::Password("bar".into()))
    else {
        panic!("{:?}", pair.client.log)
    };
    assert_eq!(remaining, ["publickey", "password", "keyboard-interactive"]);
    assert_eq!(try_login(&mut pair, "robey", Method::Password("foo".into())), AuthOutcome::Success);
    assert_eq!(pair.client.connection.user(), Some("robey"));
    assert_eq!(pair.server.connection.user(), Some("robey"));
    assert!(pair.server.log.iter().any(|line| line == "Authenticated"));
}

#[test]
fn every_kind_of_key_lets_in_with_and_without_a_query() {
    for kind in [
        KeyType::Ed25519,
        KeyType::EcdsaP256,
        KeyType::EcdsaP384,
        KeyType::EcdsaP521,
        KeyType::Rsa { bits: 2048 },
    ] {
        let key = PrivateKey::generate(kind).unwrap();
        // SHA-1 is for those who name it.
        let algorithms = key.public_key().signature_algorithms().iter().filter(|name| **name != "ssh-rsa");
        for algorithm in algorithms {
            for query in [false, true] {
                let mut pair = Pair::with_defaults();
                pair.client.auto.keys.push(key.clone());
                pair.settle();
                let method = with_key(&key, Some(algorithm), query);
                assert_eq!(try_login(&mut pair, "robey", method), AuthOutcome::Success);
                let attempts = pair.server.log.iter().filter(|line| line.starts_with("attempt")).count();
                assert_eq!(attempts, 1 + usize::from(query));
            }
        }
    }
}

#[test]
fn rsa_keys_choose_an_algorithm_by_what_the_server_announced() {
    let key = PrivateKey::generate(KeyType::Rsa { bits: 2048 }).unwrap();
    for only in ["rsa-sha2-256", "rsa-sha2-512"] {
        let host_key = feramiko_testkit::host_key();
        let mut server = feramiko_proto::ServerConfig {
            host_keys: vec![host_key.public_key().clone()],
            ..feramiko_proto::ServerConfig::default()
        };
        server.common.algorithms.user_key = vec![only.to_owned()];
        let mut pair = Pair::new(feramiko_proto::ClientConfig::default(), server);
        pair.server.auto.keys.push(host_key);
        pair.client.auto.keys.push(key.clone());
        pair.settle();
        assert_eq!(try_login(&mut pair, "robey", with_key(&key, None, false)), AuthOutcome::Success);
        assert!(pair.client.log.iter().any(|line| line == &format!("sign UserKey by {only}")));
    }
}

#[test]
fn a_signature_that_is_refused_leaves_other_ways() {
    let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    let mut pair = Pair::with_defaults();
    pair.settle();
    let refused = try_login(&mut pair, "robey", with_key(&key, None, true));
    assert!(matches!(refused, AuthOutcome::Failure { .. }));
    assert_eq!(try_login(&mut pair, "robey", Method::Password("foo".into())), AuthOutcome::Success);
}

#[test]
fn questions_come_in_rounds() {
    let mut pair = Pair::with_defaults();
    let mut round = 0;
    pair.server.auto.decide = Box::new(move |attempt| {
        round += 1;
        match attempt.proof() {
            Proof::Interactive { .. } => Decision::Ask {
                name: "Login".to_owned(),
                instruction: String::new(),
                prompts: vec![prompt("Password: "), prompt("Code: ")],
            },
            Proof::Answers(answers) if round == 2 => {
                assert!(answers.len() == 2 && answers.iter().all(|answer| answer.as_bytes() == b"foo"));
                Decision::Ask { name: String::new(), instruction: "Welcome".to_owned(), prompts: Vec::new() }
            }
            Proof::Answers(answers) if answers.is_empty() => Decision::Accept,
            _ => Decision::Reject,
        }
    });
    pair.settle();
    let method = Method::KeyboardInteractive { submethods: String::new() };
    assert_eq!(try_login(&mut pair, "robey", method), AuthOutcome::Success);
    assert_eq!(pair.client.log.iter().filter(|line| line.starts_with("prompts")).count(), 2);
}

#[test]
fn key_and_password_one_after_the_other() {
    let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    let mut pair = Pair::with_defaults();
    pair.client.auto.keys.push(key.clone());
    pair.server.auto.decide = Box::new(|attempt| match attempt.proof() {
        Proof::Key(_) => Decision::Partial { remaining: vec!["password".to_owned()] },
        Proof::Password(password) if password.as_bytes() == b"foo" => Decision::Accept,
        _ => Decision::Reject,
    });
    pair.settle();
    let first = try_login(&mut pair, "robey", with_key(&key, None, false));
    assert_eq!(first, AuthOutcome::Partial { remaining: vec!["password".to_owned()] });
    assert_eq!(try_login(&mut pair, "robey", Method::Password("foo".into())), AuthOutcome::Success);
}

#[test]
fn an_expired_password_is_changed() {
    let mut pair = Pair::with_defaults();
    pair.server.auto.decide = Box::new(|attempt| match attempt.proof() {
        Proof::Password(_) => Decision::ChangePassword { prompt: "It is too old.".to_owned() },
        Proof::PasswordChange { old, new } if old.as_bytes() == b"foo" && new.as_bytes() == b"bar" => {
            Decision::Accept
        }
        _ => Decision::Reject,
    });
    pair.settle();
    let now = pair.now();
    pair.client.connection.authenticate("robey", Method::Password("foo".into()), now).unwrap();
    pair.settle();
    assert!(
        pair.client
            .events()
            .iter()
            .any(|event| matches!(event, Event::PasswordExpired { prompt } if prompt == "It is too old."))
    );
    let change = Method::PasswordChange { old: "foo".into(), new: "bar".into() };
    assert_eq!(try_login(&mut pair, "robey", change), AuthOutcome::Success);
}

#[test]
fn banners_arrive_before_the_outcome() {
    let mut pair = Pair::with_defaults();
    pair.settle();
    let now = pair.now();
    pair.server.connection.send_banner("Authorized users only.\r\n", now).unwrap();
    password_login(&mut pair, "robey", "foo");
    let told = |wanted: &str| pair.client.log.iter().position(|line| line.contains(wanted)).unwrap();
    assert!(told("Banner") < told("Authentication"));
}

#[test]
fn defect_045_a_server_gives_up_after_six_failures() {
    let mut pair = Pair::with_defaults();
    pair.settle();
    for _ in 0..5 {
        let outcome = try_login(&mut pair, "robey", Method::Password("bad".into()));
        assert!(matches!(outcome, AuthOutcome::Failure { .. }));
    }
    let now = pair.now();
    pair.client.connection.authenticate("robey", Method::Password("bad".into()), now).unwrap();
    pair.settle();
    assert!(matches!(pair.server.connection.ended(), Some(ConnectionError::TooManyAttempts)));
    let ended = pair.client.connection.ended();
    assert!(matches!(ended, Some(ConnectionError::Disconnected { reason: 14, .. })), "{ended:?}");
}

#[test]
fn defect_006_nothing_is_asked_before_the_host_key_is_trusted_and_no_password_is_on_the_wire() {
    let mut pair = Pair::with_defaults();
    pair.client.wire = Some(Vec::new());
    pair.client.auto.trust = false;
    let now = pair.now();
    let early = pair.client.connection.authenticate("robey", Method::Password("s3cr3t".into()), now);
    assert_eq!(early, Err(Misuse::NotReady));
    pair.settle();
    assert!(matches!(pair.client.connection.ended(), Some(ConnectionError::HostKey(HostKeyError::Refused))));
    let now = pair.now();
    let late = pair.client.connection.authenticate("robey", Method::Password("s3cr3t".into()), now);
    assert_eq!(late, Err(Misuse::ConnectionClosed));
    assert!(!contains(pair.client.wire.as_deref().unwrap(), b"s3cr3t"));

    let mut pair = Pair::with_defaults();
    pair.client.wire = Some(Vec::new());
    pair.settle();
    try_login(&mut pair, "robey", Method::Password("s3cr3t".into()));
    let wire = pair.client.wire.as_deref().unwrap();
    assert!(contains(wire, b"SSH-2.0-") && !contains(wire, b"s3cr3t") && !contains(wire, b"robey"));
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn defect_055_a_stalled_login_is_ended_by_its_deadline() {
    let mut pair = Pair::with_defaults();
    pair.settle();
    pair.run_for(std::time::Duration::from_secs(31));
    assert!(matches!(pair.server.connection.ended(), Some(ConnectionError::TimedOut(_))));
    assert!(matches!(pair.client.connection.ended(), Some(ConnectionError::Disconnected { .. })));
}
