//! Which format a private key file has, and what it tells before it is opened.

use std::fmt;

use feramiko_crypto::Secret;
use zeroize::Zeroizing;

use crate::dek::Dek;
use crate::pbes2::Pbes2;
use crate::ppk::PpkVersion;
use crate::secret_key::SecretKey;
use crate::{KeyError, PublicKey, asn1, file, openssh, pem, ppk};

/// Formats of private key files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyFormat {
    /// OpenSSH's own (`OPENSSH PRIVATE KEY`, PROTOCOL.key).
    OpenSsh,
    /// `RSA PRIVATE KEY` (RFC 8017).
    Pkcs1,
    /// `EC PRIVATE KEY` (RFC 5915).
    Sec1,
    /// `DSA PRIVATE KEY`, as OpenSSL writes it.
    Dsa,
    /// `PRIVATE KEY` and `ENCRYPTED PRIVATE KEY` (RFC 5958).
    Pkcs8,
    /// PuTTY's, of one version or another.
    Ppk(PpkVersion),
}

impl fmt::Display for KeyFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenSsh => "OpenSSH",
            Self::Pkcs1 => "PKCS#1",
            Self::Sec1 => "SEC1",
            Self::Dsa => "OpenSSL's DSA format",
            Self::Pkcs8 => "PKCS#8",
            Self::Ppk(PpkVersion::V2) => "PuTTY's ppk version 2",
            Self::Ppk(PpkVersion::V3) => "PuTTY's ppk version 3",
        })
    }
}

/// What a private key file says of itself to anybody, passphrase or not.
///
/// ```
/// # use feramiko_keys::{KeyFileInfo, KeyFormat, KeyType, PrivateKey};
/// let key = PrivateKey::generate(KeyType::Ed25519)?;
/// let file = key.to_openssh("robey@example", Some(&"open sesame".into()))?;
/// let info = KeyFileInfo::read(file.as_bytes())?;
/// assert_eq!(info.format(), KeyFormat::OpenSsh);
/// assert_eq!(info.cipher(), Some("aes256-ctr"));
/// assert_eq!(info.public_key(), Some(key.public_key()));
/// assert_eq!(info.to_string(), "OpenSSH, encrypted with aes256-ctr under bcrypt");
/// # Ok::<(), feramiko_keys::KeyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFileInfo {
    format: KeyFormat,
    cipher: Option<String>,
    kdf: Option<String>,
    public_key: Option<PublicKey>,
}

impl KeyFileInfo {
    /// Looks at the text of a file, without opening it.
    ///
    /// # Errors
    ///
    /// As [`PrivateKey::load`](crate::PrivateKey::load), but never for want of a passphrase. An RSA key may have 1024
    /// bits and more.
    pub fn read(text: &[u8]) -> Result<Self, KeyError> {
        Ok(KeyFile::parse(text)?.info())
    }

    /// The format.
    pub fn format(&self) -> KeyFormat {
        self.format
    }

    /// The cipher, as the format names it: `aes256-ctr`, `AES-128-CBC`, `aes-256-cbc`; nothing for a file that needs no
    /// passphrase.
    pub fn cipher(&self) -> Option<&str> {
        self.cipher.as_deref()
    }

    /// What makes a key of the passphrase: `bcrypt`, `PBKDF2-HMAC-SHA256`, `scrypt`, `Argon2id`, `MD5`, `SHA-1`.
    pub fn kdf(&self) -> Option<&str> {
        self.kdf.as_deref()
    }

    /// The public key, where it stands outside of what is encrypted: OpenSSH and ppk files.
    pub fn public_key(&self) -> Option<&PublicKey> {
        self.public_key.as_ref()
    }
}

impl fmt::Display for KeyFileInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.format.fmt(f)?;
        match (&self.cipher, &self.kdf) {
            (Some(cipher), Some(kdf)) => write!(f, ", encrypted with {cipher} under {kdf}"),
            _ => Ok(()),
        }
    }
}

/// A file taken apart as far as that goes without its passphrase.
pub(crate) enum KeyFile<'a> {
    OpenSsh(openssh::File),
    Ppk(ppk::File<'a>),
    /// A format of ASN.1, in clear or encrypted as PEM once was.
    Asn1 {
        format: KeyFormat,
        body: Zeroizing<Vec<u8>>,
        dek: Option<Dek>,
    },
    Pbes2(Pbes2),
}

