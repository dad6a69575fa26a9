use std::fmt;
use std::path::Path;
use std::sync::Arc;

use feramiko_crypto::Secret;
use zeroize::Zeroizing;

use crate::algorithm::{MAX_RSA_BITS, MIN_RSA_BITS, SSH_RSA};
use crate::secret_key::SecretKey;
use crate::{KeyError, KeyType, PublicKey, asn1, file, openssh, pem, signature};

/// A private key in memory. Cheap to clone; wiped when the last clone goes; never printed.
#[derive(Clone)]
pub struct PrivateKey(Arc<Inner>);

struct Inner {
    secret: SecretKey,
    public: PublicKey,
    comment: String,
}

impl PrivateKey {
    /// Makes a new random key. RSA takes its time: a second or more from 4096 bits up.
    pub fn generate(kind: KeyType) -> Result<Self, KeyError> {
        Self::new(SecretKey::generate(kind)?, String::new())
    }

    /// Loads a private key from the text of a file and finds out by itself which format that is:
    ///
    /// - OpenSSH's own (`openssh-key-v1`), plain or under a passphrase with any cipher that
    ///   `ssh-keygen -Z` offers but `3des-cbc`;
    /// - PKCS#1 (`RSA PRIVATE KEY`), SEC1 (`EC PRIVATE KEY`) and PKCS#8 (`PRIVATE KEY`), plain.
    ///
    /// A passphrase that is not needed is ignored; an empty one counts as none. Deriving from a
    /// passphrase takes a tenth of a second and more: not for a thread that must not wait.
    ///
    /// # Errors
    ///
    /// Each cause has its own variant of [`KeyError`]: among others
    /// [`PassphraseNeeded`](KeyError::PassphraseNeeded), [`WrongPassphrase`](KeyError::WrongPassphrase),
    /// [`UnknownFormat`](KeyError::UnknownFormat), [`Damaged`](KeyError::Damaged).
    pub fn load(text: &[u8], passphrase: Option<&Secret>) -> Result<Self, KeyError> {
        if text.len() as u64 > file::MAX_KEY_FILE {
            return Err(KeyError::TooLarge { path: None, limit: file::MAX_KEY_FILE });
        }
        if let Some(name) = foreign_format(text) {
            return Err(KeyError::UnsupportedFormat { name });
        }
        let block = pem::private_block(text)?;
        if let Some(cipher) = block.dek_cipher {
            let cipher = crate::error::printable(cipher.as_bytes());
            return Err(KeyError::UnsupportedFormat {
                name: format!("PEM encrypted with {cipher} (DEK-Info)"),
            });
        }
        let (secret, comment) = match block.label {
            "OPENSSH PRIVATE KEY" => openssh::read(&block.body, passphrase)?,
            "RSA PRIVATE KEY" => (asn1::pkcs1(&block.body)?, String::new()),
            "EC PRIVATE KEY" => (asn1::sec1(&block.body)?, String::new()),
            "PRIVATE KEY" => (asn1::pkcs8(&block.body)?, String::new()),
            "DSA PRIVATE KEY" => return Err(KeyError::unsupported_type(b"ssh-dss")),
            "ENCRYPTED PRIVATE KEY" => {
                return Err(KeyError::UnsupportedFormat { name: "encrypted PKCS#8".to_owned() });
            }
            label => {
                return Err(KeyError::UnknownFormat {
                    found: format!("a PEM block of {}", crate::error::printable(label.as_bytes())),
                });
            }
        };
        Self::new(secret, comment)
    }

    /// Loads a key file as [`load`](Self::load) does: a regular file of at most 1 MiB.
    pub fn load_file(path: impl AsRef<Path>, passphrase: Option<&Secret>) -> Result<Self, KeyError> {
        Self::load(&file::read(path.as_ref(), file::MAX_KEY_FILE)?, passphrase)
    }

    /// The text of a key file in OpenSSH's format: with a passphrase that is not empty, encrypted with
    /// aes256-ctr under bcrypt with 24 rounds, as ssh-keygen writes it.
    ///
    /// # Errors
    ///
    /// [`Unprintable`](KeyError::Unprintable) when the comment has control characters.
    pub fn to_openssh(
        &self,
        comment: &str,
        passphrase: Option<&Secret>,
    ) -> Result<Zeroizing<String>, KeyError> {
        openssh::write(&self.0.secret, &self.0.public, comment, passphrase)
    }

    /// Writes what [`to_openssh`](Self::to_openssh) gives to a new file that only its owner may read.
    /// What is at `path` already stays, and is an error: also a link.
    pub fn write_file(
        &self,
        path: impl AsRef<Path>,
        comment: &str,
        passphrase: Option<&Secret>,
    ) -> Result<(), KeyError> {
        file::create_private(path.as_ref(), self.to_openssh(comment, passphrase)?.as_bytes())
    }

    /// The public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public
    }

    /// The comment of the file, without control characters; empty where the format has none.
    pub fn comment(&self) -> &str {
        &self.0.comment
    }

    /// Signs; answers the signature blob of RFC 4253 section 6.6.
    ///
    /// # Errors
    ///
    /// [`WrongAlgorithm`](KeyError::WrongAlgorithm) unless `algorithm` is one of the public key's
    /// [`signature_algorithms`](PublicKey::signature_algorithms); [`InDevice`](KeyError::InDevice) for the file of a
    /// FIDO key.
    pub fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let public = self.public_key();
        if !public.signature_algorithms().contains(&algorithm) {
            return Err(KeyError::WrongAlgorithm {
                algorithm: crate::error::printable(algorithm.as_bytes()),
                key_type: public.algorithm().to_owned(),
            });
        }
        if public.is_security_key() {
            return Err(KeyError::InDevice);
        }
        Ok(signature::seal(algorithm, public.parts(), &self.0.secret.sign(algorithm, message)?))
    }

    pub(crate) fn is_rsa(&self) -> bool {
        matches!(self.0.secret, SecretKey::Rsa(_))
    }

    pub(crate) fn secret_key(&self) -> &SecretKey {
        &self.0.secret
    }

    pub(crate) fn new(secret: SecretKey, comment: String) -> Result<Self, KeyError> {
        let public = secret.public_key()?;
        let bits = public.bits();
        if public.algorithm() == SSH_RSA && bits < MIN_RSA_BITS {
            return Err(KeyError::RsaSize { bits, min: MIN_RSA_BITS, max: MAX_RSA_BITS });
        }
        Ok(Self(Arc::new(Inner { secret, public, comment })))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({} {}, ..)", self.0.public.algorithm(), self.0.public.fingerprint())
    }
}

/// Formats that are told by how they begin and are not PEM.
fn foreign_format(text: &[u8]) -> Option<String> {
    [
        (&b"PuTTY-User-Key-File-3"[..], "PuTTY's ppk version 3"),
        (b"PuTTY-User-Key-File-2", "PuTTY's ppk version 2"),
        (b"PuTTY-User-Key-File-", "PuTTY's ppk"),
        (b"SSH PRIVATE KEY FILE FORMAT 1.1\n", "SSH-1's key format"),
        (b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY", "ssh.com's key format"),
    ]
    .into_iter()
    .find(|(start, _)| text.starts_with(start))
    .map(|(_, name)| name.to_owned())
}
