//! feramiko as a client, with the driver that the job's variant names: `thread` or `tokio`.

#[path = "ours_client/asynchronous.rs"]
mod asynchronous;
#[path = "ours_client/blocking.rs"]
mod blocking;

use feramiko::{Algorithms, Client, Connect, PrivateKey, PublicKey};
use feramiko_bench::Failure;
use feramiko_bench::job::Job;

fn main() -> Result<(), Failure> {
    let job = Job::from_args()?;
    let visitor = Visitor::new(job)?;
    match visitor.job.variant.as_str() {
        "thread" => blocking::run(&visitor),
        "tokio" => asynchronous::run(visitor),
        other => Err(format!("no driver {other:?}").into()),
    }
}

/// What every connection is made of.
struct Visitor {
    job: Job,
    key: PrivateKey,
    host_key: PublicKey,
    algorithms: Algorithms,
}

impl Visitor {
    fn new(job: Job) -> Result<Self, Failure> {
        let key = PrivateKey::load_file(&job.key, None)?;
        let (host_key, _) = PublicKey::load_file(&job.host_key)?;
        let algorithms = Algorithms {
            kex: vec![job.kex.clone()],
            ciphers: vec![job.cipher.clone()],
            macs: vec![job.mac.clone()],
            ..Algorithms::default()
        };
        Ok(Self { job, key, host_key, algorithms })
    }

    fn connect(&self) -> Connect {
        Client::connect(self.job.address.to_string())
            .user(&self.job.user)
            .key(self.key.clone())
            .host_key(self.host_key.clone())
            .algorithms(self.algorithms.clone())
    }
}
