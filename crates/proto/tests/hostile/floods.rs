//! Peers that send much, and peers that make us send much.

use feramiko_proto::{ConnectionError, DisconnectReason, ProtocolError};

use crate::support::{Rig, Setup, message, strings};

fn too_much(rig: &mut Rig) {
    let error = rig.assert_ended(Some(DisconnectReason::NoMoreAuthMethodsAvailable));
    assert!(matches!(error, ConnectionError::TooManyAttempts), "{error:?}");
}

#[test]
fn defect_056_before_authentication_512_packets_are_enough() {
    for client in [false, true] {
        let mut rig = Setup::fake(client).rig();
        rig.service();
        let used = rig.heard.len();
        let ignore = strings(2, &["x"]);
        let mut sent = 0;
        while rig.ended().is_none() {
            rig.send(&ignore);
            sent += 1;
            assert!(sent <= 512);
        }
        // KEXINIT, share or reply, NEWKEYS and the service came before.
        assert_eq!(sent, 513 - 4, "{used}");
        too_much(&mut rig);
    }
}

#[test]
fn defect_056_before_authentication_1_mib_is_enough() {
    for client in [false, true] {
        let mut rig = Setup::fake(client).rig();
        rig.service();
        let ignore = message(2, |writer| writer.string(&vec![0; 200_000]));
        (0..5).for_each(|_| rig.send(&ignore));
        rig.assert_alive();
        rig.send(&ignore);
        too_much(&mut rig);
    }
}

#[test]
fn defect_056_after_authentication_the_caps_are_gone() {
    let mut rig = Setup::fake(false).rig();
    rig.login();
    let ignore = message(2, |writer| writer.string(&vec![0; 200_000]));
    for _ in 0..600 {
        rig.peer.send(&ignore);
    }
    rig.pump();
    rig.assert_alive();
}

#[test]
fn defect_017_pings_are_not_answered_before_authentication() {
    for client in [false, true] {
        let mut rig = Setup::fake(client).rig();
        rig.service();
        let heard = rig.heard.len();
        (0..100).for_each(|_| rig.send(&strings(192, &["x"])));
        assert_eq!(rig.heard.len(), heard);
        rig.assert_alive();
    }
}

/// Sends `payload` again and again while nobody takes what the connection says; answers how often it was read.
fn flood(rig: &mut Rig, payload: &[u8], times: usize) -> usize {
    let mut link = Vec::new();
    for sent in 0..times {
        if !rig.conn.wants_input() {
            return sent;
        }
        link.extend(rig.peer.seal(payload));
        let used = rig.conn.receive(&mut link, rig.now);
        link.drain(..used);
        while rig.conn.poll_event().is_some() {}
    }
    times
}

#[test]
fn defect_017_answers_that_nobody_reads_stop_the_reading() {
    for client in [false, true] {
        let mut rig = Setup::fake(client).rig();
        rig.login();
        let read = flood(&mut rig, &strings(192, &["x".repeat(1000).as_str()]), 10_000);
        assert!((200..400).contains(&read), "{read} pings of 1 kB were read");
        rig.assert_alive();
        // Whoever takes the output is read again.
        rig.pump();
        assert!(rig.conn.wants_input());
        assert_eq!(rig.heard.iter().filter(|payload| payload[0] == 193).count(), read);
        rig.send(&strings(192, &["last"]));
        assert_eq!(rig.last_heard(), strings(193, &["last"]));
    }
}

#[test]
fn defect_016_what_is_held_back_during_an_exchange_is_bounded() {
    let request = message(80, |writer| {
        writer.string(b"x");
        writer.boolean(true);
    });
    for payload in [request, strings(192, &[""]), strings(192, &["x".repeat(10_000).as_str()])] {
        let mut rig = Setup::fake(false).rig();
        rig.login();
        rig.peer.auto = false;
        rig.conn.rekey(rig.now);
        rig.pump();
        // The peer does not answer our KEXINIT, and asks and asks.
        let read = flood(&mut rig, &payload, 1 << 20);
        assert!(!rig.conn.wants_input());
        assert!(read <= 40_000 && read * payload.len() <= 3 << 20, "{read} messages are held back");
        // That ends with the deadline of the exchange.
        rig.now += std::time::Duration::from_secs(60);
        rig.conn.handle_timeout(rig.now);
        assert!(matches!(rig.ended(), Some(ConnectionError::TimedOut(_))), "{:?}", rig.ended());
    }
}

#[test]
fn defect_018_names_have_64_bytes_and_lists_no_power() {
    let with = |kex: &str| {
        let mut rig = Setup::fake(false).rig();
        rig.peer.auto = false;
        rig.peer.offer.kex = kex.to_owned();
        rig.identify();
        rig.peer.send_kexinit();
        rig.pump();
        rig
    };
    for bad in ["x".repeat(65), format!("a,{}", "x".repeat(100_000)), "a,,b".to_owned(), "a b".to_owned()] {
        let error = with(&bad).assert_protocol_error();
        assert!(matches!(error, ProtocolError::Malformed { message: 20, .. }), "{error:?}");
    }
    // 100 000 names that nobody knows: an error of modest size.
    let mut rig = with("a,".repeat(100_000).trim_end_matches(','));
    let error = rig.assert_ended(Some(DisconnectReason::KeyExchangeFailed));
    let ConnectionError::Incompatible(error) = error else { panic!("{error:?}") };
    assert!(error.theirs.len() <= 100, "{} names are kept", error.theirs.len());
    assert!(rig.last_heard().len() < 4096, "{} bytes of disconnect", rig.last_heard().len());
}

#[test]
fn defect_019_a_second_kexinit_in_one_exchange_ends_the_connection() {
    for client in [false, true] {
        let mut rig = Setup::fake(client).rig();
        rig.peer.auto = false;
        rig.identify();
        for _ in 0..2 {
            rig.assert_alive();
            rig.peer.send_kexinit();
            rig.pump();
        }
        assert!(matches!(rig.assert_protocol_error(), ProtocolError::Unexpected { message: 20, .. }));

        let mut rig = Setup::fake(client).rig();
        rig.login();
        rig.peer.auto = false;
        for _ in 0..2 {
            rig.assert_alive();
            rig.peer.send_kexinit();
            rig.pump();
        }
        assert!(matches!(rig.assert_protocol_error(), ProtocolError::Unexpected { message: 20, .. }));
    }
}

#[test]
fn defect_019_exchanges_before_authentication_are_bounded() {
    let mut rig = Setup::fake(false).rig();
    rig.service();
    let mut exchanges = 1;
    while rig.ended().is_none() {
        rig.peer.send_kexinit();
        rig.pump();
        exchanges += 1;
        assert!(exchanges < 200, "no end of exchanges");
    }
    too_much(&mut rig);
}
