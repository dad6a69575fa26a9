//! What every room of the house is made of.

use super::house::{House, Place, Ticket};
use super::screen::{Entry, Screen};
use super::store::StoreError;
use super::text::{Style, Text, clusters, width};

/// A part of the BBS that a caller can be in. Rooms are stacked: the menu at the bottom, the one
/// that is asked on top.
pub(crate) trait Room: Send {
    fn place(&self) -> Place;

    /// The caller comes in, or comes back from a room that was entered from here.
    fn enter(&mut self, desk: &mut Desk<'_>);

    fn prompt(&self) -> Text;

    /// The caller has typed a line; it holds no control characters.
    fn answer(&mut self, desk: &mut Desk<'_>, line: &str) -> Step;

    /// The caller has typed control-D on an empty line.
    fn end(&mut self, _desk: &mut Desk<'_>) -> Step {
        Step::Back
    }

    /// Lines are said, not chosen: they have a history, and vanish when they are sent.
    fn talks(&self) -> bool {
        false
    }

    /// What others do is told at once, not when the caller comes out.
    fn takes_notes(&self) -> bool {
        true
    }
}

/// Where an answer leads.
pub(crate) enum Step {
    Stay,
    Enter(Box<dyn Room>),
    Back,
    LogOff,
}

/// What a room may use.
pub(crate) struct Desk<'a> {
    pub(crate) ticket: &'a Ticket,
    pub(crate) screen: &'a mut Screen,
}

impl Desk<'_> {
    pub(crate) fn house(&self) -> &House {
        self.ticket.house()
    }

    pub(crate) fn print(&mut self, text: Text) {
        self.screen.print(text);
    }

    pub(crate) fn title(&mut self, title: &str) {
        self.screen.blank();
        self.screen.print(Text::new().styled(Style::Title, title));
    }

    /// What can be typed here, the keys set off from the rest.
    pub(crate) fn hint(&mut self, choices: &[(&str, &str)]) {
        let mut text = Text::new();
        for (index, (key, meaning)) in choices.iter().enumerate() {
            let gap = if index == 0 { "" } else { "  " };
            text = text.plain(gap).styled(Style::Bold, key).styled(Style::Dim, format!(" {meaning}"));
        }
        self.screen.print(Entry::Line(text, 2));
    }

    pub(crate) fn warn(&mut self, text: &str) {
        self.print(Text::new().styled(Style::Warning, text));
    }

    /// Answers what the books said, or tells the caller that they cannot be used now.
    pub(crate) fn books<T>(&mut self, answer: Result<T, StoreError>) -> Option<T> {
        match answer {
            Ok(value) => Some(value),
            Err(error) => {
                tracing::error!(%error, "the books failed");
                self.warn("The books of the house cannot be used just now. The sysop has been told.");
                None
            }
        }
    }
}

/// The text in exactly that many cells: cut off, or filled up with spaces.
pub(crate) fn column(text: &str, cells: usize) -> String {
    let mut column = String::new();
    let mut used = 0;
    for cluster in clusters(text) {
        if used + width(cluster) > cells {
            break;
        }
        used += width(cluster);
        column.push_str(cluster);
    }
    column.extend(std::iter::repeat_n(' ', cells - used));
    column
}

/// The first word in lower case, and what follows it.
pub(crate) fn command(line: &str) -> (String, &str) {
    let line = line.trim();
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    (word.to_lowercase(), rest.trim())
}
