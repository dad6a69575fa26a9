//! One line of the file.

use aws_lc_rs::hmac;
use base64ct::{Base64, Encoding};
use feramiko_wire::{Reader, is_name};

use crate::pattern;

/// The most bytes of a line: keys of 16 kbit have 3 kB.
const MAX_LINE: usize = 64 * 1024;
/// How a hashed name begins.
pub(super) const HASH_MAGIC: &str = "|1|";
/// Bytes of salt and of hash: those of SHA-1.
pub(super) const HASH_BYTES: usize = 20;

/// A line: as it was read, and what it says.
#[derive(Debug, Clone)]
pub(super) struct Line {
    raw: Vec<u8>,
    meaning: Meaning,
}

#[derive(Debug, Clone)]
enum Meaning {
    /// Empty, or a comment.
    Nothing,
    Damaged {
        reason: &'static str,
        /// Whom the line is about, where only its key is damaged.
        names: Option<Names>,
    },
    Entry(Entry),
}

/// What stands in front of the hosts of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostMarker {
    /// Nothing: the key is the hosts'.
    None,
    /// `@cert-authority`: the key signs the hosts' certificates.
    CertAuthority,
    /// `@revoked`: neither the key nor what it has signed is to be trusted.
    Revoked,
}

/// Whom a line is about.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) marker: HostMarker,
    pub(super) hosts: Hosts,
}

/// Hosts and a key.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) names: Names,
    pub(super) algorithm: String,
    /// Compared as bytes: a line for a key of a type that we do not support still says that the host has it.
    pub(super) blob: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(super) enum Hosts {
    Patterns(Vec<u8>),
    Hashed { salt: [u8; HASH_BYTES], hash: [u8; HASH_BYTES] },
}

impl Line {
    /// Reads a line without its end.
    pub(super) fn parse(raw: &[u8]) -> Self {
        let meaning = match parse(raw) {
            Ok(Some(entry)) => Meaning::Entry(entry),
            Ok(None) => Meaning::Nothing,
            Err((reason, names)) => Meaning::Damaged { reason, names },
        };
        Self { raw: raw.to_vec(), meaning }
    }

    pub(super) fn raw(&self) -> &[u8] {
        &self.raw
    }

    pub(super) fn entry(&self) -> Option<&Entry> {
        match &self.meaning {
            Meaning::Entry(entry) => Some(entry),
            _ => None,
        }
    }

    pub(super) fn damage(&self) -> Option<&'static str> {
        match self.meaning {
            Meaning::Damaged { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// Whom the line is about, whether its key can be read or not.
    pub(super) fn names(&self) -> Option<&Names> {
        match &self.meaning {
            Meaning::Entry(entry) => Some(&entry.names),
            Meaning::Damaged { names, .. } => names.as_ref(),
            Meaning::Nothing => None,
        }
    }

    /// A line without marker in two: its hosts, and what follows from the type of the key on.
    pub(super) fn split(&self) -> (&[u8], &[u8]) {
        let mut rest = self.raw();
        let hosts = word(&mut rest);
        let start = rest.iter().position(|byte| !is_blank(byte)).unwrap_or(rest.len());
        (hosts, rest.get(start..).unwrap_or_default())
    }
}

impl Hosts {
    fn parse(word: &[u8]) -> Result<Self, &'static str> {
        if word.first() != Some(&b'|') {
            return Ok(Self::Patterns(word.to_vec()));
        }
        let hashed =
            word.strip_prefix(HASH_MAGIC.as_bytes()).ok_or("the name is hashed in an unknown way")?;
        let text = std::str::from_utf8(hashed).unwrap_or_default();
        let (salt, hash) = text.split_once('|').ok_or("a hashed name without its hash")?;
        let bytes = |base64: &str| Base64::decode_vec(base64).ok()?.try_into().ok();
        match (bytes(salt), bytes(hash)) {
            (Some(salt), Some(hash)) => Ok(Self::Hashed { salt, hash }),
            _ => Err("a hashed name that is not twice 20 bytes in base64"),
        }
    }

    /// Whether the name is hidden.
    pub(super) fn is_hashed(&self) -> bool {
        matches!(self, Self::Hashed { .. })
    }

    /// Whether one of these bytes stands in a list of names.
    pub(super) fn has_any(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Patterns(list) => list.iter().any(|byte| bytes.contains(byte)),
            Self::Hashed { .. } => false,
        }
    }

