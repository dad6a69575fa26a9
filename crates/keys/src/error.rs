use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use feramiko_crypto::CryptoError;
use feramiko_wire::sanitize;

/// Why a key, a key file or a signature could not be used. Each variant's text says what would help.
///
/// Names and texts that came from outside are safe to print: control characters are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The key file is protected and no passphrase was given.
    PassphraseNeeded,
    /// The passphrase does not open the key file.
    WrongPassphrase,
    /// Not a private key in any format that we know; says what it looks like.
    UnknownFormat {
        /// What was found instead.
        found: String,
    },
    /// The format is known, its content is not as it must be.
    Damaged {
        /// Where: `openssh-key-v1 header`, `RSA modulus`.
        place: &'static str,
        /// What is wrong there.
        problem: Cow<'static, str>,
    },
    /// A type of key that is not supported, by its name.
    UnsupportedType {
        /// The name, as it stands in the key.
        name: String,
    },
    /// A cipher of key files that is not supported, by its name.
    UnsupportedCipher {
        /// The name, as it stands in the file.
        name: String,
    },
    /// A key derivation function of key files that is not supported, by its name.
    UnsupportedKdf {
        /// The name, as it stands in the file.
        name: String,
    },
    /// A format of key files that is known but not supported, by its name.
    UnsupportedFormat {
        /// The name of the format.
        name: String,
    },
    /// The file asks for more work to turn the passphrase into a key than is allowed.
    TooCostly {
        /// What it asks for too much of: `bcrypt rounds`, `PBKDF2 iterations`, `KiB of memory for Argon2`.
        what: &'static str,
        /// How much it asks for.
        asked: u64,
        /// The most that is allowed.
        limit: u64,
    },
    /// An RSA modulus is too short to be safe, or too long to be cheap.
    RsaSize {
        /// Bits of the modulus.
        bits: usize,
        /// The fewest that are allowed.
        min: usize,
        /// The most that are allowed.
        max: usize,
    },
    /// The public and the private part of a key do not belong together.
    Mismatch,
    /// A key cannot make or check signatures with this algorithm.
    WrongAlgorithm {
        /// The signature algorithm asked for.
        algorithm: String,
        /// The type of the key.
        key_type: String,
    },
    /// A signature is not one of this key over this message.
    BadSignature,
    /// A signature is good, but nobody touched the FIDO device that made it, or nobody says so.
    NotTouched,
    /// A signature is good, but not one that this signer may make.
    NotAllowed {
        /// Why not.
        reason: &'static str,
    },
    /// The private key is in a FIDO device; its file holds a handle. An agent signs with it.
    InDevice,
    /// A text that is to be written holds a control character, or a name a character that no name has.
    Unprintable {
        /// Which text: `comment`, `host name`.
        what: &'static str,
    },
    /// A path names something that is not a regular file.
    NotRegularFile {
        /// The path.
        path: PathBuf,
    },
    /// Others than its owner could have written a file that decides who is trusted.
    Unsafe {
        /// The file, or a folder above it.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Others than this user can read, or write, a file of theirs with a private key.
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// A file is larger than any file of its kind.
    TooLarge {
        /// The file, where there is one.
        path: Option<PathBuf>,
        /// The most bytes that are allowed.
        limit: u64,
    },
    /// The operating system refused.
    Io {
        /// The file.
        path: PathBuf,
        /// The kind of error.
        kind: io::ErrorKind,
        /// The system's words.
        message: String,
    },
    /// A signer that is not in memory (an agent, a device) refused or could not be reached; says why.
    Signer(String),
    /// A key that cannot certify others stands where an authority's must: a certificate, or a key whose signatures are
    /// not accepted.
    NotAnAuthority {
        /// The name of its type.
        name: String,
    },
    /// The cryptography failed.
    Crypto(CryptoError),
}

impl KeyError {
    pub(crate) fn damaged(place: &'static str, problem: &'static str) -> Self {
        Self::Damaged { place, problem: problem.into() }
    }

    /// For `map_err` on any error with a text.
    pub(crate) fn damaged_by<E: fmt::Display>(place: &'static str) -> impl Fn(E) -> Self {
        move |error| Self::Damaged { place, problem: error.to_string().into() }
    }

    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        Self::Io { path: path.to_owned(), kind: error.kind(), message: error.to_string() }
    }

    pub(crate) fn unsupported_type(name: &[u8]) -> Self {
        Self::UnsupportedType { name: printable(name) }
    }
}

