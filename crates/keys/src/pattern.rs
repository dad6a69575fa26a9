//! Patterns, as ssh_config(5), "PATTERNS", has them: of hosts, users, addresses, algorithms.
//!
//! The matcher goes back to the last `*` only, so that it takes at most `pattern * text` steps.

/// Whether `pattern` (with `*` for any bytes and `?` for one) matches all of `text`, letter for letter.
///
/// ```
/// use feramiko_keys::pattern;
///
/// assert!(pattern::matches_exactly(b"*.example.com", b"www.example.com"));
/// assert!(!pattern::matches_exactly(b"*.example.com", b"www.Example.com"));
/// ```
pub fn matches_exactly(pattern: &[u8], text: &[u8]) -> bool {
    matches_as(pattern, text, |byte| byte)
}

/// The same, where the case of ASCII letters does not count.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    matches_as(pattern, text, |byte| byte.to_ascii_lowercase())
}

/// Whether a list of patterns, separated by commas, matches: one does, and none with `!` in front does.
pub fn list_matches_exactly(list: &[u8], text: &[u8]) -> bool {
    list_matches_as(list, text, matches_exactly)
}

/// The same, where the case of ASCII letters does not count.
pub fn list_matches(list: &[u8], text: &[u8]) -> bool {
    list_matches_as(list, text, matches)
}

fn list_matches_as(list: &[u8], text: &[u8], item_matches: fn(&[u8], &[u8]) -> bool) -> bool {
    let mut matched = false;
    for item in list.split(|byte| *byte == b',') {
        match item {
            [b'!', pattern @ ..] if item_matches(pattern, text) => return false,
            [b'!', ..] => {}
            pattern => matched |= item_matches(pattern, text),
        }
    }
    matched
}

fn matches_as(pattern: &[u8], text: &[u8], seen_as: impl Fn(u8) -> u8) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern, text) {
            ([b'*', after @ ..], _) => {
                retry = Some((after, text));
                pattern = after;
                continue;
            }
            ([wanted, after @ ..], [found, rest @ ..])
                if *wanted == b'?' || seen_as(*wanted) == seen_as(*found) =>
            {
                (pattern, text) = (after, rest);
                continue;
            }
            ([], []) => return true,
            _ => {}
        }
        // A mismatch: let the last `*` take one byte more.
        match retry {
            Some((after, [_, rest @ ..])) => {
                retry = Some((after, rest));
                (pattern, text) = (after, rest);
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("?", "", false),
            ("?", "a", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "example.com", false),
            ("10.0.0.?", "10.0.0.10", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*ab", "aab", true),
            ("a**b", "ab", true),
            ("[host]:22*", "[host]:2222", true),
        ] {
            assert_eq!(matches_exactly(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
        assert!(matches(b"WWW.*", b"www.x") && matches(b"www.*", b"WWW.x"));
        assert!(!matches_exactly(b"WWW.*", b"www.x") && !matches_exactly(b"www.*", b"WWW.x"));
    }

    #[test]
    fn a_negated_pattern_wins_wherever_it_stands() {
        assert!(list_matches_exactly(b"a.com,*.org", b"x.org"));
        assert!(!list_matches_exactly(b"*.org,!bad.org", b"bad.org"));
        assert!(!list_matches_exactly(b"!bad.org,*.org", b"bad.org"));
        assert!(!list_matches_exactly(b"!bad.org", b"good.org"), "a negated pattern alone matches nothing");
        assert!(!list_matches(b"*.org,!BAD.org", b"bad.org"));
        assert!(list_matches_exactly(b"*.org,!BAD.org", b"bad.org"));
    }

    #[test]
    fn defect_073_a_hostile_pattern_takes_pattern_times_name_steps() {
        // With one branch for each star this would not end while the sun shines.
        let pattern = "*a".repeat(5000) + "b";
        assert!(!matches_exactly(pattern.as_bytes(), "a".repeat(10_000).as_bytes()));
    }
}
