//! known_hosts beside OpenSSH: what is found, removed and hidden as `ssh-keygen` does it, which keys are trusted as `ssh`
//! trusts them, and host keys that follow what a server announces.
//!
//! Where the two differ on purpose is not in the corpus: OpenSSH takes a tab behind a marker for damage and loses the names
//! behind an empty one (`a,,b`) when it hides them; a key of a type that it does not know means nothing to it, and it
//! does not rewrite a file with damaged lines, which stay as they are with us.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use feramiko::{Client, Connect, Error, HostKeyRefusal, KnownHosts, LookupName};
use feramiko_interop::{
    Finished, KeyType, OurServer, ServerSpec, Ssh, Sshd, host_key, host_keys, public_key, run, user_key,
};

fn keygen(arguments: &[&str], file: &Path) -> Finished {
    let mut command = Command::new("ssh-keygen");
    command.args(arguments).arg("-f").arg(file);
    run(command, b"")
}

/// The numbers of the lines that `ssh-keygen -F` finds.
fn found(arguments: &[&str], file: &Path) -> Vec<usize> {
    let output = keygen(arguments, file).text();
    let number = |line: &str| {
        let (_, rest) = line.strip_prefix("# Host ")?.split_once(" found: line ")?;
        rest.split(' ').next()?.trim().parse().ok()
    };
    output.lines().filter_map(number).collect()
}

/// Lines of every kind. With `damage`, those too that make `ssh-keygen` leave a file alone.
fn corpus(directory: &Path, damage: bool) -> PathBuf {
    let keys: Vec<String> = KeyType::ALL.into_iter().map(|kind| user_key(kind).public).collect();
    let mut text = String::from("# a comment\n\n   \t\n");
    let hosts = [
        "example.com",
        "Example.COM,192.0.2.1",
        "*.example.com",
        "*.example.com,!bad.example.com",
        "!bad.example.com,*.example.com",
        "!*.example.com",
        "[example.com]:2222",
        "[*.example.com]:*",
        "[example.com]:22*,example.org",
        "10.0.0.?",
        "10.0.*.1,::1",
        "[::1]:2222",
        "fe80::1%eth0",
        "2001:db8::*",
        "a,b,c",
        "under_score,xn--bcher-kva.example",
        "?",
        "*",
    ];
    for (number, hosts) in hosts.into_iter().enumerate() {
        let key = &keys[number % keys.len()];
        let line = match number % 7 {
            0 => format!("{hosts} {key}\n"),
            1 => format!("\t {hosts}\t{}\n", key.replace(' ', "\t")),
            2 => format!("{hosts} {key} with a comment \n"),
            3 => format!("{hosts}   {key}\r\n"),
            4 => format!("@revoked {hosts} {key}\n"),
            5 => format!("@cert-authority   {hosts} {key} ca\n"),
            _ => format!("{hosts} {key}   \n{hosts} {}\n", keys[(number + 1) % keys.len()]),
        };
        text += &line;
    }
    // Names that only those recognize who ask for them.
    let hidden = directory.join("hidden");
    fs::write(&hidden, format!("example.com {0}\n[example.com]:2222,::1 {0}\n", keys[0])).expect("a file");
    keygen(&["-H"], &hidden).expect_success("ssh-keygen -H");
    text += &fs::read_to_string(&hidden).expect("a file");
    if damage {
        let key = &keys[0];
        let cut = &key[..key.len() - 5];
        text += &format!(
            "example.com\nexample.com ssh-ed25519\n@unknown example.com {key}\n@revoked @revoked example.com {key}\n\
             |1|AAAA|BBBB {key}\n|2|x {key}\n\r\nexample.com {cut}\nexample.com ssh-rsa AAAA\n"
        );
    }
    text += &format!("last.example.com {}", keys[0]);
    let file = directory.join(if damage { "damaged" } else { "whole" });
    fs::write(&file, text).expect("a file");
    file
}

const NAMES: [(&str, u16); 17] = [
    ("example.com", 22),
    ("www.example.com", 22),
    ("bad.example.com", 22),
    ("last.example.com", 22),
    ("example.com", 2222),
    ("www.example.com", 2222),
    ("example.org", 22),
    ("192.0.2.1", 22),
    ("10.0.0.1", 22),
    ("10.0.0.10", 22),
    ("::1", 22),
    ("::1", 2222),
    ("fe80::1%eth0", 22),
    ("2001:db8::7", 22),
    ("b", 22),
    ("xn--bcher-kva.example", 22),
    ("nowhere.example.net", 2200),
];

#[test]
fn hosts_are_found_where_ssh_keygen_finds_them() {
    let directory = tempfile::tempdir().unwrap();
    for damage in [false, true] {
        let file = corpus(directory.path(), damage);
        let hosts = KnownHosts::load(&file).unwrap();
        for (host, port) in NAMES {
            let name = LookupName::new(host, port);
            let ours: Vec<_> = hosts.find(&name).map(|found| (found.line, found.key.is_some())).collect();
            let whole: Vec<usize> = ours.iter().filter(|(_, whole)| *whole).map(|(line, _)| *line).collect();
            let all: Vec<usize> = ours.iter().map(|(line, _)| *line).collect();
            assert_eq!(all, found(&["-F", name.as_str()], &file), "{name}");
            // With fingerprints it reads the keys too.
            assert_eq!(whole, found(&["-l", "-F", name.as_str()], &file), "{name}");
        }
    }
}

