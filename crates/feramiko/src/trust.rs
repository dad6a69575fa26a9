//! What a [`Connect`](crate::Connect) is told about host keys, and the verifier that comes of it.

use std::path::{Path, PathBuf};

use feramiko_keys::PublicKey;
use feramiko_keys::certificate::Revoked;

use crate::config::{HostConfig, Keyword};
use crate::error::Error;
use crate::known::{KnownHostsFiles, LookupRecords, UnknownHost, VerifyDns};
use crate::rotation::UpdateHostKeys;
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
    pub(crate) dns: Option<(VerifyDns, LookupRecords)>,
}

impl Trust {
    /// Keys, fingerprints or a verifier are named, so that no file is needed.
    pub(crate) fn is_pinned(&self) -> bool {
        self.pinned.is_some()
    }

    /// Reads the files. Blocks.
    pub(crate) fn verifier(self, host: &HostConfig) -> Result<Box<dyn HostKeyVerifier>, Error> {
        let verifier: Box<dyn HostKeyVerifier> = match self.pinned {
            Some(Pinned::Other(verifier)) => verifier,
            Some(Pinned::Keys(keys)) => Box::new(PinnedKeys(keys)),
            Some(Pinned::Fingerprints(pinned)) => Box::new(pinned),
            None => Box::new(self.files.load(host)?),
        };
        Ok(self.revoked.into_iter().fold(verifier, |verifier, revoked| {
            Box::new(UnlessRevoked { verifier, revoked: Boxed(revoked) })
        }))
    }
}

impl Files {
    fn load(self, host: &HostConfig) -> Result<KnownHostsFiles, Error> {
        let update = match self.update {
            Some(update) => update,
            None if self.user.is_some() || self.dns.is_some() => UpdateHostKeys::No,
            None => configured_update(host),
        };
        let (user, system) = match (self.user, self.system) {
            (Some(user), Some(system)) => (user, system),
            (user, system) => {
                let (own, everybodys) = host.known_hosts_files()?;
                (user.unwrap_or(own), system.unwrap_or(everybodys))
            }
        };
        // Where nothing is kept, nothing is known.
        let kept = |files: Vec<PathBuf>| files.into_iter().filter(|path| path != Path::new("/dev/null"));
        let unknown = self.unknown.unwrap_or_else(|| match host.text(Keyword::StrictHostKeyChecking) {
            Some("accept-new" | "false") => UnknownHost::Accept,
            _ => UnknownHost::Refuse,
        });
        let files = KnownHostsFiles::load(host.host(), host.port(), kept(user), unknown)?
            .system_files(kept(system))?
            .hash_names(self.hashed.unwrap_or_else(|| host.flag(Keyword::HashKnownHosts)))
            .check_address(self.check_address.unwrap_or_else(|| host.flag(Keyword::CheckHostIp)))
            .update(update);
        let files = match self.alias.as_deref().or_else(|| host.host_key_alias()) {
            Some(alias) => files.alias(alias),
            None => files,
        };
        Ok(match self.dns {
            Some((verify, lookup)) => files.dns(verify, lookup),
            None => files,
        })
    }
}

/// `UpdateHostKeys`, which is on where the user's own files have not been put elsewhere. `ask` needs somebody to ask:
/// [`Connect::ask_host_key_update`](crate::Connect::ask_host_key_update).
fn configured_update(host: &HostConfig) -> UpdateHostKeys {
    let usual = !host.is_set(Keyword::UserKnownHostsFile);
    match host.text(Keyword::UpdateHostKeys) {
        Some("true") if usual || host.is_set(Keyword::UpdateHostKeys) => UpdateHostKeys::Yes,
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
