//! The line being typed: text, cursor, history, and the part of it that fits on the screen.

use std::collections::VecDeque;

use super::keys::Key;
use super::text::{clusters, one_line, width};

/// What a caller types before Enter.
#[derive(Debug, Default)]
pub(crate) struct LineEditor {
    text: String,
    /// Byte offset, always between two clusters.
    cursor: usize,
    /// Byte offset of the first cluster shown, when the line is longer than the screen.
    left: usize,
    killed: String,
    history: VecDeque<String>,
    /// How far back in the history the line shown is, and what was typed before going there.
    browsing: Option<(usize, String)>,
}

/// What of the line is on the screen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) text: String,
    /// Cells from the beginning of `text` to the cursor.
    pub(crate) cursor: usize,
}

/// Longest line in bytes; what is typed beyond is not taken.
pub(crate) const MAX_LINE_BYTES: usize = 1000;
const MAX_HISTORY: usize = 50;

impl LineEditor {
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The finished line; the editor is empty afterwards.
    pub(crate) fn take(&mut self, remember: bool) -> String {
        let line = std::mem::take(&mut self.text);
        self.cursor = 0;
        self.left = 0;
        self.browsing = None;
        if remember && !line.is_empty() && self.history.front() != Some(&line) {
            self.history.push_front(line.clone());
            self.history.truncate(MAX_HISTORY);
        }
        line
    }

    /// Edits the line. Keys that are not about editing do nothing. `false` asks for the bell:
    /// nothing could be done.
    pub(crate) fn apply(&mut self, key: Key, with_history: bool) -> bool {
        match key {
            Key::Char(c) => return self.insert(c),
            Key::Left => self.cursor = self.before(),
            Key::Right => self.cursor = self.after(),
            Key::WordLeft => self.cursor = self.word_before(),
            Key::WordRight => self.cursor = self.word_after(),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.text.len(),
            Key::Backspace => return self.remove(self.before(), self.cursor).is_some(),
            Key::Delete | Key::EndOfInput => return self.remove(self.cursor, self.after()).is_some(),
            Key::KillToStart => self.kill(0, self.cursor),
            Key::KillToEnd => self.kill(self.cursor, self.text.len()),
            Key::KillWord => self.kill(self.word_before(), self.cursor),
            Key::Yank => return self.killed.clone().chars().all(|c| self.insert(c)),
            Key::Up if with_history => return self.browse(|at| at.map_or(Some(0), |at| Some(at + 1))),
            Key::Down if with_history => return self.browse(|at| at?.checked_sub(1)),
            _ => return false,
        }
        true
    }

    /// The part of the line around the cursor that fits into `cells`, with the cursor in it.
    pub(crate) fn view(&mut self, cells: usize) -> View {
        let cells = cells.max(2);
        if cluster_width(&self.text) < cells {
            self.left = 0;
        }
        self.left = self.left.min(self.cursor);
        let mut before: usize = self.slice(self.left, self.cursor).map_or(0, cluster_width);
        if before >= cells {
            // Half a screen back, so that the line does not jump with every character.
            let pieces: Vec<&str> = clusters(self.slice(0, self.cursor).unwrap_or_default()).collect();
            let mut left = self.cursor;
            before = 0;
            for piece in pieces.iter().rev() {
                if before + width(piece) > cells / 2 {
                    break;
                }
                before += width(piece);
                left -= piece.len();
            }
            self.left = left;
        }
        let mut text = String::new();
        let mut shown = 0;
        for cluster in clusters(self.slice(self.left, self.text.len()).unwrap_or_default()) {
            shown += width(cluster);
            if shown > cells {
                break;
            }
            text.push_str(cluster);
        }
        View { text, cursor: before }
    }

    fn insert(&mut self, c: char) -> bool {
        if self.text.len() + c.len_utf8() > MAX_LINE_BYTES {
            return false;
        }
        let c = one_line(c.encode_utf8(&mut [0; 4])).chars().next().unwrap_or(' ');
        self.text.insert(self.cursor, c);
        self.cursor += c.len_utf8();
        if self.cursor < self.text.len() {
            // What follows may be a mark that now belongs to the new character.
            let boundary = self.boundaries().find(|end| *end >= self.cursor);
            self.cursor = boundary.unwrap_or(self.text.len());
        }
        true
    }

    fn remove(&mut self, from: usize, to: usize) -> Option<String> {
        if from >= to {
            return None;
        }
        let removed = self.text.drain(from..to).collect();
        // What stood around the gap may have become one cluster.
        let boundary = self.boundaries().take_while(|end| *end <= from).last();
        self.cursor = boundary.unwrap_or(0);
        self.left = 0;
        Some(removed)
    }

    fn kill(&mut self, from: usize, to: usize) {
        if let Some(removed) = self.remove(from, to) {
            self.killed = removed;
        }
    }

    fn browse(&mut self, step: impl FnOnce(Option<usize>) -> Option<usize>) -> bool {
        let at = self.browsing.as_ref().map(|(at, _)| *at);
        let next = step(at);
        let line = match next {
            Some(next) => match self.history.get(next) {
                Some(line) => line.clone(),
                None => return false,
            },
            None => match &self.browsing {
                Some((_, draft)) => draft.clone(),
                None => return false,
            },
        };
        let draft = self.browsing.take().map_or_else(|| self.text.clone(), |(_, draft)| draft);
        self.browsing = next.map(|next| (next, draft));
        self.text = line;
        self.cursor = self.text.len();
        self.left = 0;
        true
    }

