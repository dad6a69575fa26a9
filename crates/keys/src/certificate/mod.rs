//! OpenSSH certificates: a key, names that it is good for and conditions, signed by an authority
//! (OpenSSH PROTOCOL.certkeys).
//!
//! A [`Certificate`] is a type of its own. Nothing that asks for a [`PublicKey`] takes one, so that no certificate is
//! ever mistaken for a key that is trusted by itself. One that exists was signed by the authority that it names;
//! whether that authority is trusted, and for what the certificate is good now, is asked at
//! [`check_user`](Certificate::check_user) and [`check_host`](Certificate::check_host), and nowhere else.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//!
//! use feramiko_keys::certificate::{CertificateBuilder, CertificateError, UserCheck};
//! use feramiko_keys::{KeyType, PrivateKey};
//!
//! let authority = PrivateKey::generate(KeyType::Ed25519)?;
//! let key = PrivateKey::generate(KeyType::Ed25519)?;
//! let certificate = CertificateBuilder::user(key.public_key())
//!     .principal("robey")
//!     .key_id("robey's laptop")
//!     .valid_for(Duration::from_secs(8 * 3600))
//!     .issue(&authority)?;
//!
//! let trusted = [authority.public_key().clone()];
//! let now = SystemTime::now();
//! let granted = certificate.check_user(&UserCheck::new(&["robey"], &trusted, now));
//! assert!(granted.is_ok_and(|restrictions| restrictions.permits.pty));
//! let refused = certificate.check_user(&UserCheck::new(&["root"], &trusted, now));
//! assert!(matches!(refused, Err(CertificateError::WrongPrincipal { .. })));
//! # Ok::<(), feramiko_keys::KeyError>(())
//! ```

mod certified;
mod check;
mod issue;
mod names;
mod options;
mod parse;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64ct::{Base64, Encoding};
use feramiko_crypto::signing::SignatureScheme;

pub use certified::CertifiedKey;
pub use check::{CertificateError, HostCheck, NothingRevoked, Revoked, RevokedPart, UserCheck};
pub use issue::CertificateBuilder;
pub(crate) use names::is_certificate;
pub use names::{authority_algorithms, certificate_algorithm, plain_algorithm};
pub use options::CertificateOption;

use crate::algorithm::MIN_RSA_BITS;
use crate::{Fingerprint, KeyError, PublicKey, file};

/// A certificate that was signed by the authority that it names. Cheap to clone; equal when the blobs are.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    blob: Vec<u8>,
    kind_of_key: names::CertificateType,
    key: PublicKey,
    serial: u64,
    kind: CertificateKind,
    key_id: String,
    principals: Vec<String>,
    validity: Validity,
    critical_options: Vec<CertificateOption>,
    extensions: Vec<CertificateOption>,
    authority: PublicKey,
    authority_algorithm: &'static str,
}

/// For whom a certificate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertificateKind {
    /// For users, who log in with it.
    User,
    /// For hosts, which prove who they are with it.
    Host,
}

/// When a certificate is valid, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Validity {
    /// The first second.
    pub from: u64,
    /// The first second when it is not valid any more; `u64::MAX` for none.
    pub until: u64,
}

impl Validity {
    /// For ever.
    pub const FOREVER: Self = Self { from: 0, until: u64::MAX };

    /// Whether this moment is within.
    pub fn contains(&self, now: SystemTime) -> bool {
        let now = seconds(now);
        now.is_some_and(|now| (self.from..self.until).contains(&now))
    }

    /// The end as a moment; `None` when there is none, or none that this system can count to.
    pub fn end(&self) -> Option<SystemTime> {
        match self.until {
            u64::MAX => None,
            until => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(until)),
        }
    }
}

/// Seconds since 1970; `None` before.
fn seconds(now: SystemTime) -> Option<u64> {
    now.duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| since.as_secs())
}

impl Certificate {
    /// From a blob (OpenSSH PROTOCOL.certkeys), whose signature by the authority in it is verified.
    ///
    /// The names are looked at before anything else: a certificate as an authority is refused by its name. Nothing may
    /// follow the signature; there are at most 256 principals, options and extensions each; options stand in their
    /// order and once. The authority has signed with what OpenSSH takes (CASignatureAlgorithms): never with SHA-1.
    ///
    /// # Errors
    ///
    /// [`BadSignature`](KeyError::BadSignature), [`Damaged`](KeyError::Damaged),
    /// [`NotAnAuthority`](KeyError::NotAnAuthority), [`UnsupportedType`](KeyError::UnsupportedType) and
    /// [`WrongAlgorithm`](KeyError::WrongAlgorithm).
    pub fn from_blob(blob: &[u8]) -> Result<Self, KeyError> {
        Self::from_blob_with_rsa_floor(blob, MIN_RSA_BITS)
    }

    /// As [`from_blob`](Self::from_blob), for old machines: with another least number of bits for RSA moduli, those of
    /// the certified key and of the authority. The floor is at least 1024 bits, whatever is asked.
    ///
    /// # Errors
    ///
    /// As for [`from_blob`](Self::from_blob).
    pub fn from_blob_with_rsa_floor(blob: &[u8], min_rsa_bits: usize) -> Result<Self, KeyError> {
        Ok(Self(Arc::new(parse::read(blob, min_rsa_bits)?)))
    }

