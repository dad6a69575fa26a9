//! Host keys by ssh_config(5): `ssh` and ours read the same file, and come to the same end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use feramiko::{Client, Error, HostKeyRefusal, PublicKey, SshfpRecord, SshfpVerdict, VerifyDns};
use feramiko_interop::{KeyType, Sshd, host_key, public_key, run, user_key};
use tempfile::TempDir;

fn keygen(arguments: &[&str]) -> String {
    let mut command = Command::new("ssh-keygen");
    command.args(arguments);
    run(command, b"").expect_success("ssh-keygen").text()
}

/// A server, and a folder for the files of whoever connects.
struct World {
    sshd: Sshd,
    folder: TempDir,
}

impl World {
    fn new(sshd: Sshd, folder: TempDir) -> Self {
        Self { sshd, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).display().to_string()
    }

    /// A known_hosts line of the server with that key.
    fn line(&self, key: &str) -> String {
        format!("[127.0.0.1]:{} {key}\n", self.sshd.address().port())
    }

    fn script(&self, name: &str, text: &str) -> String {
        let path = self.write(name, &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// `ssh_config` with these lines first.
    fn config(&self, known_hosts: &str, lines: &str) -> PathBuf {
        let known_hosts = self.write("known_hosts", known_hosts);
        let text = format!(
            "{lines}\nHost *\n HostName 127.0.0.1\n Port {}\n User {}\n UserKnownHostsFile {known_hosts}\n \
             GlobalKnownHostsFile none\n StrictHostKeyChecking yes\n UpdateHostKeys no\n IdentityFile {}\n \
             IdentityAgent none\n IdentitiesOnly yes\n BatchMode yes\n ControlPath none\n",
            self.sshd.address().port(),
            self.sshd.user(),
            user_key(KeyType::Ed25519).path.display(),
        );
        self.write("config", &text).into()
    }

    fn ssh(&self, config: &Path) -> bool {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(config).args(["alias", "true"]).env_remove("SSH_AUTH_SOCK");
        run(ssh, b"").code() == Some(0)
    }

    /// Both come to the same end; answers ours.
    fn both(&self, known_hosts: &str, lines: &str, expected: bool) -> Result<Client, Error> {
        let config = self.config(known_hosts, lines);
        assert_eq!(self.ssh(&config), expected, "ssh by {lines:?} and {known_hosts:?}");
        let ours = Client::connect("alias").config_file(config).wait();
        assert_eq!(ours.is_ok(), expected, "feramiko by {lines:?} and {known_hosts:?}: {ours:?}");
        ours
    }
}

#[test]
fn keywords_about_host_keys_mean_what_they_mean_to_ssh() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    // The Ed25519 key of the host, certified by an ECDSA key.
    let host = host_key(KeyType::Ed25519);
    fs::write(at("host.pub"), &host.public).unwrap();
    keygen(&["-q", "-t", "ecdsa", "-N", "", "-f", &at("ca")]);
    keygen(&["-q", "-s", &at("ca"), "-I", "host", "-h", "-n", "127.0.0.1", "-z", "7", &at("host.pub")]);
    let world = World::new(Sshd::builder().set("HostCertificate", &at("host-cert.pub")).start(), folder);
    let authority = fs::read_to_string(world.path("ca.pub")).unwrap();
    let certified = format!("@cert-authority {}", world.line(authority.trim()));
    let plain = world.line(&host.public);
    let rsa = world.line(&host_key(KeyType::Rsa).public);

    let (mine, other) =
        (world.write("mine", &host.public), world.write("other", &user_key(KeyType::Rsa).public));
    let (by_key, by_serial) = (world.path("key.krl"), world.path("serial.krl"));
    let (by_key, by_serial) = (by_key.display(), by_serial.display());
    keygen(&["-q", "-k", "-f", &by_key.to_string(), &mine]);
    let serials = world.write("serials", "serial: 7\n");
    let ca = world.path("ca.pub").display().to_string();
    keygen(&["-q", "-k", "-f", &by_serial.to_string(), "-s", &ca, &serials]);
    let nowhere = world.path("nowhere").display().to_string();
    let short = "HostKeyAlgorithms rsa-sha2-512\nRequiredRSASize";
    for (known, lines, expected) in [
        (&plain, String::new(), true),
        (&plain, format!("RevokedHostKeys {other}"), true),
        (&plain, format!("RevokedHostKeys {mine}"), false),
        (&plain, format!("RevokedHostKeys {by_key}"), false),
        (&certified, format!("RevokedHostKeys {other}"), true),
        (&certified, format!("RevokedHostKeys {ca}"), false),
        (&certified, format!("RevokedHostKeys {by_serial}"), false),
        (&plain, format!("RevokedHostKeys {nowhere}"), false),
        (&plain, "RevokedHostKeys none".to_owned(), true),
        (&certified, String::new(), true),
        (&certified, "CASignatureAlgorithms ecdsa-sha2-nistp256".to_owned(), true),
        (&certified, "CASignatureAlgorithms ssh-ed25519,rsa-sha2-512".to_owned(), false),
        (&certified, "CASignatureAlgorithms -ecdsa*".to_owned(), false),
        (&rsa, format!("{short} 2048"), true),
        (&rsa, format!("{short} 8192"), false),
        (&rsa, format!("{short} 9000"), false),
        (&String::new(), "NoHostAuthenticationForLocalhost yes".to_owned(), true),
        (&rsa, "NoHostAuthenticationForLocalhost yes\nHostKeyAlias other".to_owned(), false),
    ] {
        let _ = world.both(known, &lines, expected);
    }
}

#[test]
fn a_command_that_knows_hosts_is_asked_as_ssh_asks_it() {
    let world = World::new(Sshd::start(), tempfile::tempdir().unwrap());
    let (said, answer) = (world.path("said"), world.path("answer"));
    let script = format!("printf '%s\\n' \"$@\" '' >> {}\ncat {}", said.display(), answer.display());
    let command = world.script("keys", &script);
    let lines = format!("KnownHostsCommand {command} %I \"%H %n\" %t %f %K '%h' %p %r '#' %%");
    let right = world.line(&host_key(KeyType::Ed25519).public);
    let wrong = world.line(&user_key(KeyType::Ed25519).public);
    for (text, expected) in
        [(right.as_str(), true), (&wrong, false), ("", false), ("elsewhere ssh-ed25519 AAAA\n", false)]
    {
        world.write("answer", text);
        let config = world.config("", &lines);
        let asked = |connect: &dyn Fn() -> bool| {
            let _ = fs::remove_file(&said);
            assert_eq!(connect(), expected, "{text:?}");
            // For the order ssh 9.2 asks without the port, by which it finds no host of another port than 22.
            fs::read_to_string(&said).unwrap().replace(world.line("").trim_end_matches('\n'), "127.0.0.1 ")
        };
        let theirs = asked(&|| world.ssh(&config));
        let ours = asked(&|| Client::connect("alias").config_file(&config).wait().is_ok());
        assert_eq!(ours, theirs);
        assert!(
            ours.contains("ORDER\n") && ours.contains("HOSTNAME\n") && ours.contains("\n#\n%\n"),
            "{ours}"
        );
    }
    // Where the order is said, it is not asked about that.
    fs::remove_file(&said).unwrap();
    world.write("answer", &right);
    world.both("", &format!("HostKeyAlgorithms ssh-ed25519\n{lines}"), true).unwrap();
    assert!(!fs::read_to_string(&said).unwrap().contains("ORDER"));
    // The type of the key that it knows is asked for.
    world.write("answer", &world.line(&host_key(KeyType::Rsa).public));
    let client = Client::connect("alias").config_file(world.config("", &lines)).wait().unwrap();
    assert_eq!(client.host_key().algorithm(), "ssh-rsa");
    // What it revokes is revoked, and what a file knows counts beside it.
    world.write("answer", &format!("@revoked {right}"));
    assert!(matches!(world.both(&right, &lines, false), Err(Error::HostKey(_))));
    world.write("answer", "");
    world.both(&right, &lines, true).unwrap();
    // One that fails is trusted for nothing, and one that a shell would find is not run.
    let fails = world.script("fails", "exit 1");
    let _ = world.both(&right, &format!("KnownHostsCommand {fails}"), false);
    let found = world.config(&right, "KnownHostsCommand true");
    let refused = Client::connect("alias").config_file(found).wait();
    assert!(matches!(&refused, Err(Error::SshConfig(error)) if error.to_string().contains("absolute")));
}

#[test]
fn rsa_keys_of_1024_bits_are_for_those_who_ask_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    for name in ["host", "user"] {
        keygen(&["-q", "-t", "rsa", "-b", "1024", "-N", "", "-f", &at(name)]);
    }
    let public = |name: &str| fs::read_to_string(at(name) + ".pub").unwrap();
    let both = public("user") + &user_key(KeyType::Ed25519).public + "\n";
    // A server shows one key of a type: the first.
    let sshd = Sshd::builder().set("HostKey", &at("host")).set("RequiredRSASize", "1024");
    let known_key = public("host");
    let world = World::new(sshd.authorized_keys(&both).start(), folder);
    let known = world.line(known_key.trim());
    const ASKS: &str = "HostKeyAlgorithms rsa-sha2-256";
    // Ours has another default than ssh.
    let unasked = Client::connect("alias").config_file(world.config(&known, ASKS)).wait();
    assert!(matches!(unasked, Err(Error::Connection(_))), "{unasked:?}");
    world.both(&known, &format!("{ASKS}\nRequiredRSASize 1024"), true).unwrap();
    world.both(&known, &format!("{ASKS}\nRequiredRSASize 1025"), false).unwrap_err();
    // The user's.
    let ed25519 = world.line(&host_key(KeyType::Ed25519).public);
    let user = format!("IdentityFile {}", world.path("user").display());
    let lines = |bits: u32| format!("HostKeyAlgorithms ssh-ed25519\nRequiredRSASize {bits}\n{user}");
    let client = world.both(&ed25519, &lines(1024), true).unwrap();
    assert!(
        client.login_steps().iter().any(|step| step.detail.contains("ssh-rsa")),
        "{:?}",
        client.login_steps()
    );
    let client = world.both(&ed25519, &lines(2048), true).unwrap();
    assert!(
        client.login_steps().iter().all(|step| !step.detail.contains("ssh-rsa")),
        "{:?}",
        client.login_steps()
    );
}

