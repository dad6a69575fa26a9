//! Key re-exchanges while everything else goes on.

use std::time::Duration;

use feramiko_proto::{
    ChannelId, ClientConfig, ConnectionError, Deadline, Event, ExitStatus, Read, RekeyLimits, Request,
    ServerConfig, Stream,
};
use feramiko_testkit::{
    LinkModel, Pair, Sink, Source, gullible_provider, host_key, modes, open_channel, password_login,
};

const MINUTE: Duration = Duration::from_secs(60);

/// Who counts bytes and starts exchanges.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Starts {
    Client,
    Server,
    Both,
}

#[derive(Debug, Clone)]
struct Case {
    kex: String,
    cipher: String,
    mac: String,
    compression: String,
    starts: Starts,
    limits: RekeyLimits,
    /// From the client, from the server.
    bytes: [u64; 2],
}

impl Case {
    fn pair(&self) -> Pair {
        let key = host_key();
        let mut client = ClientConfig::default();
        let mut server =
            ServerConfig { host_keys: vec![key.public_key().clone()], ..ServerConfig::default() };
        for common in [&mut client.common, &mut server.common] {
            common.algorithms.kex = vec![self.kex.clone()];
            common.algorithms.ciphers = vec![self.cipher.clone()];
            common.algorithms.macs = vec![self.mac.clone()];
            common.algorithms.compression = vec![self.compression.clone()];
            // The limits are looked at between writes, which this keeps short.
            common.limits.output = 4096;
        }
        if self.starts != Starts::Server {
            client.common.rekey = self.limits;
        }
        if self.starts != Starts::Client {
            server.common.rekey = self.limits;
        }
        let mut pair = Pair::new(client, server);
        pair.server.auto.keys.push(key);
        pair
    }
}

fn tiny(bytes: u64) -> RekeyLimits {
    RekeyLimits { bytes, ..RekeyLimits::default() }
}

fn case() -> Case {
    Case {
        kex: "curve25519-sha256".to_owned(),
        cipher: "aes128-ctr".to_owned(),
        mac: "hmac-sha2-256".to_owned(),
        compression: "none".to_owned(),
        starts: Starts::Both,
        limits: tiny(10_000),
        bytes: [100_000; 2],
    }
}

/// Data both ways, then EOF and close from both sides; everything arrives.
struct Exchange {
    ids: [ChannelId; 2],
    sources: [Source; 2],
    sinks: [Sink; 2],
}

impl Exchange {
    fn new(pair: &mut Pair, bytes: [u64; 2]) -> Self {
        let (ours, theirs) = open_channel(pair);
        Self {
            ids: [ours, theirs],
            sources: bytes.map(Source::new),
            sinks: [Sink::default(), Sink::default()],
        }
    }

    /// Answers whether all has arrived at both ends.
    fn pump(&mut self, pair: &mut Pair) -> bool {
        let now = pair.now();
        for (index, side) in [&mut pair.client, &mut pair.server].into_iter().enumerate() {
            assert!(side.connection.ended().is_none(), "{:?}", side.connection.ended());
            let mut channel = side.connection.channel(self.ids[index], now).expect("the channel lives");
            if !self.sources[index].is_done() {
                self.sources[index].pump(&mut channel);
            }
            self.sinks[index].pump(&mut channel);
        }
        self.sinks.iter().all(Sink::is_done)
    }

    fn run(&mut self, pair: &mut Pair) {
        let done = pair.run_until(10 * MINUTE, |pair| self.pump(pair));
        assert!(done, "{:?} of {:?}", self.sinks, self.sources);
    }

    fn close(&self, pair: &mut Pair) {
        let now = pair.now();
        pair.client.connection.channel(self.ids[0], now).unwrap().close();
        pair.server.connection.channel(self.ids[1], now).unwrap().close();
        pair.settle();
        for (side, id) in [(&mut pair.client, self.ids[0]), (&mut pair.server, self.ids[1])] {
            assert!(side.connection.channel(id, now).unwrap().is_closed());
        }
    }
}

fn exchanges(pair: &Pair) -> u64 {
    let [client, server] =
        [&pair.client, &pair.server].map(|side| side.connection.negotiated().unwrap().exchanges);
    assert_eq!(client, server);
    client
}

fn run(case: &Case, prepare: impl FnOnce(&mut Pair)) -> u64 {
    let mut pair = case.pair();
    prepare(&mut pair);
    password_login(&mut pair, "robey", "foo");
    let session = pair.client.connection.session_id().unwrap().to_vec();
    let mut exchange = Exchange::new(&mut pair, case.bytes);
    exchange.run(&mut pair);
    exchange.close(&mut pair);
    pair.settle();
    assert_eq!(pair.client.connection.session_id(), Some(session.as_slice()), "it never changes");
    assert_eq!(pair.server.connection.session_id(), Some(session.as_slice()));
    exchanges(&pair)
}

