//! One caller's session: bytes in, bytes out.

use std::collections::VecDeque;
use std::sync::Arc;

use super::chat::told;
use super::editor::LineEditor;
use super::house::{House, Note, Ticket};
use super::keys::{Decoder, Key};
use super::menu::{Menu, welcome};
use super::room::{Desk, Room, Step};
use super::screen::{Entry, Screen, Size};
use super::text::{Style, Text, one_line};

/// A caller's session. Its driver calls [`receive`](Self::receive) with what was typed,
/// [`poll`](Self::poll) when it was woken, and after each of them sends what
/// [`take_output`](Self::take_output) answers until that is empty.
pub(crate) struct Session {
    screen: Screen,
    /// `None` when the session is over.
    visit: Option<Visit>,
    decoder: Decoder,
    /// Received and not yet worked on, because the output waits to be taken.
    inbox: VecDeque<u8>,
    keys: VecDeque<Key>,
    /// The other side sends no more.
    ended: bool,
}

/// What a session has while it lasts. Dropping it gives up the place in the house.
struct Visit {
    ticket: Ticket,
    editor: LineEditor,
    /// Never empty: the menu is at the bottom.
    rooms: Vec<Box<dyn Room>>,
    /// The input line on the screen is not what the editor holds.
    stale: bool,
}

/// Output that may wait to be taken before the session stops working on input and mail. A single
/// step may go beyond it by a screenful.
const MAX_BACKLOG: usize = 32 * 1024;

impl Session {
    /// Lets a user in. `size` is that of the terminal, `None` without one. `wake` is called, from
    /// other sessions' threads and outside the house's locks, when there is something to
    /// [`poll`](Self::poll) for; it must not call into this session itself.
    pub(crate) fn new(
        house: &Arc<House>,
        user: &str,
        size: Option<Size>,
        wake: Box<dyn Fn() + Send + Sync>,
    ) -> Self {
        let mut session = Self {
            screen: Screen::new(size),
            visit: None,
            decoder: Decoder::default(),
            inbox: VecDeque::new(),
            keys: VecDeque::new(),
            ended: false,
        };
        match house.enter(user, Arc::from(wake)) {
            Some(ticket) => {
                let mut desk = Desk { ticket: &ticket, screen: &mut session.screen };
                welcome(&mut desk);
                let mut menu = Menu;
                menu.enter(&mut desk);
                let rooms: Vec<Box<dyn Room>> = vec![Box::new(menu)];
                session.visit = Some(Visit { ticket, editor: LineEditor::default(), rooms, stale: true });
                session.work();
            }
            None => session.screen.print(
                Text::new()
                    .styled(Style::Warning, "All lines of the house are busy. Please call again later."),
            ),
        }
        session
    }

    /// Takes what the caller has typed, in pieces of any size.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        if self.visit.is_some() && !self.ended {
            self.inbox.extend(bytes);
            self.work();
        }
    }

    /// Whether more input would be worked on now. A driver that stops reading while this is false
    /// lets a caller who does not read wait, instead of storing what he types.
    pub(crate) fn wants_input(&self) -> bool {
        self.visit.is_some() && !self.ended && self.inbox.is_empty()
    }

    /// The caller will type no more (SSH EOF): the session ends when all input is worked on.
    pub(crate) fn end_of_input(&mut self) {
        self.ended = true;
        self.work();
    }

    /// The terminal has another size.
    pub(crate) fn resize(&mut self, size: Size) {
        self.screen.resize(size);
        if let Some(visit) = &mut self.visit {
            visit.stale = true;
        }
        self.work();
    }

    /// Looks for what other callers have done.
    pub(crate) fn poll(&mut self) {
        self.work();
    }

    /// What to send to the caller, and then ask again: there may be more.
    pub(crate) fn take_output(&mut self) -> Vec<u8> {
        if self.screen.backlog() == 0 {
            self.work();
        }
        self.screen.take_output()
    }

    /// Nothing more will come, once the output is taken.
    pub(crate) fn is_over(&self) -> bool {
        self.visit.is_none()
    }

    /// The line is gone: the caller leaves the house.
    pub(crate) fn hang_up(&mut self) {
        self.visit = None;
        self.inbox.clear();
        self.keys.clear();
    }

    fn work(&mut self) {
        // Mail is looked for first, and after every line, so that what a line brings about is told
        // before the next one is worked on.
        let mut may_have_mail = true;
        while self.screen.backlog() < MAX_BACKLOG {
            let Some(visit) = &mut self.visit else { return };
            if may_have_mail {
                let note = if visit.takes_notes() { visit.ticket.next_note() } else { None };
                let Some(note) = note else {
                    may_have_mail = false;
                    continue;
                };
                if note == Note::Closing {
                    self.screen
                        .print(Text::new().styled(Style::Warning, "The house is closing for the night."));
                    self.log_off();
                    return;
                }
                visit.tell(&mut self.screen, &note);
            } else if let Some(key) = self.keys.pop_front() {
                if visit.press(&mut self.screen, key) {
                    self.log_off();
                    return;
                }
                may_have_mail = !matches!(key, Key::Char(_));
            } else if let Some(byte) = self.inbox.pop_front() {
                self.decoder.push(byte, &mut self.keys);
            } else if self.ended {
                self.log_off();
                return;
            } else {
                break;
            }
        }
        if let Some(visit) = &mut self.visit
            && (std::mem::take(&mut visit.stale) || !self.screen.shows_input())
        {
            visit.show_input(&mut self.screen);
        }
    }

    fn log_off(&mut self) {
        if let Some(visit) = &self.visit {
            let text = Text::new()
                .plain("Good-bye, ")
                .styled(Style::Name, &**visit.ticket.name())
                .plain(". Stay paranoid, stay friends.");
            self.screen.print(text);
        }
        self.hang_up();
    }
}

