use std::fmt::Write as _;

use argon2::Algorithm;
use base64ct::{Base64, Encoding};
use feramiko_crypto::{RsaParts, Secret};
use feramiko_wire::Writer;
use zeroize::Zeroizing;

use super::protect::{Argon, Keys};
use super::{BLOCK, CIPHER};
use crate::sealed::{random, random_bytes};
use crate::secret_key::SecretKey;
use crate::{KeyError, PublicKey};

/// What we ask of Argon2: a fifth of a second or so.
const MEMORY: u32 = 8192;
const PASSES: u32 = 21;
/// Characters of base64 in a line.
const LINE: usize = 64;
/// More than the largest key needs, so that no buffer of secrets is moved.
const ROOM: usize = 16 * 1024;

/// Versions of PuTTY's key files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PpkVersion {
    /// For PuTTY before 0.75 (2021): the passphrase is hashed with SHA-1, once, which protects a good one only.
    V2,
    /// Argon2 and HMAC-SHA256.
    V3,
}

/// The text of a file; encrypted when there is a passphrase that is not empty.
pub(crate) fn write(
    key: &SecretKey,
    public: &PublicKey,
    comment: &str,
    version: PpkVersion,
    passphrase: Option<&Secret>,
) -> Result<Zeroizing<String>, KeyError> {
    if comment.contains(char::is_control) {
        return Err(KeyError::Unprintable { what: "comment" });
    }
    let passphrase = passphrase.filter(|passphrase| !passphrase.as_bytes().is_empty());
    let sealed = passphrase.is_some();
    let mut private = private_part(key)?;
    if sealed {
        let padding = private.len().next_multiple_of(BLOCK) - private.len();
        private.extend_from_slice(&random_bytes(padding)?);
    }
    let argon = match version {
        PpkVersion::V3 if sealed => Some(Argon {
            algorithm: Algorithm::Argon2id,
            memory: MEMORY,
            passes: PASSES,
            lanes: 1,
            salt: random::<16>()?.to_vec(),
        }),
        _ => None,
    };
    let keys = Keys::derive(version, passphrase, argon.as_ref())?;
    let mac = keys.mac(public, sealed, comment.as_bytes(), &private);
    keys.seal(&mut private)?;

    let number = match version {
        PpkVersion::V2 => 2,
        PpkVersion::V3 => 3,
    };
    let mut text = Zeroizing::new(String::with_capacity(2 * (private.len() + public.blob().len()) + ROOM));
    text.push_str(&format!("PuTTY-User-Key-File-{number}: {}\n", public.algorithm()));
    text.push_str(&format!("Encryption: {}\nComment: {comment}\n", if sealed { CIPHER } else { "none" }));
    push_lines(&mut text, "Public", public.blob());
    if let Some(argon) = &argon {
        let Argon { memory, passes, lanes, salt, .. } = argon;
        text.push_str(&format!("Key-Derivation: {}\nArgon2-Memory: {memory}\n", argon.name()));
        text.push_str(&format!("Argon2-Passes: {passes}\nArgon2-Parallelism: {lanes}\n"));
        push_hex(&mut text, "Argon2-Salt", salt);
    }
    push_lines(&mut text, "Private", &private);
    push_hex(&mut text, "Private-MAC", &mac);
    Ok(text)
}

/// The fields that the public part does not have.
fn private_part(key: &SecretKey) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut private = Zeroizing::new(Vec::with_capacity(ROOM));
    let mut writer = Writer::new(&mut private);
    match key {
        SecretKey::Ed25519(key) => writer.string(key.seed().as_bytes()),
        SecretKey::Ecdsa(key) => writer.mpint(key.scalar().as_bytes()),
        SecretKey::Rsa(key) => {
            let RsaParts { d, p, q, iqmp, .. } = key.parts();
            for number in [d, p, q, iqmp] {
                writer.mpint(number.as_bytes());
            }
        }
        SecretKey::Dsa(key) => writer.mpint(key.x().as_bytes()),
        SecretKey::MlDsa44Ed25519(_) | SecretKey::Sk(_) => {
            let name = key.public_key()?.algorithm();
            return Err(KeyError::UnsupportedFormat { name: format!("PuTTY's ppk for {name}") });
        }
    }
    Ok(private)
}

fn push_lines(text: &mut String, what: &str, bytes: &[u8]) {
    let base64 = Zeroizing::new(Base64::encode_string(bytes));
    text.push_str(&format!("{what}-Lines: {}\n", base64.len().div_ceil(LINE)));
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(LINE).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
}

fn push_hex(text: &mut String, what: &str, bytes: &[u8]) {
    text.push_str(what);
    text.push_str(": ");
    for byte in bytes {
        // A String takes everything.
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\n');
}
