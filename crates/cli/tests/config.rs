//! `feramiko ssh` with configurations and flags, beside `ssh`.
#![cfg(unix)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use common::{Home, feramiko};
use feramiko_interop::{KeyType, Sshd, host_key, run, user_key};

/// The lines of `-G` that are the same everywhere: algorithms and three defaults are each program's own.
fn shown(mut command: Command) -> BTreeSet<String> {
    let done = run(
        {
            command.env_remove("SSH_AUTH_SOCK");
            command
        },
        b"",
    )
    .expect_success("-G");
    const OWN: [&str; 11] = [
        "gssapi",
        "ciphers",
        "macs",
        "kexalgorithms",
        "hostkeyalgorithms",
        "pubkeyacceptedalgorithms",
        "hostbasedacceptedalgorithms",
        "casignaturealgorithms",
        "forwardx11trusted",
        "ipqos",
        "requiredrsasize",
    ];
    let text = done.text();
    let common = text.lines().filter(|line| !OWN.iter().any(|own| line.starts_with(own)));
    // Where `~` leads is tested with the configurations; here homes differ.
    common.filter(|line| !line.starts_with("userknownhostsfile")).map(str::to_owned).collect()
}

#[test]
fn flags_mean_what_they_mean_to_ssh() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    fs::write(&file, "Host web\n HostName web.example.com\n Port 22\nMatch originalhost other\n User up\n")
        .unwrap();
    let file = file.to_str().unwrap();
    let key = user_key(KeyType::Ed25519).path.display().to_string();
    for arguments in [
        &["web"][..],
        &["-p", "2200", "-l", "robey", "web"],
        &["-p2200", "-oPort=1", "robey@web"],
        &["-oPort=1", "-p2200", "-lada", "robey@web"],
        &["web", "-4", "-A"],
        &["-6", "-a", "-C", "-n", "web"],
        &["-tt", "web", "uptime"],
        &["-t", "web"],
        &["-T", "-q", "web", "ls", "-l"],
        &["-N", "web"],
        &["-s", "web", "sftp"],
        &["-J", "a,b@c:1", "web"],
        &["-b", "127.0.0.1", "-e", "^]", "web"],
        &["-v", "web"],
        &["-vvv", "web"],
        &["-i", &key, "web"],
        &["ssh://robey@web:2222"],
        &["-o", "User=\"DOM\\\\x\"", "web"],
    ] {
        let mut theirs = Command::new("ssh");
        theirs.args(["-G", "-F", file]).args(arguments);
        let mut ours = Command::new(feramiko());
        ours.args(["ssh", "-G", "-F", file]).args(arguments);
        let (theirs, ours) = (shown(theirs), shown(ours));
        let only = |these: &BTreeSet<String>, those: &BTreeSet<String>| -> Vec<String> {
            these.difference(those).cloned().collect()
        };
        assert!(
            theirs == ours,
            "{arguments:?}\nssh: {:?}\nours: {:?}",
            only(&theirs, &ours),
            only(&ours, &theirs)
        );
    }
}

#[test]
fn what_does_not_work_says_so() {
    for (arguments, expected) in [
        (&["-L", "8080:a:1", "web"][..], "-L: ports are not forwarded yet"),
        (&["-o", "Nonsense=yes", "web"], "there is no keyword \"nonsense\""),
        (&["-o", "ProxyUseFdpass=yes", "web"], "proxyusefdpass is not supported"),
        (&["-F", "/does/not/exist", "web"], "there is no file /does/not/exist"),
        (&["-c", "aes129-ctr", "web"], "there is no algorithm \"aes129-ctr\""),
        (&["-Q", "nonsense"], "-Q help"),
        (&["-p", "0", "web"], "is no port"),
        (&["--", "-oProxyCommand=x"], "does not begin with -"),
        (&["we;b"], "no name has"),
    ] {
        let home = Home::new();
        let done = run(home.ssh(arguments), b"");
        assert_eq!(done.code(), Some(255), "{arguments:?}");
        assert!(done.errors().contains(expected), "{arguments:?}: {}", done.errors());
    }
}

#[test]
fn algorithms_are_listed_as_ssh_lists_them() {
    for what in [
        "cipher",
        "cipher-auth",
        "mac",
        "kex",
        "key",
        "key-plain",
        "key-cert",
        "key-sig",
        "sig",
        "compression",
    ] {
        let ours = run(Home::new().ssh(&["-Q", what]), b"").expect_success("-Q").text();
        let mut ssh = Command::new("ssh");
        ssh.args(["-Q", what]);
        let theirs = run(ssh, b"").expect_success("ssh -Q").text();
        let common = ours.lines().filter(|name| theirs.lines().any(|known| known == *name)).count();
        assert!(common >= 3.min(theirs.lines().count()), "{what}\n{ours}");
    }
}

