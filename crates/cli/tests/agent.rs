//! `feramiko agent`, as OpenSSH's programs find it.
#![cfg(unix)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use common::feramiko;
use feramiko_interop::{KeyType, Running, run, ssh_add, user_key};
use rustix::process::{Pid, Signal, kill_process};

fn agent(words: &[&str]) -> Command {
    let mut command = Command::new(feramiko());
    command.arg("agent").args(words).env_remove("SSH_AUTH_SOCK").env_remove("SSH_ASKPASS");
    command
}

#[test]
fn a_command_finds_the_agent_and_the_agent_ends_with_it() {
    let key = user_key(KeyType::Ed25519).path.display().to_string();
    let script = format!("ssh-add -q {key} && ssh-add -l && echo $SSH_AUTH_SOCK; exit 7");
    let done = run(agent(&["sh", "-c", &script]), b"");
    assert_eq!(done.code(), Some(7), "{}", done.errors());
    let text = done.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains("SHA256:"), "{text}{}", done.errors());
    let socket = Path::new(lines[1]);
    assert!(socket.is_absolute() && !socket.exists() && !socket.parent().unwrap().exists(), "{socket:?}");
    let done = run(agent(&["/no/such/program"]), b"");
    assert!(!done.status.success() && done.errors().contains("/no/such/program"), "{}", done.errors());
}

#[test]
fn without_a_command_it_tells_the_shell_and_stays_until_a_signal() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("it's here");
    let mut running = Running::start("feramiko agent", agent(&["-a", &socket.display().to_string()]));
    running.wait_for_text("Agent pid");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    // What it says is what a shell understands.
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{}\necho \"$SSH_AUTH_SOCK $SSH_AGENT_PID\"", running.log()));
    let said = run(shell, b"").expect_success("sh").text();
    let id = running.id();
    assert_eq!(said, format!("Agent pid {id}\n{} {id}\n", socket.display()));

    let key = user_key(KeyType::Rsa);
    ssh_add(&socket, &[&key.path.display().to_string()], "").expect_success("ssh-add");
    assert!(ssh_add(&socket, &["-L"], "").text().contains(&key.public));
    // Nobody is there to confirm anything.
    let pid = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert!(running.wait().unwrap().success());
    assert!(!socket.exists());
}

#[test]
fn a_key_is_used_when_the_askpass_program_says_yes() {
    let directory = tempfile::tempdir().unwrap();
    let key = user_key(KeyType::Ed25519).path.display().to_string();
    let answers = [
        ("true", true),
        ("false", false),
        ("echo Yes", true),
        ("echo", true),
        ("echo no", false),
        ("echo yes; false", false),
        ("echo yesterday", false),
    ];
    for (number, (answer, signed)) in answers.into_iter().enumerate() {
        let askpass = directory.path().join(format!("askpass{number}"));
        let note = directory.path().join("note");
        let script = format!("#!/bin/sh\necho \"$SSH_ASKPASS_PROMPT: $1\" > {}\n{answer}\n", note.display());
        std::fs::write(&askpass, script).unwrap();
        std::fs::set_permissions(&askpass, std::fs::Permissions::from_mode(0o700)).unwrap();
        let script = format!("ssh-add -q -c {key} && ssh-add -T {key}.pub");
        let mut command = agent(&["sh", "-c", &script]);
        command.env("SSH_ASKPASS", &askpass);
        assert_eq!(run(command, b"").status.success(), signed, "{answer}");
        let asked = std::fs::read_to_string(&note).unwrap();
        assert!(asked.starts_with("confirm: Allow use of key") && asked.contains("SHA256:"), "{asked}");
    }
}
