//! Every algorithm, by name: two connections joined in memory agree on it and log in over it.

use std::sync::Arc;
use std::time::Instant;

use feramiko_keys::certificate::{CertificateBuilder, plain_algorithm};
use feramiko_keys::{Certificate, KeyType, PrivateKey};
use feramiko_proto::{
    Algorithms, AuthOutcome, ClientConfig, Connection, ConnectionError, Decision, Event, Family, Method,
    Proof, Secret, ServerConfig, Standing,
};
use feramiko_testkit::{Mode, modes};

struct Joined {
    client: Connection,
    server: Connection,
    host_key: PrivateKey,
    /// The one that the client was shown.
    certificate: Option<Certificate>,
    now: Instant,
    logged_in: [bool; 2],
    ended: [Option<ConnectionError>; 2],
}

impl Joined {
    fn new(client: Algorithms, server: Algorithms, host_key: &PrivateKey) -> Self {
        Self::with_certificates(client, server, host_key, Vec::new())
    }

    fn with_certificates(
        client: Algorithms,
        server: Algorithms,
        host_key: &PrivateKey,
        host_certificates: Vec<Certificate>,
    ) -> Self {
        let now = Instant::now();
        let mut client_config = ClientConfig::default();
        client_config.common.algorithms = client;
        let host_keys = vec![host_key.public_key().clone()];
        let mut server_config = ServerConfig { host_keys, host_certificates, ..Default::default() };
        server_config.common.algorithms = server;
        Self {
            client: Connection::client(Arc::new(client_config), now),
            server: Connection::server(Arc::new(server_config), now),
            host_key: host_key.clone(),
            certificate: None,
            now,
            logged_in: [false; 2],
            ended: [None, None],
        }
    }

    /// Carries bytes and answers questions until nothing moves.
    fn run(&mut self) {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        let mut spare = Vec::new();
        loop {
            self.client.take_output(&mut spare);
            up.extend_from_slice(&spare);
            self.server.take_output(&mut spare);
            down.extend_from_slice(&spare);
            let before = (up.len(), down.len());
            let used = self.server.receive(&mut up, self.now);
            up.drain(..used);
            let used = self.client.receive(&mut down, self.now);
            down.drain(..used);
            let events = self.client_events() + self.server_events();
            if events == 0
                && before == (up.len(), down.len())
                && !self.client.has_output()
                && !self.server.has_output()
            {
                return;
            }
        }
    }

    fn client_events(&mut self) -> usize {
        let mut count = 0;
        while let Some(event) = self.client.poll_event() {
            count += 1;
            match event {
                Event::HostKey(question) => {
                    assert_eq!(question.key(), self.host_key.public_key());
                    self.certificate = question.certificate().cloned();
                    self.client.answer_host_key(question, true, self.now);
                }
                Event::Ready => {
                    self.client
                        .authenticate("robey", Method::Password(Secret::from("foo")), self.now)
                        .unwrap();
                }
                Event::Authentication(outcome) => self.logged_in[0] = outcome == AuthOutcome::Success,
                Event::Ended(error) => self.ended[0] = Some(error),
                _ => {}
            }
        }
        count
    }

    fn server_events(&mut self) -> usize {
        let mut count = 0;
        while let Some(event) = self.server.poll_event() {
            count += 1;
            match event {
                Event::Sign(request) => {
                    let signature = self.host_key.sign(request.algorithm(), request.message()).unwrap();
                    self.server.provide_signature(request, Some(signature), self.now);
                }
                Event::Attempt(attempt) => {
                    let right = attempt.user() == "robey"
                        && matches!(attempt.proof(), Proof::Password(password) if password.as_bytes() == b"foo");
                    let decision = if right { Decision::Accept } else { Decision::Reject };
                    self.server.decide(attempt, decision, self.now).unwrap();
                }
                Event::Authenticated => self.logged_in[1] = true,
                Event::Ended(error) => self.ended[1] = Some(error),
                _ => {}
            }
        }
        count
    }
}

fn only(change: impl FnOnce(&mut Algorithms)) -> Algorithms {
    let mut algorithms = everything();
    change(&mut algorithms);
    algorithms
}

fn everything() -> Algorithms {
    let names =
        |family: Family| family.supported().iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>();
    Algorithms {
        kex: names(Family::Kex),
        host_key: names(Family::Signature),
        user_key: names(Family::Signature),
        ciphers: names(Family::Cipher),
        macs: names(Family::Mac),
        compression: names(Family::Compression),
    }
}

fn logs_in(algorithms: Algorithms, host_key: &PrivateKey) -> Joined {
    run(Joined::new(algorithms, everything(), host_key))
}

