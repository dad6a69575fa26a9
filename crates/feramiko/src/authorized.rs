//! [`AuthorizedKeysPolicy`]: public keys are accepted as files say.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use feramiko_keys::certificate::{CertificateError, UserCheck};
use feramiko_keys::{
    AuthorizedKeys, Certificate, Circumstances, KeyError, Ownership, PublicKey, Restrictions, RevokedKeys,
};
use feramiko_proto::Proof;

use crate::attempt::Attempt;
use crate::error::Error;

/// Whose keys stand where, and what else is asked of them.
///
/// With [`ServerBuilder::authorized_keys`](crate::ServerBuilder::authorized_keys) a server answers public keys by itself;
/// the options in the file are enforced for as long as the connection lives. Files are read for each attempt, so that
/// a change counts at once.
///
/// ```no_run
/// use feramiko::{PrivateKey, Program, Server};
///
/// # fn main() -> Result<(), feramiko::Error> {
/// let host_key = PrivateKey::load_file("/etc/ssh/ssh_host_ed25519_key", None)?;
/// let server = Server::builder().host_key(host_key).authorized_keys("/etc/ssh/keys/%u").bind("0.0.0.0:2222").wait()?;
/// server.serve(|connection| {
///     // What is left are passwords and the like.
///     while let Some(attempt) = connection.next_auth().wait()? { attempt.reject()? }
///     while let Some(session) = connection.next_session().wait()? {
///         let Some(start) = session.program().wait()? else { continue };
///         let reply = format!("{:?} for you\n", start.program());
///         start.accept().finish(reply, "", 0).wait()?;
///     }
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone)]
pub struct AuthorizedKeysPolicy {
    file: OfUser<PathBuf>,
    /// `None`: nobody asks whose the file is.
    owner: Option<OfUser<Ownership>>,
    environment: bool,
    pub(crate) revoked: Vec<PathBuf>,
}

/// Something of the user with this name.
type OfUser<T> = Arc<dyn Fn(&str) -> Option<T> + Send + Sync>;

impl AuthorizedKeysPolicy {
    /// The file of each user by its name; `None` for users that there are not.
    ///
    /// The name is as the client has sent it: where it becomes a part of a path, `..` and `/` must not.
    pub fn new(file: impl Fn(&str) -> Option<PathBuf> + Send + Sync + 'static) -> Self {
        let this_user = |_: &str| Some(Ownership::of_this_user());
        Self {
            file: Arc::new(file),
            owner: Some(Arc::new(this_user)),
            environment: false,
            revoked: Vec::new(),
        }
    }

    /// A path with `%u` for the name of the user, and `%%` for a percent sign. Names that are more than one part of a
    /// path, or none, have no file. Without `%u`, all users have the same file.
    pub fn pattern(pattern: impl Into<String>) -> Self {
        let pattern = pattern.into();
        Self::new(move |user| expand(&pattern, user))
    }

    /// Whose a user's file must be; by default it must belong to whom the server runs as, or to root. See [`Ownership`].
    pub fn owned_by(mut self, owner: impl Fn(&str) -> Option<Ownership> + Send + Sync + 'static) -> Self {
        self.owner = Some(Arc::new(owner));
        self
    }

    /// Takes the files as they are, whoever may write them: sshd's `StrictModes no`.
    pub fn any_owner(mut self) -> Self {
        self.owner = None;
        self
    }

    /// Whether `environment=` in the file counts: sshd's `PermitUserEnvironment`. Default: no, because a variable may be
    /// as good as a command.
    pub fn user_environment(mut self, permitted: bool) -> Self {
        self.environment = permitted;
        self
    }

    /// A file of [`RevokedKeys`]; may be said more than once. While one cannot be read nobody is let in. It counts for the
    /// server's [certificates](crate::ServerBuilder::certificates) too.
    pub fn revoked_keys(mut self, path: impl Into<PathBuf>) -> Self {
        self.revoked.push(path.into());
        self
    }

    /// What the holder of a key may do who logs in as `user`; `None` when the files do not let the key in.
    ///
    /// It reads files, and blocks meanwhile.
    ///
    /// # Errors
    /// A file that cannot be read or is not to be trusted.
    pub fn judge(
        &self,
        user: &str,
        key: &PublicKey,
        circumstances: Circumstances<'_>,
    ) -> Result<Option<Restrictions>, KeyError> {
        if revoked(&self.revoked)?.is_revoked(key) {
            tracing::warn!(user = feramiko_wire::sanitize_line(user.as_bytes()), key = %key.fingerprint(), "a revoked key");
            return Ok(None);
        }
        let Some((path, keys)) = self.keys(user)? else { return Ok(None) };
        match keys.authorize(key, circumstances) {
            Ok(entry) => Ok(entry.map(|entry| self.restrictions(entry.restrictions.clone()))),
            Err(denied) => {
                tell(&path, user, &denied);
                Ok(None)
            }
        }
    }

