//! The boards: lists of posts, reading, writing.

use super::date::{short_stamp, stamp};
use super::house::Place;
use super::room::{Desk, Room, Step, column, command};
use super::screen::Entry;
use super::store::{From, Heading};
use super::text::{Style, Text};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Board {
    id: u8,
    name: &'static str,
    about: &'static str,
}

/// The numbers are in the books: never reuse one.
pub(crate) const BOARDS: [Board; 4] = [
    Board { id: 1, name: "General", about: "whatever comes to mind" },
    Board { id: 2, name: "Workshop", about: "things we build, and how" },
    Board { id: 3, name: "Paranoia", about: "keys, ciphers, and who might be listening" },
    Board { id: 4, name: "Sysop", about: "letters to Robey" },
];

/// Posts in all, and how many of them are newer than `since` (counted to 100 on each board).
pub(crate) fn tally(desk: &mut Desk<'_>, since: u64) -> Option<(u64, usize)> {
    let mut tally = (0, 0);
    for board in BOARDS {
        let answer = desk.house().store().count(board.id);
        tally.0 += desk.books(answer)?;
        let answer = desk.house().store().count_since(board.id, since, 100);
        tally.1 += desk.books(answer)?;
    }
    Some(tally)
}

/// The list of boards.
pub(crate) struct Boards;

impl Room for Boards {
    fn place(&self) -> Place {
        Place::Boards
    }

    fn enter(&mut self, desk: &mut Desk<'_>) {
        desk.title("Boards");
        for board in BOARDS {
            let answer = desk.house().store().count(board.id);
            let Some(count) = desk.books(answer) else { return };
            let text = Text::new()
                .styled(Style::Bold, format!(" {} ", board.id))
                .plain(column(board.name, 10))
                .styled(Style::Dim, format!("{count:>4}  {}", board.about));
            desk.screen.print(Entry::Fixed(text));
        }
        desk.hint(&[("1-4", "choose"), ("Q", "back")]);
    }

    fn prompt(&self) -> Text {
        Text::new().plain("Board> ")
    }

    fn answer(&mut self, desk: &mut Desk<'_>, line: &str) -> Step {
        let (word, _) = command(line);
        if matches!(word.as_str(), "q" | "quit") {
            return Step::Back;
        }
        let chosen = BOARDS.iter().find(|board| {
            word == board.id.to_string() || (!word.is_empty() && board.name.to_lowercase().starts_with(&word))
        });
        match chosen {
            Some(board) => {
                Step::Enter(Box::new(Listing { board: *board, from: From::Newest, shown: Vec::new() }))
            }
            None => {
                self.enter(desk);
                Step::Stay
            }
        }
    }
}

/// The posts of one board.
struct Listing {
    board: Board,
    from: From,
    shown: Vec<Heading>,
}

impl Listing {
    fn turn(&mut self, desk: &mut Desk<'_>, from: From) {
        let limit = desk.screen.rows().saturating_sub(6).clamp(3, 15);
        let answer = desk.house().store().list(self.board.id, from, limit);
        match desk.books(answer) {
            Some(headings) if headings.is_empty() && from != From::Newest => {
                desk.print(Text::new().styled(Style::Dim, "No more posts that way."));
            }
            Some(headings) => {
                self.from = from;
                self.shown = headings;
                self.show(desk);
            }
            None => {}
        }
    }

    fn show(&self, desk: &mut Desk<'_>) {
        desk.title(self.board.name);
        if self.shown.is_empty() {
            desk.print(Text::new().plain("Nobody has posted here yet. W writes the first post."));
        }
        let wide = desk.screen.cells() >= 48;
        for post in &self.shown {
            let number = Text::new().styled(Style::Bold, format!("{:>4} ", post.number));
            let text = if wide {
                number
                    .styled(Style::Dim, format!("{}  ", short_stamp(post.when)))
                    .styled(Style::Name, column(&post.author, 12))
                    .plain(format!("  {}", post.title))
            } else {
                number.plain(&post.title)
            };
            desk.screen.print(Entry::Fixed(text));
        }
        desk.hint(&[("number", "read"), ("W", "write"), ("N", "older"), ("P", "newer"), ("Q", "back")]);
    }
}

impl Room for Listing {
    fn place(&self) -> Place {
        Place::Boards
    }

    fn enter(&mut self, desk: &mut Desk<'_>) {
        self.turn(desk, self.from);
    }

    fn prompt(&self) -> Text {
        Text::new().plain(format!("{}> ", self.board.name))
    }

    fn answer(&mut self, desk: &mut Desk<'_>, line: &str) -> Step {
        let (word, _) = command(line);
        match word.as_str() {
            "q" | "quit" => return Step::Back,
            "w" | "write" => return Step::Enter(Box::new(Writing::new(self.board, None))),
            "n" | "" => {
                if let Some(last) = self.shown.last() {
                    self.turn(desk, From::Before(last.number));
                }
            }
            "p" => {
                if let Some(first) = self.shown.first() {
                    self.turn(desk, From::After(first.number));
                }
            }
            _ => match word.parse() {
                Ok(number) => {
                    return Step::Enter(Box::new(Reading { board: self.board, number, title: None }));
                }
                Err(_) => self.show(desk),
            },
        }
        Step::Stay
    }
}

/// One post.
struct Reading {
    board: Board,
    number: u64,
    /// Of the post that was found.
    title: Option<String>,
}

impl Reading {
    fn step_to(&mut self, desk: &mut Desk<'_>, from: From) {
        let answer = desk.house().store().list(self.board.id, from, 1);
        let Some(headings) = desk.books(answer) else { return };
        match headings.first() {
            Some(heading) => {
                self.number = heading.number;
                self.enter(desk);
            }
            None => desk.print(Text::new().styled(Style::Dim, "No more posts that way.")),
        }
    }
}

