//! A server that does not hold the host key it shows.

use feramiko_keys::{KeyType, PrivateKey};
use feramiko_proto::{
    ConnectionError, DisconnectReason, Event, HostKeyError, Method, Misuse, ProtocolError, Secret,
};

use crate::support::{HostKey, Rig, Setup};

/// A client that has sent its share, and the right answer to it.
fn waiting() -> (Rig, Vec<u8>) {
    answered(Setup::real(true).rig())
}

/// Has the client send its share: its peer's answer to it.
fn answered(mut rig: Rig) -> (Rig, Vec<u8>) {
    rig.peer.auto = false;
    rig.identify();
    rig.peer.send_kexinit();
    rig.pump();
    let share = rig.heard.iter().rfind(|payload| payload[0] == 30).unwrap().clone();
    let reply = rig.peer.reply(&share);
    (rig, reply)
}

/// The host key does not prove what was agreed on.
fn assert_invalid((mut rig, reply): (Rig, Vec<u8>), case: &str) {
    rig.send(&reply);
    assert_not_accepted(&rig, case);
    let error = rig.assert_ended(Some(DisconnectReason::HostKeyNotVerifiable));
    assert!(matches!(error, ConnectionError::HostKey(HostKeyError::Invalid)), "{error:?}");
}

/// Nobody was asked to trust the key, and nothing of ours follows under keys agreed with whoever that was.
fn assert_not_accepted(rig: &Rig, case: &str) {
    assert!(rig.ended().is_some(), "{case}: still alive");
    assert!(!rig.events.iter().any(|event| matches!(event, Event::HostKey(_) | Event::Ready)), "{case}");
    assert!(!rig.heard.iter().any(|payload| payload[0] == 21), "{case}: NEWKEYS");
    assert!(rig.conn.host_key().is_none(), "{case}");
}

#[test]
fn defect_009_a_reply_with_any_bit_flipped_is_not_accepted() {
    let length = waiting().1.len();
    for byte in 1..length {
        let (mut rig, mut reply) = waiting();
        rig.trust = None;
        reply[byte] ^= 1 << (byte % 8);
        rig.send(&reply);
        assert_not_accepted(&rig, &format!("byte {byte}"));
    }
    let (mut rig, reply) = waiting();
    rig.trust = None;
    rig.send(&reply);
    assert!(rig.events.iter().any(|event| matches!(event, Event::HostKey(_))), "the right one is shown");
    assert!(!rig.heard.iter().any(|payload| payload[0] == 21), "and nothing goes on before the answer");
}

#[test]
fn defect_009_a_reply_cut_anywhere_is_not_accepted() {
    let length = waiting().1.len();
    for end in 1..length {
        let (mut rig, reply) = waiting();
        rig.send(&reply[..end]);
        assert_not_accepted(&rig, &format!("{end} bytes"));
        let malformed = matches!(
            rig.ended(),
            Some(ConnectionError::Protocol(ProtocolError::Malformed { message: 31, .. }))
        );
        assert!(malformed, "{:?}", rig.ended());
    }
}

#[test]
fn defect_032_the_signature_is_of_the_algorithm_that_was_agreed_on() {
    // Ed25519 was agreed on; a valid key and signature of another type are an error all the same.
    let mut rig = Setup::real(true).rig();
    rig.peer.host_key = HostKey::Real(PrivateKey::generate(KeyType::EcdsaP256).unwrap());
    rig.peer.sign_as = Some("ecdsa-sha2-nistp256".to_owned());
    assert_invalid(answered(rig), "a key of another type");
}

#[test]
fn defect_032_a_key_is_no_certificate_even_where_one_was_agreed_on() {
    // The key itself, which signs well, in place of a certificate of it.
    let mut setup = Setup::real(true);
    setup.offer.host_key = "ssh-ed25519-cert-v01@openssh.com".to_owned();
    let mut rig = setup.rig();
    rig.peer.sign_as = Some("ssh-ed25519".to_owned());
    assert_invalid(answered(rig), "a bare key");
}

#[test]
fn defect_007_without_an_answer_about_the_host_key_nothing_goes_on() {
    let (mut rig, reply) = waiting();
    rig.trust = None;
    rig.send(&reply);
    let heard = rig.heard.len();
    // The server goes on as if it were trusted.
    rig.peer.send_newkeys();
    rig.send(&crate::support::ext_info(&[]));
    rig.assert_alive();
    let password = || Method::Password(Secret::from("foo"));
    assert_eq!(rig.conn.authenticate("robey", password(), rig.now), Err(Misuse::NotReady));
    assert!(rig.conn.open("session", b"", rig.now).is_err());
    rig.conn.rekey(rig.now);
    rig.pump();
    assert_eq!(rig.heard.len(), heard, "something was said");
    assert!(rig.conn.host_key().is_none() && rig.conn.negotiated().is_none());
    // Nor does a service that was not asked for make it go on.
    rig.send(&crate::support::strings(6, &["ssh-userauth"]));
    assert!(rig.ended().is_some());
    assert!(!rig.events.iter().any(|event| matches!(event, Event::Ready)));
}

#[test]
fn defect_009_a_refusal_ends_the_connection_before_newkeys() {
    let (mut rig, reply) = waiting();
    rig.trust = Some(false);
    rig.send(&reply);
    assert_not_accepted(&rig, "refused");
    let error = rig.assert_ended(Some(DisconnectReason::HostKeyNotVerifiable));
    assert!(matches!(error, ConnectionError::HostKey(HostKeyError::Refused)), "{error:?}");
}

#[test]
fn defect_062_shares_that_are_not_valid_end_the_exchange() {
    for kex in ["curve25519-sha256", "ecdh-sha2-nistp256", "mlkem768x25519-sha256", "sntrup761x25519-sha512"]
    {
        for share in [&[][..], &[0; 31], &[0; 32], &[0; 33], &[4; 65], &[0; 1184], &[0; 1216], &[0xff; 1191]]
        {
            let mut rig = Setup::real(false).kex(kex).rig();
            rig.peer.auto = false;
            rig.identify();
            rig.peer.send_kexinit();
            rig.pump();
            rig.send(&crate::support::message(30, |writer| writer.string(share)));
            let error = rig.assert_ended(Some(DisconnectReason::KeyExchangeFailed));
            assert!(
                matches!(error, ConnectionError::Protocol(ProtocolError::KexShare)),
                "{kex}, {} bytes: {error:?}",
                share.len()
            );
        }
    }
}

#[test]
fn defect_063_a_group_is_as_large_as_was_asked_for() {
    let kex = "diffie-hellman-group-exchange-sha256";
    let group = |bits: usize| {
        let mut p = vec![0xff; bits / 8];
        p[0] = 0x80;
        p
    };
    for p in [group(1024), group(2040), group(8200), group(16384), vec![7], vec![]] {
        let mut rig = Setup::real(true).kex(kex).rig();
        rig.peer.auto = false;
        rig.identify();
        rig.peer.send_kexinit();
        rig.pump();
        assert_eq!(rig.last_heard()[0], 34);
        rig.send(&crate::support::message(31, |writer| {
            writer.mpint(&p);
            writer.mpint(&[2]);
        }));
        let error = rig.assert_ended(Some(DisconnectReason::KeyExchangeFailed));
        assert!(matches!(error, ConnectionError::Protocol(ProtocolError::KexShare)), "{error:?}");
    }
}