/// A user at home whose configuration knows a server by a short name.
fn at_home(sshd: &Sshd, more: &str) -> Home {
    let home = Home::new();
    let (address, key) = (sshd.address(), user_key(KeyType::Ed25519).path);
    let text = format!(
        "{more}\nHost box hop\n HostName {}\n Port {}\n User {}\n IdentityFile {}\n HostKeyAlias box-key\n IdentityAgent none\n",
        address.ip(),
        address.port(),
        sshd.user(),
        key.display()
    );
    fs::write(home.0.path().join(".ssh/config"), text).unwrap();
    fs::write(home.known_hosts(), format!("box-key {}\n", host_key(KeyType::Ed25519).public)).unwrap();
    home
}

#[test]
fn a_short_name_is_enough_and_settings_are_kept() {
    let sshd = Sshd::builder().set("AcceptEnv", "*").start();
    let more = "SetEnv IRON=hot\nSendEnv FERAMIKO_*\nCiphers aes128-ctr\nMACs hmac-sha2-256\nCompression yes\n\
                Match originalhost box command remote\n RemoteCommand never\n";
    let home = at_home(&sshd, more);
    let mut ssh = home.ssh(&["box", "echo $IRON-$FERAMIKO_TEST-"]);
    ssh.env("FERAMIKO_TEST", "sent");
    assert_eq!(run(ssh, b"").expect_success("box").text(), "hot-sent-\n");
    // A command of the configuration's own.
    let own = home.ssh(&["-oRemoteCommand=echo %n %p", "box"]);
    assert_eq!(run(own, b"").expect_success("box").text(), format!("box {}\n", sshd.address().port()));
    let both = run(home.ssh(&["-oRemoteCommand=echo", "box", "echo"]), b"");
    assert_eq!(both.code(), Some(255), "{}", both.errors());
    // With -n nobody reads what is there.
    let silent = run(home.ssh(&["-n", "box", "wc -c"]), b"not to be read");
    assert_eq!(silent.text().trim(), "0", "{}", silent.errors());
    let warned = run(home.ssh(&["-oLocalForward=1 a:1", "box", "true"]), b"");
    assert!(warned.errors().contains("localforward has no effect"), "{}", warned.errors());
    let quiet = run(home.ssh(&["-q", "-oLocalForward=1 a:1", "box", "true"]), b"");
    assert_eq!((quiet.code(), quiet.errors().as_str()), (Some(0), ""));
}

#[test]
fn a_host_is_reached_through_others_each_under_its_own_name() {
    let (outer, inner) = (Sshd::start(), Sshd::start());
    let behind = format!(
        "Host inner\n HostName {}\n Port {}\n User {}\n ProxyJump hop\n IdentityFile {}\n HostKeyAlias inner-key\n IdentityAgent none",
        inner.address().ip(),
        inner.address().port(),
        inner.user(),
        user_key(KeyType::Ed25519).path.display()
    );
    let home = at_home(&outer, &behind);
    let unknown = run(home.ssh(&["inner", "echo in"]), b"");
    assert_eq!(unknown.code(), Some(255), "{}", unknown.errors());
    // Under the name that is looked up.
    assert!(unknown.errors().contains("add the line \"inner-key ssh-ed25519 "), "{}", unknown.errors());
    // A hop that does not let in is named, and not the host behind it.
    let stranger = run(home.ssh(&["-oIdentityFile=none", "-J", "no-such-user@hop", "inner", "true"]), b"");
    let hop = format!(
        "on the way to [{}]:{}: [{}]:{}: no-such-user could not log in",
        inner.address().ip(),
        inner.address().port(),
        outer.address().ip(),
        outer.address().port()
    );
    assert!(stranger.errors().contains(&hop), "{}", stranger.errors());
    let missing = run(home.ssh(&["-i", "/no/such/key", "box", "true"]), b"");
    assert!(missing.errors().contains("there is no key file /no/such/key"), "{}", missing.errors());
    let key = host_key(KeyType::Ed25519).public;
    fs::write(home.known_hosts(), format!("box-key {key}\ninner-key {key}\n")).unwrap();
    assert_eq!(run(home.ssh(&["inner", "echo in"]), b"").expect_success("inner").text(), "in\n");
    assert!(outer.log().contains("Accepted") && inner.log().contains("Accepted"), "{}", outer.log());
    // -J says it on the command line; -J none goes straight.
    let twice = home.ssh(&["-J", "box,hop", "inner", "echo twice"]);
    assert_eq!(run(twice, b"").expect_success("-J").text(), "twice\n");
    assert_eq!(
        run(home.ssh(&["-J", "none", "inner", "echo direct"]), b"").expect_success("none").text(),
        "direct\n"
    );
    // OpenSSH as the proxy.
    let known = home.known_hosts().display().to_string();
    let proxy = format!(
        "ProxyCommand=ssh -F {} -oUserKnownHostsFile={known} -W [%h]:%p hop",
        home.0.path().join(".ssh/config").display()
    );
    let done = run(home.ssh(&["-o", &proxy, "inner", "echo by ssh"]), b"");
    assert_eq!(done.expect_success("ProxyCommand").text(), "by ssh\n");
}
