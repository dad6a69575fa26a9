//! An SSH client and server on the russh crate, spoken to by JSON: see `interop/README.md`.
//!
//! `russh-peer algorithms`, `russh-peer server SPEC`, `russh-peer client [JOB, …]`.

mod client;
mod commands;
mod offer;
mod server;

use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let input: Value = match arguments.next() {
        Some(text) => serde_json::from_str(&text)?,
        None => Value::Null,
    };
    match mode.as_str() {
        "algorithms" => println!("{}", offer::supported()),
        "server" => server::run(&input).await?,
        "client" => {
            for job in input.as_array().into_iter().flatten() {
                let result = match client::run(job).await {
                    Ok(result) => result,
                    Err(error) => json!({ "ok": false, "error": error.to_string() }),
                };
                println!("{result}");
            }
        }
        other => return Err(format!("unknown mode {other:?}").into()),
    }
    Ok(())
}