fn run(mut joined: Joined) -> Joined {
    joined.run();
    assert_eq!(joined.logged_in, [true, true], "{:?}", joined.ended);
    let exchanges = |joined: &Joined| joined.client.negotiated().unwrap().exchanges;
    assert_eq!(exchanges(&joined), 1);
    joined.client.rekey(joined.now);
    joined.run();
    assert_eq!(exchanges(&joined), 2, "{:?}", joined.ended);
    joined.server.rekey(joined.now);
    joined.run();
    assert_eq!(exchanges(&joined), 3, "{:?}", joined.ended);
    joined
}

#[test]
fn every_key_exchange() {
    let host_key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    for name in everything().kex {
        let joined = logs_in(only(|algorithms| algorithms.kex = vec![name.clone()]), &host_key);
        let negotiated = joined.server.negotiated().unwrap();
        assert_eq!(negotiated.kex, name);
        assert!(negotiated.strict_kex);
        assert_eq!(joined.client.session_id(), joined.server.session_id());
    }
}

#[test]
fn every_cipher_and_every_mac() {
    let host_key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    for Mode { cipher, mac, .. } in modes() {
        let joined = logs_in(
            only(|algorithms| {
                algorithms.ciphers = vec![cipher.to_owned()];
                algorithms.macs = mac.into_iter().map(str::to_owned).collect();
            }),
            &host_key,
        );
        let negotiated = joined.server.negotiated().unwrap();
        assert_eq!((negotiated.cipher_in, negotiated.mac_in), (cipher, mac));
    }
}

#[test]
fn every_host_key_algorithm() {
    for (kind, names) in [
        (KeyType::Ed25519, &["ssh-ed25519"][..]),
        (KeyType::EcdsaP256, &["ecdsa-sha2-nistp256"]),
        (KeyType::EcdsaP384, &["ecdsa-sha2-nistp384"]),
        (KeyType::EcdsaP521, &["ecdsa-sha2-nistp521"]),
        (KeyType::Rsa { bits: 2048 }, &["rsa-sha2-256", "rsa-sha2-512", "ssh-rsa"]),
        (KeyType::MlDsa44Ed25519, &["ssh-mldsa44-ed25519@openssh.com"]),
    ] {
        let host_key = PrivateKey::generate(kind).unwrap();
        for name in names {
            proves_itself(&host_key, name);
        }
    }
    let dsa = PrivateKey::load(include_bytes!("../../keys/tests/data/dsa"), None).unwrap();
    proves_itself(&dsa, "ssh-dss");
}

fn proves_itself(host_key: &PrivateKey, name: &str) {
    let joined = logs_in(only(|algorithms| algorithms.host_key = vec![name.to_owned()]), host_key);
    assert_eq!(joined.client.negotiated().unwrap().host_key, name);
}

#[test]
fn every_host_certificate() {
    for (kind, names) in [
        (KeyType::Ed25519, &["ssh-ed25519-cert-v01@openssh.com"][..]),
        (KeyType::EcdsaP256, &["ecdsa-sha2-nistp256-cert-v01@openssh.com"]),
        (KeyType::EcdsaP384, &["ecdsa-sha2-nistp384-cert-v01@openssh.com"]),
        (KeyType::EcdsaP521, &["ecdsa-sha2-nistp521-cert-v01@openssh.com"]),
        (
            KeyType::Rsa { bits: 2048 },
            &["rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com"],
        ),
        (KeyType::MlDsa44Ed25519, &["ssh-mldsa44-ed25519-cert-v01@openssh.com"]),
    ] {
        let key = PrivateKey::generate(kind).unwrap();
        let certificate = CertificateBuilder::host(key.public_key()).principal("host").issue(&key).unwrap();
        for name in names {
            let client = only(|algorithms| algorithms.host_key = vec![(*name).to_owned()]);
            let shown = vec![certificate.clone()];
            let joined = run(Joined::with_certificates(client, Algorithms::all(), &key, shown));
            assert_eq!(joined.client.negotiated().unwrap().host_key, *name);
            assert_eq!(joined.certificate.as_ref(), Some(&certificate));
            for side in [&joined.client, &joined.server] {
                assert_eq!(side.host_key(), Some(key.public_key()));
                assert_eq!(side.host_certificate(), Some(&certificate));
                assert_eq!(side.host_key_blob(), Some(certificate.blob()));
            }
            // Who does not ask for certificates is shown the key.
            let plain = plain_algorithm(name).unwrap();
            let client = only(|algorithms| algorithms.host_key = vec![plain.to_owned()]);
            let shown = vec![certificate.clone()];
            let joined = run(Joined::with_certificates(client, Algorithms::all(), &key, shown));
            assert_eq!((joined.certificate, joined.client.host_certificate()), (None, None));
        }
    }
}