/// What `ssh-keygen -r` prints for a zone file.
fn records(key: &str, secure: bool) -> Vec<SshfpRecord> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pub");
    fs::write(&file, key).unwrap();
    let printed = keygen(&["-r", "host.example.com", "-f", &file.display().to_string()]);
    let record = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["host.example.com", "IN", "SSHFP", algorithm, digest_type, digest] = words[..] else {
            panic!("{line}")
        };
        let pairs = digest.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        SshfpRecord {
            algorithm: algorithm.parse().unwrap(),
            digest_type: digest_type.parse().unwrap(),
            digest: pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect(),
            secure,
        }
    };
    let records: Vec<SshfpRecord> = printed.lines().map(record).collect();
    assert!(!records.is_empty(), "{printed}");
    records
}

#[test]
fn records_that_ssh_keygen_prints_vouch_for_the_keys_of_sshd() {
    let world = World::new(Sshd::start(), tempfile::tempdir().unwrap());
    for (kind, algorithm) in [
        (KeyType::Ed25519, "ssh-ed25519"),
        (KeyType::Ecdsa256, "ecdsa-sha2-nistp256"),
        (KeyType::Rsa, "rsa-sha2-512"),
    ] {
        let (right, wrong) = (host_key(kind).public, user_key(kind).public);
        let connect = |verify, records: Vec<SshfpRecord>| {
            let host_key = vec![algorithm.to_owned()];
            let algorithms = feramiko::Algorithms { host_key, ..Default::default() };
            // The DNS is asked about names only.
            let connect = Client::connect(format!("localhost:{}", world.sshd.address().port()));
            connect
                .no_config()
                .user(world.sshd.user())
                .key_file(user_key(KeyType::Ed25519).path)
                .known_hosts(world.path("none"))
                .algorithms(algorithms)
                .verify_host_key_dns(verify, move |_| Ok(records.clone()))
                .wait()
        };
        let verdict = |result: Result<Client, Error>| match result {
            Err(Error::HostKey(refusal)) => match *refusal {
                HostKeyRefusal::Unknown { dns, .. } => dns,
                other => panic!("{other}"),
            },
            other => panic!("{other:?}"),
        };
        let key: PublicKey = public_key(&right);
        let client = connect(VerifyDns::Yes, records(&right, true)).unwrap();
        assert_eq!(client.host_key(), &key);
        for (verify, shown, expected) in [
            (VerifyDns::Ask, records(&right, true), SshfpVerdict::Matching { secure: true }),
            (VerifyDns::Yes, records(&right, false), SshfpVerdict::Matching { secure: false }),
            (VerifyDns::Yes, records(&wrong, true), SshfpVerdict::Different),
            (VerifyDns::Yes, Vec::new(), SshfpVerdict::NoRecords),
        ] {
            assert_eq!(verdict(connect(verify, shown)), expected, "{algorithm}");
        }
    }
}
