//! The escape character of a session: `~.` at the beginning of a line, and its relatives.

/// What the user asked of the client itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// `~.`
    Disconnect,
    /// `~^Z`
    Suspend,
    /// `~B`
    Break,
    /// `~R`
    Rekey,
    /// `~?`
    Help,
}

/// What to do next, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Do(Action),
}

/// What `~?` shows.
pub(crate) const HELP: &str = "Supported escape sequences:\r
 ~.   leave: close the connection\r
 ~B   send a BREAK\r
 ~R   renew the keys\r
 ~^Z  suspend\r
 ~?   this help\r
 ~~   send the escape character\r
(Escapes are recognized at the beginning of a line only.)\r
";

/// Watches what is typed for the escape character.
#[derive(Debug)]
pub(crate) struct Escapes {
    /// `None`: every byte is sent.
    escape: Option<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    LineStart,
    Within,
    /// The escape character is held back until the next byte tells what it means.
    Escaped,
    /// After `~.`: nothing more is sent.
    Over,
}

const CONTROL_Z: u8 = 0x1a;

impl Escapes {
    /// Starts at the beginning of a line. `None` passes everything on.
    pub(crate) fn new(escape: Option<u8>) -> Self {
        Self { escape, state: State::LineStart }
    }

    /// Takes what was typed.
    pub(crate) fn feed(&mut self, typed: &[u8]) -> Vec<Step> {
        let Some(escape) = self.escape else { return vec![Step::Send(typed.to_vec())] };
        let mut steps = Vec::new();
        let mut send = Vec::new();
        for &byte in typed {
            match self.state {
                State::Over => break,
                State::LineStart if byte == escape => {
                    self.state = State::Escaped;
                    continue;
                }
                State::LineStart | State::Within => send.push(byte),
                State::Escaped => match action(byte) {
                    Some(action) => {
                        flush(&mut send, &mut steps);
                        steps.push(Step::Do(action));
                        self.state =
                            if action == Action::Disconnect { State::Over } else { State::LineStart };
                        continue;
                    }
                    None if byte == escape => send.push(escape),
                    None => send.extend([escape, byte]),
                },
            }
            self.state = if matches!(byte, b'\r' | b'\n') { State::LineStart } else { State::Within };
        }
        flush(&mut send, &mut steps);
        steps
    }

    /// At the end of input: an escape character that was held back.
    pub(crate) fn finish(&mut self) -> Option<u8> {
        let held = self.state == State::Escaped;
        self.state = State::Over;
        self.escape.filter(|_| held)
    }
}

fn flush(send: &mut Vec<u8>, steps: &mut Vec<Step>) {
    if !send.is_empty() {
        steps.push(Step::Send(std::mem::take(send)));
    }
}

fn action(byte: u8) -> Option<Action> {
    Some(match byte {
        b'.' => Action::Disconnect,
        CONTROL_Z => Action::Suspend,
        b'B' => Action::Break,
        b'R' => Action::Rekey,
        b'?' => Action::Help,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(bytes: &[u8]) -> Step {
        Step::Send(bytes.to_vec())
    }

    fn fed(typed: &[u8]) -> Vec<Step> {
        Escapes::new(Some(b'~')).feed(typed)
    }

    #[test]
    fn leaves_at_the_beginning_of_a_line_only() {
        assert_eq!(fed(b"~."), [Step::Do(Action::Disconnect)]);
        assert_eq!(fed(b"ls\r~."), [send(b"ls\r"), Step::Do(Action::Disconnect)]);
        assert_eq!(fed(b"ls\n~."), [send(b"ls\n"), Step::Do(Action::Disconnect)]);
        assert_eq!(fed(b"cd ~.\r"), [send(b"cd ~.\r")]);
        assert_eq!(fed(b"~.never sent"), [Step::Do(Action::Disconnect)]);
    }

    #[test]
    fn two_send_one_and_the_line_has_begun() {
        assert_eq!(fed(b"~~."), [send(b"~.")]);
        assert_eq!(fed(b"~~\r~."), [send(b"~\r"), Step::Do(Action::Disconnect)]);
    }

    #[test]
    fn what_is_no_escape_is_sent_whole() {
        assert_eq!(fed(b"~x"), [send(b"~x")]);
        assert_eq!(fed(b"~\r~."), [send(b"~\r"), Step::Do(Action::Disconnect)]);
    }

    #[test]
    fn an_action_leaves_the_line_where_it_was() {
        assert_eq!(fed(b"~?~."), [Step::Do(Action::Help), Step::Do(Action::Disconnect)]);
        assert_eq!(fed(b"~Bx"), [Step::Do(Action::Break), send(b"x")]);
        assert_eq!(fed(b"~R~\x1a"), [Step::Do(Action::Rekey), Step::Do(Action::Suspend)]);
    }

    #[test]
    fn the_pieces_in_which_it_is_typed_do_not_matter() {
        let mut escapes = Escapes::new(Some(b'~'));
        assert_eq!(escapes.feed(b"x\r"), [send(b"x\r")]);
        assert_eq!(escapes.feed(b"~"), []);
        assert_eq!(escapes.feed(b"."), [Step::Do(Action::Disconnect)]);
        assert_eq!(escapes.feed(b"more"), []);
    }

    #[test]
    fn without_an_escape_character_every_byte_is_sent() {
        let mut escapes = Escapes::new(None);
        assert_eq!(escapes.feed(b"~."), [send(b"~.")]);
        assert_eq!(escapes.finish(), None);
    }

    #[test]
    fn the_end_of_input_sends_what_was_held_back() {
        let mut escapes = Escapes::new(Some(b'~'));
        escapes.feed(b"a\r~");
        assert_eq!(escapes.finish(), Some(b'~'));
        assert_eq!(escapes.finish(), None);
    }
}
