//! The configuration of OpenSSH's client: ssh_config(5).
//!
//! From the ground up: `error`, `lexer` (lines and words), `algorithms` and `jump` (two kinds of values), `keyword` (each of them, once),
//! `tokens`, `number`, `forwarding` and `value` (what is taken), `surroundings` (what may be asked of the machine), `facts` (what tokens stand for),
//! `criteria` (`Match`), `evaluate` (which lines apply), `canonical`, `host` (the answer), `hosts_command`, `dump` (`ssh -G`), and this:
//! which files and options are looked at.
//!
//! It knows nothing of connections: text goes in, a [`HostConfig`] comes out.

mod algorithms;
mod canonical;
mod criteria;
mod dump;
mod error;
mod evaluate;
mod facts;
mod forwarding;
mod host;
mod hosts_command;
mod jump;
mod keyword;
mod lexer;
mod number;
mod surroundings;
#[cfg(test)]
mod tests;
mod tokens;
mod value;

use std::path::PathBuf;
use std::sync::Arc;

use canonical::canonical_host;
use evaluate::{Evaluation, Manner, Settings};

pub use algorithms::Category;
pub use dump::DefaultAlgorithms;
pub use error::{Place, SshConfigError, Support, Warning, Weight};
pub use host::{AgentChoice, HostConfig, Proxy};
pub(crate) use hosts_command::HostQuestion;
pub use hosts_command::KnownHostsCommand;
pub use jump::Jump;
pub(crate) use jump::{Parts, parts};
pub use keyword::Keyword;
pub use surroundings::{Surroundings, ThisMachine};

/// Where a configuration comes from: options, files, a machine.
///
/// The first value that is found for a keyword counts: options before the user's file before the system's.
///
/// ```
/// use feramiko::config::{Keyword, SshConfig};
///
/// let file = tempfile::NamedTempFile::new()?;
/// std::fs::write(&file, "Host web*\n  HostName %h.example.com\n  User robey\n  ServerAliveInterval 1m\n")?;
/// let host = SshConfig::file(file.path()).option("Port=2200").resolve("web7")?;
/// assert_eq!((host.user(), host.host(), host.port()), ("robey", "web7.example.com", 2200));
/// assert_eq!(host.number(Keyword::ServerAliveInterval), 60);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SshConfig {
    files: Files,
    options: Vec<Preset>,
    command: String,
    pub(self) around: Arc<dyn Surroundings>,
}

#[derive(Debug, Clone)]
enum Files {
    /// ~/.ssh/config and the system's.
    Usual,
    Only(PathBuf),
    None,
}

#[derive(Debug, Clone)]
enum Preset {
    /// As on the command line: `Port=22`.
    Line(String),
    Value(Keyword, String),
}

impl SshConfig {
    fn new(files: Files) -> Self {
        Self { files, options: Vec::new(), command: String::new(), around: Arc::new(ThisMachine) }
    }

    /// The user's `~/.ssh/config`, then `/etc/ssh/ssh_config`; either may be missing. Others than the user and root must
    /// not be able to write to the first. On Windows the former only, and what others may do is not looked at.
    pub fn usual() -> Self {
        Self::new(Files::Usual)
    }

