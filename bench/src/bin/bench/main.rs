//! Measures feramiko beside OpenSSH, russh, libssh2 and the physical limit, all in one run.
//!
//! `cargo xtask bench` with the flags of [`options::USAGE`]. What is printed is markdown.

mod bulk;
mod client;
mod connections;
mod latency;
mod options;
mod pair;
mod server;
mod statistics;
mod world;

use std::process::ExitCode;

use feramiko_bench::Failure;
use options::{Options, Section};
use world::World;

fn main() -> ExitCode {
    let options = match Options::from_args(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    let world = World::new(options)?;
    let mut report = world.heading(options);
    print!("{report}");
    for section in Section::ALL.into_iter().filter(|section| options.wants(*section)) {
        let text = match section {
            Section::Bulk => bulk::report(&world, options)?,
            Section::Connections => connections::report(&world, options)?,
            Section::Latency => latency::report(&world, options)?,
        };
        println!("{text}");
        report.push_str(&text);
        report.push('\n');
    }
    if let Some(path) = &options.out {
        std::fs::write(path, report).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}
