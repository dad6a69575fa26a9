//! The values of keywords: what is taken, and the one form in which each is kept, which is how `ssh -G` prints it.

use super::algorithms;
use super::forwarding::{forward, is_remote_open, tunnel_device};
use super::jump;
use super::keyword::Kind;
use super::lexer;
use super::number::{not_empty, number, seconds};
use super::tokens::environment;

/// The most files of keys or certificates (as for OpenSSH), of known hosts, and of everything else that adds up.
pub(super) const MOST: usize = 100;

/// How a value joins those that are there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Joining {
    /// The first counts.
    First(Vec<String>),
    /// It adds to the others, if it is new.
    Adds(String),
    /// Patterns of environment variables to send, or, with `-` in front, not to send.
    Names(Vec<String>),
}

/// Reads the arguments of a keyword; `variable` looks in the environment.
pub(super) fn read(
    kind: Kind,
    rest: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Joining, String> {
    let words = lexer::words(rest)?;
    let raw = || rest.trim_start_matches([' ', '\t', '\r', '=']);
    match kind {
        Kind::Rest => return Ok(Joining::First(vec![not_empty(raw())?.to_owned()])),
        Kind::Jump => {
            let text = raw().split('#').next().unwrap_or_default().trim_end();
            return Ok(Joining::First(vec![jump::canonical(text)?]));
        }
        _ => {}
    }
    let mut words = words.into_iter();
    let value = match kind {
        Kind::Words | Kind::Domains | Kind::Cnames | Kind::RemoteOpen | Kind::SetEnv => {
            let value = list(kind, words.by_ref().collect())?;
            return Ok(Joining::First(value));
        }
        Kind::SendEnv => {
            let names: Vec<String> = words.by_ref().collect();
            if names.is_empty() || names.iter().any(|name| name.is_empty() || name.contains('=')) {
                return Err("names of environment variables are wanted".to_owned());
            }
            return Ok(Joining::Names(names));
        }
        Kind::Forward(way) => {
            let value = forward(way, &mut words, variable)?;
            done(words)?;
            return Ok(Joining::Adds(value));
        }
        Kind::Rekey => rekey(&mut words)?,
        Kind::Qos => qos(&mut words)?,
        Kind::AddKeys => add_keys(&mut words)?,
        kind => {
            let word = not_empty(words.next().unwrap_or_default())?;
            if kind == Kind::Adds {
                done(words)?;
                return Ok(Joining::Adds(word));
            }
            vec![single(kind, word, variable)?]
        }
    };
    done(words)?;
    Ok(Joining::First(value))
}

fn done(mut words: impl Iterator<Item = String>) -> Result<(), String> {
    match words.next() {
        None => Ok(()),
        Some(word) => Err(format!("{word:?} is one argument too many")),
    }
}

/// One word.
fn single(kind: Kind, word: String, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    Ok(match kind {
        Kind::Flag => flag(&word).ok_or_else(|| format!("{word:?} is neither yes nor no"))?.to_owned(),
        Kind::Choice(choices) => choice(choices, &word)?.to_owned(),
        Kind::Integer => number(&word, i32::MAX as u64)?.to_string(),
        Kind::Port => match number(&word, u16::MAX.into()) {
            Ok(port @ 1..) => port.to_string(),
            _ => return Err(format!("{word:?} is no port from 1 to 65535")),
        },
        Kind::Time if word == "none" => word,
        Kind::Time => seconds(&word)?.to_string(),
        Kind::Algorithms(category) => {
            algorithms::check(category, &word)?;
            word
        }
        Kind::AgentForwarding => match flag(&word) {
            Some(flag) => flag.to_owned(),
            None => agent_path(word, variable)?,
        },
        Kind::AgentPath => agent_path(word, variable)?,
        Kind::Escape => escape(&word)?,
        Kind::Mask => match u32::from_str_radix(&word, 8) {
            Ok(mask @ ..=0o777) => format!("0{mask:o}"),
            _ => return Err(format!("{word:?} is no octal mask")),
        },
        Kind::TunnelDevice => tunnel_device(&word)?,
        Kind::Persist => match flag(&word) {
            Some(flag) => flag.to_owned(),
            None => match seconds(&word)? {
                0 => "yes".to_owned(),
                seconds => seconds.to_string(),
            },
        },
        Kind::Keystrokes => match (flag(&word), word.strip_prefix("interval:")) {
            (Some(flag), _) => flag.to_owned(),
            (None, Some(interval)) => match number(interval, 1000)? {
                0 => return Err("an interval of 0 is none".to_owned()),
                20 => "yes".to_owned(),
                interval => interval.to_string(),
            },
            _ => return Err(format!("{word:?} is neither yes, no nor interval:N")),
        },
        _ => word,
    })
}

fn flag(word: &str) -> Option<&'static str> {
    const FLAGS: [(&str, &str); 4] = [("yes", "yes"), ("true", "yes"), ("no", "no"), ("false", "no")];
    choice(&FLAGS, word).ok()
}

