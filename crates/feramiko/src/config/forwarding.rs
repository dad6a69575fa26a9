//! The values of keywords about forwarding: ends of connections, and devices.

use super::keyword::Forward;
use super::number::{not_empty, number};
use super::tokens::environment;

/// `[host:]port` or a socket's path, and where it leads.
pub(super) fn forward(
    way: Forward,
    words: &mut impl Iterator<Item = String>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let wrong = |word: &str| format!("{word:?} is no [address:]port and no path");
    let mut ends =
        words.take(if way == Forward::Dynamic { 1 } else { 2 }).map(|word| environment(&word, variable));
    let listen = not_empty(ends.next().unwrap_or_else(|| Ok(String::new()))?)?;
    let target = ends.next().transpose()?;
    let end = |word: &str, zero: bool, host_needed: bool| -> Result<String, String> {
        if word.contains('/') && !word.starts_with('[') && word.split(':').count() == 1 {
            return Ok(word.to_owned());
        }
        let (host, port) = match word.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or_else(|| wrong(word))?;
                (Some(host), rest.strip_prefix(':').ok_or_else(|| wrong(word))?)
            }
            None => word.rsplit_once(':').map_or((None, word), |(host, port)| (Some(host), port)),
        };
        let port =
            number(port, u16::MAX.into()).ok().filter(|port| zero || *port > 0).ok_or_else(|| wrong(word))?;
        match host {
            Some(host) if word.starts_with('[') || !host.contains(':') => Ok(format!("[{host}]:{port}")),
            None if !host_needed => Ok(port.to_string()),
            _ => Err(wrong(word)),
        }
    };
    let remote = way == Forward::Remote;
    let listen = end(&listen, remote, false)?;
    match target {
        Some(target) => Ok(format!("{listen} {}", end(&target, false, true)?)),
        None if way == Forward::Local => Err("it says not where it leads".to_owned()),
        None if remote => Ok(format!("{listen} [socks]:0")),
        None => Ok(listen),
    }
}

/// Whether it is a `host:port` of PermitRemoteOpen.
pub(super) fn is_remote_open(word: &str) -> bool {
    let port = match word.strip_prefix('[').map(|rest| rest.split_once("]:")) {
        Some(bracketed) => bracketed.map(|(_, port)| port),
        None => word.split_once([':', '/']).map(|(_, port)| port),
    };
    port.is_some_and(|port| port == "*" || matches!(number(port, u16::MAX.into()), Ok(1..)))
}

/// The numbers of two devices, of which the second may be left out.
pub(super) fn tunnel_device(word: &str) -> Result<String, String> {
    let one = |end: &str| match end {
        end if end.eq_ignore_ascii_case("any") => Ok("any".to_owned()),
        end => number(end, 0x7fff_fffd).map(|number| number.to_string()),
    };
    match word.split_once(':') {
        Some((local, remote)) => Ok(format!("{}:{}", one(local)?, one(remote)?)),
        None => Ok(format!("{}:any", one(word)?)),
    }
}