impl<'a> KeyFile<'a> {
    pub(crate) fn parse(text: &'a [u8]) -> Result<Self, KeyError> {
        if text.len() as u64 > file::MAX_KEY_FILE {
            return Err(KeyError::TooLarge { path: None, limit: file::MAX_KEY_FILE });
        }
        let start = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text).trim_ascii_start();
        if ppk::is_ppk(start) {
            return Ok(Self::Ppk(ppk::File::parse(start)?));
        }
        if let Some(name) = foreign_format(start) {
            return Err(KeyError::UnsupportedFormat { name: name.to_owned() });
        }
        let block = pem::private_block(text)?;
        let format = match block.label {
            "OPENSSH PRIVATE KEY" => return Ok(Self::OpenSsh(openssh::File::parse(&block.body)?)),
            "ENCRYPTED PRIVATE KEY" => return Ok(Self::Pbes2(Pbes2::parse(&block.body)?)),
            "RSA PRIVATE KEY" => KeyFormat::Pkcs1,
            "EC PRIVATE KEY" => KeyFormat::Sec1,
            "DSA PRIVATE KEY" => KeyFormat::Dsa,
            "PRIVATE KEY" => KeyFormat::Pkcs8,
            label => {
                return Err(KeyError::UnknownFormat {
                    found: format!("a PEM block of {}", crate::error::printable(label.as_bytes())),
                });
            }
        };
        let dek = block.dek.map(Dek::parse).transpose()?;
        Ok(Self::Asn1 { format, body: block.body, dek })
    }

    pub(crate) fn info(&self) -> KeyFileInfo {
        let plain = |format| KeyFileInfo { format, cipher: None, kdf: None, public_key: None };
        let sealed = |format, cipher: &str, kdf: &str| KeyFileInfo {
            cipher: Some(cipher.to_owned()),
            kdf: Some(kdf.to_owned()),
            ..plain(format)
        };
        match self {
            Self::OpenSsh(file) => {
                let info = match file.cipher_name() {
                    Some(cipher) => sealed(KeyFormat::OpenSsh, cipher, "bcrypt"),
                    None => plain(KeyFormat::OpenSsh),
                };
                KeyFileInfo { public_key: Some(file.public.clone()), ..info }
            }
            Self::Ppk(file) => {
                let format = KeyFormat::Ppk(file.version);
                let info = file.kdf().map_or(plain(format), |kdf| sealed(format, "aes256-cbc", kdf));
                KeyFileInfo { public_key: Some(file.public.clone()), ..info }
            }
            Self::Asn1 { format, dek: Some(dek), .. } => sealed(*format, dek.name, "MD5"),
            Self::Asn1 { format, dek: None, .. } => plain(*format),
            Self::Pbes2(file) => sealed(KeyFormat::Pkcs8, file.cipher, file.kdf()),
        }
    }

    /// The key and its comment. A passphrase that is not needed is ignored; an empty one counts as none.
    pub(crate) fn open(&self, passphrase: Option<&Secret>) -> Result<(SecretKey, String), KeyError> {
        let passphrase = passphrase.filter(|passphrase| !passphrase.as_bytes().is_empty());
        let needed = || passphrase.ok_or(KeyError::PassphraseNeeded);
        let key = match self {
            Self::OpenSsh(file) => return file.open(passphrase),
            Self::Ppk(file) => return Ok((file.open(passphrase)?, file.comment())),
            Self::Pbes2(file) => asn1::pkcs8(&file.open(needed()?)?)?,
            Self::Asn1 { format, body, dek: None } => read_asn1(*format, body)?,
            Self::Asn1 { format, body, dek: Some(dek) } => read_asn1(*format, &dek.open(body, needed()?)?)?,
        };
        Ok((key, String::new()))
    }
}

fn read_asn1(format: KeyFormat, der: &[u8]) -> Result<SecretKey, KeyError> {
    match format {
        KeyFormat::Pkcs1 => asn1::pkcs1(der),
        KeyFormat::Sec1 => asn1::sec1(der),
        KeyFormat::Dsa => asn1::dsa(der),
        _ => asn1::pkcs8(der),
    }
}

/// Formats that are told by how they begin, and that nobody has written for many years.
fn foreign_format(text: &[u8]) -> Option<&'static str> {
    [
        (&b"SSH PRIVATE KEY FILE FORMAT 1.1\n"[..], "SSH-1's key format"),
        (b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY", "ssh.com's key format"),
    ]
    .into_iter()
    .find(|(start, _)| text.starts_with(start))
    .map(|(_, name)| name)
}
