use std::time::{Duration, SystemTime};

use super::*;
use crate::{Permits, PrivateKey};

const KEY: &str = include_str!("../../tests/data/ed25519.pub");
const OTHER: &str = include_str!("../../tests/data/ecdsa256.pub");

fn key() -> PublicKey {
    KEY.parse().unwrap()
}

/// The entry of a line with these options.
fn entry(options: &str) -> Result<AuthorizedKey, String> {
    let keys = AuthorizedKeys::parse(format!("{options} {KEY}").as_bytes());
    match (keys.entries.as_slice(), keys.damaged.as_slice()) {
        ([entry], []) => Ok(entry.clone()),
        ([], [(1, problem)]) => Err(problem.clone()),
        other => panic!("{other:?}"),
    }
}

fn restrictions(options: &str) -> Restrictions {
    entry(options).unwrap().restrictions
}

fn at(address: &str) -> Circumstances<'static> {
    Circumstances::at(Some(address.parse().unwrap()))
}

#[test]
fn keys_comments_and_empty_lines() {
    let text = format!("# mine\n\n  \t{KEY}{}\t \r\n# end", OTHER.replace('\n', "\r\n"));
    let keys = AuthorizedKeys::parse(text.as_bytes());
    assert_eq!(keys.damaged().count(), 0);
    let lines: Vec<_> = keys.entries().iter().map(|entry| (entry.line, entry.comment.as_str())).collect();
    assert_eq!(lines, [(3, "test key"), (4, "test key")]);
    assert_eq!(keys.entries()[0].restrictions, Restrictions::none());
    assert_eq!(keys.find(&key()).count(), 1);
    assert_eq!(keys.find(PrivateKey::generate(crate::KeyType::Ed25519).unwrap().public_key()).count(), 0);
    assert_eq!(AuthorizedKeys::parse(b"").entries(), []);
}

#[test]
fn every_switch_of_the_manual_and_the_last_word_counts() {
    let permits = |options: &str| restrictions(options).permits;
    let all = Permits::EVERYTHING;
    assert_eq!(permits("no-pty"), Permits { pty: false, ..all });
    assert_eq!(permits("no-agent-forwarding"), Permits { agent_forwarding: false, ..all });
    assert_eq!(permits("no-port-forwarding"), Permits { port_forwarding: false, ..all });
    assert_eq!(permits("No-X11-Forwarding"), Permits { x11_forwarding: false, ..all });
    assert_eq!(permits("no-user-rc"), Permits { user_rc: false, ..all });
    assert_eq!(permits("restrict"), Permits::NOTHING);
    let nothing = Permits::NOTHING;
    assert_eq!(permits("restrict,pty"), Permits { pty: true, ..nothing });
    assert_eq!(permits("restrict,agent-forwarding"), Permits { agent_forwarding: true, ..nothing });
    assert_eq!(permits("restrict,port-forwarding"), Permits { port_forwarding: true, ..nothing });
    assert_eq!(permits("restrict,X11-forwarding"), Permits { x11_forwarding: true, ..nothing });
    assert_eq!(permits("restrict,user-rc"), Permits { user_rc: true, ..nothing });
    assert_eq!(permits("pty,restrict"), nothing);
    assert_eq!(permits("pty,no-pty"), Permits { pty: false, ..all });
    assert_eq!(permits("no-pty,pty"), all);
    assert!(!restrictions("no-touch-required").touch_required);
    assert!(restrictions("no-touch-required,touch-required").touch_required);
    assert!(restrictions("verify-required").verify_required);
    assert!(entry("cert-authority").unwrap().cert_authority);
}

