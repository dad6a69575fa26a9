//! From a name to a TCP connection: the lookup and all addresses in turn, within one deadline.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType};

use crate::config::{HostConfig, Keyword};
use crate::driver::link::timespec;
use crate::error::{Error, FailedAddress, Stage};

/// A point in time, and how long that was from the beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    limit: Option<Duration>,
    at: Option<Instant>,
}

impl Deadline {
    pub(crate) fn after(limit: Option<Duration>) -> Self {
        Self { limit, at: limit.and_then(|limit| Instant::now().checked_add(limit)) }
    }

    /// The time that is left, `None` for ever; an error when none is.
    pub(crate) fn left(&self, during: Stage) -> Result<Option<Duration>, Error> {
        match self.at.map(|at| at.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => Err(self.passed(during)),
            left => Ok(left),
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        self.at.is_some()
    }

    pub(crate) fn passed(&self, during: Stage) -> Error {
        Error::Timeout { during, limit: self.limit.unwrap_or_default() }
    }

    #[cfg(feature = "tokio")]
    pub(crate) async fn over<F: Future>(&self, during: Stage, work: F) -> Result<F::Output, Error> {
        match self.at {
            Some(at) => tokio::time::timeout_at(at.into(), work).await.map_err(|_| self.passed(during)),
            None => Ok(work.await),
        }
    }
}

/// How to connect, as ssh_config(5) has it.
#[derive(Debug, Clone)]
pub(crate) struct DialOptions {
    /// AddressFamily: only IPv4 addresses, or only IPv6.
    pub(crate) only_v4: Option<bool>,
    /// BindAddress, looked up.
    pub(crate) from: Option<IpAddr>,
    /// TCPKeepAlive.
    pub(crate) keepalive: bool,
    /// ConnectionAttempts.
    pub(crate) attempts: u64,
    /// ConnectTimeout.
    pub(crate) limit: Option<Duration>,
}

/// Between two attempts to connect, as long as OpenSSH waits.
const PAUSE: Duration = Duration::from_secs(1);

impl DialOptions {
    /// What the configuration says. Looks up the address to connect from.
    pub(crate) fn of(host: &HostConfig) -> Result<Self, Error> {
        let from = host.text(Keyword::BindAddress).map(|name| {
            let found = (name, 0).to_socket_addrs().map(|mut found| found.next().map(|found| found.ip()));
            let failed = |message: String| Error::Lookup { host: name.to_owned(), message };
            match found {
                Ok(Some(address)) => Ok(address),
                Ok(None) => Err(failed("the name is known and has none".to_owned())),
                Err(error) => Err(failed(error.to_string())),
            }
        });
        Ok(Self {
            only_v4: match host.text(Keyword::AddressFamily) {
                Some("inet") => Some(true),
                Some("inet6") => Some(false),
                _ => None,
            },
            from: from.transpose()?,
            keepalive: host.flag(Keyword::TcpKeepAlive),
            attempts: host.number(Keyword::ConnectionAttempts).max(1),
            limit: host.seconds(Keyword::ConnectTimeout),
        })
    }