    /// From a line as in a `-cert.pub` file: type, base64, comment. Answers the comment too.
    pub fn from_line(line: &str) -> Result<(Self, String), KeyError> {
        Self::from_line_with_rsa_floor(line, MIN_RSA_BITS)
    }

    fn from_line_with_rsa_floor(line: &str, min_rsa_bits: usize) -> Result<(Self, String), KeyError> {
        const PLACE: &str = "certificate line";
        let line = line.trim();
        if line.contains(['\n', '\r', '\0']) {
            return Err(KeyError::damaged(PLACE, "more than one line"));
        }
        let mut words = line.splitn(3, [' ', '\t']);
        let name = words.next().unwrap_or_default();
        let base64 = words.next().unwrap_or_default();
        if base64.is_empty() {
            return Err(KeyError::damaged(PLACE, "not a type, a space and base64"));
        }
        let blob = Base64::decode_vec(base64)
            .map_err(|_| KeyError::damaged(PLACE, "the certificate is not base64"))?;
        let certificate = Self::from_blob_with_rsa_floor(&blob, min_rsa_bits)?;
        if certificate.algorithm() != name {
            return Err(KeyError::damaged(PLACE, "the type in front is not that of the certificate"));
        }
        Ok((certificate, words.next().unwrap_or_default().trim().to_owned()))
    }

    /// The first certificate of a file of such lines; empty lines and those that begin with `#` are passed over.
    ///
    /// Regular files of up to 1 MiB only.
    pub fn load_file(path: impl AsRef<Path>) -> Result<(Self, String), KeyError> {
        Self::load_file_with_rsa_floor(path, MIN_RSA_BITS)
    }

    /// As [`load_file`](Self::load_file), with the floor of [`from_blob_with_rsa_floor`](Self::from_blob_with_rsa_floor).
    pub fn load_file_with_rsa_floor(
        path: impl AsRef<Path>,
        min_rsa_bits: usize,
    ) -> Result<(Self, String), KeyError> {
        let text = file::read(path.as_ref(), file::MAX_KEY_FILE)?;
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        Self::from_line_with_rsa_floor(line.unwrap_or_default(), min_rsa_bits)
    }

    /// A line as in a `-cert.pub` file, without a line end. Control characters of the comment are left out.
    pub fn to_line(&self, comment: &str) -> String {
        let comment: String = comment.chars().filter(|c| !c.is_control()).collect();
        let comment = comment.trim();
        let space = if comment.is_empty() { "" } else { " " };
        format!("{} {}{space}{comment}", self.algorithm(), Base64::encode_string(self.blob()))
    }

    /// The blob, byte for byte as it was received.
    pub fn blob(&self) -> &[u8] {
        &self.0.blob
    }

    /// The type: `ssh-ed25519-cert-v01@openssh.com`.
    pub fn algorithm(&self) -> &'static str {
        self.0.kind_of_key.name
    }

    /// The algorithms that this certificate can be used with, best first: `rsa-sha2-512-cert-v01@openssh.com`.
    pub fn signature_algorithms(&self) -> &'static [&'static str] {
        self.0.kind_of_key.algorithms
    }

    /// The key that is certified. It is trusted for nothing by this alone.
    pub fn public_key(&self) -> &PublicKey {
        &self.0.key
    }

    /// The SHA-256 fingerprint of the certified key, which is what `ssh-keygen -l` shows of a certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.key.fingerprint()
    }

    /// For whom it is.
    pub fn kind(&self) -> CertificateKind {
        self.0.kind
    }

    /// The number that its authority gave it; 0 for none.
    pub fn serial(&self) -> u64 {
        self.0.serial
    }

    /// The name that its authority gave it, for logs. As sent: sanitize before showing.
    pub fn key_id(&self) -> &str {
        &self.0.key_id
    }

    /// The users or hosts that it is for. None means nobody.
    pub fn principals(&self) -> &[String] {
        &self.0.principals
    }

    /// When it is valid.
    pub fn validity(&self) -> Validity {
        self.0.validity
    }

    /// Conditions that whoever does not understand them must refuse.
    pub fn critical_options(&self) -> &[CertificateOption] {
        &self.0.critical_options
    }

    /// What is granted beyond the bare login; whoever does not understand one passes over it.
    pub fn extensions(&self) -> &[CertificateOption] {
        &self.0.extensions
    }

    /// The key that has signed this certificate.
    pub fn authority(&self) -> &PublicKey {
        &self.0.authority
    }

    /// What it has signed with: `ssh-ed25519`, `rsa-sha2-512`.
    pub fn authority_algorithm(&self) -> &'static str {
        self.0.authority_algorithm
    }

    /// Verifies a signature blob by the certified key over `message`; `scheme` is that of the
    /// [`plain_algorithm`] agreed on.
    pub fn verify(
        &self,
        scheme: &dyn SignatureScheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), KeyError> {
        self.0.key.verify(scheme, message, signature)
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.blob() == other.blob()
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = crate::error::printable(self.key_id().as_bytes());
        let (key, authority) = (self.fingerprint(), self.authority().fingerprint());
        write!(f, "Certificate({} {key}, {id:?} serial {}, by {authority})", self.algorithm(), self.serial())
    }
}

impl fmt::Display for CertificateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Host => "host",
        })
    }
}
