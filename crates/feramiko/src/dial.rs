//! From a name to a TCP connection: the lookup and all addresses in turn, within one deadline.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::time::{Duration, Instant};

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

/// Blocks, at most until the deadline.
pub(crate) fn connect(host: &str, port: u16, deadline: Deadline) -> Result<TcpStream, Error> {
    let addresses = lookup(host, port, deadline)?;
    let mut failed = Vec::new();
    for (number, address) in addresses.iter().enumerate() {
        let attempt = match share(deadline.left(Stage::Connect)?, addresses.len() - number) {
            Some(limit) => TcpStream::connect_timeout(address, limit),
            None => TcpStream::connect(address),
        };
        match attempt {
            Ok(stream) => return Ok(stream),
            Err(error) => failed.push(failure(*address, &error)),
        }
    }
    // The last address had all the time that was left: it is the deadline that passed, and not the address's fault.
    deadline.left(Stage::Connect)?;
    Err(Error::Connect(failed))
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
    deadline: Deadline,
) -> Result<tokio::net::TcpStream, Error> {
    let found = deadline.over(Stage::Lookup, tokio::net::lookup_host((host, port))).await?;
    let addresses = addresses(host, found.map(Iterator::collect))?;
    let mut failed = Vec::new();
    for (number, address) in addresses.iter().enumerate() {
        let attempt = tokio::net::TcpStream::connect(address);
        let attempt = match share(deadline.left(Stage::Connect)?, addresses.len() - number) {
            Some(limit) => tokio::time::timeout(limit, attempt)
                .await
                .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"))),
            None => attempt.await,
        };
        match attempt {
            Ok(stream) => return Ok(stream),
            Err(error) => failed.push(failure(*address, &error)),
        }
    }
    deadline.left(Stage::Connect)?;
    Err(Error::Connect(failed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_port_where_nobody_listens_is_named_in_the_error() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let deadline = Deadline::after(Some(Duration::from_secs(60)));
        match connect("127.0.0.1", port, deadline) {
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
        assert!(connect("localhost", port, Deadline::after(Some(Duration::from_secs(60)))).is_ok());
        assert!(connect("localhost", port, Deadline::after(None)).is_ok());
    }

    #[test]
    fn a_deadline_that_has_passed_says_what_was_under_way() {
        let passed = Deadline::after(Some(Duration::ZERO));
        let lookup = connect("localhost", 1, passed).unwrap_err();
        assert!(matches!(lookup, Error::Timeout { during: Stage::Lookup, .. }), "{lookup:?}");
        let connect = connect("127.0.0.1", 1, passed).unwrap_err();
        assert!(matches!(connect, Error::Timeout { during: Stage::Connect, .. }), "{connect:?}");
    }

    #[test]
    fn the_time_is_shared_out_among_the_addresses() {
        let left = Some(Duration::from_secs(12));
        assert_eq!(share(left, 3), Some(Duration::from_secs(4)));
        assert_eq!(share(left, 1), left);
        assert_eq!(share(None, 3), None);
    }
}
