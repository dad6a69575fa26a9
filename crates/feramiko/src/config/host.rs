//! [`HostConfig`]: what a configuration says about one host.

use std::path::PathBuf;
use std::time::Duration;

use feramiko_keys::pattern;

use super::SshConfig;
use super::algorithms;
use super::error::{SshConfigError, Warning, Weight};
use super::evaluate::Settings;
use super::facts::Facts;
use super::jump::{self, Jump};
use super::keyword::{Keyword, Kind};
use super::tokens;

/// What a configuration says about one host.
#[derive(Debug, Clone)]
pub struct HostConfig {
    pub(super) sources: SshConfig,
    pub(super) settings: Settings,
    pub(super) warnings: Vec<Warning>,
    pub(super) facts: Facts,
}

/// How to get to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proxy {
    /// By TCP.
    None,
    /// Through the standard input and output of this command line (ProxyCommand), whose tokens are expanded.
    Command(String),
    /// Through these hosts, the first being next to us (ProxyJump).
    Jump(Vec<Jump>),
}

/// Which agent holds the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AgentChoice {
    /// The one that the environment names (`SSH_AUTH_SOCK`), if it does.
    Environment,
    /// None.
    None,
    /// The one behind this socket.
    Socket(PathBuf),
}

impl HostConfig {
    /// The name that was asked about.
    pub fn alias(&self) -> &str {
        &self.facts.alias
    }

    /// The host to connect to: HostName, or the alias; canonical where that is asked for.
    pub fn host(&self) -> &str {
        &self.facts.host
    }

    /// The user to log in as: User, or who runs this.
    pub fn user(&self) -> &str {
        &self.facts.user
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.facts.port
    }

    /// The name under which the host's key is known: HostKeyAlias, where there is one.
    pub fn host_key_alias(&self) -> Option<&str> {
        self.settings.first(Keyword::HostKeyAlias)
    }

    /// What is asked for and not done.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// An error, if something is asked for without which it would not be safe to connect.
    pub fn check(&self) -> Result<(), SshConfigError> {
        match self.warnings.iter().find(|warning| warning.weight == Weight::Refused) {
            Some(warning) => Err(SshConfigError::at(
                &warning.place,
                format!("{} is not supported: {}", warning.keyword, warning.reason),
            )),
            None => Ok(()),
        }
    }

    pub(crate) fn error(&self, keyword: Keyword, problem: &str) -> SshConfigError {
        SshConfigError::new(format!("{}: {problem}", keyword.name()))
    }

    /// Whether the keyword is set at all.
    pub fn is_set(&self, keyword: Keyword) -> bool {
        self.settings.is_set(keyword)
    }

    /// The first word of a value or of its default, as `ssh -G` prints it; `None` where there is neither, or `none`.
    pub fn text(&self, keyword: Keyword) -> Option<&str> {
        let default = Some(keyword.definition().default).filter(|default| !default.is_empty());
        let text = self.settings.first(keyword).or(default);
        text.filter(|text| !text.eq_ignore_ascii_case("none"))
    }

    /// Whether the keyword is yes.
    pub fn flag(&self, keyword: Keyword) -> bool {
        matches!(self.text(keyword), Some("yes" | "true"))
    }

