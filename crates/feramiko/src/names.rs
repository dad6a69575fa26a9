//! Names of users and hosts, checked before anything is done with them: they reach command lines, paths and logs.

use std::net::Ipv6Addr;

use feramiko_wire::sanitize;

/// The most bytes of a user name.
const MAX_USER: usize = 1024;
/// The most bytes of a host name (RFC 1035 section 3.1).
const MAX_HOST: usize = 255;

pub(crate) fn checked_user(user: &str) -> Result<String, &'static str> {
    let forbidden =
        |c: char| c.is_control() || c.is_whitespace() || "'\"`$;&<>|(){}[]%*?!".contains(c) || is_hidden(c);
    match user {
        "" => Err("the user's name is empty"),
        user if user.len() > MAX_USER => Err("the user's name is too long"),
        user if user.starts_with('-') => Err("a user's name does not begin with -"),
        user if user.ends_with('\\') => Err("a user's name does not end with a backslash"),
        user if user.contains(forbidden) => Err("the user's name holds a character that no name has"),
        user => Ok(user.to_owned()),
    }
}

pub(crate) fn checked_host(host: &str) -> Result<String, &'static str> {
    if host.contains(':') {
        let (address, zone) = match host.split_once('%') {
            Some((address, zone)) => (address, Some(zone)),
            None => (host, None),
        };
        let named = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let zone_is_good = zone.is_none_or(|zone| !zone.is_empty() && zone.chars().all(named));
        return match address.parse::<Ipv6Addr>() {
            Ok(_) if zone_is_good => Ok(host.to_owned()),
            _ => Err("it is neither host:port nor an IPv6 address"),
        };
    }
    let named = |c: char| c.is_alphanumeric() || "._-".contains(c);
    match host {
        "" => Err("the host's name is empty"),
        host if host.len() > MAX_HOST => Err("the host's name is too long"),
        host if host.starts_with('-') => Err("a host's name does not begin with -"),
        host if !host.chars().all(named) => Err("the host's name holds a character that no name has"),
        host => Ok(host.to_owned()),
    }
}

pub(crate) fn checked_port(port: &str) -> Result<u16, &'static str> {
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port @ 1..) if digits => Ok(port),
        _ => Err("a port is a number from 1 to 65535"),
    }
}

/// Characters that show nothing, or reorder what is shown.
fn is_hidden(c: char) -> bool {
    sanitize(c.encode_utf8(&mut [0; 4]).as_bytes()).contains('\u{fffd}')
}
