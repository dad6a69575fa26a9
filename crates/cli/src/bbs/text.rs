//! Styled lines of text, measured in terminal cells.

use std::borrow::Cow;

use feramiko_wire::sanitize_line;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How a span looks. Few and modest, so that any background does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
    Title,
    Name,
    Notice,
    Warning,
}

impl Style {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("1"),
            Self::Dim => Some("2"),
            Self::Title => Some("1;36"),
            Self::Name => Some("32"),
            Self::Notice => Some("33"),
            Self::Warning => Some("31"),
        }
    }
}

/// One logical line. Whatever is put in is made a single line without control characters, so that
/// no caller's text can command another caller's terminal, whichever way it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(Vec<(Style, String)>);

impl Text {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn plain(self, text: impl AsRef<str>) -> Self {
        self.styled(Style::Plain, text)
    }

    pub(crate) fn styled(mut self, style: Style, text: impl AsRef<str>) -> Self {
        let text = one_line(text.as_ref());
        if !text.is_empty() {
            self.0.push((style, text.into_owned()));
        }
        self
    }

    /// Terminal cells it takes.
    pub(crate) fn width(&self) -> usize {
        self.atoms().map(|atom| atom.width).sum()
    }

    /// The characters alone.
    pub(crate) fn bare(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// Appends the text with its colours, which are reset before it ends.
    pub(crate) fn paint(&self, out: &mut Vec<u8>) {
        for (style, text) in &self.0 {
            match style.code() {
                Some(code) => {
                    out.extend_from_slice(b"\x1b[");
                    out.extend_from_slice(code.as_bytes());
                    out.push(b'm');
                    out.extend_from_slice(text.as_bytes());
                    out.extend_from_slice(b"\x1b[0m");
                }
                None => out.extend_from_slice(text.as_bytes()),
            }
        }
    }

    /// As many whole characters as fit into `cells`.
    pub(crate) fn clipped(&self, cells: usize) -> Self {
        let mut row = Row::default();
        for atom in self.atoms() {
            if row.width + atom.width > cells {
                break;
            }
            row.push(atom);
        }
        row.into_text()
    }

    /// Breaks the line between words (inside a word only where it does not fit a row) into rows of
    /// at most `cells`; rows after the first start with `indent` spaces.
    pub(crate) fn wrapped(&self, cells: usize, indent: usize) -> Vec<Self> {
        let cells = cells.max(2);
        let indent = if indent * 2 > cells { 0 } else { indent };
        let mut rows = Vec::new();
        let mut row = Row::default();
        for atom in self.atoms() {
            if row.width + atom.width > cells && atom.is_space() {
                row.trim();
                rows.push(std::mem::replace(&mut row, Row::indented(indent)));
                continue;
            }
            while row.width + atom.width > cells && row.has_content() {
                let next = row.break_off(indent);
                rows.push(std::mem::replace(&mut row, next));
            }
            row.push(atom);
        }
        if row.has_content() || rows.is_empty() {
            rows.push(row);
        }
        rows.into_iter().map(Row::into_text).collect()
    }

    fn atoms(&self) -> impl Iterator<Item = Atom<'_>> {
        self.0.iter().flat_map(|(style, text)| {
            clusters(text).map(|cluster| Atom { style: *style, text: cluster, width: width(cluster) })
        })
    }
}

/// What stands in one place of a row: a character with the marks that belong to it.
#[derive(Clone, Copy)]
struct Atom<'a> {
    style: Style,
    text: &'a str,
    width: usize,
}

impl Atom<'_> {
    fn is_space(&self) -> bool {
        self.text == " "
    }
}

#[derive(Default)]
struct Row<'a> {
    atoms: Vec<Atom<'a>>,
    width: usize,
    /// Spaces of the hanging indent, which are not content.
    indent: usize,
    /// Where a new row may begin: behind the last space.
    gap: Option<usize>,
}

impl<'a> Row<'a> {
    fn indented(indent: usize) -> Self {
        let space = Atom { style: Style::Plain, text: " ", width: 1 };
        Self { atoms: vec![space; indent], width: indent, indent, gap: None }
    }

    fn has_content(&self) -> bool {
        self.atoms.len() > self.indent
    }

    fn push(&mut self, atom: Atom<'a>) {
        self.atoms.push(atom);
        self.width += atom.width;
        if atom.is_space() && self.atoms.iter().skip(self.indent).any(|atom| !atom.is_space()) {
            self.gap = Some(self.atoms.len());
        }
    }