impl Room for Reading {
    fn place(&self) -> Place {
        Place::Boards
    }

    fn enter(&mut self, desk: &mut Desk<'_>) {
        let answer = desk.house().store().read(self.board.id, self.number);
        let Some(found) = desk.books(answer) else { return };
        let Some(post) = found else {
            self.title = None;
            desk.warn(&format!("{} has no post {}.", self.board.name, self.number));
            return;
        };
        let mut entries: Vec<Entry> = vec![
            Text::new().into(),
            Text::new().styled(Style::Title, format!("#{} {}", post.number, post.title)).into(),
            Text::new()
                .styled(Style::Name, &post.author)
                .styled(Style::Dim, format!(", {}", stamp(post.when)))
                .into(),
            Text::new().into(),
        ];
        entries.extend(post.body.lines().map(|line| Text::new().plain(line).into()));
        entries.push(Text::new().into());
        self.title = Some(post.title);
        desk.screen.print_paged(entries);
    }

    fn prompt(&self) -> Text {
        if self.title.is_some() {
            Text::new().plain("Enter next, P previous, R reply, Q back> ")
        } else {
            Text::new().plain("Q back> ")
        }
    }

    fn answer(&mut self, desk: &mut Desk<'_>, line: &str) -> Step {
        let (word, _) = command(line);
        match (word.as_str(), &self.title) {
            ("q" | "quit", _) | (_, None) => return Step::Back,
            ("n" | "", _) => self.step_to(desk, From::After(self.number)),
            ("p", _) => self.step_to(desk, From::Before(self.number)),
            ("r", Some(title)) => {
                let title = if title.starts_with("Re: ") { title.clone() } else { format!("Re: {title}") };
                return Step::Enter(Box::new(Writing::new(self.board, Some(title))));
            }
            _ => match word.parse() {
                Ok(number) => {
                    self.number = number;
                    self.enter(desk);
                }
                Err(_) => self.enter(desk),
            },
        }
        Step::Stay
    }
}

/// A post that is being written: first its title, then line after line.
struct Writing {
    board: Board,
    title: Option<String>,
    lines: Vec<String>,
    bytes: usize,
}

const MAX_TITLE_CHARS: usize = 70;
const MAX_BODY_BYTES: usize = 8000;
const MAX_BODY_LINES: usize = 200;

impl Writing {
    fn new(board: Board, title: Option<String>) -> Self {
        let title = title.map(|title| shortened(&title));
        Self { board, title, lines: Vec::new(), bytes: 0 }
    }

    fn explain(desk: &mut Desk<'_>) {
        desk.hint(&[
            (".", "alone on a line posts it"),
            ("/d", "takes the last line back"),
            ("/q", "gives up"),
        ]);
    }

    fn add(&mut self, desk: &mut Desk<'_>, line: &str) {
        let bytes = self.bytes + line.len() + 1;
        if bytes > MAX_BODY_BYTES || self.lines.len() >= MAX_BODY_LINES {
            desk.warn("That is as long as a post can be. A dot posts it, /q gives up.");
        } else {
            self.bytes = bytes;
            self.lines.push(line.to_owned());
        }
    }

    fn save(&mut self, desk: &mut Desk<'_>) -> Step {
        let title = self.title.as_deref().unwrap_or_default();
        let body = self.lines.join("\n");
        let answer = desk.house().store().post(
            self.board.id,
            desk.ticket.name(),
            title,
            body.trim_end(),
            desk.house().now(),
        );
        let Some(number) = desk.books(answer) else { return Step::Stay };
        desk.ticket.announce_post(self.board.name, title);
        desk.print(Text::new().styled(Style::Notice, format!("Posted as {} #{number}.", self.board.name)));
        Step::Back
    }
}

impl Room for Writing {
    fn place(&self) -> Place {
        Place::Writing
    }

    fn enter(&mut self, desk: &mut Desk<'_>) {
        desk.title(&format!("A new post on {}", self.board.name));
        if let Some(title) = &self.title {
            desk.print(Text::new().plain(title));
            Self::explain(desk);
        }
    }

    fn prompt(&self) -> Text {
        Text::new().styled(Style::Dim, if self.title.is_none() { "Title: " } else { "| " })
    }

    fn answer(&mut self, desk: &mut Desk<'_>, line: &str) -> Step {
        if self.title.is_none() {
            let title = shortened(line.trim());
            if title.is_empty() || title.eq_ignore_ascii_case("/q") {
                desk.print(Text::new().plain("Not posted."));
                return Step::Back;
            }
            self.title = Some(title);
            Self::explain(desk);
            return Step::Stay;
        }
        match line.trim_end() {
            "/q" => {
                desk.print(Text::new().plain("Not posted."));
                return Step::Back;
            }
            "/d" => {
                if let Some(line) = self.lines.pop() {
                    self.bytes -= line.len() + 1;
                    desk.print(Text::new().styled(Style::Dim, format!("Taken back: {line}")));
                }
            }
            "." if self.lines.iter().all(|line| line.trim().is_empty()) => {
                desk.warn("There is nothing to post yet. /q gives up.");
            }
            "." => return self.save(desk),
            line => self.add(desk, line),
        }
        Step::Stay
    }

    fn end(&mut self, desk: &mut Desk<'_>) -> Step {
        desk.print(Text::new().plain("Not posted."));
        Step::Back
    }

    fn takes_notes(&self) -> bool {
        false
    }
}

fn shortened(title: &str) -> String {
    title.chars().take(MAX_TITLE_CHARS).collect()
}
