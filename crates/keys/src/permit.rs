//! Lists of hosts and ports: `permitopen` and `permitlisten` of sshd(8).

use crate::{KeyError, pattern};

const PLACE: &str = "permitted host and port";

/// Hosts and ports that may be forwarded to, or listened at. The default is an empty list, which permits nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PermitList(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    host: String,
    /// `None`: any.
    port: Option<u16>,
}

impl PermitList {
    /// Entries as `permitopen` has them: `host:port`, `[address]:port`; the port may be `*`, and so may the host.
    ///
    /// # Errors
    /// An entry without port, or with one that is not `*` or a number from 1 to 65535.
    pub fn open<T: AsRef<str>>(entries: impl IntoIterator<Item = T>) -> Result<Self, KeyError> {
        entries.into_iter().map(|entry| Entry::parse(entry.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// Entries as `permitlisten` has them: as for [`open`](Self::open), or the port alone; the host is a pattern.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn listen<T: AsRef<str>>(entries: impl IntoIterator<Item = T>) -> Result<Self, KeyError> {
        let parse = |entry: &str| match entry.contains(':') {
            true => Entry::parse(entry),
            false => Ok(Entry { host: "*".to_owned(), port: parse_port(entry)? }),
        };
        entries.into_iter().map(|entry| parse(entry.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// Both lists in one: what either permits is permitted.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether a connection may be opened to `host`, as the client wrote it: no name is looked up, no pattern is
    /// known but `*` alone.
    pub fn permits_open(&self, host: &str, port: u32) -> bool {
        self.0.iter().any(|entry| entry.takes_port(port) && (entry.host == "*" || entry.host == host))
    }

    /// Whether `host`, as the client wrote it, may be listened at. Port 0 (the server chooses) is any port, and needs an
    /// entry for any.
    pub fn permits_listen(&self, host: &str, port: u32) -> bool {
        let host = host.to_ascii_lowercase();
        let matches = |entry: &Entry| pattern::matches(entry.host.as_bytes(), host.as_bytes());
        self.0.iter().any(|entry| entry.takes_port(port) && matches(entry))
    }
}

impl Entry {
    fn parse(entry: &str) -> Result<Self, KeyError> {
        let missing = || KeyError::damaged(PLACE, "not a host, a colon and a port");
        let (host, port) = match entry.strip_prefix('[') {
            Some(rest) => rest.split_once("]:").ok_or_else(missing)?,
            None => entry.split_once(':').ok_or_else(missing)?,
        };
        if host.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/') {
            return Err(KeyError::damaged(PLACE, "not the name or address of a host"));
        }
        Ok(Self { host: host.to_owned(), port: parse_port(port)? })
    }

    fn takes_port(&self, port: u32) -> bool {
        port <= u32::from(u16::MAX) && self.port.is_none_or(|permitted| u32::from(permitted) == port)
    }
}

fn parse_port(port: &str) -> Result<Option<u16>, KeyError> {
    if port == "*" {
        return Ok(None);
    }
    let digits = !port.is_empty() && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    let number = port.parse().ok().filter(|number| digits && *number > 0);
    number.map(Some).ok_or_else(|| KeyError::damaged(PLACE, "the port is not * or a number from 1 to 65535"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_opened_is_compared_literally() {
        let list = PermitList::open(["192.0.2.1:80", "[::1]:22", "Any.example:*", "*:443"]).unwrap();
        for (host, port) in [("192.0.2.1", 80), ("::1", 22), ("Any.example", 1), ("x", 443)] {
            assert!(list.permits_open(host, port), "{host} {port}");
        }
        for (host, port) in [("192.0.2.1", 81), ("192.0.2.10", 80), ("any.example", 1), ("x", 80), ("::1", 0)]
        {
            assert!(!list.permits_open(host, port), "{host} {port}");
        }
    }

    #[test]
    fn what_may_be_listened_at_is_a_pattern() {
        let list = PermitList::listen(["localhost:8080", "[::1]:22000", "127.0.0.*:*", "9000"]).unwrap();
        for (host, port) in [("LOCALHOST", 8080), ("::1", 22000), ("127.0.0.9", 0), ("", 9000), ("x", 9000)] {
            assert!(list.permits_listen(host, port), "{host} {port}");
        }
        for (host, port) in [("localhost", 0), ("localhost", 8081), ("", 8080), ("x", 0)] {
            assert!(!list.permits_listen(host, port), "{host} {port}");
        }
    }

    #[test]
    fn defect_097_ports_are_numbers_from_1_to_65535_or_a_star() {
        let ports =
            ["", "0", "65536", "-1", "+1", "4294967295", "4294967376", " 80", "80 ", "0x50", "http", "1:2"];
        for port in ports {
            assert!(PermitList::open([format!("host:{port}")]).is_err(), "{port}");
            assert!(PermitList::listen([format!("host:{port}")]).is_err(), "{port}");
        }
        assert!(PermitList::open(["80"]).is_err());
        assert!(PermitList::open(["[::1]80"]).is_err());
        let any = PermitList::open(["host:*"]).unwrap();
        assert!(any.permits_open("host", 65535) && !any.permits_open("host", 65536));
        assert!(!any.permits_open("host", 65536 + 80) && !any.permits_open("host", u32::MAX));
    }

    #[test]
    fn an_empty_list_permits_nothing() {
        assert!(!PermitList::default().permits_open("host", 1));
        assert!(!PermitList::default().permits_listen("", 0));
    }
}
