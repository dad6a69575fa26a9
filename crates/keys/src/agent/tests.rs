//! An agent asked as its clients ask it.

use std::time::{Duration, Instant, SystemTime};

use super::*;
use crate::agent::signed::tests::login;
use crate::{KeyError, KeyType, PrivateKey};

fn key() -> PrivateKey {
    PrivateKey::generate(KeyType::Ed25519).unwrap()
}

fn rsa() -> PrivateKey {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/rsa");
    PrivateKey::load_file(path, None).unwrap()
}

/// An agent, a connection to it, and a clock.
struct Asked {
    keyring: Keyring,
    session: AgentSession,
    now: Instant,
}

impl Asked {
    fn new() -> Self {
        Self { keyring: Keyring::new(), session: AgentSession::default(), now: Instant::now() }
    }

    fn with(constraints: Constraints) -> (Self, PrivateKey) {
        let (mut asked, key) = (Self::new(), key());
        assert!(asked.add(&key, constraints));
        (asked, key)
    }

    fn step(&mut self, request: &AgentRequest<'_>) -> Step {
        self.bytes(&request.encode())
    }

    fn bytes(&mut self, request: &[u8]) -> Step {
        let now = Moment { timer: self.now, date: SystemTime::now() };
        self.keyring.handle(&mut self.session, request, now)
    }

    fn reply(&mut self, request: &AgentRequest<'_>) -> Vec<u8> {
        match self.step(request) {
            Step::Reply(reply) => reply,
            Step::Sign(signing) => signing.reply(true),
            Step::Wait(_) => panic!("it wants to wait"),
        }
    }

    fn says_yes(&mut self, request: &AgentRequest<'_>) -> bool {
        AgentReply::decode(&self.reply(request)).unwrap() == AgentReply::Success
    }

    fn add(&mut self, key: &PrivateKey, constraints: Constraints) -> bool {
        self.says_yes(&AgentRequest::Add { key: key.clone().into(), comment: b"a key", constraints })
    }

    fn listed(&mut self) -> usize {
        match AgentReply::decode(&self.reply(&AgentRequest::List)).unwrap() {
            AgentReply::Identities(found) => found.len(),
            other => panic!("{other:?}"),
        }
    }

    fn signs(&mut self, key: &PrivateKey, data: &[u8]) -> bool {
        let request = AgentRequest::Sign { key: key.public_key().blob(), data, flags: 0 };
        matches!(AgentReply::decode(&self.reply(&request)).unwrap(), AgentReply::Signature(_))
    }

    /// Binds the connection to a session with that host.
    fn bind(&mut self, host: &PrivateKey, session_id: &[u8], is_forwarding: bool) -> bool {
        let signature = host.sign("ssh-ed25519", session_id).unwrap();
        let host_key = host.public_key().blob();
        let bind = SessionBind { host_key, session_id, signature: &signature, is_forwarding };
        self.says_yes(&AgentRequest::Bind(bind))
    }
}

fn hop(host: &PrivateKey, name: &str, user: &str) -> Hop {
    let keys = vec![HopKey { key: host.public_key().blob().to_vec(), is_ca: false }];
    Hop { user: user.to_owned(), host: name.to_owned(), keys }
}

fn to(destinations: Vec<Destination>) -> Constraints {
    Constraints { destinations, ..Constraints::default() }
}

#[test]
fn keys_are_added_listed_used_and_removed() {
    let (mut asked, key) = Asked::with(Constraints::default());
    assert!(asked.add(&rsa(), Constraints::default()));
    assert_eq!(asked.listed(), 2);
    assert!(asked.signs(&key, b"anything"));
    assert!(asked.add(&key, Constraints::default()), "the same again takes its own place");
    assert_eq!(asked.listed(), 2);
    assert!(asked.says_yes(&AgentRequest::Remove(key.public_key().blob())));
    assert!(!asked.says_yes(&AgentRequest::Remove(key.public_key().blob())));
    assert!(!asked.signs(&key, b"anything"));
    assert!(asked.says_yes(&AgentRequest::RemoveAll));
    assert_eq!(asked.listed(), 0);
}

