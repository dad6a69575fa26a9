//! Our client and the host keys of `sshd`.

use std::fs;

use feramiko::{Client, Connect, Error, HostKeyRefusal};
use feramiko_interop::{KeyType, Sshd, host_key, public_key, user_key};

fn connect(sshd: &Sshd) -> Connect {
    Client::connect(sshd.address().to_string())
        .no_config()
        .user(sshd.user())
        .key_file(user_key(KeyType::Ed25519).path)
}

fn refusal(connect: Connect) -> HostKeyRefusal {
    match connect.wait() {
        Err(Error::HostKey(refusal)) => *refusal,
        other => panic!("not refused for its host key: {other:?}"),
    }
}

fn known_as(sshd: &Sshd, key: &str) -> String {
    format!("[{}]:{} {key}\n", sshd.address().ip(), sshd.address().port())
}

#[test]
fn each_wrong_host_key_is_refused_for_its_own_reason() {
    let sshd = Sshd::start();
    let directory = tempfile::tempdir().unwrap();
    let known_hosts = directory.path().join("known_hosts");
    let right = host_key(KeyType::Ed25519).public;
    // A user's key is no host's key.
    let wrong = user_key(KeyType::Ed25519).public;

    let pinned = refusal(connect(&sshd).host_key(public_key(&wrong)));
    assert!(matches!(pinned, HostKeyRefusal::NotTheOne { .. }), "{pinned:?}");

    let unknown = refusal(connect(&sshd).known_hosts(&known_hosts));
    assert!(matches!(&unknown, HostKeyRefusal::Unknown { .. }), "{unknown:?}");
    let told = unknown.to_string();
    assert!(told.contains("SHA256:") && told.contains("not known"), "{told}");

    fs::write(&known_hosts, known_as(&sshd, &wrong)).unwrap();
    let changed = refusal(connect(&sshd).known_hosts(&known_hosts));
    let HostKeyRefusal::Changed { key, known, .. } = &changed else { panic!("{changed:?}") };
    assert_eq!((key, known.len()), (&public_key(&right), 1));
    // A changed key is not taken by those who take new ones.
    let changed = refusal(connect(&sshd).known_hosts(&known_hosts).accept_new());
    assert!(matches!(changed, HostKeyRefusal::Changed { .. }), "{changed:?}");

    fs::write(&known_hosts, format!("@revoked * {right}\n")).unwrap();
    let revoked = refusal(connect(&sshd).known_hosts(&known_hosts));
    assert!(matches!(revoked, HostKeyRefusal::Revoked { .. }), "{revoked:?}");

    assert!(!sshd.log().contains("Accepted"), "nobody has logged in: {}", sshd.log());
}

#[test]
fn a_new_host_is_remembered_where_that_was_asked_for() {
    let sshd = Sshd::start();
    let directory = tempfile::tempdir().unwrap();
    let known_hosts = directory.path().join("known_hosts");
    let client = connect(&sshd).known_hosts(&known_hosts).accept_new().wait().unwrap();
    let line = fs::read_to_string(&known_hosts).unwrap();
    assert_eq!(line, known_as(&sshd, &client.host_key().to_line("")));
    client.close().wait();
    // From now on it is known, by that very key.
    let again = connect(&sshd).known_hosts(&known_hosts).wait().unwrap();
    assert!(again.transport().is_authenticated());
}

/// What is known of a host decides which of its keys is asked for, of whatever type.
#[test]
fn any_known_key_of_the_host_will_do() {
    let sshd = Sshd::start();
    let directory = tempfile::tempdir().unwrap();
    let known_hosts = directory.path().join("known_hosts");
    for kind in KeyType::ALL {
        let key = host_key(kind).public;
        fs::write(&known_hosts, known_as(&sshd, &key)).unwrap();
        let client = connect(&sshd).known_hosts(&known_hosts).wait().unwrap();
        assert_eq!(client.host_key(), &public_key(&key));
    }
}
