//! Half-close, close, forget, and which message may come when.

use super::*;
use crate::event::{Read, Write};

/// Messages 91 to 100 for channel 0, well-formed.
fn message(number: u8, packet: &mut Vec<u8>) {
    let recipient = 0;
    match number {
        91 => confirmation(0, THEIRS).encode(packet),
        92 => wire::OpenFailure { recipient, reason: 2, description: b"no", language: b"" }.encode(packet),
        93 => wire::WindowAdjust { recipient, bytes: 1 }.encode(packet),
        94 => data(b"x").encode(packet),
        95 => stderr(b"x").encode(packet),
        96 => wire::Eof { recipient }.encode(packet),
        97 => wire::Close { recipient }.encode(packet),
        98 => request("x@example.com", true, b"").encode(packet),
        99 => wire::RequestSuccess { recipient }.encode(packet),
        _ => wire::RequestFailure { recipient }.encode(packet),
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    WeAsk,
    WeFinish,
    WeClose,
    WeForget,
    TheyFinish,
    TheyClose,
}

fn after(steps: &[Step]) -> (Side, ChannelId) {
    let (mut side, id) = Side::client_with_channel();
    for step in steps {
        match step {
            Step::WeAsk => drop(side.at(id).request(&Request::Shell, true)),
            Step::WeFinish => side.at(id).finish().expect("it is confirmed"),
            Step::WeClose => side.at(id).close(),
            Step::WeForget => side.at(id).forget(),
            Step::TheyFinish => side.give(|m| message(96, m)).expect("they may"),
            Step::TheyClose => side.give(|m| message(97, m)).expect("they may"),
        }
    }
    side.sent();
    side.events();
    (side, id)
}

#[test]
fn defect_082_every_message_in_every_state_of_a_channel() {
    use Step::*;
    // Columns: messages 91 to 100; `-` is a protocol error.
    let table: [(&[Step], &str); 14] = [
        (&[], "--ooooooo"),
        (&[WeAsk], "--ooooooo"),
        (&[WeFinish], "--ooooooo"),
        (&[TheyFinish], "--o--ooo"),
        (&[WeFinish, TheyFinish], "--o--ooo"),
        (&[WeClose], "--ooooooo"),
        (&[WeFinish, WeClose], "--ooooooo"),
        (&[TheyFinish, WeClose], "--o--ooo"),
        (&[WeForget], "--ooooooo"),
        (&[WeForget, TheyFinish], "--o--ooo"),
        (&[TheyClose], "--------"),
        (&[WeClose, TheyClose], "--------"),
        (&[WeForget, TheyClose], "--------"),
        (&[WeAsk, TheyFinish, WeFinish, TheyClose], "--------"),
    ];
    for (steps, row) in table {
        let asked = matches!(steps, [WeAsk]);
        for (number, allowed) in (91..).zip(row[..8].chars().chain([if asked { 'o' } else { '-' }; 2])) {
            let (mut side, _) = after(steps);
            let result = side.give(|m| message(number, m));
            assert_eq!(is_broken(result.clone()), allowed == '-', "{steps:?}, {number}: {result:?}");
        }
    }
}

#[test]
fn defect_082_nothing_but_the_answer_comes_before_a_confirmation() {
    for number in 91..=100 {
        let mut side = Side::client();
        side.channels.open("session", b"", &mut side.out).expect("there is room");
        assert_eq!(is_broken(side.give(|m| message(number, m))), number > 92, "{number}");
        let mut nobody = Side::client();
        assert!(is_broken(nobody.give(|m| message(number, m))), "{number} for no channel");
        // An open that nobody has accepted has no number yet.
        let mut offered = Side::server();
        offered.give(|m| session(0).encode(m)).expect("opens may come");
        assert!(is_broken(offered.give(|m| message(number, m))), "{number} before it is accepted");
    }
}

#[test]
fn defect_080_stray_replies_are_refused() {
    for number in [99, 100] {
        let (mut side, id) = Side::client_with_channel();
        assert!(is_broken(side.give(|m| message(number, m))));
        side.at(id).request(&Request::Shell, true).expect("the channel is open");
        side.give(|m| message(number, m)).expect("one is due");
        assert!(is_broken(side.give(|m| message(number, m))), "and one only");
    }
}

#[test]
fn after_our_close_nothing_is_sent() {
    for number in 93..=98 {
        for how in [Step::WeClose, Step::WeForget] {
            let (mut side, id) = after(&[how]);
            side.give(|m| message(number, m)).expect("their close has not come");
            assert!(side.sent().is_empty(), "{number} after {how:?}");
            if matches!(how, Step::WeForget) {
                assert!(side.events().is_empty(), "{number}");
            } else {
                assert_eq!(side.at(id).readable(Stream::Data), 0, "what comes after our close is dropped");
            }
        }
    }
}

#[test]
fn data_after_our_close_is_still_bound_by_the_window() {
    let limits = Limits { window: 128 * 1024, ..Limits::default() };
    let mut side = Side::new(&limits, true);
    let id = side.channels.open("session", b"", &mut side.out).expect("there is room");
    side.give(|m| confirmation(0, THEIRS).encode(m)).expect("a confirmation is due");
    side.at(id).close();
    side.give(|m| data(&vec![0; 128 * 1024]).encode(m)).expect("the window allows it");
    assert!(is_broken(side.give(|m| data(b"x").encode(m))));
}

#[test]
fn end_of_data_and_close_follow_what_was_written() {
    let (mut side, id) = Side::client_with_channel();
    assert_eq!(side.at(id).write(Stream::Data, b"last words"), Ok(Write::Taken(10)));
    side.at(id).finish().expect("it is open");
    side.at(id).finish().expect("again does nothing");
    assert!(matches!(side.at(id).write(Stream::Data, b"x"), Err(Misuse::ChannelState(_))));
    side.at(id).request(&Request::Exit(crate::ExitStatus::Code(0)), false).expect("requests may follow");
    side.at(id).close();
    side.at(id).close();
    side.at(id).finish().expect("there is nothing left to say");
    assert!(side.at(id).request(&Request::Shell, true).is_err());
    assert_eq!(side.sent_numbers(), [94, 96, 98, 97]);
}

#[test]
fn end_of_data_waits_for_a_key_exchange_in_its_place() {
    let (mut side, id) = Side::client_with_channel();
    side.at(id).write(Stream::Data, b"before").expect("it is open");
    side.start_exchange();
    assert_eq!(side.at(id).write(Stream::Data, b"during"), Ok(Write::Blocked));
    side.at(id).finish().expect("it is open");
    side.at(id).close();
    assert_eq!(side.sent_numbers(), [94]);
    side.end_exchange();
    assert_eq!(side.sent_numbers(), [96, 97]);
    assert!(
        side.told().iter().all(|event| !event.starts_with("Writable")),
        "a closed channel is not writable"
    );
}

#[test]
fn what_was_received_is_read_after_both_have_closed() {
    let (mut side, id) = Side::client_with_channel();
    side.give(|m| data(b"out").encode(m)).expect("it is open");
    side.give(|m| stderr(b"err").encode(m)).expect("it is open");
    assert_eq!(side.told().len(), 2);
    side.give(|m| message(97, m)).expect("they may close");
    assert_eq!(side.sent_numbers(), [97], "a close is answered at once");
    assert!(side.at(id).is_closed());
    assert_eq!(side.told(), ["Closed(ChannelId(0))"], "both streams have something to read already");
    let mut buffer = [0; 10];
    assert_eq!(side.at(id).read(Stream::Data, &mut buffer), Read::Data(3));
    assert_eq!(&buffer[..3], b"out");
    assert!(!side.at(id).is_eof(Stream::Stderr));
    assert_eq!(side.at(id).read(Stream::Stderr, &mut buffer), Read::Data(3));
    assert_eq!(side.at(id).read(Stream::Stderr, &mut buffer), Read::Eof);
    assert!(side.at(id).is_eof(Stream::Data));
    side.at(id).forget();
    assert!(side.is_gone(id));
    assert!(side.sent().is_empty());
    assert_eq!(side.channels.shared.budget.used(), 0);
}

#[test]
fn the_end_is_announced_where_nothing_is_there_to_read() {
    let (mut side, id) = Side::client_with_channel();
    side.give(|m| data(b"x").encode(m)).expect("it is open");
    side.events();
    side.give(|m| message(96, m)).expect("it is open");
    assert_eq!(side.told(), [format!("Readable({id:?}, Stderr)")]);
    assert_eq!(side.channels.shared.budget.used(), 1, "other windows may have what this one needs no more");
    side.give(|m| message(96, m)).expect("some peers repeat it");
    assert!(side.events().is_empty());
    assert_eq!(side.at(id).read(Stream::Data, &mut [0; 9]), Read::Data(1));
    assert_eq!(side.at(id).read(Stream::Data, &mut [0; 9]), Read::Eof);
    assert_eq!(side.at(id).write(Stream::Data, b"still"), Ok(Write::Taken(5)), "the other half is open");
}

#[test]
fn a_close_answers_the_requests_that_nobody_answered() {
    let (mut side, id) = Side::client_with_channel();
    let first = side.at(id).request(&Request::Shell, true).expect("it is open").expect("a reply is wanted");
    let second = side.at(id).request(&Request::Shell, true).expect("it is open").expect("a reply is wanted");
    side.events();
    side.give(|m| message(97, m)).expect("they may close");
    let answers: Vec<_> = side
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::RequestAnswered { request, success, .. } => Some((request, success)),
            _ => None,
        })
        .collect();
    assert_eq!(answers, [(first, false), (second, false)]);
}

