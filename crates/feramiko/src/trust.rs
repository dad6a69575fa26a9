//! What a [`Connect`](crate::Connect) is told about host keys, and the verifier that comes of it.

use std::path::PathBuf;

use feramiko_keys::certificate::Revoked;
use feramiko_keys::{PublicKey, RevokedKeys};

use crate::config::{HostConfig, Keyword};
use crate::error::Error;
use crate::known::{KnownHostsFiles, LookupRecords, UnknownHost, VerifyDns};
use crate::platform;
use crate::rotation::UpdateHostKeys;
use crate::settings;
use crate::verify::{HostKeyVerifier, PinnedFingerprints, PinnedKeys, UnlessRevoked};

/// Who decides about the host key.
#[derive(Default)]
pub(crate) struct Trust {
    /// In place of the files.
    pub(crate) pinned: Option<Pinned>,
    pub(crate) files: Files,
    pub(crate) revoked: Vec<Box<dyn Revoked + Send>>,
}

pub(crate) enum Pinned {
    Keys(Vec<PublicKey>),
    Fingerprints(PinnedFingerprints),
    Other(Box<dyn HostKeyVerifier>),
}

/// known_hosts files, and how they are used. What is `None` is the configuration's.
#[derive(Default)]
pub(crate) struct Files {
    pub(crate) user: Option<Vec<PathBuf>>,
    pub(crate) system: Option<Vec<PathBuf>>,
    pub(crate) unknown: Option<UnknownHost>,
    pub(crate) hashed: Option<bool>,
    pub(crate) alias: Option<String>,
    pub(crate) check_address: Option<bool>,
    pub(crate) update: Option<UpdateHostKeys>,
    /// `None`: the configuration's.
    pub(crate) verify_dns: Option<VerifyDns>,
    pub(crate) records: Option<LookupRecords>,
}

impl Trust {
    /// Keys, fingerprints or a verifier are named, so that no file is needed.
    pub(crate) fn is_pinned(&self) -> bool {
        self.pinned.is_some()
    }

    /// Reads the files; with `order`, the verifier is to be asked which algorithms it prefers. Blocks.
    pub(crate) fn verifier(
        self,
        host: &HostConfig,
        min_rsa_bits: usize,
        order: bool,
    ) -> Result<Box<dyn HostKeyVerifier>, Error> {
        let mut revoked = self.revoked;
        for path in host.revoked_host_keys()? {
            // What is revoked must be known: a list that is not there is no empty list.
            let list = RevokedKeys::load(&path).map_err(|error| Error::key_file(&path, error))?;
            revoked.push(Box::new(list));
        }
        let verifier: Box<dyn HostKeyVerifier> = match self.pinned {
            Some(Pinned::Other(verifier)) => verifier,
            Some(Pinned::Keys(keys)) => Box::new(PinnedKeys(keys)),
            Some(Pinned::Fingerprints(pinned)) => Box::new(pinned),
            None => Box::new(self.files.load(host, min_rsa_bits, order)?),
        };
        Ok(revoked.into_iter().fold(verifier, |verifier, revoked| {
            Box::new(UnlessRevoked { verifier, revoked: Boxed(revoked) })
        }))
    }
}

impl Files {
    fn load(self, host: &HostConfig, min_rsa_bits: usize, order: bool) -> Result<KnownHostsFiles, Error> {
        let verify_dns = self.verify_dns.or_else(|| configured_dns(host));
        let update = match self.update {
            Some(update) => update,
            None if self.user.is_some() => UpdateHostKeys::No,
            None => configured_update(host, verify_dns.is_some()),
        };
        // Who names files in code does not ask for what the configuration would add.
        let command = host.known_hosts_command()?.filter(|_| self.user.is_none());
        let (user, system) = match (self.user, self.system) {
            (Some(user), Some(system)) => (user, system),
            (user, system) => {
                let (own, everybodys) = host.known_hosts_files()?;
                (user.unwrap_or(own), system.unwrap_or(everybodys))
            }
        };
        // Where nothing is kept, nothing is known.
        let kept = |files: Vec<PathBuf>| files.into_iter().filter(|path| platform::is_place(path));
        let unknown = self.unknown.unwrap_or_else(|| match host.text(Keyword::StrictHostKeyChecking) {
            Some("accept-new" | "false") => UnknownHost::Accept,
            _ => UnknownHost::Refuse,
        });
        let files = KnownHostsFiles::load(host.host(), host.port(), kept(user), unknown)?
            .system_files(kept(system))?
            .hash_names(self.hashed.unwrap_or_else(|| host.flag(Keyword::HashKnownHosts)))
            .check_address(self.check_address.unwrap_or_else(|| host.flag(Keyword::CheckHostIp)))
            .trust_localhost(host.flag(Keyword::NoHostAuthenticationForLocalhost))
            .min_rsa_bits(min_rsa_bits)
            .update(update);
        let files = match settings::authority_algorithms(host)? {
            Some(names) => files.authority_algorithms(names),
            None => files,
        };
        let files = match self.alias.as_deref().or_else(|| host.host_key_alias()) {
            Some(alias) => files.alias(alias),
            None => files,
        };
        let files = match (verify_dns, self.records) {
            (Some(verify), Some(records)) => files.dns(verify, records),
            _ => files,
        };
        match command {
            Some(command) => files.command(command, order),
            None => Ok(files),
        }
    }
}

