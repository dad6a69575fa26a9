//! What may come while keys are exchanged anew, and exchanges to other methods.

use feramiko_keys::{KeyType, PrivateKey};
use feramiko_proto::{ConnectionError, DisconnectReason, HostKeyError, ProtocolError};

use crate::support::{HostKey, Setup, message, password_request, strings};

#[test]
fn defect_016_nothing_but_the_exchange_comes_after_a_kexinit() {
    let data = message(94, |writer| {
        writer.u32(0);
        writer.string(b"x");
    });
    let request = message(80, |writer| {
        writer.string(b"x");
        writer.boolean(true);
    });
    for client in [false, true] {
        for payload in [
            data.clone(),
            request.clone(),
            strings(192, &["x"]),
            strings(5, &["ssh-userauth"]),
            strings(6, &["ssh-userauth"]),
            vec![7, 0, 0, 0, 0],
            password_request("robey", "foo"),
            vec![200],
        ] {
            let mut rig = Setup::fake(client).rig();
            rig.login();
            rig.peer.auto = false;
            rig.peer.send_kexinit();
            rig.pump();
            // These may (RFC 4253 section 7.1).
            rig.send(&strings(2, &["x"]));
            rig.assert_alive();
            rig.send(&payload);
            let error = rig.assert_protocol_error();
            let expected =
                matches!(error, ProtocolError::Unexpected { message, .. } if message == payload[0]);
            assert!(expected, "{error:?}");
        }
    }
}

#[test]
fn defect_015_a_rekey_to_another_method_and_hash_keeps_the_session_id() {
    for client in [false, true] {
        let mut rig = Setup::real(client).rig();
        rig.login();
        let session_id = rig.conn.session_id().unwrap().to_vec();
        assert_eq!(Some(&session_id), rig.peer.session_id.as_ref());
        for (kex, cipher) in [
            ("sntrup761x25519-sha512", "aes256-gcm@openssh.com"),
            ("ecdh-sha2-nistp521", "chacha20-poly1305@openssh.com"),
            ("diffie-hellman-group14-sha256", "aes256-ctr"),
            ("diffie-hellman-group-exchange-sha256", "aes128-gcm@openssh.com"),
            ("mlkem768x25519-sha256", "aes128-ctr"),
            ("curve25519-sha256", "chacha20-poly1305@openssh.com"),
        ] {
            rig.peer.offer.kex = kex.to_owned();
            rig.peer.offer.cipher = cipher.to_owned();
            rig.peer.offer.mac = "hmac-sha2-512".to_owned();
            rig.peer.send_kexinit();
            rig.pump();
            rig.send(&strings(192, &[kex]));
            assert_eq!(rig.last_heard(), strings(193, &[kex]), "{:?}", rig.ended());
            assert_eq!(rig.conn.negotiated().unwrap().kex, kex);
            assert_eq!(rig.conn.session_id(), Some(&*session_id));
        }
    }
}

#[test]
fn another_host_key_in_a_rekey_ends_a_client() {
    let mut rig = Setup::real(true).rig();
    rig.login();
    rig.peer.host_key = HostKey::Real(PrivateKey::generate(KeyType::Ed25519).unwrap());
    rig.peer.send_kexinit();
    rig.pump();
    let error = rig.assert_ended(Some(DisconnectReason::HostKeyNotVerifiable));
    assert!(matches!(error, ConnectionError::HostKey(HostKeyError::ChangedDuringConnection)), "{error:?}");
}

#[test]
fn an_exchange_that_finds_nothing_in_common_any_more_ends_the_connection() {
    for client in [false, true] {
        let mut rig = Setup::fake(client).rig();
        rig.login();
        rig.peer.auto = false;
        rig.peer.offer.cipher = "none".to_owned();
        rig.peer.send_kexinit();
        rig.pump();
        let error = rig.assert_ended(Some(DisconnectReason::KeyExchangeFailed));
        assert!(matches!(error, ConnectionError::Incompatible(_)), "{error:?}");
    }
}