fn choice(choices: &'static [(&str, &str)], word: &str) -> Result<&'static str, String> {
    let found = choices.iter().find(|(choice, _)| choice.eq_ignore_ascii_case(word));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let all: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
        format!("{word:?} is none of {}", all.join(", "))
    })
}

fn list(kind: Kind, mut words: Vec<String>) -> Result<Vec<String>, String> {
    if words.is_empty() || words.iter().any(String::is_empty) {
        return Err("an argument is missing".to_owned());
    }
    if words.len() > MOST {
        return Err(format!("more than {MOST} arguments"));
    }
    let alone = |word: &String| {
        word.eq_ignore_ascii_case("none") || (kind == Kind::RemoteOpen && word.eq_ignore_ascii_case("any"))
    };
    if kind != Kind::SetEnv
        && words.len() > 1
        && let Some(word) = words.iter().find(|word| alone(word))
    {
        return Err(format!("{word} stands only alone"));
    }
    match kind {
        Kind::Domains => words.iter_mut().try_for_each(domain)?,
        Kind::Cnames => words.iter_mut().try_for_each(cname)?,
        Kind::RemoteOpen => {
            if let Some(word) = words.iter().find(|word| !alone(word) && !is_remote_open(word)) {
                return Err(format!("{word:?} is no host:port"));
            }
        }
        Kind::SetEnv => {
            let mut names: Vec<String> = Vec::new();
            for word in &words {
                let (name, _) = word.split_once('=').ok_or_else(|| format!("{word:?} is no NAME=value"))?;
                names.push(name.to_owned());
            }
            // The first counts.
            let mut numbers = 0..words.len();
            words.retain(|_| {
                let number = numbers.next().unwrap_or_default();
                let (before, from) = names.split_at(number.min(names.len()));
                from.first().is_some_and(|name| !before.contains(name))
            });
        }
        _ => {}
    }
    Ok(words)
}

fn domain(word: &mut String) -> Result<(), String> {
    let wrong = Err(format!("{word:?} is no domain"));
    word.make_ascii_lowercase();
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let begins_well = word.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !begins_well || word.contains("..") || !word.bytes().all(named) {
        return wrong;
    }
    if word.ends_with('.') {
        word.pop();
    }
    Ok(())
}

fn cname(word: &mut String) -> Result<(), String> {
    if word.eq_ignore_ascii_case("none") {
        return Ok(());
    }
    if word == "*" {
        *word = "*:*".to_owned();
        return Ok(());
    }
    word.make_ascii_lowercase();
    match word.split_once(':') {
        Some((_, target)) if !target.is_empty() => Ok(()),
        _ => Err(format!("{word:?} is no source:target of patterns")),
    }
}

fn agent_path(word: String, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    environment(&word, variable)?;
    if let Some(name) = word.strip_prefix('$').filter(|rest| !rest.starts_with('{')) {
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if name.is_empty() || !is_name {
            return Err(format!("{word:?} names no environment variable"));
        }
    }
    Ok(word)
}

/// As it is printed: a control character as `^X`.
fn escape(word: &str) -> Result<String, String> {
    let wrong = || format!("{word:?} is no escape character: one character, ^X or none");
    match word.as_bytes() {
        b"none" => Ok(word.to_owned()),
        [byte @ b'!'..=b'~'] => Ok(char::from(*byte).to_string()),
        [b'^', byte @ b'@'..=b'\x7f'] => Ok(format!("^{}", char::from(byte & 0x1f | 0x40))),
        _ => Err(wrong()),
    }
}

