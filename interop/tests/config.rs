//! `ssh -G` and ours, on configurations as people write them (`interop/ssh_configs`).

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use feramiko::Algorithms;
use feramiko::config::{DefaultAlgorithms, Keyword, SshConfig, Surroundings, ThisMachine};
use feramiko_interop::run;

/// This machine, where homes are those of the system's accounts, as `ssh` has it.
struct Accounts;

impl Surroundings for Accounts {
    fn user(&self) -> Option<String> {
        ThisMachine.user()
    }

    fn uid(&self) -> u32 {
        ThisMachine.uid()
    }

    fn home_of(&self, user: Option<&str>) -> Option<String> {
        let own = self.user()?;
        ThisMachine.home_of(Some(user.unwrap_or(&own)))
    }

    fn machine(&self) -> String {
        ThisMachine.machine()
    }

    fn variable(&self, name: &str) -> Option<String> {
        ThisMachine.variable(name)
    }

    fn addresses(&self) -> Option<Vec<IpAddr>> {
        ThisMachine.addresses()
    }

    fn read(&self, path: &str, trusted: bool) -> Result<Option<Vec<u8>>, String> {
        ThisMachine.read(path, trusted)
    }

    fn list(&self, folder: &str) -> Vec<String> {
        ThisMachine.list(folder)
    }

    fn run(&self, command: &str) -> Result<bool, String> {
        ThisMachine.run(command)
    }

    fn lookup(&self, name: &str, alias: bool) -> Option<Option<String>> {
        ThisMachine.lookup(name, alias)
    }
}

/// What Debian's `ssh` prints where nothing is set, and what ours prints; OpenSSH's own defaults are ours, but for the least
/// size of RSA keys.
const DEFAULTS_OF_DEBIAN: [(&str, &str); 4] = [
    ("requiredrsasize 1024", "requiredrsasize 2048"),
    ("forwardx11trusted yes", "forwardx11trusted no"),
    ("ipqos lowdelay throughput", "ipqos af21 cs1"),
    ("serveraliveinterval 300", "serveraliveinterval 0"),
];
/// Lists whose defaults are each program's own.
const ALGORITHMS: [&str; 7] = [
    "ciphers",
    "macs",
    "kexalgorithms",
    "hostkeyalgorithms",
    "pubkeyacceptedalgorithms",
    "hostbasedacceptedalgorithms",
    "casignaturealgorithms",
];

/// The configurations, in a folder of their own, where the files that they include are.
fn configurations() -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("ssh_configs");
    fs::create_dir(folder.path().join("parts")).unwrap();
    let mut written = Vec::new();
    for part in ["", "parts"] {
        for entry in
            fs::read_dir(from.join(part)).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file())
        {
            let text = fs::read_to_string(entry.path()).unwrap();
            let to = folder.path().join(part).join(entry.file_name());
            fs::write(&to, text.replace("@DIR@", &folder.path().display().to_string())).unwrap();
            written.extend(Some(to).filter(|_| part.is_empty()));
        }
    }
    written.sort();
    (folder, written)
}

fn theirs(file: &Path, host: &str, options: &[&str]) -> BTreeSet<String> {
    let mut ssh = Command::new("ssh");
    ssh.arg("-G").arg("-F").arg(file).arg(host).env_remove("SSH_AUTH_SOCK");
    for option in options {
        ssh.arg("-o").arg(option);
    }
    let done = run(ssh, b"").expect_success("ssh -G");
    // A LocalForward to a socket is printed once more, as a DynamicForward, which no path can be.
    let theirs_alone = |line: &&str| line.starts_with("gssapi") || line.starts_with("dynamicforward /");
    done.text().lines().filter(|line| !theirs_alone(line)).map(str::to_owned).collect()
}

fn ours(file: &Path, host: &str, options: &[&str]) -> BTreeSet<String> {
    let mut config = SshConfig::file(file).surroundings(Arc::new(Accounts));
    for option in options {
        config = config.option(*option);
    }
    let usual = Algorithms::default();
    let plain = |name: &&String| !name.contains("-cert-v01@");
    let defaults = DefaultAlgorithms {
        authorities: usual.host_key.iter().filter(plain).cloned().collect(),
        kex: usual.kex,
        ciphers: usual.ciphers,
        macs: usual.macs,
        host_keys: usual.host_key,
        user_keys: usual.user_key,
    };
    config.resolve(host).unwrap().lines(&defaults).unwrap().into_iter().collect()
}

/// Compares, and says what differs.
fn compare(file: &Path, host: &str, options: &[&str]) {
    let (theirs, ours) = (theirs(file, host, options), ours(file, host, options));
    let text = fs::read_to_string(file).unwrap() + &options.join("\n");
    let text = text.to_lowercase().replace("keytypes", "algorithms");
    let keyword = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    // What nobody set is each program's own.
    let own = |line: &str| {
        let keyword = keyword(line);
        ALGORITHMS.contains(&keyword.as_str()) && !text.contains(&keyword)
    };
    let debian =
        |line: &str| DEFAULTS_OF_DEBIAN.iter().find(|(theirs, ours)| *theirs == line || *ours == line);
    let differs = |line: &&String, others: &BTreeSet<String>| {
        !others.contains(*line)
            && !own(line)
            && !debian(line).is_some_and(|(one, other)| others.contains(*one) || others.contains(*other))
    };
    let missing: Vec<&String> = theirs.iter().filter(|line| differs(line, &ours)).collect();
    let added: Vec<&String> = ours.iter().filter(|line| differs(line, &theirs)).collect();
    assert!(
        missing.is_empty() && added.is_empty(),
        "{} {host} {options:?}\nssh only:  {missing:#?}\nours only: {added:#?}",
        file.display()
    );
}

