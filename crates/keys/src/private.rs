use std::fmt;
use std::path::Path;
use std::sync::Arc;

use feramiko_crypto::Secret;
use zeroize::Zeroizing;

use crate::algorithm::{MAX_RSA_BITS, MIN_RSA_BITS, SSH_RSA};
use crate::key_file::KeyFile;
use crate::secret_key::SecretKey;
use crate::{
    KeyCipher, KeyError, KeyFileInfo, KeyType, PpkVersion, PublicKey, der_write, file, openssh, pbes2, pem,
    ppk, signature, strict,
};

/// A private key in memory. Cheap to clone; wiped when the last clone goes; never printed.
#[derive(Clone)]
pub struct PrivateKey(Arc<Inner>);

struct Inner {
    secret: SecretKey,
    public: PublicKey,
    comment: String,
    info: Option<KeyFileInfo>,
}

/// Characters of base64 in a line, as OpenSSL has it.
const PEM_LINE: usize = 64;

impl PrivateKey {
    /// Makes a new random key. RSA takes its time: a second or more from 4096 bits up.
    pub fn generate(kind: KeyType) -> Result<Self, KeyError> {
        Self::new(SecretKey::generate(kind)?, String::new())
    }

    /// Loads a private key from the text of a file and finds out by itself which format that is;
    /// [`file_info`](Self::file_info) tells afterwards, and [`KeyFileInfo::read`] before.
    ///
    /// - OpenSSH's own (`openssh-key-v1`), plain or under a passphrase with any cipher that `ssh-keygen -Z` offers;
    /// - PKCS#1 (`RSA PRIVATE KEY`), SEC1 (`EC PRIVATE KEY`) and OpenSSL's form of DSA keys, plain or encrypted as PEM once
    ///   was (`DEK-Info`: AES, 3DES);
    /// - PKCS#8, plain or encrypted under PBES2 (PBKDF2 or scrypt, AES or 3DES in CBC mode);
    /// - PuTTY's ppk files of versions 2 and 3.
    ///
    /// The file of a FIDO key loads too: it cannot [`sign`](Self::sign), but an agent can be given it.
    ///
    /// A passphrase that is not needed is ignored; an empty one counts as none. Deriving from a
    /// passphrase takes a tenth of a second and more: not for a thread that must not wait. What a file may ask for is
    /// bounded: 2048 rounds of bcrypt, ten million iterations of PBKDF2, 256 MiB of memory.
    ///
    /// # Errors
    ///
    /// Each cause has its own variant of [`KeyError`]: among others
    /// [`PassphraseNeeded`](KeyError::PassphraseNeeded), [`WrongPassphrase`](KeyError::WrongPassphrase),
    /// [`UnknownFormat`](KeyError::UnknownFormat), [`Damaged`](KeyError::Damaged),
    /// [`TooCostly`](KeyError::TooCostly).
    pub fn load(text: &[u8], passphrase: Option<&Secret>) -> Result<Self, KeyError> {
        Self::load_with_rsa_floor(text, passphrase, MIN_RSA_BITS)
    }

    /// As [`load`](Self::load), for old machines: with another least number of bits for RSA moduli than 2048. The floor
    /// is at least 1024 bits, whatever is asked.
    pub fn load_with_rsa_floor(
        text: &[u8],
        passphrase: Option<&Secret>,
        min_rsa_bits: usize,
    ) -> Result<Self, KeyError> {
        let file = KeyFile::parse(text)?;
        let info = file.info();
        // Where the public key stands outside, its size is known before a passphrase is asked for.
        if let Some(public) = info.public_key() {
            check_rsa_floor(public, min_rsa_bits)?;
        }
        let (secret, comment) = file.open(passphrase)?;
        let public = secret.public_key()?;
        check_rsa_floor(&public, min_rsa_bits)?;
        Ok(Self(Arc::new(Inner { secret, public, comment, info: Some(info) })))
    }

    /// Loads a key file as [`load`](Self::load) does: a regular file of at most 1 MiB.
    pub fn load_file(path: impl AsRef<Path>, passphrase: Option<&Secret>) -> Result<Self, KeyError> {
        Self::load_file_with_rsa_floor(path, passphrase, MIN_RSA_BITS)
    }

