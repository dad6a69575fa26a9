//! `user@host:port`, as a person types it. Names are checked here, before anything is done with them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use feramiko_wire::sanitize;

use crate::config::{Parts, parts};
use crate::error::Error;
use crate::names::{checked_host, checked_port, checked_user};

/// The port of SSH (RFC 4253 section 4.1).
pub const SSH_PORT: u16 = 22;

/// Where to connect to, and as whom: `host`, `user@host`, `host:port`, `user@[2001:db8::1]:2222`,
/// `ssh://user@host:port`.
///
/// ```
/// use feramiko::Address;
///
/// let address: Address = "robey@example.com:2222".parse()?;
/// assert_eq!(address.user(), Some("robey"));
/// assert_eq!((address.host(), address.port()), ("example.com", 2222));
/// assert_eq!("::1".parse::<Address>()?.port(), 22);
/// assert!("-oProxyCommand=x".parse::<Address>().is_err());
/// # Ok::<(), feramiko::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

impl Address {
    /// The user's name, if there is one in it.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The host's name or IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port: 22 if there is none in it.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(SSH_PORT)
    }

    /// The port, if there is one in it.
    pub fn said_port(&self) -> Option<u16> {
        self.port
    }

    /// Another port.
    pub(crate) fn set_port(&mut self, port: u16) {
        self.port = Some(port);
    }

    /// Another user, checked as the parser checks.
    pub(crate) fn set_user(&mut self, user: &str) -> Result<(), Error> {
        self.user = Some(checked_user(user).map_err(|problem| refused(user, problem))?);
        Ok(())
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = |problem| refused(text, problem);
        let Parts { user, host, port } = parts(text).map_err(refused)?;
        let user = user.map(|user| checked_user(&user)).transpose().map_err(refused)?;
        let host = checked_host(&host).map_err(refused)?;
        let port = port.map(|port| checked_port(&port)).transpose().map_err(refused)?;
        Ok(Self { user, host, port })
    }
}

fn refused(text: &str, problem: &'static str) -> Error {
    let mut text = sanitize(text.as_bytes());
    if let Some((end, _)) = text.char_indices().nth(200) {
        text.truncate(end);
    }
    Error::Address { text, problem }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match (self.port, self.host.contains(':')) {
            (None, _) => f.write_str(&self.host),
            (Some(port), true) => write!(f, "[{}]:{port}", self.host),
            (Some(port), false) => write!(f, "{}:{port}", self.host),
        }
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        Self { user: None, host: address.to_string(), port: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Option<String>, String, u16) {
        let address: Address = text.parse().unwrap();
        assert_eq!(address.to_string().parse::<Address>().unwrap(), address, "{text}");
        (address.user().map(str::to_owned), address.host().to_owned(), address.port())
    }

    #[test]
    fn what_people_type_is_understood() {
        let robey = || Some("robey".to_owned());
        assert_eq!(parsed("example.com"), (None, "example.com".into(), 22));
        assert_eq!(parsed("robey@example.com"), (robey(), "example.com".into(), 22));
        assert_eq!(parsed("example.com:2222"), (None, "example.com".into(), 2222));
        assert_eq!(parsed("robey@127.0.0.1:65535"), (robey(), "127.0.0.1".into(), 65535));
        assert_eq!(parsed("robey@[::1]:2222"), (robey(), "::1".into(), 2222));
        assert_eq!(parsed("[2001:db8::1]"), (None, "2001:db8::1".into(), 22));
        assert_eq!(parsed("2001:db8::22"), (None, "2001:db8::22".into(), 22));
        assert_eq!(parsed("ssh://robey@[::1]:2222/"), (robey(), "::1".into(), 2222));
        assert_eq!(parsed("ssh://a%40b.c@example.com"), (Some("a@b.c".into()), "example.com".into(), 22));
        assert_eq!(parsed("fe80::1%eth0.1"), (None, "fe80::1%eth0.1".into(), 22));
        assert_eq!(parsed("a@b.c@example.com"), (Some("a@b.c".into()), "example.com".into(), 22));
        assert_eq!(parsed("DOMAIN\\robey@host_1"), (Some("DOMAIN\\robey".into()), "host_1".into(), 22));
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in [
            "",
            "@host",
            "robey@",
            ":22",
            "host:",
            "host:0",
            "host:65536",
            "host:+22",
            "host:22 ",
            "host:2x",
            "[::1",
            "[::1]22",
            "[::1]:",
            "[]:22",
            "[host]x",
            "a:b:c",
            "::1%",
            "::1%e/0",
            "1::2::3",
            "http://host",
            "ssh://host/path",
            "ssh://",
        ] {
            assert!(matches!(text.parse::<Address>(), Err(Error::Address { .. })), "{text:?}");
        }
    }

    #[test]
    fn defect_130_names_that_mean_something_to_a_shell_or_an_option_parser_are_refused() {
        for name in [
            "-x",
            "a b",
            "a\tb",
            "a\nb",
            "a\0b",
            "$(id)",
            "`id`",
            "a;b",
            "a|b",
            "a&b",
            "a>b",
            "a<b",
            "a'b",
            "a\"b",
            "a(b",
            "a{b",
            "a%b",
            "a\u{202e}b",
            "a\x7f",
        ] {
            assert!(name.parse::<Address>().is_err(), "host {name:?}");
            assert!(format!("{name}@host").parse::<Address>().is_err(), "user {name:?}");
            let mut address: Address = "host".parse().unwrap();
            assert!(address.set_user(name).is_err(), "set_user {name:?}");
        }
        assert!("robey\\@host".parse::<Address>().is_err());
        assert!("a/../b".parse::<Address>().is_err());
    }

    #[test]
    fn defect_144_an_encoded_nul_is_refused() {
        for text in ["%00@host", "robey@ho%00st", "robey%00x@host", "ssh://robey%00@host", "ssh://ho%00st"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn defect_072_names_have_a_length() {
        assert!(format!("{}@host", "a".repeat(1024)).parse::<Address>().is_ok());
        assert!(format!("{}@host", "a".repeat(1025)).parse::<Address>().is_err());
        assert!("a".repeat(256).parse::<Address>().is_err());
        let Err(error) = "\x1b".repeat(100_000).parse::<Address>() else { panic!() };
        assert!(error.to_string().len() < 2000);
    }
}
