use super::*;

const ED25519: &str = include_str!("../../tests/data/ed25519.pub");
const RSA: &str = include_str!("../../tests/data/rsa.pub");
const P256: &str = include_str!("../../tests/data/ecdsa256.pub");

fn key(line: &str) -> PublicKey {
    line.parse().unwrap()
}

/// The key of a line without its comment.
fn bare(line: &str) -> String {
    key(line).to_line("")
}

fn other_ed25519() -> PublicKey {
    PublicKey::from_parts(feramiko_crypto::signing::PublicParts::Ed25519(&[9; 32])).unwrap()
}

#[test]
fn plain_names_ports_lists_and_cases() {
    let text = format!(
        "# a comment\n\nExample.COM,10.0.0.? {}\n[example.org]:2222 {} with a comment\n",
        bare(ED25519),
        bare(RSA)
    );
    let hosts = KnownHosts::parse(text.as_bytes());
    let (ed25519, rsa) = (key(ED25519), key(RSA));
    assert_eq!(hosts.check("example.com", 22, &ed25519), HostStatus::Known { line: 3 });
    assert_eq!(hosts.check("EXAMPLE.com", 22, &ed25519), HostStatus::Known { line: 3 });
    assert_eq!(hosts.check("10.0.0.7", 22, &ed25519), HostStatus::Known { line: 3 });
    assert_eq!(hosts.check("10.0.0.77", 22, &ed25519), HostStatus::Unknown);
    assert_eq!(hosts.check("example.org", 2222, &rsa), HostStatus::Known { line: 4 });
    assert_eq!(hosts.check("example.org", 22, &rsa), HostStatus::Unknown);
    assert_eq!(hosts.check("example.org", 2223, &rsa), HostStatus::Unknown);
    assert_eq!(hosts.damaged().count(), 0);
}

