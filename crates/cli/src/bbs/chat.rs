//! The chat, and how what others do is told.

use std::sync::Arc;

use super::house::{Note, Place};
use super::room::{Desk, Room, Step, command};
use super::screen::Entry;
use super::text::{Style, Text};

/// The one chat room.
pub(crate) struct Chat {
    /// Lines that may be said at once; each second gives back a few.
    allowance: u64,
    last_said: u64,
}

const BURST: u64 = 20;
const LINES_PER_SECOND: u64 = 2;

impl Chat {
    pub(crate) fn new() -> Self {
        Self { allowance: BURST, last_said: 0 }
    }

    fn may_speak(&mut self, now: u64) -> bool {
        let rested = now.saturating_sub(self.last_said).saturating_mul(LINES_PER_SECOND);
        self.allowance = self.allowance.saturating_add(rested).min(BURST);
        self.last_said = now;
        let may = self.allowance > 0;
        self.allowance -= u64::from(may);
        may
    }

    fn say(&mut self, desk: &mut Desk<'_>, note: Note) {
        if self.may_speak(desk.house().now()) {
            desk.ticket.say(note);
        } else {
            desk.warn("Not so fast: nobody can read that quickly.");
        }
    }

    fn list(desk: &mut Desk<'_>) {
        let here: Vec<String> = desk
            .house()
            .who()
            .into_iter()
            .filter(|caller| caller.place == Place::Chat)
            .map(|caller| caller.name.to_string())
            .collect();
        let text = Text::new().styled(Style::Notice, "Here: ").styled(Style::Name, here.join(", "));
        desk.screen.print(Entry::Line(text, 2));
    }
}

impl Room for Chat {
    fn place(&self) -> Place {
        Place::Chat
    }

    fn enter(&mut self, desk: &mut Desk<'_>) {
        desk.title("Chat");
        for note in desk.ticket.recent() {
            if let Some(text) = told(&note, Place::Chat) {
                desk.screen.print(Entry::Line(text, 2));
            }
        }
        Self::list(desk);
        desk.hint(&[("/me", "does something"), ("/who", "is here"), ("/q", "leaves")]);
    }

    fn prompt(&self) -> Text {
        Text::new().styled(Style::Dim, "> ")
    }

    fn answer(&mut self, desk: &mut Desk<'_>, line: &str) -> Step {
        let said = line.trim();
        if said.is_empty() {
            return Step::Stay;
        }
        if !said.starts_with('/') {
            self.say(desk, Note::Said(Arc::clone(desk.ticket.name()), said.into()));
            return Step::Stay;
        }
        match command(said) {
            (word, _) if matches!(word.as_str(), "/q" | "/quit" | "/leave" | "/exit") => return Step::Back,
            (word, _) if word == "/who" => Self::list(desk),
            (word, rest) if word == "/me" && !rest.is_empty() => {
                self.say(desk, Note::Did(Arc::clone(desk.ticket.name()), rest.into()));
            }
            _ => desk.hint(&[("/me waves", "does something"), ("/who", "is here"), ("/q", "leaves")]),
        }
        Step::Stay
    }

    fn talks(&self) -> bool {
        true
    }
}

/// What a caller who is at `place` is told of a note, if anything.
pub(crate) fn told(note: &Note, place: Place) -> Option<Text> {
    let star = || Text::new().styled(Style::Notice, "* ");
    let about = |who: &str, what: &str| star().styled(Style::Name, who).styled(Style::Notice, what);
    Some(match note {
        Note::Said(who, what) => Text::new().plain("<").styled(Style::Name, who).plain("> ").plain(what),
        Note::Did(who, what) => star().styled(Style::Name, who).plain(format!(" {what}")),
        Note::Arrived(who) => about(who, " has come on line"),
        Note::Left(who) => about(who, " has hung up"),
        Note::EnteredChat(who) if place == Place::Chat => about(who, " comes in"),
        Note::EnteredChat(who) => about(who, " is in the chat"),
        Note::LeftChat(who) => about(who, " leaves the chat"),
        Note::Posted { who, board, title } => {
            star().styled(Style::Name, who).styled(Style::Notice, format!(" has posted on {board}: {title}"))
        }
        Note::Missed(1) => Text::new().styled(Style::Dim, "… 1 line missed"),
        Note::Missed(lines) => Text::new().styled(Style::Dim, format!("… {lines} lines missed")),
        Note::Closing => return None,
    })
}
