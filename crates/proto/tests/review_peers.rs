//! Peers that keep to the letter of the protocol, or nearly, where two of its parts meet: an exchange of keys and
//! the end of authentication, deadlines, probes, the disconnect.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use feramiko_proto::{
    ClientConfig, Connection, ConnectionError, Deadline, Decision, DisconnectReason, Event, Request,
    ServerConfig,
};
use feramiko_testkit::{Pair, open_channel, password_login};
use flate2::{Compress, FlushCompress};

use support::{Rig, Setup, message, password_request};

const SECOND: Duration = Duration::from_secs(1);

fn global_request() -> Vec<u8> {
    message(80, |writer| {
        writer.string(b"x@example.com");
        writer.boolean(true);
    })
}

/// A server in authentication that has been asked for keys anew, and whose host key takes its time.
fn exchange_during_authentication(setup: Setup) -> (Rig, Event) {
    let mut rig = setup.rig();
    rig.decision = None;
    rig.service();
    rig.send(&password_request("robey", "foo"));
    rig.sign = false;
    rig.peer.send_kexinit();
    rig.pump();
    let sign = rig.events.iter().position(|event| matches!(event, Event::Sign(_)));
    let sign = rig.events.remove(sign.expect("the exchange waits for a signature"));
    (rig, sign)
}

fn decide_and_sign(rig: &mut Rig, sign: Event) {
    let attempt = rig.events.iter().position(|event| matches!(event, Event::Attempt(_)));
    let Event::Attempt(attempt) = rig.events.remove(attempt.expect("an attempt to log in")) else { return };
    rig.conn.decide(attempt, Decision::Accept, rig.now).unwrap();
    rig.pump();
    let Event::Sign(request) = sign else { return };
    let signature = rig.peer.host_key.sign(request.algorithm(), request.message());
    rig.conn.provide_signature(request, Some(signature), rig.now);
    rig.pump();
}

#[test]
fn delayed_compression_begins_behind_a_success_that_an_exchange_held_back() {
    let mut setup = Setup::real(false);
    setup.common.algorithms.compression = vec!["zlib@openssh.com".to_owned()];
    setup.offer.compression = "zlib@openssh.com".to_owned();
    let (mut rig, sign) = exchange_during_authentication(setup);
    decide_and_sign(&mut rig, sign);
    rig.assert_alive();
    assert_eq!(rig.last_heard(), [52], "neither the exchange nor the success is compressed");
    assert!(rig.conn.is_authenticated());
    let mut compressed = Vec::with_capacity(1000);
    let mut stream = Compress::new(flate2::Compression::default(), true);
    stream.compress_vec(&global_request(), &mut compressed, FlushCompress::Sync).unwrap();
    rig.send(&compressed);
    rig.assert_alive();
    assert_eq!(rig.last_heard().first(), Some(&0x78), "what follows is");
}

#[test]
fn a_login_that_an_exchange_delays_is_told_when_it_is_in_force() {
    let (mut rig, sign) = exchange_during_authentication(Setup::fake(false));
    let attempt = rig.events.iter().position(|event| matches!(event, Event::Attempt(_)));
    let Event::Attempt(attempt) = rig.events.remove(attempt.unwrap()) else { return };
    rig.conn.decide(attempt, Decision::Accept, rig.now).unwrap();
    rig.pump();
    assert!(!rig.conn.is_authenticated());
    assert!(!rig.events.iter().any(|event| matches!(event, Event::Authenticated)));
    let Event::Sign(request) = sign else { return };
    let signature = rig.peer.host_key.sign(request.algorithm(), request.message());
    rig.conn.provide_signature(request, Some(signature), rig.now);
    rig.pump();
    assert!(rig.conn.is_authenticated());
    assert_eq!(rig.events.iter().filter(|event| matches!(event, Event::Authenticated)).count(), 1);
    rig.send(&global_request());
    assert_eq!(rig.last_heard(), [82]);
}

#[test]
fn defect_019_a_stranger_cannot_make_a_server_exchange_keys_for_ever() {
    let mut rig = Setup::fake(false).rig();
    rig.service();
    let exchanges = (0..20)
        .take_while(|_| {
            rig.peer.send_kexinit();
            rig.pump();
            rig.ended().is_none()
        })
        .count();
    assert!((1..=8).contains(&exchanges), "{exchanges} exchanges");
    rig.assert_ended(Some(DisconnectReason::NoMoreAuthMethodsAvailable));
}

