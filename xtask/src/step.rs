//! Steps with a heading and a time, and the commands that they run.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::root;

/// Why a step failed, in words.
pub(crate) type Failure = String;

/// What was done, how long it took, and how the tests in it ended.
#[derive(Default)]
pub(crate) struct Steps {
    times: Vec<(String, Duration)>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
}

impl Steps {
    /// Runs one step under its heading.
    pub(crate) fn run(
        &mut self,
        heading: &str,
        work: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        println!("\n==== {heading}");
        let start = Instant::now();
        let outcome = work();
        let time = start.elapsed();
        println!("==== {heading}: {:.1} s", time.as_secs_f64());
        self.times.push((heading.to_owned(), time));
        outcome.map_err(|failure| format!("{heading}: {failure}"))
    }

    /// Runs a step that is one `cargo test`, and counts its tests.
    pub(crate) fn run_tests(&mut self, heading: &str, mut command: Command) -> Result<(), Failure> {
        let mut counts = Counts::default();
        let outcome = self.run(heading, || watch(&mut command, &mut counts));
        self.counts.passed += counts.passed;
        self.counts.failed += counts.failed;
        outcome
    }

    /// Prints the sum of it all.
    pub(crate) fn finish(self, outcome: Result<(), Failure>) -> ExitCode {
        println!("\n==== time");
        for (heading, time) in &self.times {
            println!("{:7.1} s  {heading}", time.as_secs_f64());
        }
        if self.counts.passed + self.counts.failed > 0 {
            println!("\n{} passed, {} failed", self.counts.passed, self.counts.failed);
        }
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                eprintln!("\nxtask: {failure}");
                ExitCode::FAILURE
            }
        }
    }
}

/// The cargo that runs us, at the root of the repository.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs a command with our own outputs.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.stdin(Stdio::null()).status();
    let status = status.map_err(|error| format!("{}: {error}", show(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", show(command))) }
}

/// Runs a command and answers its standard output; the rest is shown.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("{}: {error}", show(command)))?;
    if !output.status.success() {
        return Err(format!("{} ended with {}", show(command), output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a command succeeds; what it says is of no interest.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Runs a `cargo test`, passes its output on, and adds up its results.
fn watch(command: &mut Command, counts: &mut Counts) -> Result<(), Failure> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("{}: {error}", show(command)))?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            println!("{line}");
            counts.add(&line);
        }
    }
    let status = child.wait().map_err(|error| format!("{}: {error}", show(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", show(command))) }
}

impl Counts {
    /// Takes `test result: ok. 3 passed; 0 failed; …` into account.
    fn add(&mut self, line: &str) {
        let Some((_, results)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for result in results.split("; ") {
            match result.split_once(' ') {
                Some((count, "passed")) => self.passed += count.parse().unwrap_or(0),
                Some((count, "failed")) => self.failed += count.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn results_of_cargo_test_add_up() {
        let mut counts = Counts::default();
        counts.add(
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s",
        );
        counts.add("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out");
        counts.add("test it ... ok");
        assert_eq!((counts.passed, counts.failed), (15, 2));
    }
}
