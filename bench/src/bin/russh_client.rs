//! The russh crate as a client.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use feramiko_bench::Failure;
use feramiko_bench::commands::{Command, next_chunk};
use feramiko_bench::job::{Job, Work};
use feramiko_bench::latency::Latency;
use russh::client::{self, Handle, Msg};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate, load_secret_key};
use russh::{Channel, ChannelMsg, Disconnect, Preferred, cipher, compression, kex, mac};

fn main() -> Result<(), Failure> {
    let job = Job::from_args()?;
    let mut builder = match job.threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread(),
        threads => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
    };
    builder.enable_all().build()?.block_on(run(Arc::new(Client::new(job)?)))
}

struct Client {
    job: Job,
    config: Arc<client::Config>,
    key: Arc<PrivateKey>,
    host_key: String,
}

impl Client {
    fn new(job: Job) -> Result<Self, Failure> {
        let named = |name: &str| format!("russh has no {name}");
        let preferred = Preferred {
            kex: Cow::Owned(vec![
                kex::Name::try_from(job.kex.as_str()).map_err(|_| named(&job.kex))?,
                kex::EXTENSION_SUPPORT_AS_CLIENT,
                kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
            ]),
            cipher: Cow::Owned(vec![
                cipher::Name::try_from(job.cipher.as_str()).map_err(|_| named(&job.cipher))?,
            ]),
            mac: Cow::Owned(vec![mac::Name::try_from(job.mac.as_str()).map_err(|_| named(&job.mac))?]),
            compression: Cow::Owned(vec![compression::NONE]),
            ..Preferred::default()
        };
        let config = client::Config { preferred, nodelay: true, ..client::Config::default() };
        let key = Arc::new(load_secret_key(&job.key, None)?);
        let host_key = job.host_key_line()?;
        Ok(Self { job, config: Arc::new(config), key, host_key })
    }

    async fn connect(&self) -> Result<Handle<Handler>, Failure> {
        let handler = Handler { expected: self.host_key.clone() };
        let mut handle = client::connect(Arc::clone(&self.config), self.job.address, handler).await?;
        let key = PrivateKeyWithHashAlg::new(Arc::clone(&self.key), None);
        if !handle.authenticate_publickey(&self.job.user, key).await?.success() {
            return Err("authentication refused".into());
        }
        Ok(handle)
    }

    /// Connects, does nothing or one command, and leaves.
    async fn visit(&self, exec: bool) -> Result<(), Failure> {
        let handle = self.connect().await?;
        if exec {
            run_true(&handle).await?;
        }
        handle.disconnect(Disconnect::ByApplication, "", "").await?;
        // The future of the handle ends with the connection.
        let _ = handle.await;
        Ok(())
    }
}

struct Handler {
    expected: String,
}

impl client::Handler for Handler {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else { return Ok(false) };
        Ok(key.to_openssh()?.split(' ').take(2).eq(self.expected.split(' ')))
    }
}

async fn run(client: Arc<Client>) -> Result<(), Failure> {
    if let Work::Connect { count, parallel, exec } = client.job.work {
        return connections(client, count, parallel, exec).await;
    }
    let handle = client.connect().await?;
    match client.job.work {
        Work::Download(bytes) => download(&handle, bytes).await?,
        Work::Upload(bytes) => upload(&handle, bytes).await?,
        Work::Exec(count) => Latency::measure_async(count, async || run_true(&handle).await).await?.report(),
        Work::Echo(count) => echo(&handle, count).await?,
        Work::Connect { .. } => {}
    }
    handle.disconnect(Disconnect::ByApplication, "", "").await?;
    let _ = handle.await;
    Ok(())
}

async fn connections(client: Arc<Client>, count: usize, parallel: usize, exec: bool) -> Result<(), Failure> {
    let start = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..parallel {
        let client = Arc::clone(&client);
        tasks.push(tokio::spawn(async move {
            for _ in 0..count / parallel {
                client.visit(exec).await?;
            }
            Ok::<_, Failure>(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    println!("seconds {}", start.elapsed().as_secs_f64());
    Ok(())
}

async fn open(handle: &Handle<Handler>, command: Command) -> Result<Channel<Msg>, Failure> {
    let channel = handle.channel_open_session().await?;
    channel.exec(true, command.to_shell()).await?;
    Ok(channel)
}

async fn download(handle: &Handle<Handler>, bytes: u64) -> Result<(), Failure> {
    let mut channel = open(handle, Command::Bytes(bytes)).await?;
    let mut left = bytes;
    while let Some(message) = channel.wait().await {
        if let ChannelMsg::Data { data } = message {
            left -= data.len() as u64;
        }
    }
    if left == 0 { Ok(()) } else { Err(format!("{left} bytes missing").into()) }
}

async fn upload(handle: &Handle<Handler>, bytes: u64) -> Result<(), Failure> {
    let mut channel = open(handle, Command::Sink).await?;
    let mut left = bytes;
    while left > 0 {
        let chunk = next_chunk(left);
        channel.data_bytes(chunk).await?;
        left -= chunk.len() as u64;
    }
    channel.eof().await?;
    finish(&mut channel).await
}

async fn run_true(handle: &Handle<Handler>) -> Result<(), Failure> {
    finish(&mut open(handle, Command::True).await?).await
}

/// Reads to the end of the channel; the command must have been content.
async fn finish(channel: &mut Channel<Msg>) -> Result<(), Failure> {
    let mut status = None;
    while let Some(message) = channel.wait().await {
        if let ChannelMsg::ExitStatus { exit_status } = message {
            status = Some(exit_status);
        }
    }
    if status == Some(0) { Ok(()) } else { Err(format!("exit status {status:?}").into()) }
}

async fn echo(handle: &Handle<Handler>, count: usize) -> Result<(), Failure> {
    let (mut incoming, outgoing) = open(handle, Command::Echo).await?.split();
    let latency = Latency::measure_async(count, async || {
        outgoing.data_bytes(&b"x"[..]).await?;
        while let Some(message) = incoming.wait().await {
            if let ChannelMsg::Data { .. } = message {
                return Ok(());
            }
        }
        Err(Failure::from("the channel ended"))
    });
    latency.await?.report();
    outgoing.eof().await?;
    Ok(())
}
