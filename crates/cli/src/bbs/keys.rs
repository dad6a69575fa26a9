//! From the bytes of a terminal in raw mode to keys, one byte at a time.

use std::collections::VecDeque;

/// What was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Char(char),
    /// CR, LF, CR LF or CR NUL: one key each.
    Enter,
    /// The end of a line within a bracketed paste.
    PastedEnter,
    Backspace,
    Delete,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Up,
    Down,
    KillToStart,
    KillToEnd,
    KillWord,
    Yank,
    Redraw,
    /// Control-C.
    Interrupt,
    /// Control-D.
    EndOfInput,
}

/// Remembers what is cut between two packets: a character, an escape sequence, a CR LF.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    state: State,
    /// The first bytes of a UTF-8 sequence.
    partial: Vec<u8>,
    after_cr: bool,
    pasting: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    /// Control sequence: parameters so far; longer ones than any key has are not kept.
    Csi(Vec<u8>),
    /// One more byte belongs to the sequence (`ESC O x`, and the Linux console's `ESC [ [ x`).
    OneMore {
        ss3: bool,
    },
    /// An operating system command, device control string or the like: never shown, never obeyed.
    Secluded {
        escape: bool,
    },
}

const MAX_PARAMETERS: usize = 16;
const ESC: u8 = 0x1b;

impl Decoder {
    /// Takes one byte and appends the keys it completes: none, one, or (after a broken character)
    /// two.
    pub(crate) fn push(&mut self, byte: u8, keys: &mut VecDeque<Key>) {
        let after_cr = std::mem::take(&mut self.after_cr);
        if after_cr && (byte == b'\n' || byte == 0) {
            return;
        }
        match std::mem::take(&mut self.state) {
            State::Ground => self.ground(byte, keys),
            State::Escape => self.escape(byte, keys),
            State::Csi(parameters) => self.csi(parameters, byte, keys),
            State::OneMore { ss3 } => match byte {
                0..0x20 => self.ground(byte, keys),
                _ if ss3 => keys.extend(cursor_key(byte, false)),
                _ => {}
            },
            State::Secluded { escape } => match byte {
                0x07 => {}
                b'\\' if escape => {}
                // Someone pressed ESC ] by hand: the line's end gets out of it.
                b'\r' | b'\n' | 0x03 => self.ground(byte, keys),
                _ => self.state = State::Secluded { escape: byte == ESC },
            },
        }
    }

    fn ground(&mut self, byte: u8, keys: &mut VecDeque<Key>) {
        if byte >= 0x80 {
            return self.utf8(byte, keys);
        }
        if !self.partial.is_empty() {
            self.partial.clear();
            keys.push_back(Key::Char(char::REPLACEMENT_CHARACTER));
        }
        let key = match byte {
            b' '..=b'~' => Key::Char(char::from(byte)),
            b'\t' => Key::Char(' '),
            b'\r' | b'\n' => {
                self.after_cr = byte == b'\r';
                if self.pasting { Key::PastedEnter } else { Key::Enter }
            }
            0x01 => Key::Home,
            0x02 => Key::Left,
            0x03 => Key::Interrupt,
            0x04 => Key::EndOfInput,
            0x05 => Key::End,
            0x06 => Key::Right,
            0x08 | 0x7f => Key::Backspace,
            0x0b => Key::KillToEnd,
            0x0c => Key::Redraw,
            0x0e => Key::Down,
            0x10 => Key::Up,
            0x15 => Key::KillToStart,
            0x17 => Key::KillWord,
            0x19 => Key::Yank,
            ESC => {
                self.state = State::Escape;
                return;
            }
            _ => return,
        };
        keys.push_back(key);
    }

    fn utf8(&mut self, byte: u8, keys: &mut VecDeque<Key>) {
        self.partial.push(byte);
        match std::str::from_utf8(&self.partial) {
            Ok(text) => {
                keys.extend(text.chars().filter(|c| !c.is_control()).map(Key::Char));
                self.partial.clear();
            }
            Err(error) if error.error_len().is_none() => {}
            Err(_) => {
                let began_before = self.partial.len() > 1;
                self.partial.clear();
                keys.push_back(Key::Char(char::REPLACEMENT_CHARACTER));
                if began_before {
                    self.utf8(byte, keys);
                }
            }
        }
    }

    fn escape(&mut self, byte: u8, keys: &mut VecDeque<Key>) {
        match byte {
            b'[' => self.state = State::Csi(Vec::new()),
            b'O' => self.state = State::OneMore { ss3: true },
            b']' | b'P' | b'X' | b'^' | b'_' => self.state = State::Secluded { escape: false },
            b'b' => keys.push_back(Key::WordLeft),
            b'f' => keys.push_back(Key::WordRight),
            0x7f | 0x08 => keys.push_back(Key::KillWord),
            0..0x20 | 0x80.. => self.ground(byte, keys),
            _ => {}
        }
    }

