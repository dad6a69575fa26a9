//! A [`Connection`] under test, joined in memory to a [`Peer`] by hand that sends whatever a test wants.
#![allow(dead_code, reason = "each test binary uses its own part")]

mod peer;
mod squeeze;

use std::sync::Arc;
use std::time::{Duration, Instant};

use feramiko_crypto::Provider;
use feramiko_keys::{KeyType, PrivateKey};
use feramiko_proto::{
    Algorithms, ClientConfig, Common, Connection, ConnectionError, Decision, DisconnectReason, Event, Method,
    Prompt, Proof, Secret, ServerConfig,
};
use feramiko_testkit::{fake_algorithms, fake_host_key, fake_provider};
use feramiko_wire::Writer;

pub(crate) use peer::{HostKey, Offer, Peer};

/// A payload: the message number, and the fields that `fill` writes.
pub(crate) fn message(number: u8, fill: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut payload = vec![number];
    fill(&mut Writer::new(&mut payload));
    payload
}

/// A message whose fields are strings.
pub(crate) fn strings(number: u8, fields: &[&str]) -> Vec<u8> {
    message(number, |writer| fields.iter().for_each(|field| writer.string(field.as_bytes())))
}

/// EXT_INFO with these pairs.
pub(crate) fn ext_info(pairs: &[(&str, &str)]) -> Vec<u8> {
    message(7, |writer| {
        writer.u32(pairs.len() as u32);
        for (name, value) in pairs {
            writer.string(name.as_bytes());
            writer.string(value.as_bytes());
        }
    })
}

pub(crate) fn password_request(user: &str, password: &str) -> Vec<u8> {
    message(50, |writer| {
        for field in [user, "ssh-connection", "password"] {
            writer.string(field.as_bytes());
        }
        writer.boolean(false);
        writer.string(password.as_bytes());
    })
}

pub(crate) fn interactive_request(user: &str) -> Vec<u8> {
    strings(50, &[user, "ssh-connection", "keyboard-interactive", "", ""])
}

/// How to build a [`Rig`].
#[derive(Clone)]
pub(crate) struct Setup {
    /// The role of the connection under test.
    pub(crate) client: bool,
    pub(crate) common: Common,
    pub(crate) methods: Vec<String>,
    pub(crate) host_key: HostKey,
    /// The peer's.
    pub(crate) offer: Offer,
}

impl Setup {
    fn new(client: bool, common: Common, host_key: HostKey, algorithms: [&str; 3]) -> Self {
        let [kex, cipher, mac] = algorithms;
        let marker = if client { "kex-strict-s-v00@openssh.com" } else { "kex-strict-c-v00@openssh.com" };
        let offer = Offer {
            kex: format!("{kex},{marker}"),
            host_key: "ssh-ed25519".to_owned(),
            cipher: cipher.to_owned(),
            mac: mac.to_owned(),
            compression: "none".to_owned(),
            first_follows: false,
        };
        let methods = ["publickey", "password", "keyboard-interactive"].map(str::to_owned).to_vec();
        Self { client, common, methods, host_key, offer }
    }

    /// With the real cryptography; the connection under test is a client or a server.
    pub(crate) fn real(client: bool) -> Self {
        let host_key = HostKey::Real(PrivateKey::generate(KeyType::Ed25519).unwrap());
        Self::new(
            client,
            common(client),
            host_key,
            ["curve25519-sha256", "chacha20-poly1305@openssh.com", ""],
        )
    }

    /// With cryptography that protects nothing, and is fast.
    pub(crate) fn fake(client: bool) -> Self {
        let mut common = common(client);
        common.provider = fake_provider();
        common.algorithms = fake_algorithms();
        Self::new(
            client,
            common,
            HostKey::Fake(fake_host_key(9)),
            ["fake-kex@feramiko", "fake-cipher@feramiko", ""],
        )
    }

    /// Without the peer's offer of strict KEX.
    pub(crate) fn not_strict(mut self) -> Self {
        self.offer.kex = self.offer.kex.split(',').next().unwrap().to_owned();
        self
    }

    /// The peer's one cipher, and its one MAC.
    pub(crate) fn cipher(mut self, cipher: &str, mac: &str) -> Self {
        (self.offer.cipher, self.offer.mac) = (cipher.to_owned(), mac.to_owned());
        self
    }

