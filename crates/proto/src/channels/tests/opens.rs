//! Opens of both sides.

use super::*;

fn failure(side: &mut Side) -> (u32, u32) {
    let sent = side.sent();
    let failure = wire::OpenFailure::decode(&sent[0]).expect("a refusal");
    (failure.recipient, failure.reason)
}

#[test]
fn an_accepted_open_has_the_id_it_was_offered_with() {
    let mut side = Side::server();
    side.give(|m| wire::Open { kind: "x@example.com", data: Rest(b"more"), ..session(THEIRS) }.encode(m))
        .expect("opens may come");
    let offer = side.offered();
    assert_eq!((offer.kind(), offer.data()), ("x@example.com", &b"more"[..]));
    let id = offer.id();
    assert!(side.is_gone(id), "not accepted yet");
    assert_eq!(side.channels.accept(offer, &mut side.out), Ok(id));
    let sent = side.sent();
    let confirmation = wire::OpenConfirmation::decode(&sent[0]).expect("a confirmation");
    assert_eq!(
        (confirmation.recipient, confirmation.window, confirmation.packet),
        (THEIRS, 2 << 20, 128 << 10)
    );
    side.give(|m| data(b"x").encode(m)).expect("it is open");
    assert_eq!(side.at(id).readable(Stream::Data), 1);
}

#[test]
fn our_open_is_confirmed_or_refused() {
    let mut side = Side::client();
    let yes = side.channels.open("session", b"", &mut side.out).expect("there is room");
    let no = side.channels.open("direct-tcpip", b"where", &mut side.out).expect("there is room");
    assert!(matches!(side.at(no).write(Stream::Data, b"x"), Err(Misuse::ChannelState(_))));
    assert!(matches!(side.at(no).finish(), Err(Misuse::ChannelState(_))));
    let sent = side.sent();
    let open = wire::Open::decode(&sent[1]).expect("an open");
    assert_eq!(
        (open.kind, open.sender, open.window, open.data.0),
        ("direct-tcpip", 1, 2 << 20, &b"where"[..])
    );
    // Without the language tag, as old peers send it.
    side.give(|m| m.extend_from_slice(b"\x5c\0\0\0\x01\0\0\0\x02\0\0\0\x05nobod")).expect("an answer is due");
    side.give(|m| confirmation(0, THEIRS).encode(m)).expect("an answer is due");
    let told = side.told();
    assert!(told[0].starts_with("OpenFailed") && told[0].contains("nobod"), "{told:?}");
    assert_eq!(told[1], format!("Opened({yes:?})"));
    assert!(side.is_gone(no) && !side.is_gone(yes));
    side.channels.open("session", b"", &mut side.out).expect("there is room");
    assert_eq!(wire::Open::decode(&side.sent()[0]).expect("an open").sender, 1, "the number is free again");
}

#[test]
fn an_abandoned_open_is_closed_when_it_is_confirmed() {
    for forget in [false, true] {
        let mut side = Side::client();
        let id = side.channels.open("session", b"", &mut side.out).expect("there is room");
        if forget {
            side.at(id).forget()
        } else {
            side.at(id).close()
        }
        assert_eq!(side.sent_numbers(), [90]);
        side.give(|m| confirmation(0, THEIRS).encode(m)).expect("an answer is due");
        assert_eq!(side.sent_numbers(), [97]);
        side.give(|m| wire::Close { recipient: 0 }.encode(m)).expect("their close is due");
        assert_eq!(side.is_gone(id), forget);
        let told = side.told();
        assert!(told.iter().all(|event| !event.starts_with("Opened")), "{told:?}");
        assert_eq!(told.is_empty(), forget);
    }
}

#[test]
fn an_abandoned_open_that_is_refused_is_gone() {
    let mut side = Side::client();
    let id = side.channels.open("session", b"", &mut side.out).expect("there is room");
    side.at(id).forget();
    side.give(|m| wire::OpenFailure { recipient: 0, reason: 4, description: b"", language: b"" }.encode(m))
        .expect("an answer is due");
    assert!(side.is_gone(id) && side.events().is_empty());
}

#[test]
fn a_client_runs_no_sessions() {
    let mut side = Side::client();
    side.give(|m| session(THEIRS).encode(m)).expect("a refusal is enough");
    assert_eq!(failure(&mut side), (THEIRS, OpenFailure::PROHIBITED));
    assert!(side.events().is_empty());
    side.give(|m| wire::Open { kind: "forwarded-tcpip", ..session(1) }.encode(m)).expect("opens may come");
    assert_eq!(side.offered().kind(), "forwarded-tcpip");
}

#[test]
fn defect_078_a_maximum_packet_of_nothing_is_refused() {
    let mut side = Side::server();
    side.give(|m| wire::Open { packet: 0, ..session(THEIRS) }.encode(m)).expect("a refusal is enough");
    assert_eq!(failure(&mut side).0, THEIRS);
    assert!(side.events().is_empty());
    let mut side = Side::client();
    side.channels.open("session", b"", &mut side.out).expect("there is room");
    assert!(is_broken(side.give(|m| wire::OpenConfirmation { packet: 0, ..confirmation(0, 0) }.encode(m))));
}