/// `VerifyHostKeyDNS`; `None` for no.
fn configured_dns(host: &HostConfig) -> Option<VerifyDns> {
    match host.text(Keyword::VerifyHostKeyDns) {
        Some("true") => Some(VerifyDns::Yes),
        Some("ask") => Some(VerifyDns::Ask),
        _ => None,
    }
}

/// `UpdateHostKeys`. Where nothing is said of it, it is on as long as the user's own file has not been put elsewhere and no
/// DNS is asked: OpenSSH decides that by the words of UserKnownHostsFile. `ask` needs somebody to ask:
/// [`Connect::ask_host_key_update`](crate::Connect::ask_host_key_update).
fn configured_update(host: &HostConfig, asks_dns: bool) -> UpdateHostKeys {
    const OWN_FILE: &str = "~/.ssh/known_hosts";
    let usual = || {
        let own = host.words(Keyword::UserKnownHostsFile).as_slice() == [OWN_FILE];
        !asks_dns && (own || !host.is_set(Keyword::UserKnownHostsFile))
    };
    match host.text(Keyword::UpdateHostKeys) {
        Some("true") if host.is_set(Keyword::UpdateHostKeys) || usual() => UpdateHostKeys::Yes,
        Some("ask") => {
            tracing::warn!("UpdateHostKeys ask: nobody is there to ask, so host keys are not updated");
            UpdateHostKeys::No
        }
        _ => UpdateHostKeys::No,
    }
}

/// A list of whatever kind.
struct Boxed(Box<dyn Revoked + Send>);

impl Revoked for Boxed {
    fn is_key_revoked(&self, key: &PublicKey) -> bool {
        self.0.is_key_revoked(key)
    }

    fn is_certificate_revoked(&self, certificate: &feramiko_keys::Certificate) -> bool {
        self.0.is_certificate_revoked(certificate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SshConfig;

    /// OpenSSH decides by the words that are written, before `~` means anything.
    #[test]
    fn host_keys_are_updated_by_default_where_the_users_own_file_is_used() {
        const OWN: &str = "UserKnownHostsFile=~/.ssh/known_hosts";
        for (options, expected) in [
            (&[][..], true),
            (&[OWN], true),
            (&["UserKnownHostsFile=/home/robey/.ssh/known_hosts"], false),
            (&["UserKnownHostsFile=~/.ssh/known_hosts ~/.ssh/known_hosts2"], false),
            (&["UserKnownHostsFile=none"], false),
            (&["UserKnownHostsFile=/elsewhere", "UpdateHostKeys=yes"], true),
            (&["UpdateHostKeys=no"], false),
            (&["UpdateHostKeys=ask"], false),
            (&[OWN, "VerifyHostKeyDNS=yes"], false),
            (&["VerifyHostKeyDNS=ask"], false),
            (&["VerifyHostKeyDNS=ask", "UpdateHostKeys=yes"], true),
        ] {
            let config = options.iter().fold(SshConfig::empty(), |config, option| config.option(*option));
            let host = config.resolve("host").unwrap();
            let update = configured_update(&host, configured_dns(&host).is_some());
            assert_eq!(matches!(update, UpdateHostKeys::Yes), expected, "{options:?}");
        }
    }
}
