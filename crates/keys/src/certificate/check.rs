//! The one place where it is decided what a certificate is good for.

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use super::{Certificate, CertificateKind, options, seconds};
use crate::error::printable;
use crate::{Circumstances, Denied, Fingerprint, PublicKey, Restrictions, pattern};

/// What is revoked: a list of keys, a KRL, the `@revoked` lines of a known_hosts file.
pub trait Revoked {
    /// Whether this key is: a plain one, a certified one or an authority.
    fn is_key_revoked(&self, key: &PublicKey) -> bool;

    /// Whether this very certificate is, by its serial number or its name. Its key and its authority are asked about
    /// apart.
    fn is_certificate_revoked(&self, certificate: &Certificate) -> bool {
        let _ = certificate;
        false
    }
}

/// Nothing is revoked.
#[derive(Debug, Clone, Copy, Default)]
pub struct NothingRevoked;

impl Revoked for NothingRevoked {
    fn is_key_revoked(&self, _key: &PublicKey) -> bool {
        false
    }
}

/// These keys are.
impl Revoked for Vec<PublicKey> {
    fn is_key_revoked(&self, key: &PublicKey) -> bool {
        self.contains(key)
    }
}

/// A question about a user certificate: may its holder log in?
#[derive(Clone, Copy)]
pub struct UserCheck<'a> {
    /// The names that would do: the user's, or those that an `AuthorizedPrincipalsFile` or a `principals` option
    /// lists. One of them must be a principal of the certificate, byte for byte. None lets nobody in.
    pub principals: &'a [&'a str],
    /// The authorities that are trusted to certify users.
    pub authorities: &'a [PublicKey],
    /// What is revoked.
    pub revoked: &'a dyn Revoked,
    /// The moment that it is to be valid at.
    pub now: SystemTime,
    /// Where the client is. Where that is not known, no certificate with a `source-address` is accepted.
    pub source: Option<IpAddr>,
}

/// A question about a host certificate: is this that host?
#[derive(Clone, Copy)]
pub struct HostCheck<'a> {
    /// The name that the host was called by, without a port. It is compared in lower case.
    pub host: &'a str,
    /// The authorities that are trusted to certify this host.
    pub authorities: &'a [PublicKey],
    /// What they may have signed with (`CASignatureAlgorithms`); `None` for everything that certificates are read with.
    pub authority_algorithms: Option<&'a [String]>,
    /// What is revoked.
    pub revoked: &'a dyn Revoked,
    /// The moment that it is to be valid at.
    pub now: SystemTime,
}

impl<'a> UserCheck<'a> {
    /// The question with nothing revoked and a client of whom it is not known where it is.
    pub fn new(principals: &'a [&'a str], authorities: &'a [PublicKey], now: SystemTime) -> Self {
        Self { principals, authorities, revoked: &NothingRevoked, now, source: None }
    }
}

impl<'a> HostCheck<'a> {
    /// The question with nothing revoked.
    pub fn new(host: &'a str, authorities: &'a [PublicKey], now: SystemTime) -> Self {
        Self { host, authorities, authority_algorithms: None, revoked: &NothingRevoked, now }
    }
}

impl Certificate {
    /// Whether a user may log in with it, and what is allowed then: what no extension of it permits is forbidden.
    ///
    /// The client must have proved, over its session, that it holds the certified key; for a security key the flags of
    /// its signature are to be held against [`Restrictions::check_security_key`].
    pub fn check_user(&self, check: &UserCheck<'_>) -> Result<Restrictions, CertificateError> {
        let named = |principal: &str| check.principals.contains(&principal);
        self.check(CertificateKind::User, check.authorities, check.revoked, check.now, named)?;
        let restrictions = options::restrictions(self)?;
        let circumstances = Circumstances { address: check.source, host: None, now: check.now };
        match restrictions.check(circumstances) {
            Ok(()) => Ok(restrictions),
            Err(Denied::Expired) => Err(CertificateError::Expired { until: self.validity().until }),
            Err(_) => Err(CertificateError::SourceAddress { found: check.source }),
        }
    }

    /// Whether a host is the one it was called.
    ///
    /// Principals may have wildcards, as ssh-keygen(1) says. There is no critical option for hosts: any refuses.
    pub fn check_host(&self, check: &HostCheck<'_>) -> Result<(), CertificateError> {
        let host = check.host.to_ascii_lowercase();
        let named = |principal: &str| pattern::matches(principal.as_bytes(), host.as_bytes());
        self.check(CertificateKind::Host, check.authorities, check.revoked, check.now, named)?;
        let algorithm = self.authority_algorithm();
        if check.authority_algorithms.is_some_and(|allowed| !allowed.iter().any(|name| name == algorithm)) {
            return Err(CertificateError::AuthorityAlgorithm { algorithm });
        }
        match self.critical_options().first() {
            Some(option) => Err(CertificateError::CriticalOption { name: printable(option.name.as_bytes()) }),
            None => Ok(()),
        }
    }

