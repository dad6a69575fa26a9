//! The ways from nothing to a [`Client`].

use crate::client::Client;
use crate::connect::Connect;
use crate::driver::socket::Socket;

impl Client {
    /// Where to connect to, as `user@host:port`; user and port may be missing. What can be chosen is chosen on the
    /// [`Connect`], which becomes a client by `.wait()` or `.await`.
    pub fn connect(address: impl AsRef<str>) -> Connect {
        Connect::to(address.as_ref())
    }

    /// The same over a connection that is there already: a pipe, a child process, a channel of another connection. The
    /// address says who is expected at its other end, and as whom to log in. It is driven by a worker thread.
    pub fn connect_over(socket: impl Into<Socket>, address: impl AsRef<str>) -> Connect {
        Connect::to(address.as_ref()).over(socket.into())
    }

    /// The same over a stream of tokio's, driven by a task of the current runtime.
    #[cfg(feature = "tokio")]
    pub fn connect_over_async<S>(stream: S, address: impl AsRef<str>) -> Connect
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        Connect::to(address.as_ref()).over_async(Box::new(stream))
    }

    /// To another server through this one, as `ssh -J` goes: this server opens the TCP connection, and sees none of
    /// what goes through it.
    pub fn jump(&self, address: impl AsRef<str>) -> Connect {
        Connect::to(address.as_ref()).through(self.transport().clone())
    }
}
