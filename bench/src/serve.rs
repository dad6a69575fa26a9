//! How a server is told what it needs, says where it listens, and ends.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::Failure;

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct ServeSpec {
    /// Its private key file.
    pub host_key: PathBuf,
    /// The public key file of the one user.
    pub user_key: PathBuf,
    /// Threads that it may use for its runtime, if it has one.
    pub threads: usize,
    /// A word that only one server knows, such as which of its drivers to use.
    pub variant: String,
}

impl ServeSpec {
    /// The command line that [`from_args`](Self::from_args) reads.
    pub fn to_args(&self) -> Vec<String> {
        vec![
            self.host_key.display().to_string(),
            self.user_key.display().to_string(),
            self.threads.to_string(),
            self.variant.clone(),
        ]
    }

    /// What this program's command line says.
    pub fn from_args() -> Result<Self, Failure> {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let [host_key, user_key, threads, variant] = args.as_slice() else {
            return Err("this program is started by `cargo xtask bench`".into());
        };
        Ok(Self {
            host_key: host_key.into(),
            user_key: user_key.into(),
            threads: threads.parse()?,
            variant: variant.clone(),
        })
    }
}

/// Tells the benchmark where this server listens, and ends the process when the benchmark closes its input.
pub fn announce(address: SocketAddr) {
    println!("{address}");
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
}
