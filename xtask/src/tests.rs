//! `cargo xtask test`: what must pass.

use crate::step::{Failure, Steps, cargo, run};
use crate::{fuzz, peers, supply};

/// How long each fuzz target runs among the tests.
const FUZZ_SECONDS: u32 = 5;

/// All parts, the quickest to fail first.
pub(crate) fn all(steps: &mut Steps) -> Result<(), Failure> {
    for part in ["fmt", "licences", "clippy", "unit", "doc", "interop", "fuzz"] {
        only(steps, part)?;
    }
    Ok(())
}

/// One part, and what it needs.
pub(crate) fn only(steps: &mut Steps, part: &str) -> Result<(), Failure> {
    match part {
        "fmt" => steps.run("format", || {
            run(cargo().args(["fmt", "--all", "--check"]))?;
            // Workspaces of their own.
            ["interop/peers", "fuzz", "bench"].into_iter().try_for_each(|folder| {
                let manifest = crate::root().join(folder).join("Cargo.toml");
                run(cargo().args(["fmt", "--check", "--manifest-path"]).arg(manifest))
            })
        }),
        "licences" => steps.run("licences, sources and banned crates", supply::check),
        "clippy" => steps.run("clippy", || {
            let mut clippy = cargo();
            clippy.args(["clippy", "--locked", "--workspace", "--all-targets", "--all-features"]);
            run(clippy.args(["--", "-D", "warnings"]))
        }),
        "unit" => {
            peers::programs(steps)?;
            let mut test = cargo();
            // What else fails is of interest too.
            test.args(["test", "--locked", "--no-fail-fast", "--workspace", "--exclude", "feramiko-interop"]);
            test.args(["--all-features", "--lib", "--bins", "--tests", "--examples"]);
            steps.run_tests("unit, property and scenario tests", test)
        }
        "doc" => {
            steps.run("documentation", || {
                let mut doc = cargo();
                doc.args(["doc", "--locked", "--workspace", "--no-deps", "--lib", "--all-features"]);
                // Links that lead nowhere are errors.
                run(doc.env("RUSTDOCFLAGS", "-D warnings"))
            })?;
            let mut test = cargo();
            test.args(["test", "--locked", "--workspace", "--all-features", "--doc"]);
            steps.run_tests("examples in the documentation", test)
        }
        "interop" => {
            peers::set_up(steps)?;
            let mut test = cargo();
            test.args(["test", "--locked", "--no-fail-fast", "-p", "feramiko-interop", "--all-features"]);
            test.args(["--lib", "--tests"]);
            // The table of algorithms is for people to see.
            test.args(["--", "--show-output"]);
            steps.run_tests("interop tests", test)
        }
        "fuzz" => fuzz::all(steps, FUZZ_SECONDS),
        other => Err(format!("there is no part {other:?}; see cargo xtask help")),
    }
}
