//! `first_kex_packet_follows` (RFC 4253 section 7.1): a guess is right when both sides' first methods and first host
//! key algorithms are the same; a wrong one is skipped, and nothing more.

use feramiko_proto::{ConnectionError, ProtocolError};

use crate::support::{Rig, Setup};

const ONE: &str = "curve25519-sha256";
const OTHER: &str = "ecdh-sha2-nistp256";

/// A peer whose favourites are ours, or not. Everything that either side likes, both know.
fn guessing(client: bool, same_kex: bool, same_host_key: bool) -> Rig {
    let mut setup = Setup::real(client);
    setup.common.algorithms.kex = vec![ONE.to_owned(), OTHER.to_owned()];
    // With one host key a server has one algorithm to offer; others come first on the client's side.
    setup.common.algorithms.host_key = vec!["ssh-ed25519".to_owned()];
    if client && !same_host_key {
        setup.common.algorithms.host_key.insert(0, "ecdsa-sha2-nistp256".to_owned());
    }
    let mut rig = setup.rig();
    let marker = rig.peer.offer.kex.split_once(',').unwrap().1.to_owned();
    rig.peer.offer.kex = match same_kex {
        true => format!("{ONE},{OTHER},{marker}"),
        false => format!("{OTHER},{ONE},{marker}"),
    };
    if !client && !same_host_key {
        rig.peer.offer.host_key = "ecdsa-sha2-nistp256,ssh-ed25519".to_owned();
    }
    rig.peer.auto = false;
    rig.identify();
    rig
}

/// A first packet of an exchange of some other method.
fn wrong(client: bool) -> Vec<u8> {
    vec![if client { 31 } else { 30 }, 0, 0, 0, 1, 7]
}

fn finish(rig: &mut Rig) {
    if rig.conn.is_client() {
        let theirs = rig.heard.iter().rfind(|payload| payload[0] == 30).unwrap().clone();
        let reply = rig.peer.reply(&theirs);
        rig.send(&reply);
        rig.peer.send_newkeys();
        rig.pump();
    } else {
        rig.peer.send_share();
        rig.peer.auto = true;
        rig.pump();
    }
}

#[test]
fn defect_014_the_whole_table_of_guesses() {
    for client in [false, true] {
        for (same_kex, same_host_key) in [(true, true), (true, false), (false, true), (false, false)] {
            let right = same_kex && same_host_key;
            let case = format!("client {client}, KEX {same_kex}, host key {same_host_key}");
            let kex = match (same_kex, client) {
                // The client's favourite is taken.
                (true, _) | (false, true) => ONE,
                (false, false) => OTHER,
            };

            let mut rig = guessing(client, same_kex, same_host_key);
            rig.peer.offer.first_follows = true;
            rig.peer.send_kexinit();
            rig.pump();
            if !right {
                rig.send(&wrong(client));
                rig.assert_alive();
            }
            finish(&mut rig);
            rig.assert_alive();
            assert_eq!(rig.conn.negotiated().expect(&case).kex, kex, "{case}");

            // Nobody guesses: nothing is skipped.
            let mut rig = guessing(client, same_kex, same_host_key);
            rig.peer.send_kexinit();
            rig.pump();
            finish(&mut rig);
            assert_eq!(rig.conn.negotiated().expect(&case).kex, kex, "{case}");
        }
    }
}

#[test]
fn defect_014_a_wrong_guess_skips_exactly_one_packet() {
    for client in [false, true] {
        let mut rig = guessing(client, false, true);
        rig.peer.offer.first_follows = true;
        rig.peer.send_kexinit();
        rig.pump();
        rig.send(&wrong(client));
        rig.assert_alive();
        rig.send(&wrong(client));
        assert!(
            matches!(
                rig.ended(),
                Some(ConnectionError::Protocol(ProtocolError::KexShare | ProtocolError::Malformed { .. }))
            ),
            "{:?}",
            rig.ended()
        );
    }
}

#[test]
fn defect_014_a_right_guess_that_is_not_valid_is_not_skipped() {
    for client in [false, true] {
        let mut rig = guessing(client, true, true);
        rig.peer.offer.first_follows = true;
        rig.peer.send_kexinit();
        rig.pump();
        rig.send(&wrong(client));
        assert!(rig.ended().is_some());
    }
}

#[test]
fn defect_014_guesses_are_understood_in_a_rekey_too() {
    let mut rig = guessing(false, true, true);
    rig.peer.send_kexinit();
    rig.pump();
    finish(&mut rig);
    rig.peer.offer.kex = format!("{OTHER},{ONE}");
    rig.login();
    rig.peer.auto = false;
    rig.peer.offer.first_follows = true;
    rig.peer.send_kexinit();
    rig.pump();
    rig.send(&wrong(false));
    rig.assert_alive();
    finish(&mut rig);
    assert_eq!(rig.conn.negotiated().unwrap().kex, OTHER);
    rig.send(&[2, 0, 0, 0, 0]);
    rig.assert_alive();
}
