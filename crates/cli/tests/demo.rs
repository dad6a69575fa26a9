//! The demo, as somebody sees it who has just cloned this.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use feramiko_interop::Tmux;

fn everything_below(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        names.push(path.display().to_string());
        if path.is_dir() {
            names.extend(everything_below(&path));
        }
    }
    names
}

#[test]
fn without_a_terminal_it_gives_a_tour_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_feramiko"))
        .arg("demo")
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .env_remove("XDG_DATA_HOME")
        .current_dir(home.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (shown, errors) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{errors}\n{shown}");
    assert_eq!(errors, "");
    for text in [
        "ssh-ed25519 SHA256:",
        "byte for byte",
        "Logged in as robey",
        "Choose> b\n",
        "Posted as General #1.",
        "by a client and a server that have never met before.",
        "<robey> Hello Ada. Who let you in?",
        "<ada> My key did.",
        "Good-bye, robey.",
        "key exchange  mlkem768x25519-sha256, safe from quantum computers too, strict",
        "login         password (logged in)",
        "handshake ",
        "on the wire ",
        "round trip ",
        "processor ",
        "Nothing is left of it: no file, no process, no thread.",
    ] {
        assert!(shown.contains(text), "no {text:?} in\n{shown}");
    }
    assert!(!shown.contains('\x1b'), "escape sequences in a transcript:\n{shown}");
    assert_eq!(everything_below(home.path()), [""; 0]);
}

#[test]
fn in_a_terminal_the_session_is_the_users() {
    let tmux = Tmux::start(80, 40);
    let pane = tmux.open(&format!("{} demo", env!("CARGO_BIN_EXE_feramiko")));
    pane.wait_for("Choose>");
    pane.enter("a");
    pane.wait_for("About");
    pane.enter("l");
    let screen = pane.wait_for("[ended with 0]");
    for text in ["Good-bye, robey.", "key exchange ", "Nothing is left of it"] {
        assert!(screen.contains(text), "no {text:?} in\n{screen}");
    }
}
