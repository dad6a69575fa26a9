//! `feramiko ssh` against OpenSSH's server.
#![cfg(unix)]

mod common;

use std::fs;
use std::process::Command;

use common::{Home, feramiko};
use feramiko_interop::{
    Finished, KeyType, PASSPHRASE, PASSWORD, Sshd, Tmux, host_key, run, sealed_user_key, test_data, user_key,
};

/// A user at home, a server that he knows, and his key for it.
struct Place {
    home: Home,
    sshd: Sshd,
}

impl Place {
    fn new() -> Self {
        Self::with(Sshd::start())
    }

    fn with(sshd: Sshd) -> Self {
        let home = Home::new();
        home.know_foreign(sshd.address());
        Self { home, sshd }
    }

    fn destination(&self) -> String {
        format!("{}@{}", self.sshd.user(), self.sshd.address())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let key = user_key(KeyType::Ed25519).path.display().to_string();
        let destination = self.destination();
        let mut all = vec!["-i", &key, &destination];
        all.extend(arguments);
        self.home.ssh(&all)
    }

    fn run(&self, command: &str, input: &[u8]) -> Finished {
        run(self.command(&[command]), input)
    }
}

#[test]
fn exit_status_and_both_streams_are_passed_on() {
    let place = Place::new();
    let done = place.run("echo out; echo err >&2; exit 7", b"");
    assert_eq!((done.code(), done.text().as_str(), done.errors().as_str()), (Some(7), "out\n", "err\n"));
    assert_eq!(place.run("true", b"").code(), Some(0));
    let done = place.run("signal TERM", b"");
    assert_eq!(done.code(), Some(255), "as for OpenSSH's; {}", done.errors());
    assert!(done.errors().contains("signal TERM"), "{}", done.errors());
}

#[test]
fn words_of_a_command_are_joined_as_ssh_does() {
    let place = Place::new();
    let done = run(place.command(&["printf", "'%s\\n'", "-p", "a b"]), b"");
    assert_eq!(done.text(), "-p\na\nb\n");
}

#[test]
fn every_byte_passes_both_ways_and_the_end_of_input_too() {
    let place = Place::new();
    let data = test_data(256 * 1024);
    assert!(place.run("cat", &data).expect_success("cat").stdout == data, "the bytes differ");
    // Nothing of what looks like an escape is taken for one where there is no terminal.
    let tricky = b"\r\n~.\r~?\n\x04\x03\x1a~~\r";
    assert_eq!(place.run("cat", tricky).expect_success("cat").stdout, tricky);
    let done = place.run("cat >/dev/null; echo all of it", b"");
    assert_eq!(done.text(), "all of it\n");
}

#[test]
fn a_command_that_does_not_want_its_input_ends_all_the_same() {
    let place = Place::new();
    let done = place.run("echo enough", &test_data(8 << 20));
    assert_eq!((done.code(), done.text().as_str()), (Some(0), "enough\n"));
}

#[test]
fn output_that_nobody_reads_ends_the_command() {
    let place = Place::new();
    let key = user_key(KeyType::Ed25519).path;
    let line = format!("{} -i {} {} yes", "ssh", key.display(), place.destination());
    let mut shell = Command::new("sh");
    let line = format!("{} {line} | head -n 1", feramiko());
    shell.args(["-c", &line]).env("HOME", place.home.0.path());
    assert_eq!(run(shell, b"").expect_success("head").text(), "y\n");
}

#[test]
fn a_changed_host_key_is_refused_loudly() {
    let place = Place::new();
    let other = user_key(KeyType::Ed25519).public;
    place.home.know(place.sshd.address(), &[&other]);
    let done = place.run("echo never", b"");
    assert_eq!((done.code(), done.text().as_str()), (Some(255), ""));
    let errors = done.errors();
    let file = format!("in {} line 1", place.home.known_hosts().display());
    for part in ["THE HOST KEY HAS CHANGED", "STOP!", "SHA256:", &file, "The connection was refused"] {
        assert!(errors.contains(part), "no {part:?} in\n{errors}");
    }
    assert!(!place.sshd.log().contains("Accepted"), "{}", place.sshd.log());
}

#[test]
fn an_unknown_host_is_refused_where_nobody_can_be_asked() {
    let place = Place::new();
    fs::remove_file(place.home.known_hosts()).unwrap();
    let done = place.run("echo never", b"");
    assert_eq!((done.code(), done.text().as_str()), (Some(255), ""));
    for part in ["is not known", "SHA256:", "no terminal to ask at"] {
        assert!(done.errors().contains(part), "no {part:?} in\n{}", done.errors());
    }
    assert!(!place.home.known_hosts().exists());
}