#[test]
fn every_cipher_mac_compression_and_direction_whoever_starts() {
    for mode in modes() {
        // What is of old goes both ways at once and nothing else: its packets differ in nothing else.
        let (compressions, ways) = match mode.legacy {
            true => (&["none"][..], &[[100_000; 2]][..]),
            false => (
                &["none", "zlib@openssh.com", "zlib"][..],
                &[[100_000, 0], [0, 100_000], [100_000, 100_000]][..],
            ),
        };
        for compression in compressions {
            for starts in [Starts::Client, Starts::Server, Starts::Both] {
                for bytes in ways {
                    let case = Case {
                        cipher: mode.cipher.to_owned(),
                        mac: mode.mac.unwrap_or("hmac-sha2-256").to_owned(),
                        compression: (*compression).to_owned(),
                        starts,
                        bytes: *bytes,
                        ..case()
                    };
                    let count = run(&case, |_| ());
                    assert!(count >= 3, "{count} exchanges with {case:?}");
                }
            }
        }
    }
}

#[test]
fn every_key_exchange_method() {
    for (kex, _) in feramiko_proto::Family::Kex.supported() {
        let case = Case { kex: (*kex).to_owned(), limits: tiny(40_000), ..case() };
        let count = run(&case, |_| ());
        assert!(count >= 2, "{count} exchanges with {case:?}");
    }
}

/// Between two sides of which neither knows that the other offers strict KEX: sequence numbers go on.
#[test]
fn without_strict_kex() {
    fn hide_strict_kex(bytes: &mut [u8]) {
        let marker = b"kex-strict-";
        for at in 0..bytes.len().saturating_sub(marker.len()) {
            if bytes[at..].starts_with(marker) {
                bytes[at + marker.len()] = b'x';
            }
        }
    }
    for compression in ["none", "zlib", "zlib@openssh.com"] {
        for hide in [true, false] {
            let mut pair = Pair::fake(|client, server| {
                for common in [&mut client.common, &mut server.common] {
                    common.provider = gullible_provider();
                    common.algorithms.compression = vec![compression.to_owned()];
                    common.rekey = tiny(10_000);
                    common.limits.output = 4096;
                }
            });
            if hide {
                pair.client.tamper = Some(hide_strict_kex);
                pair.server.tamper = Some(hide_strict_kex);
            }
            password_login(&mut pair, "robey", "foo");
            assert_eq!(pair.client.connection.negotiated().unwrap().strict_kex, !hide);
            assert_eq!(pair.server.connection.negotiated().unwrap().strict_kex, !hide);
            let mut exchange = Exchange::new(&mut pair, [100_000; 2]);
            exchange.run(&mut pair);
            exchange.close(&mut pair);
            assert!(exchanges(&pair) >= 3);
        }
    }
}

#[test]
fn packets_count_too() {
    let limits = RekeyLimits { packets: 10, ..RekeyLimits::default() };
    let count = run(&Case { limits, bytes: [1_000_000; 2], ..case() }, |pair| pair.set_chunk(1500));
    assert!(count >= 3, "{count}");
}

#[test]
fn over_a_slow_link_with_slow_signatures() {
    for starts in [Starts::Client, Starts::Server, Starts::Both] {
        let count = run(&Case { starts, ..case() }, |pair| {
            pair.set_link(LinkModel {
                rate: Some(100_000),
                delay: Duration::from_millis(30),
                send_buffer: 3000,
                receive_buffer: 2000,
            });
            pair.set_chunk(997);
            pair.client.auto.delay = Duration::from_millis(200);
            pair.server.auto.delay = Duration::from_millis(70);
        });
        assert!(count >= 3, "{count} with {starts:?}");
    }
}

#[test]
fn with_small_windows_and_small_output_limits() {
    let case = case();
    let key = host_key();
    let mut client = ClientConfig::default();
    let mut server = ServerConfig { host_keys: vec![key.public_key().clone()], ..ServerConfig::default() };
    for common in [&mut client.common, &mut server.common] {
        common.rekey = tiny(5_000);
        common.limits.window = 3000;
        common.limits.data = 1000;
        common.limits.output = 1024;
    }
    let mut pair = Pair::new(client, server);
    pair.server.auto.keys.push(key);
    password_login(&mut pair, "robey", "foo");
    let mut exchange = Exchange::new(&mut pair, case.bytes);
    exchange.run(&mut pair);
    exchange.close(&mut pair);
    assert!(exchanges(&pair) >= 10);
}

