//! `feramiko bbs`, called by OpenSSH's client and by ours.
#![cfg(unix)]

mod common;

use common::{Bbs, Home};
use feramiko_interop::{KeyType, Running, Ssh, Tmux, run, user_key};

/// OpenSSH's client, which asks for a password and gets it.
fn openssh(bbs: &Bbs) -> Ssh {
    Ssh::to(bbs.address).host_keys(&[&bbs.host_key]).flag("-tt").answers(&["foo"])
}

#[test]
fn two_callers_with_the_real_ssh_chat_with_each_other() {
    let data = tempfile::tempdir().unwrap();
    let bbs = Bbs::open(data.path(), &user_key(KeyType::Ed25519));
    let tmux = Tmux::start(80, 24);
    let (first_ssh, second_ssh) = (openssh(&bbs), openssh(&bbs));
    let first = tmux.open(&first_ssh.shell_line(""));
    first.wait_for("Choose>");
    let second = tmux.open(&second_ssh.shell_line(""));
    second.wait_for("Choose>");
    first.wait_for("robey#2 has come on line");
    first.enter("c");
    first.wait_for("Here: robey");
    second.enter("c");
    second.wait_for("Here: robey, robey#2");
    first.wait_for("robey#2 comes in");
    first.enter("is the line free?");
    second.wait_for("<robey> is the line free?");
    // What is being typed stays while something is said above it.
    first.send("half a thou");
    second.enter("it is, \u{9244}\u{306e}\u{53cb}");
    first.wait_until(|screen| {
        screen.contains("<robey#2> it is, \u{9244}\u{306e}\u{53cb}") && screen.contains("> half a thou")
    });
    first.enter("ght");
    second.wait_for("<robey> half a thought");
    second.press("C-c");
    second.wait_for("Main menu");
    second.enter("l");
    second.wait_for("[ended with 0]");
    first.wait_for("robey#2 has hung up");
}

#[test]
fn what_was_told_to_be_posted_is_there_after_a_kill_and_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let key = user_key(KeyType::Ed25519);
    let mut bbs = Bbs::open(data.path(), &key);
    let home = Home::new();
    home.know(bbs.address, &[&bbs.host_key]);
    let identity = key.path.display().to_string();
    let to = |bbs: &Bbs| format!("ada@{}", bbs.address);
    let mut caller = Running::start("caller", home.ssh(&["-T", "-i", &identity, &to(&bbs)]));
    caller.write(b"b\n3\nw\nA promise\nThis must still be here.\n.\n");
    caller.wait_for_text("Posted as Paranoia #1.");
    bbs.running.kill();
    assert_eq!(caller.wait().unwrap().code(), Some(255));
    caller.wait_for_text("feramiko: the connection to");

    let bbs = Bbs::open(data.path(), &key);
    home.know(bbs.address, &[&bbs.host_key]);
    let call = run(home.ssh(&["-T", "-i", &identity, &to(&bbs)]), b"b\n3\n1\nq\nq\nq\nl\n");
    let text = call.expect_success("the call").text();
    for part in ["#1 A promise\nada, ", "This must still be here."] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn a_command_is_refused_with_words_and_a_status() {
    let data = tempfile::tempdir().unwrap();
    let key = user_key(KeyType::Ed25519);
    let bbs = Bbs::open(data.path(), &key);
    let done = Ssh::to(bbs.address).host_keys(&[&bbs.host_key]).key(&key).run("rm -rf /", b"");
    assert_eq!((done.code(), done.text().as_str()), (Some(1), ""));
    assert!(done.errors().contains("This is a BBS"), "{}", done.errors());
}

#[test]
fn strangers_stay_outside() {
    let data = tempfile::tempdir().unwrap();
    let bbs = Bbs::open(data.path(), &user_key(KeyType::Ed25519));
    let call = |user: &str, word: &str| {
        let ssh = Ssh::to(bbs.address).host_keys(&[&bbs.host_key]).user(user).answers(&[word]);
        ssh.run("", b"").code()
    };
    assert_eq!(call("robey", "bar"), Some(255));
    assert_eq!(call("ada", "foo"), Some(255));
    let other = Ssh::to(bbs.address).host_keys(&[&bbs.host_key]).key(&user_key(KeyType::Ecdsa256));
    assert_eq!(other.run("", b"").code(), Some(255));
    assert_eq!(call("robey", "foo"), Some(0));
}

#[test]
fn a_second_house_with_the_same_data_is_told_why_not() {
    let data = tempfile::tempdir().unwrap();
    let _bbs = Bbs::open(data.path(), &user_key(KeyType::Ed25519));
    let mut second = std::process::Command::new(common::feramiko());
    second.args(["bbs", "--listen", "127.0.0.1:0", "--data"]).arg(data.path());
    let done = run(second, b"");
    assert_eq!(done.code(), Some(1));
    assert!(done.errors().contains("is another bbs running"), "{}", done.errors());
}

