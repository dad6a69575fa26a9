//! The project's chores. `cargo xtask help` lists them.

mod fuzz;
mod peers;
mod step;
mod supply;
mod tests;
mod windows;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use step::{Failure, Steps, cargo, run};

const USAGE: &str = "\
cargo xtask test [--only PART]        everything that must pass: format, licences, clippy, unit, doc and interop
                                      tests, a few seconds of each fuzz target
                                      PART: fmt, licences, clippy, unit, doc, interop, fuzz
cargo xtask peers                     sets up the other implementations that the interop tests speak with
cargo xtask fuzz [--seconds N] [TARGET…]
                                      runs fuzz targets, 60 seconds each unless told otherwise
cargo xtask soak                      10 000 handshakes with each post-quantum key exchange
cargo xtask windows                   checks everything for Windows, and runs under wine what wine can run
cargo xtask bench [ARGUMENT…]         measures speed beside other implementations";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut steps = Steps::default();
    let outcome = match words.as_slice() {
        ["test"] => tests::all(&mut steps),
        ["test", "--only", part] => tests::only(&mut steps, part),
        ["peers"] => peers::set_up(&mut steps),
        ["fuzz", rest @ ..] => fuzz::command(&mut steps, rest),
        ["soak"] => soak(&mut steps),
        ["windows"] => windows::all(&mut steps),
        ["bench", rest @ ..] => bench(&mut steps, rest),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    steps.finish(outcome)
}

fn soak(steps: &mut Steps) -> Result<(), Failure> {
    steps.run("soak: handshakes by the thousand", || {
        run(cargo().args(["run", "--release", "-p", "feramiko-testkit", "--example", "soak"]))
    })
}

fn bench(steps: &mut Steps, arguments: &[&str]) -> Result<(), Failure> {
    peers::programs(steps)?;
    steps.run("bench", || {
        let manifest = root().join("bench/Cargo.toml");
        run(cargo().args(["run", "--release", "--manifest-path"]).arg(manifest).arg("--").args(arguments))
    })
}

/// The root of the repository.
fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}
