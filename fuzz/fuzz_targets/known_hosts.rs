//! `known_hosts`: nothing is lost of what is read, only a line that says so makes a key known, and looking up costs
//! what the file's size allows. Changes touch the lines that they are about, and leave all others byte for byte.
#![no_main]

use feramiko_fuzz::{Choices, allocates_at_most};
use feramiko_keys::{HostKeyChanges, HostMarker, HostStatus, KnownHosts, LookupName, NoUpdate, PublicKey};
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

/// The lines of a text, as the parser counts them.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    match text {
        [] => Vec::new(),
        text => text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n').collect(),
    }
}

/// Those that are not about to go, by their numbers.
fn without<'a>(text: &'a [u8], gone: &[usize]) -> Vec<&'a [u8]> {
    let stays = |(number, line)| (!gone.contains(&number)).then_some(line);
    (1..).zip(lines(text)).filter_map(stays).collect()
}

/// What `ssh-keygen -F` and `-R` do.
fn remove(hosts: &KnownHosts, text: &[u8], name: &LookupName) {
    let plain: Vec<usize> =
        hosts.find(name).filter(|found| found.marker == HostMarker::None).map(|found| found.line).collect();
    let mut fewer = hosts.clone();
    assert_eq!(fewer.remove(name), plain, "what is found goes, and nothing else");
    assert!(fewer.find(name).all(|found| found.marker != HostMarker::None));
    assert_eq!(lines(&fewer.to_bytes()), without(text, &plain), "another line has changed");
}

/// What `ssh-keygen -H` does.
fn hide(hosts: &KnownHosts, text: &[u8], name: &LookupName, key: &PublicKey) {
    let mut hidden = hosts.clone();
    let Ok(done) = hidden.hash_names() else { return };
    let after = hidden.to_bytes();
    let mut rest = lines(&after).into_iter();
    for number in done.left {
        let line = lines(text)[number - 1];
        assert!(rest.any(|after| after == line), "a line that was to stay is gone");
    }
    let kind = |hosts: &KnownHosts| std::mem::discriminant(&hosts.check_name(name, key));
    assert_eq!(kind(hosts), kind(&hidden), "a hidden name means something else");
}

/// What an announcement of a host does.
fn announce(hosts: &KnownHosts, text: &[u8], name: &LookupName, announced: &[PublicKey]) {
    let plan = |hosts: &KnownHosts| {
        HostKeyChanges::plan(std::slice::from_ref(hosts), name, None, announced, |_| true)
    };
    let Ok(changes) = plan(hosts) else { return };
    let mut changed = hosts.clone();
    let Ok(done) = changes.apply(&mut changed, true, false) else { return };
    let about = |blob: &[u8]| changes.obsolete_keys().iter().any(|key| key.blob() == blob);
    let obsolete = hosts.find(name).filter(|found| found.key.as_ref().is_some_and(|key| about(&key.blob)));
    let obsolete: Vec<usize> = obsolete.map(|found| found.line).collect();
    let (after, kept) = (changed.to_bytes(), without(text, &obsolete));
    let after = lines(&after);
    assert!(after.starts_with(&kept), "another line has changed");
    assert!(after.len() <= kept.len() + changes.new_keys().len());
    assert!(done || after == lines(text));
    if changes.new_keys().iter().all(|key| hosts.revoked(name, key.blob()).is_none()) {
        assert_eq!(plan(&changed), Err(NoUpdate::UpToDate), "a second time there is something to do");
    }
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices::new(data);
    let host = String::from_utf8_lossy(choices.bytes()).into_owned();
    let port = if choices.byte() & 1 == 0 { 22 } else { 2222 };
    let number = choices.byte();
    let (key, another) = (fake_host_key(number), fake_host_key(number.wrapping_add(1)));
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
    let hosts = KnownHosts::parse(text);
    for name in [LookupName::new(&host, port), LookupName::new("example.com", 22)] {
        remove(&hosts, text, &name);
        hide(&hosts, text, &name, &key);
        announce(&hosts, text, &name, &[key.clone(), another.clone()]);
    }
});