#[test]
fn rsa_signs_by_the_hash_that_was_asked_for_and_never_with_sha_1() {
    let (mut asked, rsa) = (Asked::new(), rsa());
    assert!(asked.add(&rsa, Constraints::default()));
    for (flags, algorithm) in [(2, "rsa-sha2-256"), (4, "rsa-sha2-512"), (6, "rsa-sha2-256")] {
        let reply = asked.reply(&AgentRequest::Sign { key: rsa.public_key().blob(), data: b"data", flags });
        let AgentReply::Signature(blob) = AgentReply::decode(&reply).unwrap() else { panic!("{reply:?}") };
        let provider = feramiko_crypto::Provider::default();
        let scheme = provider.signature(algorithm).unwrap();
        assert_eq!(rsa.public_key().verify(scheme, b"data", blob), Ok(()));
    }
    for flags in [0, 1, 8, 4 | 8] {
        let reply = asked.reply(&AgentRequest::Sign { key: rsa.public_key().blob(), data: b"data", flags });
        assert_eq!(AgentReply::decode(&reply).unwrap(), AgentReply::Failure, "{flags}");
    }
}

#[test]
fn a_certificate_is_an_entry_of_its_own_and_signs_with_its_key() {
    use crate::certificate::CertificateBuilder;
    let authority = key();
    let kinds = [KeyType::EcdsaP256, KeyType::MlDsa44Ed25519];
    for key in [key(), rsa()].into_iter().chain(kinds.map(|kind| PrivateKey::generate(kind).unwrap())) {
        let builder = CertificateBuilder::user(key.public_key()).principal("robey");
        let certificate = builder.valid_for(Duration::from_secs(60)).issue(&authority).unwrap();
        let certified = AgentPrivateKey::certified(key.clone(), certificate.clone()).unwrap();
        let mut asked = Asked::new();
        assert!(asked.add(&key, Constraints::default()));
        assert!(asked.says_yes(&AgentRequest::Add {
            key: certified,
            comment: b"",
            constraints: Constraints::default()
        }));
        assert_eq!(asked.listed(), 2);
        let request = AgentRequest::Sign { key: certificate.blob(), data: b"data", flags: 4 };
        let reply = asked.reply(&request);
        let AgentReply::Signature(blob) = AgentReply::decode(&reply).unwrap() else { panic!("{reply:?}") };
        let provider = feramiko_crypto::Provider::default();
        let scheme = provider.signature(key.public_key().signature_algorithms()[0]).unwrap();
        assert_eq!(certificate.verify(scheme, b"data", blob), Ok(()));

        let other = PrivateKey::generate(KeyType::Ed25519).unwrap();
        assert!(AgentPrivateKey::certified(other, certificate).is_err());
    }
}

#[test]
fn the_file_of_a_key_in_a_device_is_not_held() {
    let application = b"ssh:";
    let request = |provider: bool| {
        let mut bytes = vec![if provider { 25 } else { 17 }];
        let mut writer = feramiko_wire::Writer::new(&mut bytes);
        for field in [b"sk-ssh-ed25519@openssh.com".as_slice(), &[7; 32], application] {
            writer.string(field);
        }
        writer.u8(1);
        [&b"handle"[..], b"", b"a comment"].into_iter().for_each(|field| writer.string(field));
        if provider {
            // As ssh-add brings it.
            writer.u8(255);
            writer.string(b"sk-provider@openssh.com");
            writer.string(b"internal");
        }
        bytes
    };
    let mut asked = Asked::new();
    for provider in [false, true] {
        let Step::Reply(reply) = asked.bytes(&request(provider)) else { panic!("{provider}") };
        assert_eq!(AgentReply::decode(&reply), Ok(AgentReply::Failure), "{provider}");
    }
    assert_eq!(asked.listed(), 0);
    let bytes = request(false);
    let AgentRequest::Add { key, .. } = AgentRequest::decode(&bytes).unwrap() else { panic!("{bytes:?}") };
    let refused = Keyring::new().add(key, "", Constraints::default(), Instant::now());
    assert_eq!(refused, Err(KeyError::InDevice));
}

