//! How an agent of this machine is reached: by a Unix socket, or by a named pipe of Windows.

#[cfg(any(windows, test))]
mod turns;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(super) use unix::*;
#[cfg(windows)]
pub(super) use windows::*;