#[test]
fn configurations_mean_what_they_mean_to_ssh() {
    let (_folder, files) = configurations();
    assert!(files.len() >= 15, "{files:?}");
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let hosts = text.lines().next().unwrap().strip_prefix("# hosts: ").unwrap().to_owned();
        hosts.split(' ').for_each(|host| compare(file, host, &[]));
    }
}

#[test]
fn options_count_before_the_file_as_for_ssh() {
    let (_folder, files) = configurations();
    let file = files.iter().find(|file| file.ends_with("01-plain.conf")).unwrap();
    for options in [
        &["Port=99", "Port 98", "User=ada"][..],
        &["HostName=elsewhere.example.com", "ProxyJump=a,b"],
        &["ProxyCommand=nc %h %p", "ProxyJump=a"],
        &["IdentityFile=~/x", "IdentityFile /y", "SendEnv A B", "SendEnv -A", "SetEnv X=1"],
        &["StrictHostKeyChecking=accept-new", "BatchMode yes", "LogLevel=debug2"],
        &[
            "Ciphers=aes128-ctr,aes256-gcm@openssh.com",
            "MACs=hmac-sha2-256",
            "KexAlgorithms=curve25519-sha256",
        ],
        &["RequestTTY=force", "RemoteCommand=echo \"a b\" # c", "EscapeChar=none", "ControlPath=none"],
        &["UserKnownHostsFile=none", "GlobalKnownHostsFile=none", "IdentityFile=none"],
        &["CanonicalizeHostname=no", "AddKeysToAgent=1h", "RekeyLimit=default 10m", "TunnelDevice=any:3"],
        &["ObscureWhatever=yes", "IgnoreUnknown=obscure*"][1..],
    ] {
        compare(file, "web", options);
    }
}

#[test]
fn lists_are_put_together_as_ssh_does() {
    let (_folder, files) = configurations();
    let file = files.first().unwrap();
    let list = |lines: BTreeSet<String>, keyword: &str| -> Vec<String> {
        let line = lines.into_iter().find(|line| line.starts_with(&format!("{keyword} "))).unwrap();
        line.split(' ').nth(1).unwrap().split(',').map(str::to_owned).collect()
    };
    for (option, keyword) in [
        ("Ciphers=+3des-cbc,aes128-cbc", "ciphers"),
        ("Ciphers=^aes192-ctr,aes128-cbc", "ciphers"),
        ("Ciphers=-aes*-ctr", "ciphers"),
        ("MACs=-*sha1*", "macs"),
        ("KexAlgorithms=-diffie*", "kexalgorithms"),
        ("HostKeyAlgorithms=+ssh-rsa", "hostkeyalgorithms"),
        ("PubkeyAcceptedAlgorithms=^ssh-rsa*", "pubkeyacceptedalgorithms"),
    ] {
        let theirs = list(theirs(file, "x", &[option]), keyword);
        let ours = list(ours(file, "x", &[option]), keyword);
        let (_, value) = option.split_once('=').unwrap();
        match value.split_at(1) {
            // The names that were named are at the same end, in the same order.
            ("+", names) => {
                let count = names.split(',').count();
                assert_eq!(ours[ours.len() - count..], theirs[theirs.len() - count..], "{option}");
            }
            ("^", names) => {
                let count = names.split(',').count();
                assert_eq!(ours[..count], theirs[..count], "{option}");
            }
            // What theirs has lost ours has not either.
            _ => {
                let all = list(self::theirs(file, "x", &[]), keyword);
                let lost: Vec<&String> = all.iter().filter(|name| !theirs.contains(name)).collect();
                assert!(!lost.is_empty() && !ours.is_empty(), "{option}");
                assert!(lost.iter().all(|name| !ours.contains(name)), "{option}: {ours:?}");
            }
        }
    }
}

#[test]
fn what_is_wrong_for_ssh_is_wrong_here() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    for text in [
        "Prot 22",
        "Port",
        "Port 0",
        "Port 70000",
        "Compression maybe",
        "Ciphers aes128-ctr,aes129-ctr",
        "Ciphers none",
        "MACs +hmac-sha3",
        "HostKeyAlgorithms ssh-foo*",
        "CASignatureAlgorithms ssh-ed25519-cert-v01@openssh.com,nonsense",
        "User \"x",
        "ConnectTimeout 5x",
        "EscapeChar ab",
        "LocalForward 8080",
        "LocalForward 0 a:1",
        "Match nonsense x",
        "Match host",
        "CanonicalDomains -x",
        "RekeyLimit 15",
        "UserKnownHostsFile none /x",
        "StrictHostKeyChecking perhaps",
        "IdentityAgent ${NO_SUCH_VARIABLE_HERE}",
        "SetEnv A",
        "ProxyJump a:0",
        "Port 22 23",
    ] {
        fs::write(&file, format!("{text}\n")).unwrap();
        let mut ssh = Command::new("ssh");
        ssh.args(["-G", "-F"]).arg(&file).arg("host");
        assert_ne!(run(ssh, b"").code(), Some(0), "ssh takes {text:?}");
        let error = SshConfig::file(&file).resolve("host").expect_err(text);
        assert_eq!(error.place.map(|place| place.line), Some(1), "{text:?}");
    }
}

#[test]
fn every_keyword_that_ssh_prints_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    fs::write(&file, "").unwrap();
    for line in theirs(&file, "host", &[]) {
        let name = line.split(' ').next().unwrap().to_lowercase();
        assert!(name == "host" || Keyword::all().any(|keyword| keyword.name() == name), "{name}");
    }
}
