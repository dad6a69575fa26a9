//! Requests and their replies, on channels and on the connection.

use super::*;
use crate::event::{ExitStatus, Pty, WindowSize};
use crate::msg::global as wire_global;

fn fields(request: &Request) -> (String, Vec<u8>) {
    let (name, fields) = fields::encode(request).expect("it can be sent");
    (name.to_owned(), fields)
}

fn ask(side: &mut Side, asked: &Request, want_reply: bool) -> Result<(), ProtocolError> {
    let (name, fields) = fields(asked);
    side.give(|m| request(&name, want_reply, &fields).encode(m))
}

fn global(name: &str, want_reply: bool) -> impl FnOnce(&mut Vec<u8>) + use<'_> {
    move |m| wire_global::GlobalRequest { name, want_reply, data: Rest(b"data") }.encode(m)
}

fn globals(side: &mut Side) -> Vec<GlobalRequest> {
    let requests = side.events().into_iter().map(|event| match event {
        Event::Global(request) => request,
        other => panic!("no global request but {other:?}"),
    });
    requests.collect()
}

#[test]
fn a_session_hears_what_is_asked_of_it() {
    let (mut side, id) = Side::server_with_channel();
    let size = WindowSize { columns: 80, rows: 24, width: 0, height: 0 };
    let asked = [
        Request::Pty(Pty { term: "vt100".to_owned(), size, modes: vec![0] }),
        Request::Env { name: "A".to_owned(), value: b"\xff".to_vec() },
        Request::Exec(b"id".to_vec()),
        Request::WindowChange(size),
        Request::Signal("HUP".to_owned()),
        Request::Break { milliseconds: 1 },
        Request::Other { name: "auth-agent-req@openssh.com".to_owned(), data: Vec::new() },
    ];
    for asked in &asked {
        ask(&mut side, asked, true).expect("it may be asked");
    }
    let heard = side.requests();
    assert!(heard.iter().all(|request| request.channel() == id && request.want_reply()));
    assert_eq!(heard.iter().map(|request| request.request().clone()).collect::<Vec<_>>(), asked);
}

#[test]
fn replies_go_out_in_the_order_of_the_requests() {
    let (mut side, _) = Side::server_with_channel();
    for name in ["a", "b", "keepalive@openssh.com", "c"] {
        side.give(|m| request(name, true, b"").encode(m)).expect("it may be asked");
    }
    let mut requests = side.requests();
    assert_eq!(requests.len(), 3);
    assert!(side.sent().is_empty());
    let last = requests.pop().expect("three");
    side.channels.answer_request(last, true, &mut side.out);
    assert!(side.sent().is_empty(), "earlier ones come first");
    let first = requests.remove(0);
    side.channels.answer_request(first, true, &mut side.out);
    assert_eq!(side.sent_numbers(), [99]);
    let second = requests.remove(0);
    side.channels.answer_request(second, false, &mut side.out);
    let sent = side.sent();
    assert_eq!(sent, [b"\x64\0\0\0\x46", b"\x64\0\0\0\x46", b"\x63\0\0\0\x46"], "b, the keepalive, c");
}

#[test]
fn requests_beyond_the_limit_fail_in_their_turn() {
    let (mut side, _) = Side::server_with_channel();
    for _ in 0..40 {
        side.give(|m| request("x@example.com", true, b"").encode(m)).expect("it may be asked");
    }
    let requests = side.requests();
    assert_eq!(requests.len(), 32);
    assert!(side.sent().is_empty());
    for request in requests {
        side.channels.answer_request(request, true, &mut side.out);
    }
    assert_eq!(side.sent_numbers(), [[99; 32].as_slice(), &[100; 8]].concat());
    let flood = (0..100_000)
        .find(|_| side.give(|m| request("x@example.com", true, b"").encode(m)).is_err())
        .expect("there is an end to patience");
    assert!(flood > 1000, "{flood}");
    assert_eq!(side.requests().len(), 32);
}

#[test]
fn requests_that_want_no_reply_do_not_pile_up() {
    let (mut side, _) = Side::server_with_channel();
    let change = Request::WindowChange(WindowSize::default());
    for _ in 0..1000 {
        ask(&mut side, &change, false).expect("it may be asked");
    }
    assert_eq!(side.requests().len(), 32);
    for _ in 0..1000 {
        ask(&mut side, &change, false).expect("it may be asked");
        assert_eq!(side.requests().len(), 1, "whoever fetches events misses nothing");
    }
    assert!(side.sent().is_empty());
}

