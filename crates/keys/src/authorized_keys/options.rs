//! The options in front of a key.

use super::shown::quoted;
use crate::{PermitList, Permits, Restrictions, SourceList, moment};

/// As `restrict` and its like are read one after the other, the last word counts.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) restrictions: Restrictions,
    pub(super) cert_authority: bool,
    pub(super) principals: Option<Vec<String>>,
}

/// `tunnel="any"`: OpenSSH's number for it. A client that names a device does not get it.
const ANY_TUNNEL: u32 = 0x7fff_ffff;
/// The highest number of a device.
const MAX_TUNNEL: u32 = 0x7fff_fffd;

impl Default for Options {
    fn default() -> Self {
        Self { restrictions: Restrictions::none(), cert_authority: false, principals: None }
    }
}

/// Reads options, separated by commas. One that is not known refuses them all: it might be a restriction.
pub(super) fn parse(text: &[u8]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut rest = text;
    loop {
        let end = rest.iter().position(|byte| matches!(byte, b',' | b'=')).unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        let name = name.to_ascii_lowercase();
        rest = match after {
            [b'=', value @ ..] => {
                let (value, after) =
                    dequote(value).ok_or_else(|| format!("the value of {} is not quoted", quoted(&name)))?;
                options.set(&name, &value)?;
                after
            }
            after => {
                options.switch(&name)?;
                after
            }
        };
        rest = match rest {
            [] => return Ok(options),
            [b','] => return Err("a comma at the end of the options".to_owned()),
            [b',', rest @ ..] => rest,
            rest => return Err(format!("{} behind an option", quoted(rest))),
        };
    }
}

/// What stands between quotes, where only a quote can be escaped, and what follows.
fn dequote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut value = Vec::new();
    loop {
        match rest {
            [] => return None,
            [b'"', after @ ..] => return Some((value, after)),
            [b'\\', b'"', after @ ..] => {
                value.push(b'"');
                rest = after;
            }
            [byte, after @ ..] => {
                value.push(*byte);
                rest = after;
            }
        }
    }
}

impl Options {
    /// An option without a value.
    fn switch(&mut self, name: &[u8]) -> Result<(), String> {
        match name {
            // Nothing between two commas is no option, as in sshd.
            b"" => return Ok(()),
            b"restrict" => {
                self.restrictions.permits = Permits::NOTHING;
                return Ok(());
            }
            b"cert-authority" => {
                self.cert_authority = true;
                return Ok(());
            }
            _ => {}
        }
        let (name, on) = match name.strip_prefix(b"no-") {
            Some(name) => (name, false),
            None => (name, true),
        };
        let permits = &mut self.restrictions.permits;
        let switch = match name {
            b"pty" => &mut permits.pty,
            b"agent-forwarding" => &mut permits.agent_forwarding,
            b"x11-forwarding" => &mut permits.x11_forwarding,
            b"port-forwarding" => &mut permits.port_forwarding,
            b"user-rc" => &mut permits.user_rc,
            b"touch-required" => &mut self.restrictions.touch_required,
            b"verify-required" => &mut self.restrictions.verify_required,
            name => return Err(format!("an unknown option {}", quoted(name))),
        };
        *switch = on;
        Ok(())
    }

    /// An option with a value.
    fn set(&mut self, name: &[u8], value: &[u8]) -> Result<(), String> {
        let restrictions = &mut self.restrictions;
        match name {
            b"command" => once(&mut restrictions.command, value.to_vec(), "command"),
            b"principals" => once(&mut self.principals, principals(value)?, "principals"),
            b"from" => {
                if !restrictions.sources.is_empty() {
                    return Err("more than one from".to_owned());
                }
                let list = SourceList::patterns(value).map_err(|error| format!("from: {error}"))?;
                restrictions.sources.push(list);
                Ok(())
            }
            b"environment" => {
                let (name, value) = variable(value)?;
                // As in sshd, the first of a name counts.
                if !restrictions.environment.iter().any(|(known, _)| *known == name) {
                    restrictions.environment.push((name, value));
                }
                Ok(())
            }
            b"expiry-time" => {
                let moment = std::str::from_utf8(value).ok().and_then(moment::parse);
                let moment = moment
                    .ok_or_else(|| format!("expiry-time: {} is not a date or a time", quoted(value)))?;
                let moment = moment.earliest();
                restrictions.expires = restrictions.expires.into_iter().chain([moment]).min();
                Ok(())
            }
            b"permitopen" => {
                permit(&mut restrictions.open, value, "permitopen", |text| PermitList::open([text]))
            }
            b"permitlisten" => {
                permit(&mut restrictions.listen, value, "permitlisten", |text| PermitList::listen([text]))
            }
            b"tunnel" => {
                restrictions.tunnel = Some(tunnel(value)?);
                Ok(())
            }
            name => Err(format!("an unknown option {}", quoted(name))),
        }
    }
}

fn once<T>(place: &mut Option<T>, value: T, name: &str) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("more than one {name}")),
    }
}

/// All entries of one line make one list: what one of them permits is permitted.
fn permit(
    lists: &mut Vec<PermitList>,
    value: &[u8],
    name: &str,
    parse: impl Fn(&str) -> Result<PermitList, crate::KeyError>,
) -> Result<(), String> {
    let text = std::str::from_utf8(value).map_err(|_| format!("{name}: not UTF-8"))?;
    let entry = parse(text).map_err(|error| format!("{name}: {error}"))?;
    let list = lists.pop().unwrap_or_default().or(entry);
    lists.push(list);
    Ok(())
}

/// Names separated by commas; none at all for an empty value.
fn principals(value: &[u8]) -> Result<Vec<String>, String> {
    if value.is_empty() {
        return Ok(Vec::new());
    }
    let text = std::str::from_utf8(value).map_err(|_| "principals: not UTF-8".to_owned())?;
    if text.split(',').any(str::is_empty) {
        return Err("an empty name among the principals".to_owned());
    }
    Ok(text.split(',').map(str::to_owned).collect())
}

/// `NAME=value`, the name of letters, digits and underscores.
fn variable(value: &[u8]) -> Result<(String, Vec<u8>), String> {
    let bad = || format!("{} is not a variable and its value", quoted(value));
    let end = value.iter().position(|byte| *byte == b'=').ok_or_else(bad)?;
    let (name, rest) = value.split_at_checked(end).ok_or_else(bad)?;
    let good = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let name = std::str::from_utf8(name).ok().filter(|_| good).ok_or_else(bad)?;
    Ok((name.to_owned(), rest.strip_prefix(b"=").unwrap_or_default().to_vec()))
}

fn tunnel(value: &[u8]) -> Result<u32, String> {
    if value.eq_ignore_ascii_case(b"any") {
        return Ok(ANY_TUNNEL);
    }
    let digits = value.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse().ok());
    number
        .filter(|number| *number <= MAX_TUNNEL)
        .ok_or_else(|| format!("{} is not the number of a tunnel device", quoted(value)))
}
