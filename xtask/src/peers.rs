//! Sets up what the interop tests speak with.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::root;
use crate::step::{Failure, Steps, cargo, output, run, succeeds};

/// What must be there: how to see that it is, and the Debian package that brings it.
const PROGRAMS: [(&str, &str); 11] = [
    ("command -v ssh ssh-keygen ssh-agent scp sftp", "openssh-client"),
    ("PATH=$PATH:/usr/sbin command -v sshd", "openssh-server"),
    (
        "test -x /usr/lib/openssh/sftp-server || test -x /usr/libexec/openssh/sftp-server",
        "openssh-sftp-server",
    ),
    ("command -v openssl", "openssl"),
    ("command -v plink puttygen", "putty-tools"),
    ("PATH=$PATH:/usr/sbin command -v dropbear dbclient dropbearkey dropbearconvert", "dropbear-bin"),
    ("command -v tmux", "tmux"),
    ("command -v unshare", "util-linux"),
    ("command -v c++", "g++"),
    ("python3 -c 'import ensurepip'", "python3-venv"),
    ("command -v python3", "python3"),
];

/// All peers.
pub(crate) fn set_up(steps: &mut Steps) -> Result<(), Failure> {
    programs(steps)?;
    steps.run("peers: asyncssh and paramiko", || {
        python_packages("requirements.txt", "interop-venv", "asyncssh, paramiko")
    })?;
    steps.run("peers: an old paramiko", || {
        python_packages("requirements-old.txt", "interop-venv-old", "paramiko")
    })?;
    steps.run("peers: russh", russh)
}

/// The programs of the system.
pub(crate) fn programs(steps: &mut Steps) -> Result<(), Failure> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    let install = format!("apt-get install {}", missing.join(" "));
    let root = output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !root || !present("command -v apt-get") {
        return Err(format!(
            "the tests need programs that are not there. On Debian or Ubuntu:\n\n    sudo {install}\n"
        ));
    }
    steps.run(&install, || {
        run(apt().args(["update", "-q"]))?;
        run(apt().args(["install", "-q", "-y", "--no-install-recommends"]).args(&missing))
    })?;
    match self::missing() {
        missing if missing.is_empty() => Ok(()),
        missing => Err(format!("still missing after {install}: {}", missing.join(" "))),
    }
}

fn missing() -> Vec<&'static str> {
    PROGRAMS.iter().filter(|(test, _)| !present(test)).map(|(_, package)| *package).collect()
}

fn present(test: &str) -> bool {
    // `command -v a b` is content with one of them; every name counts here.
    match test.split_once("command -v ") {
        Some((before, names)) => names
            .split(' ')
            .all(|name| succeeds(Command::new("sh").arg("-c").arg(format!("{before}command -v {name}")))),
        None => succeeds(Command::new("sh").arg("-c").arg(test)),
    }
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// A virtual environment with exactly the packages of a file in `interop/python`, of which these can be imported.
fn python_packages(file: &str, venv: &str, modules: &str) -> Result<(), Failure> {
    let wanted = root().join("interop/python").join(file);
    let venv = root().join("target").join(venv);
    let installed = venv.join("requirements.txt");
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let requirements = read(&wanted)?;
    let python = venv.join("bin/python");
    let works = || succeeds(Command::new(&python).args(["-W", "ignore", "-c", &format!("import {modules}")]));
    if read(&installed).is_ok_and(|installed| installed == requirements) && works() {
        return Ok(());
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "-r"])
        .arg(&wanted))?;
    if !works() {
        return Err(format!("{modules} installed but cannot be imported"));
    }
    // Written last: it says that all before it went well.
    fs::write(&installed, requirements).map_err(|error| format!("{}: {error}", installed.display()))
}

/// The peer on russh, in a workspace and a target directory of its own.
fn russh() -> Result<(), Failure> {
    let peers = root().join("interop/peers");
    let mut build = cargo();
    build.args(["build", "--release", "--locked", "--manifest-path"]).arg(peers.join("Cargo.toml"));
    run(build.arg("--target-dir").arg(peers.join("target")))
}
