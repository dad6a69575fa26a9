//! Strict KEX (OpenSSH PROTOCOL section 1.10), the Terrapin attack that made it necessary, and EXT_INFO.

use feramiko_proto::{ConnectionError, DisconnectReason, Method, ProtocolError, Secret};

use crate::support::{Rig, Setup, ext_info, strings};

const IGNORE: [u8; 5] = [2, 0, 0, 0, 0];

fn identified(setup: Setup) -> Rig {
    let mut rig = setup.rig();
    rig.peer.auto = false;
    rig.identify();
    rig
}

#[test]
fn defect_011_the_first_packet_is_kexinit_when_both_sides_are_strict() {
    for client in [false, true] {
        let mut rig = identified(Setup::fake(client));
        rig.send(&IGNORE);
        rig.assert_alive();
        rig.peer.send_kexinit();
        rig.pump();
        let rule = "KEXINIT must be the first packet";
        assert_eq!(rig.assert_protocol_error(), ProtocolError::Rule { message: 20, rule });

        // RFC 4253 section 11 allows it to everybody else.
        let mut rig = identified(Setup::fake(client).not_strict());
        rig.send(&IGNORE);
        rig.exchange();
        assert!(!rig.conn.negotiated().unwrap().strict_kex);
    }
}

#[test]
fn defect_011_sequence_numbers_begin_anew_at_each_newkeys_and_only_then() {
    for client in [false, true] {
        for strict in [false, true] {
            // The ciphers here fail on any other number than the one expected.
            let setup = Setup::real(client);
            let mut rig = if strict { setup.rig() } else { setup.not_strict().rig() };
            rig.login();
            for _ in 0..2 {
                rig.send(&IGNORE);
                rig.peer.send_kexinit();
                rig.pump();
                rig.send(&IGNORE);
                rig.assert_alive();
            }
            let negotiated = rig.conn.negotiated().unwrap();
            assert_eq!((negotiated.strict_kex, negotiated.exchanges), (strict, 3));
        }
        let mut rig = Setup::real(client).rig();
        rig.exchange();
        rig.peer.sent = 3;
        rig.send(&IGNORE);
        rig.send_raw(&vec![0; 300_000]);
        rig.assert_ended(Some(DisconnectReason::MacError));
    }
}

/// Terrapin: someone between injects a packet before NEWKEYS and removes the first one behind it.
fn terrapin(setup: Setup) -> Rig {
    let mut rig = identified(setup);
    rig.peer.send_kexinit();
    rig.pump();
    // Not the peer's: it does not count it.
    let sent = rig.peer.sent;
    rig.send(&IGNORE);
    rig.peer.sent = sent;
    if rig.ended().is_some() {
        return rig;
    }
    rig.peer.auto = true;
    rig.peer.send_share();
    rig.pump();
    rig.peer.seal(&ext_info(&[("x", "")]));
    rig.send(&strings(5, &["ssh-userauth"]));
    rig
}

#[test]
fn defect_011_terrapin_is_noticed_at_the_injected_packet() {
    let mut rig = terrapin(Setup::real(false).with_ext_info());
    let error = rig.assert_protocol_error();
    assert!(matches!(error, ProtocolError::Unexpected { message: 2, .. }), "{error:?}");

    // Without strict KEX it goes unnoticed: this is what the setting below is for.
    let rig = terrapin(Setup::real(false).not_strict().with_ext_info());
    rig.assert_alive();
    assert_eq!(rig.last_heard(), strings(6, &["ssh-userauth"]));
}

#[test]
fn defect_011_ciphers_that_need_strict_kex_can_be_refused_without_it() {
    let etm = "hmac-sha2-256-etm@openssh.com";
    let needs = [("chacha20-poly1305@openssh.com", ""), ("aes128-ctr", etm), ("aes256-cbc", etm)];
    let does_not =
        [("aes256-gcm@openssh.com", ""), ("aes128-ctr", "hmac-sha2-256"), ("aes256-cbc", "hmac-sha2-256")];
    for client in [false, true] {
        for (cipher, mac) in needs.into_iter().chain(does_not) {
            let mut setup = Setup::real(client).cipher(cipher, mac);
            setup.common.require_strict_kex = true;
            setup.clone().rig().exchange();
            let mut rig = identified(setup.not_strict());
            if does_not.contains(&(cipher, mac)) {
                rig.exchange();
                continue;
            }
            rig.peer.send_kexinit();
            rig.pump();
            let error = rig.assert_ended(Some(DisconnectReason::KeyExchangeFailed));
            assert!(matches!(error, ConnectionError::Incompatible(_)), "{error:?}");
            assert!(error.to_string().contains("strict"), "{error}");
        }
    }
}

