//! From lines to settings: which lines apply, and which of those counts.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use feramiko_keys::pattern;

use super::criteria::{self, Subject};
use super::error::{Place, SshConfigError, Warning, Weight};
use super::facts::Facts;
use super::keyword::{Keyword, Kind, Meaning, meaning};
use super::lexer::{self, Line};
use super::surroundings::Surroundings;
use super::tokens;
use super::value::{self, Joining, MOST};
use crate::platform;

/// How deep files may include one another, as for OpenSSH.
const MAX_DEPTH: u32 = 16;
/// How many files may be read in one pass, so that files which include each other twice come to an end.
const MAX_FILES: usize = 256;
/// The most bytes of a line.
const MAX_LINE: usize = 16 * 1024;
/// The most files that one pattern of an `Include` may find.
const MAX_FOUND: usize = 1024;

/// What is set, in the one form that `ssh -G` prints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Settings(BTreeMap<Keyword, Vec<String>>);

impl Settings {
    pub(super) fn all(&self, keyword: Keyword) -> &[String] {
        self.0.get(&keyword).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn first(&self, keyword: Keyword) -> Option<&str> {
        self.all(keyword).first().map(String::as_str)
    }

    pub(super) fn is_set(&self, keyword: Keyword) -> bool {
        self.0.contains_key(&keyword)
    }

    pub(super) fn replace(&mut self, keyword: Keyword, value: Vec<String>) {
        self.0.insert(keyword, value);
    }

    /// Takes a value in; answers whether it counts.
    fn join(&mut self, keyword: Keyword, value: Joining) -> Result<bool, String> {
        match value {
            Joining::First(words) => {
                let taken = match keyword {
                    // Whichever of the two comes first counts, even if it says none; but a ProxyJump that says so lets a
                    // ProxyCommand come behind it.
                    Keyword::ProxyJump => {
                        self.is_set(Keyword::ProxyCommand) || self.is_set(Keyword::ProxyJump)
                    }
                    Keyword::ProxyCommand => {
                        let jumps = self.first(Keyword::ProxyJump).is_some_and(|jump| jump != "none");
                        jumps || self.is_set(Keyword::ProxyCommand)
                    }
                    keyword => self.is_set(keyword),
                };
                if !taken {
                    self.replace(keyword, words);
                }
                Ok(!taken)
            }
            Joining::Adds(word) => {
                let words = self.0.entry(keyword).or_default();
                let is_new = !words.contains(&word);
                if is_new && words.len() >= MOST {
                    return Err(format!("more than {MOST} of {}", keyword.name()));
                }
                if is_new {
                    words.push(word);
                }
                Ok(is_new)
            }
            Joining::Names(names) => {
                let words = self.0.entry(keyword).or_default();
                for name in names {
                    match name.strip_prefix('-') {
                        Some(gone) => {
                            words.retain(|word| !pattern::matches_exactly(gone.as_bytes(), word.as_bytes()))
                        }
                        None if words.contains(&name) => {}
                        None if words.len() >= MOST => {
                            return Err(format!("more than {MOST} of {}", keyword.name()));
                        }
                        None => words.push(name),
                    }
                }
                Ok(true)
            }
        }
    }
}

/// One evaluation for one host.
pub(super) struct Evaluation<'a> {
    pub(super) around: &'a dyn Surroundings,
    /// The host as it was named.
    pub(super) alias: &'a str,
    /// What is to be run there; empty for a shell.
    pub(super) command: &'a str,
    /// Whether `Match exec` may run something now.
    pub(super) may_run: bool,
    pub(super) settings: Settings,
    pub(super) warnings: Vec<Warning>,
    /// The host in the pass after canonicalization, in which `Match canonical` and `final` match.
    pub(super) canonical: Option<String>,
    /// Somebody asked for that pass.
    pub(super) wants_final: bool,
    pub(super) files: usize,
}