#[test]
fn a_forgotten_channel_lives_until_the_peer_has_closed() {
    let (mut side, id) = Side::client_with_channel();
    side.give(|m| data(b"unread").encode(m)).expect("it is open");
    side.events();
    side.at(id).forget();
    assert_eq!(side.sent_numbers(), [97]);
    assert!(!side.is_gone(id));
    let next = side.channels.open("session", b"", &mut side.out).expect("there is room");
    let sent = side.sent();
    let open = wire::Open::decode(&sent[0]).expect("an open");
    assert_eq!(open.sender, 1, "number 0 is in use until their close");
    side.give(|m| message(97, m)).expect("their close is due");
    assert!(side.is_gone(id));
    assert!(side.events().is_empty() && side.sent().is_empty());
    side.channels.open("session", b"", &mut side.out).expect("there is room");
    let sent = side.sent();
    assert_eq!(wire::Open::decode(&sent[0]).expect("an open").sender, 0, "and free after it");
    assert!(!side.is_gone(next));
}

#[test]
fn after_the_end_of_the_connection_what_came_is_read_and_nothing_is_sent() {
    let (mut side, id) = Side::client_with_channel();
    side.give(|m| data(b"abc").encode(m)).expect("it is open");
    side.at(id).request(&Request::Shell, true).expect("it is open");
    side.sent();
    side.events();
    side.channels.end();
    assert_eq!(side.at(id).read(Stream::Data, &mut [0; 9]), Read::Data(3));
    assert_eq!(side.at(id).read(Stream::Data, &mut [0; 9]), Read::Blocked, "the peer never sent an end");
    assert_eq!(side.at(id).write(Stream::Data, b"x"), Err(Misuse::ConnectionClosed));
    assert_eq!(side.at(id).finish(), Err(Misuse::ConnectionClosed));
    side.at(id).close();
    assert_eq!(side.channels.open("session", b"", &mut side.out), Err(Misuse::ConnectionClosed));
    side.at(id).forget();
    assert!(side.is_gone(id));
    assert!(side.sent().is_empty() && side.events().is_empty());
}
