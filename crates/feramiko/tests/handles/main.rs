//! What handles promise, over both drivers and several kinds of socket.

mod cancel;
mod common;
mod faces;
mod pollable;
mod scenarios;
mod slow;
mod sockets;
mod takeover;