#[test]
fn both_start_at_once() {
    let mut pair = Case { limits: RekeyLimits::default(), ..case() }.pair();
    pair.set_link(LinkModel { delay: Duration::from_millis(50), ..LinkModel::default() });
    password_login(&mut pair, "robey", "foo");
    let mut exchange = Exchange::new(&mut pair, [300_000; 2]);
    for round in 0..5 {
        let now = pair.now();
        pair.client.connection.rekey(now);
        pair.server.connection.rekey(now);
        exchange.pump(&mut pair);
        pair.run_for(Duration::from_secs(1));
        assert_eq!(exchanges(&pair), round + 2, "one exchange for both");
    }
    exchange.run(&mut pair);
    exchange.close(&mut pair);
}

#[test]
fn what_is_queued_during_an_exchange_arrives_behind_it_in_order() {
    let mut pair = Case { limits: RekeyLimits::default(), ..case() }.pair();
    pair.set_link(LinkModel { delay: Duration::from_millis(50), ..LinkModel::default() });
    password_login(&mut pair, "robey", "foo");
    let (ours, theirs) = open_channel(&mut pair);
    pair.server.auto.delay = Duration::from_secs(1);
    let now = pair.now();
    pair.client.connection.channel(ours, now).unwrap().write(Stream::Data, b"before").unwrap();
    pair.client.connection.rekey(now);
    pair.server.connection.rekey(now);
    let mut channel = pair.client.connection.channel(ours, now).unwrap();
    let first = channel.request(&Request::Exec(b"first".to_vec()), true).unwrap().unwrap();
    let second = channel.request(&Request::Signal("TERM".to_owned()), true).unwrap().unwrap();
    assert_eq!(channel.write(Stream::Data, b"during"), Ok(feramiko_proto::Write::Blocked));
    channel.finish().unwrap();
    channel.close();
    let mut channel = pair.server.connection.channel(theirs, now).unwrap();
    channel.request(&Request::Exit(ExitStatus::Code(3)), false).unwrap();
    channel.finish().unwrap();
    pair.run_for(Duration::from_secs(10));
    assert_eq!(exchanges(&pair), 2);

    let position = |log: &[String], wanted: &str| {
        log.iter().position(|line| line.contains(wanted)).unwrap_or_else(|| panic!("{wanted} in {log:?}"))
    };
    let log = &pair.server.log;
    assert!(position(log, "Exec") < position(log, "TERM"));
    let now = pair.now();
    let mut channel = pair.server.connection.channel(theirs, now).unwrap();
    let mut buffer = [0; 20];
    assert_eq!(channel.read(Stream::Data, &mut buffer), Read::Data(6));
    assert_eq!(&buffer[..6], b"before");
    assert_eq!(channel.read(Stream::Data, &mut buffer), Read::Eof);
    let events = pair.client.events();
    let answered: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::RequestAnswered { request, .. } => Some(*request),
            _ => None,
        })
        .collect();
    assert_eq!(answered, [first, second]);
    assert!(events.iter().any(|event| matches!(event, Event::Exited(_, ExitStatus::Code(3)))));
}

#[test]
fn an_hour_is_a_reason_too() {
    let mut pair = Case { limits: RekeyLimits::default(), ..case() }.pair();
    password_login(&mut pair, "robey", "foo");
    pair.run_for(Duration::from_secs(3599));
    assert_eq!(exchanges(&pair), 1);
    pair.run_for(Duration::from_secs(3602));
    assert!((2..=3).contains(&exchanges(&pair)), "{}", exchanges(&pair));
}

#[test]
fn defect_016_an_exchange_that_is_not_finished_ends_the_connection() {
    let mut pair = Case { limits: RekeyLimits::default(), ..case() }.pair();
    password_login(&mut pair, "robey", "foo");
    pair.server.auto.delay = Duration::from_secs(10_000);
    let now = pair.now();
    pair.client.connection.rekey(now);
    pair.run_for(Duration::from_secs(59));
    assert!(pair.client.connection.ended().is_none());
    pair.run_for(Duration::from_secs(2));
    for side in [&pair.client, &pair.server] {
        let ended = side.connection.ended();
        assert!(
            matches!(
                ended,
                Some(ConnectionError::TimedOut(Deadline::Rekey(_)) | ConnectionError::Disconnected { .. })
            ),
            "{ended:?}"
        );
    }
}

#[test]
fn the_host_key_is_asked_about_once() {
    let mut pair = case().pair();
    password_login(&mut pair, "robey", "foo");
    let mut exchange = Exchange::new(&mut pair, [100_000; 2]);
    exchange.run(&mut pair);
    assert!(exchanges(&pair) > 3);
    assert_eq!(pair.client.log.iter().filter(|line| line.starts_with("host key")).count(), 1);
}
