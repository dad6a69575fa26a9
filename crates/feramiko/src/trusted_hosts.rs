//! [`TrustedHosts`]: which machines may vouch for their users (RFC 4252 section 9).

use std::path::Path;
use std::time::SystemTime;

use feramiko_keys::certificate::HostCheck;
use feramiko_keys::{HostStatus, KnownHosts, LookupName, PublicKey};
use feramiko_proto::VerifiedHost;

use crate::address::SSH_PORT;
use crate::error::Error;

/// Nobody is root here because somebody else says so.
const ROOT: &str = "root";

/// Whether a user of another machine may come in as a user of this one: host, user there, user here.
type Rule = Box<dyn Fn(&str, &str, &str) -> bool + Send + Sync>;

/// Which machines may vouch for their users: their keys, as `ssh_known_hosts` has them, and their names, as `shosts.equiv` of
/// sshd(8) has them.
///
/// Who vouches says its own name. It counts because the key that has signed is known for that name, or certified for it by
/// an authority that the file has (`@cert-authority`), so the file must be one that only the owner of this server writes
/// to. A line for all names (`*`) lets its key be any of the machines.
///
/// ```
/// # fn main() -> Result<(), feramiko::Error> {
/// use feramiko::{Attempt, Error, Proof, TrustedHosts};
///
/// let trusted = TrustedHosts::load("/etc/ssh/ssh_known_hosts", ["build.example.com"])?;
/// // The server is made with .methods(["publickey", "hostbased"]); for each attempt:
/// let judge = |attempt: Attempt| -> Result<(), Error> {
///     match attempt.proof() {
///         Proof::HostBased(host) if trusted.vouch(host, attempt.user()) => attempt.accept(),
///         _ => attempt.reject(),
///     }
/// };
/// # let _ = judge;
/// # Ok(())
/// # }
/// ```
pub struct TrustedHosts {
    known: KnownHosts,
    names: Vec<String>,
    rule: Rule,
}

impl TrustedHosts {
    /// The machines of these names, with the keys that the file has for them. A file that is missing knows nobody.
    ///
    /// # Errors
    /// [`Error::Key`]: the file cannot be read.
    pub fn load<S: Into<String>>(
        known_hosts: impl AsRef<Path>,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Self, Error> {
        let path = known_hosts.as_ref();
        let known = KnownHosts::load(path).map_err(|error| Error::key_file(path, error))?;
        Ok(Self::new(known, names))
    }

    /// The machines of these names, with the keys that are known for them.
    pub fn new<S: Into<String>>(known: KnownHosts, names: impl IntoIterator<Item = S>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        Self { known, names, rule: Box::new(|_, there, here| there == here && here != ROOT) }
    }

    /// Which user of a machine may come in as which user here; the function is given the machine, the user there and the
    /// user here. Default: whoever has the same name, but for root, whom sshd lets in by no `shosts.equiv` either.
    pub fn users(mut self, rule: impl Fn(&str, &str, &str) -> bool + Send + Sync + 'static) -> Self {
        self.rule = Box::new(rule);
        self
    }

    /// Whether that machine's word is enough for `user` of this one: [`Attempt::user`](crate::Attempt::user).
    pub fn vouch(&self, host: &VerifiedHost, user: &str) -> bool {
        let name = host.host();
        self.names.iter().any(|trusted| trusted.eq_ignore_ascii_case(name))
            && self.is_known(name, host)
            && (self.rule)(name, host.user(), user)
    }

    /// Whether it is the machine of this name.
    fn is_known(&self, name: &str, host: &VerifiedHost) -> bool {
        let key = host.key().key();
        let Some(certificate) = host.certificate() else {
            return matches!(self.known.check(name, SSH_PORT, key), HostStatus::Known { .. });
        };
        // As sshd has it: who shows a certificate is known by that, or not at all.
        let at = LookupName::new(name, SSH_PORT);
        let is_revoked = |key: &PublicKey| self.known.revoked(&at, key.blob()).is_some();
        let authority = certificate.authority();
        let stands_there = self.known.authorities(&at).iter().any(|known| known.blob == authority.blob());
        let authorities = std::slice::from_ref(authority);
        let checked = certificate.check_host(&HostCheck::new(name, authorities, SystemTime::now()));
        stands_there && !is_revoked(key) && !is_revoked(authority) && checked.is_ok()
    }
}

impl std::fmt::Debug for TrustedHosts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrustedHosts").field("names", &self.names).finish_non_exhaustive()
    }
}
