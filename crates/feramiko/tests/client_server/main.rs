//! Our client against our server over loopback, each scenario with both drivers.

#[macro_use]
mod house;

mod certificates;
mod commands;
mod configured;
mod devices;
mod hosts;
mod keywords;
mod limits;
mod login;
mod methods;
mod permissions;
mod rsa_floor;

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use feramiko::{
    AuthError, Client, Error, ExitStatus, HostKeyRefusal, Outcome, Prompt, Proof, Request, Secret, Server,
    Stage, Terminal,
};
use house::{Driver, House, answer_attempts, forward, guests, key, password_only, run_programs};

/// What was tried, as words.
fn steps(tried: &[feramiko::Tried]) -> Vec<(String, Outcome)> {
    tried.iter().map(|one| (one.method.clone(), one.outcome)).collect()
}

fn auth_error(result: Result<Client, Error>) -> AuthError {
    match result {
        Err(Error::Auth(error)) => *error,
        other => panic!("{other:?}"),
    }
}

fn refusal(result: Result<Client, Error>) -> HostKeyRefusal {
    match result {
        Err(Error::HostKey(refusal)) => *refusal,
        other => panic!("{other:?}"),
    }
}
