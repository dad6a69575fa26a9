//! Handshakes without end: `cargo run --release -p feramiko-testkit --example soak [count [kex ...]]`.
//! Default: 10000 with each hybrid key exchange method. Prints every failure; the exit status tells whether there was one.

use std::time::Instant;

use feramiko_proto::{ClientConfig, Method, ServerConfig};
use feramiko_testkit::{Pair, host_key};

const HYBRIDS: [&str; 3] =
    ["mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com"];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let count = match arguments.next().map(|text| text.parse::<u32>()) {
        None => 10_000,
        Some(Ok(count)) => count,
        Some(Err(error)) => {
            eprintln!("the first argument is how many handshakes: {error}");
            std::process::exit(2);
        }
    };
    let mut methods: Vec<String> = arguments.collect();
    if methods.is_empty() {
        methods = HYBRIDS.map(str::to_owned).to_vec();
    }
    let failures: u32 = methods.iter().map(|kex| soak(kex, count)).sum();
    std::process::exit(i32::from(failures > 0));
}

fn soak(kex: &str, count: u32) -> u32 {
    let key = host_key();
    let mut server = ServerConfig { host_keys: vec![key.public_key().clone()], ..ServerConfig::default() };
    server.common.algorithms.kex = vec![kex.to_owned()];
    let start = Instant::now();
    let mut failures = 0;
    for number in 0..count {
        let mut pair = Pair::new(ClientConfig::default(), server.clone());
        pair.server.auto.keys.push(key.clone());
        pair.settle();
        let now = pair.now();
        let asked = pair.client.connection.authenticate("robey", Method::Password("foo".into()), now);
        pair.settle();
        if !pair.client.connection.is_authenticated() {
            failures += 1;
            println!(
                "{kex}: handshake {number} failed: {asked:?}, client {:?}, server {:?}",
                pair.client.connection.ended(),
                pair.server.connection.ended()
            );
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{kex}: {count} handshakes, {failures} failures, {:.0} a second", f64::from(count) / seconds);
    failures
}
