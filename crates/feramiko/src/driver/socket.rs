//! [`Socket`]: anything that bytes go through both ways.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustix::net::{SendFlags, Shutdown};

use super::link::{Link, Wanted, wait_descriptors};
use super::memory::pair;
use super::pump::PumpLink;
use crate::pollable::Signal;

/// Anything that bytes go through both ways, for [`Transport::client`](crate::Transport::client) and
/// [`Transport::server`](crate::Transport::server).
///
/// A `TcpStream`, a `UnixStream` or a [`Channel`](crate::Channel) of another transport becomes one with `into()`.
pub struct Socket(io::Result<Arc<dyn Link>>);

impl Socket {
    /// The standard input and output of a child process, both piped: what OpenSSH calls a ProxyCommand. At the end of
    /// the connection its input is closed; if it does not go then, it is killed.
    pub fn child(child: Child) -> Self {
        Self(ChildLink::new(child).map(|link| Arc::new(link) as Arc<dyn Link>))
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
        Self(prepared.map(|()| Arc::new(StreamLink { fd: stream.into(), tcp: true }) as Arc<dyn Link>))
    }
}

impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Self {
        let prepared = stream.set_nonblocking(true);
        Self(prepared.map(|()| Arc::new(StreamLink { fd: stream.into(), tcp: false }) as Arc<dyn Link>))
    }
}

/// A stream socket of the system.
struct StreamLink {
    fd: OwnedFd,
    tcp: bool,
}

impl Link for StreamLink {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&self.fd, buffer)?)
    }

    fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        #[cfg(any(target_os = "macos", target_os = "ios"))]
        let flags = SendFlags::empty();
        #[cfg(not(any(target_os = "macos", target_os = "ios")))]
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

/// The pipes of a child process.
struct ChildLink {
    child: Mutex<Child>,
    output: OwnedFd,
    input: Mutex<Option<Arc<OwnedFd>>>,
}

impl ChildLink {
    fn new(mut child: Child) -> io::Result<Self> {
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            let message = "the child's standard input and output must be piped";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        };
        let (input, output) = (OwnedFd::from(input), OwnedFd::from(output));
        rustix::io::ioctl_fionbio(&input, true)?;
        rustix::io::ioctl_fionbio(&output, true)?;
        Ok(Self { child: Mutex::new(child), output, input: Mutex::new(Some(Arc::new(input))) })
    }

    fn input(&self) -> Option<Arc<OwnedFd>> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Link for ChildLink {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&self.output, buffer)?)
    }

    fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        let input = self.input().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(rustix::io::write(&input, data)?)
    }

    fn wait(&self, wanted: Wanted, alarm: &Arc<Signal>, deadline: Option<Instant>) -> io::Result<Wanted> {
        let input = self.input().filter(|_| wanted.write);
        let write = input.as_ref().map(|input| input.as_fd());
        wait_descriptors(wanted.read.then_some(self.output.as_fd()), write, alarm, deadline)
    }

    fn finish_writing(&self) {
        drop(self.input.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Its output has ended, or it had its time: no process and no zombie is left behind.
    fn shutdown(&self, _deadline: Instant) {
        self.finish_writing();
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(child.try_wait(), Ok(Some(_))) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for ChildLink {
    fn drop(&mut self) {
        self.shutdown(Instant::now());
    }
}