    /// Cuts behind the last space, or here when there is none, and answers the row that follows.
    fn break_off(&mut self, indent: usize) -> Self {
        let at = self.gap.unwrap_or(self.atoms.len());
        let mut next = Self::indented(indent);
        for atom in self.atoms.split_off(at) {
            next.push(atom);
        }
        next.gap = None;
        self.trim();
        next
    }

    fn trim(&mut self) {
        while self.has_content() && self.atoms.last().is_some_and(Atom::is_space) {
            self.atoms.pop();
        }
    }

    fn into_text(self) -> Text {
        let mut spans: Vec<(Style, String)> = Vec::new();
        for atom in self.atoms {
            match spans.last_mut() {
                Some((style, text)) if *style == atom.style => text.push_str(atom.text),
                _ => spans.push((atom.style, atom.text.to_owned())),
            }
        }
        Text(spans)
    }
}

/// One line that is safe to show: the project's sanitizer, and no line feed or tab either.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(sanitize_line(text.as_bytes()))
}

/// Terminal cells that `text` takes.
pub(crate) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The text in the pieces that a cursor steps over: a character with its combining marks, an emoji
/// with its modifiers and what is joined to it, a pair of regional indicators.
pub(crate) fn clusters(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = cluster_end(rest);
        let (cluster, after) = rest.split_at_checked(end)?;
        rest = after;
        (!cluster.is_empty()).then_some(cluster)
    })
}

fn cluster_end(text: &str) -> usize {
    let mut chars = text.char_indices();
    let Some((_, first)) = chars.next() else { return 0 };
    let mut before = first;
    let mut flag_is_half = is_regional_indicator(first);
    for (at, c) in chars {
        let completes_flag = flag_is_half && is_regional_indicator(c);
        let joins = c.width().unwrap_or(0) == 0
            || before == ZERO_WIDTH_JOINER
            || (is_skin_tone(c) && before.width() == Some(2))
            || completes_flag;
        if !joins {
            return at;
        }
        flag_is_half &= !completes_flag;
        before = c;
    }
    text.len()
}

const ZERO_WIDTH_JOINER: char = '\u{200d}';

fn is_regional_indicator(c: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&c)
}

fn is_skin_tone(c: char) -> bool {
    ('\u{1f3fb}'..='\u{1f3ff}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, cells: usize, indent: usize) -> Vec<String> {
        Text::new().plain(text).wrapped(cells, indent).iter().map(Text::bare).collect()
    }

    #[test]
    fn clusters_are_what_a_reader_calls_one_character() {
        let pieces = |text| clusters(text).collect::<Vec<_>>();
        assert_eq!(pieces("ae\u{301}x"), ["a", "e\u{301}", "x"]);
        assert_eq!(pieces("鉄友"), ["鉄", "友"]);
        assert_eq!(pieces("👩\u{200d}🔧👍🏽!"), ["👩\u{200d}🔧", "👍🏽", "!"]);
        assert_eq!(pieces("🇦🇹🇩🇪🇫"), ["🇦🇹", "🇩🇪", "🇫"]);
        assert_eq!(pieces(""), Vec::<&str>::new());
    }

    #[test]
    fn lines_wrap_between_words_and_hang() {
        assert_eq!(rows("one two three", 8, 2), ["one two", "  three"]);
        assert_eq!(rows("abcdefghij", 4, 0), ["abcd", "efgh", "ij"]);
        assert_eq!(rows("", 10, 2), [""]);
        assert_eq!(rows("    indented text", 12, 0), ["    indented", "text"]);
        assert_eq!(rows("a bb  ccc", 5, 0), ["a bb", "ccc"]);
    }

    #[test]
    fn a_wide_character_is_not_cut_in_half() {
        assert_eq!(rows("鉄鉄鉄", 5, 0), ["鉄鉄", "鉄"]);
        assert_eq!(Text::new().plain("a鉄鉄").clipped(4).bare(), "a鉄");
    }

    #[test]
    fn text_holds_no_control_characters() {
        let text = Text::new().plain("a\x1b[2Jb\nc\td\u{9b}e\u{202e}f");
        assert_eq!(text.bare(), "a\u{fffd}[2Jb c d\u{fffd}e\u{fffd}f");
    }
}
