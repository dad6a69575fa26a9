//! Fuzz targets on the stable toolchain: what `cargo fuzz run -s none` does, without having to install it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::root;
use crate::step::{Failure, Steps, cargo, output, run};

/// LLVM's coverage instrumentation, as libFuzzer wants it, and the `cfg` that fuzzed code may ask for.
const FLAGS: [&str; 9] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Clink-dead-code",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "--cfg=fuzzing",
];

/// An input that needs more memory than this is a finding: nothing may be allocated that was not received.
const MEMORY_MB: u32 = 512;

/// `cargo xtask fuzz [--seconds N] [TARGET…]`.
pub(crate) fn command(steps: &mut Steps, arguments: &[&str]) -> Result<(), Failure> {
    let (seconds, names) = match arguments {
        ["--seconds", seconds, names @ ..] => {
            (seconds.parse().map_err(|_| format!("{seconds:?} is no number of seconds"))?, names)
        }
        names => (60, names),
    };
    let all = targets()?;
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|target| target == *name)) {
        return Err(format!("there is no fuzz target {unknown:?}; there are: {}", all.join(", ")));
    }
    let chosen = if names.is_empty() { all } else { names.iter().map(|name| (*name).to_owned()).collect() };
    fuzz(steps, seconds, &chosen)
}

/// Every target, for that many seconds each.
pub(crate) fn all(steps: &mut Steps, seconds: u32) -> Result<(), Failure> {
    let targets = targets()?;
    if targets.is_empty() {
        return Err("fuzz/ has no targets".to_owned());
    }
    fuzz(steps, seconds, &targets)
}

fn fuzz(steps: &mut Steps, seconds: u32, targets: &[String]) -> Result<(), Failure> {
    crate::peers::programs(steps)?;
    let triple = host_triple()?;
    steps.run("fuzz targets: build", || {
        let mut build = cargo();
        // Naming the target keeps the flags away from build scripts.
        build.args(["build", "--release", "--locked", "--target", &triple, "--manifest-path"]);
        build.arg(root().join("fuzz/Cargo.toml")).arg("--target-dir").arg(target_directory());
        for target in targets {
            build.args(["--bin", target]);
        }
        run(build.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}")).env_remove("RUSTFLAGS"))
    })?;
    for pair in targets.chunks(2) {
        let heading = format!("fuzz: {}, {seconds} s", pair.join(" and "));
        steps.run(&heading, || together(pair, seconds, &triple))?;
    }
    Ok(())
}

/// Runs targets side by side, and shows what each said when all are done.
fn together(targets: &[String], seconds: u32, triple: &str) -> Result<(), Failure> {
    let mut running = Vec::new();
    for target in targets {
        let child = fuzzer(target, seconds, triple)?.spawn();
        running.push((target, child.map_err(|error| format!("{target}: {error}"))?));
    }
    let mut failed = Vec::new();
    for (target, child) in running {
        let output = child.wait_with_output().map_err(|error| format!("{target}: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            let done = said.lines().rfind(|line| line.starts_with("Done ")).unwrap_or("no summary");
            println!("{target}: {done}");
        } else {
            println!("---- {target}: {}\n{said}", output.status);
            failed.push(format!("{target} (inputs are in fuzz/artifacts/{target})"));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join(", ")) }
}

fn fuzzer(target: &str, seconds: u32, triple: &str) -> Result<Command, Failure> {
    let fuzz = root().join("fuzz");
    let artifacts = fuzz.join("artifacts").join(target);
    let corpus = fuzz.join("corpus").join(target);
    for directory in [&artifacts, &corpus] {
        make(directory)?;
    }
    let mut command = Command::new(target_directory().join(triple).join("release").join(target));
    command
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-rss_limit_mb={MEMORY_MB}"))
        .args(["-timeout=10", "-print_final_stats=1"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let dictionary = fuzz.join("dictionaries").join(target).with_extension("dict");
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    // New findings go to the first directory; the seeds are kept as they were written.
    command.arg(corpus);
    let seeds = fuzz.join("seeds").join(target);
    if seeds.exists() {
        command.arg(seeds);
    }
    Ok(command)
}

/// The binaries of the fuzz package.
fn targets() -> Result<Vec<String>, Failure> {
    let manifest = root().join("fuzz/Cargo.toml");
    let metadata = output(
        cargo().args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest),
    )?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    Ok(targets
        .filter(|target| target["kind"][0] == "bin")
        .filter_map(|target| target["name"].as_str().map(str::to_owned))
        .collect())
}

fn host_triple() -> Result<String, Failure> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc -vV names no host".to_owned())
}

fn target_directory() -> PathBuf {
    root().join("fuzz/target")
}

fn make(directory: &Path) -> Result<(), Failure> {
    fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))
}
