//! Packets of impossible lengths, with impossible padding, and with a tag that does not fit.

use feramiko_proto::{ConnectionError, DisconnectReason, Event, ProtocolError};

use crate::support::{Rig, Setup, password_request};

/// One of each way to protect a packet: cipher, MAC.
const MODES: [(&str, &str); 9] = [
    ("aes256-gcm@openssh.com", ""),
    ("chacha20-poly1305@openssh.com", ""),
    ("aes128-ctr", "hmac-sha2-256"),
    ("aes128-ctr", "hmac-sha2-512-etm@openssh.com"),
    ("aes256-ctr", "umac-128-etm@openssh.com"),
    ("blowfish-ctr", "umac-64@openssh.com"),
    ("aes256-cbc", "hmac-sha1-96"),
    ("3des-cbc", "hmac-md5"),
    ("blowfish-cbc", "hmac-sha1-etm@openssh.com"),
];
const LIMIT: u32 = 256 * 1024;

fn lengths() -> impl Iterator<Item = u32> {
    let extremes =
        [LIMIT - 1, LIMIT + 1, LIMIT + 4, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, u32::MAX - 1, u32::MAX];
    (0..=64).chain(extremes)
}

#[test]
fn defect_048_every_length_before_keys_is_judged_before_anything_is_waited_for() {
    for client in [false, true] {
        for length in lengths() {
            let mut rig = Setup::fake(client).rig();
            rig.peer.auto = false;
            rig.identify();
            rig.send_raw(&length.to_be_bytes());
            // At least one byte of payload and 4 of padding, with 4 of length a multiple of 8.
            if (12..=LIMIT).contains(&length) && (length + 4) % 8 == 0 {
                rig.assert_alive();
                continue;
            }
            let error = rig.assert_protocol_error();
            assert_eq!(error, ProtocolError::PacketLength { length });
        }
    }
}

#[test]
fn defect_048_every_length_under_encryption_ends_like_a_bad_tag() {
    for (cipher, mac) in MODES {
        for length in lengths() {
            let mut rig = Setup::real(false).cipher(cipher, mac).rig();
            rig.service();
            // Enough for any length that is possible, so that a tag is looked at.
            let mut bytes = length.to_be_bytes().to_vec();
            bytes.resize(LIMIT as usize + 200, 0);
            rig.send_raw(&bytes);
            unauthentic(&mut rig);
        }
    }
}

fn unauthentic(rig: &mut Rig) {
    let error = rig.assert_ended(Some(DisconnectReason::MacError));
    assert!(matches!(error, ConnectionError::Protocol(ProtocolError::Unauthentic)), "{error:?}");
    assert_eq!(error.to_string(), "the peer broke the protocol: a packet fails its authentication");
}

#[test]
fn defect_066_a_bad_length_and_a_bad_tag_look_the_same_to_the_peer() {
    for (cipher, mac) in MODES {
        let answers = [0, 20].map(|place| {
            let mut rig = Setup::real(false).cipher(cipher, mac).rig();
            rig.service();
            let mut packet = rig.peer.seal(&password_request("robey", "foo"));
            packet[place] ^= 0x80;
            packet.resize(LIMIT as usize + 200, 0);
            let heard = rig.heard.len();
            rig.send_raw(&packet);
            unauthentic(&mut rig);
            rig.heard[heard..].to_vec()
        });
        assert_eq!(answers[0], answers[1], "{cipher} {mac}");
        assert_eq!(answers[0].len(), 1);
    }
}

