//! [`Socket`]: anything that bytes go through both ways.

use std::io::{self, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::Arc;
use std::time::Instant;

use rustix::fd::{AsFd, OwnedFd};
use rustix::net::{SendFlags, Shutdown};

use super::child;
use super::link::{Link, Wanted, wait_descriptors};
use super::memory::pair;
use super::pump::PumpLink;
use crate::pollable::Signal;

/// Anything that bytes go through both ways, for [`Transport::client`](crate::Transport::client) and
/// [`Transport::server`](crate::Transport::server).
///
/// A `TcpStream`, a `UnixStream` (on Unix) or a [`Channel`](crate::Channel) of another transport becomes one with `into()`.
pub struct Socket(io::Result<Arc<dyn Link>>);

impl Socket {
    /// The standard input and output of a child process, both piped: what OpenSSH calls a ProxyCommand. At the end of
    /// the connection its input is closed; if it does not go then, it is killed.
    pub fn child(child: Child) -> Self {
        Self(child::link(child))
    }

    /// A reader and a writer that block, each pumped by a thread of its own. `shutdown` is called once at the end, and
    /// must make a read that is under way return.
    pub fn opaque(
        reader: impl Read + Send + 'static,
        writer: impl Write + Send + 'static,
        shutdown: impl FnOnce() + Send + 'static,
    ) -> Self {
        Self(PumpLink::new(reader, writer, shutdown).map(|link| Arc::new(link) as Arc<dyn Link>))
    }

    /// Two sockets joined in memory.
    pub fn pipe() -> (Self, Self) {
        let (one, other) = pair();
        (Self(Ok(Arc::new(one))), Self(Ok(Arc::new(other))))
    }

    pub(crate) fn of(link: impl Link + 'static) -> Self {
        Self(Ok(Arc::new(link)))
    }

    pub(crate) fn into_link(self) -> io::Result<Arc<dyn Link>> {
        self.0
    }
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Socket(..)")
    }
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        let prepared = stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true));
        Self(prepared.map(|()| {
            Arc::new(StreamLink {
                fd: stream.into(),
                #[cfg(any(target_os = "linux", target_os = "android"))]
                tcp: true,
            }) as Arc<dyn Link>
        }))
    }
}

#[cfg(unix)]
impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Self {
        let prepared = stream.set_nonblocking(true);
        Self(prepared.map(|()| {
            Arc::new(StreamLink {
                fd: stream.into(),
                #[cfg(any(target_os = "linux", target_os = "android"))]
                tcp: false,
            }) as Arc<dyn Link>
        }))
    }
}

/// A stream socket of the system.
struct StreamLink {
    fd: OwnedFd,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    tcp: bool,
}

impl Link for StreamLink {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&self.fd, buffer)?)
    }

    fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        #[cfg(any(target_vendor = "apple", windows))]
        let flags = SendFlags::empty();
        #[cfg(not(any(target_vendor = "apple", windows)))]
        let flags = SendFlags::NOSIGNAL;
        Ok(rustix::net::send(&self.fd, data, flags)?)
    }

    fn wait(&self, wanted: Wanted, alarm: &Arc<Signal>, deadline: Option<Instant>) -> io::Result<Wanted> {
        let fd = self.fd.as_fd();
        wait_descriptors(wanted.read.then_some(fd), wanted.write.then_some(fd), alarm, deadline)
    }

    fn may_be_shared(&self) -> bool {
        true
    }

    fn finish_writing(&self) {
        // Fails only when there is nobody left to tell.
        let _ = rustix::net::shutdown(&self.fd, Shutdown::Write);
    }

    fn shutdown(&self, _deadline: Instant) {
        let _ = rustix::net::shutdown(&self.fd, Shutdown::Both);
    }

    fn acknowledge(&self) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if self.tcp {
            // The kernel forgets it by itself, so it is said after every receive. Speed only.
            let _ = rustix::net::sockopt::set_tcp_quickack(&self.fd, true);
        }
    }
}