#[test]
fn a_peer_that_takes_its_time_over_an_exchange_is_not_given_up_for_silence() {
    for client in [false, true] {
        let mut setup = Setup::fake(client);
        setup.common.timing.keepalive = Some(SECOND);
        setup.common.timing.keepalive_max = 2;
        let mut rig = setup.rig();
        rig.login();
        rig.peer.auto = false;
        rig.conn.rekey(rig.now);
        rig.pump();
        for _ in 0..50 {
            rig.wait(SECOND);
            rig.assert_alive();
        }
        for _ in 0..11 {
            rig.wait(SECOND);
        }
        let error = rig.assert_ended(Some(DisconnectReason::ByApplication));
        assert!(matches!(error, ConnectionError::TimedOut(Deadline::Rekey(_))), "{error:?}");
    }
}

#[test]
fn late_answers_to_keepalives_are_nobody_elses_business() {
    let mut setup = Setup::fake(true);
    setup.common.timing.keepalive = Some(SECOND);
    let mut rig = setup.rig();
    rig.login();
    rig.wait(SECOND);
    rig.wait(SECOND);
    assert_eq!(rig.heard.iter().filter(|payload| payload[0] == 80).count(), 2);
    rig.now += SECOND / 2;
    rig.send(&[82]);
    rig.send(&[82]);
    rig.assert_alive();
    assert!(
        !rig.events.iter().any(|event| matches!(event, Event::GlobalAnswered { .. })),
        "{:?}",
        rig.events
    );
    assert_eq!(rig.conn.round_trip(), Some(SECOND * 3 / 2), "the first answer is to the first");
}

#[test]
fn deadlines_beyond_the_end_of_time_are_none() {
    let mut setup = Setup::fake(false);
    let timing = &mut setup.common.timing;
    timing.identification = Duration::MAX;
    timing.login = Some(Duration::MAX);
    timing.rekey = Duration::MAX;
    timing.keepalive = Some(Duration::MAX);
    setup.common.rekey.interval = Some(Duration::MAX);
    let mut rig = setup.rig();
    rig.login();
    rig.conn.rekey(rig.now);
    rig.pump();
    rig.wait(Duration::from_secs(1 << 20));
    rig.assert_alive();
}

#[test]
fn intervals_of_nothing_are_refused() {
    let check = |change: fn(&mut ClientConfig)| {
        let mut config = ClientConfig::default();
        change(&mut config);
        config.check()
    };
    assert!(check(|_| ()).is_ok());
    assert!(check(|config| config.common.rekey.interval = Some(Duration::ZERO)).is_err());
    assert!(check(|config| config.common.timing.keepalive = Some(Duration::ZERO)).is_err());
    assert!(check(|config| config.common.timing.keepalive_max = 0).is_err());
}