impl Visit {
    /// Works on one key; `true` ends the session.
    fn press(&mut self, screen: &mut Screen, key: Key) -> bool {
        match key {
            Key::Enter => return self.enter_line(screen),
            // A pasted line end is one for a post, and a space where a line is all that is asked.
            Key::PastedEnter if !self.takes_notes() => return self.enter_line(screen),
            Key::PastedEnter => self.edit(screen, Key::Char(' ')),
            Key::Interrupt => self.interrupt(screen),
            Key::EndOfInput if self.editor.is_empty() => return self.end(screen),
            Key::Redraw => {
                screen.redraw();
                self.stale = true;
            }
            key => self.edit(screen, key),
        }
        false
    }

    fn edit(&mut self, screen: &mut Screen, key: Key) {
        let talks = self.room().is_some_and(|room| room.talks());
        if !self.editor.apply(key, talks) {
            screen.bell();
        }
        self.stale = true;
    }

    fn enter_line(&mut self, screen: &mut Screen) -> bool {
        let talks = self.room().is_some_and(|room| room.talks()) && !screen.has_more();
        let line = self.editor.take(talks);
        let line = one_line(&line);
        screen.finish_input(&self.prompt(screen), &line, !talks && !screen.has_more());
        if screen.has_more() {
            if line.trim().eq_ignore_ascii_case("q") {
                screen.drop_more();
            } else {
                screen.more();
            }
            return false;
        }
        self.step(screen, |room, desk| room.answer(desk, &line))
    }

    fn end(&mut self, screen: &mut Screen) -> bool {
        screen.finish_input(&self.prompt(screen), "", false);
        screen.drop_more();
        self.step(screen, |room, desk| room.end(desk))
    }

    /// Control-C: back to the menu, whatever was being done.
    fn interrupt(&mut self, screen: &mut Screen) {
        self.editor.take(false);
        screen.finish_input(&self.prompt(screen), "^C", true);
        screen.drop_more();
        if self.rooms.len() > 1 {
            self.rooms.truncate(1);
            self.arrive(screen);
        }
    }

    fn step(&mut self, screen: &mut Screen, ask: impl FnOnce(&mut dyn Room, &mut Desk<'_>) -> Step) -> bool {
        let Some(room) = self.rooms.last_mut() else { return true };
        match ask(room.as_mut(), &mut Desk { ticket: &self.ticket, screen }) {
            Step::Stay => return false,
            Step::LogOff => return true,
            Step::Enter(room) => self.rooms.push(room),
            Step::Back if self.rooms.len() == 1 => return true,
            Step::Back => {
                self.rooms.pop();
            }
        }
        self.arrive(screen);
        false
    }

    /// In another room than before.
    fn arrive(&mut self, screen: &mut Screen) {
        if let Some(room) = self.rooms.last_mut() {
            self.ticket.move_to(room.place());
            room.enter(&mut Desk { ticket: &self.ticket, screen });
        }
    }

    fn tell(&mut self, screen: &mut Screen, note: &Note) {
        let Some(place) = self.room().map(|room| room.place()) else { return };
        if let Some(text) = told(note, place) {
            screen.print(Entry::Line(text, 2));
        }
    }

    fn takes_notes(&self) -> bool {
        self.room().is_none_or(|room| room.takes_notes())
    }

    fn room(&self) -> Option<&dyn Room> {
        self.rooms.last().map(|room| room.as_ref())
    }

    fn prompt(&self, screen: &Screen) -> Text {
        if screen.has_more() {
            return Text::new().styled(Style::Dim, "-- more: Enter, or Q to stop -- ");
        }
        self.room().map(|room| room.prompt()).unwrap_or_default()
    }

    fn show_input(&mut self, screen: &mut Screen) {
        let prompt = self.prompt(screen);
        screen.show_input(&prompt, &mut self.editor);
    }
}
