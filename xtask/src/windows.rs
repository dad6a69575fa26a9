//! Windows, seen from Linux: everything is checked for it, and what wine can run is run.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::root;
use crate::step::{Failure, Steps, cargo, run};

const TARGET: &str = "x86_64-pc-windows-gnu";
/// What it takes, where there is apt.
const NEEDED: &str =
    "apt-get install gcc-mingw-w64-x86-64 nasm wine64 && rustup target add x86_64-pc-windows-gnu";

/// All of it.
pub(crate) fn all(steps: &mut Steps) -> Result<(), Failure> {
    let wine = wine()?;
    steps.run("windows: clippy", || {
        let mut clippy = cargo();
        clippy.args(["clippy", "--locked", "--target", TARGET, "--all-features"]);
        clippy.args(["-p", "feramiko", "-p", "feramiko-cli", "-p", "feramiko-keys"]);
        run(clippy.args(["--lib", "--bins", "--tests", "--", "-D", "warnings"]))
    })?;
    steps.run("windows: a system for wine", || prepare(&wine))?;
    // One step each: whoever changes one crate reads where it broke.
    for package in ["feramiko-wire", "feramiko-crypto", "feramiko-keys", "feramiko-proto", "feramiko"] {
        let mut tests = under(&wine, &["test", "-p", package, "--lib"]);
        if package == "feramiko" {
            tests.args(["--features", "tokio", "--test", "handles", "--test", "client_server"]);
        }
        steps.run_tests(&format!("windows: {package}"), tests)?;
    }
    steps.run_tests("windows: feramiko-cli", under(&wine, &["test", "-p", "feramiko-cli", "--bins"]))?;
    steps.run("windows: the demo", || {
        let mut demo = under(&wine, &["run", "-p", "feramiko-cli"]);
        run(demo.args(["--", "demo", "--tour"]))
    })
}

/// A command of cargo whose programs are run by wine, in a system of their own.
fn under(wine: &Path, arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.args(arguments).args(["--locked", "--target", TARGET]);
    command.env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", wine);
    command.env("WINEPREFIX", prefix()).env("WINEDEBUG", "-all");
    command
}

/// A system of its own, with what wine lacks before its version 9 and Rust's standard library needs.
fn prepare(wine: &Path) -> Result<(), Failure> {
    run(Command::new(wine).args(["wineboot", "-i"]).env("WINEPREFIX", prefix()).env("WINEDEBUG", "-all"))?;
    let library = prefix().join("drive_c/windows/system32/bcryptprimitives.dll");
    if library.exists() {
        return Ok(());
    }
    let mut compile = Command::new("x86_64-w64-mingw32-gcc");
    compile.args(["-O", "-shared", "-o"]).arg(library).arg(root().join("xtask/wine/bcryptprimitives.c"));
    run(compile.arg("-ladvapi32"))
}

fn prefix() -> PathBuf {
    root().join("target/wine")
}

fn wine() -> Result<PathBuf, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // Debian keeps it here.
    folders.push("/usr/lib/wine".into());
    let places = folders.iter().flat_map(|folder| [folder.join("wine64"), folder.join("wine")]);
    let found = places.into_iter().find(|place| place.is_file());
    found.ok_or_else(|| format!("there is no wine here; {NEEDED}"))
}
