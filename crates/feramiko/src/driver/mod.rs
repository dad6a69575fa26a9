//! What drives a connection: a worker thread over any socket-like object, or a tokio task.
//!
//! Both share what is here: buffers that are small while nothing happens, and work that must not run under the lock.

pub(crate) mod buffer;
mod channel;
mod child;
pub(crate) mod job;
pub(crate) mod link;
pub(crate) mod memory;
pub(crate) mod pump;
pub(crate) mod reading;
pub(crate) mod socket;
pub(crate) mod takeover;
pub(crate) mod thread;
#[cfg(feature = "tokio")]
pub(crate) mod tokio;
mod work;

use std::time::Duration;

/// How long a driver tries to send what is left after a connection's end.
pub(crate) const FLUSH_LINGER: Duration = Duration::from_secs(2);

/// How long it then waits for the peer to close, so that unread input does not make the kernel throw away what was sent.
pub(crate) const CLOSE_LINGER: Duration = Duration::from_millis(500);

/// How long after the last activity buffers that have grown are given back.
pub(crate) const IDLE: Duration = Duration::from_secs(1);
