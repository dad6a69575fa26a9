/// Makes a peer's text safe to show on a terminal or to write to a log: control characters (C0 but
/// line feed and tab, DEL, C1), escapes, and characters that reorder text (bidirectional controls,
/// line and paragraph separators, invisible tags) become U+FFFD; bytes that are not UTF-8 too. CR before LF is dropped.
///
/// The one sanitizer of the project (`docs/DEFECTS.md`, row 136).
pub fn sanitize(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' | '\t' => clean.push(c),
            '\r' if rest.peek() == Some(&'\n') => {}
            '\0'..='\x1f' | '\x7f'..='\u{9f}' => clean.push('\u{fffd}'),
            '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{e0000}'..='\u{e007f}' => {
                clean.push('\u{fffd}');
            }
            _ => clean.push(c),
        }
    }
    clean
}

/// As [`sanitize`], for what stands in a line with other things: a name, a comment. Line feeds and tabs become blanks, so
/// that nobody writes a second line into a log.
pub fn sanitize_line(text: &[u8]) -> String {
    sanitize(text).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defect_136_escapes_and_reordering_do_not_pass() {
        assert_eq!(sanitize(b"plain\r\nlines\tstay"), "plain\nlines\tstay");
        assert_eq!(sanitize(b"\x1b]0;title\x07"), "\u{fffd}]0;title\u{fffd}");
        assert_eq!(sanitize("a\u{9b}31mb".as_bytes()), "a\u{fffd}31mb");
        assert_eq!(sanitize("abc\u{202e}txt.exe".as_bytes()), "abc\u{fffd}txt.exe");
        assert_eq!(sanitize(b"over\rwrite"), "over\u{fffd}write");
        assert_eq!(sanitize(b"\xff"), "\u{fffd}");
        assert_eq!(sanitize("d\u{e9}j\u{e0} vu \u{1f980}".as_bytes()), "d\u{e9}j\u{e0} vu \u{1f980}");
    }

    #[test]
    fn defect_136_a_name_makes_no_second_line() {
        assert_eq!(sanitize_line(b"ada\nroot\tlogged in\r\n"), "ada root logged in ");
        assert_eq!(sanitize_line(b"\x1b[2Jada\x0b\rroot"), "\u{fffd}[2Jada\u{fffd}\u{fffd}root");
    }
}