#[test]
fn defect_013_markers_are_never_chosen() {
    for client in [false, true] {
        let markers = "ext-info-c,ext-info-s,kex-strict-c-v00@openssh.com,kex-strict-s-v00@openssh.com";
        let mut rig = identified(Setup::real(client));
        rig.peer.offer.kex = markers.to_owned();
        rig.peer.send_kexinit();
        rig.pump();
        let error = rig.assert_ended(Some(DisconnectReason::KeyExchangeFailed));
        let ConnectionError::Incompatible(error) = error else { panic!("{error:?}") };
        assert_eq!(error.category, "key exchange");
        assert!(error.theirs.is_empty(), "{:?}", error.theirs);
        assert!(!error.ours.iter().any(|name| markers.contains(name.as_str())));
    }
}

#[test]
fn defect_013_markers_mean_something_in_the_first_kexinit_only() {
    let first_name_lists = |payload: &[u8]| String::from_utf8_lossy(&payload[17..200]).into_owned();
    for client in [false, true] {
        let mut rig = Setup::real(client).not_strict().rig();
        rig.login();
        let strict = if client { "kex-strict-s-v00@openssh.com" } else { "kex-strict-c-v00@openssh.com" };
        rig.peer.offer.kex = format!("curve25519-sha256,{strict}");
        rig.peer.send_kexinit();
        rig.pump();
        // The peer goes on counting, and is understood.
        rig.send(&IGNORE);
        rig.assert_alive();
        assert!(!rig.conn.negotiated().unwrap().strict_kex);
        let offers: Vec<_> = rig.heard.iter().filter(|payload| payload[0] == 20).collect();
        assert_eq!(offers.len(), 2);
        let marked = |payload: &Vec<u8>| {
            let text = String::from_utf8_lossy(payload).into_owned();
            (text.contains("kex-strict"), text.contains("ext-info"))
        };
        assert_eq!(marked(offers[0]), (true, true), "{}", first_name_lists(offers[0]));
        assert_eq!(marked(offers[1]), (false, false));
    }
}

#[test]
fn defect_010_ext_info_comes_right_behind_the_first_newkeys() {
    for client in [false, true] {
        let info = ext_info(&[("server-sig-algs", "ssh-ed25519")]);
        let mut rig = Setup::fake(client).rig();
        rig.exchange();
        rig.send(&info);
        rig.assert_alive();
        rig.send(&info);
        rig.assert_protocol_error();

        let mut rig = Setup::fake(client).rig();
        rig.exchange();
        rig.send(&IGNORE);
        rig.send(&info);
        rig.assert_protocol_error();

        let mut rig = Setup::fake(client).rig();
        rig.login();
        rig.peer.send_kexinit();
        rig.pump();
        assert_eq!(rig.conn.negotiated().unwrap().exchanges, 2);
        rig.send(&info);
        rig.assert_protocol_error();
    }
}

#[test]
fn defect_010_ext_info_that_is_injected_before_newkeys_ends_the_connection() {
    for client in [false, true] {
        for strict in [false, true] {
            let setup = Setup::fake(client);
            let mut rig = identified(if strict { setup } else { setup.not_strict() });
            rig.send(&ext_info(&[("server-sig-algs", "")]));
            rig.assert_protocol_error();
        }
    }
}

#[test]
fn defect_010_a_server_may_send_ext_info_once_more_just_before_success() {
    let waiting = || {
        let mut rig = Setup::fake(true).rig();
        rig.service();
        rig.authenticate(Method::Password(Secret::from("foo")));
        rig.send(&ext_info(&[]));
        rig.assert_alive();
        rig
    };
    let mut rig = waiting();
    rig.send(&[52]);
    assert!(rig.conn.is_authenticated());

    for other in [&IGNORE[..], &strings(53, &["a banner", ""]), &ext_info(&[])] {
        let mut rig = waiting();
        rig.send(other);
        rig.assert_protocol_error();
        assert!(!rig.conn.is_authenticated());
    }
}