#[test]
fn unknown_changed_and_another_type_are_distinct() {
    let text = format!("host {}\nhost {}\n", bare(ED25519), bare(RSA));
    let hosts = KnownHosts::parse(text.as_bytes());
    let lines = |known: Vec<KnownKey>| known.iter().map(|key| key.line).collect::<Vec<_>>();

    assert_eq!(hosts.check("host", 22, &key(RSA)), HostStatus::Known { line: 2 });
    assert_eq!(hosts.check("elsewhere", 22, &key(RSA)), HostStatus::Unknown);
    match hosts.check("host", 22, &other_ed25519()) {
        HostStatus::Changed { known } => {
            assert_eq!(known[0].fingerprint(), key(ED25519).fingerprint());
            assert_eq!(lines(known), [1, 2]);
        }
        other => panic!("{other:?}"),
    }
    match hosts.check("host", 22, &key(P256)) {
        HostStatus::UnknownType { known } => assert_eq!(lines(known), [1, 2]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn several_keys_of_one_type_are_all_the_hosts() {
    let text = format!("host {}\nhost {}\n", other_ed25519().to_line(""), bare(ED25519));
    let hosts = KnownHosts::parse(text.as_bytes());
    assert_eq!(hosts.check("host", 22, &other_ed25519()), HostStatus::Known { line: 1 });
    assert_eq!(hosts.check("host", 22, &key(ED25519)), HostStatus::Known { line: 2 });
    assert_eq!(hosts.algorithms_for("host", 22), ["ssh-ed25519"]);
}

#[test]
fn hashed_names_are_found_by_asking() {
    for port in [22, 2222] {
        let line = KnownHosts::add_line("Example.com", port, &key(ED25519), true).unwrap();
        assert!(!line.contains("xample"));
        let hosts = KnownHosts::parse(line.as_bytes());
        assert_eq!(hosts.check("example.COM", port, &key(ED25519)), HostStatus::Known { line: 1 });
        assert!(matches!(hosts.check("example.com", port, &other_ed25519()), HostStatus::Changed { .. }));
        assert_eq!(hosts.check("example.net", port, &key(ED25519)), HostStatus::Unknown);
        let again = KnownHosts::add_line("Example.com", port, &key(ED25519), true).unwrap();
        assert_ne!(line, again, "each line has a salt of its own");
    }
}

#[test]
fn defect_034_a_revoked_key_is_revoked_whatever_else_is_said() {
    let text = format!(
        "host {0}\n@revoked * {0}\n@revoked host {1}\n{2} {1}\n",
        bare(ED25519),
        bare(RSA),
        "[host]:2222"
    );
    let hosts = KnownHosts::parse(text.as_bytes());
    assert_eq!(hosts.check("host", 22, &key(ED25519)), HostStatus::Revoked { line: 2 });
    assert_eq!(hosts.check("elsewhere", 22, &key(ED25519)), HostStatus::Revoked { line: 2 });
    assert_eq!(hosts.check("host", 22, &key(RSA)), HostStatus::Revoked { line: 3 });
    assert_eq!(hosts.check("host", 2223, &key(RSA)), HostStatus::Revoked { line: 3 }, "at any port");
    assert_eq!(hosts.algorithms_for("host", 22), Vec::<String>::new());
}

#[test]
fn an_authority_is_not_a_key_of_the_host() {
    let text = format!("@cert-authority *.example.com {}\n", bare(ED25519));
    let hosts = KnownHosts::parse(text.as_bytes());
    assert_eq!(
        hosts.check("www.example.com", 22, &key(ED25519)),
        HostStatus::CertifiedOnly { lines: vec![1] }
    );
    assert_eq!(hosts.check("www.example.com", 22, &key(RSA)), HostStatus::CertifiedOnly { lines: vec![1] });
    assert_eq!(hosts.check("www.example.org", 22, &key(ED25519)), HostStatus::Unknown);
    assert!(hosts.algorithms_for("www.example.com", 22).is_empty());
}

#[test]
fn a_key_of_port_22_is_accepted_at_a_port_where_nothing_is_known() {
    let text = format!("host {}\n[host]:2222 {}\n", bare(ED25519), bare(RSA));
    let hosts = KnownHosts::parse(text.as_bytes());
    assert_eq!(hosts.check("host", 2200, &key(ED25519)), HostStatus::Known { line: 1 });
    assert_eq!(hosts.check("host", 2200, &other_ed25519()), HostStatus::Unknown);
    assert!(matches!(hosts.check("host", 2222, &key(ED25519)), HostStatus::UnknownType { .. }));
    assert_eq!(hosts.algorithms_for("host", 2222), ["ssh-rsa"]);
    assert_eq!(hosts.algorithms_for("host", 2200), ["ssh-ed25519"]);
}

#[test]
fn a_negated_host_is_not_matched() {
    let text = format!("*.example.com,!bad.example.com {}\n", bare(ED25519));
    let hosts = KnownHosts::parse(text.as_bytes());
    assert_eq!(hosts.check("good.example.com", 22, &key(ED25519)), HostStatus::Known { line: 1 });
    assert_eq!(hosts.check("bad.example.com", 22, &key(ED25519)), HostStatus::Unknown);
}

#[test]
fn damaged_lines_are_told_kept_and_never_trusted() {
    let key_line = bare(ED25519);
    let base64 = key_line.split_once(' ').unwrap().1;
    let lines = [
        "host".to_owned(),
        "host ssh-ed25519".to_owned(),
        "host ssh-ed25519 AAAA".to_owned(),
        format!("host ssh-rsa {base64}"),
        format!("host ssh-ed25519 {}", &base64[..base64.len() - 3]),
        format!("@unknown host {key_line}"),
        format!("@revoked @cert-authority host {key_line}"),
        "@revoked".to_owned(),
        format!("|1|AAAA|BBBB {key_line}"),
        format!("|2|AAAA {key_line}"),
        format!("host {}{key_line}", "x".repeat(70_000)),
    ];
    let text = lines.join("\n");
    let hosts = KnownHosts::parse(text.as_bytes());
    let numbers: Vec<usize> = hosts.damaged().map(|(number, _)| number).collect();
    assert_eq!(numbers, (1..=lines.len()).collect::<Vec<_>>());
    assert_eq!(hosts.check("host", 22, &key(ED25519)), HostStatus::Unknown);
    assert_eq!(hosts.to_bytes(), text.as_bytes());
}

#[test]
fn defect_128_every_byte_survives() {
    let line = format!("host {}", bare(ED25519));
    for text in ["", "\n", "\n\n", &line, &format!("{line}\n"), &format!("\n# c\r\n\t{line} \r\n\n{line}")] {
        assert_eq!(KnownHosts::parse(text.as_bytes()).to_bytes(), text.as_bytes(), "{text:?}");
    }
    let windows = KnownHosts::parse(format!("{line}\r\n").as_bytes());
    assert_eq!(windows.check("host", 22, &key(ED25519)), HostStatus::Known { line: 1 });
}

#[test]
fn keys_of_types_that_are_not_supported_are_known_all_the_same() {
    let dsa = "AAAAB3NzaC1kc3MAAAAA";
    let text = format!("host ssh-dss {dsa}\n");
    let hosts = KnownHosts::parse(text.as_bytes());
    assert!(matches!(hosts.check("host", 22, &key(ED25519)), HostStatus::UnknownType { .. }));
    assert_eq!(hosts.algorithms_for("host", 22), ["ssh-dss"]);
}

#[test]
fn defect_129_no_name_can_add_a_line_or_a_pattern() {
    for host in
        ["", "a b", "a\nb", "a\tb", "a,b", "*", "a?", "!a", "|1|x", "#a", "@revoked", "[a]:22", "a\u{85}"]
    {
        for hashed in [false, true] {
            assert_eq!(
                KnownHosts::add_line(host, 22, &key(ED25519), hashed),
                Err(KeyError::Unprintable { what: "host name" }),
                "{host:?}"
            );
        }
    }
    for host in ["example.com", "::1", "fe80::1%eth0", "xn--bcher-kva.example", "under_score"] {
        let line = KnownHosts::add_line(host, 22, &key(ED25519), false).unwrap();
        let hosts = KnownHosts::parse(line.as_bytes());
        assert_eq!(hosts.check(host, 22, &key(ED25519)), HostStatus::Known { line: 1 });
    }
}

#[test]
fn files_are_appended_to_and_a_missing_one_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".ssh/known_hosts");
    assert_eq!(KnownHosts::load(&path).unwrap().to_bytes(), b"");
    KnownHosts::append_to_file(&path, "host", 22, &key(ED25519), false).unwrap();
    KnownHosts::append_to_file(&path, "other", 2222, &key(RSA), true).unwrap();
    let hosts = KnownHosts::load(&path).unwrap();
    assert_eq!(hosts.check("host", 22, &key(ED25519)), HostStatus::Known { line: 1 });
    assert_eq!(hosts.check("other", 2222, &key(RSA)), HostStatus::Known { line: 2 });
}

#[cfg(unix)]
#[test]
fn dev_null_keeps_nothing() {
    assert!(KnownHosts::load("/dev/null").unwrap().to_bytes().is_empty());
    KnownHosts::append_to_file("/dev/null", "host", 22, &key(ED25519), false).unwrap();
    assert!(KnownHosts::load("/dev/zero").is_err());
}

#[test]
fn two_files_together_never_lose_a_revocation() {
    let known = HostStatus::Known { line: 1 };
    let revoked = HostStatus::Revoked { line: 2 };
    let changed = HostStatus::Changed { known: Vec::new() };
    assert_eq!(known.clone().merge(revoked.clone()), revoked);
    assert_eq!(revoked.clone().merge(known.clone()), revoked);
    assert_eq!(changed.clone().merge(known.clone()), known);
    assert_eq!(HostStatus::Unknown.merge(changed.clone()), changed);
}

#[test]
fn defect_075_a_line_that_is_too_long_is_one_damaged_line_and_stays() {
    let ours = bare(ED25519);
    // Cut at any power of two, the tail would be a line of its own.
    let long = format!("{} host {ours}", "x".repeat(1 << 17));
    let text = format!("{long}\nother {ours}\n");
    let mut hosts = KnownHosts::parse(text.as_bytes());
    assert_eq!(hosts.damaged().map(|(number, _)| number).collect::<Vec<_>>(), [1]);
    assert_eq!(hosts.check("host", 22, &key(ED25519)), HostStatus::Unknown);
    assert_eq!(hosts.check("other", 22, &key(ED25519)), HostStatus::Known { line: 2 });
    assert_eq!(hosts.remove(&LookupName::new("host", 22)), Vec::<usize>::new());
    assert_eq!(hosts.remove(&LookupName::new("other", 22)), [2]);
    assert_eq!(hosts.to_bytes(), format!("{long}\n").as_bytes());
}

#[test]
fn removing_a_host_leaves_every_other_byte() {
    let (ours, other) = (bare(ED25519), bare(RSA));
    let text = format!(
        "# c\r\n\thost {ours} \r\nhost,else {other}\n@revoked host {other}\n@cert-authority host {ours}\n\
         host ssh-ed25519 AAAA\nhost\n[host]:2222 {ours}\nhost.example {ours}"
    );
    let mut hosts = KnownHosts::parse(text.as_bytes());
    assert_eq!(
        hosts.find(&LookupName::new("host", 22)).map(|found| found.line).collect::<Vec<_>>(),
        [2, 3, 4, 5, 6]
    );
    assert_eq!(hosts.remove(&LookupName::new("HOST", 22)), [2, 3, 6]);
    let left = format!(
        "# c\r\n@revoked host {other}\n@cert-authority host {ours}\nhost\n[host]:2222 {ours}\nhost.example {ours}\n"
    );
    assert_eq!(String::from_utf8(hosts.to_bytes()).unwrap(), left);
    assert_eq!(hosts.remove(&LookupName::new("host", 22)), Vec::<usize>::new());
}

#[test]
fn hiding_names_hides_all_that_can_be_hidden_and_says_what_was_left() {
    let (ours, other) = (bare(ED25519), bare(RSA));
    let text = format!(
        "# c\nOne,two {ours} comment\r\n*.three {ours}\n@revoked four {ours}\nfive\n[six]:22 {other}\nseven ssh-rsa A\n, {ours}\n"
    );
    let mut hosts = KnownHosts::parse(text.as_bytes());
    assert!(!hosts.is_hashed());
    assert_eq!(hosts.hash_names(), Ok(HashedNames { hidden: 4, left: vec![3, 4, 5, 8] }));
    assert!(hosts.is_hashed());
    let written = String::from_utf8(hosts.to_bytes()).unwrap();
    assert!(!["One", "one", "two", "six", "seven"].iter().any(|name| written.contains(name)), "{written}");
    assert_eq!(written.matches(&format!(" {ours} comment\r\n")).count(), 2, "{written}");
    for (name, line) in [("one", 2), ("two", 3), ("www.three", 4)] {
        assert_eq!(hosts.check(name, 22, &key(ED25519)), HostStatus::Known { line });
    }
    assert_eq!(hosts.hash_names(), Ok(HashedNames { hidden: 0, left: vec![4, 5, 6, 9] }));
    assert_eq!(hosts.to_bytes(), written.as_bytes());
}

#[test]
fn where_names_are_hidden_a_new_line_hides_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known_hosts");
    let names = [LookupName::new("host", 22), LookupName::new("192.0.2.1", 22)];
    KnownHosts::add_to_file(&path, &names, &key(ED25519), false).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("host,192.0.2.1 {}\n", bare(ED25519)));
    assert_eq!(KnownHosts::hash_file(&path), Ok(HashedNames { hidden: 2, left: Vec::new() }));
    KnownHosts::append_to_file(&path, "another", 22, &key(RSA), false).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.lines().count() == 3 && text.lines().all(|line| line.starts_with("|1|")), "{text}");
    assert_eq!(
        KnownHosts::load(&path).unwrap().check("another", 22, &key(RSA)),
        HostStatus::Known { line: 3 }
    );
    assert_eq!(KnownHosts::remove_from_file(&path, &names[1]), Ok(vec![2]));
    assert_eq!(KnownHosts::remove_from_file(&path, &names[1]), Ok(vec![]));
    assert_eq!(
        KnownHosts::load(&path).unwrap().check("another", 22, &key(RSA)),
        HostStatus::Known { line: 2 }
    );
}