#[test]
fn callers_are_told_when_the_house_closes() {
    let data = tempfile::tempdir().unwrap();
    let mut bbs = Bbs::open(data.path(), &user_key(KeyType::Ed25519));
    let tmux = Tmux::start(80, 24);
    let ssh = openssh(&bbs);
    let pane = tmux.open(&ssh.shell_line(""));
    pane.wait_for("Choose>");
    let id = rustix::process::Pid::from_raw(bbs.running.id().cast_signed()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    pane.wait_for("The house is closing for the night.");
    pane.wait_for("[ended with 0]");
    assert!(bbs.running.wait().unwrap().success());
    bbs.running.wait_for_text("The house is closed.");
}

#[test]
fn our_ssh_asks_about_the_host_follows_the_window_and_gives_the_terminal_back() {
    let data = tempfile::tempdir().unwrap();
    let bbs = Bbs::open(data.path(), &user_key(KeyType::Ed25519));
    let home = Home::new();
    let tmux = Tmux::start(80, 24);
    let line = home.ssh_line(&format!("-oHashKnownHosts=no robey@{}", bbs.address));
    let pane = tmux.open(&home.watched(&line));
    let asked = pane.wait_for("Trust it from now on (yes/no/[fingerprint])?");
    assert!(asked.contains("SHA256:"), "{asked}");
    pane.enter("perhaps");
    pane.wait_for("Please type 'yes', 'no' or the fingerprint:");
    pane.enter("yes");
    pane.wait_for("'s password:");
    pane.enter("foo");
    pane.wait_for("Choose>");
    // 52 characters: the house breaks them at a blank, which a terminal that is made smaller does not.
    pane.resize(50, 24);
    pane.wait_until(|screen| screen.lines().any(|line| line.trim_end() == "empty."));
    pane.press("Enter");
    pane.wait_until(|screen| screen.trim_end().ends_with("Choose>"));
    pane.send("~.");
    let screen = pane.wait_for("[same terminal]");
    assert!(screen.contains("closed."), "{screen}");
    assert!(screen.contains("[status 255]"), "{screen}");
    let known = std::fs::read_to_string(home.known_hosts()).unwrap();
    assert_eq!(known, format!("[127.0.0.1]:{} {}\n", bbs.address.port(), bbs.host_key));

    // The second time nothing is asked.
    let pane = tmux.open(&line);
    pane.wait_until(|screen| screen.trim_start().starts_with("robey@"));
}

#[test]
fn without_arguments_our_ssh_asks_for_host_and_user() {
    let data = tempfile::tempdir().unwrap();
    let bbs = Bbs::open(data.path(), &user_key(KeyType::Ed25519));
    let home = Home::new();
    home.know(bbs.address, &[&bbs.host_key]);
    let tmux = Tmux::start(80, 24);
    let pane = tmux.open(&home.ssh_line(""));
    pane.wait_for("Host:");
    pane.enter(&bbs.address.to_string());
    pane.wait_for("User [");
    pane.enter("robey");
    pane.wait_for(&format!("robey@[127.0.0.1]:{}'s password:", bbs.address.port()));
    pane.enter("foo");
    pane.wait_for("Choose>");
    // Control-D at the menu logs off.
    pane.press("C-d");
    pane.wait_for("[ended with 0]");
}

#[test]
fn a_lost_link_is_told_and_the_terminal_given_back() {
    let data = tempfile::tempdir().unwrap();
    let mut bbs = Bbs::open(data.path(), &user_key(KeyType::Ed25519));
    let home = Home::new();
    home.know(bbs.address, &[&bbs.host_key]);
    let tmux = Tmux::start(80, 24);
    let pane = tmux.open(&home.watched(&home.ssh_line(&format!("robey@{}", bbs.address))));
    pane.wait_for("'s password:");
    pane.enter("foo");
    pane.wait_for("Choose>");
    bbs.running.kill();
    let screen = pane.wait_for("[same terminal]");
    assert!(screen.contains("is lost:"), "{screen}");
    assert!(screen.contains("[status 255]"), "{screen}");
}

#[test]
fn a_password_is_not_shown_after_a_suspension_either() {
    let data = tempfile::tempdir().unwrap();
    let bbs = Bbs::open(data.path(), &user_key(KeyType::Ed25519));
    let home = Home::new();
    home.know(bbs.address, &[&bbs.host_key]);
    let tmux = Tmux::start(80, 24);
    // A shell that gives the terminal its own modes while it has it.
    let pane = tmux.open("PS1='$ ' bash --norc");
    pane.enter(&home.ssh_line(&format!("robey@{}", bbs.address)));
    pane.wait_for("'s password:");
    pane.press("C-z");
    pane.wait_for("Stopped");
    pane.enter("clear; fg");
    // It is asked anew, and then nothing is shown any more.
    pane.wait_for("'s password:");
    pane.enter("not-for-all-eyes");
    let screen = pane.wait_for("That was not it.");
    assert!(!screen.contains("not-for-all-eyes"), "{screen}");
}

#[test]
fn a_signal_and_a_suspension_give_the_terminal_back() {
    let data = tempfile::tempdir().unwrap();
    let bbs = Bbs::open(data.path(), &user_key(KeyType::Ed25519));
    let home = Home::new();
    home.know(bbs.address, &[&bbs.host_key]);
    let tmux = Tmux::start(80, 24);
    // A shell with job control, so that there is somebody to continue it.
    let line = home.ssh_line(&format!("robey@{}", bbs.address));
    let pane = tmux.open("PS1='$ ' sh -i");
    pane.enter("set -m");
    pane.enter(&home.watched(&line));
    pane.wait_for("'s password:");
    pane.enter("foo");
    pane.wait_for("Choose>");
    pane.press("Enter");
    pane.wait_until(|screen| screen.trim_end().ends_with("Choose>"));
    pane.send("~");
    pane.press("C-z");
    pane.wait_for("[same terminal]");
    pane.enter("clear; fg");
    pane.wait_for("ssh robey@");
    pane.press("Enter");
    pane.wait_for("Main menu");
    pane.enter("");
    // Whoever ends it from elsewhere.
    let kill = format!("kill -TERM $(pgrep -f '^{} ssh robey@{}')", common::feramiko(), bbs.address);
    let mut killer = std::process::Command::new("sh");
    killer.args(["-c", &kill]);
    run(killer, b"").expect_success("kill");
    pane.enter(&format!("clear; stty -g | cmp - {}/before && echo '[as before]'", home.0.path().display()));
    pane.wait_until(|screen| screen.lines().any(|line| line == "[as before]"));
}
