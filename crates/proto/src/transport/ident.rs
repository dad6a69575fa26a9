//! The version lines (RFC 4253 section 4.2).

use crate::error::ProtocolError;

/// The longest version line, CR LF included.
const MAX_LINE: usize = 255;
/// Lines that a server may send before its version line, to a client of ours.
const MAX_LINES: usize = 1024;
/// How much of a line that is not SSH is shown in the error.
const SHOWN: usize = 80;

/// Waits for the peer's version line.
#[derive(Debug)]
pub(crate) struct AwaitIdent {
    /// A client skips what a server says before its version line; from a client nothing may come before.
    skip: bool,
    lines: usize,
}

/// What a look at the input found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// So many bytes are a line to skip.
    Skip(usize),
    /// So many bytes are the version line.
    Version(usize, Vec<u8>),
    /// The line is not whole yet.
    More,
}

impl AwaitIdent {
    pub(crate) fn new(is_client: bool) -> Self {
        Self { skip: is_client, lines: 0 }
    }

    pub(crate) fn look(&mut self, input: &[u8]) -> Result<Found, ProtocolError> {
        let front = input.get(..MAX_LINE).unwrap_or(input);
        let not_ssh = |why| ProtocolError::NotSsh {
            line: feramiko_wire::sanitize(front.get(..SHOWN).unwrap_or(front)),
            why,
        };
        let starts = |prefix: &[u8]| front.starts_with(prefix);
        if !self.skip && !starts(b"SSH-") && !b"SSH-".starts_with(front) {
            return Err(not_ssh("the first line does not begin with SSH-"));
        }
        let Some(end) = front.iter().position(|byte| *byte == b'\n') else {
            return match front.len() {
                MAX_LINE => Err(not_ssh("the line is longer than 255 bytes")),
                _ => Ok(Found::More),
            };
        };
        let line = front.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !starts(b"SSH-") {
            self.lines += 1;
            return match self.lines {
                0..=MAX_LINES => Ok(Found::Skip(end + 1)),
                _ => Err(not_ssh("more than 1024 lines came before the version line")),
            };
        }
        // 1.99 is what servers say that speak the old protocol too (RFC 4253 section 5.1).
        if !(starts(b"SSH-2.0-") || starts(b"SSH-1.99-")) {
            return Err(not_ssh("only protocol 2.0 is spoken here"));
        }
        if line.iter().any(|byte| *byte < b' ' || *byte == 0x7f) {
            return Err(not_ssh("the version line has control characters"));
        }
        Ok(Found::Version(end + 1, line.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(is_client: bool, input: &[u8]) -> Result<Found, ProtocolError> {
        AwaitIdent::new(is_client).look(input)
    }

    fn refused(is_client: bool, input: &[u8]) -> bool {
        matches!(look(is_client, input), Err(ProtocolError::NotSsh { .. }))
    }

    #[test]
    fn both_line_ends_are_understood_and_not_part_of_the_version() {
        let version = b"SSH-2.0-x y".to_vec();
        assert_eq!(look(true, b"SSH-2.0-x y\r\nrest"), Ok(Found::Version(13, version.clone())));
        assert_eq!(look(false, b"SSH-2.0-x y\nrest"), Ok(Found::Version(12, version)));
        assert_eq!(look(false, b"SSH-1.99-old\n"), Ok(Found::Version(13, b"SSH-1.99-old".to_vec())));
    }

    #[test]
    fn a_client_skips_lines_before_the_version() {
        assert_eq!(look(true, b"hello\r\nSSH-2.0-x\r\n"), Ok(Found::Skip(7)));
        assert_eq!(look(true, b"hel"), Ok(Found::More));
    }

    #[test]
    fn defect_054_a_server_takes_nothing_before_the_version() {
        assert!(refused(false, b"GET / HTTP/1.1\r\n"));
        assert!(refused(false, b"S\n"), "refused as soon as it cannot become a version line");
        assert_eq!(look(false, b"SS"), Ok(Found::More));
    }

    #[test]
    fn defect_054_lines_and_their_number_are_bounded() {
        assert!(refused(true, &[b'x'; 255]));
        assert!(refused(false, &[b"SSH-2.0-".as_slice(), &[b'x'; 300]].concat()));
        let mut ident = AwaitIdent::new(true);
        for _ in 0..1024 {
            assert_eq!(ident.look(b"line\n"), Ok(Found::Skip(5)));
        }
        assert!(ident.look(b"line\n").is_err());
    }

    #[test]
    fn defect_054_ssh_1_is_refused() {
        assert!(refused(true, b"SSH-1.5-old\n"));
        assert!(refused(false, b"SSH-1.5-old\n"));
        assert!(refused(false, b"SSH-2.0-a\0b\n"));
    }
}