#[test]
fn fingerprints_are_those_that_ssh_keygen_tells() {
    let directory = tempfile::tempdir().unwrap();
    let file = corpus(directory.path(), false);
    let hosts = KnownHosts::load(&file).unwrap();
    let name = LookupName::new("example.com", 22);
    let told = keygen(&["-l", "-F", name.as_str()], &file).text();
    let mut told: Vec<&str> = told.split_whitespace().filter(|word| word.starts_with("SHA256:")).collect();
    let keys = hosts.find(&name).filter_map(|found| found.key);
    let mut ours: Vec<String> = keys.map(|key| key.fingerprint().to_string()).collect();
    told.sort_unstable();
    ours.sort_unstable();
    assert!(!ours.is_empty());
    assert_eq!(ours, told);
}

#[test]
fn hosts_are_removed_as_ssh_keygen_removes_them() {
    let directory = tempfile::tempdir().unwrap();
    for (host, port) in NAMES {
        let name = LookupName::new(host, port);
        let (theirs, ours) = (corpus(directory.path(), false), directory.path().join("ours"));
        fs::copy(&theirs, &ours).unwrap();
        keygen(&["-R", name.as_str()], &theirs).expect_success("ssh-keygen -R");
        KnownHosts::remove_from_file(&ours, &name).unwrap();
        let (theirs, ours) = (fs::read_to_string(&theirs).unwrap(), fs::read_to_string(&ours).unwrap());
        assert_eq!(ours, theirs, "{name}");
    }
    // What is damaged stays, byte for byte, where ssh-keygen would do nothing at all.
    let file = corpus(directory.path(), true);
    let before = fs::read_to_string(&file).unwrap();
    assert_eq!(keygen(&["-R", "last.example.com"], &file).code(), Some(1));
    // The lines of `*.example.com` name it too.
    let name = LookupName::new("last.example.com", 22);
    let lines =
        KnownHosts::load(&file).unwrap().find(&name).filter(|found| !found.text.starts_with(b"@")).count();
    assert_eq!(KnownHosts::remove_from_file(&file, &name).unwrap().len(), lines);
    let after = fs::read_to_string(&file).unwrap();
    assert!(after.lines().all(|line| before.lines().any(|kept| kept == line)));
    assert!(after.contains("|1|AAAA|BBBB ") && after.contains("\r\n") && !after.contains("last.example.com"));
}

#[test]
fn names_are_hidden_as_ssh_keygen_hides_them() {
    let directory = tempfile::tempdir().unwrap();
    let (theirs, ours) = (corpus(directory.path(), false), directory.path().join("ours"));
    fs::copy(&theirs, &ours).unwrap();
    keygen(&["-H"], &theirs).expect_success("ssh-keygen -H");
    KnownHosts::hash_file(&ours).unwrap();
    // The salts differ.
    let without_salt = |file: &Path| -> Vec<String> {
        let text = fs::read_to_string(file).unwrap();
        let hidden = |line: &str| match line.split_once(' ') {
            Some((name, key)) if name.starts_with("|1|") => format!("hidden {key}"),
            _ => line.to_owned(),
        };
        text.lines().map(hidden).collect()
    };
    assert_eq!(without_salt(&ours), without_salt(&theirs));
    for (host, port) in NAMES {
        let name = LookupName::new(host, port);
        let expected = found(&["-F", name.as_str()], &theirs);
        assert_eq!(found(&["-F", name.as_str()], &ours), expected, "{name}");
        let hosts = KnownHosts::load(&ours).unwrap();
        assert_eq!(hosts.find(&name).map(|found| found.line).collect::<Vec<_>>(), expected, "{name}");
    }
}

/// The end of a connection, as far as the host key goes.
#[derive(Debug, PartialEq)]
enum Verdict {
    Trusted,
    Unknown,
    Changed,
    Revoked,
}

fn verdict_of_ssh(ssh: &Ssh) -> Verdict {
    ssh.run("echo hello", b"");
    let log = ssh.log();
    match &*log {
        _ if ssh.authenticated() => Verdict::Trusted,
        log if log.contains("REVOKED HOST KEY DETECTED") => Verdict::Revoked,
        log if log.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") => Verdict::Changed,
        log if log.contains("host key is known for") => Verdict::Unknown,
        log => panic!("no verdict in\n{log}"),
    }
}

fn our_verdict(result: Result<Client, Error>) -> Verdict {
    match result {
        Ok(_) => Verdict::Trusted,
        Err(Error::HostKey(refusal)) => match *refusal {
            HostKeyRefusal::Unknown { .. } => Verdict::Unknown,
            HostKeyRefusal::Changed { .. } => Verdict::Changed,
            HostKeyRefusal::Revoked { .. } => Verdict::Revoked,
            other => panic!("{other}"),
        },
        Err(other) => panic!("{other}"),
    }
}

