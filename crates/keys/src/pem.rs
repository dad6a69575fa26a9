//! The armour of key files (RFC 7468, and RFC 1421's headers of old), read with tolerance for what
//! editors and mailers do: CRLF, spaces at line ends, text around, any line length.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use crate::KeyError;
use crate::error::printable;

const PLACE: &str = "PEM text";

/// A private key's block.
pub(crate) struct Block<'a> {
    /// What stands behind `BEGIN`.
    pub(crate) label: &'a str,
    /// What stands behind `DEK-Info:`, where the block is encrypted in the old way.
    pub(crate) dek: Option<&'a str>,
    /// The decoded body.
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// The first block whose label ends in `PRIVATE KEY`.
pub(crate) fn private_block(text: &[u8]) -> Result<Block<'_>, KeyError> {
    let unknown = || KeyError::UnknownFormat { found: describe(text) };
    let utf8 = std::str::from_utf8(text).map_err(|_| unknown())?;
    let mut lines = utf8.trim_start_matches('\u{feff}').lines().map(str::trim);
    let label = lines
        .by_ref()
        .find_map(|line| begin(line).filter(|label| label.ends_with("PRIVATE KEY")))
        .ok_or_else(unknown)?;

    let mut dek = None;
    let mut base64 = Zeroizing::new(String::with_capacity(text.len()));
    for line in lines {
        if let Some(end) = line.strip_prefix("-----END ") {
            if end.strip_suffix("-----") != Some(label) {
                return Err(KeyError::damaged(PLACE, "it ends as something else than it began"));
            }
            let body = Base64::decode_vec(&base64)
                .map_err(|_| KeyError::damaged(PLACE, "what stands between BEGIN and END is not base64"))?;
            return Ok(Block { label, dek, body: Zeroizing::new(body) });
        }
        match line.split_once(':') {
            Some(("DEK-Info", value)) => dek = Some(value.trim()),
            Some(_) => {}
            None => base64.push_str(line),
        }
    }
    Err(KeyError::damaged(PLACE, "the END line is missing: the file is cut short"))
}

/// The body of a text that is one block of this label and nothing else.
pub(crate) fn body(text: &[u8], label: &str) -> Result<Vec<u8>, KeyError> {
    let unknown = || KeyError::UnknownFormat { found: describe(text) };
    let mut lines = std::str::from_utf8(text).map_err(|_| unknown())?.trim().lines().map(str::trim);
    if lines.next().and_then(begin) != Some(label) {
        return Err(unknown());
    }
    let end = lines.next_back().and_then(|line| line.strip_prefix("-----END ")?.strip_suffix("-----"));
    if end != Some(label) {
        return Err(KeyError::damaged(PLACE, "the END line is missing: the text is cut short"));
    }
    let base64 = lines.collect::<String>();
    Base64::decode_vec(&base64)
        .map_err(|_| KeyError::damaged(PLACE, "what stands between BEGIN and END is not base64"))
}

/// A body under a label, in lines of so many characters.
pub(crate) fn armor(label: &str, body: &[u8], line: usize) -> Zeroizing<String> {
    let base64 = Zeroizing::new(Base64::encode_string(body));
    let mut text = Zeroizing::new(String::with_capacity(base64.len() + base64.len() / line + 100));
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(line).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

fn begin(line: &str) -> Option<&str> {
    line.strip_prefix("-----BEGIN ")?.strip_suffix("-----")
}

/// What a text that is no private key looks like, in words for its owner.
fn describe(text: &[u8]) -> String {
    let Ok(utf8) = std::str::from_utf8(text) else {
        return match text {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "UTF-16 text (save it as UTF-8 or ASCII)",
            [0x30, ..] => "binary data, perhaps DER (PEM is needed: `openssl pkey -inform DER`)",
            _ => "binary data",
        }
        .to_owned();
    };
    let first = utf8.trim_start_matches('\u{feff}').lines().map(str::trim).find(|line| !line.is_empty());
    let Some(first) = first else {
        return "an empty file".to_owned();
    };
    if let Some(label) = utf8.lines().find_map(|line| begin(line.trim())) {
        return format!("a PEM block of {}", printable(label.as_bytes()));
    }
    if first.starts_with("---- BEGIN SSH2 PUBLIC KEY") || is_public_line(first) {
        return "a public key (the private key is in the file without .pub)".to_owned();
    }
    match first.as_bytes() {
        [0x30, 0x80..=0x84, ..] => "binary data, perhaps DER (PEM is needed)".to_owned(),
        _ => format!("text that begins with \"{}\"", printable(first.get(..24).unwrap_or(first).as_bytes())),
    }
}

fn is_public_line(line: &str) -> bool {
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"].iter().any(|prefix| line.starts_with(prefix))
        && line.contains(" AAAA")
}
