//! A peer that stops at each byte of the handshake and the login in turn: hangs up, or says nothing more.

use std::time::Duration;

use feramiko_proto::{ConnectionError, Deadline, DisconnectReason, Event, Method, Phase, Secret};
use feramiko_testkit::seed_random;

use crate::support::{Rig, Setup, password_request, strings};

const GRACE: Duration = Duration::from_secs(30);

/// The whole way to a login, of which only `bytes` bytes of the peer's arrive.
fn walk(client: bool, bytes: usize) -> Rig {
    seed_random(1);
    let mut setup = Setup::fake(client).with_ext_info();
    setup.common.timing.login = Some(GRACE);
    let mut rig = setup.rig();
    rig.budget = bytes;
    rig.identify();
    if !rig.peer.knows_both_offers() && rig.peer.session_id.is_none() {
        rig.peer.send_kexinit();
        rig.pump();
    }
    if rig.peer.session_id.is_none() || (client && rig.last_heard()[0] != 5) {
        return rig;
    }
    if client {
        rig.send(&strings(6, &["ssh-userauth"]));
        if rig.events.iter().any(|event| matches!(event, Event::Ready)) {
            rig.authenticate(Method::Password(Secret::from("foo")));
            rig.send(&[52]);
        }
    } else {
        rig.send(&strings(5, &["ssh-userauth"]));
        rig.send(&password_request("robey", "foo"));
    }
    rig
}

/// How many bytes the peer sends until the login is done.
fn whole_way(client: bool) -> usize {
    let plenty = 1 << 20;
    let rig = walk(client, plenty);
    assert!(rig.conn.is_authenticated());
    plenty - rig.budget
}

#[test]
fn the_end_of_the_link_at_each_byte_is_told_with_what_was_under_way() {
    for client in [false, true] {
        let whole = whole_way(client);
        let mut phases = Vec::new();
        for bytes in 0..=whole {
            let mut rig = walk(client, bytes);
            assert_eq!(rig.conn.is_authenticated(), bytes == whole);
            let phase = rig.conn.phase();
            rig.conn.receive_eof(rig.now);
            rig.pump();
            match rig.assert_ended(None) {
                ConnectionError::Eof { during } => assert_eq!(during, phase),
                other => panic!("{other:?} after {bytes} bytes"),
            }
            phases.push(phase);
        }
        assert!(phases.is_sorted(), "a connection only goes forward");
        phases.dedup();
        let all = [Phase::Identification, Phase::KeyExchange, Phase::Authentication, Phase::Open];
        assert_eq!(phases, all);
    }
}

#[test]
fn defect_055_silence_at_each_byte_ends_at_the_deadline() {
    let version = "SSH-2.0-hostile\r\n".len();
    for client in [false, true] {
        let whole = whole_way(client);
        for bytes in 0..=whole {
            let mut rig = walk(client, bytes);
            let start = rig.now;
            let Some(at) = rig.conn.poll_timeout().filter(|_| bytes < whole) else {
                assert_eq!(bytes, whole, "no deadline");
                continue;
            };
            // Nothing happens a moment earlier.
            rig.wait(at - start - Duration::from_nanos(1));
            rig.assert_alive();
            rig.wait(Duration::from_nanos(1));
            let error = rig.assert_ended(Some(DisconnectReason::ByApplication));
            let ConnectionError::TimedOut(deadline) = error else { panic!("{error:?}") };
            let expected = match bytes < version {
                true => Deadline::Identification(Duration::from_secs(10)),
                false => Deadline::Login(GRACE),
            };
            assert_eq!(deadline, expected, "{bytes} bytes");
        }
    }
}