    /// As [`load_file`](Self::load_file), with the floor of [`load_with_rsa_floor`](Self::load_with_rsa_floor).
    pub fn load_file_with_rsa_floor(
        path: impl AsRef<Path>,
        passphrase: Option<&Secret>,
        min_rsa_bits: usize,
    ) -> Result<Self, KeyError> {
        Self::load_with_rsa_floor(&file::read(path.as_ref(), file::MAX_KEY_FILE)?, passphrase, min_rsa_bits)
    }

    /// As [`load_file_with_rsa_floor`](Self::load_file_with_rsa_floor), and refuses a file of this user that others may
    /// read, as ssh does.
    ///
    /// # Errors
    ///
    /// [`Exposed`](KeyError::Exposed), beside those of `load_file`.
    pub fn load_unexposed_file(
        path: impl AsRef<Path>,
        passphrase: Option<&Secret>,
        min_rsa_bits: usize,
    ) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let mut unexposed = Ok(());
        let look = |metadata: &std::fs::Metadata| {
            unexposed = strict::unexposed(path, metadata);
            Ok(())
        };
        let text = file::read_checked(path, file::MAX_KEY_FILE, look)?;
        let loaded = Self::load_with_rsa_floor(&text, passphrase, min_rsa_bits);
        match loaded {
            // There is a private key in it.
            Ok(_) | Err(KeyError::PassphraseNeeded | KeyError::WrongPassphrase) => unexposed.and(loaded),
            other => other,
        }
    }

    /// What the file said of itself that this key was loaded from; nothing for a new key.
    pub fn file_info(&self) -> Option<&KeyFileInfo> {
        self.0.info.as_ref()
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
        self.to_openssh_with(comment, passphrase, KeyCipher::default())
    }

    /// As [`to_openssh`](Self::to_openssh), with another cipher.
    pub fn to_openssh_with(
        &self,
        comment: &str,
        passphrase: Option<&Secret>,
        cipher: KeyCipher,
    ) -> Result<Zeroizing<String>, KeyError> {
        let protection = passphrase.map(|passphrase| (passphrase, cipher));
        openssh::write(&self.0.secret, &self.0.public, comment, protection)
    }

    /// The text of a PKCS#8 file (RFC 5958), which has no room for a comment: with a passphrase that is not empty,
    /// encrypted with AES-256 in CBC mode under PBKDF2 with HMAC-SHA256 and 600,000 iterations.
    ///
    /// # Errors
    ///
    /// [`UnsupportedFormat`](KeyError::UnsupportedFormat) for the composite of ML-DSA-44 and Ed25519 and for FIDO keys.
    pub fn to_pkcs8(&self, passphrase: Option<&Secret>) -> Result<Zeroizing<String>, KeyError> {
        let der = der_write::pkcs8(&self.0.secret)?;
        match passphrase.filter(|passphrase| !passphrase.as_bytes().is_empty()) {
            None => Ok(pem::armor("PRIVATE KEY", &der, PEM_LINE)),
            Some(passphrase) => {
                Ok(pem::armor("ENCRYPTED PRIVATE KEY", &pbes2::seal(&der, passphrase)?, PEM_LINE))
            }
        }
    }

    /// The text of a file for PuTTY: with a passphrase that is not empty, encrypted with AES-256 in CBC mode, in version 3
    /// under Argon2id.
    ///
    /// # Errors
    ///
    /// [`UnsupportedFormat`](KeyError::UnsupportedFormat) for the composite of ML-DSA-44 and Ed25519 and for FIDO keys;
    /// [`Unprintable`](KeyError::Unprintable) when the comment has control characters.
    pub fn to_ppk(
        &self,
        comment: &str,
        passphrase: Option<&Secret>,
        version: PpkVersion,
    ) -> Result<Zeroizing<String>, KeyError> {
        ppk::write(&self.0.secret, &self.0.public, comment, version, passphrase)
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
        check_rsa_floor(&public, MIN_RSA_BITS)?;
        Ok(Self(Arc::new(Inner { secret, public, comment, info: None })))
    }
}

fn check_rsa_floor(key: &PublicKey, min: usize) -> Result<(), KeyError> {
    let bits = key.bits();
    if key.algorithm() == SSH_RSA && bits < min {
        return Err(KeyError::RsaSize { bits, min, max: MAX_RSA_BITS });
    }
    Ok(())
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({} {}, ..)", self.0.public.algorithm(), self.0.public.fingerprint())
    }
}
