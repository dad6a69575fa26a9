//! The canned commands of every peer's server, and the test data that all of them make alike.

use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// What is left to say when a command is done.
pub enum End {
    Status(u32),
    Signal(String),
}

/// Runs `echo TEXT`, `cat`, `exit N`, `bytes N`, `errors N`, `sink` or `signal NAME`.
pub async fn run(
    command: &str,
    mut input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
    mut errors: impl AsyncWrite + Unpin,
) -> std::io::Result<End> {
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    match name {
        "echo" => output.write_all(format!("{rest}\n").as_bytes()).await?,
        "cat" => {
            tokio::io::copy(&mut input, &mut output).await?;
        }
        "exit" => return Ok(End::Status(rest.parse().unwrap_or(255))),
        "bytes" => send(&mut output, rest.parse().unwrap_or(0)).await?,
        "errors" => send(&mut errors, rest.parse().unwrap_or(0)).await?,
        "sink" => {
            let summary = Summary::of(&mut input).await?;
            output.write_all(format!("{} {}\n", summary.bytes, summary.sha256()).as_bytes()).await?;
        }
        "signal" => return Ok(End::Signal(rest.to_owned())),
        _ => {
            errors.write_all(format!("unknown command {command:?}\n").as_bytes()).await?;
            return Ok(End::Status(127));
        }
    }
    output.flush().await?;
    Ok(End::Status(0))
}

/// Sends the first `count` bytes of the test data: block `i` of 1024 bytes is SHA-256 of `i` as eight big-endian
/// bytes, 32 times over. It compresses, and no two blocks are alike.
pub async fn send(output: &mut (impl AsyncWrite + Unpin), count: u64) -> std::io::Result<()> {
    let mut left = count;
    let mut block = 0u64;
    let mut chunk = Vec::with_capacity(32 * 1024);
    while left > 0 {
        chunk.clear();
        while chunk.len() < 32 * 1024 {
            let digest = Sha256::digest(block.to_be_bytes());
            for _ in 0..32 {
                chunk.extend_from_slice(&digest);
            }
            block += 1;
        }
        chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len()));
        output.write_all(&chunk).await?;
        left -= chunk.len() as u64;
    }
    output.flush().await
}

/// How much came, its digest, and the beginning of it.
#[derive(Default)]
pub struct Summary {
    pub bytes: u64,
    digest: Sha256,
    pub head: Vec<u8>,
}

impl Summary {
    pub async fn of(input: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Self> {
        let mut summary = Self::default();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = input.read(&mut buffer).await?;
            if read == 0 {
                return Ok(summary);
            }
            summary.add(&buffer[..read]);
        }
    }

    pub fn add(&mut self, data: &[u8]) {
        self.bytes += data.len() as u64;
        self.digest.update(data);
        let room = 4096usize.saturating_sub(self.head.len()).min(data.len());
        self.head.extend_from_slice(&data[..room]);
    }

    pub fn sha256(&self) -> String {
        self.digest.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "bytes": self.bytes,
            "sha256": self.sha256(),
            "text": String::from_utf8_lossy(&self.head),
        })
    }
}