/// Bytes and seconds.
fn rekey(words: &mut impl Iterator<Item = String>) -> Result<Vec<String>, String> {
    let bytes = not_empty(words.next().unwrap_or_default())?;
    let wrong = || format!("{bytes:?} is no number of bytes such as 500M or 1G, at least 16");
    let amount = if bytes == "default" {
        0
    } else {
        let (digits, shift) = match bytes.strip_suffix(['k', 'K', 'm', 'M', 'g', 'G']) {
            Some(digits) => (
                digits,
                match bytes.bytes().last() {
                    Some(b'k' | b'K') => 10,
                    Some(b'm' | b'M') => 20,
                    _ => 30,
                },
            ),
            None => (bytes.as_str(), 0),
        };
        let amount = number(digits, i64::MAX as u64).map_err(|_| wrong())?;
        amount
            .checked_mul(1 << shift)
            .filter(|amount| *amount == 0 || (16..=i64::MAX as u64).contains(amount))
            .ok_or_else(wrong)?
    };
    let interval = match words.next() {
        None => 0,
        Some(word) if word == "none" => 0,
        Some(word) => seconds(&word)?,
    };
    Ok(vec![amount.to_string(), interval.to_string()])
}

const CLASSES: [(&str, u64); 26] = [
    ("none", u64::MAX),
    ("af11", 0x28),
    ("af12", 0x30),
    ("af13", 0x38),
    ("af21", 0x48),
    ("af22", 0x50),
    ("af23", 0x58),
    ("af31", 0x68),
    ("af32", 0x70),
    ("af33", 0x78),
    ("af41", 0x88),
    ("af42", 0x90),
    ("af43", 0x98),
    ("cs0", 0x00),
    ("cs1", 0x20),
    ("cs2", 0x40),
    ("cs3", 0x60),
    ("cs4", 0x80),
    ("cs5", 0xa0),
    ("cs6", 0xc0),
    ("cs7", 0xe0),
    ("ef", 0xb8),
    ("le", 0x04),
    ("lowdelay", 0x10),
    ("throughput", 0x08),
    ("reliability", 0x04),
];

fn qos(words: &mut impl Iterator<Item = String>) -> Result<Vec<String>, String> {
    let class = |word: &str| {
        let named = CLASSES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, value)| *value);
        let digits = match word.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok().filter(|value| *value <= 255),
            None => number(word, 255).ok(),
        };
        let value = named.or(digits).ok_or_else(|| format!("{word:?} is no class of service"))?;
        let name = CLASSES.iter().find(|(_, known)| *known == value).map(|(name, _)| (*name).to_owned());
        Ok::<_, String>(name.unwrap_or_else(|| format!("0x{value:02x}")))
    };
    let first = class(&not_empty(words.next().unwrap_or_default())?)?;
    let second = words.next().map(|word| class(&word)).transpose()?.unwrap_or_else(|| first.clone());
    Ok(vec![first, second])
}

