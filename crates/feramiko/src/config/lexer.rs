//! Lines and words of ssh_config(5): a keyword, and arguments between blanks, quotes and comments.

/// The blanks that separate; a form feed may end a line.
const BLANKS: [char; 3] = [' ', '\t', '\r'];

/// A line that says something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// In lower case.
    pub(super) keyword: String,
    /// All behind the keyword, the first `=` and the blanks around it; not empty.
    pub(super) rest: &'a str,
}

/// Cuts a line in two; `None` for empty lines and comments.
pub(super) fn split(line: &str) -> Result<Option<Line<'_>>, String> {
    let line = line.trim_end_matches([' ', '\t', '\r', '\n', '\x0c']).trim_start_matches(BLANKS);
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (keyword, rest) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').ok_or("a quote is not closed")?,
        None => {
            let end = line.find(|c| BLANKS.contains(&c) || c == '=' || c == '"').unwrap_or(line.len());
            line.split_at(end)
        }
    };
    let rest = rest.trim_start_matches(BLANKS);
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start_matches(BLANKS);
    let keyword = keyword.to_ascii_lowercase();
    if rest.is_empty() {
        return Err(format!("{keyword} has no argument"));
    }
    Ok(Some(Line { keyword, rest }))
}

/// The arguments, as a shell would have them: single and double quotes, a backslash before a quote, a backslash or a
/// blank; `#` where an argument would begin ends them.
pub(super) fn words(rest: &str) -> Result<Vec<String>, String> {
    cut(rest, true)
}

/// As [`words`], of a command line: `#` is a word like any other.
pub(super) fn all_words(rest: &str) -> Result<Vec<String>, String> {
    cut(rest, false)
}

fn cut(rest: &str, has_comments: bool) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut chars = rest.chars().peekable();
    loop {
        while chars.next_if(|c| BLANKS.contains(c)).is_some() {}
        match chars.peek() {
            None => return Ok(words),
            Some('#') if has_comments => return Ok(words),
            Some(_) => words.push(word(&mut chars)?),
        }
    }
}

fn word(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, String> {
    let mut word = String::new();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let escaped = chars
                    .next_if(|next| matches!(next, '\'' | '"' | '\\') || (quote.is_none() && *next == ' '));
                word.push(escaped.unwrap_or('\\'));
            }
            c if quote.is_none() && BLANKS.contains(&c) => return Ok(word),
            '"' | '\'' if quote.is_none() => quote = Some(c),
            c if quote == Some(c) => quote = None,
            c => word.push(c),
        }
    }
    match quote {
        None => Ok(word),
        Some(_) => Err("a quote is not closed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_and_their_arguments() {
        for (line, keyword, rest) in [
            ("Port 22", "port", "22"),
            ("  port\t22  \r\n", "port", "22"),
            ("PORT=22", "port", "22"),
            ("Port = 22", "port", "22"),
            ("Port\t=\t22\x0c", "port", "22"),
            ("Port ==22", "port", "=22"),
            ("\"Port\" 22", "port", "22"),
            ("ProxyCommand exec nc %h %p # no comment", "proxycommand", "exec nc %h %p # no comment"),
        ] {
            assert_eq!(split(line).unwrap().unwrap(), Line { keyword: keyword.into(), rest }, "{line:?}");
        }
        for nothing in ["", "   ", "\r\n", "# Port 22", "  \t#"] {
            assert_eq!(split(nothing).unwrap(), None, "{nothing:?}");
        }
        for wrong in ["Port", "Port =", "Port   ", "\"Port 22"] {
            assert!(split(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn words_are_quoted_as_in_a_shell() {
        for (text, expected) in [
            ("a b\tc", &["a", "b", "c"][..]),
            ("a # b", &["a"]),
            ("a#b", &["a#b"]),
            ("\"a b\" c", &["a b", "c"]),
            ("'a \"b\"' c", &["a \"b\"", "c"]),
            ("a\"b c\"d", &["ab cd"]),
            (r"a\ b", &["a b"]),
            (r#""a\"b""#, &["a\"b"]),
            (r"C:\dir\file", &[r"C:\dir\file"]),
            (r"a\\b", &[r"a\b"]),
            ("\"\"", &[""]),
            ("\"#\" x", &["#", "x"]),
        ] {
            assert_eq!(words(text).unwrap(), expected, "{text:?}");
        }
        assert!(words("\"a").is_err() && words("a 'b").is_err() && words("\"a'").is_err());
    }
}
