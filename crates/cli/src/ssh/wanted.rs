//! What the command line and the configuration ask for, put together.

use std::io::{self, IsTerminal};

use feramiko::agent::AgentSource;
use feramiko::config::{AgentChoice, DefaultAlgorithms, HostConfig, Keyword, SshConfig, Weight};
use feramiko::{Address, Algorithms, certificate};

use super::say;
use super::session::{Program, Wish};
use crate::args::SshArgs;

/// What the files and the flags say about a host.
///
/// # Errors
/// Words for the user.
pub(super) fn look_up(
    arguments: &SshArgs,
    address: &Address,
    user: Option<&str>,
) -> Result<HostConfig, String> {
    let mut config = match &arguments.config {
        Some(path) => SshConfig::file(path),
        None => SshConfig::usual(),
    };
    for line in arguments.lines() {
        config = config.option(line);
    }
    // The destination's own user and port count behind -l and -p.
    if let Some(user) = user {
        config = config.option(format!("User=\"{}\"", user.replace('\\', "\\\\")));
    }
    if let Some(port) = address.said_port() {
        config = config.option(format!("Port={port}"));
    }
    let config = config.command(arguments.command.join(" "));
    config.resolve(address.host()).map_err(|error| error.to_string())
}

/// Names what is asked for and not done: what may be missed, and at `-v` the rest.
pub(super) fn warn(host: &HostConfig) {
    let level = host.text(Keyword::LogLevel).unwrap_or_default();
    for warning in host.warnings() {
        let shown = match level {
            "SILENT" | "FATAL" | "ERROR" => false,
            "INFO" => warning.weight == Weight::Missing,
            _ => true,
        };
        if shown {
            say(&format!("feramiko: {warning}\n"));
        }
    }
}

/// Names the key files of `-i` that are not there: without a word the login would fail for another reason, it seems.
///
/// # Errors
/// Words for the user.
pub(super) fn miss_keys(arguments: &SshArgs, host: &HostConfig) -> Result<(), String> {
    let files = host.identity_files().map_err(|error| error.to_string())?;
    for file in files.iter().take(arguments.identity.len()) {
        // Beside the public half alone an agent may have the other.
        let mut public = file.clone().into_os_string();
        public.push(".pub");
        if !file.exists() && !std::path::Path::new(&public).exists() {
            say(&format!("feramiko: there is no key file {}\n", file.display()));
        }
    }
    Ok(())
}

/// Prints the configuration as `ssh -G` does.
///
/// # Errors
/// Words for the user.
pub(super) fn show(host: &HostConfig) -> Result<String, String> {
    let usual = Algorithms::default();
    let authorities = certificate::authority_algorithms().iter().map(|name| (*name).to_owned()).collect();
    let defaults = DefaultAlgorithms {
        kex: usual.kex,
        ciphers: usual.ciphers,
        macs: usual.macs,
        host_keys: usual.host_key,
        user_keys: usual.user_key,
        authorities,
    };
    let lines = host.lines(&defaults).map_err(|error| error.to_string())?;
    Ok(lines.join("\n") + "\n")
}

/// The session that is wanted; `None` for none (`-N`).
///
/// # Errors
/// Words for the user.
pub(super) fn wish(arguments: &SshArgs, host: &HostConfig) -> Result<Option<Wish>, String> {
    let typed = Some(arguments.command.join(" ")).filter(|line| !line.is_empty());
    let remote = host.remote_command().map_err(|error| error.to_string())?;
    let line = match (typed, remote) {
        (Some(_), Some(_)) => {
            return Err("there is a command, and a RemoteCommand too; RemoteCommand=none helps".to_owned());
        }
        (typed, remote) => typed.or(remote),
    };
    let program = match (host.text(Keyword::SessionType), line) {
        (None, _) => return Ok(None),
        (Some("subsystem"), Some(name)) => Program::Subsystem(name),
        (Some("subsystem"), None) => {
            return Err("which subsystem? Its name stands where a command would".to_owned());
        }
        (_, Some(line)) => Program::Command(line.into_bytes()),
        (_, None) => Program::Shell,
    };
    let no_input = host.flag(Keyword::StdinNull);
    let is_terminal = io::stdin().is_terminal() && !no_input;
    let terminal = match host.text(Keyword::RequestTty) {
        Some("force") => true,
        Some("true") => is_terminal,
        Some("auto") => is_terminal && matches!(program, Program::Shell),
        _ => false,
    };
    let escape = match host.text(Keyword::EscapeChar).map(str::as_bytes) {
        Some([byte]) => Some(*byte),
        Some([b'^', byte]) => Some(byte & 0x1f),
        _ => None,
    };
    Ok(Some(Wish { program, terminal, escape, env: environment(host), no_input, agent: agent(host)? }))
}