    /// A number.
    pub fn number(&self, keyword: Keyword) -> u64 {
        self.text(keyword).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// A time; `None` for none, which 0 stands for too.
    pub fn seconds(&self, keyword: Keyword) -> Option<Duration> {
        Some(Duration::from_secs(self.number(keyword))).filter(|time| !time.is_zero())
    }

    /// All words of a value or of its default; none where the only one is `none`.
    pub fn words(&self, keyword: Keyword) -> Vec<&str> {
        let words: Vec<&str> = match self.settings.is_set(keyword) {
            true => self.settings.all(keyword).iter().map(String::as_str).collect(),
            false => keyword.definition().default.split_whitespace().collect(),
        };
        match words.as_slice() {
            [only] if only.eq_ignore_ascii_case("none") => Vec::new(),
            _ => words,
        }
    }

    /// The names of a list of algorithms (Ciphers and its like), in order; `None` where the keyword is not set. Names that
    /// are not built in may be among them.
    pub fn algorithms(&self, keyword: Keyword, default: &[String]) -> Option<Vec<String>> {
        match keyword.kind() {
            Kind::Algorithms(category) => {
                Some(algorithms::assemble(category, self.settings.first(keyword)?, default))
            }
            _ => None,
        }
    }

    /// The files of keys to log in with (IdentityFile).
    ///
    /// # Errors
    /// A token or a variable in them means nothing.
    pub fn identity_files(&self) -> Result<Vec<PathBuf>, SshConfigError> {
        self.paths(Keyword::IdentityFile)
    }

    /// The files of certificates (CertificateFile).
    ///
    /// # Errors
    /// As for [`identity_files`](Self::identity_files).
    pub fn certificate_files(&self) -> Result<Vec<PathBuf>, SshConfigError> {
        self.paths(Keyword::CertificateFile)
    }

    /// The known_hosts files of the user and of the system, in this order (UserKnownHostsFile, GlobalKnownHostsFile).
    ///
    /// # Errors
    /// As for [`identity_files`](Self::identity_files).
    pub fn known_hosts_files(&self) -> Result<(Vec<PathBuf>, Vec<PathBuf>), SshConfigError> {
        Ok((self.paths(Keyword::UserKnownHostsFile)?, self.paths(Keyword::GlobalKnownHostsFile)?))
    }

    /// The lists of revoked host keys (RevokedHostKeys).
    ///
    /// # Errors
    /// As for [`identity_files`](Self::identity_files).
    pub fn revoked_host_keys(&self) -> Result<Vec<PathBuf>, SshConfigError> {
        self.paths(Keyword::RevokedHostKeys)
    }

    fn paths(&self, keyword: Keyword) -> Result<Vec<PathBuf>, SshConfigError> {
        let words = self.words(keyword).into_iter().filter(|word| !word.eq_ignore_ascii_case("none"));
        words.map(|word| Ok(PathBuf::from(self.path(keyword, word)?))).collect()
    }

    /// `~`, tokens and variables replaced.
    pub(super) fn path(&self, keyword: Keyword, word: &str) -> Result<String, SshConfigError> {
        let around = &*self.sources.around;
        let expanded = tokens::tilde(word, &|user| around.home_of(user))
            .and_then(|path| self.facts.expand_path(&path, around));
        expanded.map_err(|problem| SshConfigError::new(format!("{}: {problem}", keyword.name())))
    }

    /// Which agent holds the keys (IdentityAgent).
    ///
    /// # Errors
    /// As for [`identity_files`](Self::identity_files).
    pub fn identity_agent(&self) -> Result<AgentChoice, SshConfigError> {
        let Some(word) = self.settings.first(Keyword::IdentityAgent) else {
            return Ok(AgentChoice::Environment);
        };
        match word {
            none if none.eq_ignore_ascii_case("none") => Ok(AgentChoice::None),
            "SSH_AUTH_SOCK" => Ok(AgentChoice::Environment),
            word => self.agent_at(Keyword::IdentityAgent, word),
        }
    }

    /// At a path, or where a variable says.
    fn agent_at(&self, keyword: Keyword, word: &str) -> Result<AgentChoice, SshConfigError> {
        match word.strip_prefix('$').filter(|rest| !rest.starts_with('{')) {
            Some(name) => {
                let socket = self.sources.around.variable(name);
                Ok(socket.map_or(AgentChoice::None, |socket| AgentChoice::Socket(socket.into())))
            }
            None => Ok(AgentChoice::Socket(self.path(keyword, word)?.into())),
        }
    }

    /// Which agent the host may use (ForwardAgent).
    ///
    /// # Errors
    /// As for [`identity_files`](Self::identity_files).
    pub fn forward_agent(&self) -> Result<AgentChoice, SshConfigError> {
        match self.text(Keyword::ForwardAgent) {
            None | Some("no") => Ok(AgentChoice::None),
            Some("yes") => self.identity_agent(),
            Some(word) => self.agent_at(Keyword::ForwardAgent, word),
        }
    }

    /// Whether a variable of this environment is sent to the host (SendEnv).
    pub fn sends(&self, variable: &str) -> bool {
        let matches = |word: &&str| pattern::matches_exactly(word.as_bytes(), variable.as_bytes());
        self.words(Keyword::SendEnv).iter().any(matches)
    }

    /// How to get to the host (ProxyCommand, ProxyJump).
    ///
    /// # Errors
    /// A token means nothing, or a hop is no name of a host.
    pub fn proxy(&self) -> Result<Proxy, SshConfigError> {
        let expand = |keyword: Keyword, text: &str| {
            let expanded = self.facts.expand(text, tokens::OF_PROXIES, false, &*self.sources.around);
            expanded.map_err(|problem| SshConfigError::new(format!("{}: {problem}", keyword.name())))
        };
        if let Some(text) = self.text(Keyword::ProxyJump) {
            let text = expand(Keyword::ProxyJump, text)?;
            let hops =
                jump::hops(&text).map_err(|problem| SshConfigError::new(format!("proxyjump: {problem}")))?;
            return Ok(Proxy::Jump(hops));
        }
        match self.text(Keyword::ProxyCommand) {
            Some(text) => Ok(Proxy::Command(expand(Keyword::ProxyCommand, text)?)),
            None => Ok(Proxy::None),
        }
    }

    /// What to run there (RemoteCommand).
    ///
    /// # Errors
    /// A token means nothing.
    pub fn remote_command(&self) -> Result<Option<String>, SshConfigError> {
        let Some(text) = self.text(Keyword::RemoteCommand) else { return Ok(None) };
        let expanded = self.facts.expand(text, tokens::ALL, false, &*self.sources.around);
        expanded.map(Some).map_err(|problem| SshConfigError::new(format!("remotecommand: {problem}")))
    }

    /// What the same files say about a hop on the way to this host. `before` are the hops in front of it; where there are
    /// any, its own ProxyJump and ProxyCommand do not count.
    ///
    /// # Errors
    /// As for [`SshConfig::resolve`].
    pub fn hop(&self, hop: &Jump, before: &[Jump]) -> Result<Self, SshConfigError> {
        let mut sources = self.sources.clone().without_options();
        if let Some(user) = &hop.user {
            sources = sources.set(Keyword::User, user);
        }
        if let Some(port) = hop.port {
            sources = sources.set(Keyword::Port, &port.to_string());
        }
        if !before.is_empty() {
            let text: Vec<String> = before.iter().map(Jump::to_string).collect();
            sources = sources.set(Keyword::ProxyJump, &text.join(","));
        }
        sources.resolve(&hop.host)
    }
}
