//! What can be said to a [`Connect`] about the host key.

use std::path::PathBuf;

use feramiko_keys::certificate::Revoked;
use feramiko_keys::{HostKeyChanges, PublicKey, SshfpRecord};

use crate::connect::Connect;
use crate::error::{Error, HostKeyRefusal};
use crate::known::{UnknownHost, VerifyDns};
use crate::rotation::UpdateHostKeys;
use crate::trust::Pinned;
use crate::verify::{HostKeyVerifier, PinnedFingerprints};

/// Which host key is trusted: the keys, fingerprints or verifier that are named, else known_hosts files.
impl Connect {
    /// Trusts this host key and no other, whatever is said of files; said several times, any of them.
    pub fn host_key(mut self, key: PublicKey) -> Self {
        match &mut self.trust.pinned {
            Some(Pinned::Keys(keys)) => keys.push(key),
            pinned => *pinned = Some(Pinned::Keys(vec![key])),
        }
        self
    }

    /// Trusts the host key of this fingerprint (`SHA256:…`) and no other, whatever is said of files; said several times,
    /// any of them.
    pub fn fingerprint(mut self, fingerprint: &str) -> Self {
        match (fingerprint.parse(), &mut self.trust.pinned) {
            (Ok(fingerprint), Some(Pinned::Fingerprints(known))) => known.0.push(fingerprint),
            (Ok(fingerprint), pinned) => {
                *pinned = Some(Pinned::Fingerprints(PinnedFingerprints(vec![fingerprint])));
            }
            (Err(error), _) => {
                self.problem.get_or_insert(error.into());
            }
        }
        self
    }

    /// Trusts what this file says, in place of the files of the user and of the system; said several times, all of them.
    /// Keys are written to the first (`UserKnownHostsFile`).
    pub fn known_hosts(mut self, path: impl Into<PathBuf>) -> Self {
        self.trust.files.user.get_or_insert_default().push(path.into());
        self.trust.files.system.get_or_insert_default();
        self
    }

    /// Trusts what this file says too, but never writes to it; said several times, all of them, in place of the files of
    /// the system (`GlobalKnownHostsFile`).
    pub fn system_known_hosts(mut self, path: impl Into<PathBuf>) -> Self {
        self.trust.files.system.get_or_insert_default().push(path.into());
        self
    }

    /// Refuses a host of which nothing is known (`StrictHostKeyChecking yes`). This is the default.
    pub fn strict(mut self) -> Self {
        self.trust.files.unknown = Some(UnknownHost::Refuse);
        self
    }

    /// Trusts a host of which nothing is known, and writes its key to the first known_hosts file. A changed or revoked
    /// key is refused all the same.
    pub fn accept_new(self) -> Self {
        self.unknown_host(UnknownHost::Accept)
    }

    /// Asks about a host of which nothing is known: the function is shown [`HostKeyRefusal::Unknown`] and answers whether
    /// to trust, and write down, the key. The time it takes counts: see [`deadline`](Self::deadline).
    pub fn ask_unknown(self, ask: impl FnMut(&HostKeyRefusal) -> bool + Send + 'static) -> Self {
        self.unknown_host(UnknownHost::Ask(Box::new(ask)))
    }

    fn unknown_host(mut self, choice: UnknownHost) -> Self {
        self.trust.files.unknown = Some(choice);
        self
    }

    /// Whether names are hidden in the lines that are written to known_hosts (`HashKnownHosts`); where the file hides names
    /// they are anyway. Default: no.
    pub fn hash_known_hosts(mut self, hash: bool) -> Self {
        self.trust.files.hashed = Some(hash);
        self
    }

    /// The name that stands for host and port in known_hosts (`HostKeyAlias`).
    pub fn host_key_alias(mut self, alias: &str) -> Self {
        self.trust.files.alias = Some(alias.to_owned());
        self
    }

    /// Whether the host's address must agree with its name in known_hosts (`CheckHostIP`). Default: no.
    pub fn check_host_ip(mut self, check: bool) -> Self {
        self.trust.files.check_address = Some(check);
        self
    }

    /// Whether the user's known_hosts follows the host keys that the server announces after login (`UpdateHostKeys`).
    /// Default: as in OpenSSH, where the user's own files are used and no DNS is asked, yes; otherwise no.
    ///
    /// Only a host that was found there by a plain key, or that the user has said yes to, is followed. New keys must be
    /// proved by the server.
    pub fn update_host_keys(mut self, update: bool) -> Self {
        let update = if update { UpdateHostKeys::Yes } else { UpdateHostKeys::No };
        self.trust.files.update = Some(update);
        self
    }

    /// The same when the function says so, which is shown what would be changed (`UpdateHostKeys ask`).
    pub fn ask_host_key_update(mut self, ask: impl FnMut(&HostKeyChanges) -> bool + Send + 'static) -> Self {
        self.trust.files.update = Some(UpdateHostKeys::Ask(Box::new(ask)));
        self
    }

    /// Asks the DNS about the host key (`VerifyHostKeyDNS`): the function looks up the SSHFP records of a name, and says of
    /// each whether it is authenticated.
    pub fn verify_host_key_dns(
        mut self,
        verify: VerifyDns,
        lookup: impl FnMut(&str) -> Result<Vec<SshfpRecord>, Error> + Send + 'static,
    ) -> Self {
        self.trust.files.verify_dns = Some(verify);
        self.sshfp_records(lookup)
    }

    /// Looks SSHFP records up, where the configuration wants the DNS to be asked (`VerifyHostKeyDNS`): as for
    /// [`verify_host_key_dns`](Self::verify_host_key_dns). This library has no resolver of its own.
    pub fn sshfp_records(
        mut self,
        lookup: impl FnMut(&str) -> Result<Vec<SshfpRecord>, Error> + Send + 'static,
    ) -> Self {
        self.trust.files.records = Some(Box::new(lookup));
        self
    }

    /// Refuses the host keys on this list, whatever else is said of them: keys, or a KRL (`RevokedHostKeys`). Said several
    /// times, all of them.
    pub fn revoked_host_keys(mut self, list: impl Revoked + Send + 'static) -> Self {
        self.trust.revoked.push(Box::new(list));
        self
    }

    /// Lets something else decide about the host key.
    pub fn verifier(mut self, verifier: impl HostKeyVerifier + 'static) -> Self {
        self.trust.pinned = Some(Pinned::Other(Box::new(verifier)));
        self
    }
}