/// A name from outside, short and safe to print.
pub(crate) fn printable(name: &[u8]) -> String {
    sanitize(name.get(..64).unwrap_or(name)).replace(['\n', '\t'], "\u{fffd}")
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PassphraseNeeded => f.write_str("the key is protected by a passphrase, and none was given"),
            Self::WrongPassphrase => f.write_str("the passphrase does not open the key"),
            Self::UnknownFormat { found } => {
                write!(f, "this is not a private key file that can be read: found {found}")
            }
            Self::Damaged { place, problem } => {
                write!(f, "damaged at {place}: {problem}; restore it from a copy or ask for it again")
            }
            Self::UnsupportedType { name } => {
                write!(f, "keys of type {name} are not supported; ed25519, ecdsa and rsa are, to name a few")
            }
            Self::UnsupportedCipher { name } => write!(
                f,
                "key files encrypted with {name} are not supported; `ssh-keygen -p -Z aes256-ctr -f FILE` changes that"
            ),
            Self::UnsupportedKdf { name } => write!(
                f,
                "key files protected by {name} are not supported; `ssh-keygen -p -f FILE` writes one with bcrypt"
            ),
            Self::UnsupportedFormat { name } => write!(
                f,
                "{name} is not supported; convert the file to OpenSSH's format (`ssh-keygen -p -f FILE`, or puttygen's export)"
            ),
            Self::TooCostly { what, asked, limit } => write!(
                f,
                "to open the file takes {asked} {what}, and at most {limit} are allowed; the program that wrote it can write it anew with less"
            ),
            Self::RsaSize { bits, min, max } => {
                write!(f, "an RSA key of {bits} bits is not accepted: {min} to {max} bits are")
            }
            Self::Mismatch => {
                f.write_str("the public and the private part of the key do not belong together")
            }
            Self::WrongAlgorithm { algorithm, key_type } => {
                write!(f, "a key of type {key_type} does not work with the signature algorithm {algorithm}")
            }
            Self::BadSignature => f.write_str("the signature does not verify"),
            Self::NotTouched => f.write_str("the security key signed without being touched"),
            Self::NotAllowed { reason } => f.write_str(reason),
            Self::InDevice => f.write_str(
                "the private key is in a security key: add it to an agent with `ssh-add`, which lets the device sign",
            ),
            Self::Unprintable { what } => {
                write!(f, "the {what} holds a character that may not be written there")
            }
            Self::NotRegularFile { path } => write!(f, "{} is not a regular file", path.display()),
            Self::Unsafe { path, problem } => write!(
                f,
                "{} is not trusted: {problem}; `chmod go-w` and `chown` change that",
                path.display()
            ),
            Self::Exposed { path } => write!(
                f,
                "{} is open to others, and a private key must not be; `chmod go-rwx` changes that",
                path.display()
            ),
            Self::TooLarge { path: Some(path), limit } => {
                write!(f, "{} is larger than {limit} bytes", path.display())
            }
            Self::TooLarge { path: None, limit } => write!(f, "the file is larger than {limit} bytes"),
            Self::Io { path, message, .. } => write!(f, "{}: {message}", path.display()),
            Self::Signer(reason) => write!(f, "the signer refused: {reason}"),
            Self::NotAnAuthority { name } => {
                write!(f, "a key of type {name} cannot be the authority of a certificate")
            }
            Self::Crypto(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for KeyError {}

impl From<CryptoError> for KeyError {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::BadSignature => Self::BadSignature,
            error => Self::Crypto(error),
        }
    }
}

impl From<KeyError> for io::Error {
    fn from(error: KeyError) -> Self {
        let kind = match &error {
            KeyError::Io { kind, .. } => *kind,
            KeyError::UnsupportedType { .. }
            | KeyError::UnsupportedCipher { .. }
            | KeyError::UnsupportedKdf { .. }
            | KeyError::UnsupportedFormat { .. } => io::ErrorKind::Unsupported,
            KeyError::PassphraseNeeded
            | KeyError::WrongPassphrase
            | KeyError::Unsafe { .. }
            | KeyError::Exposed { .. } => io::ErrorKind::PermissionDenied,
            KeyError::WrongAlgorithm { .. } | KeyError::Unprintable { .. } => io::ErrorKind::InvalidInput,
            KeyError::Signer(_) | KeyError::Crypto(_) => io::ErrorKind::Other,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