fn connect(address: std::net::SocketAddr, user: &str, known_hosts: &Path) -> Connect {
    Client::connect(address.to_string())
        .no_config()
        .user(user)
        .key_file(user_key(KeyType::Ed25519).path)
        .known_hosts(known_hosts)
}

#[test]
fn a_host_is_trusted_where_ssh_trusts_it() {
    use Verdict as V;
    let server = OurServer::start(&ServerSpec::default());
    let host = format!("[127.0.0.1]:{}", server.address().port());
    let right = host_key(KeyType::Ed25519).public;
    let (wrong, other) = (user_key(KeyType::Ed25519).public, user_key(KeyType::Rsa).public);
    let cases = [
        (String::new(), V::Unknown),
        (format!("{host} {right}"), V::Trusted),
        (format!("  {host}\t{right} a comment \r\n"), V::Trusted),
        (format!("{host} {wrong}\n{host} {right}\n"), V::Trusted),
        (format!("{host} {wrong}\n"), V::Changed),
        (format!("{host} {other}\n"), V::Changed),
        (format!("* {right}\n"), V::Trusted),
        (format!("!{host},[127.0.0.1]:* {right}\n"), V::Unknown),
        (format!("127.0.0.1 {right}\n"), V::Trusted),
        (format!("127.0.0.1 {wrong}\n"), V::Unknown),
        (format!("{host} {right}\n@revoked * {right}\n"), V::Revoked),
        (format!("@revoked {host} {wrong}\n{host} {right}\n"), V::Trusted),
        (format!("@cert-authority {host} {right}\n"), V::Unknown),
        (format!("@unknown {host} {right}\n"), V::Unknown),
        (format!("{host} {}\n", &right[..right.len() - 6]), V::Unknown),
    ];
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("known_hosts");
    for (text, expected) in cases {
        fs::write(&file, &text).unwrap();
        let ssh = Ssh::to(server.address()).key(&user_key(KeyType::Ed25519)).known_hosts(&text);
        assert_eq!(verdict_of_ssh(&ssh), expected, "ssh by {text:?}");
        let ours = connect(server.address(), feramiko_interop::USER, &file).wait();
        assert_eq!(our_verdict(ours), expected, "feramiko by {text:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

/// Lines of a host, in any order.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn we_follow_the_host_keys_of_sshd() {
    let sshd = Sshd::start();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("known_hosts");
    let host = format!("[127.0.0.1]:{}", sshd.address().port());
    // By RSA too: its proofs are signed with the algorithm that was negotiated.
    for known in [KeyType::Ed25519, KeyType::Rsa] {
        // Of the same type: what is known decides which key is asked for.
        let gone = user_key(known).public;
        let before = format!("# mine\n{host} {gone}\n{host} {}\n", host_key(known).public);
        fs::write(&file, before).unwrap();
        let client = connect(sshd.address(), sshd.user(), &file).update_host_keys(true).wait().unwrap();
        assert_eq!(client.command("echo hello").output().wait().unwrap().stdout, b"hello\n");
        let changes = client.host_key_update().wait().unwrap().expect("something to change");
        assert_eq!(changes.obsolete_keys(), [public_key(&gone)]);
        assert_eq!(changes.new_keys().len(), KeyType::ALL.len() - 1);
        client.close().wait();
        let mut expected: Vec<String> =
            host_keys().iter().map(|key| format!("{host} {}", key.public)).collect();
        expected.push("# mine".to_owned());
        expected.sort_unstable();
        assert_eq!(sorted(&fs::read_to_string(&file).unwrap()), expected);
    }
}

#[test]
fn ssh_follows_our_host_keys() {
    let server = OurServer::start(&ServerSpec::default());
    let host = format!("[127.0.0.1]:{}", server.address().port());
    for known in [KeyType::Ed25519, KeyType::Rsa] {
        // Of the same type: what is known decides which key is asked for.
        let gone = user_key(known).public;
        let before = format!("{host} {gone}\n{host} {}\n", host_key(known).public);
        let ssh = Ssh::to(server.address())
            .key(&user_key(KeyType::Ed25519))
            .option("UpdateHostKeys", "yes")
            .flag("-E")
            .flag("/dev/stderr")
            .known_hosts(&before);
        let mut running = ssh.start("cat");
        // The last thing that it tells before it replaces the file; it does not end before it has.
        running.wait_for_text("Deprecating obsolete hostkey");
        running.close_stdin();
        assert!(running.wait().unwrap().success(), "{}", running.log());
        let mut expected: Vec<String> =
            host_keys().iter().map(|key| format!("{host} {}", key.public)).collect();
        expected.sort_unstable();
        let after = fs::read_to_string(ssh.known_hosts_file()).unwrap();
        assert_eq!(sorted(&after), expected, "{}", running.log());
    }
}