#[test]
fn one_line_of_many_names_does_not_grow_without_bound() {
    let text = format!("{} {} {}\n", "a,".repeat(20_000), bare(ED25519), "x".repeat(20_000));
    let mut hosts = KnownHosts::parse(text.as_bytes());
    assert_eq!(hosts.damaged().count(), 0);
    assert!(matches!(hosts.hash_names(), Err(KeyError::TooLarge { .. })));
    assert_eq!(hosts.to_bytes(), text.as_bytes());
}

#[test]
fn an_alias_stands_for_host_and_port() {
    let text = format!("the-cluster {}\nhost {}\n", bare(ED25519), bare(RSA));
    let hosts = KnownHosts::parse(text.as_bytes());
    let alias = LookupName::alias("The-Cluster");
    assert_eq!(hosts.check_name(&alias, &key(ED25519)), HostStatus::Known { line: 1 });
    assert!(matches!(hosts.check_name(&alias, &key(RSA)), HostStatus::UnknownType { .. }));
    assert_eq!(alias.without_port(), None);
}

#[test]
fn authorities_of_a_port_and_of_its_host_are_found_unless_they_are_revoked() {
    let (first, second) = (bare(ED25519), bare(RSA));
    let text = format!(
        "@cert-authority *.example.com,[*.example.com]:* {first}\n@cert-authority www.example.com {second}\n\
         @revoked old.example.com {first}\n"
    );
    let hosts = KnownHosts::parse(text.as_bytes());
    let lines = |host, port| {
        let found = hosts.authorities(&LookupName::new(host, port));
        found.iter().map(|key| key.line).collect::<Vec<_>>()
    };
    assert_eq!(lines("www.example.com", 22), [1, 2]);
    assert_eq!(lines("www.example.com", 2222), [1, 2]);
    assert_eq!(lines("mail.example.com", 22), [1]);
    assert_eq!(lines("old.example.com", 22), Vec::<usize>::new());
    assert_eq!(hosts.revoked(&LookupName::new("old.example.com", 2222), key(ED25519).blob()), Some(3));
    assert_eq!(hosts.revoked(&LookupName::new("www.example.com", 22), key(ED25519).blob()), None);
}
