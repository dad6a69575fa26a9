//! The console of Windows as it is found: it hands on whole lines, which it has shown itself. Its modes and size need calls that
//! are `unsafe`, of which there are none here: no session takes it over.

use std::convert::Infallible;
use std::io;

use super::WindowSize;

/// There is none.
pub(crate) struct RawMode(Infallible);

/// There is none.
pub(crate) struct SizeWatch(Infallible);

impl RawMode {
    /// # Errors
    /// Always.
    pub(crate) fn enter_own() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// # Errors
    /// Always: nobody can keep the console from showing what is typed.
    pub(crate) fn without_echo<T>(_tty: T, _prompt: &str) -> io::Result<Self> {
        let words = "the console cannot be kept from showing what is typed: use a key or an agent";
        Err(io::Error::new(io::ErrorKind::Unsupported, words))
    }

    /// Never called.
    pub(crate) fn suspend(&self) -> io::Result<()> {
        match self.0 {}
    }
}

/// No session can take the console over.
pub(crate) fn takes_over() -> bool {
    false
}

/// It is not known.
pub(crate) fn own_size() -> Option<WindowSize> {
    None
}

/// No echo there: what is typed has been shown here.
pub(crate) fn own_modes(_take_over: bool) -> Vec<u8> {
    const ECHO: u8 = 53;
    const TTY_OP_END: u8 = 0;
    vec![ECHO, 0, 0, 0, 0, TTY_OP_END]
}

/// # Errors
/// Always.
pub(crate) fn watch_own_size(_changed: impl FnMut(WindowSize) + Send + 'static) -> io::Result<SizeWatch> {
    Err(io::ErrorKind::Unsupported.into())
}