    /// How many names or patterns it has.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Patterns(list) => 1 + list.iter().filter(|byte| **byte == b',').count(),
            Self::Hashed { .. } => 1,
        }
    }

    /// Whether a name, in lower case, is meant.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Patterns(list) => pattern::list_matches(list, name),
            Self::Hashed { salt, hash } => hash_name(salt, name) == *hash,
        }
    }
}

/// HMAC-SHA1 of the name under the salt. It hides names from a glance, not from a search.
pub(super) fn hash_name(salt: &[u8], name: &[u8]) -> [u8; HASH_BYTES] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
    let mut hash = [0; HASH_BYTES];
    for (to, from) in hash.iter_mut().zip(hmac::sign(&key, name).as_ref()) {
        *to = *from;
    }
    hash
}

/// Why a line cannot be read, and whom it is about all the same.
type Damage = (&'static str, Option<Names>);

/// `[marker] hosts type base64 [comment]`.
fn parse(raw: &[u8]) -> Result<Option<Entry>, Damage> {
    let damaged = |reason| (reason, None);
    // Neither read in part nor cut into two lines (`docs/DEFECTS.md`, row 75).
    if raw.len() > MAX_LINE {
        return Err(damaged("the line is longer than 64 KiB"));
    }
    let mut rest = raw.strip_suffix(b"\r").unwrap_or(raw);
    let mut first = word(&mut rest);
    let marker = match first {
        [] | [b'#', ..] => return Ok(None),
        b"@cert-authority" => HostMarker::CertAuthority,
        b"@revoked" => HostMarker::Revoked,
        [b'@', ..] => return Err(damaged("an unknown marker")),
        _ => HostMarker::None,
    };
    if marker != HostMarker::None {
        first = word(&mut rest);
        if first.is_empty() {
            return Err(damaged("nothing behind the marker"));
        }
        if first.first() == Some(&b'@') {
            return Err(damaged("more than one marker"));
        }
    }
    let names = Names { marker, hosts: Hosts::parse(first).map_err(damaged)? };
    let algorithm = std::str::from_utf8(word(&mut rest)).unwrap_or_default();
    if !is_name(algorithm) {
        return Err(damaged("no type of key behind the hosts"));
    }
    let base64 = std::str::from_utf8(word(&mut rest)).unwrap_or_default();
    if base64.is_empty() {
        return Err(damaged("no key behind its type"));
    }
    match Base64::decode_vec(base64) {
        Err(_) => Err(("the key is not base64", Some(names))),
        Ok(blob) if Reader::new(&blob).string() != Ok(algorithm.as_bytes()) => {
            Err(("the key is not of the type that stands before it", Some(names)))
        }
        Ok(blob) => Ok(Some(Entry { names, algorithm: algorithm.to_owned(), blob })),
    }
}

/// The next word, and `rest` behind it; empty at the end.
fn word<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let start = rest.iter().position(|byte| !is_blank(byte)).unwrap_or(rest.len());
    let (_, from) = rest.split_at_checked(start).unwrap_or((rest, &[]));
    let end = from.iter().position(is_blank).unwrap_or(from.len());
    let (word, after) = from.split_at_checked(end).unwrap_or((from, &[]));
    *rest = after;
    word
}

fn is_blank(byte: &u8) -> bool {
    *byte == b' ' || *byte == b'\t'
}
