//! The user's own terminal: raw mode that is always undone, its size, its modes as SSH carries
//! them, the escape character, and questions to the user.

mod ask;
mod escape;
mod modes;
mod raw;
mod size;
#[cfg(test)]
mod tests;

pub(crate) use ask::{AskError, Tty};
pub(crate) use escape::{Action, Escapes, HELP, Step};
pub(crate) use modes::encode_modes;
pub(crate) use raw::RawMode;
pub(crate) use size::{SizeWatch, WindowSize, watch_size, window_size};
