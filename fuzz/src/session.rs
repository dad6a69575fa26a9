//! One connection from its beginning, or from some way into it, under a peer and an application that do anything.

use std::sync::Arc;
use std::time::{Duration, Instant};

use feramiko_proto::{ClientConfig, Common, Connection, Method, Secret, ServerConfig};
use feramiko_testkit::{fake_algorithms, fake_host_key, fake_provider, seed_random};

use crate::app::App;
use crate::messages::{self, message, strings};
use crate::peer::{HostKey, Offer, Peer};
use crate::{Choices, contains};

struct Session {
    connection: Connection,
    peer: Peer,
    app: App,
    now: Instant,
    /// What the peer has said and the connection has not taken.
    link: Vec<u8>,
    received: usize,
    settings: u8,
    spare: Vec<u8>,
}

/// In the first byte: `zlib` is spoken, from the first keys on.
const SQUEEZED: u8 = 32;
/// And payloads that are bytes of the fuzzer's are taken for compressed ones.
const AS_IT_IS: u8 = 64;
/// And in place of KEXINIT comes a packet that is large when it is decompressed.
const SWOLLEN: u8 = 128;
/// What the compressors and decompressors of both sides hold, in units of eight bytes.
const STREAMS: usize = 1 << 17;

/// Runs the session that `data` describes; answers how many bytes the connection, or its application, was given.
pub fn run(client: bool, data: &[u8]) -> usize {
    seed_random(7);
    let mut choices = Choices::new(data);
    let settings = choices.byte();
    let mut session = Session::new(client, settings);
    session.advance(choices.below(6));
    session.app.eager = settings & 4 == 0;
    while !choices.is_empty() && !session.app.ended {
        session.step(&mut choices);
    }
    session.check_end();
    let streams = if settings & SQUEEZED != 0 { STREAMS } else { 0 };
    session.received + data.len() + streams
}

fn common(settings: u8) -> Common {
    let mut common = Common { provider: fake_provider(), algorithms: fake_algorithms(), ..Common::default() };
    if settings & SQUEEZED != 0 {
        common.algorithms.compression = vec!["zlib".to_owned()];
    }
    common.timing.keepalive = Some(Duration::from_secs(20));
    common.timing.login = Some(Duration::from_secs(30));
    let limits = &mut common.limits;
    (limits.data, limits.window, limits.max_window) = (16 * 1024, 32 * 1024, 64 * 1024);
    (limits.connection_window, limits.channels, limits.output) = (128 * 1024, 8, 64 * 1024);
    if settings & 8 != 0 {
        (common.rekey.packets, common.rekey.bytes) = (20, 4096);
    }
    common
}

impl Session {
    fn new(client: bool, settings: u8) -> Self {
        let now = Instant::now();
        let common = common(settings);
        let provider = common.provider.clone();
        let host_key = fake_host_key(9);
        let mut connection = if client {
            Connection::client(Arc::new(ClientConfig { common }), now)
        } else {
            let host_keys = vec![host_key.clone()];
            let mut config = ServerConfig { common, host_keys, ..Default::default() };
            config.methods.push("hostbased".to_owned());
            if settings & 16 != 0 {
                config.steps =
                    "publickey,password keyboard-interactive,hostbased".parse().unwrap_or_default();
            }
            Connection::server(Arc::new(config), now)
        };
        connection.handle_global(&["handled"]);
        let strict = if client { "kex-strict-s-v00@openssh.com" } else { "kex-strict-c-v00@openssh.com" };
        let offer = Offer {
            kex: ["fake-kex@feramiko", if client { "ext-info-s" } else { "ext-info-c" }, strict]
                [..if settings & 1 == 0 { 3 } else { 2 }]
                .join(","),
            host_key: "ssh-ed25519".to_owned(),
            cipher: "fake-cipher@feramiko".to_owned(),
            mac: String::new(),
            compression: if settings & SQUEEZED != 0 { "zlib" } else { "none" }.to_owned(),
            first_follows: false,
        };
        let mut peer = Peer::new(!client, provider, HostKey::Fake(host_key), offer);
        peer.lenient = true;
        let mut app = App::default();
        app.eager = true;
        Self { connection, peer, app, now, link: Vec::new(), received: 0, settings, spare: Vec::new() }
    }