#[test]
fn a_server_offers_certificates_only_where_it_has_them_and_none_of_users() {
    let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    let mut config = ServerConfig { host_keys: vec![key.public_key().clone()], ..Default::default() };
    assert_eq!(config.host_key_algorithms(), ["ssh-ed25519"]);
    let host = CertificateBuilder::host(key.public_key()).principal("host").issue(&key).unwrap();
    config.host_certificates = vec![host];
    assert_eq!(config.host_key_algorithms(), ["ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"]);
    let user = CertificateBuilder::user(key.public_key()).principal("robey").issue(&key).unwrap();
    config.host_certificates = vec![user];
    assert_eq!(config.check(), Err(feramiko_proto::ConfigError::NotAHostCertificate));
}

#[test]
fn certificates_are_named_with_their_keys_and_stand_in_front() {
    for algorithms in [Algorithms::default(), Algorithms::all(), Algorithms::legacy(), Algorithms::built_in()]
    {
        for list in [&algorithms.host_key, &algorithms.user_key] {
            let is_certified: Vec<bool> = list.iter().map(|name| plain_algorithm(name).is_some()).collect();
            assert!(is_certified.is_sorted_by(|one, next| one >= next), "{list:?}");
            for plain in list.iter().filter_map(|name| plain_algorithm(name)) {
                assert!(list.iter().any(|name| name == plain), "{plain}");
            }
        }
    }
    let composite = "ssh-mldsa44-ed25519-cert-v01@openssh.com";
    assert!(Algorithms::all().user_key.iter().any(|name| name == composite));
    assert!(Algorithms::default().user_key.iter().all(|name| name != composite));
}

#[test]
fn every_compression() {
    let host_key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    for name in ["none", "zlib@openssh.com", "zlib"] {
        let joined = logs_in(only(|algorithms| algorithms.compression = vec![name.to_owned()]), &host_key);
        assert_eq!(joined.client.negotiated().unwrap().compression_in.to_string(), name);
    }
}

#[test]
fn no_common_algorithm_names_both_lists_and_what_would_help() {
    let host_key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    let client = only(|algorithms| algorithms.kex = vec!["curve25519-sha256".to_owned()]);
    let server = only(|algorithms| algorithms.kex = vec!["ecdh-sha2-nistp256".to_owned()]);
    let mut joined = Joined::new(client, server, &host_key);
    joined.run();
    let error = joined.ended[0].clone().unwrap();
    assert!(matches!(error, ConnectionError::Incompatible(_)), "{error:?}");
    assert_eq!(
        error.to_string(),
        "no key exchange in common: this side offers curve25519-sha256; the peer offers ecdh-sha2-nistp256; \
         allow ecdh-sha2-nistp256 in this side's configuration, or update the peer"
    );
    // Whoever notices first says so; here both see the same lists.
    assert!(matches!(
        joined.ended[1],
        Some(ConnectionError::Incompatible(_) | ConnectionError::Disconnected { reason: 3, .. })
    ));
}

#[test]
fn what_is_of_old_is_never_offered_unasked() {
    let is_old =
        |name: &String| Family::ALL.iter().any(|family| family.standing(name) == Some(Standing::Legacy));
    for algorithms in [Algorithms::default(), Algorithms::strict(), Algorithms::all()] {
        let Algorithms { kex, host_key, user_key, ciphers, macs, .. } = algorithms;
        for list in [kex, host_key, user_key, ciphers, macs] {
            assert!(!list.iter().any(is_old), "{list:?}");
        }
    }
    let Algorithms { kex, host_key, user_key, ciphers, macs, compression } = Algorithms::legacy();
    for list in [kex, host_key, user_key, ciphers, macs] {
        let first_old = list.iter().position(is_old).unwrap();
        assert!(list[first_old..].iter().all(is_old), "what is old comes last: {list:?}");
    }
    assert_eq!(compression, ["none"]);
}

/// A machine that knows nothing but what is old: the error says what to do, and the one name is enough.
#[test]
fn an_old_peer_is_explained_and_one_name_lets_it_in() {
    let host_key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    let old = || only(|algorithms| algorithms.kex = vec!["diffie-hellman-group1-sha1".to_owned()]);
    let mut joined = Joined::new(Algorithms::default(), old(), &host_key);
    joined.run();
    let error = joined.ended[0].clone().unwrap().to_string();
    let help = "the peer offers diffie-hellman-group1-sha1; update the peer, or if that cannot be, allow \
                diffie-hellman-group1-sha1 by name or all that is old with Algorithms::legacy()";
    assert!(error.ends_with(help), "{error}");
    let mut opted_in = Algorithms::default();
    opted_in.kex.push("diffie-hellman-group1-sha1".to_owned());
    for client in [opted_in, Algorithms::legacy()] {
        let mut joined = Joined::new(client, old(), &host_key);
        joined.run();
        assert_eq!(joined.logged_in, [true, true], "{:?}", joined.ended);
    }
}

#[test]
fn strict_kex_can_be_required_and_is_offered() {
    let host_key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    let joined = logs_in(Algorithms::strict(), &host_key);
    assert!(joined.client.negotiated().unwrap().kex.contains("x25519"));
}