/// How a file is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Nobody but its owner and root may be able to write to it.
    pub(super) trusted: bool,
    /// It is the user's, and not the system's: `~` is known, and other files are beside `~/.ssh/config`.
    pub(super) of_user: bool,
    depth: u32,
    /// Only its grammar is checked: the line that includes it does not apply.
    idle: bool,
}

impl Manner {
    pub(super) fn of_user(trusted: bool) -> Self {
        Self { trusted, of_user: true, depth: 0, idle: false }
    }

    pub(super) fn of_system() -> Self {
        Self { trusted: false, of_user: false, depth: 0, idle: false }
    }
}

impl Evaluation<'_> {
    /// An option of the command line.
    pub(super) fn option(&mut self, line: &str) -> Result<(), SshConfigError> {
        let place = Place::command_line();
        let wrong = |problem: String| SshConfigError::at(&place, problem);
        let Some(line) = parse(line).map_err(wrong)? else { return Ok(()) };
        match meaning(&line.keyword) {
            Meaning::Host | Meaning::Match | Meaning::Include => {
                Err(SshConfigError::at(&place, format!("{} is for files only", line.keyword)))
            }
            meaning => self.setting(meaning, &line, &place, true),
        }
    }

    /// A file; answers whether it is there.
    pub(super) fn file(&mut self, path: &str, manner: Manner) -> Result<bool, SshConfigError> {
        let at = Place::file(path, 0);
        if manner.depth > MAX_DEPTH {
            return Err(SshConfigError::at(
                &at,
                format!("files include each other more than {MAX_DEPTH} deep"),
            ));
        }
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(SshConfigError::at(&at, format!("more than {MAX_FILES} files are included")));
        }
        let read = self.around.read(path, manner.trusted);
        let Some(text) = read.map_err(|problem| SshConfigError::at(&at, problem))? else { return Ok(false) };
        let mut active = !manner.idle;
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let place = Place::file(path, number + 1);
            self.line(line, &place, manner, &mut active)?;
        }
        Ok(true)
    }

    fn line(
        &mut self,
        bytes: &[u8],
        place: &Place,
        manner: Manner,
        active: &mut bool,
    ) -> Result<(), SshConfigError> {
        let wrong = |problem: String| SshConfigError::at(place, problem);
        if bytes.len() > MAX_LINE {
            return Err(wrong(format!("the line has more than {MAX_LINE} bytes")));
        }
        // In a comment there may be anything.
        if bytes.trim_ascii_start().first() == Some(&b'#') {
            return Ok(());
        }
        let line = str::from_utf8(bytes).map_err(|_| wrong("the line is not UTF-8".to_owned()))?;
        let Some(line) = parse(line).map_err(wrong)? else { return Ok(()) };
        match meaning(&line.keyword) {
            Meaning::Host => {
                *active = self.host_matches(&line).map_err(wrong)? && !manner.idle;
                Ok(())
            }
            Meaning::Match => {
                let words = lexer::words(line.rest).map_err(wrong)?;
                // Nothing is run for a file that does not apply.
                self.may_run = !manner.idle;
                let matched = criteria::matches(words, self);
                *active = matched.map_err(wrong)? && !manner.idle;
                Ok(())
            }
            Meaning::Include => self.include(&line, place, manner, *active),
            meaning => self.setting(meaning, &line, place, *active),
        }
    }

    fn host_matches(&self, line: &Line<'_>) -> Result<bool, String> {
        let words = lexer::words(line.rest)?;
        if words.is_empty() || words.iter().any(String::is_empty) {
            return Err("a pattern is missing".to_owned());
        }
        let matches = |pattern: &str| pattern::matches_exactly(pattern.as_bytes(), self.alias.as_bytes());
        let (mut matched, mut negated) = (false, false);
        for word in &words {
            match word.strip_prefix('!') {
                Some(pattern) => negated |= matches(pattern),
                None => matched |= matches(word),
            }
        }
        Ok(matched && !negated)
    }

    fn setting(
        &mut self,
        meaning: Meaning,
        line: &Line<'_>,
        place: &Place,
        active: bool,
    ) -> Result<(), SshConfigError> {
        let wrong = |problem: String| SshConfigError::at(place, format!("{}: {problem}", line.keyword));
        let keyword = match meaning {
            Meaning::Setting(keyword) => keyword,
            Meaning::Gone(why) => {
                if active {
                    self.warn(Warning::new(place, &line.keyword, why, Weight::Moot));
                }
                return Ok(());
            }
            _ => {
                let ignored = self.settings.first(Keyword::IgnoreUnknown).unwrap_or_default();
                if pattern::list_matches(ignored.as_bytes(), line.keyword.as_bytes()) {
                    return Ok(());
                }
                return Err(SshConfigError::at(place, format!("there is no keyword {:?}", line.keyword)));
            }
        };
        let variable = |name: &str| self.around.variable(name);
        let read = value::read(keyword.kind(), line.rest, &variable).map_err(wrong)?;
        if !active {
            return Ok(());
        }
        if keyword.kind() == Kind::RefuseConnection {
            return Err(SshConfigError::at(place, format!("the connection is refused: {}", line.rest)));
        }
        let shown = match &read {
            Joining::First(words) => words.join(" "),
            _ => line.rest.to_owned(),
        };
        if self.settings.join(keyword, read).map_err(wrong)?
            && shown != keyword.definition().default
            && !shown.eq_ignore_ascii_case("none")
            && let Some(warning) = keyword.support().warning(place, keyword.name())
        {
            self.warn(warning);
        }
        Ok(())
    }

    fn warn(&mut self, warning: Warning) {
        const MOST_WARNINGS: usize = 1000;
        if !self.warnings.contains(&warning) && self.warnings.len() < MOST_WARNINGS {
            self.warnings.push(warning);
        }
    }

    fn include(
        &mut self,
        line: &Line<'_>,
        place: &Place,
        manner: Manner,
        active: bool,
    ) -> Result<(), SshConfigError> {
        let wrong = |problem: String| SshConfigError::at(place, problem);
        for word in lexer::words(line.rest).map_err(wrong)? {
            if word.is_empty() {
                return Err(wrong("a path is missing".to_owned()));
            }
            let path = self.include_path(&word, manner).map_err(wrong)?;
            for path in self.glob(&path).map_err(wrong)? {
                let inner = Manner {
                    trusted: true,
                    of_user: manner.of_user,
                    depth: manner.depth + 1,
                    idle: manner.idle || !active,
                };
                self.file(&path, inner)?;
            }
        }
        Ok(())
    }

    fn include_path(&self, word: &str, manner: Manner) -> Result<String, String> {
        let path = match word.contains(['%', '$']) {
            true => self.facts()?.expand_path(word, self.around)?,
            false => word.to_owned(),
        };
        let path = platform::with_slashes(path);
        let home_of = |user: Option<&str>| self.around.home_of(user);
        match (Path::new(&path).has_root(), path.starts_with('~'), manner.of_user) {
            (true, ..) => Ok(path),
            (_, true, false) => Err("the system's configuration includes nobody's own".to_owned()),
            (_, true, true) => tokens::tilde(&path, &home_of),
            (_, _, true) => tokens::tilde(&format!("~/.ssh/{path}"), &home_of),
            _ => Ok(format!("{}/{path}", self.around.system_folder().unwrap_or_default())),
        }
    }

    /// The files that a pattern finds, in order; without a wildcard the path itself.
    fn glob(&self, path: &str) -> Result<Vec<String>, String> {
        if path.contains('[') {
            return Err("brackets in the pattern of an Include are not understood; * and ? are".to_owned());
        }
        let mut parts = path.split('/');
        // Nothing, or a drive.
        let mut found = vec![parts.next().unwrap_or_default().to_owned()];
        for part in parts {
            if !part.contains(['*', '?']) {
                found.iter_mut().for_each(|path| *path = format!("{path}/{part}"));
                continue;
            }
            let mut next = Vec::new();
            for folder in &found {
                let names = self.around.list(if folder.is_empty() { "/" } else { folder });
                let shown = |name: &&String| !name.starts_with('.') || part.starts_with('.');
                let names = names.iter().filter(shown);
                let names = names.filter(|name| pattern::matches_exactly(part.as_bytes(), name.as_bytes()));
                next.extend(names.map(|name| format!("{folder}/{name}")));
                if next.len() > MAX_FOUND {
                    return Err(format!("{path} finds more than {MAX_FOUND} files"));
                }
            }
            found = next;
        }
        Ok(found)
    }

    /// What tokens stand for as far as it is known now.
    pub(super) fn facts(&self) -> Result<Facts, String> {
        let facts = Facts {
            alias: self.alias.to_owned(),
            host: self.host()?,
            user: self.user()?,
            port: self.settings.first(Keyword::Port).and_then(|port| port.parse().ok()).unwrap_or(22),
            jump: self
                .settings
                .first(Keyword::ProxyJump)
                .filter(|jump| *jump != "none")
                .unwrap_or_default()
                .to_owned(),
            key_alias: self.settings.first(Keyword::HostKeyAlias).map(str::to_ascii_lowercase),
        };
        facts.checked()
    }

    /// The host's name before canonicalization.
    pub(super) fn host_name(&self) -> Result<String, String> {
        match self.settings.first(Keyword::HostName) {
            None => Ok(self.alias.to_owned()),
            Some(name) => {
                let token = |token| match token {
                    'h' => Ok(self.alias.to_owned()),
                    token => Err(format!("HostName has no token %{token}; {} it has", tokens::OF_HOST_NAME)),
                };
                // The zone of an IPv6 address stands behind a %.
                let name =
                    if name.contains(':') { Ok(name.to_owned()) } else { tokens::expand(name, &token, None) };
                name.map_err(|problem| format!("HostName: {problem}"))
            }
        }
    }
}

