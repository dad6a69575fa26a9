//! [`CertificatePolicy`]: users are let in by whoever certifies them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use feramiko_keys::certificate::{CertificateError, UserCheck};
use feramiko_keys::{Certificate, Circumstances, KeyError, PublicKey, Restrictions};
use feramiko_proto::Proof;

use crate::attempt::Attempt;
use crate::authorized::{AuthorizedKeysPolicy, revoked};
use crate::error::Error;

/// Whose certificates log users in, what sshd's `TrustedUserCAKeys`, `AuthorizedPrincipalsFile` and `RevokedKeys` say.
///
/// With [`ServerBuilder::certificates`](crate::ServerBuilder::certificates) a server answers certificates by itself; what
/// a certificate does not permit is refused for as long as the connection lives. The authorities here certify users of
/// any name; those of one user stand in the user's `authorized_keys` (`cert-authority`), where the server has such files.
///
/// ```no_run
/// use feramiko::{CertificatePolicy, PrivateKey, PublicKey, Server};
///
/// # fn main() -> Result<(), feramiko::Error> {
/// let host_key = PrivateKey::load_file("/etc/ssh/ssh_host_ed25519_key", None)?;
/// let (authority, _) = PublicKey::load_file("/etc/ssh/user_ca.pub")?;
/// let policy = CertificatePolicy::new([authority]).revoked_keys("/etc/ssh/revoked_keys");
/// let server = Server::builder().host_key(host_key).certificates(policy).bind("0.0.0.0:2222").wait()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CertificatePolicy {
    authorities: Vec<PublicKey>,
    principals: Option<PrincipalsOf>,
    pub(crate) revoked: Vec<PathBuf>,
}

/// The principals that are the user of this name.
type PrincipalsOf = Arc<dyn Fn(&str) -> Vec<String> + Send + Sync>;

impl CertificatePolicy {
    /// Users whom one of these keys certifies are let in under their own names.
    pub fn new(authorities: impl IntoIterator<Item = PublicKey>) -> Self {
        Self { authorities: authorities.into_iter().collect(), principals: None, revoked: Vec::new() }
    }

    /// The principals that may log in as a user, in place of the user's own name: one of them must be in the certificate,
    /// byte for byte. With none, nobody may. (`AuthorizedPrincipalsFile`, `AuthorizedPrincipalsCommand`.)
    ///
    /// The name is as the client has sent it. The function may block.
    pub fn principals(mut self, of_user: impl Fn(&str) -> Vec<String> + Send + Sync + 'static) -> Self {
        self.principals = Some(Arc::new(of_user));
        self
    }

    /// A file of [`RevokedKeys`](crate::RevokedKeys); may be said more than once. While one cannot be read nobody is let in.
    /// It counts for the keys of the server's [`authorized_keys`](crate::ServerBuilder::authorized_keys) too.
    pub fn revoked_keys(mut self, path: impl Into<PathBuf>) -> Self {
        self.revoked.push(path.into());
        self
    }

    /// What the holder of a certificate may do who logs in as `user` from this address; or why not.
    ///
    /// It reads files, and blocks meanwhile.
    ///
    /// # Errors
    /// A file that cannot be read. The certificate's own faults are within.
    pub fn judge(
        &self,
        user: &str,
        certificate: &Certificate,
        source: Option<IpAddr>,
        now: SystemTime,
    ) -> Result<Result<Restrictions, CertificateError>, KeyError> {
        let revoked = revoked(&self.revoked)?;
        let principals = match &self.principals {
            Some(of_user) => of_user(user),
            None => vec![user.to_owned()],
        };
        let principals: Vec<&str> = principals.iter().map(String::as_str).collect();
        let authorities = &self.authorities;
        let check = UserCheck { principals: &principals, authorities, revoked: &revoked, now, source };
        Ok(certificate.check_user(&check))
    }
}

/// Answers an attempt by certificate, where there is anybody who can; hands others back.
pub(crate) fn answer(
    certificates: Option<&CertificatePolicy>,
    files: Option<&AuthorizedKeysPolicy>,
    attempt: Attempt,
) -> Result<Option<Attempt>, Error> {
    let certificate = match attempt.proof() {
        Proof::CertificateOffer(certificate) => certificate.clone(),
        Proof::Certificate(verified) => verified.certificate().clone(),
        _ => return Ok(Some(attempt)),
    };
    if certificates.is_none() && files.is_none() {
        return Ok(Some(attempt));
    }
    let (address, host) = attempt.whereabouts();
    let circumstances = Circumstances { address, host: host.as_deref(), now: SystemTime::now() };
    let verdicts = [
        certificates.map(|policy| policy.judge(attempt.user(), &certificate, address, circumstances.now)),
        files.map(|policy| policy.judge_certificate(attempt.user(), &certificate, circumstances)),
    ];
    for verdict in verdicts.into_iter().flatten() {
        match verdict {
            Ok(Ok(restrictions)) => return attempt.accept_with(restrictions).map(|()| None),
            Ok(Err(why)) => tell(attempt.user(), &certificate, &why),
            // It is the server's trouble. What is revoked is not known then, so nobody is asked further.
            Err(error) => {
                tell(attempt.user(), &certificate, &error);
                break;
            }
        }
    }
    attempt.reject().map(|()| None)
}

fn tell(user: &str, certificate: &Certificate, why: &dyn std::fmt::Display) {
    let user = feramiko_wire::sanitize_line(user.as_bytes());
    tracing::info!(user, ?certificate, %why, "a certificate does not let in");
}

impl std::fmt::Debug for CertificatePolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { authorities, revoked, .. } = self;
        let mut shown = f.debug_struct("CertificatePolicy");
        shown.field("authorities", authorities).field("revoked", revoked).finish_non_exhaustive()
    }
}
