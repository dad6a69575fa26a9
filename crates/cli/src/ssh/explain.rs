//! What went wrong, in words that help.

use std::fmt::Write as _;
use std::io::ErrorKind;

use feramiko::{ConnectionError, Error, FailedAddress, HostKeyRefusal};

use super::Target;

/// Why there is no connection.
pub(super) fn connecting(error: &Error, target: &Target) -> String {
    let host = target.name();
    match error {
        Error::Jump { host: hop, error } => {
            let hop = Target { host: hop.host.clone(), user: String::new(), port: hop.port };
            format!("on the way to {host}: {}", connecting(error, &hop))
        }
        Error::Lookup { host, message } => {
            format!("no host of the name {host} is known ({message}); is it spelled right?")
        }
        Error::Connect(failed) => refused(failed, target),
        Error::HostKey(refusal) => host_key(refusal),
        Error::Connection(end @ (ConnectionError::Eof { .. } | ConnectionError::Io { .. })) => {
            format!("{host} ended the connection before the login: {end}")
        }
        Error::SshConfig(error) => error.to_string(),
        error => format!("{host}: {error}"),
    }
}

fn refused(failed: &[FailedAddress], target: &Target) -> String {
    let mut words = format!("no connection to {} port {}", target.host, target.port);
    for one in failed {
        let _ = write!(words, "\n  {}: {}", one.address.ip(), one.message);
    }
    let all = |kind: ErrorKind| failed.iter().all(|one| one.kind == kind);
    words.push_str(if all(ErrorKind::ConnectionRefused) {
        "\nThe host is there, but nothing listens at that port: is the port right, and does a server run?"
    } else if all(ErrorKind::TimedOut) {
        "\nNothing answers: is the host up, and is a firewall in between?"
    } else if all(ErrorKind::NetworkUnreachable) || all(ErrorKind::HostUnreachable) {
        "\nNo way leads there: is this machine on the net?"
    } else {
        ""
    });
    words
}

/// A changed key is told so loudly that nobody takes it for one more question to say yes to.
fn host_key(refusal: &HostKeyRefusal) -> String {
    let shown = refusal.key();
    match refusal {
        HostKeyRefusal::Changed { host, known, .. } => {
            let mut words = format!(
                "THE HOST KEY HAS CHANGED\n\
                 **************************************************************\n\
                 *  STOP! This is not the host key that is known for {host}\n\
                 **************************************************************\n\
                 Either the host has got a new key, or somebody sits on the line between you and it and\n\
                 wants to read along.\n\n\
                 It shows   {} {}\n",
                shown.algorithm(),
                shown.fingerprint()
            );
            for one in known {
                let key = &one.key;
                let _ = writeln!(words, "known is   {} {}", key.algorithm, key.fingerprint());
                let _ = writeln!(words, "           in {} line {}", one.file.display(), key.line);
            }
            words.push_str(
                "\nThe connection was refused before anything was sent over it. Ask the host's owner which key is\n\
                 right. If it is the new one, forget the old one and connect again:",
            );
            let mut files: Vec<&std::path::Path> = known.iter().map(|one| one.file.as_path()).collect();
            files.dedup();
            for file in files {
                let (file, host) = (file.display().to_string(), host.to_string().to_ascii_lowercase());
                let quoted = |word: &str| String::from_utf8_lossy(&feramiko::quote(word)).into_owned();
                let _ = write!(words, "\n  ssh-keygen -R {} -f {}", quoted(&host), quoted(&file));
            }
            words
        }
        HostKeyRefusal::Revoked { host, file, line, .. } => format!(
            "THE HOST KEY IS REVOKED\n\
             {host} shows {} {}, and {} line {line} says that this key must not be trusted any more.\n\
             The connection was refused.",
            shown.algorithm(),
            shown.fingerprint(),
            file.display()
        ),
        refusal => refusal.to_string(),
    }
}

/// Why there is no session, though there is a connection.
pub(super) fn session(error: &Error) -> String {
    match error {
        Error::RequestRefused(name) if name == "pty-req" => {
            "the host gives out no terminal; -T asks for none".to_owned()
        }
        Error::RequestRefused(name) if name == "shell" => {
            "the host gives out no shell; it may run commands".to_owned()
        }
        Error::RequestRefused(name) if name == "exec" => {
            "the host runs no commands; it may give a shell".to_owned()
        }
        error => error.to_string(),
    }
}

/// The connection is gone, and nobody has closed it.
pub(super) fn lost(error: &Error, host: &str) -> String {
    match error {
        Error::Connection(ConnectionError::Disconnected { .. }) => {
            format!("{host} has ended the connection: {error}")
        }
        error => format!("the connection to {host} is lost: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use feramiko::{HostName, KnownAt, KnownKey};

    use super::*;

    fn target() -> Target {
        Target { host: "127.0.0.1".into(), user: "robey".into(), port: 2200 }
    }

    /// What is said about a hop names the hop: nobody is to forget the key of the host behind it.
    #[test]
    fn what_happened_at_a_hop_is_told_of_the_hop() {
        let key = feramiko::PrivateKey::generate(feramiko::KeyType::Ed25519).unwrap().public_key().clone();
        let known = KnownKey { line: 3, algorithm: key.algorithm().to_owned(), blob: key.blob().to_vec() };
        let known = vec![KnownAt { file: "/k".into(), key: known }];
        let host = HostName { host: "Bastion".into(), port: 22 };
        let refusal = HostKeyRefusal::Changed { host: host.clone(), key, known };
        let error = Error::Jump { host, error: Box::new(refusal.into()) };
        let words = connecting(&error, &target());
        assert!(words.starts_with("on the way to [127.0.0.1]:2200: THE HOST KEY HAS CHANGED"), "{words}");
        assert!(
            words.contains("known for Bastion\n") && words.contains("ssh-keygen -R bastion -f /k"),
            "{words}"
        );
        assert_eq!(words.matches("2200").count(), 1, "{words}");
    }

    #[test]
    fn a_refused_connection_says_what_may_be_wrong() {
        let failed = |kind| FailedAddress {
            address: ([127, 0, 0, 1], 2200).into(),
            kind,
            message: "as the system says".into(),
        };
        let words = connecting(&Error::Connect(vec![failed(ErrorKind::ConnectionRefused)]), &target());
        assert!(words.contains("127.0.0.1 port 2200") && words.contains("is the port right"), "{words}");
        let mixed = [ErrorKind::ConnectionRefused, ErrorKind::TimedOut].map(failed).to_vec();
        let words = connecting(&Error::Connect(mixed), &target());
        assert_eq!(words.matches("as the system says").count(), 2, "{words}");
        assert!(!words.contains("is the port right"), "{words}");
    }
}
