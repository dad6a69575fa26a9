//! Certificates of our own.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use feramiko_crypto::Provider;
use feramiko_wire::Writer;

use super::names::{self, AUTHORITY_ALGORITHMS};
use super::{Certificate, CertificateError, CertificateKind, Validity, options, seconds};
use crate::algorithm::LEAST_RSA_BITS;
use crate::{KeyError, PublicKey, Signer};

/// What ssh-keygen(1) permits users unless it is told otherwise.
const PERMITTED: [&str; 5] = [
    "permit-X11-forwarding",
    "permit-agent-forwarding",
    "permit-port-forwarding",
    "permit-pty",
    "permit-user-rc",
];
/// Clocks differ: a certificate counts from that much before it was made.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

/// Describes a certificate that is to be made.
///
/// It is valid for ever unless something else is said.
#[derive(Debug, Clone)]
#[must_use = "a CertificateBuilder does nothing until issue is called"]
pub struct CertificateBuilder {
    key: PublicKey,
    kind: CertificateKind,
    serial: u64,
    key_id: String,
    principals: Vec<String>,
    validity: Validity,
    critical_options: BTreeMap<String, Vec<u8>>,
    extensions: BTreeMap<String, Vec<u8>>,
}

impl CertificateBuilder {
    /// For a user's key, who may do everything, as ssh-keygen(1) has it: forwarding, a terminal, `~/.ssh/rc`.
    pub fn user(key: &PublicKey) -> Self {
        let extensions = PERMITTED.into_iter().map(|name| (name.to_owned(), Vec::new())).collect();
        Self { extensions, ..Self::new(key, CertificateKind::User) }
    }

    /// For a host's key.
    pub fn host(key: &PublicKey) -> Self {
        Self::new(key, CertificateKind::Host)
    }

    fn new(key: &PublicKey, kind: CertificateKind) -> Self {
        Self {
            key: key.clone(),
            kind,
            serial: 0,
            key_id: String::new(),
            principals: Vec::new(),
            validity: Validity::FOREVER,
            critical_options: BTreeMap::new(),
            extensions: BTreeMap::new(),
        }
    }

    /// A user or a host that it is for; said several times, any of them. At least one is needed.
    pub fn principal(mut self, name: impl Into<String>) -> Self {
        self.principals.push(name.into());
        self
    }

    /// A name for logs and for lists of what is revoked.
    pub fn key_id(mut self, id: impl Into<String>) -> Self {
        self.key_id = id.into();
        self
    }

    /// A number for lists of what is revoked.
    pub fn serial(mut self, serial: u64) -> Self {
        self.serial = serial;
        self
    }

    /// When it is valid.
    pub fn validity(mut self, validity: Validity) -> Self {
        self.validity = validity;
        self
    }

    /// Valid from now on (from a minute ago, because clocks differ) for so long.
    pub fn valid_for(self, time: Duration) -> Self {
        let now = SystemTime::now();
        let at = |moment: Option<SystemTime>| moment.and_then(seconds);
        let validity = Validity {
            from: at(now.checked_sub(CLOCKS_DIFFER)).unwrap_or(0),
            until: at(now.checked_add(time)).unwrap_or(u64::MAX),
        };
        self.validity(validity)
    }

    /// This command runs, whatever the client asks for.
    pub fn force_command(self, command: &str) -> Self {
        self.critical_option("force-command", string(command))
    }

    /// It is for clients at these addresses and networks only (`10.0.0.0/8,2001:db8::1`).
    pub fn source_addresses(self, list: &str) -> Self {
        self.critical_option("source-address", string(list))
    }

    /// A security key must have verified its user.
    pub fn verify_required(self) -> Self {
        self.critical_option("verify-required", Vec::new())
    }

    /// A condition by its name; `data` is as it stands in the certificate.
    pub fn critical_option(mut self, name: impl Into<String>, data: Vec<u8>) -> Self {
        self.critical_options.insert(name.into(), data);
        self
    }

    /// A permission by its name; `data` is as it stands in the certificate.
    pub fn extension(mut self, name: impl Into<String>, data: Vec<u8>) -> Self {
        self.extensions.insert(name.into(), data);
        self
    }

    /// Takes all permissions back that were given so far.
    pub fn no_extensions(mut self) -> Self {
        self.extensions.clear();
        self
    }

    /// Lets the authority sign. The certificate is read again, and its signature verified, before it leaves.
    ///
    /// # Errors
    ///
    /// What [`Certificate::from_blob`] refuses; no principals; an option that nobody could read; a type of key that cannot be certified, or an authority
    /// that cannot sign with what is accepted.
    pub fn issue(&self, authority: &dyn Signer) -> Result<Certificate, KeyError> {
        if self.principals.is_empty() {
            return Err(KeyError::damaged("certificate", "without a principal it would be for nobody"));
        }
        let key_type = self.key.algorithm();
        let kind = names::type_for(key_type)
            .ok_or_else(|| KeyError::unsupported_type(format!("{key_type} (certified)").as_bytes()))?;
        let public = authority.public_key();
        let algorithm = public
            .signature_algorithms()
            .iter()
            .find(|name| AUTHORITY_ALGORITHMS.contains(name))
            .ok_or_else(|| KeyError::NotAnAuthority { name: public.algorithm().to_owned() })?;
        let mut nonce = [0; 32];
        (Provider::default().random)(&mut nonce)?;
        let mut blob = Vec::new();
        let mut writer = Writer::new(&mut blob);
        writer.string(kind.name.as_bytes());
        writer.string(&nonce);
        writer.raw(fields(&self.key));
        writer.u64(self.serial);
        writer.u32(match self.kind {
            CertificateKind::User => 1,
            CertificateKind::Host => 2,
        });
        writer.string(self.key_id.as_bytes());
        writer.nested(|list| self.principals.iter().for_each(|name| list.string(name.as_bytes())));
        writer.u64(self.validity.from);
        writer.u64(self.validity.until);
        for options in [&self.critical_options, &self.extensions] {
            writer.nested(|list| {
                for (name, data) in options {
                    list.string(name.as_bytes());
                    list.string(data);
                }
            });
        }
        writer.string(b"");
        writer.string(public.blob());
        let signature = authority.sign(algorithm, &blob)?;
        Writer::new(&mut blob).string(&signature);
        // Both keys were held against a floor where they came from.
        let certificate = Certificate::from_blob_with_rsa_floor(&blob, LEAST_RSA_BITS)?;
        match options::restrictions(&certificate) {
            Err(CertificateError::BadOption { problem, .. }) => {
                Err(KeyError::damaged("certificate option", problem))
            }
            _ => Ok(certificate),
        }
    }
}

/// A key's blob without its name.
fn fields(key: &PublicKey) -> &[u8] {
    key.blob().get(4 + key.algorithm().len()..).unwrap_or_default()
}

fn string(text: &str) -> Vec<u8> {
    let mut data = Vec::new();
    Writer::new(&mut data).string(text.as_bytes());
    data
}
