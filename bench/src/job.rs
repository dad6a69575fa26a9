//! The work of one run of a client, and how it is told on a command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::Failure;

/// Whom to connect to, with which algorithms, and what to do there.
#[derive(Clone, Debug)]
pub struct Job {
    pub address: SocketAddr,
    pub user: String,
    /// A private key file, unencrypted, Ed25519; its public half has the suffix `.pub`.
    pub key: PathBuf,
    /// The file with the server's public key.
    pub host_key: PathBuf,
    pub kex: String,
    pub cipher: String,
    /// Needed where the cipher has no tag of its own.
    pub mac: String,
    /// Threads that the client may use for its runtime, if it has one.
    pub threads: usize,
    /// A word that only one client knows, such as which of its drivers to use.
    pub variant: String,
    pub work: Work,
}

/// What is done on the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Reads that many bytes from one channel.
    Download(u64),
    /// Writes that many bytes to one channel.
    Upload(u64),
    /// Connects and authenticates again and again, `parallel` at a time; with `exec`, runs a command each time.
    Connect { count: usize, parallel: usize, exec: bool },
    /// Runs that many commands, one after the other.
    Exec(usize),
    /// Sends one byte and awaits it, that many times.
    Echo(usize),
}

impl Work {
    fn to_words(self) -> Vec<String> {
        let words = |name: &str, numbers: &[u64]| {
            std::iter::once(name.to_owned()).chain(numbers.iter().map(u64::to_string)).collect()
        };
        match self {
            Self::Download(bytes) => words("download", &[bytes]),
            Self::Upload(bytes) => words("upload", &[bytes]),
            Self::Connect { count, parallel, exec } => {
                words("connect", &[count as u64, parallel as u64, u64::from(exec)])
            }
            Self::Exec(count) => words("exec", &[count as u64]),
            Self::Echo(count) => words("echo", &[count as u64]),
        }
    }

    fn from_words(words: &[String]) -> Option<Self> {
        let (name, numbers) = words.split_first()?;
        let numbers: Vec<u64> = numbers.iter().map(|word| word.parse().ok()).collect::<Option<_>>()?;
        let size = |number: u64| usize::try_from(number).ok();
        match (name.as_str(), numbers.as_slice()) {
            ("download", &[bytes]) => Some(Self::Download(bytes)),
            ("upload", &[bytes]) => Some(Self::Upload(bytes)),
            ("connect", &[count, parallel, exec]) => {
                Some(Self::Connect { count: size(count)?, parallel: size(parallel)?, exec: exec != 0 })
            }
            ("exec", &[count]) => Some(Self::Exec(size(count)?)),
            ("echo", &[count]) => Some(Self::Echo(size(count)?)),
            _ => None,
        }
    }
}

impl Job {
    /// The command line that [`from_args`](Self::from_args) reads.
    pub fn to_args(&self) -> Vec<String> {
        let mut args = vec![
            self.address.to_string(),
            self.user.clone(),
            self.key.display().to_string(),
            self.host_key.display().to_string(),
            self.kex.clone(),
            self.cipher.clone(),
            self.mac.clone(),
            self.threads.to_string(),
            self.variant.clone(),
        ];
        args.extend(self.work.to_words());
        args
    }

    /// The job on this program's command line.
    pub fn from_args() -> Result<Self, Failure> {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let [address, user, key, host_key, kex, cipher, mac, threads, variant, work @ ..] = args.as_slice()
        else {
            return Err("this program is started by `cargo xtask bench`".into());
        };
        Ok(Self {
            address: address.parse()?,
            user: user.clone(),
            key: key.into(),
            host_key: host_key.into(),
            kex: kex.clone(),
            cipher: cipher.clone(),
            mac: mac.clone(),
            threads: threads.parse()?,
            variant: variant.clone(),
            work: Work::from_words(work).ok_or("no such work")?,
        })
    }

    /// Type and base64 of the server's key.
    pub fn host_key_line(&self) -> Result<String, Failure> {
        let line = std::fs::read_to_string(&self.host_key)?;
        Ok(line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
    }
}
