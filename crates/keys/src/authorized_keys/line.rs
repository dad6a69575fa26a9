//! One line: options, key, comment.

use super::AuthorizedKey;
use super::options::{self, Options};
use crate::algorithm::LEAST_RSA_BITS;
use crate::{KeyError, PublicKey};

/// The most bytes of a line. OpenSSH's manual promises 8 kB.
const MAX_LINE: usize = 64 * 1024;

/// Reads a line without its end; `None` for one that says nothing.
pub(super) fn parse(number: usize, raw: &[u8]) -> Result<Option<AuthorizedKey>, String> {
    // Neither read in part nor cut into two lines (`docs/DEFECTS.md`, row 75).
    if raw.len() > MAX_LINE {
        return Err("the line is longer than 64 KiB".to_owned());
    }
    let line = skip_blanks(raw.strip_suffix(b"\r").unwrap_or(raw));
    if matches!(line, [] | [b'#', ..]) {
        return Ok(None);
    }
    if line.contains(&0) {
        return Err("a zero byte".to_owned());
    }
    // As sshd does: a line that does not begin with a key begins with options.
    let (options, key, comment) = match read_key(line) {
        Ok((key, comment)) => (Options::default(), key, comment),
        Err(error) => {
            let (text, rest) = split_options(line).ok_or("a quote in the options is not closed")?;
            let (key, comment) = match read_key(skip_blanks(rest)) {
                Ok(found) => found,
                // Which of the two was meant to be the key?
                Err(_) if is_key_type(text) => return Err(error.to_string()),
                Err(error) => return Err(error.to_string()),
            };
            (options::parse(text)?, key, comment)
        }
    };
    let Options { restrictions, cert_authority, principals } = options;
    if principals.is_some() && !cert_authority {
        return Err("principals without cert-authority".to_owned());
    }
    Ok(Some(AuthorizedKey { line: number, key, comment, cert_authority, principals, restrictions }))
}

/// Type, base64 and comment.
fn read_key(text: &[u8]) -> Result<(PublicKey, String), KeyError> {
    let (kind, rest) = split_word(text);
    let (base64, comment) = split_word(skip_blanks(rest));
    // Neither has anything but ASCII in it, and what is replaced here is refused there.
    let line = [kind, b" ", base64].concat();
    // A list of keys; how long those must be that are shown is the server's affair.
    let (key, _) = PublicKey::from_line_with_rsa_floor(&String::from_utf8_lossy(&line), LEAST_RSA_BITS)?;
    Ok((key, String::from_utf8_lossy(skip_blanks(comment)).into_owned()))
}

/// Whether it is a type of key, and not options: only to say what is wrong with a line that is refused.
fn is_key_type(text: &[u8]) -> bool {
    let begins = |prefix: &str| text.starts_with(prefix.as_bytes());
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"].into_iter().any(begins)
}

/// The options up to the first blank outside quotes, and the rest. `None`: a quote is not closed.
fn split_options(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut quoted, mut escaped) = (false, false);
    for (place, byte) in line.iter().enumerate() {
        let next_is_quote = line.get(place + 1) == Some(&b'"');
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = next_is_quote,
            b'"' => quoted = !quoted,
            b' ' | b'\t' if !quoted => return line.split_at_checked(place),
            _ => {}
        }
    }
    (!quoted).then_some((line, &[]))
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(is_blank).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}
