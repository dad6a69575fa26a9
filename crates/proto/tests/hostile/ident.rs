//! Something else instead of a version line.

use feramiko_proto::{ConnectionError, DisconnectReason, Phase, ProtocolError};

use crate::support::{Rig, Setup};

const VERSION_NOT_SUPPORTED: Option<DisconnectReason> = Some(DisconnectReason::ProtocolVersionNotSupported);

/// What ends the connection, with `line` of what came in the error.
fn not_ssh(mut rig: Rig, bytes: &[u8]) -> String {
    rig.peer.auto = false;
    rig.send_raw(bytes);
    let error = rig.assert_ended(VERSION_NOT_SUPPORTED);
    assert_eq!(rig.conn.phase(), Phase::Identification);
    match &error {
        ConnectionError::Protocol(ProtocolError::NotSsh { line, .. }) => {
            assert!(!error.to_string().contains('\x1b'), "escapes in {error}");
            line.clone()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn defect_054_a_server_refuses_the_first_line_that_is_no_version() {
    let rig = || Setup::fake(false).rig();
    assert_eq!(not_ssh(rig(), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "GET / HTTP/1.1\nHost: x\n\n");
    not_ssh(rig(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    not_ssh(rig(), b"\x1b]0;title\x07\r\n");
    not_ssh(rig(), b"\r\n");
    not_ssh(rig(), b"\0");
}

#[test]
fn defect_054_old_protocols_and_lines_without_end_are_refused_by_both_roles() {
    for client in [false, true] {
        let rig = || Setup::fake(client).rig();
        not_ssh(rig(), b"SSH-1.5-1.2.27\r\n");
        not_ssh(rig(), b"SSH-3.0-future\r\n");
        not_ssh(rig(), b"SSH-2.0-a\0b\r\n");
        not_ssh(rig(), &[b"SSH-2.0-".as_slice(), &[b'x'; 300]].concat());
    }
}

#[test]
fn defect_054_a_client_reads_1024_lines_of_255_bytes_before_the_version_and_no_more() {
    let banner = [&[b'x'; 253][..], b"\r\n"].concat();
    let mut rig = Setup::fake(true).rig();
    rig.peer.auto = false;
    rig.send_raw(&banner.repeat(1024));
    rig.assert_alive();
    rig.login();

    not_ssh(Setup::fake(true).rig(), &banner.repeat(1025));
    not_ssh(Setup::fake(true).rig(), &[b'x'; 255]);
}
