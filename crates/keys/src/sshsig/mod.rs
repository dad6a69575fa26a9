//! Signatures of files and texts, as `ssh-keygen -Y` makes and checks them (PROTOCOL.sshsig of OpenSSH's sources).
//!
//! ```
//! use std::time::SystemTime;
//!
//! use feramiko_keys::sshsig::{AllowedSigners, SigHash, SshSignature};
//! use feramiko_keys::{KeyType, PrivateKey};
//!
//! let key = PrivateKey::generate(KeyType::Ed25519)?;
//! let digest = SigHash::Sha512.digest(b"what is signed");
//! let text = SshSignature::sign(&key, "file", &digest)?.to_text();
//!
//! let signature = SshSignature::from_text(text.as_bytes())?;
//! let digest = signature.hash().digest(b"what is signed");
//! signature.check("file", &digest)?; // by anybody
//!
//! let line = format!("robey@example namespaces=\"file\" {}", key.public_key().to_line(""));
//! let allowed = AllowedSigners::parse(line.as_bytes());
//! allowed.verify("robey@example", "file", &signature, &digest, SystemTime::now())?;
//! # Ok::<(), feramiko_keys::KeyError>(())
//! ```

mod allowed;

use std::io::{self, Read};
use std::str::FromStr;

use aws_lc_rs::digest;
use feramiko_crypto::Provider;
use feramiko_wire::{Reader, Writer};

pub use self::allowed::AllowedSigners;
use crate::algorithm::{SSH_DSS, SSH_RSA};
use crate::certificate::is_certificate;
use crate::error::printable;
use crate::{Certificate, KeyError, PublicKey, Signer, pem};

const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
const LABEL: &str = "SSH SIGNATURE";
const PLACE: &str = "SSH signature";
/// Characters of base64 in a line, as ssh-keygen has it.
const LINE: usize = 70;
/// The most bytes of a signature's text: far more than the largest has.
const MAX_TEXT: usize = 1 << 20;

/// The hash of what is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SigHash {
    /// `sha256`.
    Sha256,
    /// `sha512`, which ssh-keygen takes unless it is told otherwise.
    #[default]
    Sha512,
}

/// What was made of a file or text: all that is signed of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigDigest {
    hash: SigHash,
    bytes: Vec<u8>,
}

impl SigHash {
    /// The name: `sha256`, `sha512`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Of bytes in memory.
    pub fn digest(self, message: &[u8]) -> SigDigest {
        SigDigest { hash: self, bytes: digest::digest(self.algorithm(), message).as_ref().to_vec() }
    }