fn add_keys(words: &mut impl Iterator<Item = String>) -> Result<Vec<String>, String> {
    const CHOICES: &[(&str, &str)] = &[
        ("true", "true"),
        ("yes", "true"),
        ("false", "false"),
        ("no", "false"),
        ("ask", "ask"),
        ("confirm", "confirm"),
    ];
    let first = not_empty(words.next().unwrap_or_default())?;
    match (choice(CHOICES, &first), words.next()) {
        (Ok("confirm"), Some(time)) => Ok(vec!["confirm".to_owned(), seconds(&time)?.to_string()]),
        (Ok(choice), None) => Ok(vec![choice.to_owned()]),
        (Err(_), None) => Ok(vec![seconds(&first)?.to_string()]),
        _ => Err("it takes yes, no, ask, confirm or a time".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keyword::Keyword;

    fn value(keyword: Keyword, rest: &str) -> Result<String, String> {
        let read = read(keyword.kind(), rest, &|name| (name == "SET").then(|| "there".to_owned()))?;
        Ok(match read {
            Joining::First(words) | Joining::Names(words) => words.join(" "),
            Joining::Adds(word) => word,
        })
    }

    #[test]
    fn values_have_one_form_each() {
        use Keyword as K;
        for (keyword, rest, expected) in [
            (K::BatchMode, "TRUE", "yes"),
            (K::StrictHostKeyChecking, "yes", "true"),
            (K::StrictHostKeyChecking, "off", "false"),
            (K::Port, "\"2200\" # comment", "2200"),
            (K::ConnectTimeout, "1h30m5", "5405"),
            (K::ConnectTimeout, "none", "none"),
            (K::RekeyLimit, "1G 1h", "1073741824 3600"),
            (K::RekeyLimit, "default none", "0 0"),
            (K::EscapeChar, "^]", "^]"),
            (K::EscapeChar, "none", "none"),
            (K::StreamLocalBindMask, "0117", "0117"),
            (K::IpQos, "0x10 8", "lowdelay throughput"),
            (K::IpQos, "af21", "af21 af21"),
            (K::TunnelDevice, "3", "3:any"),
            (K::AddKeysToAgent, "confirm 5m", "confirm 300"),
            (K::LogLevel, "debug1", "DEBUG"),
            (K::ControlPersist, "10m", "600"),
            (K::LocalForward, "8080 www:80", "8080 [www]:80"),
            (K::LocalForward, "[::1]:8080 [::2]:80", "[::1]:8080 [::2]:80"),
            (K::RemoteForward, "0 localhost:22", "0 [localhost]:22"),
            (K::DynamicForward, "*:1080", "[*]:1080"),
            (K::LocalForward, "/a/b /c/d", "/a/b /c/d"),
            (K::SetEnv, "A=1 B=\"2 3\" A=4", "A=1 B=2 3"),
            (K::CanonicalDomains, "Example.COM. b.org", "example.com b.org"),
            (K::ForwardAgent, "$SSH_AUTH_SOCK", "$SSH_AUTH_SOCK"),
            (K::IdentityAgent, "${SET}/sock", "${SET}/sock"),
            (K::ProxyCommand, "= exec nc \"%h\" %p # all of it", "exec nc \"%h\" %p # all of it"),
        ] {
            assert_eq!(value(keyword, rest).as_deref(), Ok(expected), "{keyword:?} {rest}");
        }
    }

    #[test]
    fn what_means_nothing_is_an_error() {
        use Keyword as K;
        for (keyword, rest) in [
            (K::BatchMode, "maybe"),
            (K::BatchMode, "yes no"),
            (K::Compression, "\"\""),
            (K::Port, "0"),
            (K::Port, "65536"),
            (K::Port, "4294967295"),
            (K::Port, "+22"),
            (K::ConnectTimeout, "5x"),
            (K::ConnectTimeout, "99999999999999999999"),
            (K::ConnectTimeout, "4000000000w"),
            (K::RekeyLimit, "15"),
            (K::RekeyLimit, "9999999999G"),
            (K::EscapeChar, "ab"),
            (K::EscapeChar, "é"),
            (K::StreamLocalBindMask, "888"),
            (K::UserKnownHostsFile, "none /a"),
            (K::SetEnv, "A"),
            (K::SendEnv, "A=b"),
            (K::LocalForward, "8080"),
            (K::LocalForward, "0 a:1"),
            (K::LocalForward, "8080 ::1:80"),
            (K::DynamicForward, "1080 x:1"),
            (K::CanonicalDomains, "-x"),
            (K::CanonicalizePermittedCnames, "a"),
            (K::PermitRemoteOpen, "host"),
            (K::IdentityAgent, "${UNSET}"),
            (K::IdentityAgent, "$a-b"),
            (K::ObscureKeystrokeTiming, "interval:1001"),
            (K::User, "\"unclosed"),
        ] {
            assert!(value(keyword, rest).is_err(), "{keyword:?} {rest}");
        }
    }

    #[test]
    fn no_is_not_read_as_yes_and_ports_are_ports() {
        assert_eq!(value(Keyword::ForwardX11, "no").as_deref(), Ok("no"));
        assert_eq!(value(Keyword::ForwardX11, "False").as_deref(), Ok("no"));
        assert!(value(Keyword::ForwardX11, "0").is_err() && value(Keyword::ForwardX11, "nope").is_err());
        assert!(value(Keyword::Port, "0xffffffff").is_err());
    }
}
