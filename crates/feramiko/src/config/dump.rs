//! What `ssh -G` prints.

use super::algorithms;
use super::error::SshConfigError;
use super::host::HostConfig;
use super::keyword::{Keyword, Kind};

/// The algorithms that hold where a configuration names none.
#[derive(Debug, Clone, Default)]
pub struct DefaultAlgorithms {
    /// For KexAlgorithms.
    pub kex: Vec<String>,
    /// For Ciphers.
    pub ciphers: Vec<String>,
    /// For MACs.
    pub macs: Vec<String>,
    /// For HostKeyAlgorithms.
    pub host_keys: Vec<String>,
    /// For PubkeyAcceptedAlgorithms and HostbasedAcceptedAlgorithms.
    pub user_keys: Vec<String>,
    /// For CASignatureAlgorithms.
    pub authorities: Vec<String>,
}

impl DefaultAlgorithms {
    fn of(&self, keyword: Keyword) -> &[String] {
        match keyword {
            Keyword::KexAlgorithms => &self.kex,
            Keyword::Ciphers => &self.ciphers,
            Keyword::Macs => &self.macs,
            Keyword::HostKeyAlgorithms => &self.host_keys,
            Keyword::CaSignatureAlgorithms => &self.authorities,
            _ => &self.user_keys,
        }
    }
}

impl HostConfig {
    /// The configuration as `ssh -G` prints it: a line for each keyword and value.
    ///
    /// # Errors
    /// A token or a variable means nothing.
    pub fn lines(&self, defaults: &DefaultAlgorithms) -> Result<Vec<String>, SshConfigError> {
        let mut lines = vec![format!("host {}", self.alias())];
        for keyword in Keyword::all() {
            let definition = keyword.definition();
            if keyword == Keyword::ProxyCommand && self.text(Keyword::ProxyJump).is_some() {
                continue;
            }
            let name = match keyword {
                // So it is spelled.
                Keyword::CanonicalizePermittedCnames => "canonicalizePermittedcnames",
                keyword => keyword.name(),
            };
            let mut line = |value: &str| lines.push(format!("{name} {value}"));
            match definition.kind {
                _ if self.is_cleared(keyword) => {}
                Kind::Adds | Kind::Forward(_) | Kind::SendEnv | Kind::SetEnv => {
                    let words = match self.is_set(keyword) {
                        true => self.settings.all(keyword).iter().map(String::as_str).collect(),
                        false => self.words(keyword),
                    };
                    words.into_iter().for_each(line);
                }
                Kind::Algorithms(category) => {
                    let default = defaults.of(keyword);
                    let list = self.settings.first(keyword);
                    let names = list.map(|list| algorithms::assemble(category, list, default));
                    line(&names.unwrap_or_else(|| default.to_vec()).join(","));
                }
                _ => {
                    let value = self.printed(keyword)?;
                    if !value.is_empty() {
                        line(&value);
                    }
                }
            }
        }
        Ok(lines)
    }

    /// What says `none` where that is the same as nothing, and forwardings that are cleared.
    fn is_cleared(&self, keyword: Keyword) -> bool {
        use Keyword as K;
        let is_none = || self.settings.first(keyword).is_some_and(|word| word.eq_ignore_ascii_case("none"));
        match keyword {
            K::LocalForward | K::RemoteForward | K::DynamicForward => self.flag(K::ClearAllForwardings),
            K::LocalCommand | K::RemoteCommand | K::ProxyCommand | K::ProxyJump | K::ControlPath => is_none(),
            K::RevokedHostKeys | K::Pkcs11Provider | K::SecurityKeyProvider | K::KnownHostsCommand => {
                is_none()
            }
            K::ChannelTimeout => is_none(),
            _ => false,
        }
    }

    fn printed(&self, keyword: Keyword) -> Result<String, SshConfigError> {
        use Keyword as K;
        let value = match self.is_set(keyword) {
            true => self.settings.all(keyword).join(" "),
            false => keyword.definition().default.to_owned(),
        };
        Ok(match keyword {
            K::User => self.user().to_owned(),
            K::HostName => self.host().to_owned(),
            K::HostKeyAlias => value.to_lowercase(),
            K::UserKnownHostsFile => {
                let words = self.words(keyword);
                let paths: Result<Vec<_>, _> =
                    words.into_iter().map(|word| self.path(keyword, word)).collect();
                let paths = paths?.join(" ");
                if paths.is_empty() { "none".to_owned() } else { paths }
            }
            K::IdentityAgent if value == "none" || value == "SSH_AUTH_SOCK" => value,
            K::ForwardAgent if value == "yes" || value == "no" => value,
            K::ControlPath | K::IdentityAgent | K::ForwardAgent if !value.is_empty() => {
                self.path(keyword, &value)?
            }
            K::RemoteCommand => self.remote_command()?.unwrap_or_default(),
            K::UpdateHostKeys if !self.is_set(keyword) => {
                let hosts = self.settings.all(K::UserKnownHostsFile);
                let own = hosts.is_empty() || hosts == ["~/.ssh/known_hosts"];
                let dns = self.settings.first(K::VerifyHostKeyDns).is_some_and(|dns| dns != "false");
                if own && !dns { "true" } else { "false" }.to_owned()
            }
            // As vis(3) shows a control character.
            K::EscapeChar if value.len() == 2 && value.starts_with('^') => format!("\\{value}"),
            K::ServerAliveInterval | K::ForwardX11Timeout if value == "none" => "-1".to_owned(),
            _ => value,
        })
    }
}