    /// The peer's one key exchange method.
    pub(crate) fn kex(mut self, kex: &str) -> Self {
        let markers = self.offer.kex.split_once(',').map(|(_, markers)| format!(",{markers}"));
        self.offer.kex = format!("{kex}{}", markers.unwrap_or_default());
        self
    }

    /// The peer understands EXT_INFO.
    pub(crate) fn with_ext_info(mut self) -> Self {
        let marker = if self.client { "ext-info-s" } else { "ext-info-c" };
        self.offer.kex = format!("{},{marker}", self.offer.kex);
        self
    }

    pub(crate) fn rig(self) -> Rig {
        Rig::new(self)
    }
}

fn common(client: bool) -> Common {
    let common = if client { Common::default() } else { ServerConfig::default().common };
    Common { algorithms: Algorithms::legacy(), ..common }
}

/// The connection under test, its peer, and what passed between them.
pub(crate) struct Rig {
    pub(crate) conn: Connection,
    pub(crate) peer: Peer,
    pub(crate) now: Instant,
    /// Every payload that the connection sent.
    pub(crate) heard: Vec<Vec<u8>>,
    /// Events that are not answered by the rig itself.
    pub(crate) events: Vec<Event>,
    /// How a client answers for the host key; `None` leaves the question in `events`.
    pub(crate) trust: Option<bool>,
    /// Whether a server's host key signs; if not, the question stays in `events`.
    pub(crate) sign: bool,
    /// How a server decides; `None` leaves the attempt in `events`.
    pub(crate) decision: Option<Decision>,
    /// How many more bytes of the peer's arrive; the rest is lost.
    pub(crate) budget: usize,
    host_key: HostKey,
    link: Vec<u8>,
}

impl Rig {
    pub(crate) fn new(setup: Setup) -> Self {
        let provider = setup.common.provider.clone();
        Self::with_peer_provider(setup, provider)
    }

    /// The peer has cryptography of its own.
    pub(crate) fn with_peer_provider(setup: Setup, provider: Provider) -> Self {
        let now = Instant::now();
        let conn = if setup.client {
            Connection::client(Arc::new(ClientConfig { common: setup.common.clone() }), now)
        } else {
            let config = ServerConfig {
                common: setup.common.clone(),
                host_keys: vec![setup.host_key.public().clone()],
                methods: setup.methods.clone(),
                failure_delay: Duration::ZERO,
                ..Default::default()
            };
            Connection::server(Arc::new(config), now)
        };
        Self {
            conn,
            peer: Peer::new(!setup.client, provider, setup.host_key.clone(), setup.offer),
            now,
            heard: Vec::new(),
            events: Vec::new(),
            trust: Some(true),
            sign: true,
            decision: Some(Decision::Accept),
            budget: usize::MAX,
            host_key: setup.host_key,
            link: Vec::new(),
        }
    }

    /// Carries what the peer has said, and what follows from it, until nothing moves.
    pub(crate) fn pump(&mut self) {
        let mut spare = Vec::new();
        loop {
            let output = self.peer.take_output();
            let arrives = output.len().min(self.budget);
            self.budget -= arrives;
            self.link.extend(&output[..arrives]);
            let used = self.conn.receive(&mut self.link, self.now);
            assert!(used <= self.link.len());
            self.link.drain(..used);
            let answered = self.answer_events();
            self.conn.take_output(&mut spare);
            let quiet = spare.is_empty() && !answered && used == 0;
            let payloads = self.peer.receive(&spare);
            self.heard.extend(payloads);
            if quiet {
                return;
            }
        }
    }

    fn answer_events(&mut self) -> bool {
        let mut any = false;
        while let Some(event) = self.conn.poll_event() {
            any = true;
            match event {
                Event::HostKey(question) if self.trust.is_some() => {
                    self.conn.answer_host_key(question, self.trust == Some(true), self.now);
                }
                Event::Sign(request) if self.sign => {
                    let signature = self.host_key.sign(request.algorithm(), request.message());
                    self.conn.provide_signature(request, Some(signature), self.now);
                }
                Event::Attempt(attempt) => match &self.decision {
                    Some(Decision::Accept) if matches!(attempt.proof(), Proof::Interactive { .. }) => {
                        let prompts = vec![Prompt { text: "?".to_owned(), echo: false }];
                        let ask = Decision::Ask { name: String::new(), instruction: String::new(), prompts };
                        self.conn.decide(attempt, ask, self.now).unwrap();
                    }
                    Some(decision) => self.conn.decide(attempt, decision.clone(), self.now).unwrap(),
                    None => self.events.push(Event::Attempt(attempt)),
                },
                other => self.events.push(other),
            }
        }
        any
    }

