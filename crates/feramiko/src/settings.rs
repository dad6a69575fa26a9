//! The keywords of ssh_config(5) that stand for settings of a connection.

use std::time::Duration;

use feramiko_keys::LEAST_RSA_BITS;
use feramiko_keys::certificate::authority_algorithms as authority_algorithms_built_in;
use feramiko_proto::{Algorithms, ClientConfig};

use crate::config::{HostConfig, Keyword};
use crate::error::Error;

/// What is said in code, and so not looked up in a configuration.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) algorithms: bool,
    pub(crate) keepalive: bool,
    /// A whole [`ClientConfig`].
    pub(crate) config: bool,
    pub(crate) tries: bool,
    pub(crate) identities_only: bool,
    pub(crate) min_rsa_bits: bool,
}

/// The methods of authentication in OpenSSH's order, and what turns each off.
const METHODS: [(&str, Keyword); 4] = [
    ("hostbased", Keyword::HostbasedAuthentication),
    ("publickey", Keyword::PubkeyAuthentication),
    ("keyboard-interactive", Keyword::KbdInteractiveAuthentication),
    ("password", Keyword::PasswordAuthentication),
];

/// The most bits of RSA keys.
const MAX_RSA_BITS: usize = 8192;

/// Sets what the host's configuration says and the program does not.
pub(crate) fn apply(config: &mut ClientConfig, said: &Said, host: &HostConfig) -> Result<(), Error> {
    if said.config {
        return Ok(());
    }
    let common = &mut config.common;
    if !said.algorithms {
        choose(&mut common.algorithms, host)?;
    }
    if !said.keepalive && host.is_set(Keyword::ServerAliveInterval) {
        common.timing.keepalive = host.seconds(Keyword::ServerAliveInterval);
        // Where nobody is given up, it takes long.
        common.timing.keepalive_max = match host.number(Keyword::ServerAliveCountMax) {
            0 => u32::MAX,
            most => u32::try_from(most).unwrap_or(u32::MAX),
        };
    }
    if !said.min_rsa_bits && host.is_set(Keyword::RequiredRsaSize) {
        common.min_rsa_bits = required_rsa_size(host)?;
    }
    if let [bytes, seconds] = host.words(Keyword::RekeyLimit).as_slice() {
        if let Ok(bytes @ 1..) = bytes.parse() {
            common.rekey.bytes = bytes;
        }
        if let Ok(seconds @ 1..) = seconds.parse() {
            common.rekey.interval = Some(Duration::from_secs(seconds));
        }
    }
    Ok(())
}

/// `RequiredRSASize`, below which nothing is taken either that OpenSSH never takes.
fn required_rsa_size(host: &HostConfig) -> Result<usize, Error> {
    const KEYWORD: Keyword = Keyword::RequiredRsaSize;
    let bits = usize::try_from(host.number(KEYWORD)).unwrap_or(usize::MAX).max(LEAST_RSA_BITS);
    match bits {
        ..=MAX_RSA_BITS => Ok(bits),
        _ => Err(host.error(KEYWORD, "RSA keys have at most 8192 bits here").into()),
    }
}

/// What authorities may sign with (`CASignatureAlgorithms`), as far as it is built in; `None` where nothing is said.
pub(crate) fn authority_algorithms(host: &HostConfig) -> Result<Option<Vec<String>>, Error> {
    let built_in: Vec<String> =
        authority_algorithms_built_in().iter().map(|name| (*name).to_owned()).collect();
    chosen(host, Keyword::CaSignatureAlgorithms, &built_in, &built_in)
}

/// The lists of algorithms, without what is not built in.
fn choose(algorithms: &mut Algorithms, host: &HostConfig) -> Result<(), Error> {
    let all = Algorithms::built_in();
    for (keyword, list, built_in) in [
        (Keyword::KexAlgorithms, &mut algorithms.kex, &all.kex),
        (Keyword::HostKeyAlgorithms, &mut algorithms.host_key, &all.host_key),
        (Keyword::PubkeyAcceptedAlgorithms, &mut algorithms.user_key, &all.user_key),
        (Keyword::Ciphers, &mut algorithms.ciphers, &all.ciphers),
        (Keyword::Macs, &mut algorithms.macs, &all.macs),
    ] {
        if let Some(names) = chosen(host, keyword, list, built_in)? {
            *list = names;
        }
    }
    if host.is_set(Keyword::Compression) {
        let names: &[&str] =
            if host.flag(Keyword::Compression) { &["zlib@openssh.com", "none"] } else { &["none"] };
        algorithms.compression = names.iter().map(|name| (*name).to_owned()).collect();
    }
    Ok(())
}

/// A list of algorithms without what is not built in; `None` where the keyword is not set.
fn chosen(
    host: &HostConfig,
    keyword: Keyword,
    default: &[String],
    built_in: &[String],
) -> Result<Option<Vec<String>>, Error> {
    let Some(names) = host.algorithms(keyword, default) else { return Ok(None) };
    let (have, lack): (Vec<String>, Vec<String>) =
        names.into_iter().partition(|name| built_in.contains(name));
    if !lack.is_empty() {
        tracing::debug!("{}: not built in: {}", keyword.name(), lack.join(","));
    }
    if have.is_empty() {
        return Err(host.error(keyword, "none of its algorithms is built in").into());
    }
    Ok(Some(have))
}

/// The methods that may be used, in order; `None` where nothing is said about them.
pub(crate) fn methods(host: &HostConfig) -> Option<Vec<String>> {
    let is_off = |name: &str| {
        let keyword = METHODS.iter().find(|(method, _)| *method == name).map(|(_, keyword)| *keyword);
        keyword.is_some_and(|keyword| {
            host.is_set(keyword) && host.text(keyword).is_some_and(|word| matches!(word, "no" | "false"))
        })
    };
    let preferred = host.text(Keyword::PreferredAuthentications);
    if preferred.is_none() && !METHODS.iter().any(|(name, _)| is_off(name)) {
        return None;
    }
    let names: Vec<&str> = match preferred {
        Some(names) => names.split(',').collect(),
        None => METHODS.iter().map(|(name, _)| *name).collect(),
    };
    Some(names.into_iter().filter(|name| !is_off(name)).map(str::to_owned).collect())
}