/// CVE-2008-5161: with CBC and a MAC over the plaintext, whoever moves a block of ciphertext to the front of a packet would learn
/// 4 bytes of it by how much is read until the failure. Nothing ends before the largest packet would.
#[test]
fn defect_066_with_cbc_every_failure_shows_at_the_same_byte() {
    for (cipher, mac, tag) in [
        ("aes128-cbc", "hmac-sha2-256", 32),
        ("3des-cbc", "hmac-md5", 16),
        ("blowfish-cbc", "umac-64@openssh.com", 8),
    ] {
        for place in [0, 3, 20, 40] {
            let mut rig = Setup::real(false).cipher(cipher, mac).rig();
            rig.service();
            let mut packet = rig.peer.seal(&password_request("robey", "foo"));
            packet[place] ^= 0x80;
            packet.resize(4 + LIMIT as usize + tag - 1, 0);
            rig.send_raw(&packet);
            rig.assert_alive();
            rig.send_raw(&[0]);
            unauthentic(&mut rig);
        }
    }
    // Encrypt-then-MAC has its length in clear, which is judged at once.
    let mut rig = Setup::real(false).cipher("aes128-cbc", "hmac-sha1-etm@openssh.com").rig();
    rig.service();
    rig.send_raw(&[0xff; 4]);
    unauthentic(&mut rig);
}

#[test]
fn defect_049_padding_has_4_bytes_and_leaves_a_payload() {
    // Padding shorter than 4, more than there is, and all there is.
    for padding in [0_u8, 1, 2, 3, 11, 12, 200, 255] {
        let mut rig = Setup::fake(false).rig();
        rig.peer.auto = false;
        rig.identify();
        let mut packet = vec![0, 0, 0, 12, padding];
        packet.resize(16, 2);
        rig.send_raw(&packet);
        assert_eq!(rig.assert_protocol_error(), ProtocolError::Padding);
    }
    for (cipher, mac) in MODES {
        let mut rig = Setup::real(true).cipher(cipher, mac).rig();
        rig.exchange();
        // A payload of nothing, properly sealed: whole blocks, whether the length counts or not.
        let padding = if mac.is_empty() || mac.contains("-etm@") { 31 } else { 27 };
        let packet = rig.peer.seal_padded(b"", padding);
        rig.send_raw(&packet);
        assert_eq!(rig.assert_protocol_error(), ProtocolError::Padding, "{cipher} {mac}");
    }
}

#[test]
fn the_most_padding_there_can_be_is_accepted() {
    let mut rig = Setup::real(false).rig();
    rig.exchange();
    let payload = [&[5, 0, 0, 0, 12][..], b"ssh-userauth"].concat();
    // 17 bytes of payload and the padding length make whole blocks of 8 with this.
    let packet = rig.peer.seal_padded(&payload, 254);
    rig.send_raw(&packet);
    assert_eq!(rig.last_heard()[0], 6);
}

#[test]
fn defect_064_a_flipped_bit_anywhere_in_a_packet_ends_the_connection_and_shows_nothing() {
    for (cipher, mac) in MODES {
        let length = {
            let mut rig = Setup::real(false).cipher(cipher, mac).rig();
            rig.service();
            rig.peer.seal(&password_request("robey", "foo")).len()
        };
        for byte in 0..length {
            let mut rig = Setup::real(false).cipher(cipher, mac).rig();
            rig.service();
            let mut packet = rig.peer.seal(&password_request("robey", "foo"));
            packet[byte] ^= 1 << (byte % 8);
            // A longer length than sent makes it wait: give it enough to decide.
            packet.resize(LIMIT as usize + 200, 0);
            rig.send_raw(&packet);
            unauthentic(&mut rig);
            assert!(!rig.conn.is_authenticated());
            assert!(
                !rig.events.iter().any(|event| matches!(event, Event::Attempt(_) | Event::Authenticated))
            );
        }
    }
}

#[test]
fn a_repeated_and_a_missing_packet_fail_their_authentication() {
    for (cipher, mac) in MODES {
        let mut rig = Setup::real(false).cipher(cipher, mac).rig();
        rig.service();
        let packet = rig.peer.seal(&[2, 0, 0, 0, 0]);
        rig.send_raw(&packet);
        rig.assert_alive();
        rig.send_raw(&packet);
        // What is behind it is needed where a wrong length is read out of it.
        rig.send_raw(&vec![0; LIMIT as usize + 200]);
        unauthentic(&mut rig);

        let mut rig = Setup::real(false).cipher(cipher, mac).rig();
        rig.service();
        rig.peer.seal(&[2, 0, 0, 0, 0]);
        rig.send(&[2, 0, 0, 0, 0]);
        rig.send_raw(&vec![0; LIMIT as usize + 200]);
        unauthentic(&mut rig);
    }
}
