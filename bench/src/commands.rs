//! The commands that servers run: the shell behind sshd knows them as they are, the other servers act them out.

/// Bytes that servers and clients hand to their library at once.
pub const CHUNK: usize = 256 * 1024;

/// What is sent.
pub static ZEROS: [u8; CHUNK] = [0; CHUNK];

/// The next piece of `left` bytes.
pub fn next_chunk(left: u64) -> &'static [u8] {
    &ZEROS[..CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))]
}

/// What a client asks a server to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Sends that many zeros.
    Bytes(u64),
    /// Reads everything and forgets it.
    Sink,
    /// Sends back what it reads.
    Echo,
    /// Ends at once.
    True,
}

impl Command {
    /// The command for a shell.
    pub fn to_shell(self) -> String {
        match self {
            Self::Bytes(count) => format!("exec head -c {count} /dev/zero"),
            Self::Sink => "exec cat > /dev/null".to_owned(),
            Self::Echo => "exec cat".to_owned(),
            Self::True => "true".to_owned(),
        }
    }

    /// What [`to_shell`](Self::to_shell) wrote.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        match text {
            "exec cat > /dev/null" => Some(Self::Sink),
            "exec cat" => Some(Self::Echo),
            "true" => Some(Self::True),
            _ => {
                let count = text.strip_prefix("exec head -c ")?.strip_suffix(" /dev/zero")?;
                Some(Self::Bytes(count.parse().ok()?))
            }
        }
    }
}