    /// Where clusters end, the beginning of the line included.
    fn boundaries(&self) -> impl Iterator<Item = usize> {
        std::iter::once(0).chain(clusters(&self.text).scan(0, |end, cluster| {
            *end += cluster.len();
            Some(*end)
        }))
    }

    fn before(&self) -> usize {
        self.boundaries().take_while(|end| *end < self.cursor).last().unwrap_or(0)
    }

    fn after(&self) -> usize {
        self.boundaries().find(|end| *end > self.cursor).unwrap_or(self.text.len())
    }

    fn word_before(&self) -> usize {
        let before = self.slice(0, self.cursor).unwrap_or_default();
        let word = before.trim_end_matches(' ');
        word.rfind(' ').map_or(0, |space| space + 1)
    }

    fn word_after(&self) -> usize {
        let rest = self.slice(self.cursor, self.text.len()).unwrap_or_default();
        let gap = rest.len() - rest.trim_start_matches(' ').len();
        let word = rest.trim_start_matches(' ');
        self.cursor + gap + word.find(' ').unwrap_or(word.len())
    }

    fn slice(&self, from: usize, to: usize) -> Option<&str> {
        self.text.get(from..to)
    }
}

fn cluster_width(text: &str) -> usize {
    clusters(text).map(width).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> LineEditor {
        let mut editor = LineEditor::default();
        for c in text.chars() {
            assert!(editor.apply(Key::Char(c), false));
        }
        editor
    }

    fn after(text: &str, keys: &[Key]) -> String {
        let mut editor = typed(text);
        for key in keys {
            editor.apply(*key, true);
        }
        editor.apply(Key::Char('|'), false);
        editor.take(false)
    }

    #[test]
    fn backspace_takes_a_whole_character_with_its_marks() {
        assert_eq!(after("cafe\u{301}", &[Key::Backspace]), "caf|");
        assert_eq!(after("a👩\u{200d}🔧", &[Key::Backspace]), "a|");
        assert_eq!(after("a鉄", &[Key::Backspace, Key::Backspace, Key::Backspace]), "|");
        assert_eq!(after("ab", &[Key::Left, Key::Backspace]), "|b");
    }

    #[test]
    fn the_cursor_moves_by_characters_and_words() {
        assert_eq!(after("ab鉄", &[Key::Left]), "ab|鉄");
        assert_eq!(after("one two three", &[Key::WordLeft, Key::WordLeft]), "one |two three");
        assert_eq!(after("one two", &[Key::Home, Key::WordRight]), "one| two");
        assert_eq!(after("ab", &[Key::Home, Key::Right, Key::Right, Key::Right, Key::Left]), "a|b");
    }

    #[test]
    fn killed_text_comes_back() {
        assert_eq!(after("one two", &[Key::KillWord, Key::Home, Key::Yank]), "two|one ");
        assert_eq!(after("abc", &[Key::Left, Key::KillToStart]), "|c");
        assert_eq!(after("abc", &[Key::Home, Key::Right, Key::KillToEnd]), "a|");
        assert_eq!(after("abc", &[Key::Home, Key::Delete]), "|bc");
    }

    #[test]
    fn the_history_goes_back_and_returns_to_the_draft() {
        let mut editor = typed("first");
        editor.take(true);
        editor = {
            for c in "second".chars() {
                editor.apply(Key::Char(c), true);
            }
            editor.take(true);
            editor
        };
        for c in "draft".chars() {
            editor.apply(Key::Char(c), true);
        }
        let mut shown = |key| {
            let moved = editor.apply(key, true);
            (moved, editor.view(80).text)
        };
        assert_eq!(shown(Key::Up), (true, "second".into()));
        assert_eq!(shown(Key::Up), (true, "first".into()));
        assert_eq!(shown(Key::Up), (false, "first".into()));
        assert_eq!(shown(Key::Down), (true, "second".into()));
        assert_eq!(shown(Key::Down), (true, "draft".into()));
        assert_eq!(shown(Key::Down), (false, "draft".into()));
    }

    #[test]
    fn a_long_line_scrolls_so_that_the_cursor_stays_in_sight() {
        let mut editor = typed(&"0123456789".repeat(5));
        let view = editor.view(20);
        assert!(view.cursor < 20 && view.text.ends_with('9'), "{view:?}");
        editor.apply(Key::Home, false);
        assert_eq!(editor.view(20), View { text: "01234567890123456789".into(), cursor: 0 });
    }

    #[test]
    fn a_wide_line_is_measured_in_cells() {
        let mut editor = typed("鉄鉄");
        assert_eq!(editor.view(20), View { text: "鉄鉄".into(), cursor: 4 });
        editor.apply(Key::Left, false);
        assert_eq!(editor.view(20), View { text: "鉄鉄".into(), cursor: 2 });
    }

    #[test]
    fn a_line_has_an_end() {
        let mut editor = LineEditor::default();
        let taken = (0..5000).take_while(|_| editor.apply(Key::Char('é'), false)).count();
        assert_eq!(taken, MAX_LINE_BYTES / 2);
    }

    #[test]
    fn text_that_reorders_is_replaced_as_it_is_typed() {
        let mut editor = LineEditor::default();
        editor.apply(Key::Char('\u{202e}'), false);
        assert_eq!(editor.take(false), "\u{fffd}");
    }
}