#[test]
fn a_peer_that_talks_for_ever_when_it_leaves_is_cut_short() {
    let mut rig = Setup::fake(true).rig();
    rig.login();
    rig.send(&message(1, |writer| {
        writer.u32(11);
        writer.string(&[0xff; 200_000]);
        writer.string(b"");
    }));
    match rig.ended() {
        Some(ConnectionError::Disconnected { reason: 11, description }) => assert!(description.len() <= 4096),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_password_leaves_no_trace_in_the_input() {
    let mut rig = Setup::real(false).rig();
    rig.service();
    rig.peer.send(&password_request("robey", "correct horse"));
    let mut input = rig.peer.take_output();
    assert_eq!(rig.conn.receive(&mut input, rig.now), input.len());
    assert!(matches!(rig.conn.poll_event(), Some(Event::Attempt(_))));
    assert!(!input.windows(13).any(|bytes| bytes == b"correct horse"));
}

#[test]
fn who_leaves_does_not_begin_to_exchange_keys() {
    let mut pair = Pair::fake(|client, _| client.common.rekey.bytes = 100_000);
    password_login(&mut pair, "robey", "foo");
    let (ours, _) = open_channel(&mut pair);
    let now = pair.now();
    for _ in 0..4 {
        let mut channel = pair.client.connection.channel(ours, now).unwrap();
        channel.write(feramiko_proto::Stream::Data, &[7; 30_000]).unwrap();
    }
    pair.client.connection.disconnect(DisconnectReason::ByApplication, "bye", now);
    assert!(matches!(pair.client.connection.ended(), Some(ConnectionError::Closed)));
    pair.settle();
    let read = pair.server.connection.ended();
    assert!(matches!(read, Some(ConnectionError::Disconnected { .. })), "{read:?}");
}

#[test]
fn defect_085_requests_that_nobody_answers_are_few_and_small() {
    let mut rig = Setup::fake(true).rig();
    rig.login();
    rig.conn.open("session", b"", rig.now).unwrap();
    rig.pump();
    rig.send(&message(91, |writer| {
        for value in [0, 7, 1 << 20, 1 << 15] {
            writer.u32(value);
        }
    }));
    rig.events.clear();
    let request = |length: usize| {
        message(98, |writer| {
            writer.u32(0);
            writer.string(b"x@example.com");
            writer.boolean(true);
            writer.raw(&vec![0; length]);
        })
    };
    rig.send(&request(200_000));
    assert_eq!(rig.last_heard()[0], 100);
    assert!(rig.events.is_empty(), "{:?}", rig.events.len());
    rig.send(&request(30_000));
    assert!(matches!(rig.events.pop(), Some(Event::Request(_))));
}

/// OpenSSH PROTOCOL section 3.1: the hostbound signature names the key of the first exchange.
#[test]
fn a_servers_host_key_is_that_of_the_first_exchange() {
    let keys = [feramiko_keys::KeyType::Ed25519, feramiko_keys::KeyType::EcdsaP256]
        .map(|kind| feramiko_keys::PrivateKey::generate(kind).unwrap());
    let config = ServerConfig {
        host_keys: keys.iter().map(|key| key.public_key().clone()).collect(),
        ..ServerConfig::default()
    };
    let mut setup = Setup::real(false);
    setup.host_key = support::HostKey::Real(keys[0].clone());
    let mut rig = setup.rig();
    rig.conn = Connection::server(Arc::new(config), Instant::now());
    rig.service();
    assert_eq!(rig.conn.host_key(), Some(keys[0].public_key()));
    rig.peer.offer.host_key = "ecdsa-sha2-nistp256".to_owned();
    rig.sign = false;
    rig.peer.send_kexinit();
    rig.pump();
    let Some(Event::Sign(request)) = rig.events.pop() else { panic!("no question for a signature") };
    let signature = keys[1].sign(request.algorithm(), request.message()).unwrap();
    rig.conn.provide_signature(request, Some(signature), rig.now);
    rig.pump();
    rig.assert_alive();
    assert_eq!(rig.conn.negotiated().unwrap().exchanges, 2);
    assert_eq!(rig.conn.host_key(), Some(keys[0].public_key()));
}

#[test]
fn requests_of_our_own_never_close_the_valve() {
    // More than the replies that may be held back during an exchange: it must come to its end all the same.
    let mut pair = Pair::fake(|_, _| ());
    password_login(&mut pair, "robey", "foo");
    let channels: Vec<_> = (0..10).map(|_| open_channel(&mut pair).0).collect();
    let now = pair.now();
    pair.client.connection.rekey(now);
    for id in channels {
        let mut channel = pair.client.connection.channel(id, now).unwrap();
        channel.request(&Request::Exec(vec![b'x'; 245 * 1024]), true).unwrap();
    }
    assert!(pair.client.connection.wants_input());
    pair.settle();
    let answered = |event: &Event| matches!(event, Event::RequestAnswered { success: true, .. });
    assert_eq!(pair.client.events().iter().filter(|event| answered(event)).count(), 10);
}

/// Paramiko asks for the service before each attempt; OpenSSH grants it each time.
#[test]
fn the_service_may_be_asked_for_before_each_attempt() {
    let service = || message(5, |writer| writer.string(b"ssh-userauth"));
    let mut rig = Setup::fake(false).rig();
    rig.service();
    rig.decision = Some(Decision::Reject);
    rig.send(&password_request("robey", "wrong"));
    assert_eq!(rig.last_heard()[0], 51);
    rig.send(&service());
    rig.assert_alive();
    assert_eq!(rig.last_heard()[0], 6);
    rig.decision = Some(Decision::Accept);
    rig.send(&password_request("robey", "foo"));
    assert_eq!(rig.last_heard(), [52]);
    rig.send(&service());
    rig.assert_protocol_error();
}