#[test]
fn a_lifetime_ends_whether_anybody_asks_or_not() {
    let lifetime = Some(Duration::from_secs(10));
    let (mut asked, key) = Asked::with(Constraints { lifetime, ..Constraints::default() });
    asked.now += Duration::from_secs(9);
    assert!(asked.signs(&key, b"data"));
    assert_eq!(asked.keyring.expire(asked.now), Some(asked.now + Duration::from_secs(1)));
    asked.now += Duration::from_secs(1);
    assert_eq!(asked.keyring.expire(asked.now), None);
    assert!(asked.keyring.is_empty());
    assert!(!asked.signs(&key, b"data"));

    asked.keyring.set_lifetime(Duration::from_secs(5));
    assert!(asked.add(&key, Constraints::default()));
    assert!(asked.add(&rsa(), Constraints { lifetime, ..Constraints::default() }));
    asked.now += Duration::from_secs(5);
    assert_eq!(asked.listed(), 1, "what a key brings of its own goes before the agent's own");
}

#[test]
fn a_key_to_be_confirmed_signs_only_after_a_yes() {
    let (mut asked, key) = Asked::with(Constraints { confirm: true, ..Constraints::default() });
    let data = login(b"SID", "robey", key.public_key().blob(), None);
    for (confirmed, expected) in [(true, true), (false, false)] {
        let request = AgentRequest::Sign { key: key.public_key().blob(), data: &data, flags: 0 };
        let Step::Sign(signing) = asked.step(&request) else { panic!() };
        let question = signing.confirmation().unwrap();
        assert_eq!(question.fingerprint, key.public_key().fingerprint());
        assert!(question.to_string().contains("robey"), "{question}");
        let reply = signing.reply(confirmed);
        let signed = matches!(AgentReply::decode(&reply).unwrap(), AgentReply::Signature(_));
        assert_eq!(signed, expected);
    }
}

#[test]
fn defect_120_a_key_whose_constraints_are_not_understood_is_not_held() {
    let mut asked = Asked::new();
    let add = AgentRequest::Add {
        key: key().into(),
        comment: b"",
        constraints: Constraints { confirm: true, ..Constraints::default() },
    };
    for unknown in [&[3_u8, 0, 0, 0, 1][..], &[7], b"\xff\0\0\0\x0bfoo@foo.foo"] {
        let request = [&add.encode()[..], unknown].concat();
        let Step::Reply(reply) = asked.bytes(&request) else { panic!() };
        assert_eq!(AgentReply::decode(&reply).unwrap(), AgentReply::Failure);
    }
    // Constraints in the message that has none.
    let mut plain = add.encode();
    plain[0] = 17;
    let Step::Reply(reply) = asked.bytes(&plain) else { panic!() };
    assert_eq!(AgentReply::decode(&reply).unwrap(), AgentReply::Failure);
    assert!(asked.keyring.is_empty());
}

#[test]
fn a_locked_agent_shows_nothing_and_does_nothing() {
    let (mut asked, key) = Asked::with(Constraints::default());
    assert!(!asked.says_yes(&AgentRequest::Lock("".into())), "an empty passphrase is none");
    assert!(!asked.says_yes(&AgentRequest::Unlock("word".into())), "it is open");
    assert!(asked.says_yes(&AgentRequest::Lock("word".into())));
    assert!(!asked.says_yes(&AgentRequest::Lock("other".into())), "it is locked");
    assert_eq!(asked.listed(), 0);
    assert!(!asked.signs(&key, b"data"));
    assert!(!asked.add(&rsa(), Constraints::default()));
    assert!(!asked.says_yes(&AgentRequest::Remove(key.public_key().blob())));
    assert!(!asked.says_yes(&AgentRequest::RemoveAll));
    assert!(asked.says_yes(&AgentRequest::Unlock("word".into())));
    assert_eq!(asked.listed(), 1);
}

