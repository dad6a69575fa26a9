//! New lines.

use std::path::Path;

use base64ct::{Base64, Encoding};
use feramiko_crypto::CryptoError;

use super::line::{HASH_BYTES, HASH_MAGIC, hash_name};
use super::lookup_name;
use crate::{KeyError, PublicKey};

/// Characters that make something else of a name than a name.
const SPECIAL: &str = ",*?!|#@[]\"\\";

pub(super) fn line(host: &str, port: u16, key: &PublicKey, hashed: bool) -> Result<String, KeyError> {
    let bad = |c: char| c.is_control() || c.is_whitespace() || SPECIAL.contains(c);
    if host.is_empty() || host.contains(bad) {
        return Err(KeyError::Unprintable { what: "host name" });
    }
    let mut name = lookup_name(host, port);
    if hashed {
        let mut salt = [0; HASH_BYTES];
        aws_lc_rs::rand::fill(&mut salt).map_err(|_| KeyError::Crypto(CryptoError::Backend))?;
        let hash = hash_name(&salt, name.as_bytes());
        name = format!("{HASH_MAGIC}{}|{}", Base64::encode_string(&salt), Base64::encode_string(&hash));
    }
    Ok(format!("{name} {}", key.to_line("")))
}

/// The file that people name to keep no known hosts at all.
pub(super) fn is_null_device(path: &Path) -> bool {
    cfg!(unix) && path == Path::new("/dev/null")
}
