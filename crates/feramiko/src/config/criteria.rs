//! The criteria of `Match`.

use std::net::IpAddr;

use feramiko_keys::pattern;

/// What the criteria are held against.
pub(super) trait Subject {
    /// Whether this is the pass after canonicalization.
    fn is_final(&self) -> bool;
    /// Somebody asks for that pass.
    fn want_final(&mut self);
    /// The host as far as it is known now.
    fn host(&self) -> Result<String, String>;
    fn original_host(&self) -> &str;
    fn user(&self) -> Result<String, String>;
    fn local_user(&self) -> String;
    fn tag(&self) -> String;
    fn command(&self) -> String;
    /// `shell`, `exec`, `subsystem` or `none`.
    fn session_type(&self) -> &'static str;
    /// Whether the command succeeds. Asked only where everything before it matched.
    fn succeeds(&self, command: &str) -> Result<bool, String>;
    /// `None` where nobody knows.
    fn addresses(&self) -> Option<Vec<IpAddr>>;
}

/// The version that `Match version` sees.
const VERSION: &str = concat!("feramiko_", env!("CARGO_PKG_VERSION"));
/// The criteria with an argument.
const WITH_ARGUMENT: [&str; 10] = [
    "host",
    "originalhost",
    "user",
    "localuser",
    "tagged",
    "command",
    "sessiontype",
    "version",
    "localnetwork",
    "exec",
];

/// Whether all criteria of a line are met.
///
/// # Errors
/// A criterion that is not known, or lacks its argument.
pub(super) fn matches(words: Vec<String>, subject: &mut dyn Subject) -> Result<bool, String> {
    let mut words = words.into_iter().peekable();
    let (mut result, mut count, mut only_passes) = (true, 0, true);
    while let Some(word) = words.next() {
        let (negated, name) = match word.strip_prefix('!') {
            Some(name) => (true, name),
            None => (false, word.as_str()),
        };
        let (name, attached) = match name.split_once('=') {
            Some((name, argument)) => (name, Some(argument.to_owned())),
            None => (name, None),
        };
        let name = name.to_ascii_lowercase();
        let met = match name.as_str() {
            "all" => {
                if !only_passes || words.next().is_some() {
                    return Err("all stands alone, or behind canonical or final".to_owned());
                }
                return Ok(result && !negated);
            }
            "canonical" => subject.is_final(),
            // `!final` too: for ssh the word asks for the pass, whatever stands before it.
            "final" => {
                subject.want_final();
                subject.is_final()
            }
            name if WITH_ARGUMENT.contains(&name) => {
                let argument = attached.or_else(|| words.next());
                let argument = argument.ok_or_else(|| format!("the criterion {name} has no argument"))?;
                if argument.is_empty() && !matches!(name, "tagged" | "command") {
                    return Err(format!("the criterion {name} has an empty argument"));
                }
                criterion(name, &argument, result, subject)?
            }
            name => return Err(format!("there is no criterion {name:?}")),
        };
        count += 1;
        only_passes &= matches!(name.as_str(), "canonical" | "final");
        result &= met != negated;
    }
    match count {
        0 => Err("Match needs a criterion".to_owned()),
        _ => Ok(result),
    }
}

fn criterion(name: &str, argument: &str, so_far: bool, subject: &mut dyn Subject) -> Result<bool, String> {
    let listed = |text: &str| pattern::list_matches_exactly(argument.as_bytes(), text.as_bytes());
    // Where there is neither, the empty argument matches.
    let optional = |text: &str| if text.is_empty() { argument.is_empty() } else { listed(text) };
    Ok(match name {
        // The case of a host's name does not count here, unlike behind Host.
        "host" => pattern::list_matches(argument.as_bytes(), subject.host()?.as_bytes()),
        "originalhost" => pattern::list_matches(argument.as_bytes(), subject.original_host().as_bytes()),
        "user" => listed(&subject.user()?),
        "localuser" => listed(&subject.local_user()),
        "tagged" => optional(&subject.tag()),
        "command" => optional(&subject.command()),
        "sessiontype" => listed(subject.session_type()),
        "version" => listed(VERSION),
        "localnetwork" => in_networks(argument, subject.addresses())?,
        // Not run in vain, as ssh does not: it may be slow, or have effects.
        _ => so_far && subject.succeeds(argument)?,
    })
}

/// Whether one of the addresses is in one of the networks (`192.0.2.0/24,2001:db8::/32`).
fn in_networks(networks: &str, addresses: Option<Vec<IpAddr>>) -> Result<bool, String> {
    let networks = networks.split(',').map(network).collect::<Result<Vec<_>, _>>()?;
    let addresses =
        addresses.ok_or("localnetwork: the addresses of this machine cannot be found out here")?;
    Ok(networks.iter().any(|network| addresses.iter().any(|address| contains(*network, *address))))
}

fn network(text: &str) -> Result<(IpAddr, u32), String> {
    let wrong = || format!("{text:?} is no network such as 192.0.2.0/24");
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        None => most,
        Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => bits.parse().map_err(|_| wrong())?,
        Some(_) => return Err(wrong()),
    };
    // A network with bits of a host in it is a mistake.
    match bits {
        0..=128 if bits <= most && bits_of(address).checked_shl(128 - most + bits).unwrap_or(0) == 0 => {
            Ok((address, bits))
        }
        _ => Err(wrong()),
    }
}

fn contains((network, bits): (IpAddr, u32), address: IpAddr) -> bool {
    let most = if network.is_ipv4() { 32 } else { 128 };
    network.is_ipv4() == address.is_ipv4()
        && (bits_of(network) ^ bits_of(address)).checked_shr(most - bits).unwrap_or(0) == 0
}

fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let addresses = || Some(vec!["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()]);
        for (list, expected) in [
            ("192.0.2.0/24", true),
            ("192.0.3.0/24", false),
            ("10.0.0.0/8,192.0.2.7", true),
            ("0.0.0.0/0", true),
            ("2001:db8::/32", true),
            ("2001:db9::/32", false),
            ("::/0", true),
            ("192.0.2.7/32", true),
            ("::c000:207/128", false),
        ] {
            assert_eq!(in_networks(list, addresses()), Ok(expected), "{list}");
        }
        for wrong in ["", "192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/", "!192.0.2.0/24", "host", "::1/127"] {
            assert!(in_networks(wrong, addresses()).is_err(), "{wrong}");
        }
        assert!(in_networks("0.0.0.0/0", None).is_err());
    }
}