#[test]
fn defect_121_a_session_that_is_bound_while_the_agent_is_locked_stays_bound() {
    let (first, second) = (key(), key());
    let step = Destination { from: Hop::origin(), to: hop(&first, "first", "") };
    let (mut asked, key) = Asked::with(to(vec![step]));
    assert!(asked.says_yes(&AgentRequest::Lock("word".into())));
    assert!(asked.bind(&second, b"SID", true), "what it is for is noted, locked or not");
    assert!(asked.says_yes(&AgentRequest::Unlock("word".into())));
    assert_eq!(asked.listed(), 0, "the other host does not pass for this machine");
    assert!(!asked.signs(&key, &login(b"SID", "robey", key.public_key().blob(), None)));
}

#[test]
fn defect_123_a_passphrase_is_compared_whole_and_wrong_ones_cost_time() {
    let (mut asked, _) = Asked::with(Constraints::default());
    assert!(asked.says_yes(&AgentRequest::Lock("word".into())));
    for wrong in ["", "w", "wor", "wore", "words", "Word"] {
        asked.now += Duration::from_secs(10);
        assert!(!asked.says_yes(&AgentRequest::Unlock(wrong.into())), "{wrong}");
    }
    let Step::Wait(until) = asked.step(&AgentRequest::Unlock("word".into())) else {
        panic!("not even the right one is looked at before its time")
    };
    assert_eq!(until - asked.now, Duration::from_millis(600), "a tenth of a second for each");
    asked.now = until;
    assert!(asked.says_yes(&AgentRequest::Unlock("word".into())));
    // From here on it is as if nothing had happened.
    assert!(asked.says_yes(&AgentRequest::Lock("word".into())));
    assert!(!asked.says_yes(&AgentRequest::Unlock("no".into())));
    let Step::Wait(until) = asked.step(&AgentRequest::Unlock("word".into())) else { panic!() };
    assert_eq!(until - asked.now, Duration::from_millis(100));
}

#[test]
fn defect_124_nothing_is_loaded_by_request() {
    let (mut asked, _) = Asked::with(Constraints::default());
    for number in [20, 21, 26] {
        let mut request = vec![number];
        let mut writer = feramiko_wire::Writer::new(&mut request);
        writer.string(b"/usr/lib/evil.so");
        writer.string(b"1234");
        let Step::Reply(reply) = asked.bytes(&request) else { panic!() };
        assert_eq!(AgentReply::decode(&reply).unwrap(), AgentReply::Failure, "{number}");
    }
    assert_eq!(asked.listed(), 1);
}

#[test]
fn defect_122_no_message_is_too_strange() {
    let (mut asked, key) = Asked::with(Constraints::default());
    for number in 0..=255 {
        for rest in [&[][..], &[0; 4], &[0xff; 4], &[0, 0, 0, 1], &[0; 64], &[0xff; 64]] {
            let request = [&[number], rest].concat();
            let _ = asked.bytes(&request);
            if asked.keyring.is_locked() {
                panic!("message {number} locked it without a passphrase");
            }
        }
    }
    let _ = asked.bytes(&[]);
    assert!(asked.add(&key, Constraints::default()));
    assert_eq!(asked.listed(), 1, "what was forgotten was asked for, and the agent goes on");
}

#[test]
fn there_is_room_for_as_many_keys_as_a_list_holds() {
    let mut asked = Asked::new();
    let comment = vec![b'c'; 100 * 1024];
    let add = |asked: &mut Asked, key: &PrivateKey, comment: &[u8]| {
        let constraints = Constraints::default();
        asked.says_yes(&AgentRequest::Add { key: key.clone().into(), comment, constraints })
    };
    let (one, two, three) = (key(), key(), key());
    assert!(add(&mut asked, &one, &comment));
    assert!(add(&mut asked, &two, &comment));
    assert!(!add(&mut asked, &three, &comment), "the list of all three would be longer than a message");
    assert!(add(&mut asked, &two, &comment), "in its own place it fits");
    assert!(add(&mut asked, &three, b"short"));
    assert_eq!(asked.listed(), 3);
}

mod destinations {
    use super::*;

    /// origin → first (as anybody), first → second (as robey).
    fn chain() -> (PrivateKey, PrivateKey, Constraints) {
        let (first, second) = (key(), key());
        let constraints = to(vec![
            Destination { from: Hop::origin(), to: hop(&first, "first", "") },
            Destination { from: hop(&first, "first", ""), to: hop(&second, "second", "ro?ey") },
        ]);
        (first, second, constraints)
    }