    /// The addresses that may be tried.
    fn choose(&self, host: &str, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Error> {
        let fits = |address: &SocketAddr| {
            self.only_v4.is_none_or(|v4| address.is_ipv4() == v4)
                && self.from.is_none_or(|from| from.is_ipv4() == address.is_ipv4())
        };
        let chosen: Vec<SocketAddr> = addresses.into_iter().filter(fits).collect();
        if chosen.is_empty() {
            let message = "it has none of the wanted family".to_owned();
            return Err(Error::Lookup { host: host.to_owned(), message });
        }
        Ok(chosen)
    }

    /// The time for one address, of what is left for all.
    fn share(&self, left: Option<Duration>, addresses: usize) -> Option<Duration> {
        let share = share(left, addresses);
        self.limit.map_or(share, |limit| Some(share.map_or(limit, |share| share.min(limit))))
    }

    fn finish(&self, stream: &impl AsFd) {
        if self.keepalive {
            // Fails only where the system has no such thing.
            let _ = rustix::net::sockopt::set_socket_keepalive(stream.as_fd(), true);
        }
    }
}

/// Blocks, at most until the deadline.
pub(crate) fn connect(
    host: &str,
    port: u16,
    options: &DialOptions,
    deadline: Deadline,
) -> Result<TcpStream, Error> {
    let addresses = options.choose(host, lookup(host, port, deadline)?)?;
    let mut failed = Vec::new();
    for attempt in 0..options.attempts {
        if attempt > 0 {
            let left = deadline.left(Stage::Connect)?;
            std::thread::sleep(left.map_or(PAUSE, |left| left.min(PAUSE)));
            failed.clear();
        }
        for (number, address) in addresses.iter().enumerate() {
            let limit = options.share(deadline.left(Stage::Connect)?, addresses.len() - number);
            let attempt = match (options.from, limit) {
                (Some(from), limit) => connect_from(from, *address, limit),
                (None, Some(limit)) => TcpStream::connect_timeout(address, limit),
                (None, None) => TcpStream::connect(address),
            };
            match attempt {
                Ok(stream) => {
                    options.finish(&stream);
                    return Ok(stream);
                }
                Err(error) => failed.push(failure(*address, &error)),
            }
        }
    }
    // The last address had all the time that was left: it is the deadline that passed, and not the address's fault.
    deadline.left(Stage::Connect)?;
    Err(Error::Connect(failed))
}

/// Connects from an address of this machine; `limit` is how long that may take.
fn connect_from(from: IpAddr, to: SocketAddr, limit: Option<Duration>) -> io::Result<TcpStream> {
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    #[cfg(unix)]
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    rustix::net::bind(&socket, &SocketAddr::new(from, 0))?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    match rustix::net::connect(&socket, &to) {
        #[cfg(unix)]
        Err(Errno::INPROGRESS) => wait_for_connection(&socket, deadline)?,
        #[cfg(windows)]
        Err(Errno::WOULDBLOCK) => wait_for_connection(&socket, deadline)?,
        connected => connected?,
    }
    let stream = TcpStream::from(socket);
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    stream.set_nonblocking(false)?;
    // What the standard library makes is not inherited by child processes; here that can be said in no other way.
    #[cfg(windows)]
    let stream = stream.try_clone()?;
    Ok(stream)
}

fn wait_for_connection(socket: &OwnedFd, deadline: Option<Instant>) -> io::Result<()> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.map(timespec);
        match poll(&mut [PollFd::new(socket, PollFlags::OUT)], left.as_ref()) {
            Ok(0) if deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The system's lookup cannot be cancelled: it gets a thread, which is left alone when the time is over.
fn lookup(host: &str, port: u16, deadline: Deadline) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let name = host.to_owned();
    let work = move || {
        let found = (name.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        // Nobody may be waiting any more.
        let _ = sender.send(found);
    };
    std::thread::Builder::new()
        .name("feramiko-lookup".to_owned())
        .spawn(work)
        .map_err(|error| Error::io("starting a thread", &error))?;
    let found = match deadline.left(Stage::Lookup)? {
        Some(left) => receiver.recv_timeout(left).map_err(|_| deadline.passed(Stage::Lookup))?,
        None => receiver.recv().map_err(|_| deadline.passed(Stage::Lookup))?,
    };
    addresses(host, found)
}

fn addresses(host: &str, found: io::Result<Vec<SocketAddr>>) -> Result<Vec<SocketAddr>, Error> {
    let failed = |message: String| Error::Lookup { host: host.to_owned(), message };
    match found {
        Ok(addresses) if addresses.is_empty() => Err(failed("the name is known and has none".to_owned())),
        Ok(addresses) => Ok(addresses),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// One address that answers nothing must not take the time of those after it.
fn share(left: Option<Duration>, addresses: usize) -> Option<Duration> {
    let parts = u32::try_from(addresses.max(1)).unwrap_or(u32::MAX);
    left.map(|left| (left / parts).max(Duration::from_millis(1)))
}

fn failure(address: SocketAddr, error: &io::Error) -> FailedAddress {
    FailedAddress { address, kind: error.kind(), message: error.to_string() }
}

/// The same with tokio's sockets.
#[cfg(feature = "tokio")]
pub(crate) async fn connect_async(
    host: &str,
    port: u16,
    options: &DialOptions,
    deadline: Deadline,
) -> Result<tokio::net::TcpStream, Error> {
    let found = deadline.over(Stage::Lookup, tokio::net::lookup_host((host, port))).await?;
    let addresses = options.choose(host, addresses(host, found.map(Iterator::collect))?)?;
    let mut failed = Vec::new();
    for attempt in 0..options.attempts {
        if attempt > 0 {
            let left = deadline.left(Stage::Connect)?;
            tokio::time::sleep(left.map_or(PAUSE, |left| left.min(PAUSE))).await;
            failed.clear();
        }
        for (number, address) in addresses.iter().enumerate() {
            let attempt = connect_async_from(options.from, *address);
            let attempt = match options.share(deadline.left(Stage::Connect)?, addresses.len() - number) {
                Some(limit) => tokio::time::timeout(limit, attempt)
                    .await
                    .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"))),
                None => attempt.await,
            };
            match attempt {
                Ok(stream) => {
                    // Speed only: small packets are not to wait for one another.
                    let _ = stream.set_nodelay(true);
                    options.finish(&stream);
                    return Ok(stream);
                }
                Err(error) => failed.push(failure(*address, &error)),
            }
        }
    }
    deadline.left(Stage::Connect)?;
    Err(Error::Connect(failed))
}

#[cfg(feature = "tokio")]
async fn connect_async_from(from: Option<IpAddr>, to: SocketAddr) -> io::Result<tokio::net::TcpStream> {
    use tokio::net::TcpSocket;
    let Some(from) = from else { return tokio::net::TcpStream::connect(to).await };
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(to).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn usual() -> DialOptions {
        DialOptions { only_v4: None, from: None, keepalive: true, attempts: 1, limit: None }
    }

    #[test]
    fn a_port_where_nobody_listens_is_named_in_the_error() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let deadline = Deadline::after(Some(Duration::from_secs(60)));
        match connect("127.0.0.1", port, &usual(), deadline) {
            Err(Error::Connect(failed)) => {
                assert_eq!(failed[0].address, SocketAddr::from(([127, 0, 0, 1], port)));
                assert_eq!(failed[0].kind, io::ErrorKind::ConnectionRefused);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_are_looked_up_and_each_address_is_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // Where localhost is ::1 first, nobody listens there.
        assert!(connect("localhost", port, &usual(), Deadline::after(Some(Duration::from_secs(60)))).is_ok());
        assert!(connect("localhost", port, &usual(), Deadline::after(None)).is_ok());
    }

    #[test]
    fn a_deadline_that_has_passed_says_what_was_under_way() {
        let passed = Deadline::after(Some(Duration::ZERO));
        let lookup = connect("localhost", 1, &usual(), passed).unwrap_err();
        assert!(matches!(lookup, Error::Timeout { during: Stage::Lookup, .. }), "{lookup:?}");
        let connect = connect("127.0.0.1", 1, &usual(), passed).unwrap_err();
        assert!(matches!(connect, Error::Timeout { during: Stage::Connect, .. }), "{connect:?}");
    }

    #[test]
    fn the_time_is_shared_out_among_the_addresses() {
        let left = Some(Duration::from_secs(12));
        assert_eq!(share(left, 3), Some(Duration::from_secs(4)));
        assert_eq!(share(left, 1), left);
        assert_eq!(share(None, 3), None);
    }

    #[test]
    fn the_family_and_the_address_to_connect_from_are_chosen() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let options = DialOptions { from: Some("127.0.0.2".parse().unwrap()), ..usual() };
        for limit in [None, Some(Duration::from_secs(60))] {
            let stream = connect("127.0.0.1", port, &options, Deadline::after(limit)).unwrap();
            assert_eq!(stream.local_addr().unwrap().ip(), options.from.unwrap());
            assert!(rustix::net::sockopt::socket_keepalive(&stream).unwrap());
        }
        let v6 = DialOptions { only_v4: Some(false), ..usual() };
        let refused = connect("127.0.0.1", port, &v6, Deadline::after(None)).unwrap_err();
        assert!(matches!(refused, Error::Lookup { .. }), "{refused:?}");
    }
}
