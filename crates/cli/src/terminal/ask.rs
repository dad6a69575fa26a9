//! Questions to the user on the controlling terminal, whatever stdin and stdout are.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};

use feramiko_wire::sanitize;
use zeroize::{Zeroize, Zeroizing};

use super::RawMode;

/// Where the user types, and where they read.
#[cfg(unix)]
const ANSWERS: &str = "/dev/tty";
#[cfg(unix)]
const SHOWN: &str = ANSWERS;
#[cfg(windows)]
const ANSWERS: &str = "CONIN$";
#[cfg(windows)]
const SHOWN: &str = "CONOUT$";

fn open(path: &str) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// The controlling terminal, for questions.
pub(crate) struct Tty {
    answers: File,
    shown: File,
}

/// Why a question got no answer.
#[derive(Debug)]
pub(crate) enum AskError {
    /// There is nobody to ask.
    NoTerminal(io::Error),
    /// The user closed the input (control-D).
    NoAnswer,
    /// The answer is longer than a line can be, or no UTF-8.
    Unusable,
    Io(io::Error),
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTerminal(error) => write!(
                f,
                "there is no terminal to ask at ({ANSWERS}: {error}): give what is needed by options, keys or files"
            ),
            Self::NoAnswer => f.write_str("the question was not answered"),
            Self::Unusable => f.write_str("the answer is too long, or not UTF-8"),
            Self::Io(error) => write!(f, "the terminal failed: {error}"),
        }
    }
}

impl std::error::Error for AskError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoTerminal(error) | Self::Io(error) => Some(error),
            Self::NoAnswer | Self::Unusable => None,
        }
    }
}

impl From<io::Error> for AskError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Longest line a terminal in canonical mode delivers (Linux: 4096 with its line feed).
const MAX_ANSWER_BYTES: usize = 4096;

impl Tty {
    /// # Errors
    /// [`AskError::NoTerminal`] if this process has none.
    pub(crate) fn open() -> Result<Self, AskError> {
        let both = || {
            let answers = open(ANSWERS)?;
            let shown = if ANSWERS == SHOWN { answers.try_clone()? } else { open(SHOWN)? };
            Ok(Self { answers, shown })
        };
        both().map_err(AskError::NoTerminal)
    }

    /// Shows text, made safe: it may come from a peer.
    pub(crate) fn show(&mut self, text: &str) -> Result<(), AskError> {
        self.shown.write_all(sanitize(text.as_bytes()).as_bytes())?;
        Ok(self.shown.flush()?)
    }

    /// Asks for a line, which is shown as it is typed.
    pub(crate) fn ask(&mut self, prompt: &str) -> Result<String, AskError> {
        self.show(prompt)?;
        self.line().map(|line| line.as_str().to_owned())
    }

    /// Asks for a line that is not shown. The terminal is put back also when a signal ends the
    /// program meanwhile.
    pub(crate) fn ask_secret(&mut self, prompt: &str) -> Result<Zeroizing<String>, AskError> {
        let _quiet = RawMode::without_echo(&self.answers, prompt)?;
        self.show(prompt)?;
        self.line()
    }

    /// Asks whether to trust an unknown host. `yes`, `no`, or the fingerprint itself, which the user
    /// may have from elsewhere, with or without its `SHA256:`.
    pub(crate) fn ask_yes_no_or_fingerprint(
        &mut self,
        question: &str,
        fingerprint: &str,
    ) -> Result<bool, AskError> {
        let mut prompt = format!("{question} (yes/no/[fingerprint])? ");
        loop {
            let answer = self.ask(&prompt)?;
            if let Some(trust) = judge(&answer, fingerprint) {
                return Ok(trust);
            }
            prompt = "Please type 'yes', 'no' or the fingerprint: ".to_owned();
        }
    }

    fn line(&mut self) -> Result<Zeroizing<String>, AskError> {
        let mut line = Zeroizing::new(Vec::with_capacity(MAX_ANSWER_BYTES));
        let mut piece = Zeroizing::new([0; MAX_ANSWER_BYTES]);
        loop {
            let count = match self.answers.read(piece.as_mut_slice()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                count => count?,
            };
            let bytes = piece.get(..count).unwrap_or_default();
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            if line.len() + bytes.len() > MAX_ANSWER_BYTES {
                return Err(AskError::Unusable);
            }
            line.extend_from_slice(bytes.get(..end.unwrap_or(count)).unwrap_or_default());
            match (end, count) {
                (Some(_), _) => break,
                (None, 0) if line.is_empty() => return Err(AskError::NoAnswer),
                (None, 0) => break,
                _ => {}
            }
        }
        match String::from_utf8(std::mem::take(&mut *line)) {
            Ok(text) => Ok(Zeroizing::new(text)),
            Err(error) => {
                error.into_bytes().zeroize();
                Err(AskError::Unusable)
            }
        }
    }
}

/// `None`: neither of the answers that decide.
fn judge(answer: &str, fingerprint: &str) -> Option<bool> {
    let bare = |text: &str| text.strip_prefix("SHA256:").unwrap_or(text).to_owned();
    let answer = answer.trim();
    if answer.eq_ignore_ascii_case("yes") || (!answer.is_empty() && bare(answer) == bare(fingerprint)) {
        Some(true)
    } else if answer.eq_ignore_ascii_case("no") {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_no_and_the_very_fingerprint_decide() {
        let fingerprint = "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8";
        for (answer, verdict) in [
            ("yes", Some(true)),
            (" YES ", Some(true)),
            ("no", Some(false)),
            (fingerprint, Some(true)),
            ("nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8", Some(true)),
            ("nthbg6kxupjwgl7e1igocsprromtxdcarlvikw6e5sy8", None),
            ("nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY", None),
            ("y", None),
            ("n", None),
            ("", None),
        ] {
            assert_eq!(judge(answer, fingerprint), verdict, "{answer}");
        }
        assert_eq!(judge("", ""), None);
    }
}
