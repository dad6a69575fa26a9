//! The standard streams of this program, without the buffers that the library puts around them, and with a way to stop
//! waiting for input.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(super) use unix::*;
#[cfg(windows)]
pub(super) use windows::*;
