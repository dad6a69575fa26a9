//! The user's own terminal: raw mode that is always undone, its size, its modes as SSH carries
//! them, the escape character, and questions to the user.

mod ask;
mod escape;
#[cfg(windows)]
mod lines;
#[cfg(unix)]
mod modes;
#[cfg(unix)]
mod raw;
#[cfg(unix)]
mod size;
#[cfg(all(test, unix))]
mod tests;

pub(crate) use ask::{AskError, Tty};
pub(crate) use escape::{Action, Escapes, HELP, Step};
#[cfg(windows)]
pub(crate) use lines::{RawMode, SizeWatch, own_modes, own_size, takes_over, watch_own_size};
#[cfg(unix)]
pub(crate) use modes::own_modes;
#[cfg(unix)]
pub(crate) use raw::{RawMode, takes_over};
#[cfg(unix)]
pub(crate) use size::{SizeWatch, own_size, watch_own_size};

/// What `pty-req` and `window-change` carry (RFC 4254 sections 6.2 and 6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowSize {
    pub(crate) cols: u32,
    pub(crate) rows: u32,
    /// Zero where the terminal does not say.
    pub(crate) width_pixels: u32,
    pub(crate) height_pixels: u32,
}