    /// Of a file or whatever else can be read, to its end.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn digest_reader(self, mut message: impl Read) -> io::Result<SigDigest> {
        let mut context = digest::Context::new(self.algorithm());
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match message.read(&mut buffer) {
                Ok(0) => return Ok(SigDigest { hash: self, bytes: context.finish().as_ref().to_vec() }),
                Ok(count) => context.update(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

impl FromStr for SigHash {
    type Err = KeyError;

    fn from_str(name: &str) -> Result<Self, KeyError> {
        let known = [Self::Sha256, Self::Sha512].into_iter().find(|hash| hash.name() == name);
        known.ok_or_else(|| KeyError::UnsupportedFormat {
            name: format!("a signature over the hash {}", printable(name.as_bytes())),
        })
    }
}

/// A signature, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshSignature {
    public_key: PublicKey,
    /// In which the key stands.
    certificate: Option<Certificate>,
    namespace: String,
    hash: SigHash,
    /// RFC 4253 section 6.6.
    blob: Vec<u8>,
}

impl SshSignature {
    /// Signs. The namespace says what the signature is for, so that it is good for nothing else: `file`, `git`,
    /// `you@example.com`. RSA keys sign with the hash of the digest. A signer that has a certificate signs under it.
    ///
    /// # Errors
    ///
    /// Those of the signer; [`Unprintable`](KeyError::Unprintable) for an empty namespace or one with control characters;
    /// [`UnsupportedType`](KeyError::UnsupportedType) for DSA keys, whose signatures mean nothing today.
    pub fn sign(signer: &dyn Signer, namespace: &str, digest: &SigDigest) -> Result<Self, KeyError> {
        if namespace.is_empty() || namespace.contains(char::is_control) {
            return Err(KeyError::Unprintable { what: "namespace" });
        }
        let public_key = signer.public_key().clone();
        let algorithms = algorithms(&public_key)?;
        let suffix = if digest.hash == SigHash::Sha256 { "256" } else { "512" };
        let algorithm = match public_key.algorithm() {
            SSH_RSA => algorithms.iter().find(|name| name.ends_with(suffix)),
            _ => algorithms.first(),
        };
        let algorithm =
            algorithm.ok_or_else(|| KeyError::unsupported_type(public_key.algorithm().as_bytes()))?;
        let blob = signer.sign(algorithm, &signed_text(namespace, digest))?;
        let certificate = signer.certificate().filter(|it| *it.public_key() == public_key).cloned();
        Ok(Self { public_key, certificate, namespace: namespace.to_owned(), hash: digest.hash, blob })
    }

    /// From the text of a `.sig` file.
    ///
    /// # Errors
    ///
    /// [`UnknownFormat`](KeyError::UnknownFormat) for another text, [`Damaged`](KeyError::Damaged) for one that is no
    /// whole signature, and those of [`PublicKey::from_blob`] and [`Certificate::from_blob`].
    pub fn from_text(text: &[u8]) -> Result<Self, KeyError> {
        if text.len() > MAX_TEXT {
            return Err(KeyError::TooLarge { path: None, limit: MAX_TEXT as u64 });
        }
        let body = pem::body(text, LABEL)?;
        let damaged = KeyError::damaged_by(PLACE);
        let rest = body.strip_prefix(MAGIC);
        let mut reader =
            Reader::new(rest.ok_or_else(|| KeyError::damaged(PLACE, "it does not begin with SSHSIG"))?);
        let version = reader.u32().map_err(&damaged)?;
        if version != VERSION {
            return Err(KeyError::UnsupportedFormat { name: format!("version {version} of SSH signatures") });
        }
        let (public_key, certificate) = read_key(reader.string().map_err(&damaged)?)?;
        let namespace = reader.utf8().map_err(&damaged)?.to_owned();
        let _reserved = reader.string().map_err(&damaged)?;
        let hash = reader.utf8().map_err(&damaged)?.parse()?;
        let blob = reader.string().map_err(&damaged)?.to_vec();
        reader.finish().map_err(damaged)?;
        if namespace.is_empty() {
            return Err(KeyError::damaged(PLACE, "it is for nothing: its namespace is empty"));
        }
        Ok(Self { public_key, certificate, namespace, hash, blob })
    }

    /// The text of a `.sig` file.
    pub fn to_text(&self) -> String {
        let mut body = MAGIC.to_vec();
        let mut writer = Writer::new(&mut body);
        writer.u32(VERSION);
        writer.string(self.certificate.as_ref().map_or(self.public_key.blob(), Certificate::blob));
        for field in [self.namespace.as_bytes(), b"", self.hash.name().as_bytes(), &self.blob] {
            writer.string(field);
        }
        std::mem::take(&mut *pem::armor(LABEL, &body, LINE))
    }

    /// The key that signed, if the signature is good; whose it is, nobody says here.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The certificate in which that key stands, if it does. Only that its authority has signed it is known: what it is
    /// good for is asked of [`AllowedSigners`].
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// What it was made for.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The hash that the message must be given in.
    pub fn hash(&self) -> SigHash {
        self.hash
    }

    /// Whether this is a signature by its own key for this namespace and message, as `ssh-keygen -Y check-novalidate`
    /// asks. Whether the key may sign is asked of [`AllowedSigners`]. A FIDO device must have been touched.
    ///
    /// # Errors
    ///
    /// [`BadSignature`](KeyError::BadSignature), also for another namespace or hash; [`NotTouched`](KeyError::NotTouched).
    pub fn check(&self, namespace: &str, digest: &SigDigest) -> Result<(), KeyError> {
        if namespace != self.namespace || digest.hash != self.hash {
            return Err(KeyError::BadSignature);
        }
        let format = Reader::new(&self.blob).string().map_err(KeyError::damaged_by(PLACE))?;
        let algorithm = algorithms(&self.public_key)?
            .into_iter()
            .find(|name| name.as_bytes() == format)
            .ok_or_else(|| KeyError::WrongAlgorithm {
                algorithm: printable(format),
                key_type: self.public_key.algorithm().to_owned(),
            })?;
        let scheme = Provider::default().signature(algorithm);
        let scheme = scheme.ok_or_else(|| KeyError::unsupported_type(algorithm.as_bytes()))?;
        self.public_key.verify(scheme, &signed_text(namespace, digest), &self.blob)
    }
}

/// A key, or a certificate and the key in it.
fn read_key(blob: &[u8]) -> Result<(PublicKey, Option<Certificate>), KeyError> {
    let name = Reader::new(blob).string().map_err(KeyError::damaged_by(PLACE))?;
    if !is_certificate(name) {
        return Ok((PublicKey::from_blob(blob)?, None));
    }
    let certificate = Certificate::from_blob(blob)?;
    Ok((certificate.public_key().clone(), Some(certificate)))
}

/// What the key may sign with here: nothing that rests on SHA-1.
fn algorithms(key: &PublicKey) -> Result<Vec<&'static str>, KeyError> {
    match key.algorithm() {
        SSH_DSS => Err(KeyError::unsupported_type(SSH_DSS.as_bytes())),
        _ => Ok(key.signature_algorithms().iter().copied().filter(|name| *name != SSH_RSA).collect()),
    }
}

/// PROTOCOL.sshsig section 3.
fn signed_text(namespace: &str, digest: &SigDigest) -> Vec<u8> {
    let mut text = MAGIC.to_vec();
    let mut writer = Writer::new(&mut text);
    for field in [namespace.as_bytes(), b"", digest.hash.name().as_bytes(), &digest.bytes] {
        writer.string(field);
    }
    text
}
