//! Public key files of RFC 4716, which ssh.com, PuTTY and many devices speak.

use base64ct::{Base64, Encoding};

use crate::{KeyError, PublicKey};

const BEGIN: &str = "---- BEGIN SSH2 PUBLIC KEY ----";
const END: &str = "---- END SSH2 PUBLIC KEY ----";
const PLACE: &str = "SSH2 public key file";
/// Bytes of a line, RFC 4716 section 3.3.1.
const LINE: usize = 72;
/// Characters of base64 in a line, as ssh-keygen has it.
const BASE64_LINE: usize = 70;
/// Bytes of the name of a header and of its value, RFC 4716 section 3.3.
const MAX_VALUE: usize = 1024;

/// Whether a text is such a file.
pub(crate) fn is_rfc4716(text: &str) -> bool {
    text.trim_start().starts_with("---- BEGIN SSH2 PUBLIC KEY")
}

/// The key and its comment, which is empty where there is none.
pub(crate) fn read(text: &str, min_rsa_bits: usize) -> Result<(PublicKey, String), KeyError> {
    let mut lines = text.lines().map(str::trim_end).skip_while(|line| line.is_empty());
    if lines.next() != Some(BEGIN) {
        return Err(KeyError::damaged(PLACE, "it does not begin as such a file"));
    }
    let (mut comment, mut base64) = (String::new(), String::new());
    while let Some(line) = lines.next() {
        if line == END {
            let blob = Base64::decode_vec(&base64);
            let blob = blob.map_err(|_| KeyError::damaged(PLACE, "the key is not base64"))?;
            return Ok((PublicKey::from_blob_with_rsa_floor(&blob, min_rsa_bits)?, comment));
        }
        let Some((name, value)) = line.split_once(':') else {
            base64.push_str(line);
            continue;
        };
        let mut value = value.trim_start().to_owned();
        // A line that ends in a backslash goes on in the next one.
        while value.ends_with('\\') {
            value.pop();
            value.push_str(lines.next().unwrap_or_default());
            if value.len() > MAX_VALUE {
                return Err(KeyError::damaged(PLACE, "a header is too long"));
            }
        }
        if name.eq_ignore_ascii_case("Comment") {
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(&value);
            comment = value.chars().filter(|c| !c.is_control()).collect();
        }
    }
    Err(KeyError::damaged(PLACE, "its END line is missing: the file is cut short"))
}

/// The text of a file. Control characters of the comment are left out, so that it adds no line.
pub(crate) fn write(key: &PublicKey, comment: &str) -> String {
    let mut text = format!("{BEGIN}\n");
    let comment: String = comment.chars().filter(|c| !c.is_control()).take(MAX_VALUE / 4).collect();
    if !comment.is_empty() {
        // One byte of a line is for the backslash.
        let mut line = String::new();
        for letter in format!("Comment: \"{comment}\"").chars() {
            if line.len() + letter.len_utf8() > LINE - 1 {
                text.push_str(&line);
                text.push_str("\\\n");
                line.clear();
            }
            line.push(letter);
        }
        text.push_str(&line);
        text.push('\n');
    }
    let base64 = Base64::encode_string(key.blob());
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(BASE64_LINE).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(END);
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = include_str!("../tests/data/rsa.pub");

    #[test]
    fn what_is_written_is_read_again_in_lines_of_72_bytes() {
        let (key, _) = PublicKey::from_line(KEY).unwrap();
        let long = "a comment that goes on ".repeat(9);
        for comment in
            ["", "me", "with \"quotes\", a colon: and a \\", long.as_str(), "Grüße an die Welt aus München"]
        {
            let text = write(&key, comment);
            assert!(text.lines().all(|line| line.len() <= LINE), "{text}");
            let expected = if comment.ends_with('\\') { comment } else { comment.trim_end() };
            let (again, found) = PublicKey::from_rfc4716(&text).unwrap();
            assert_eq!((&again, found.trim_end()), (&key, expected));
            assert!(is_rfc4716(&text));
        }
        assert_eq!(write(&key, "a\n---- END SSH2 PUBLIC KEY ----").matches(END).count(), 1 + 1);
        assert_eq!(write(&key, "a\nb").lines().filter(|line| line.starts_with("Comment")).count(), 1);
    }

    /// RFC 4716 section 3.6 has such files: headers in any case, continued, unknown ones.
    #[test]
    fn headers_of_all_kinds_are_read() {
        let (key, _) = PublicKey::from_line(KEY).unwrap();
        let plain = write(&key, "");
        let with = |header: &str| PublicKey::from_rfc4716(&plain.replacen('\n', &format!("\n{header}\n"), 1));
        assert_eq!(with("comment: me").unwrap().1, "me");
        assert_eq!(
            with("Comment: \"1024-bit rsa, created by me@example.com Mon Jan 15 \\\n08:31:24 2001\"")
                .unwrap()
                .1,
            "1024-bit rsa, created by me@example.com Mon Jan 15 08:31:24 2001"
        );
        assert_eq!(
            with("Subject: me\nx-command: /home/me/bin/lock-in-guest.sh").unwrap(),
            (key.clone(), String::new())
        );
        assert_eq!(PublicKey::from_rfc4716(&plain.replace('\n', "\r\n")).unwrap().0, key);
    }

    #[test]
    fn damaged_files_are_errors() {
        let (key, _) = PublicKey::from_line(KEY).unwrap();
        let text = write(&key, "me");
        for end in 0..text.len() - 1 {
            assert!(PublicKey::from_rfc4716(&text[..end]).is_err(), "{end}");
        }
        assert!(PublicKey::from_rfc4716(&text.replace("AAAA", "AAA")).is_err());
        assert!(PublicKey::from_rfc4716(&format!("{BEGIN}\nComment: {}", "\\\n".repeat(100_000))).is_err());
        assert!(
            PublicKey::from_rfc4716(&format!(
                "{BEGIN}\nComment: {}\\\n{}",
                "a".repeat(1000),
                "b".repeat(1000)
            ))
            .is_err()
        );
    }
}
