//! `authorized_keys`: which keys may log in, and what they may do (sshd(8), "AUTHORIZED_KEYS FILE FORMAT").

mod line;
mod options;
mod shown;

use std::path::Path;

use crate::strict::Ownership;
use crate::{Circumstances, Denied, KeyError, PublicKey, Restrictions, file};

/// The most bytes of a file: some 100 000 keys.
const MAX_FILE: u64 = 32 << 20;

/// The keys of an `authorized_keys` file, with their options.
///
/// A line that cannot be read in full lets nobody in: an option that is not known might be a restriction. Such lines
/// are listed by [`damaged`](Self::damaged).
///
/// ```
/// use feramiko_keys::{AuthorizedKeys, Circumstances, KeyType, PrivateKey};
///
/// let key = PrivateKey::generate(KeyType::Ed25519)?.public_key().clone();
/// let file = format!("restrict,command=\"backup\",from=\"10.0.0.0/8\" {}\n", key.to_line("robey"));
/// let keys = AuthorizedKeys::parse(file.as_bytes());
///
/// let here = |address: &str| Circumstances::at(address.parse().ok());
/// let entry = keys.authorize(&key, here("10.1.2.3"))?.expect("the key is in the file");
/// assert_eq!(entry.restrictions.command.as_deref(), Some(&b"backup"[..]));
/// assert!(keys.authorize(&key, here("192.0.2.1")).is_err(), "in the file, but not from there");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct AuthorizedKeys {
    entries: Vec<AuthorizedKey>,
    damaged: Vec<(usize, String)>,
}

/// One line of the file: a key, or an authority that certifies keys, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizedKey {
    /// The number of the line, the first being 1.
    pub line: usize,
    /// The key.
    pub key: PublicKey,
    /// What stands behind the key, as it stands there: sanitize before showing.
    pub comment: String,
    /// Logs in nobody itself: certificates that it has signed do (`cert-authority`).
    pub cert_authority: bool,
    /// Of an authority: one of these must be among a certificate's principals, compared exactly. Without it the name
    /// of the user must be. An empty list matches no certificate.
    pub principals: Option<Vec<String>>,
    /// What whoever holds the key may do.
    pub restrictions: Restrictions,
}

impl AuthorizedKeys {
    /// Reads the text of a file. Never fails: see [`damaged`](Self::damaged).
    pub fn parse(text: &[u8]) -> Self {
        let mut keys = Self::default();
        for (number, raw) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            match line::parse(number, raw) {
                Ok(Some(entry)) => keys.entries.push(entry),
                Ok(None) => {}
                Err(problem) => keys.damaged.push((number, problem)),
            }
        }
        keys
    }

    /// Reads a file: a regular one of at most 32 MiB. One that is missing is empty.
    ///
    /// Whoever can write the file decides who is let in: [`load_owned`](Self::load_owned) looks at that too.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        Self::from_content(file::read(path.as_ref(), MAX_FILE))
    }

    /// As [`load`](Self::load), and refuses a file that others than its owner could have written, as sshd's
    /// `StrictModes` does.
    ///
    /// # Errors
    /// [`KeyError::Unsafe`], beside those of `load`.
    pub fn load_owned(path: impl AsRef<Path>, ownership: &Ownership) -> Result<Self, KeyError> {
        Self::from_content(ownership.read(path.as_ref(), MAX_FILE))
    }

    fn from_content(content: Result<crate::Zeroizing<Vec<u8>>, KeyError>) -> Result<Self, KeyError> {
        match content {
            Ok(text) => Ok(Self::parse(&text)),
            Err(KeyError::Io { kind: std::io::ErrorKind::NotFound, .. }) => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// All entries, in the order of the file.
    pub fn entries(&self) -> &[AuthorizedKey] {
        &self.entries
    }

    /// The lines that cannot be read: number and reason. The reason is safe to print.
    pub fn damaged(&self) -> impl Iterator<Item = (usize, &str)> {
        self.damaged.iter().map(|(line, problem)| (*line, problem.as_str()))
    }

    /// The entries of this key, in the order of the file; authorities left out. The first whose restrictions
    /// [hold](Restrictions::check) counts.
    pub fn find<'a, 'k>(
        &'a self,
        key: &'k PublicKey,
    ) -> impl Iterator<Item = &'a AuthorizedKey> + use<'a, 'k> {
        self.entries.iter().filter(move |entry| !entry.cert_authority && entry.key == *key)
    }

    /// The entries that let this key certify others (`cert-authority`).
    pub fn find_authority<'a, 'k>(
        &'a self,
        key: &'k PublicKey,
    ) -> impl Iterator<Item = &'a AuthorizedKey> + use<'a, 'k> {
        self.entries.iter().filter(move |entry| entry.cert_authority && entry.key == *key)
    }

    /// The first entry of this key that holds under these circumstances; `None` when the key is not in the file.
    ///
    /// # Errors
    /// The key is in the file, and none of its entries holds here and now: what the last of them lacks.
    pub fn authorize(
        &self,
        key: &PublicKey,
        circumstances: Circumstances<'_>,
    ) -> Result<Option<&AuthorizedKey>, Denied> {
        let mut denied = None;
        for entry in self.find(key) {
            match entry.restrictions.check(circumstances) {
                Ok(()) => return Ok(Some(entry)),
                Err(why) => denied = Some(why),
            }
        }
        denied.map_or(Ok(None), Err)
    }
}

impl AuthorizedKey {
    /// Of an authority: whether a certificate with these principals is for `user`. Names are compared exactly; a
    /// certificate without principals is for nobody.
    pub fn is_for<P: AsRef<str>>(&self, user: &str, principals: &[P]) -> bool {
        let named = |name: &str| principals.iter().any(|principal| principal.as_ref() == name);
        match &self.principals {
            Some(wanted) => wanted.iter().any(|name| named(name)),
            None => named(user),
        }
    }
}

#[cfg(test)]
mod tests;