#[test]
fn values_are_quoted_and_only_quotes_are_escaped_in_them() {
    let command =
        |options: &str| restrictions(options).command.map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(command(r#"command="echo a, b # c""#).unwrap(), "echo a, b # c");
    assert_eq!(command(r#"command="echo \"a b\"""#).unwrap(), r#"echo "a b""#);
    assert_eq!(command(r#"command="a\\b\n""#).unwrap(), r"a\\b\n");
    assert_eq!(command(r#"COMMAND="a\\\"b",pty"#).unwrap(), r#"a\\"b"#);
    assert_eq!(command(r#"command="""#).unwrap(), "");
    for bad in [r#"command=x"#, r#"command="x"#, r#"command="x"y"#, r#"command='x'"#, r#"command="x\""#] {
        assert!(entry(bad).is_err(), "{bad}");
    }
}

#[test]
fn lists_variables_tunnels_and_expiry() {
    let all = restrictions(
        r#"environment="A=1",environment="B_2=x=y",environment="A=2",permitopen="a:1",permitopen="[::1]:*",permitlisten="8080",permitlisten="localhost:1",tunnel="3",expiry-time="20300101Z",expiry-time="20200101Z",expiry-time="20310101Z""#,
    );
    assert_eq!(all.environment, [("A".to_owned(), b"1".to_vec()), ("B_2".to_owned(), b"x=y".to_vec())]);
    assert!(all.permits_open("a", 1) && all.permits_open("::1", 9) && !all.permits_open("a", 2));
    assert!(all.permits_listen("", 8080) && all.permits_listen("localhost", 1) && !all.permits_listen("", 1));
    assert_eq!(all.tunnel, Some(3));
    let of_2020 = SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_836_800);
    assert_eq!(all.expires, Some(of_2020));
    let any = restrictions(r#"tunnel="any""#);
    assert!(any.permits_tunnel(None) && !any.permits_tunnel(Some(0)));
}

#[test]
fn defect_127_an_option_that_is_not_understood_refuses_the_line() {
    for bad in [
        "no-such-option",
        "pty,no-such-option",
        "no-restrict",
        "no-cert-authority",
        "restrict=\"yes\"",
        "restrictive",
        "pty=yes",
        "command",
        "from",
        "pty,",
        "pty;no-pty",
        "command=\"a\",command=\"a\"",
        "from=\"a\",from=\"a\"",
        "principals=\"a\"",
        "cert-authority,principals=\"a\",principals=\"b\"",
        "cert-authority,principals=\"a,,b\"",
        "environment=\"A\"",
        "environment=\"=1\"",
        "environment=\"A-B=1\"",
        "environment=\"LD PRELOAD=1\"",
        "expiry-time=\"tomorrow\"",
        "tunnel=\"-1\"",
        "tunnel=\"\"",
        "tunnel=\"2147483647\"",
        "verify-required=\"no\"",
    ] {
        let problem = entry(bad).expect_err(bad);
        assert!(!problem.is_empty() && !problem.contains(char::is_control), "{problem}");
    }
    assert!(entry("\x1b[31m").unwrap_err().contains('\u{fffd}'), "what is told of it is safe to print");
    // What sshd has as empty is nothing.
    assert_eq!(restrictions(",pty,,no-pty"), restrictions("no-pty"));
}

#[test]
fn defect_097_an_option_with_a_bad_port_refuses_the_line() {
    for port in ["0", "65536", "4294967295", "http", "", "-1"] {
        assert!(entry(&format!("permitopen=\"host:{port}\"")).is_err(), "{port}");
        assert!(entry(&format!("permitlisten=\"host:{port}\"")).is_err(), "{port}");
    }
    assert!(entry("permitopen=\"80\"").is_err());
}

#[test]
fn defect_027_a_line_restricted_to_nowhere_is_no_line() {
    for bad in ["from=\"\"", "from=\"10.0.0.1/8\"", "from=\"a,,b\"", "from=\"*,!\""] {
        assert!(entry(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_first_line_that_holds_counts() {
    let text = format!(
        "from=\"10.0.0.0/8\",command=\"a\" {KEY}expiry-time=\"20200101Z\",command=\"b\" {KEY}from=\"192.0.2.*\",command=\"c\" {KEY}"
    );
    let keys = AuthorizedKeys::parse(text.as_bytes());
    let line = |address| keys.authorize(&key(), at(address)).map(|entry| entry.map(|entry| entry.line));
    assert_eq!(line("10.9.9.9"), Ok(Some(1)));
    assert_eq!(line("192.0.2.9"), Ok(Some(3)));
    assert_eq!(line("8.8.8.8"), Err(Denied::Source));
    assert_eq!(keys.authorize(&OTHER.parse().unwrap(), at("10.9.9.9")), Ok(None));
}

#[test]
fn defect_029_principals_are_compared_exactly_and_an_empty_list_matches_nothing() {
    let list = |options: &str| entry(options).unwrap();
    let named = list("cert-authority,principals=\"robey,backup\"");
    assert!(named.is_for("whoever", &["x", "backup"]));
    for wrong in [&["robey,backup"][..], &["Robey"], &["robe"], &["robey*"], &["*"], &[""], &[]] {
        assert!(!named.is_for("robey", wrong), "{wrong:?}");
    }
    assert!(!list("cert-authority,principals=\"\"").is_for("robey", &["robey", ""]));
    let unnamed = list("cert-authority");
    assert!(unnamed.is_for("robey", &["robey"]) && !unnamed.is_for("robey", &[] as &[&str]));
    assert!(!unnamed.is_for("a", &["a,b"]));
}

#[test]
fn an_authority_logs_nobody_in_and_a_key_certifies_nobody() {
    let keys = AuthorizedKeys::parse(format!("cert-authority {KEY}{OTHER}").as_bytes());
    assert_eq!(keys.find(&key()).count(), 0);
    assert_eq!(keys.find_authority(&key()).count(), 1);
    let other: PublicKey = OTHER.parse().unwrap();
    assert_eq!((keys.find(&other).count(), keys.find_authority(&other).count()), (1, 0));
}

#[test]
fn defect_075_a_line_that_is_too_long_is_refused_whole() {
    // Its tail would be a line without restrictions.
    let long = format!("command=\"{}\" {KEY}", " ".repeat(64 * 1024));
    let keys = AuthorizedKeys::parse(format!("{long}{OTHER}").as_bytes());
    assert_eq!(keys.damaged().map(|(line, _)| line).collect::<Vec<_>>(), [1]);
    assert_eq!(keys.find(&key()).count(), 0);
    assert_eq!(keys.entries()[0].line, 2);
}

#[test]
fn lines_that_are_damaged_are_listed_and_let_nobody_in() {
    let base64 = KEY.split(' ').nth(1).unwrap();
    let lines = [
        "ssh-ed25519".to_owned(),
        format!("ssh-rsa {base64}"),
        format!("ssh-ed25519 {}", &base64[1..]),
        format!("pty {base64}"),
        "command=\"unfinished ssh-ed25519".to_owned(),
        format!("no-pty ssh-ed25519 {base64}\0 zero"),
        format!("pty pty ssh-ed25519 {base64}"),
        "ssh-unknown AAAAC3NzaC11bmtub3du".to_owned(),
    ];
    let keys = AuthorizedKeys::parse(lines.join("\n").as_bytes());
    assert_eq!(keys.entries(), []);
    let numbers: Vec<_> = keys.damaged().map(|(number, _)| number).collect();
    assert_eq!(numbers, (1..=lines.len()).collect::<Vec<_>>());
}

#[test]
fn defect_074_only_regular_files_are_read_and_a_missing_one_is_empty() {
    assert!(AuthorizedKeys::load("/dev/zero").is_err());
    assert!(AuthorizedKeys::load("/").is_err());
    assert_eq!(AuthorizedKeys::load("/nowhere/at/all").unwrap().entries(), []);
}

#[test]
#[cfg(unix)]
fn defect_141_a_file_that_others_can_write_lets_nobody_in() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("authorized_keys");
    std::fs::write(&path, KEY).unwrap();
    let owner = Ownership::of_this_user().home(home.path());
    let set = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    set(0o600);
    assert_eq!(AuthorizedKeys::load_owned(&path, &owner).unwrap().entries().len(), 1);
    set(0o666);
    assert!(matches!(AuthorizedKeys::load_owned(&path, &owner), Err(KeyError::Unsafe { .. })));
    assert_eq!(AuthorizedKeys::load(&path).unwrap().entries().len(), 1);
}
