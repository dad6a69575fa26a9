//! A terminal that knows exactly what the BBS may send, and fails a test over anything else.

use crate::bbs::Size;
use crate::bbs::text::{clusters, width};

pub(super) struct Glass {
    cols: usize,
    rows: Vec<Vec<String>>,
    row: usize,
    col: usize,
    /// Rows that left the screen at the top.
    past: Vec<String>,
}

const COLOURS: [&str; 7] = ["0", "1", "2", "1;36", "32", "33", "31"];

impl Glass {
    pub(super) fn new(size: Size) -> Self {
        let cols = usize::from(size.cols);
        let rows = vec![vec![" ".to_owned(); cols]; usize::from(size.rows)];
        Self { cols, rows, row: 0, col: 0, past: Vec::new() }
    }

    /// As a terminal that does not reflow: what does not fit is lost.
    pub(super) fn resize(&mut self, size: Size) {
        self.cols = usize::from(size.cols);
        self.rows.resize(usize::from(size.rows), Vec::new());
        for row in &mut self.rows {
            row.resize(self.cols, " ".to_owned());
        }
        self.row = self.row.min(self.rows.len() - 1);
        self.col = self.col.min(self.cols - 1);
    }

    /// Shows output, which may be cut only between two characters or sequences.
    pub(super) fn show(&mut self, output: &[u8]) {
        let text = std::str::from_utf8(output).expect("output is UTF-8");
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let mut used = first.len_utf8();
            match first {
                '\r' => self.col = 0,
                '\n' => self.line_feed(),
                '\x07' => {}
                '\x1b' => {
                    let sequence = rest.strip_prefix("\x1b[").expect("control sequences only");
                    let end = sequence.find(|c: char| c.is_ascii_alphabetic()).expect("a whole sequence");
                    let (parameters, tail) = sequence.split_at(end);
                    self.obey(parameters, &tail[..1]);
                    used = 2 + end + 1;
                }
                c => {
                    assert!(!c.is_control(), "{c:?} in {text:?}");
                    let run = rest.find(|c: char| c.is_control()).unwrap_or(rest.len());
                    for cluster in clusters(&rest[..run]) {
                        self.put(cluster);
                    }
                    used = run;
                }
            }
            rest = &rest[used..];
        }
    }

    fn obey(&mut self, parameters: &str, command: &str) {
        match (parameters, command) {
            ("", "H") => (self.row, self.col) = (0, 0),
            ("2", "J") => self.rows.iter_mut().flatten().for_each(|cell| *cell = " ".to_owned()),
            ("", "K") => self.rows[self.row][self.col..].iter_mut().for_each(|cell| *cell = " ".to_owned()),
            (count, "C") => {
                self.col += count.parse::<usize>().expect("a count");
                assert!(self.col < self.cols, "the cursor leaves the screen");
            }
            (colour, "m") => assert!(COLOURS.contains(&colour), "colour {colour}"),
            _ => panic!("the BBS sends no ESC [ {parameters} {command}"),
        }
    }

    fn put(&mut self, cluster: &str) {
        let cells = width(cluster);
        if cells == 0 {
            // A mark without a character before it: it belongs to whatever stands there.
            let at = self.col.saturating_sub(1);
            self.rows[self.row][at].push_str(cluster);
            return;
        }
        assert!(self.col + cells < self.cols, "{cluster:?} touches the right edge");
        for (index, cell) in self.rows[self.row][self.col..self.col + cells].iter_mut().enumerate() {
            *cell = if index == 0 { cluster.to_owned() } else { String::new() };
        }
        self.col += cells;
    }

    fn line_feed(&mut self) {
        if self.row + 1 < self.rows.len() {
            self.row += 1;
        } else {
            let top = self.rows.remove(0);
            self.past.push(top.concat().trim_end().to_owned());
            self.rows.push(vec![" ".to_owned(); self.cols]);
        }
    }

    /// The rows on the screen.
    pub(super) fn lines(&self) -> Vec<String> {
        self.rows.iter().map(|row| row.concat().trim_end().to_owned()).collect()
    }

    /// Everything that was and is on the screen.
    pub(super) fn everything(&self) -> String {
        let lines: Vec<String> = self.past.iter().cloned().chain(self.lines()).collect();
        lines.join("\n")
    }

    /// The row with the cursor, and the cursor's column.
    pub(super) fn input(&self) -> (String, usize) {
        (self.rows[self.row].concat().trim_end().to_owned(), self.col)
    }

    pub(super) fn forget(&mut self) {
        self.past.clear();
    }
}