    /// Goes some way on, as a peer should.
    fn advance(&mut self, way: usize) {
        if way >= 1 {
            self.peer.send_version();
        }
        self.peer.auto = way >= 2;
        self.pump();
        if way >= 3 {
            let number = if self.peer.client { 5 } else { 6 };
            self.peer.send(&strings(number, &["ssh-userauth"]));
            self.pump();
        }
        if way >= 4 {
            self.login();
        }
        if way >= 5 {
            let open = message(90, |writer| {
                writer.string(if self.peer.client { b"session" } else { b"x" });
                [0, 100_000, 32_768].into_iter().for_each(|number| writer.u32(number));
            });
            self.peer.send(&open);
            self.pump();
            self.app.act(&mut self.connection, &mut Choices::new(&[1, 0]), self.now);
        }
        self.pump();
    }

    fn login(&mut self) {
        if self.peer.client {
            let mut request = strings(50, &["robey", "ssh-connection", "password"]);
            request.extend([0, 0, 0, 0, 3]);
            request.extend(b"foo");
            self.peer.send(&request);
        } else {
            let method = Method::Password(Secret::from("foo"));
            self.app.authenticate(&mut self.connection, method, self.now);
            self.pump();
            self.peer.send(&[52]);
        }
        self.pump();
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        match choices.byte() % 16 {
            0..=5 => {
                let payload = messages::any(choices);
                self.peer.send(&payload);
            }
            6 => {
                let payload = choices.bytes();
                if self.settings & AS_IT_IS != 0 {
                    // Where packets are compressed, this one is not, or it is damaged.
                    self.link.extend(self.peer.take_output());
                    let packet = self.peer.seal(payload);
                    self.link.extend(packet);
                } else if !payload.is_empty() {
                    self.peer.send(payload);
                }
            }
            7 => {
                let bytes = choices.bytes();
                self.link.extend(bytes);
            }
            8 if self.settings & SWOLLEN != 0 => {
                // Little, compressed: more than a packet may be, or just as much.
                let length = (256 << 10) - 20 + usize::from(choices.byte());
                self.peer.send(&[2].repeat(length));
            }
            8 => self.peer.send_kexinit(),
            9 => {
                self.now += Duration::from_secs(u64::from(choices.byte()));
                self.connection.handle_timeout(self.now);
            }
            10 => {
                self.peer.auto = !self.peer.auto;
                self.pump();
            }
            11 if choices.byte() == 0xff => self.connection.receive_eof(self.now),
            11 => self.listen_only(),
            _ => self.app.act(&mut self.connection, choices, self.now),
        }
        if choices.byte() & 3 != 0 {
            self.pump();
        }
    }

    /// The connection hears, and nobody takes what it says.
    fn listen_only(&mut self) {
        self.link.extend(self.peer.take_output());
        let offered = self.link.len();
        let consumed = self.connection.receive(&mut self.link, self.now);
        assert!(consumed <= offered, "{consumed} of {offered} bytes");
        assert!(
            consumed > 0 || offered < 300_000 || !self.connection.wants_input(),
            "it waits for more than a packet"
        );
        self.link.drain(..consumed);
        self.received += consumed;
    }

    fn pump(&mut self) {
        for _ in 0..100 {
            self.listen_only();
            let heard = self.app.listen(&mut self.connection, self.now);
            self.connection.take_output(&mut self.spare);
            let said = std::mem::take(&mut self.spare);
            self.peer.receive(&said);
            let quiet = said.is_empty() && !heard;
            self.spare = said;
            if quiet && !self.peer.has_output() {
                return;
            }
        }
    }

    /// When it is over, it is over.
    fn check_end(&mut self) {
        self.pump();
        assert_eq!(self.app.ended, self.connection.ended().is_some());
        if !self.app.ended {
            return;
        }
        assert!(!self.connection.wants_input() && self.connection.poll_timeout().is_none());
        let said = self.connection.ended().map(ToString::to_string).unwrap_or_default();
        assert!(!said.is_empty() && !contains(said.as_bytes(), b"\x1b"), "{said:?}");
        self.peer.send(&[2, 0, 0, 0, 0]);
        self.pump();
        self.connection.rekey(self.now);
        self.connection.handle_timeout(self.now + Duration::from_secs(10_000));
        assert!(!self.connection.has_output(), "something is said after the end");
        assert!(self.connection.open("session", b"", self.now).is_err());
    }
}