    /// This file only (`ssh -F`); `none` and `/dev/null` stand for no file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        match path.to_str() {
            Some("none" | "/dev/null") => Self::empty(),
            _ => Self::new(Files::Only(path)),
        }
    }

    /// No file: only options and defaults.
    pub fn empty() -> Self {
        Self::new(Files::None)
    }

    /// A line that counts before the files (`ssh -o`): `Port=2200`, `User robey`. Of several for one keyword the first counts.
    pub fn option(mut self, line: impl Into<String>) -> Self {
        self.options.push(Preset::Line(line.into()));
        self
    }

    /// A value that counts before the files, taken as it is.
    pub(crate) fn set(mut self, keyword: Keyword, value: &str) -> Self {
        self.options.push(Preset::Value(keyword, value.to_owned()));
        self
    }

    /// The user and the port that a program names: they count before everything.
    pub(crate) fn of(mut self, user: Option<&str>, port: Option<u16>) -> Self {
        let user = user.map(|user| Preset::Value(Keyword::User, user.to_owned()));
        let port = port.map(|port| Preset::Value(Keyword::Port, port.to_string()));
        self.options.splice(0..0, user.into_iter().chain(port));
        self
    }

    /// What is to be run on the host, for `Match command` and `Match sessiontype`.
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = command.into();
        self
    }

    /// The machine that is asked for files and names, in place of this one.
    pub fn surroundings(mut self, around: Arc<dyn Surroundings>) -> Self {
        self.around = around;
        self
    }

    /// Only the files, as for a hop on the way.
    fn without_options(mut self) -> Self {
        self.options.clear();
        self.command.clear();
        self
    }

    /// What the options and files say about the host of that name. Reads the files, and runs what `Match exec` says.
    ///
    /// # Errors
    /// The name, or another that is made of it, could mean something to a shell or a path; a file cannot be read or others can
    /// write to it; a line means nothing; a host has no canonical name, though it must.
    pub fn resolve(&self, alias: &str) -> Result<HostConfig, SshConfigError> {
        let checked = crate::names::checked_host(alias);
        checked.map_err(|problem| SshConfigError::new(format!("{alias:?}: {problem}")))?;
        let mut evaluation = Evaluation {
            around: &*self.around,
            alias,
            command: &self.command,
            may_run: true,
            settings: Settings::default(),
            warnings: Vec::new(),
            canonical: None,
            wants_final: false,
            files: 0,
        };
        for option in &self.options {
            match option {
                Preset::Line(line) => evaluation.option(line)?,
                Preset::Value(keyword, value) if !evaluation.settings.is_set(*keyword) => {
                    evaluation.settings.replace(*keyword, vec![value.clone()]);
                }
                Preset::Value(..) => {}
            }
        }
        self.read(&mut evaluation)?;
        let host = evaluation.host_name().map_err(SshConfigError::new)?;
        let host = canonical_host(&host, &evaluation.settings, &*self.around).map_err(SshConfigError::new)?;
        let canonicalizes =
            evaluation.settings.first(Keyword::CanonicalizeHostname).is_some_and(|mode| mode != "false");
        evaluation.canonical = Some(host);
        if canonicalizes || evaluation.wants_final {
            evaluation.files = 0;
            self.read(&mut evaluation)?;
        }
        self.finish(evaluation)
    }

    fn read(&self, evaluation: &mut Evaluation<'_>) -> Result<(), SshConfigError> {
        match &self.files {
            Files::None => {}
            Files::Only(path) => {
                let path = path.to_string_lossy();
                // What somebody names by hand is theirs to know; what it includes is not.
                if !evaluation.file(&path, Manner::of_user(false))? {
                    return Err(SshConfigError::new(format!("there is no file {path}")));
                }
            }
            Files::Usual => {
                if let Some(home) = self.around.home_of(None) {
                    evaluation.file(&format!("{home}/.ssh/config"), Manner::of_user(true))?;
                }
                if let Some(folder) = self.around.system_folder() {
                    evaluation.file(&format!("{folder}/ssh_config"), Manner::of_system())?;
                }
            }
        }
        Ok(())
    }

    fn finish(&self, mut evaluation: Evaluation<'_>) -> Result<HostConfig, SshConfigError> {
        if let Some(user) = evaluation.settings.first(Keyword::User).map(str::to_owned)
            && user.contains(['%', '$'])
        {
            // The user of the facts that expand it is not known yet.
            evaluation.settings.replace(Keyword::User, vec!["user".to_owned()]);
            let facts = evaluation.facts().map_err(SshConfigError::new)?;
            let expanded = facts.expand(&user, tokens::OF_USER, true, &*self.around);
            let expanded = expanded.map_err(|problem| SshConfigError::new(format!("user: {problem}")))?;
            evaluation.settings.replace(Keyword::User, vec![expanded]);
        }
        if let Some(attempts) = evaluation.settings.first(Keyword::ConnectionAttempts)
            && attempts == "0"
        {
            return Err(SshConfigError::new("connectionattempts: 0 attempts are none"));
        }
        let facts = evaluation.facts().map_err(SshConfigError::new)?;
        let (settings, warnings) = (evaluation.settings, evaluation.warnings);
        Ok(HostConfig { sources: self.clone(), settings, warnings, facts })
    }
}

impl std::fmt::Debug for SshConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SshConfig")
            .field("files", &self.files)
            .field("options", &self.options)
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}