    #[test]
    fn on_this_machine_it_is_seen_and_signs_for_no_session_unknown() {
        let (.., constraints) = chain();
        let (mut asked, key) = Asked::with(constraints);
        assert_eq!(asked.listed(), 1);
        let data = login(b"SID", "robey", key.public_key().blob(), None);
        assert!(!asked.signs(&key, &data), "the connection is not bound");
    }

    #[test]
    fn it_logs_in_to_the_first_host_and_nowhere_else() {
        let (first, second, constraints) = chain();
        let (mut asked, key) = Asked::with(constraints.clone());
        let blob = key.public_key().blob();
        assert!(asked.bind(&first, b"SID", false));
        assert_eq!(asked.listed(), 1);
        assert!(asked.signs(&key, &login(b"SID", "anybody", blob, None)));
        assert!(asked.signs(&key, &login(b"SID", "anybody", blob, Some(first.public_key().blob()))));
        for (what, data) in [
            ("another session", login(b"DIS", "anybody", blob, None)),
            ("another host key", login(b"SID", "anybody", blob, Some(second.public_key().blob()))),
            ("another key", login(b"SID", "anybody", second.public_key().blob(), None)),
            ("no login", b"anything".to_vec()),
        ] {
            assert!(!asked.signs(&key, &data), "{what}");
        }

        let (mut asked, key) = Asked::with(constraints);
        assert!(asked.bind(&second, b"SID", false));
        assert_eq!(asked.listed(), 0, "not even seen on the way to another host");
        assert!(!asked.signs(&key, &login(b"SID", "robey", key.public_key().blob(), None)));
        assert!(!asked.says_yes(&AgentRequest::Remove(key.public_key().blob())), "nor removed");
        assert!(!asked.add(&key, Constraints::default()), "nor replaced by one without limits");
    }

    #[test]
    fn over_the_first_host_it_logs_in_to_the_second_as_the_user_it_is_for() {
        let (first, second, constraints) = chain();
        let (mut asked, key) = Asked::with(constraints);
        let blob = key.public_key().blob();
        let second_key = second.public_key().blob().to_vec();
        assert!(asked.bind(&first, b"ONE", true));
        assert_eq!(asked.listed(), 1, "from the first host it leads on");
        assert!(!asked.signs(&key, &login(b"ONE", "robey", blob, None)), "lent is not logged in");
        assert!(asked.bind(&second, b"TWO", false));
        assert_eq!(asked.listed(), 1);
        assert!(asked.signs(&key, &login(b"TWO", "robey", blob, Some(&second_key))));
        assert!(!asked.signs(&key, &login(b"TWO", "root", blob, Some(&second_key))), "another user");
        assert!(!asked.signs(&key, &login(b"TWO", "ROBEY", blob, Some(&second_key))), "and yet another");
        assert!(!asked.signs(&key, &login(b"TWO", "robey", blob, None)), "the host key is not in it");
        assert!(!asked.signs(&key, &login(b"ONE", "robey", blob, Some(&second_key))));
        assert!(!asked.bind(&second, b"NEXT", false), "bound for a login, it goes no further");
    }

    #[test]
    fn it_is_not_seen_behind_the_last_host() {
        let (first, second, constraints) = chain();
        let (mut asked, key) = Asked::with(constraints);
        assert!(asked.bind(&first, b"ONE", true));
        assert!(asked.bind(&second, b"TWO", true));
        assert_eq!(asked.listed(), 0, "from the second it leads nowhere");
        let third = super::key();
        assert!(asked.bind(&third, b"THREE", false));
        let host_key = third.public_key().blob();
        assert!(!asked.signs(&key, &login(b"THREE", "robey", key.public_key().blob(), Some(host_key))));
    }

    #[test]
    fn the_wrong_second_hop_is_refused() {
        let (first, _, constraints) = chain();
        let (mut asked, key) = Asked::with(constraints);
        let other = super::key();
        assert!(asked.bind(&first, b"ONE", true));
        assert!(asked.bind(&other, b"TWO", false));
        assert_eq!(asked.listed(), 0);
        let data = login(b"TWO", "robey", key.public_key().blob(), Some(other.public_key().blob()));
        assert!(!asked.signs(&key, &data));
    }

