//! Where a configuration is wrong, and what it asks for in vain.

use std::fmt;

use feramiko_wire::sanitize;

/// A line of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file, or `command line`. Safe to print.
    pub file: String,
    /// The number of the line, the first being 1; of an option on the command line 0.
    pub line: usize,
}

impl Place {
    /// An option that is not in a file.
    pub(super) fn command_line() -> Self {
        Self { file: "command line".to_owned(), line: 0 }
    }

    pub(super) fn file(path: &str, line: usize) -> Self {
        Self { file: sanitize(path.as_bytes()), line }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{} line {line}", self.file),
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshConfigError {
    /// Where, if that can be said.
    pub place: Option<Place>,
    /// What is wrong. Safe to print.
    pub problem: String,
}

impl SshConfigError {
    pub(super) fn at(place: &Place, problem: impl AsRef<str>) -> Self {
        Self { place: Some(place.clone()), problem: clean(problem.as_ref()) }
    }

    pub(super) fn new(problem: impl AsRef<str>) -> Self {
        Self { place: None, problem: clean(problem.as_ref()) }
    }
}

impl fmt::Display for SshConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

impl std::error::Error for SshConfigError {}

/// Something that a configuration asks for, and that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where it is asked for.
    pub place: Place,
    /// What: a keyword as it was written. Safe to print.
    pub keyword: String,
    /// Why it is not done.
    pub reason: String,
    /// How much that matters.
    pub weight: Weight,
}

/// How much it matters that something is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Nobody will notice.
    Moot,
    /// Somebody may miss it.
    Missing,
    /// To go on without would be less safe than the user asked for: there is no connection.
    Refused,
}

impl Warning {
    pub(super) fn new(place: &Place, keyword: &str, reason: &str, weight: Weight) -> Self {
        Self { place: place.clone(), keyword: clean(keyword), reason: clean(reason), weight }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} has no effect: {}", self.place, self.keyword, self.reason)
    }
}

/// How far this library does what a keyword says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It does.
    Honoured,
    /// It does not, and nobody will notice: says why.
    Moot(&'static str),
    /// It does not, and somebody may miss it: says why.
    Missing(&'static str),
    /// It does not, and to go on without would be less safe than the user asked for: says why.
    Refused(&'static str),
}

impl Support {
    /// What to tell whoever sets `keyword`.
    pub(super) fn warning(self, place: &Place, keyword: &str) -> Option<Warning> {
        let (reason, weight) = match self {
            Self::Honoured => return None,
            Self::Moot(reason) => (reason, Weight::Moot),
            Self::Missing(reason) => (reason, Weight::Missing),
            Self::Refused(reason) => (reason, Weight::Refused),
        };
        Some(Warning::new(place, keyword, reason, weight))
    }
}

/// Safe to print, and not endless.
pub(super) fn clean(text: &str) -> String {
    const SHOWN: usize = 300;
    let mut text = sanitize(text.as_bytes());
    if let Some((end, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(end);
        text.push('…');
    }
    text
}
