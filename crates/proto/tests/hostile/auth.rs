//! What nobody may say before, during and about authentication.

use feramiko_proto::{ConnectionError, Decision, DisconnectReason, Event, Method, ProtocolError, Secret};

use crate::support::{Rig, Setup, interactive_request, message, password_request, strings};

type Reach = fn(&mut Rig) -> &mut Rig;

#[test]
fn defect_001_a_server_takes_no_answers_of_a_server() {
    let failure = message(51, |writer| {
        writer.string(b"");
        writer.boolean(true);
    });
    let reach: [Reach; 4] = [Rig::identify, Rig::exchange, Rig::service, Rig::login];
    for reach in reach {
        for payload in [failure.clone(), vec![52], strings(53, &["x", ""]), vec![60]] {
            let mut rig = Setup::fake(false).rig();
            rig.decision = Some(Decision::Accept);
            reach(&mut rig);
            let before = rig.conn.is_authenticated();
            rig.send(&payload);
            rig.assert_protocol_error();
            assert_eq!(rig.conn.is_authenticated(), before, "message {}", payload[0]);
        }
    }
}

#[test]
fn defect_001_a_client_takes_no_request_of_a_client() {
    let reach: [Reach; 4] = [Rig::identify, Rig::exchange, Rig::service, Rig::login];
    for reach in reach {
        for payload in [password_request("robey", "foo"), vec![61, 0, 0, 0, 0]] {
            let mut rig = Setup::fake(true).rig();
            reach(&mut rig);
            rig.send(&payload);
            rig.assert_protocol_error();
        }
    }
}

#[test]
fn authentication_needs_the_service_and_only_that_service() {
    let mut rig = Setup::fake(false).rig();
    rig.exchange();
    rig.send(&password_request("robey", "foo"));
    rig.assert_protocol_error();

    for service in ["ssh-connection", "", "ssh-userauth\0", "SSH-USERAUTH"] {
        let mut rig = Setup::fake(false).rig();
        rig.exchange();
        rig.send(&strings(5, &[service]));
        let error = rig.assert_ended(Some(DisconnectReason::ServiceNotAvailable));
        assert!(matches!(error, ConnectionError::Protocol(ProtocolError::Service)), "{error:?}");
    }
    // A server that grants something else than was asked for.
    let mut rig = Setup::fake(true).rig();
    rig.exchange();
    rig.send(&strings(6, &["ssh-connection"]));
    rig.assert_protocol_error();
}

#[test]
fn defect_002_a_channel_before_authentication_is_never_heard_of() {
    let open = message(90, |writer| {
        writer.string(b"session");
        [0, 1 << 20, 1 << 15].into_iter().for_each(|number| writer.u32(number));
    });
    let exec = message(98, |writer| {
        writer.u32(0);
        writer.string(b"exec");
        writer.boolean(true);
        writer.string(b"id");
    });
    for payload in [open, exec, message(80, |writer| writer.string(b"tcpip-forward"))] {
        let reach: [Reach; 2] = [Rig::exchange, Rig::service];
        for reach in reach {
            let mut rig = Setup::fake(false).rig();
            reach(&mut rig);
            rig.send(&payload);
            rig.assert_protocol_error();
            let heard =
                |event: &Event| matches!(event, Event::Open(_) | Event::Request(_) | Event::Global(_));
            assert!(!rig.events.iter().any(heard));
        }
    }
}

#[test]
fn defect_040_authentication_cannot_be_skipped_with_odd_requests() {
    let request = |user: &str, service: &str, method: &str| strings(50, &[user, service, method]);
    for payload in [
        request("robey", "ssh-connection", ""),
        request("robey", "ssh-connection", "none\0"),
        request("robey", "ssh-connection", "\0"),
        request("robey", "ssh-connection", "null"),
        request("", "ssh-connection", "none"),
        request("robey", "", "none"),
        request("robey", "ssh-userauth", "none"),
        request("robey", "ssh-connection", "none"),
    ] {
        // The application would let anybody in: it is not asked, because `none` is not enabled.
        let mut rig = Setup::fake(false).rig();
        rig.service();
        rig.send(&payload);
        assert!(!rig.conn.is_authenticated());
        assert!(!rig.events.iter().any(|event| matches!(event, Event::Authenticated)));
        assert!(rig.ended().is_some() || rig.last_heard()[0] == 51, "{:?}", rig.last_heard());
    }
}

#[test]
fn answers_to_questions_that_nobody_asked_end_the_connection() {
    let answers = |count: u32| {
        message(61, |writer| {
            writer.u32(count);
            (0..count).for_each(|_| writer.string(b"x"));
        })
    };
    let mut rig = Setup::fake(false).rig();
    rig.service();
    rig.send(&answers(1));
    rig.assert_protocol_error();

    // As many as were asked for.
    for count in [0, 2, 60] {
        let mut rig = Setup::fake(false).rig();
        rig.service();
        rig.send(&interactive_request("robey"));
        assert_eq!(rig.last_heard()[0], 60);
        rig.send(&answers(count));
        assert_eq!(rig.last_heard()[0], 51, "{count} answers to one question");
        assert!(!rig.conn.is_authenticated());
    }
    let mut rig = Setup::fake(false).rig();
    rig.service();
    rig.send(&interactive_request("robey"));
    rig.send(&message(61, |writer| writer.u32(u32::MAX)));
    assert!(matches!(rig.assert_protocol_error(), ProtocolError::Malformed { message: 61, .. }));
}

#[test]
fn defect_092_what_nobody_knows_is_answered_with_unimplemented_and_no_more() {
    for client in [false, true] {
        let mut rig = Setup::fake(client).rig();
        rig.login();
        for number in (8..=19).chain(194..=255) {
            let sequence = rig.peer.sent;
            rig.send(&[number, 1, 2, 3]);
            assert_eq!(rig.last_heard(), message(3, |writer| writer.u32(sequence)));
        }
        // OpenSSH's roaming asked for what was in memory: an unknown global request is refused.
        let heard = rig.heard.len();
        rig.send(&message(80, |writer| {
            writer.string(b"roaming@appgate.com");
            writer.boolean(true);
        }));
        assert_eq!(rig.heard[heard..], [vec![82]]);
        rig.assert_alive();
    }
}

#[test]
fn a_client_that_sends_requests_behind_a_success_is_not_logged_in_twice() {
    let mut rig = Setup::fake(false).rig();
    rig.login();
    let heard = rig.heard.len();
    rig.send(&password_request("root", "bar"));
    rig.assert_alive();
    assert_eq!((rig.heard.len(), rig.conn.user()), (heard, Some("robey")));
}

#[test]
fn defect_043_success_that_nobody_asked_for_ends_a_client() {
    let mut rig = Setup::fake(true).rig();
    rig.service();
    rig.send(&[52]);
    rig.assert_protocol_error();
    assert!(!rig.conn.is_authenticated());

    let mut rig = Setup::fake(true).rig();
    rig.login();
    rig.send(&[52]);
    rig.assert_protocol_error();

    // A password is not sent again because a server says the first message never came.
    let mut rig = Setup::fake(true).rig();
    rig.service();
    rig.authenticate(Method::Password(Secret::from("foo")));
    let requests = |rig: &Rig| rig.heard.iter().filter(|payload| payload[0] == 50).count();
    assert_eq!(requests(&rig), 1);
    rig.send(&message(3, |writer| writer.u32(0)));
    assert_eq!(requests(&rig), 1);
}
