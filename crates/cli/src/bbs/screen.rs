//! What one caller's terminal shows: printed lines, and below them the line being typed.
//!
//! With a terminal, lines are wrapped here, the input line takes exactly one row and can be erased
//! and drawn again around a message, and a resize draws the page anew. Without one (no pty), lines
//! go out as they are, ended by LF, with no escape sequence and no echo.

use std::collections::VecDeque;

use super::editor::LineEditor;
use super::text::{Style, Text};

/// A terminal's size in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) cols: u16,
    pub(crate) rows: u16,
}

impl Size {
    /// RFC 4254 section 6.2: zero means that the parameter is to be ignored.
    fn sane(self) -> Self {
        let or = |value: u16, default, least: u16| if value == 0 { default } else { value.max(least) };
        Self { cols: or(self.cols, 80, 8).min(500), rows: or(self.rows, 24, 4).min(300) }
    }
}

/// A line as it was printed, kept so that it can be printed again at another width.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// Wraps; rows after the first are indented.
    Line(Text, usize),
    /// Is cut off where the screen ends: pictures, tables.
    Fixed(Text),
}

impl Entry {
    fn rows(&self, cells: usize) -> Vec<Text> {
        match self {
            Self::Line(text, indent) => text.wrapped(cells, *indent),
            Self::Fixed(text) => vec![text.clipped(cells)],
        }
    }

    fn text(&self) -> &Text {
        let (Self::Line(text, _) | Self::Fixed(text)) = self;
        text
    }
}

impl From<Text> for Entry {
    fn from(text: Text) -> Self {
        Self::Line(text, 0)
    }
}

#[derive(Debug)]
pub(crate) struct Screen {
    out: Vec<u8>,
    /// `None`: plain mode.
    size: Option<Size>,
    /// What was printed last, for drawing it again.
    page: VecDeque<Entry>,
    /// What did not fit on the screen and waits for the caller to ask for more.
    pending: VecDeque<Entry>,
    /// The input line (plain: the prompt) is on the screen.
    input_shown: bool,
}

/// Lines kept for a redraw. The largest screen shows no more.
const MAX_PAGE: usize = 300;

impl Screen {
    pub(crate) fn new(size: Option<Size>) -> Self {
        Self {
            out: Vec::new(),
            size: size.map(Size::sane),
            page: VecDeque::new(),
            pending: VecDeque::new(),
            input_shown: false,
        }
    }

    /// Cells that a line may take. The last column stays free: terminals disagree about what a
    /// character there does to the cursor.
    pub(crate) fn cells(&self) -> usize {
        self.size.map_or(79, |size| usize::from(size.cols) - 1)
    }

    pub(crate) fn rows(&self) -> usize {
        self.size.map_or(24, |size| usize::from(size.rows))
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.size.is_none()
    }

    pub(crate) fn backlog(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Prints a line above the input line.
    pub(crate) fn print(&mut self, entry: impl Into<Entry>) {
        let entry = entry.into();
        self.erase_input();
        self.emit(&entry);
        self.remember(entry);
    }

    pub(crate) fn blank(&mut self) {
        self.print(Text::new());
    }

    /// Prints as much as the screen holds; the rest waits for [`more`](Self::more).
    pub(crate) fn print_paged(&mut self, entries: impl IntoIterator<Item = Entry>) {
        self.pending.extend(entries);
        self.more();
    }

    pub(crate) fn has_more(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(crate) fn drop_more(&mut self) {
        self.pending.clear();
    }

    /// Prints the next screenful.
    pub(crate) fn more(&mut self) {
        let mut room = if self.is_plain() { usize::MAX } else { self.rows().saturating_sub(2) };
        while let Some(entry) = self.pending.pop_front() {
            let rows = entry.rows(self.cells()).len();
            room = room.saturating_sub(rows);
            self.print(entry);
            if room == 0 {
                break;
            }
        }
    }

    /// Starts over with an empty screen.
    pub(crate) fn clear(&mut self) {
        self.page.clear();
        self.pending.clear();
        if !self.is_plain() {
            self.out.extend_from_slice(b"\x1b[H\x1b[2J");
        }
        self.input_shown = false;
    }

    /// Draws everything again, the input line excepted.
    pub(crate) fn redraw(&mut self) {
        if self.is_plain() {
            return;
        }
        let room = self.rows() - 1;
        let mut rows: VecDeque<Text> = VecDeque::new();
        for entry in self.page.iter().rev() {
            for row in entry.rows(self.cells()).into_iter().rev() {
                if rows.len() < room {
                    rows.push_front(row);
                }
            }
            if rows.len() >= room {
                break;
            }
        }
        self.out.extend_from_slice(b"\x1b[H\x1b[2J");
        for row in rows {
            row.paint(&mut self.out);
            self.out.extend_from_slice(b"\r\n");
        }
        self.input_shown = false;
    }

    pub(crate) fn resize(&mut self, size: Size) {
        let size = size.sane();
        if self.size.is_some_and(|old| old != size) {
            self.size = Some(size);
            self.redraw();
        }
    }

    /// Draws the input line, over the old one if there is one.
    pub(crate) fn show_input(&mut self, prompt: &Text, editor: &mut LineEditor) {
        if self.is_plain() {
            if !self.input_shown {
                self.say_prompt(prompt);
            }
            self.input_shown = true;
            return;
        }
        let prompt = prompt.clipped(self.cells() / 2);
        let start = prompt.width();
        let view = editor.view(self.cells() - start);
        self.out.push(b'\r');
        prompt.paint(&mut self.out);
        Text::new().plain(&view.text).paint(&mut self.out);
        self.out.extend_from_slice(b"\x1b[K\r");
        if start + view.cursor > 0 {
            self.out.extend_from_slice(format!("\x1b[{}C", start + view.cursor).as_bytes());
        }
        self.input_shown = true;
    }

    /// The caller has ended the line: it stays above as printed text, or (`keep` false) vanishes.
    pub(crate) fn finish_input(&mut self, prompt: &Text, line: &str, keep: bool) {
        if self.is_plain() && !self.input_shown {
            // The line came before its prompt was shown.
            self.say_prompt(prompt);
        }
        self.erase_input();
        if keep && !self.is_plain() {
            self.print(prompt.clone().styled(Style::Bold, line));
        }
    }

    pub(crate) fn shows_input(&self) -> bool {
        self.input_shown
    }

    pub(crate) fn bell(&mut self) {
        if !self.is_plain() && self.out.last() != Some(&0x07) {
            self.out.push(0x07);
        }
    }

    /// Plain mode: the prompt has a line of its own, so that what follows begins on a new one.
    fn say_prompt(&mut self, prompt: &Text) {
        self.out.extend_from_slice(prompt.bare().trim_end().as_bytes());
        self.out.push(b'\n');
    }

    fn erase_input(&mut self) {
        if self.input_shown && !self.is_plain() {
            self.out.extend_from_slice(b"\r\x1b[K");
        }
        self.input_shown = false;
    }

    fn emit(&mut self, entry: &Entry) {
        if self.is_plain() {
            self.out.extend_from_slice(entry.text().bare().as_bytes());
            self.out.push(b'\n');
            return;
        }
        for row in entry.rows(self.cells()) {
            row.paint(&mut self.out);
            self.out.extend_from_slice(b"\r\n");
        }
    }

    fn remember(&mut self, entry: Entry) {
        if self.page.len() == MAX_PAGE {
            self.page.pop_front();
        }
        self.page.push_back(entry);
    }
}
