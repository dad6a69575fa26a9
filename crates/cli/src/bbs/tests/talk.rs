//! Several callers at once.

use super::town::Town;
use crate::bbs::house::MAX_MAIL;

#[test]
fn two_callers_talk_while_one_is_typing() {
    let town = Town::new();
    let mut alice = town.call("alice");
    let mut bob = town.call("bob");
    assert_eq!(alice.looks(), 1);
    alice.sees("* bob has come on line");
    alice.enters(&["c"]).types("half a li");
    bob.looks();
    bob.sees("* alice is in the chat");
    bob.enters(&["c", "hi alice"]);
    bob.sees("<bob> hi alice");

    assert_eq!(alice.looks(), 1, "woken once for all of it");
    alice.sees("* bob comes in");
    alice.sees("<bob> hi alice");
    assert_eq!(alice.input(), ("> half a li".into(), 11));
    alice.types("ne\r");
    bob.looks();
    bob.sees("<alice> half a line");
    bob.enters(&["/me waves", "/who"]);
    bob.sees("Here: alice, bob");
    alice.looks();
    alice.sees("* bob waves");
    bob.enters(&["/q"]);
    alice.looks();
    alice.sees("* bob leaves the chat");
}

#[test]
fn who_comes_later_sees_what_was_said_last() {
    let town = Town::new();
    let mut alice = town.call("alice");
    alice.enters(&["c", "is anybody here?"]);
    let mut bob = town.call("bob");
    bob.enters(&["c"]);
    bob.sees("<alice> is anybody here?");
}

#[test]
fn those_outside_the_chat_do_not_hear_it() {
    let town = Town::new();
    let mut alice = town.call("alice");
    let mut bob = town.call("bob");
    alice.enters(&["c", "between us"]);
    bob.looks();
    bob.sees_not("between us");
}

#[test]
fn who_is_on_line_and_where() {
    let town = Town::new();
    let mut alice = town.call("alice");
    let mut bob = town.call("bob");
    bob.enters(&["c"]);
    town.wait(240);
    let same = town.call("bob");
    alice.enters(&["w"]);
    alice.sees("alice                at the menu, for 4 min");
    alice.sees("bob                  in the chat, for 4 min");
    alice.sees("bob#2                at the menu, for a moment");
    drop((bob, same));
    alice.glass.forget();
    alice.types("\x0c").enters(&["w"]);
    assert_eq!(town.house.who().len(), 1);
    alice.sees("* bob#2 has hung up");
}

#[test]
fn nobody_is_disturbed_while_writing() {
    let town = Town::new();
    let mut alice = town.call("alice");
    alice.enters(&["b", "1", "w", "A title", "one line"]).types("and a ha");
    let mut bob = town.call("bob");
    bob.enters(&["b", "2", "w", "News", "text", "."]);
    alice.looks();
    alice.sees_not("bob");
    alice.types("lf\r").enters(&["."]);
    alice.sees("* bob has come on line");
    alice.sees("* bob has posted on Workshop: News");
}

#[test]
fn defect_136_what_callers_type_cannot_command_anothers_terminal() {
    let town = Town::new();
    let mut alice = town.call("alice");
    alice.enters(&["c"]);
    // The glass of every caller fails the test over any escape that is not the house's own.
    let mut eve = town.call("ev\x1b]0;pwned\x07\u{202e}il\r\n");
    eve.enters(&["c"]);
    eve.types("a\x1b[2Jb\x1b]0;title\x07c\u{9b}31md\u{202e}e\x07f\tg\r");
    alice.looks();
    alice.sees("abc31md\u{fffd}ef g");
    alice.sees("ev\u{fffd}]0;pwned\u{fffd}\u{fffd}il");
    eve.enters(&["/q", "b", "1", "w"])
        .types("t\u{85}i\x1b[31mtle\r")
        .types("bo\u{1b}Pdy\x1b\\!\u{2028}?\r")
        .enters(&["."]);
    let stored = town.house.store().read(1, 1).unwrap().unwrap();
    assert_eq!((stored.title.as_str(), stored.body.as_str()), ("title", "bo!\u{fffd}?"));
    assert!(!stored.author.chars().any(char::is_control));
}

#[test]
fn a_caller_who_does_not_read_loses_lines_and_costs_no_memory() {
    let town = Town::new();
    let mut sleeper = town.call("sleeper");
    sleeper.enters(&["c"]);
    let mut bob = town.call("bob");
    bob.enters(&["c"]);
    for line in 0..1000 {
        town.wait(1);
        bob.enters(&[&format!("line-{line}-")]);
    }
    // Two notes of bob's coming, and a thousand lines.
    sleeper.looks();
    sleeper.sees(&format!("… {} lines missed", 1002 - MAX_MAIL));
    sleeper.sees("line-999-");
    sleeper.sees(&format!("line-{}-", 1000 - MAX_MAIL));
    sleeper.sees_not(&format!("line-{}-", 999 - MAX_MAIL));
}

#[test]
fn a_caller_who_types_and_does_not_read_waits() {
    let town = Town::new();
    let mut flood = town.call("flood");
    flood.session.receive(&[b'\r'; 100_000]);
    assert!(!flood.session.wants_input());
    let mut largest = 0;
    let mut all = 0;
    loop {
        let output = flood.session.take_output();
        if output.is_empty() {
            break;
        }
        largest = largest.max(output.len());
        all += output.len();
    }
    assert!(largest < 64 * 1024, "{largest}");
    assert!(all > 1_000_000, "all of it was worked on: {all}");
    assert!(flood.session.wants_input());
}

#[test]
fn who_talks_too_fast_is_stopped() {
    let town = Town::new();
    let mut alice = town.call("alice");
    alice.enters(&["c"]);
    for line in 0..25 {
        alice.enters(&[&format!("line-{line}-")]);
    }
    alice.sees("line-19-");
    alice.sees_not("line-20-");
    alice.sees("Not so fast");
    town.wait(1);
    alice.enters(&["better-now"]);
    alice.sees("<alice> better-now");
}

#[test]
fn a_thousand_callers_find_a_full_house() {
    let town = Town::new();
    let guests: Vec<_> = (0..201).map(|n| town.call_plainly(&format!("caller{n}"))).collect();
    assert_eq!(guests.iter().filter(|guest| guest.session.is_over()).count(), 1);
    guests.last().unwrap().sees("All lines of the house are busy.");
    drop(guests);
    assert!(!town.call("alice").session.is_over());
}
