//! feramiko as a server, with the driver that its variant names: `thread` or `tokio`.

#[path = "ours_server/asynchronous.rs"]
mod asynchronous;
#[path = "ours_server/blocking.rs"]
mod blocking;

use feramiko::{Algorithms, Attempt, Bind, PrivateKey, Proof, PublicKey, Server};
use feramiko_bench::Failure;
use feramiko_bench::serve::ServeSpec;

fn main() -> Result<(), Failure> {
    let spec = ServeSpec::from_args()?;
    let (user_key, _) = PublicKey::load_file(&spec.user_key)?;
    match spec.variant.as_str() {
        "thread" => blocking::serve(&spec, user_key),
        "tokio" => asynchronous::run(&spec, user_key),
        other => Err(format!("no driver {other:?}").into()),
    }
}

fn bind(spec: &ServeSpec) -> Result<Bind, Failure> {
    let key = PrivateKey::load_file(&spec.host_key, None)?;
    // The client says which of all.
    Ok(Server::builder().host_key(key).algorithms(Algorithms::default()).bind("127.0.0.1:0"))
}

/// Lets in whoever holds the key.
fn judge(attempt: Attempt, user_key: &PublicKey) -> Result<(), feramiko::Error> {
    let known = match attempt.proof() {
        Proof::KeyOffer(key) => key == user_key,
        Proof::Key(key) => key.key() == user_key,
        _ => false,
    };
    if known { attempt.accept() } else { attempt.reject() }
}