#[test]
fn defect_086_a_truncated_request_is_refused_at_every_byte() {
    let exit = ExitStatus::Signal { name: "SEGV".to_owned(), core_dumped: true, message: "oh".to_owned() };
    for asked in [Request::Exit(ExitStatus::Code(1)), Request::Exit(exit), Request::Exec(b"id".to_vec())] {
        let (name, fields) = fields(&asked);
        let mut whole = Vec::new();
        request(&name, true, &fields).encode(&mut whole);
        for end in 1..whole.len() {
            let (mut side, _) = Side::client_with_channel();
            assert!(is_malformed(side.give(|m| m.extend_from_slice(&whole[..end]))), "{name}, {end} bytes");
        }
        whole.push(0);
        let (mut side, _) = Side::client_with_channel();
        assert!(is_malformed(side.give(|m| m.extend_from_slice(&whole))), "{name} and a byte more");
    }
}

#[test]
fn defect_087_how_a_program_ended_is_told_once() {
    let (mut side, id) = Side::client_with_channel();
    let exit = |code| Request::Exit(ExitStatus::Code(code));
    ask(&mut side, &exit(3), false).expect("it may be told");
    let signal = ExitStatus::Signal { name: "KILL".to_owned(), core_dumped: false, message: String::new() };
    ask(&mut side, &Request::Exit(signal), false).expect("what is told again does no harm");
    ask(&mut side, &exit(4), true).expect("what is told again does no harm");
    assert_eq!(side.told(), [format!("Exited({id:?}, Code(3))")]);
    assert_eq!(side.at(id).exit_status(), Some(&ExitStatus::Code(3)));
    assert_eq!(side.sent_numbers(), [100]);

    let (mut server, id) = Side::server_with_channel();
    ask(&mut server, &exit(0), false).expect("it may be told, in vain");
    assert!(server.events().is_empty());
    assert_eq!(server.at(id).exit_status(), None, "whoever opened a session runs nothing in it");
}

#[test]
fn how_a_program_ended_is_known_even_after_our_close() {
    let (mut side, id) = Side::client_with_channel();
    side.at(id).close();
    side.events();
    ask(&mut side, &Request::Exit(ExitStatus::Code(3)), false).expect("their close has not come");
    assert_eq!(side.told(), [format!("Exited({id:?}, Code(3))")]);
}

#[test]
fn defect_088_a_session_has_one_program() {
    let programs = [Request::Shell, Request::Exec(b"id".to_vec()), Request::Subsystem("sftp".to_owned())];
    for first in &programs {
        for second in &programs {
            for want_reply in [false, true] {
                let (mut side, _) = Side::server_with_channel();
                ask(&mut side, first, want_reply).expect("it may be asked");
                ask(&mut side, second, true).expect("it may be asked, in vain");
                let mut requests = side.requests();
                assert_eq!(requests.len(), 1);
                if want_reply {
                    side.channels.answer_request(requests.remove(0), true, &mut side.out);
                }
                let refused = if want_reply { &[99, 100][..] } else { &[100] };
                assert_eq!(side.sent_numbers(), refused);
                ask(&mut side, second, true).expect("it may be asked, in vain");
                assert_eq!(side.sent_numbers(), [100]);
            }
        }
    }
}

#[test]
fn a_program_that_was_refused_leaves_room_for_another() {
    let (mut side, _) = Side::server_with_channel();
    ask(&mut side, &Request::Subsystem("sftp".to_owned()), true).expect("it may be asked");
    let refused = side.requests().remove(0);
    side.channels.answer_request(refused, false, &mut side.out);
    ask(&mut side, &Request::Exec(b"sftp-server".to_vec()), true).expect("it may be asked");
    assert_eq!(side.requests().len(), 1);
}

#[test]
fn programs_run_only_in_sessions_that_the_peer_opened() {
    let (mut client, _) = Side::client_with_channel();
    ask(&mut client, &Request::Exec(b"id".to_vec()), true).expect("it may be asked, in vain");
    let mut server = Side::server();
    server
        .give(|m| wire::Open { kind: "direct-tcpip", ..session(THEIRS) }.encode(m))
        .expect("opens may come");
    let offer = server.offered();
    server.channels.accept(offer, &mut server.out).expect("it is offered");
    server.sent();
    ask(&mut server, &Request::Shell, true).expect("it may be asked, in vain");
    for side in [&mut client, &mut server] {
        assert!(side.events().is_empty());
        assert_eq!(side.sent_numbers(), [100]);
    }
}