#[test]
fn the_banner_is_shown_even_to_those_who_do_not_get_in() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "Iron friends\x1b[2J only\n").unwrap();
    let banner = file.path().display().to_string();
    let place = Place::with(Sshd::builder().set("Banner", &banner).authorized_keys("").start());
    let done = place.run("echo never", b"");
    let errors = done.errors();
    assert_eq!((done.code(), done.text().as_str()), (Some(255), ""), "{errors}");
    assert!(errors.contains("Iron friends") && !errors.contains('\x1b'), "{errors}");
    assert!(errors.find("only") < errors.find("could not log in"), "before the rest: {errors}");
}

#[test]
fn known_types_of_host_keys_are_asked_for_first() {
    let place = Place::new();
    place.home.know(place.sshd.address(), &[&host_key(KeyType::Rsa).public]);
    assert_eq!(place.run("echo in", b"").text(), "in\n");
}

#[test]
fn the_language_is_told_and_nothing_else() {
    let place = Place::with(Sshd::builder().set("AcceptEnv", "*").start());
    let mut command = place.command(&["echo \"$LC_IRON-$FERAMIKO_SECRET-\""]);
    command.env("LC_IRON", "hot").env("FERAMIKO_SECRET", "cold");
    assert_eq!(run(command, b"").text(), "hot--\n");
}

#[test]
fn a_refused_port_and_an_unknown_name_are_told_apart() {
    let home = Home::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let done = run(home.ssh(&[&format!("robey@{free}"), "true"]), b"");
    assert_eq!(done.code(), Some(255));
    assert!(done.errors().contains("is the port right"), "{}", done.errors());
    let done = run(home.ssh(&["robey@no-such-host.invalid", "true"]), b"");
    assert_eq!(done.code(), Some(255));
    assert!(done.errors().contains("is it spelled right"), "{}", done.errors());
}

#[test]
fn a_protected_key_asks_for_its_passphrase() {
    let place = Place::new();
    let tmux = Tmux::start(100, 30);
    let arguments =
        format!("-i {} {} 'echo \"in: $((6*7))\"'", sealed_user_key().path.display(), place.destination());
    let pane = tmux.open(&place.home.watched(&place.home.ssh_line(&arguments)));
    pane.wait_for("Passphrase for ");
    pane.enter("wrong");
    pane.wait_until(|screen| screen.matches("Passphrase for ").count() == 2);
    pane.enter(PASSPHRASE);
    pane.wait_for("in: 42");
    let screen = pane.wait_for("[same terminal]");
    assert!(screen.contains("[status 0]"), "{screen}");
    assert!(!screen.contains(PASSPHRASE) && !screen.contains("wrong"), "{screen}");
}

#[test]
fn passwords_are_asked_for_and_kept_out_of_the_log() {
    let sshd = Sshd::builder().accounts().set("KbdInteractiveAuthentication", "no").start();
    let place = Place::with(sshd);
    let log = place.home.0.path().join("log");
    let tmux = Tmux::start(100, 30);
    let arguments = format!("--log {} {} 'echo \"in: $((6*7))\"'", log.display(), place.destination());
    let pane = tmux.open(&place.home.watched(&place.home.ssh_line(&arguments)));
    pane.wait_for("'s password:");
    pane.enter("not that one");
    pane.wait_for("Please try again.");
    pane.enter(PASSWORD);
    pane.wait_for("in: 42");
    let screen = pane.wait_for("[same terminal]");
    assert!(screen.contains("[status 0]"), "{screen}");
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("calling") && log.contains("logged in"), "{log}");
    assert!(!log.contains("not that one") && !log.contains(&format!("\"{PASSWORD}\"")), "{log}");
}

#[test]
fn questions_of_the_host_are_shown_as_such() {
    let place = Place::with(Sshd::builder().accounts().set("PasswordAuthentication", "no").start());
    let tmux = Tmux::start(100, 30);
    let pane = tmux.open(&place.home.ssh_line(&format!("{} 'echo \"in: $((6*7))\"'", place.destination())));
    pane.wait_for(&format!("({}@[127.0.0.1]:{})", place.sshd.user(), place.sshd.address().port()));
    pane.enter(PASSWORD);
    pane.wait_for("in: 42");
    pane.wait_for("[ended with 0]");
}

#[test]
fn a_terminal_there_is_like_the_one_here() {
    let place = Place::new();
    let tmux = Tmux::start(91, 31);
    let key = user_key(KeyType::Ed25519).path;
    let arguments =
        format!("-t -i {} {} 'stty size; echo \"is $TERM\"; cat'", key.display(), place.destination());
    let pane = tmux.open(&place.home.watched(&place.home.ssh_line(&arguments)));
    pane.wait_until(|screen| {
        screen.contains("31 91") && screen.contains("is screen") | screen.contains("is tmux")
    });
    // The line discipline is the other side's: it echoes, and control-C is its affair.
    pane.enter("echoed");
    pane.wait_until(|screen| screen.matches("echoed").count() == 2);
    pane.press("C-c");
    let screen = pane.wait_for("[same terminal]");
    assert!(screen.contains("^C"), "{screen}");
}