    #[test]
    fn a_binding_that_proves_nothing_is_refused_and_not_forgotten() {
        let (first, second, constraints) = chain();
        let (mut asked, key) = Asked::with(constraints);
        let signature = second.sign("ssh-ed25519", b"SID").unwrap();
        let host_key = first.public_key().blob();
        for (session_id, signature) in
            [(&b"SID"[..], &signature[..]), (b"SID", b""), (b"", &signature), (&[7; 129], &signature)]
        {
            let bind = SessionBind { host_key, session_id, signature, is_forwarding: false };
            assert_eq!(
                AgentReply::decode(&asked.reply(&AgentRequest::Bind(bind))).unwrap(),
                AgentReply::ExtensionFailure
            );
        }
        assert_eq!(asked.listed(), 0, "whoever tries that is not of this machine");
        assert!(!asked.signs(&key, &login(b"SID", "robey", key.public_key().blob(), None)));
    }

    #[test]
    fn defect_121_a_binding_that_cannot_be_read_is_a_binding_that_failed() {
        let (first, _, constraints) = chain();
        let signature = first.sign("ssh-ed25519", b"SID").unwrap();
        let host_key = first.public_key().blob();
        let bind = SessionBind { host_key, session_id: b"SID", signature: &signature, is_forwarding: true };
        let whole = AgentRequest::Bind(bind).encode();
        // Cut, and with a field more.
        for bytes in [&whole[..whole.len() - 1], &[&whole[..], &[0]].concat()] {
            let (mut asked, _) = Asked::with(constraints.clone());
            assert_eq!(asked.listed(), 1);
            assert!(
                matches!(asked.bytes(bytes), Step::Reply(reply) if reply == AgentReply::Failure.encode())
            );
            assert_eq!(asked.listed(), 0);
        }
        let (mut asked, _) = Asked::with(constraints);
        asked.bytes(b"\x1b\0\0\0\x05other");
        assert_eq!(asked.listed(), 1, "another extension says nothing of where the connection comes from");
    }

    #[test]
    fn a_session_is_bound_once_to_one_host_and_hops_are_counted() {
        let (one, other) = (key(), key());
        let mut asked = Asked::new();
        assert!(asked.bind(&one, b"SID", true));
        assert!(asked.bind(&one, b"SID", true), "again the same is nothing new");
        assert!(!asked.bind(&other, b"SID", true));
        for number in 1..16_u8 {
            assert!(asked.bind(&one, &[number; 32], true));
        }
        assert!(!asked.bind(&one, &[99; 32], true));
    }

    #[test]
    fn a_host_with_a_certificate_is_known_by_its_authority_and_its_name() {
        use crate::certificate::CertificateBuilder;
        let (authority, host) = (key(), key());
        let issue = |name: &str| {
            let builder = CertificateBuilder::host(host.public_key()).principal(name);
            builder.valid_for(Duration::from_secs(60)).issue(&authority).unwrap()
        };
        let hop_to = |is_ca| Hop {
            user: String::new(),
            host: "first.example".to_owned(),
            keys: vec![HopKey { key: authority.public_key().blob().to_vec(), is_ca }],
        };
        for (is_ca, name, expected) in
            [(true, "first.example", true), (true, "second.example", false), (false, "first.example", false)]
        {
            let step = Destination { from: Hop::origin(), to: hop_to(is_ca) };
            let (mut asked, key) = Asked::with(to(vec![step]));
            let certificate = issue(name);
            let signature = host.sign("ssh-ed25519", b"SID").unwrap();
            let bind = SessionBind {
                host_key: certificate.blob(),
                session_id: b"SID",
                signature: &signature,
                is_forwarding: false,
            };
            assert!(asked.says_yes(&AgentRequest::Bind(bind)));
            let data = login(b"SID", "robey", key.public_key().blob(), Some(certificate.blob()));
            assert_eq!(asked.signs(&key, &data), expected, "{is_ca} {name}");
        }
    }
}
