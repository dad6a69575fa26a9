//! The opening screen and the main menu.

use super::arcade::{Arcade, show_scores};
use super::art;
use super::boards::{Boards, tally};
use super::chat::Chat;
use super::date::{span, stamp};
use super::house::Place;
use super::room::{Desk, Room, Step, column, command};
use super::screen::Entry;
use super::store::Visits;
use super::text::{Style, Text};

/// The room at the bottom of the stack.
pub(crate) struct Menu;

const CHOICES: [(&str, &str); 7] = [
    ("B", "Boards"),
    ("C", "Chat"),
    ("W", "Who is on line"),
    ("I", "The Iron Run"),
    ("S", "High scores"),
    ("A", "About this house"),
    ("L", "Log off"),
];

impl Room for Menu {
    fn place(&self) -> Place {
        Place::Menu
    }

    fn enter(&mut self, desk: &mut Desk<'_>) {
        desk.title("Main menu");
        let columns = if desk.screen.cells() >= 60 { 2 } else { 1 };
        let gap = if columns == 2 { "  " } else { " " };
        let per_column = CHOICES.len().div_ceil(columns);
        for row in 0..per_column {
            let mut text = Text::new();
            for (key, name) in CHOICES.iter().skip(row).step_by(per_column) {
                text = text.styled(Style::Bold, format!("{gap}{key}{gap}")).plain(column(name, 24));
            }
            desk.screen.print(Entry::Fixed(text));
        }
    }

    fn prompt(&self) -> Text {
        Text::new().plain("Choose> ")
    }

    fn answer(&mut self, desk: &mut Desk<'_>, line: &str) -> Step {
        let (word, _) = command(line);
        match word.as_str() {
            "b" | "boards" => return Step::Enter(Box::new(Boards)),
            "c" | "chat" => return Step::Enter(Box::new(Chat::new())),
            "i" | "iron" => return Step::Enter(Box::new(Arcade::new())),
            "w" | "who" => show_callers(desk),
            "s" | "scores" => {
                desk.title("High scores of the Iron Run");
                show_scores(desk, 10);
            }
            "a" | "about" => about(desk),
            "l" | "g" | "q" | "logoff" | "logout" | "exit" | "quit" | "bye" => return Step::LogOff,
            "" | "?" | "h" | "help" | "m" | "menu" => self.enter(desk),
            _ => desk.warn("That is not on the menu. Enter shows it."),
        }
        Step::Stay
    }

    fn end(&mut self, _desk: &mut Desk<'_>) -> Step {
        Step::LogOff
    }
}

/// The opening screen.
pub(crate) fn welcome(desk: &mut Desk<'_>) {
    desk.screen.clear();
    if !desk.screen.is_plain() && desk.screen.rows() >= 16 {
        for line in art::friend(desk.screen.cells()) {
            desk.screen.print(Entry::Fixed(line));
        }
        desk.screen.blank();
    }
    let name = desk.ticket.name().clone();
    desk.print(
        Text::new()
            .plain("Welcome to the ")
            .styled(Style::Title, "Iron Friend BBS")
            .plain(", ")
            .styled(Style::Name, &*name)
            .plain(". Your sysop is Robey."),
    );
    let now = desk.house().now();
    let answer = desk.house().store().call(&name, now);
    let visits = desk.books(answer).flatten();
    greet(desk, visits);
    let others = desk.house().who().len().saturating_sub(1);
    let company = match others {
        0 => "You are the only caller.".to_owned(),
        1 => "One other caller is on line.".to_owned(),
        _ => format!("{others} other callers are on line."),
    };
    desk.print(Text::new().styled(Style::Dim, company));
}

fn greet(desk: &mut Desk<'_>, visits: Option<Visits>) {
    let Some((posts, new)) = tally(desk, visits.map_or(0, |visits| visits.last)) else { return };
    let call = match visits {
        Some(visits) => format!(
            "This is your call number {}; the last one was on {}.",
            visits.calls.saturating_add(1),
            stamp(visits.last)
        ),
        None => "This is your first call.".to_owned(),
    };
    let boards = match (posts, new) {
        (0, _) => "The boards are still empty.".to_owned(),
        (_, 0) => "There are no new posts.".to_owned(),
        (_, 1) => "There is one new post.".to_owned(),
        (_, 100..) => "There are 100 new posts or more.".to_owned(),
        (_, new) => format!("There are {new} new posts."),
    };
    let text = format!("{call} {boards}");
    desk.print(Text::new().plain(text));
}

fn show_callers(desk: &mut Desk<'_>) {
    desk.title("On line");
    let now = desk.house().now();
    let entries: Vec<Entry> = desk
        .house()
        .who()
        .into_iter()
        .map(|caller| {
            let text = Text::new()
                .styled(Style::Name, column(&caller.name, 20))
                .plain(format!(" {}", caller.place.name()))
                .styled(Style::Dim, format!(", for {}", span(now.saturating_sub(caller.since))));
            Entry::Line(text, 4)
        })
        .collect();
    desk.screen.print_paged(entries);
}

fn about(desk: &mut Desk<'_>) {
    desk.title("About this house");
    for text in [
        "In 2003 Robey Pointer's paramiko, the paranoid friend, came with a demo server that played a BBS: it let \
         you log in, wished you a happy birthday, and hung up.",
        "This is the BBS that it promised. It runs inside feramiko, the iron friend, an SSH2 implementation in Rust: \
         what you type reaches this house through its key exchange, its ciphers and its channels.",
        "Posts are written to disk before you are told so. What is said in the chat is gone when the house is.",
    ] {
        desk.print(Text::new().plain(text));
    }
}