#[test]
fn defect_089_bad_terminal_modes_fail_the_request() {
    let (mut side, _) = Side::server_with_channel();
    side.give(|m| request("pty-req", true, b"\0\0\0\0aaaabbbbccccdddd\0\0\0\x02\x01\0").encode(m))
        .expect("a failure is enough");
    assert!(side.events().is_empty());
    assert_eq!(side.sent_numbers(), [100]);
}

#[test]
fn the_end_of_write_is_told_once() {
    let (mut side, id) = Side::client_with_channel();
    ask(&mut side, &Request::EndOfWrite, false).expect("it may be told");
    ask(&mut side, &Request::EndOfWrite, false).expect("it may be told");
    assert_eq!(side.told(), [format!("EndOfWrite({id:?})")]);
}

#[test]
fn our_requests_are_answered_in_order() {
    let (mut side, id) = Side::client_with_channel();
    let ask =
        |side: &mut Side, want_reply| side.at(id).request(&Request::Shell, want_reply).expect("it is open");
    let first = ask(&mut side, true).expect("a reply is wanted");
    assert_eq!(ask(&mut side, false), None);
    let second = ask(&mut side, true).expect("a reply is wanted");
    assert_ne!(first, second);
    assert_eq!(side.sent_numbers(), [98, 98, 98]);
    side.give(|m| wire::RequestFailure { recipient: 0 }.encode(m)).expect("one is due");
    side.give(|m| wire::RequestSuccess { recipient: 0 }.encode(m)).expect("one is due");
    let answers: Vec<(RequestId, bool)> = side
        .events()
        .into_iter()
        .map(|event| match event {
            Event::RequestAnswered { channel, request, success } if channel == id => (request, success),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(answers, [(first, false), (second, true)]);
}

#[test]
fn global_requests_are_answered_in_order() {
    let mut side = Side::server();
    side.channels.handle_global(&["tcpip-forward", "cancel-tcpip-forward"]);
    for name in ["tcpip-forward", "keepalive@openssh.com", "hostkeys-00@openssh.com", "cancel-tcpip-forward"]
    {
        side.give(global(name, true)).expect("it may be asked");
    }
    side.give(global("unknown", false)).expect("it may be asked");
    assert!(side.sent().is_empty(), "the first is not answered");
    let mut requests = globals(&mut side);
    assert_eq!(requests.len(), 2);
    assert_eq!((requests[0].name(), requests[0].data()), ("tcpip-forward", &b"data"[..]));
    let last = requests.pop().expect("two");
    side.channels.answer_global(last, Some(b""), &mut side.out);
    assert!(side.sent().is_empty());
    side.channels.answer_global(requests.remove(0), Some(b"port"), &mut side.out);
    assert_eq!(side.sent(), [&b"\x51port"[..], b"\x52", b"\x52", b"\x51"]);
}

#[test]
fn unknown_global_requests_are_refused_at_once() {
    let mut side = Side::client();
    side.give(global("x@example.com", true)).expect("it may be asked");
    side.give(global("hostkeys-00@openssh.com", false)).expect("it may be told");
    assert_eq!(side.sent_numbers(), [82]);
    assert!(side.events().is_empty());
}

#[test]
fn global_requests_beyond_the_limit_fail_in_their_turn() {
    let mut side = Side::server();
    side.channels.handle_global(&["x"]);
    for _ in 0..40 {
        side.give(global("x", true)).expect("it may be asked");
        side.give(global("x", false)).expect("it may be asked");
    }
    let requests = globals(&mut side);
    assert_eq!(requests.len(), 64);
    for request in requests {
        side.channels.answer_global(request, None, &mut side.out);
    }
    assert_eq!(side.sent_numbers(), [82; 40]);
    assert!((0..100_000).any(|_| is_broken(side.give(global("x", true)))), "there is an end to patience");
}

#[test]
fn defect_080_stray_global_replies_are_refused() {
    for reply in [&b"\x51data"[..], b"\x52"] {
        let mut side = Side::client();
        assert!(is_broken(side.give(|m| m.extend_from_slice(reply))));
        let asked = side.channels.global_request("x", b"", true, &mut side.out).expect("it can be sent");
        assert_eq!(side.channels.global_request("x", b"", false, &mut side.out), Ok(None));
        side.give(|m| m.extend_from_slice(reply)).expect("one is due");
        let Some(Event::GlobalAnswered { request, reply: data }) = side.events().pop() else {
            panic!("an answer is told")
        };
        assert_eq!((Some(request), data.as_deref()), (asked, reply.get(1..).filter(|data| !data.is_empty())));
        assert!(is_broken(side.give(|m| m.extend_from_slice(reply))), "and one only");
    }
    assert!(is_malformed(Side::client().give(|m| m.extend_from_slice(b"\x52junk"))));
}