    /// What the holder of a certificate may do who logs in as `user`, by the lines with `cert-authority`: what the line
    /// and the certificate permit both. Or why not.
    ///
    /// It reads files, and blocks meanwhile.
    ///
    /// # Errors
    /// A file that cannot be read or is not to be trusted.
    pub fn judge_certificate(
        &self,
        user: &str,
        certificate: &Certificate,
        circumstances: Circumstances<'_>,
    ) -> Result<Result<Restrictions, CertificateError>, KeyError> {
        let revoked = revoked(&self.revoked)?;
        let authority = certificate.authority();
        let mut refused = CertificateError::UnknownAuthority { authority: authority.fingerprint() };
        let Some((path, keys)) = self.keys(user)? else { return Ok(Err(refused)) };
        for entry in keys.find_authority(authority) {
            let names: Vec<&str> = match &entry.principals {
                Some(names) => names.iter().map(String::as_str).collect(),
                None => vec![user],
            };
            let authorities = std::slice::from_ref(authority);
            let Circumstances { address, now, .. } = circumstances;
            let check =
                UserCheck { principals: &names, authorities, revoked: &revoked, now, source: address };
            let granted = match certificate.check_user(&check) {
                Ok(granted) => granted,
                Err(why) => {
                    refused = why;
                    continue;
                }
            };
            if let Err(denied) = entry.restrictions.check(circumstances) {
                tell(&path, user, &denied);
                continue;
            }
            // Two commands that are forced and differ leave nothing that could be run.
            match self.restrictions(entry.restrictions.clone()).and(granted) {
                Ok(both) => return Ok(Ok(both)),
                Err(conflict) => tell(&path, user, &conflict),
            }
        }
        Ok(Err(refused))
    }

    /// Answers an attempt by public key; hands others back.
    pub(crate) fn answer(&self, attempt: Attempt) -> Result<Option<Attempt>, Error> {
        let key = match attempt.proof() {
            Proof::KeyOffer(key) => key.clone(),
            Proof::Key(verified) => verified.key().clone(),
            _ => return Ok(Some(attempt)),
        };
        let (address, host) = attempt.whereabouts();
        let circumstances = Circumstances { address, host: host.as_deref(), now: SystemTime::now() };
        let answer = match self.judge(attempt.user(), &key, circumstances) {
            Ok(Some(restrictions)) => attempt.accept_with(restrictions),
            Ok(None) => attempt.reject(),
            Err(error) => {
                // It is the server's trouble: a client that was told of it could tell users that there are.
                tracing::warn!(user = feramiko_wire::sanitize_line(attempt.user().as_bytes()), %error, "no keys are accepted");
                attempt.reject()
            }
        };
        answer.map(|()| None)
    }

    /// The file of a user and what it says.
    fn keys(&self, user: &str) -> Result<Option<(PathBuf, AuthorizedKeys)>, KeyError> {
        let Some(path) = (self.file)(user) else { return Ok(None) };
        let keys = match &self.owner {
            None => AuthorizedKeys::load(&path)?,
            Some(owner) => {
                let Some(owner) = owner(user) else { return Ok(None) };
                AuthorizedKeys::load_owned(&path, &owner)?
            }
        };
        for (line, problem) in keys.damaged() {
            tracing::warn!(path = %path.display(), line, problem, "a line of authorized_keys is not used");
        }
        Ok(Some((path, keys)))
    }

    fn restrictions(&self, mut restrictions: Restrictions) -> Restrictions {
        if !self.environment {
            restrictions.environment.clear();
        }
        restrictions
    }
}

/// All that these files revoke.
pub(crate) fn revoked(paths: &[PathBuf]) -> Result<RevokedKeys, KeyError> {
    paths.iter().try_fold(RevokedKeys::default(), |all, path| Ok(all.or(RevokedKeys::load(path)?)))
}

fn tell(path: &Path, user: &str, denied: &dyn std::fmt::Display) {
    let user = feramiko_wire::sanitize_line(user.as_bytes());
    tracing::info!(path = %path.display(), user, %denied, "a key is in the file and is not let in");
}

fn expand(pattern: &str, user: &str) -> Option<PathBuf> {
    let mut parts = Path::new(user).components();
    let one_name =
        matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == user);
    if !one_name || user.contains('\0') {
        return None;
    }
    let mut path = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('%') {
        path.push_str(before);
        let mut letters = after.chars();
        match letters.next() {
            Some('u') => path.push_str(user),
            Some('%') => path.push('%'),
            // A server that reads another file than was meant would be worse.
            _ => return None,
        }
        rest = letters.as_str();
    }
    path.push_str(rest);
    Some(path.into())
}

impl From<&str> for AuthorizedKeysPolicy {
    /// As [`AuthorizedKeysPolicy::pattern`].
    fn from(pattern: &str) -> Self {
        Self::pattern(pattern)
    }
}

impl From<String> for AuthorizedKeysPolicy {
    /// As [`AuthorizedKeysPolicy::pattern`].
    fn from(pattern: String) -> Self {
        Self::pattern(pattern)
    }
}

impl std::fmt::Debug for AuthorizedKeysPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthorizedKeysPolicy").field("revoked", &self.revoked).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defect_130_a_name_cannot_leave_its_place_in_a_path() {
        let path = |user: &str| expand("/keys/%u/100%%", user);
        assert_eq!(path("robey").unwrap(), Path::new("/keys/robey/100%"));
        for bad in ["", ".", "..", "../x", "a/b", "/etc", "a/", "a\0b"] {
            assert_eq!(path(bad), None, "{bad}");
        }
        assert_eq!(expand("/keys/%h", "robey"), None);
        assert_eq!(expand("/keys/%", "robey"), None);
        assert_eq!(expand("/keys/all", "robey").unwrap(), Path::new("/keys/all"));
    }
}
