//! The first key exchange as a tester from outside learns it: for each method a line of states, in each of which one
//! message leads on and every other one to the end (arXiv 2509.10895 found most servers to have shortcuts).

use feramiko_proto::{Algorithms, ConnectionError, ProtocolError};

use crate::support::{Rig, Setup, ext_info, message, password_request, strings};

/// What is tried in each state: everything that a key exchange is made of, and what was smuggled in elsewhere.
const ALPHABET: [u8; 13] = [2, 4, 5, 6, 7, 20, 21, 30, 31, 32, 33, 34, 50];

/// The messages of the peer, in their order (RFC 4253 section 8, RFC 4419 section 3, RFC 5656 section 4).
fn line(client: bool, kex: &str) -> Vec<u8> {
    match (client, kex.contains("group-exchange")) {
        (false, false) => vec![20, 30, 21],
        (false, true) => vec![20, 34, 32, 21],
        (true, false) => vec![20, 31, 21],
        (true, true) => vec![20, 31, 33, 21],
    }
}

fn step(rig: &mut Rig, number: u8) {
    match number {
        20 => rig.peer.send_kexinit(),
        21 => rig.peer.send_newkeys(),
        31 | 33 => {
            let theirs = rig.heard.iter().rfind(|payload| (30..=34).contains(&payload[0])).unwrap().clone();
            let reply = rig.peer.reply(&theirs);
            rig.peer.send(&reply);
        }
        // By hand a group exchange sends its share as soon as it has the group.
        32 => return,
        _ => rig.peer.send_share(),
    }
    rig.pump();
}

/// Before the message at `place` of the line.
fn at(setup: &Setup, line: &[u8], place: usize) -> Rig {
    let mut rig = setup.clone().rig();
    rig.peer.auto = false;
    rig.identify();
    line[..place].iter().for_each(|number| step(&mut rig, *number));
    rig.assert_alive();
    rig
}

fn query(number: u8, rig: &Rig) -> Vec<u8> {
    match number {
        2 => strings(2, &["x"]),
        4 => message(4, |writer| {
            writer.boolean(false);
            writer.string(b"x");
            writer.string(b"");
        }),
        5 | 6 => strings(number, &["ssh-userauth"]),
        7 => ext_info(&[]),
        20 => rig.peer.offer.payload(),
        34 => message(34, |writer| [2048, 2048, 8192].into_iter().for_each(|bits| writer.u32(bits))),
        50 => password_request("robey", "foo"),
        _ => vec![number],
    }
}

fn learn(client: bool, kex: &str) {
    let setup = Setup::real(client).kex(kex);
    let line = line(client, kex);
    for (place, expected) in line.iter().enumerate() {
        // The share of a group exchange follows from the group: there is no place between them from outside.
        let hidden = !client && kex.contains("group-exchange") && place == 2;
        for number in ALPHABET {
            if number == *expected || hidden {
                continue;
            }
            // Before its KEXINIT a peer has not said that it is strict.
            if place == 0 && matches!(number, 2 | 4) {
                continue;
            }
            let mut rig = at(&setup, &line, place);
            let heard = rig.heard.len();
            rig.send(&query(number, &rig));
            let error = rig.ended().unwrap_or_else(|| panic!("{kex}, {number} before {expected}: goes on"));
            assert!(
                matches!(error, ConnectionError::Protocol(ProtocolError::Unexpected { message, .. }) if *message == number),
                "{kex}, {number} before {expected}: {error:?}"
            );
            assert_eq!(rig.heard.len(), heard + 1, "{kex}, {number} before {expected}: an answer");
        }
    }
    let rig = at(&setup, &line, line.len());
    let negotiated = rig.conn.negotiated().unwrap();
    assert_eq!((negotiated.kex, negotiated.strict_kex, negotiated.exchanges), (kex, true, 1));
}

#[test]
fn defect_012_the_first_exchange_of_a_server_is_a_line_for_every_method() {
    Algorithms::default().kex.iter().for_each(|kex| learn(false, kex));
}

#[test]
fn defect_012_the_first_exchange_of_a_client_is_a_line_for_every_method() {
    Algorithms::default().kex.iter().for_each(|kex| learn(true, kex));
}
