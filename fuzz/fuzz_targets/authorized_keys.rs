//! `authorized_keys`: a line lets somebody in only when it is understood in full, whatever stands around it, and
//! nothing is allocated that the file's size does not allow.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use feramiko_fuzz::allocates_at_most;
use feramiko_keys::{AuthorizedKeys, Circumstances, Permits, Restrictions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    allocates_at_most((1 << 20) + 64 * text.len(), || {
        let keys = AuthorizedKeys::parse(text);
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        for (number, why) in keys.damaged() {
            assert!(number >= 1 && number <= lines.len() && !why.contains(char::is_control));
        }
        for entry in keys.entries().iter().take(8) {
            let line = lines[entry.line - 1];
            let alone = AuthorizedKeys::parse(line);
            assert_eq!(alone.entries().len(), 1, "a line depends on its neighbours");
            assert_eq!(alone.entries()[0].restrictions, entry.restrictions);
            check(&entry.restrictions);
            // One word that is not understood, and the line is lost.
            for glue in [b",", b" "] {
                let unknown = [b"no-such-option", &glue[..], line.trim_ascii_start()].concat();
                assert_eq!(AuthorizedKeys::parse(&unknown).entries(), []);
            }
            let here = Circumstances::at(Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
            if let Ok(Some(found)) = keys.authorize(&entry.key, here) {
                assert!(found.key == entry.key && !found.cert_authority);
            }
            assert!(!entry.is_for("user", &[] as &[&str]));
        }
    });
});

fn check(restrictions: &Restrictions) {
    let twice = restrictions.clone().and(restrictions.clone()).expect("the same command");
    assert_eq!(twice.permits, restrictions.permits);
    for port in [0, 22, 65535, 65536, u32::MAX] {
        assert_eq!(twice.permits_open("localhost", port), restrictions.permits_open("localhost", port));
        assert_eq!(twice.permits_listen("localhost", port), restrictions.permits_listen("localhost", port));
    }
    let nothing = restrictions.clone().and(Restrictions::all()).expect("one command");
    assert_eq!(nothing.permits, Permits::NOTHING);
    assert!(!nothing.permits_open("localhost", 22) && !nothing.permits_open_path());
}
