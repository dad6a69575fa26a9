//! `known_hosts`: nothing is lost of what is read, only a line that says so makes a key known, and looking up costs
//! what the file's size allows.
#![no_main]

use feramiko_fuzz::{Choices, allocates_at_most};
use feramiko_keys::{HostStatus, KnownHosts, PublicKey};
use feramiko_testkit::fake_host_key;
use libfuzzer_sys::fuzz_target;

fn check(hosts: &KnownHosts, host: &str, port: u16, key: &PublicKey) {
    let status = hosts.check(host, port, key);
    let known = hosts.keys_for(host, port);
    match &status {
        HostStatus::Known { line } => assert!(*line >= 1),
        HostStatus::Changed { known } | HostStatus::UnknownType { known } => assert!(!known.is_empty()),
        _ => {}
    }
    assert!(known.iter().all(|known| known.line >= 1));
    assert_eq!(status.clone().merge(HostStatus::Unknown), status);
    let _ = hosts.algorithms_for(host, port);
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices::new(data);
    let host = String::from_utf8_lossy(choices.bytes()).into_owned();
    let port = if choices.byte() & 1 == 0 { 22 } else { 2222 };
    let key = fake_host_key(choices.byte());
    let text = choices.rest();
    allocates_at_most((1 << 20) + 16 * data.len(), || {
        let hosts = KnownHosts::parse(text);
        assert_eq!(hosts.to_bytes(), text, "bytes were lost");
        assert!(hosts.damaged().all(|(line, why)| line >= 1 && !why.is_empty()));
        check(&hosts, &host, port, &key);
        check(&hosts, "example.com", 22, &key);
        // A line of ours, for a name that can have one, behind whatever there was.
        if let Ok(line) = KnownHosts::add_line(&host, port, &key, false) {
            let ours = KnownHosts::parse(line.as_bytes());
            assert_eq!(ours.check(&host, port, &key), HostStatus::Known { line: 1 });
            assert!(!line.contains(['\r', '\n']), "more than one line");
        }
    });
});