#[test]
fn defect_084_channels_and_unanswered_opens_are_limited() {
    let mut side = Side::server();
    for _ in 0..10 {
        side.give(|m| session(1).encode(m)).expect("opens may come");
        let offer = side.offered();
        let id = side.channels.accept(offer, &mut side.out).expect("it is offered");
        assert!(!side.is_gone(id));
    }
    side.sent();
    side.give(|m| session(2).encode(m)).expect("a refusal is enough");
    assert_eq!(failure(&mut side), (2, OpenFailure::SHORTAGE));
    assert!(matches!(side.channels.open("x", b"", &mut side.out), Err(Misuse::Limit(_))));

    let mut side = Side::client();
    for _ in 0..16 {
        side.give(|m| wire::Open { kind: "x", ..session(1) }.encode(m)).expect("opens may come");
    }
    assert_eq!(side.events().len(), 16);
    side.give(|m| wire::Open { kind: "x", ..session(2) }.encode(m)).expect("a refusal is enough");
    assert_eq!(failure(&mut side), (2, OpenFailure::SHORTAGE));
}

#[test]
fn defect_081_a_million_rejected_opens_leave_memory_flat() {
    let mut side = Side::server();
    let mut spare = Vec::new();
    let answer = OpenFailure { reason: OpenFailure::PROHIBITED, description: "no".to_owned() };
    for sender in 0..1_000_000 {
        side.give(|m| session(sender).encode(m)).expect("opens may come");
        let Some(Event::Open(offer)) = side.out.next_event() else { panic!("an open is offered") };
        side.channels.reject(offer, &answer, &mut side.out);
        side.out.packets.take(&mut spare);
    }
    assert!(side.channels.offers.is_empty() && side.channels.numbers.is_empty());
    assert_eq!(side.channels.slots.capacity() + side.channels.free.capacity(), 0);

    let mut side = Side::client();
    for _ in 0..100_000 {
        side.channels.open("session", b"", &mut side.out).expect("there is room");
        side.give(|m| {
            wire::OpenFailure { recipient: 0, reason: 1, description: b"", language: b"" }.encode(m)
        })
        .expect("an answer is due");
        side.out.next_event();
        side.out.packets.take(&mut spare);
    }
    assert!(side.channels.numbers.is_empty());
    assert_eq!(side.channels.slots.len(), 1, "one number was used again and again");
    assert_eq!(side.channels.shared.budget.used(), 0);
}

#[test]
fn opens_that_cannot_be_sent_are_misuse() {
    let mut side = Side::client();
    assert!(matches!(side.channels.open("", b"", &mut side.out), Err(Misuse::Argument(_))));
    assert!(matches!(side.channels.open("x", &[0; 300_000], &mut side.out), Err(Misuse::Argument(_))));
    assert!(side.sent().is_empty());
}

#[test]
fn an_idle_channel_costs_little() {
    let limits = Limits { channels: 20_000, ..Limits::default() };
    let mut side = Side::new(&limits, true);
    for number in 0..10_000 {
        let id = side.channels.open("session", b"", &mut side.out).expect("there is room");
        side.give(|m| confirmation(number, number).encode(m)).expect("an answer is due");
        side.give(|m| wire::Data { recipient: number, data: &[7; 5000] }.encode(m)).expect("it is open");
        side.at(id).read_with(Stream::Data, |front, _| (front.len(), ())).expect("something is there");
        side.sent();
        side.events();
    }
    let rings = side.channels.slots.iter().flatten().map(|channel| channel.ring(Stream::Data).capacity());
    assert_eq!(rings.sum::<usize>(), 0);
    let states = side.channels.slots.capacity() * size_of::<Option<ChannelState>>();
    assert!(states < 10 << 20, "{states} bytes for 10000 channels");
}

#[test]
fn a_promise_of_no_more_sessions_holds() {
    let (mut side, _) = Side::server_with_channel();
    let promise = |want_reply| {
        move |m: &mut Vec<u8>| {
            crate::msg::global::GlobalRequest { name: NO_MORE_SESSIONS, want_reply, data: Rest(b"") }
                .encode(m);
        }
    };
    side.give(promise(true)).expect("it may be promised");
    assert_eq!(side.sent_numbers(), [81]);
    side.give(|m| wire::Open { kind: "direct-tcpip", ..session(1) }.encode(m)).expect("other kinds may come");
    assert!(is_broken(side.give(|m| session(1).encode(m))));

    let mut client = Side::client();
    client.give(promise(true)).expect("a server may say so, in vain");
    assert_eq!(client.sent_numbers(), [82]);
    client.channels.open("session", b"", &mut client.out).expect("nothing was promised");
    client.channels.no_more_sessions(&mut client.out).expect("clients may promise");
    assert_eq!(client.sent_numbers(), [90, 80]);
    assert!(client.channels.open("session", b"", &mut client.out).is_err());
    client.channels.open("direct-tcpip", b"", &mut client.out).expect("other kinds go on");
    assert_eq!(side.channels.no_more_sessions(&mut side.out), Err(Misuse::WrongRole));
}