fn parse(line: &str) -> Result<Option<Line<'_>>, String> {
    if line.contains('\0') {
        return Err("there is a NUL in it".to_owned());
    }
    lexer::split(line)
}

impl Subject for Evaluation<'_> {
    fn is_final(&self) -> bool {
        self.canonical.is_some()
    }

    fn want_final(&mut self) {
        self.wants_final = true;
    }

    fn host(&self) -> Result<String, String> {
        match &self.canonical {
            Some(host) => Ok(host.clone()),
            None => self.host_name(),
        }
    }

    fn original_host(&self) -> &str {
        self.alias
    }

    fn user(&self) -> Result<String, String> {
        let named = self.settings.first(Keyword::User).map(str::to_owned);
        named.or_else(|| self.around.user()).ok_or_else(|| "the environment (USER) names no user".to_owned())
    }

    fn local_user(&self) -> String {
        self.around.user().unwrap_or_default()
    }

    fn tag(&self) -> String {
        self.settings.first(Keyword::Tag).unwrap_or_default().to_owned()
    }

    fn command(&self) -> String {
        self.command.to_owned()
    }

    fn session_type(&self) -> &'static str {
        match self.settings.first(Keyword::SessionType) {
            Some("subsystem") => "subsystem",
            Some("none") => "none",
            _ if !self.command.is_empty() => "exec",
            _ => "shell",
        }
    }

    fn succeeds(&self, command: &str) -> Result<bool, String> {
        // All that is put in is checked before anything is.
        let command = self.facts()?.expand(command, tokens::ALL, false, self.around)?;
        if !self.may_run {
            return Ok(false);
        }
        self.around.run(&command)
    }

    fn addresses(&self) -> Option<Vec<IpAddr>> {
        self.around.addresses()
    }
}
