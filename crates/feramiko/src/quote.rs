//! One word for a POSIX shell.

/// Quotes `word` so that a POSIX shell takes it as one word, whatever is in it. NUL cannot be passed at all.
///
/// ```
/// use feramiko::quote;
///
/// assert_eq!(quote("plain-1.txt"), b"plain-1.txt");
/// assert_eq!(quote("it's $HOME"), br"'it'\''s $HOME'");
/// ```
pub fn quote(word: impl AsRef<[u8]>) -> Vec<u8> {
    let word = word.as_ref();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_@%+:,./-".contains(byte);
    if !word.is_empty() && word.iter().all(is_plain) {
        return word.to_vec();
    }
    let mut quoted = Vec::with_capacity(word.len() + 2);
    quoted.push(b'\'');
    for byte in word {
        match byte {
            b'\'' => quoted.extend_from_slice(br"'\''"),
            byte => quoted.push(*byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    fn through_a_shell(words: &[Vec<u8>]) -> Vec<u8> {
        let mut line = b"printf '%s\\0'".to_vec();
        for word in words {
            line.push(b' ');
            line.extend(quote(word));
        }
        let output =
            std::process::Command::new("/bin/sh").arg("-c").arg(OsStr::from_bytes(&line)).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    fn joined(words: &[Vec<u8>]) -> Vec<u8> {
        words.iter().flat_map(|word| word.iter().copied().chain([0])).collect()
    }

    #[test]
    fn what_means_something_to_a_shell_means_nothing() {
        let words: Vec<Vec<u8>> = [
            "",
            "'",
            "''",
            "\\",
            "$(id)",
            "`id`",
            "a b",
            "~",
            "*",
            "?",
            "#",
            "!x",
            "a\nb",
            "-n",
            "=ls",
            "{a,b}",
            "a=b",
            ";",
            "&&",
            "|",
            ">x",
            "\u{e4}\u{1f980}",
        ]
        .iter()
        .map(|word| word.as_bytes().to_vec())
        .collect();
        assert_eq!(through_a_shell(&words), joined(&words));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn defect_107_any_bytes_come_through_a_shell_as_they_are(
            words in prop::collection::vec(prop::collection::vec(1_u8..=255, 0..40), 1..8)
        ) {
            prop_assert_eq!(through_a_shell(&words), joined(&words));
        }
    }
}
