//! Session channels, by the requests of RFC 4254 section 6: the client's side.

use feramiko_proto::{Pty, Request, WindowSize};

use crate::channel::Channel;
use crate::error::Error;
use crate::pending::Pending;
use crate::platform::own_terminal_size;

/// The pseudo-terminal that a program is to get.
///
/// ```
/// use feramiko::{Pty, Terminal};
///
/// const ECHO: u8 = 53;
/// let terminal = Terminal::new("xterm-256color").size(132, 43).mode(ECHO, 0);
/// let pty: Pty = terminal.into();
/// assert_eq!((pty.size.columns, pty.size.rows), (132, 43));
/// assert_eq!(pty.modes, [53, 0, 0, 0, 0, 0]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terminal {
    term: String,
    size: WindowSize,
    modes: Vec<u8>,
}

/// Ends the terminal modes (RFC 4254 section 8).
const TTY_OP_END: u8 = 0;
/// From here on opcodes have no defined arguments.
const TTY_OP_UNDEFINED: u8 = 160;

impl Terminal {
    /// A terminal of this type (TERM), of 80 columns and 24 rows.
    pub fn new(term: impl Into<String>) -> Self {
        let size = WindowSize { columns: 80, rows: 24, width: 0, height: 0 };
        Self { term: term.into(), size, modes: Vec::new() }
    }

    /// As the one that this program runs in: its TERM, and the size of its standard input, where that is a terminal.
    pub fn of_this_program() -> Self {
        let terminal = Self::new(std::env::var("TERM").unwrap_or_else(|_| "dumb".to_owned()));
        match own_terminal_size() {
            Some(size) => Self { size, ..terminal },
            None => terminal,
        }
    }

    /// Its size in characters.
    pub fn size(mut self, columns: u32, rows: u32) -> Self {
        self.size = WindowSize { columns, rows, ..self.size };
        self
    }

    /// Its size in pixels.
    pub fn pixels(mut self, width: u32, height: u32) -> Self {
        self.size = WindowSize { width, height, ..self.size };
        self
    }

    /// A terminal mode by its opcode (RFC 4254 section 8), 1 to 159; others are left out.
    pub fn mode(mut self, opcode: u8, value: u32) -> Self {
        if opcode > TTY_OP_END && opcode < TTY_OP_UNDEFINED {
            self.modes.push(opcode);
            self.modes.extend_from_slice(&value.to_be_bytes());
        }
        self
    }
}

impl From<Terminal> for Pty {
    fn from(terminal: Terminal) -> Self {
        let mut modes = terminal.modes;
        modes.push(TTY_OP_END);
        Self { term: terminal.term, size: terminal.size, modes }
    }
}

/// What a client asks of a session channel. Each that is a [`Pending`] waits for the server's answer.
impl Channel {
    /// A pseudo-terminal for the program to come (RFC 4254 section 6.2).
    pub fn request_pty(&self, pty: impl Into<Pty>) -> Pending<Result<(), Error>> {
        self.request(Request::Pty(pty.into()))
    }

    /// A variable for the program to come (RFC 4254 section 6.4). Servers refuse most names.
    pub fn set_env(&self, name: &str, value: impl Into<Vec<u8>>) -> Pending<Result<(), Error>> {
        self.request(Request::Env { name: name.to_owned(), value: value.into() })
    }

    /// Starts the user's shell (RFC 4254 section 6.5).
    pub fn shell(&self) -> Pending<Result<(), Error>> {
        self.request(Request::Shell)
    }

    /// Runs a command line (RFC 4254 section 6.5).
    pub fn exec(&self, line: impl Into<Vec<u8>>) -> Pending<Result<(), Error>> {
        self.request(Request::Exec(line.into()))
    }

    /// Starts a subsystem (RFC 4254 section 6.5): `sftp`.
    pub fn subsystem(&self, name: &str) -> Pending<Result<(), Error>> {
        self.request(Request::Subsystem(name.to_owned()))
    }

    /// Tells the terminal's new size (RFC 4254 section 6.7).
    ///
    /// # Errors
    /// The connection has ended, or the channel is closed.
    pub fn resize(&self, size: WindowSize) -> Result<(), Error> {
        self.notify(&Request::WindowChange(size))
    }

    /// Sends a signal (RFC 4254 section 6.9): its name without SIG, as `TERM`.
    ///
    /// # Errors
    /// The connection has ended, or the channel is closed.
    pub fn signal(&self, name: &str) -> Result<(), Error> {
        self.notify(&Request::Signal(name.to_owned()))
    }
}
