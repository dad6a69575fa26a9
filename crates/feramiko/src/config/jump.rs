//! Destinations as people write them: `user@host:port`, `ssh://user@host:port`, and the chains of ProxyJump.

use crate::names::{checked_host, checked_port, checked_user};

/// The most hops of one ProxyJump.
const MOST: usize = 16;

/// One hop on the way: a name that has a configuration of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jump {
    /// The user, where one is said.
    pub user: Option<String>,
    /// The host or its alias.
    pub host: String,
    /// The port, where one is said.
    pub port: Option<u16>,
}

impl std::fmt::Display for Jump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Three parts of a destination, not yet checked.
pub(crate) struct Parts {
    pub(crate) user: Option<String>,
    pub(crate) host: String,
    pub(crate) port: Option<String>,
}

/// Takes a destination apart: `ssh://` or `user@host:port`.
pub(crate) fn parts(text: &str) -> Result<Parts, &'static str> {
    match text.strip_prefix("ssh://") {
        Some(uri) => uri_parts(uri),
        None if text.contains("://") => Err("only ssh:// is understood"),
        None => {
            // The last @: a user's name may be an e-mail address.
            let (user, place) = match text.rsplit_once('@') {
                Some((user, place)) => (Some(user.to_owned()), place),
                None => (None, text),
            };
            let (host, port) = split_port(place)?;
            Ok(Parts { user, host: host.to_owned(), port: port.map(str::to_owned) })
        }
    }
}

/// `[user[;parameters]@]host[:port][/]`, where the user may be percent-encoded.
fn uri_parts(uri: &str) -> Result<Parts, &'static str> {
    let place = uri.strip_suffix('/').unwrap_or(uri);
    let (user, place) = match place.split_once('@') {
        Some((user, place)) => (Some(decoded(user.split(';').next().unwrap_or_default())?), place),
        None => (None, place),
    };
    if place.contains('/') {
        return Err("an ssh:// URI has no path");
    }
    let (host, port) = split_port(place)?;
    Ok(Parts { user, host: host.to_owned(), port: port.map(str::to_owned) })
}

fn decoded(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "a % in it is not followed by two hexadecimal digits";
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let [high, low, after @ ..] = rest else { return Err(WRONG) };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else { return Err(WRONG) };
        match high << 4 | low {
            0 => return Err("a NUL is encoded in it"),
            byte => bytes.push(byte),
        }
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| "what is encoded in it is not UTF-8")
}

/// Host and port: brackets, or at most one colon, or a bare IPv6 address.
fn split_port(place: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("a bracket is not closed")?;
        let port = match rest {
            "" => None,
            rest => Some(rest.strip_prefix(':').ok_or("after the bracket may only come :port")?),
        };
        return Ok((host, port));
    }
    match place.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Ok((place, None)),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((place, None)),
    }
}

/// A ProxyJump as it is printed, its grammar checked. Names are checked when tokens are expanded.
pub(super) fn canonical(text: &str) -> Result<String, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok("none".to_owned());
    }
    let hops: Vec<&str> = text.split(',').collect();
    if hops.len() > MOST {
        return Err(format!("more than {MOST} hops"));
    }
    let mut last = String::new();
    for hop in &hops {
        let Parts { user, host, port } =
            parts(hop).map_err(|problem| format!("the hop {hop:?}: {problem}"))?;
        if host.is_empty() || user.as_deref() == Some("") {
            return Err(format!("the hop {hop:?} names no host"));
        }
        let port = port.map(|port| checked_port(&port)).transpose()?;
        let numeric = host.contains(':') || host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let user = user.map(|user| user + "@").unwrap_or_default();
        let host = if numeric { format!("[{host}]") } else { host };
        last = user + &host + &port.map(|port| format!(":{port}")).unwrap_or_default();
    }
    let before = text.rsplit_once(',').map(|(before, _)| format!("{before},")).unwrap_or_default();
    Ok(before + &last)
}

/// The hops of a ProxyJump whose tokens are expanded, from here to there.
pub(super) fn hops(text: &str) -> Result<Vec<Jump>, String> {
    let hop = |hop: &str| -> Result<Jump, &'static str> {
        let Parts { user, host, port } = parts(hop)?;
        Ok(Jump {
            user: user.map(|user| checked_user(&user)).transpose()?,
            host: checked_host(&host)?,
            port: port.map(|port| checked_port(&port)).transpose()?,
        })
    };
    text.split(',').map(|text| hop(text).map_err(|problem| format!("the hop {text:?}: {problem}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_of_hops() {
        assert_eq!(canonical("u@a:1,b,c@[::1]:33").as_deref(), Ok("u@a:1,b,c@[::1]:33"));
        assert_eq!(canonical("10.0.0.1").as_deref(), Ok("[10.0.0.1]"));
        assert_eq!(canonical("a,ssh://robey@b:2200").as_deref(), Ok("a,robey@b:2200"));
        assert_eq!(canonical("NONE").as_deref(), Ok("none"));
        assert_eq!(canonical("%r@bastion").as_deref(), Ok("%r@bastion"));
        let hops = hops("a,robey@[::1]:33").unwrap();
        assert_eq!(hops[0], Jump { user: None, host: "a".into(), port: None });
        assert_eq!(hops[1], Jump { user: Some("robey".into()), host: "::1".into(), port: Some(33) });
        for wrong in ["", ",a", "a,", "@a", "a:0", "a:x", "http://a", "ssh://a/path", &"a,".repeat(20)] {
            assert!(canonical(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn defect_130_a_hop_is_a_name_and_nothing_more() {
        for hop in ["-oProxyCommand=x", "a;b", "$(id)", "a b", "-x@a", "`id`@a", "a@b'", "a\0b"] {
            assert!(hops(hop).is_err(), "{hop:?}");
        }
    }

    #[test]
    fn uris_are_taken_apart() {
        let uri = parts("ssh://robey%40example.org;x=y@host:2200/").unwrap();
        assert_eq!(uri.user.as_deref(), Some("robey@example.org"));
        assert_eq!((uri.host.as_str(), uri.port.as_deref()), ("host", Some("2200")));
        for wrong in ["ssh://a%zz@h", "ssh://a%@h", "ssh://a%ff@h", "ssh://h/path", "scp://h"] {
            assert!(parts(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn defect_144_a_nul_that_is_encoded_in_a_uri_is_refused() {
        for wrong in ["ssh://robey%00@host", "ssh://%00@host", "ssh://robey%00x@host:22/"] {
            assert!(parts(wrong).is_err(), "{wrong}");
        }
    }
}