/// The agent to lend, if one is to be lent (ForwardAgent).
fn agent(host: &HostConfig) -> Result<Option<AgentSource>, String> {
    let choice = host.forward_agent().map_err(|error| error.to_string())?;
    Ok(match choice {
        AgentChoice::Socket(path) => Some(AgentSource::socket(path)),
        AgentChoice::Environment => Some(AgentSource::environment()).filter(AgentSource::is_named),
        _ => None,
    })
}

/// Variables for the host: SetEnv, and those here that SendEnv names. Without a SendEnv the language, as on Debian, and
/// nothing that could be a secret.
fn environment(host: &HostConfig) -> Vec<(String, Vec<u8>)> {
    let set = host.words(Keyword::SetEnv).into_iter().filter_map(|word| word.split_once('='));
    let mut all: Vec<(String, Vec<u8>)> =
        set.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect();
    let named = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_encoded_bytes()))
    };
    let is_sent = |name: &str| match host.is_set(Keyword::SendEnv) {
        true => host.sends(name),
        false => name == "LANG" || name.starts_with("LC_"),
    };
    let sent = std::env::vars_os().filter_map(named).filter(|(name, _)| is_sent(name));
    for (name, value) in sent {
        if !all.iter().any(|(known, _)| *known == name) {
            all.push((name, value));
        }
    }
    all
}

/// What `ssh -Q` lists.
///
/// # Errors
/// Words for the user.
pub(super) fn query(what: &str) -> Result<String, String> {
    let all = Algorithms::built_in();
    let certified = |name: &String| name.contains("-cert-v01");
    let plain = |names: Vec<String>| names.into_iter().filter(|name| !certified(name)).collect();
    let sealed = |name: &String| name.contains("-gcm@") || name.contains("poly1305");
    let names: Vec<String> = match what.to_ascii_lowercase().as_str() {
        "cipher" | "ciphers" => all.ciphers,
        "cipher-auth" => all.ciphers.into_iter().filter(sealed).collect(),
        "mac" | "macs" => all.macs,
        "kex" | "kexalgorithms" => all.kex,
        "key-sig" | "hostkeyalgorithms" | "pubkeyacceptedalgorithms" | "hostbasedacceptedalgorithms" => {
            all.host_key
        }
        "sig" => plain(all.host_key),
        "key" => keys(all.host_key),
        "key-plain" => keys(plain(all.host_key)),
        "key-cert" => keys(all.host_key.into_iter().filter(certified).collect()),
        "compression" => all.compression,
        "protocol-version" => vec!["2".to_owned()],
        "help" => {
            const QUERIES: [&str; 11] = [
                "cipher",
                "cipher-auth",
                "compression",
                "kex",
                "key",
                "key-cert",
                "key-plain",
                "key-sig",
                "mac",
                "protocol-version",
                "sig",
            ];
            QUERIES.map(str::to_owned).to_vec()
        }
        _ => return Err("there is no list of that; -Q help names those that are there".to_owned()),
    };
    Ok(names.join("\n") + "\n")
}

/// Types of keys: those of RSA have two signatures, and one name.
fn keys(signatures: Vec<String>) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for name in signatures {
        let key = match name.strip_prefix("rsa-sha2-") {
            Some(rest) => format!("ssh-rsa{}", rest.get(3..).unwrap_or_default()),
            None => name,
        };
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}
