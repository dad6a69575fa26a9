//! What differs between systems and is no socket: the rest of the library asks here, and knows of no system.
//!
//! (Descriptors and sockets are told apart by `rustix::fd`; what wakes a sleeping thread by
//! [`pollable`](crate::pollable); how agents are reached by `agent`.)

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(windows)]
pub(crate) use windows::*;
