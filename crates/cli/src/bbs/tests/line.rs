//! The line being typed, as it looks.

use super::town::{Town, USUAL};
use crate::bbs::Size;

#[test]
fn what_is_typed_stands_behind_the_prompt() {
    let town = Town::new();
    let mut robey = town.call("robey");
    assert_eq!(robey.input(), ("Choose>".into(), 8));
    robey.types("bo");
    assert_eq!(robey.input(), ("Choose> bo".into(), 10));
    robey.types("\x7f\x7f\x7f");
    assert_eq!(robey.input(), ("Choose>".into(), 8));
}

#[test]
fn widths_are_those_of_the_terminal() {
    let town = Town::new();
    let mut robey = town.call("robey");
    robey.types("鉄e\u{301}🦀");
    assert_eq!(robey.input(), ("Choose> 鉄e\u{301}🦀".into(), 8 + 2 + 1 + 2));
    robey.types("\x1b[D\x1b[D");
    assert_eq!(robey.input().1, 8 + 2);
    robey.types("\x7f");
    assert_eq!(robey.input(), ("Choose> e\u{301}🦀".into(), 8));
    robey.types("\x1b[3~");
    assert_eq!(robey.input(), ("Choose> 🦀".into(), 8));
}

#[test]
fn a_character_may_come_in_pieces() {
    let town = Town::new();
    let mut robey = town.call("robey");
    for byte in "鉄🦀".bytes() {
        robey.sends(&[byte]);
    }
    assert_eq!(robey.input(), ("Choose> 鉄🦀".into(), 12));
}

#[test]
fn each_kind_of_line_end_sends_one_line() {
    for end in ["\r", "\n", "\r\n", "\r\0"] {
        for in_pieces in [false, true] {
            let town = Town::new();
            let mut robey = town.call_plainly("robey");
            robey.paper.clear();
            for line in ["w", "w"] {
                let text = format!("{line}{end}");
                if in_pieces {
                    text.bytes().for_each(|byte| {
                        robey.sends(&[byte]);
                    });
                } else {
                    robey.types(&text);
                }
            }
            let paper = String::from_utf8(robey.paper.clone()).unwrap();
            assert_eq!(paper.matches("Choose>").count(), 2, "{end:?}: {paper}");
            assert_eq!(paper.matches("On line").count(), 2, "{end:?}: {paper}");
        }
    }
}

#[test]
fn a_line_longer_than_the_screen_scrolls_and_is_sent_whole() {
    let town = Town::new();
    let mut robey = town.call_from("robey", Size { cols: 30, rows: 12 });
    robey.enters(&["c"]);
    let long = "0123456789".repeat(9);
    robey.types(&long);
    let (line, cursor) = robey.input();
    assert!(line.ends_with("0123456789") && cursor == line.len(), "{line:?} {cursor}");
    // Home shows its beginning again, with the cursor on it.
    robey.types("\x01");
    assert_eq!(robey.input().1, 2);
    assert!(robey.input().0.starts_with("> 0123456789"));
    robey.types("\r");
    let shown = robey.glass.everything();
    let said = shown.rsplit("<robey>").next().and_then(|rest| rest.split("\n>").next()).unwrap();
    assert_eq!(said.split_whitespace().collect::<String>(), long);
}

#[test]
fn a_resize_draws_the_page_anew_with_the_line_being_typed() {
    let town = Town::new();
    let mut robey = town.call("robey");
    robey.enters(&["a"]).types("half a line");
    for cols in [40, 24, 100, 33] {
        robey.resizes(Size { cols, rows: 20 });
        assert_eq!(robey.input(), ("Choose> half a line".into(), 19), "{cols}");
        assert_eq!(robey.glass.lines().iter().filter(|line| line.contains("half a line")).count(), 1);
        robey.sees("when the house is.");
    }
    // Nothing has changed, so nothing is sent.
    robey.session.resize(Size { cols: 33, rows: 20 });
    let again = String::from_utf8(robey.session.take_output()).unwrap();
    assert!(!again.contains("\x1b[2J"), "{again:?}");
}

#[test]
fn control_l_draws_the_page_anew() {
    let town = Town::new();
    let mut robey = town.call("robey");
    robey.types("half");
    let before = robey.glass.lines();
    robey.glass.show(b"\x1b[H\x1b[2Jnoise on the line");
    robey.types("\x0c");
    let after: Vec<String> = robey.glass.lines();
    let filled = |lines: &[String]| lines.iter().filter(|line| !line.is_empty()).cloned().collect::<Vec<_>>();
    assert_eq!(filled(&after), filled(&before));
}

#[test]
fn a_size_of_zero_is_an_ordinary_screen() {
    let town = Town::new();
    let mut robey = town.call_from("robey", USUAL);
    robey.session.resize(Size { cols: 0, rows: 0 });
    robey.drain();
    robey.types("x");
    assert_eq!(robey.input(), ("Choose> x".into(), 9));
}

#[test]
fn a_paste_of_several_lines_is_one_line_to_say() {
    let town = Town::new();
    let mut robey = town.call("robey");
    robey.enters(&["c"]).types("\x1b[200~one\r\ntwo\x1b[201~");
    assert_eq!(robey.input(), ("> one two".into(), 9));
    robey.types("\r");
    robey.sees("<robey> one two");
}

#[test]
fn the_chat_remembers_what_was_said() {
    let town = Town::new();
    let mut robey = town.call("robey");
    robey.enters(&["c", "first", "second"]).types("\x1b[A\x1b[A");
    assert_eq!(robey.input().0, "> first");
    robey.types("\x10");
    assert_eq!(robey.input().0, "> first");
    robey.types("\x1bOB");
    assert_eq!(robey.input().0, "> second");
}

#[test]
fn control_d_erases_and_on_an_empty_line_leaves() {
    let town = Town::new();
    let mut robey = town.call("robey");
    robey.types("ab\x01\x04");
    assert_eq!(robey.input().0, "Choose> b");
    robey.types("\x04\x04");
    robey.sees("Good-bye, robey");
    assert!(robey.session.is_over());
}
