//! Agents at Unix sockets.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::agent::line::Framed;
use crate::driver::socket::Socket;

/// How long an agent may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// There is no place where it would be without being named.
pub(in crate::agent) fn usual() -> Option<PathBuf> {
    None
}

/// Connects, within a bounded time even to somebody who accepts nothing.
pub(in crate::agent) fn reach(path: &Path) -> io::Result<Framed> {
    let address = SocketAddrUnix::new(path)?;
    #[cfg(not(any(target_os = "macos", target_os = "ios")))]
    let flags = SocketFlags::CLOEXEC;
    #[cfg(any(target_os = "macos", target_os = "ios"))]
    let flags = SocketFlags::empty();
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE))?;
    connect(&socket, &address)?;
    Framed::new(Socket::from(UnixStream::from(socket)).into_link()?)
}