    /// Whether its holder may sign files as one of these principals (`cert-authority` of ssh-keygen(1), "ALLOWED
    /// SIGNERS"), for whoever trusts its authority. Critical options that are about logins do not matter; one that nobody
    /// knows refuses, where ssh-keygen looks at none.
    pub(crate) fn check_signer(
        &self,
        at: SystemTime,
        named: impl Fn(&str) -> bool,
    ) -> Result<(), CertificateError> {
        let authority = std::slice::from_ref(self.authority());
        self.check(CertificateKind::User, authority, &NothingRevoked, at, named)?;
        options::restrictions(self).map(drop)
    }

    fn check(
        &self,
        kind: CertificateKind,
        authorities: &[PublicKey],
        revoked: &dyn Revoked,
        now: SystemTime,
        named: impl Fn(&str) -> bool,
    ) -> Result<(), CertificateError> {
        if self.kind() != kind {
            return Err(CertificateError::WrongKind { wanted: kind, found: self.kind() });
        }
        let parts = [
            (RevokedPart::Authority, revoked.is_key_revoked(self.authority())),
            (RevokedPart::Key, revoked.is_key_revoked(self.public_key())),
            (RevokedPart::Certificate, revoked.is_certificate_revoked(self)),
        ];
        if let Some((part, _)) = parts.into_iter().find(|(_, revoked)| *revoked) {
            return Err(CertificateError::Revoked { part });
        }
        if !authorities.contains(self.authority()) {
            return Err(CertificateError::UnknownAuthority { authority: self.authority().fingerprint() });
        }
        let validity = self.validity();
        if seconds(now).is_none_or(|now| now < validity.from) {
            return Err(CertificateError::NotYetValid { from: validity.from });
        }
        if !validity.contains(now) {
            return Err(CertificateError::Expired { until: validity.until });
        }
        if self.principals().is_empty() {
            return Err(CertificateError::NoPrincipals);
        }
        if !self.principals().iter().any(|principal| named(principal)) {
            let listed = self.principals().iter().map(|name| printable(name.as_bytes())).collect();
            return Err(CertificateError::WrongPrincipal { listed });
        }
        Ok(())
    }
}

/// Why a certificate is not accepted. Texts that came from outside are safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateError {
    /// It is for users where one for hosts was needed, or the other way round.
    WrongKind {
        /// What was needed.
        wanted: CertificateKind,
        /// What it is.
        found: CertificateKind,
    },
    /// Its authority is not one of those that are trusted here.
    UnknownAuthority {
        /// The authority's fingerprint.
        authority: Fingerprint,
    },
    /// Its authority has signed it with an algorithm that is not wanted.
    AuthorityAlgorithm {
        /// Which.
        algorithm: &'static str,
    },
    /// It, its key or its authority is revoked.
    Revoked {
        /// Which of them.
        part: RevokedPart,
    },
    /// It is not valid yet.
    NotYetValid {
        /// From when on it is, in seconds since 1970.
        from: u64,
    },
    /// It is not valid any more.
    Expired {
        /// Since when it is not, in seconds since 1970.
        until: u64,
    },
    /// It is for nobody.
    NoPrincipals,
    /// It is for others.
    WrongPrincipal {
        /// For whom.
        listed: Vec<String>,
    },
    /// It has a condition that is not understood here.
    CriticalOption {
        /// The condition.
        name: String,
    },
    /// An option or extension of it cannot be read.
    BadOption {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// It is for clients elsewhere.
    SourceAddress {
        /// Where the client is, as far as that is known.
        found: Option<IpAddr>,
    },
}

/// What of a certificate is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevokedPart {
    /// The key of its authority.
    Authority,
    /// The certified key.
    Key,
    /// The certificate, by its serial number or its name.
    Certificate,
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongKind { wanted, found } => {
                write!(f, "the certificate is for a {found}, and one for a {wanted} is needed")
            }
            Self::UnknownAuthority { authority } => {
                write!(f, "the certificate's authority {authority} is not trusted here")
            }
            Self::AuthorityAlgorithm { algorithm } => {
                write!(
                    f,
                    "the certificate's authority has signed it with {algorithm}, which is not allowed here"
                )
            }
            Self::Revoked { part: RevokedPart::Authority } => {
                f.write_str("the certificate's authority is revoked")
            }
            Self::Revoked { part: RevokedPart::Key } => f.write_str("the certified key is revoked"),
            Self::Revoked { part: RevokedPart::Certificate } => f.write_str("the certificate is revoked"),
            Self::NotYetValid { from } => {
                write!(
                    f,
                    "the certificate is not valid before {from} seconds since 1970; is the clock right?"
                )
            }
            Self::Expired { until } => {
                write!(f, "the certificate expired {until} seconds since 1970; ask for a new one")
            }
            Self::NoPrincipals => f.write_str("the certificate names no principal: it is for nobody"),
            Self::WrongPrincipal { listed } => {
                write!(f, "the certificate is for {}, and for nobody else", listed.join(", "))
            }
            Self::CriticalOption { name } => {
                write!(f, "the certificate has the critical option {name}, which is not understood here")
            }
            Self::BadOption { name, problem } => {
                write!(f, "the certificate's option {name} cannot be read: {problem}")
            }
            Self::SourceAddress { found: Some(found) } => {
                write!(f, "the certificate is not for clients at {found}")
            }
            Self::SourceAddress { found: None } => {
                f.write_str("the certificate is for clients at certain addresses, and this one has none")
            }
        }
    }
}

impl std::error::Error for CertificateError {}
