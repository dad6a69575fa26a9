//! Who calls `feramiko bbs`: by which keys, and by which names.
#![cfg(unix)]

mod common;

use std::fs;
use std::process::Command;

use ::feramiko::{Client, ClientConfig, Credential, PinnedKeys, Pty, PublicKey, Terminal, Transport};
use common::{Bbs, feramiko};
use feramiko_interop::{KeyType, Ssh, run, user_key};

#[test]
fn the_options_of_authorized_keys_are_kept_to() {
    let data = tempfile::tempdir().unwrap();
    let [open, elsewhere, expired, plain] =
        [KeyType::Ed25519, KeyType::Ecdsa256, KeyType::Ecdsa384, KeyType::Ecdsa521].map(user_key);
    let guests = format!(
        "# friends\n\n{}\nfrom=\"192.0.2.0/24\" {}\nexpiry-time=\"20200101\" {}\nno-pty {} in lines\n",
        open.public, elsewhere.public, expired.public, plain.public
    );
    let bbs = Bbs::open_to(data.path(), &guests);
    let call = |key| {
        let ssh = Ssh::to(bbs.address).host_keys(&[&bbs.host_key]).user("ada").key(key).flag("-tt");
        (ssh.run("", b"l\n").code(), ssh.log())
    };
    assert_eq!(call(&open).0, Some(0));
    assert_eq!(call(&elsewhere).0, Some(255));
    assert_eq!(call(&expired).0, Some(255));
    let (code, log) = call(&plain);
    assert_eq!(code, Some(255), "{log}");
    assert!(log.contains("PTY allocation request failed"), "{log}");
    // A change counts at once.
    fs::write(data.path().join("guests"), &expired.public).unwrap();
    assert_eq!(call(&open).0, Some(255));
}

#[test]
fn a_line_that_would_let_nobody_in_keeps_the_house_closed() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("guests");
    fs::write(&file, format!("# friends\nno-such-option {}\n", user_key(KeyType::Ed25519).public)).unwrap();
    let mut command = Command::new(feramiko());
    command.args(["bbs", "--listen", "127.0.0.1:0", "--data"]).arg(data.path());
    let done = run(
        {
            command.arg("--authorized-keys").arg(&file);
            command
        },
        b"",
    );
    assert_eq!(done.code(), Some(1));
    assert!(done.errors().contains("guests line 2: "), "{}", done.errors());
}

/// Names that mean something to a terminal, a shell or a path: our own client would not even send most of them.
const NAMES: [&str; 8] = [
    "\u{1b}]0;owned\u{7}ada",
    "ada\r\nroot",
    "\u{1b}[2Jada",
    "\u{202e}ada",
    "\u{9b}31mada",
    "$(touch owned)",
    "../../../etc/passwd",
    "-oProxyCommand=owned",
];

#[test]
fn defect_136_names_from_outside_are_neither_shown_nor_logged_as_they_are() {
    let data = tempfile::tempdir().unwrap();
    let key = user_key(KeyType::Ed25519);
    let bbs = Bbs::open(data.path(), &key);
    let private = ::feramiko::PrivateKey::load_file(&key.path, None).unwrap();
    let expected: PublicKey = bbs.host_key.parse().unwrap();
    for name in NAMES {
        let stream = std::net::TcpStream::connect(bbs.address).unwrap();
        let transport = Transport::client(stream, ClientConfig::default()).unwrap();
        transport.verify_host_key(PinnedKeys(vec![expected.clone()]));
        transport.ready().wait().unwrap();
        let signer = std::sync::Arc::new(private.clone());
        let credential = Credential::Key { signer, algorithm: None, query: false };
        let step = transport.authenticate(name, credential).wait().unwrap();
        assert!(matches!(step, ::feramiko::AuthStep::Success), "{name:?}: {step:?}");
        let session = transport.open_session().wait().unwrap();
        // The terminal and the variables have such names too; whether they are taken is the house's affair.
        let _ = session.set_env(name, name).wait();
        let _ = session.subsystem(name).wait();
        session.request_pty(Pty::from(Terminal::new(name).size(80, 24))).wait().unwrap();
        session.shell().wait().unwrap();
        session.send("w\nl\n").wait().unwrap();
        let mut screen = Vec::new();
        std::io::copy(&mut &session, &mut screen).unwrap();
        let screen = String::from_utf8_lossy(&screen);
        assert!(screen.contains("Choose>"), "{name:?}: {screen}");
        if name.contains(|c: char| c.is_control() || c == '\u{202e}') {
            assert!(!screen.contains(name), "{name:?} is shown as it is: {screen:?}");
        }
        assert!(
            !screen.contains("\u{1b}]0;") && !screen.contains('\u{202e}') && !screen.contains('\u{9b}'),
            "{screen:?}"
        );
        transport.close().wait();
    }
    let log = fs::read_to_string(data.path().join("log")).unwrap();
    assert!(log.contains("passwd"), "the names are told: {log}");
    let is_odd = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!log.contains(is_odd), "{log:?}");
    assert!(!log.lines().any(|line| line.starts_with("root")), "no name makes a line of its own: {log}");
    // The house is still open.
    let client =
        Client::connect(bbs.address.to_string()).no_config().user("ada").host_key(expected).key(private);
    client.wait().unwrap();
}
