//! Names and patterns of hosts, as ssh_config(5), "PATTERNS", has them.

/// Whether `pattern` (with `*` for any bytes and `?` for one) matches all of `name`, which is in lower case.
///
/// Goes back to the last `*` only, so that it takes at most `pattern * name` steps.
pub(crate) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern, name) {
            ([b'*', after @ ..], _) => {
                retry = Some((after, name));
                pattern = after;
                continue;
            }
            ([wanted, after @ ..], [found, rest @ ..])
                if *wanted == b'?' || wanted.to_ascii_lowercase() == *found =>
            {
                (pattern, name) = (after, rest);
                continue;
            }
            ([], []) => return true,
            _ => {}
        }
        // A mismatch: let the last `*` take one byte more.
        match retry {
            Some((after, [_, rest @ ..])) => {
                retry = Some((after, rest));
                (pattern, name) = (after, rest);
            }
            _ => return false,
        }
    }
}

/// Whether a list of patterns, separated by commas, matches: one does, and none with `!` in front does.
pub(crate) fn list_matches(list: &[u8], name: &[u8]) -> bool {
    let mut matched = false;
    for item in list.split(|byte| *byte == b',') {
        match item {
            [b'!', pattern @ ..] if matches(pattern, name) => return false,
            [b'!', ..] => {}
            pattern => matched |= matches(pattern, name),
        }
    }
    matched
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
            ("WWW.*", "www.x", true),
            ("[host]:22*", "[host]:2222", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_negated_pattern_wins_wherever_it_stands() {
        assert!(list_matches(b"a.com,*.org", b"x.org"));
        assert!(!list_matches(b"*.org,!bad.org", b"bad.org"));
        assert!(!list_matches(b"!bad.org,*.org", b"bad.org"));
        assert!(!list_matches(b"!bad.org", b"good.org"), "a negated pattern alone matches nothing");
    }

    #[test]
    fn defect_073_a_hostile_pattern_takes_pattern_times_name_steps() {
        // With one branch for each star this would not end while the sun shines.
        let pattern = "*a".repeat(5000) + "b";
        assert!(!matches(pattern.as_bytes(), "a".repeat(10_000).as_bytes()));
    }
}
