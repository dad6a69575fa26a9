//! What tokens stand for.

use feramiko_crypto::HashAlgorithm;

use super::surroundings::Surroundings;
use super::tokens;
use crate::names::{checked_host, checked_user};

/// Who connects from where to where, as far as it is known. Every name in it is checked: it may go into a command line.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// As it was named at first.
    pub(super) alias: String,
    pub(super) host: String,
    pub(super) user: String,
    pub(super) port: u16,
    /// Of ProxyJump; may be empty.
    pub(super) jump: String,
    pub(super) key_alias: Option<String>,
}

impl Facts {
    /// Refuses names that mean something to a shell, an option parser or a path (CVE-2023-51385, CVE-2025-61984).
    pub(super) fn checked(self) -> Result<Self, String> {
        for host in [&self.alias, &self.host] {
            checked_host(host).map_err(|problem| format!("{host:?}: {problem}"))?;
        }
        checked_user(&self.user).map_err(|problem| format!("{:?}: {problem}", self.user))?;
        let is_odd = |c: char| c.is_control() || c.is_whitespace() || "'\"`$;&<>|(){}*?!".contains(c);
        match &self.key_alias {
            Some(alias) if alias.starts_with('-') || alias.contains(is_odd) || alias.contains('\\') => {
                return Err(format!("HostKeyAlias {alias:?} holds a character that no name has"));
            }
            _ => {}
        }
        // The names in it are checked when it is taken apart, which may be after it was put into a command.
        match self.jump.split(',').find(|hop| hop.starts_with('-') || hop.contains(is_odd)) {
            Some(hop) => Err(format!("ProxyJump {hop:?} holds a character that no name has")),
            None => Ok(self),
        }
    }

    /// What `%token` stands for.
    ///
    /// # Errors
    /// The token is none of `allowed`, or means nothing here.
    pub(super) fn token(
        &self,
        token: char,
        allowed: &str,
        around: &dyn Surroundings,
    ) -> Result<String, String> {
        if !allowed.contains(token) {
            return Err(format!("there is no token %{token} here"));
        }
        let unknown = |what: &str| format!("%{token}: {what} is not known");
        Ok(match token {
            'h' => self.host.clone(),
            'n' => self.alias.clone(),
            'p' => self.port.to_string(),
            'r' => self.user.clone(),
            'j' => self.jump.clone(),
            'k' => self.key_alias.clone().unwrap_or_else(|| self.alias.clone()),
            'd' => around.home_of(None).ok_or_else(|| unknown("this user's home"))?,
            'u' => around.user().ok_or_else(|| unknown("this user's name"))?,
            'i' => around.uid().to_string(),
            'l' => around.machine(),
            'L' => around.machine().split('.').next().unwrap_or_default().to_owned(),
            'C' => self.hash(around),
            _ => return Err(format!("there is no token %{token}")),
        })
    }

    /// A path with its tokens and variables replaced. A name in it leads to no other folder than its author thought of.
    pub(super) fn expand_path(&self, path: &str, around: &dyn Surroundings) -> Result<String, String> {
        const OF_OTHERS: &str = "hjknr";
        let token = |token: char| {
            let value = self.token(token, tokens::ALL, around)?;
            match OF_OTHERS.contains(token) && (value.starts_with('.') || value.contains('/')) {
                true => Err(format!("%{token}: {value:?} would lead to another folder")),
                false => Ok(value),
            }
        };
        tokens::expand(path, &token, Some(&|name: &str| around.variable(name)))
    }

    /// A text with its tokens and, where `environment` says so, its variables replaced.
    pub(super) fn expand(
        &self,
        text: &str,
        allowed: &str,
        environment: bool,
        around: &dyn Surroundings,
    ) -> Result<String, String> {
        let variable = |name: &str| around.variable(name);
        let variable: Option<tokens::Variable<'_>> = if environment { Some(&variable) } else { None };
        tokens::expand(text, &|token| self.token(token, allowed, around), variable)
    }

    /// `%C`: a name for this connection, of a fixed length.
    fn hash(&self, around: &dyn Surroundings) -> String {
        let (machine, port) = (around.machine(), self.port.to_string());
        let parts = [&machine, &self.host, &port, &self.user, &self.jump].map(String::as_bytes);
        HashAlgorithm::Sha1.digest(&parts).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