    /// The peer sends one payload.
    pub(crate) fn send(&mut self, payload: &[u8]) {
        self.peer.send(payload);
        self.pump();
    }

    /// Bytes that no sealer has seen.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.link.extend(bytes);
        self.pump();
    }

    /// Both version lines.
    pub(crate) fn identify(&mut self) -> &mut Self {
        self.peer.send_version();
        self.pump();
        self
    }

    /// Up to both NEWKEYS.
    pub(crate) fn exchange(&mut self) -> &mut Self {
        self.identify();
        self.peer.auto = true;
        if !self.peer.knows_both_offers() && self.peer.session_id.is_none() {
            let theirs_came_first = self.peer.knows_theirs();
            self.peer.send_kexinit();
            if self.peer.client && theirs_came_first {
                self.peer.send_share();
            }
            self.pump();
        }
        self.assert_alive();
        assert!(self.peer.session_id.is_some(), "no keys");
        self
    }

    /// Up to the authentication service.
    pub(crate) fn service(&mut self) -> &mut Self {
        self.exchange();
        if self.conn.is_client() {
            self.send(&strings(6, &["ssh-userauth"]));
        } else {
            self.send(&strings(5, &["ssh-userauth"]));
            assert_eq!(self.last_heard(), &strings(6, &["ssh-userauth"]));
        }
        self.assert_alive();
        self
    }

    /// Up to channels.
    pub(crate) fn login(&mut self) -> &mut Self {
        self.service();
        if self.conn.is_client() {
            self.authenticate(Method::Password(Secret::from("foo")));
            self.send(&[52]);
        } else {
            self.send(&password_request("robey", "foo"));
            assert_eq!(self.last_heard(), &[52]);
        }
        self.assert_alive();
        assert!(self.conn.is_authenticated());
        self
    }

    /// As a client, tries.
    pub(crate) fn authenticate(&mut self, method: Method) {
        self.conn.authenticate("robey", method, self.now).unwrap();
        self.pump();
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.conn.handle_timeout(self.now);
        self.pump();
    }

    pub(crate) fn last_heard(&self) -> &[u8] {
        self.heard.last().map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn ended(&self) -> Option<&ConnectionError> {
        self.conn.ended()
    }

    pub(crate) fn assert_alive(&self) {
        assert!(self.ended().is_none(), "ended: {:?}", self.ended());
    }

    /// The connection has ended, told the peer so with `reason` in its last words, and is deaf from now on.
    pub(crate) fn assert_ended(&mut self, reason: Option<DisconnectReason>) -> ConnectionError {
        let error =
            self.ended().unwrap_or_else(|| panic!("still alive, last said {:?}", self.last_heard())).clone();
        assert_eq!(error.disconnect_reason(), reason, "{error:?}");
        let code =
            |payload: &[u8]| payload.get(1..5).map(|code| u32::from_be_bytes(code.try_into().unwrap()));
        let words = self.heard.last().filter(|payload| payload[0] == 1);
        assert_eq!(words.and_then(|payload| code(payload)), reason.map(|reason| reason as u32), "{error:?}");
        assert!(!error.to_string().is_empty());
        let ended = self.events.iter().filter(|event| matches!(event, Event::Ended(_))).count();
        assert_eq!(ended, 1, "one end");
        assert!(matches!(self.events.last(), Some(Event::Ended(_))), "nothing follows the end");
        assert_eq!(self.conn.poll_timeout(), None);
        let (heard, events) = (self.heard.len(), self.events.len());
        self.send(&[2, 0, 0, 0, 0]);
        self.wait(Duration::from_secs(3600));
        assert_eq!((self.heard.len(), self.events.len()), (heard, events), "something after the end");
        error
    }

    /// The connection has ended because the peer broke the protocol.
    pub(crate) fn assert_protocol_error(&mut self) -> feramiko_proto::ProtocolError {
        match self.assert_ended(Some(DisconnectReason::ProtocolError)) {
            ConnectionError::Protocol(error) => error,
            other => panic!("{other:?}"),
        }
    }
}
