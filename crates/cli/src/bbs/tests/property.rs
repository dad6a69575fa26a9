//! Whatever is typed.

use proptest::collection::vec;
use proptest::prelude::*;

use super::town::Town;
use crate::bbs::Size;

#[derive(Clone, Debug)]
enum Act {
    Send(Vec<u8>),
    Resize(u16, u16),
    Poll,
    /// The other caller says something.
    Hear(String),
}

fn act() -> impl Strategy<Value = Act> {
    let words = prop::sample::select(vec![
        "b\r",
        "1\r",
        "w\r",
        "c\r",
        "i\r",
        "\r",
        "q\r",
        "/q\r",
        ".\r",
        "b iron\r",
        "g 2\r",
        "\x03",
        "\x0c",
        "\x01",
        "\x05",
        "\x15",
        "\x17",
        "\x0b",
        "\x19",
        "\x7f",
        "\x1b[D",
        "\x1b[C",
        "\x1b[A",
        "\x1b[B",
        "\x1b[3~",
        "\x1b[200~",
        "\x1b[201~",
        "鉄",
        "e\u{301}",
        "\u{301}",
        "👩\u{200d}🔧",
        "🇦🇹",
        "\u{200d}",
        "\u{202e}",
        "a\tb",
        "some words ",
    ]);
    prop_oneof![
        4 => words.prop_map(|text| Act::Send(text.as_bytes().to_vec())),
        2 => vec(any::<u8>(), 0..40).prop_map(Act::Send),
        1 => ".{0,60}".prop_map(|text| Act::Send(text.into_bytes())),
        1 => (8..120_u16, 4..50_u16).prop_map(|(cols, rows)| Act::Resize(cols, rows)),
        1 => Just(Act::Poll),
        1 => ".{0,80}".prop_map(Act::Hear),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The glass accepts only the escapes we use, valid UTF-8, and nothing that runs off its edge.
    #[test]
    fn no_input_breaks_the_screen(acts in vec(act(), 0..60), cols in 8..100_u16, rows in 4..40_u16) {
        let town = Town::new();
        let mut alice = town.call_from("alice", Size { cols, rows });
        let mut bob = town.call("bob");
        bob.enters(&["c"]);
        for act in acts {
            town.wait(1);
            match act {
                Act::Send(bytes) => { alice.sends(&bytes); }
                Act::Resize(cols, rows) => alice.resizes(Size { cols, rows }),
                Act::Poll => { alice.looks(); }
                Act::Hear(text) => { bob.enters(&[&text.replace(['\r', '\n', '\x04'], "")]); }
            }
            bob.looks();
            if bob.session.is_over() {
                break;
            }
        }
    }

    /// One byte at a time shows the same as all at once.
    #[test]
    fn pieces_do_not_matter(bytes in vec(prop_oneof![any::<u8>(), b' '..b'~', Just(b'\r'), Just(0x1b)], 0..200)) {
        let shown = |chunk: usize| {
            let town = Town::new();
            let mut alice = town.call_plainly("alice");
            for piece in bytes.chunks(chunk) {
                alice.sends(piece);
            }
            String::from_utf8(alice.paper.clone()).unwrap()
        };
        prop_assert_eq!(shown(1), shown(usize::MAX));
    }

    /// Editing gives what a simple list of characters gives, and the screen shows it.
    #[test]
    fn editing_agrees_with_a_model(keys in vec(prop::sample::select(vec![
        'a', 'b', ' ', 'z', '<', '>', '^', '$', 'X', 'D', 'U', 'K', 'W',
    ]), 0..60)) {
        let town = Town::new();
        let mut alice = town.call("alice");
        alice.enters(&["c"]);
        let mut line: Vec<char> = Vec::new();
        let mut at: usize = 0;
        for key in keys {
            match key {
                '<' => { alice.types("\x1b[D"); at = at.saturating_sub(1); }
                '>' => { alice.types("\x06"); at = (at + 1).min(line.len()); }
                '^' => { alice.types("\x1b[H"); at = 0; }
                '$' => { alice.types("\x05"); at = line.len(); }
                'X' => { alice.types("\x7f"); if at > 0 { at -= 1; line.remove(at); } }
                'D' => { alice.types("\x1b[3~"); if at < line.len() { line.remove(at); } }
                'U' => { alice.types("\x15"); line.drain(..at); at = 0; }
                'K' => { alice.types("\x0b"); line.truncate(at); }
                'W' => {
                    alice.types("\x17");
                    let end = at;
                    while at > 0 && line[at - 1] == ' ' { at -= 1; }
                    while at > 0 && line[at - 1] != ' ' { at -= 1; }
                    line.drain(at..end);
                }
                c => { alice.types(c.encode_utf8(&mut [0; 4])); line.insert(at, c); at += 1; }
            }
            let text: String = line.iter().collect();
            prop_assert_eq!(alice.input(), (format!("> {text}").trim_end().to_owned(), 2 + at));
        }
    }
}