    fn csi(&mut self, mut parameters: Vec<u8>, byte: u8, keys: &mut VecDeque<Key>) {
        match byte {
            b'[' if parameters.is_empty() => self.state = State::OneMore { ss3: false },
            0x20..0x40 => {
                if parameters.len() < MAX_PARAMETERS {
                    parameters.push(byte);
                }
                self.state = State::Csi(parameters);
            }
            b'~' => match parameters.split(|byte| *byte == b';').next() {
                Some(b"1" | b"7") => keys.push_back(Key::Home),
                Some(b"4" | b"8") => keys.push_back(Key::End),
                Some(b"3") => keys.push_back(Key::Delete),
                Some(b"200") => self.pasting = true,
                Some(b"201") => self.pasting = false,
                _ => {}
            },
            0x40..0x7f => {
                // A modifier (2 to 8) stands second: Alt and Control step by words.
                let modified = matches!(parameters.split(|b| *b == b';').nth(1), Some([b'3'..=b'8']));
                keys.extend(cursor_key(byte, modified));
            }
            _ => self.ground(byte, keys),
        }
    }
}

fn cursor_key(byte: u8, modified: bool) -> Option<Key> {
    Some(match byte {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' if modified => Key::WordRight,
        b'D' if modified => Key::WordLeft,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Decoder::default();
        let mut keys = VecDeque::new();
        for byte in bytes {
            decoder.push(*byte, &mut keys);
        }
        keys.into()
    }

    fn text(bytes: &[u8]) -> String {
        keys(bytes)
            .iter()
            .map(|key| if let Key::Char(c) = key { *c } else { panic!("{key:?} in {bytes:?}") })
            .collect()
    }

    #[test]
    fn every_kind_of_line_end_is_one_enter() {
        assert_eq!(keys(b"\r"), [Key::Enter]);
        assert_eq!(keys(b"\n"), [Key::Enter]);
        assert_eq!(keys(b"\r\n"), [Key::Enter]);
        assert_eq!(keys(b"\r\0"), [Key::Enter]);
        assert_eq!(keys(b"\r\r\n\n"), [Key::Enter; 3]);
    }

    #[test]
    fn characters_are_put_together_and_broken_ones_replaced() {
        assert_eq!(text("é鉄🦀".as_bytes()), "é鉄🦀");
        assert_eq!(text(b"a\xe9b"), "a\u{fffd}b");
        assert_eq!(text(b"\xff\xc0\xaf"), "\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(text(b"\xe2\x82\xe2\x82\xac"), "\u{fffd}\u{20ac}");
        // C1 controls are not characters to type.
        assert_eq!(text("a\u{9b}b".as_bytes()), "ab");
    }

    #[test]
    fn the_keys_of_common_terminals_are_known() {
        assert_eq!(keys(b"\x1b[A\x1b[B\x1b[C\x1b[D"), [Key::Up, Key::Down, Key::Right, Key::Left]);
        assert_eq!(keys(b"\x1bOA\x1bOH\x1bOF"), [Key::Up, Key::Home, Key::End]);
        assert_eq!(keys(b"\x1b[1~\x1b[4~\x1b[3~\x1b[H"), [Key::Home, Key::End, Key::Delete, Key::Home]);
        assert_eq!(keys(b"\x1b[1;5D\x1bf"), [Key::WordLeft, Key::WordRight]);
        assert_eq!(
            keys(b"\x01\x05\x15\x17\x0b\x0c\x03\x04\x7f\x08"),
            [
                Key::Home,
                Key::End,
                Key::KillToStart,
                Key::KillWord,
                Key::KillToEnd,
                Key::Redraw,
                Key::Interrupt,
                Key::EndOfInput,
                Key::Backspace,
                Key::Backspace
            ]
        );
    }

    #[test]
    fn unknown_sequences_leave_nothing_behind() {
        assert_eq!(text(b"a\x1b[15~b\x1b[[Ac\x1b[?1;2cd"), "abcd");
        assert_eq!(text(b"a\x1b]0;title\x07b\x1b]0;x\x1b\\c\x1bP1$r\x1b\\d"), "abcd");
        assert_eq!(text(b"a\x1b[1111111111111111111111111111111111111mb"), "ab");
    }

    #[test]
    fn a_sequence_broken_off_by_enter_still_ends_the_line() {
        assert_eq!(keys(b"\x1b\r"), [Key::Enter]);
        assert_eq!(keys(b"\x1b[12\r"), [Key::Enter]);
        assert_eq!(keys(b"\x1b]no end\r"), [Key::Enter]);
        assert_eq!(keys(b"\x1bO\x03"), [Key::Interrupt]);
    }

    #[test]
    fn lines_within_a_bracketed_paste_are_told_apart() {
        assert_eq!(
            keys(b"\x1b[200~a\r\nb\x1b[201~\r"),
            [Key::Char('a'), Key::PastedEnter, Key::Char('b'), Key::Enter]
        );
    }
}
