//! Does the time of a refusal tell whether the user exists? Measures it, for a user who does and one who does not:
//!
//! ```sh
//! cargo run --release -p feramiko --example login_times
//! ```
//!
//! The server of this program takes 3 ms more over a user who exists, as one does that has a password to look up. What a client
//! sees of that is to be below 2 ms (`docs/DEFECTS.md`, row 44); it is because refusals leave at round times only
//! (`ServerConfig::failure_delay`).

use std::process::ExitCode;
use std::time::{Duration, Instant};

use feramiko::{
    AuthStep, ClientConfig, Common, Credential, KeyType, PinnedKeys, PrivateKey, Proof, Server, ServerConfig,
    Socket, Transport,
};

const TRIES: usize = 500;
const LOOKUP: Duration = Duration::from_millis(3);
const LIMIT: Duration = Duration::from_millis(2);

fn main() -> Result<ExitCode, feramiko::Error> {
    let key = PrivateKey::generate(KeyType::Ed25519)?;
    let mut config = ServerConfig::default();
    bear_many_tries(&mut config.common);
    let (near, far) = Socket::pipe();
    let connection = Server::builder().config(config).host_key(key.clone()).accept_over(far)?;
    std::thread::spawn(move || {
        while let Some(attempt) = connection.next_auth().wait()? {
            let exists = attempt.user() == "robey";
            if exists {
                std::thread::sleep(LOOKUP);
            }
            let right = exists && matches!(attempt.proof(), Proof::Password(word) if word.matches("foo"));
            if right { attempt.accept()? } else { attempt.reject()? }
        }
        Ok::<_, feramiko::Error>(())
    });

    let mut config = ClientConfig::default();
    bear_many_tries(&mut config.common);
    let client = Transport::client(near, config)?;
    client.verify_host_key(PinnedKeys(vec![key.public_key().clone()]));
    client.ready().wait()?;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..TRIES {
        // By turns: what else this machine does falls on both.
        for (user, times) in [("robey", &mut known), ("nobody", &mut unknown)] {
            let begin = Instant::now();
            let step = client.authenticate(user, Credential::Password("bar".into())).wait()?;
            times.push(begin.elapsed());
            assert!(matches!(step, AuthStep::Refused { .. }), "{step:?}");
        }
    }
    let (known, unknown) = (p95("a user who exists", known), p95("one who does not", unknown));
    let difference = known.abs_diff(unknown);
    println!(
        "difference at p95: {difference:.2?}, of {LOOKUP:?} that the server took; {LIMIT:?} are allowed"
    );
    Ok(if difference < LIMIT { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// As many tries in one connection as it takes; a real server counts them, and a real client gives up.
fn bear_many_tries(common: &mut Common) {
    let limits = &mut common.limits;
    (limits.failed_attempts, limits.userauth_messages) = (10_000, 10_000);
    (limits.unauthenticated_packets, limits.unauthenticated_bytes) = (10_000, 1 << 24);
    common.timing.login = None;
}

fn p95(who: &str, mut times: Vec<Duration>) -> Duration {
    times.sort();
    let at = |percent: usize| times[times.len() * percent / 100];
    println!("{who:>20}: p50 {:.2?}, p95 {:.2?} of {TRIES} tries", at(50), at(95));
    at(95)
}
