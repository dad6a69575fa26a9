//! The asynchronous face, over a task of tokio.

use std::sync::Arc;
use std::time::Instant;

use feramiko::{AsyncChannel, Client};
use feramiko_bench::Failure;
use feramiko_bench::commands::{CHUNK, Command, next_chunk};
use feramiko_bench::job::Work;
use feramiko_bench::latency::Latency;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Visitor;

pub(crate) fn run(visitor: Visitor) -> Result<(), Failure> {
    let mut builder = match visitor.job.threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread(),
        threads => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
    };
    builder.enable_all().build()?.block_on(work(Arc::new(visitor)))
}

async fn work(visitor: Arc<Visitor>) -> Result<(), Failure> {
    if let Work::Connect { count, parallel, exec } = visitor.job.work {
        return connections(visitor, count, parallel, exec).await;
    }
    let client = visitor.connect().await?;
    match visitor.job.work {
        Work::Download(bytes) => download(&client, bytes).await?,
        Work::Upload(bytes) => upload(&client, bytes).await?,
        Work::Exec(count) => Latency::measure_async(count, async || run_true(&client).await).await?.report(),
        Work::Echo(count) => echo(&client, count).await?,
        Work::Connect { .. } => {}
    }
    client.close().await;
    Ok(())
}

async fn connections(
    visitor: Arc<Visitor>,
    count: usize,
    parallel: usize,
    exec: bool,
) -> Result<(), Failure> {
    let start = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..parallel {
        let visitor = Arc::clone(&visitor);
        tasks.push(tokio::spawn(async move {
            for _ in 0..count / parallel {
                let client = visitor.connect().await?;
                if exec {
                    run_true(&client).await?;
                }
                client.close().await;
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

async fn open(client: &Client, command: Command) -> Result<AsyncChannel, Failure> {
    Ok(client.command(command.to_shell()).spawn().await?.into_channel().into_async())
}

/// Reads to the end; the command must have been content.
async fn finish(mut channel: AsyncChannel) -> Result<(), Failure> {
    let mut rest = [0; 64];
    while channel.read(&mut rest).await? > 0 {}
    match channel.channel().exit_status().await? {
        Some(feramiko::ExitStatus::Code(0)) => Ok(()),
        status => Err(format!("exit status {status:?}").into()),
    }
}

async fn download(client: &Client, bytes: u64) -> Result<(), Failure> {
    let mut channel = open(client, Command::Bytes(bytes)).await?;
    let mut buffer = vec![0; CHUNK];
    let mut left = bytes;
    while left > 0 {
        match channel.read(&mut buffer).await? {
            0 => return Err(format!("{left} bytes missing").into()),
            read => left -= read as u64,
        }
    }
    finish(channel).await
}

async fn upload(client: &Client, bytes: u64) -> Result<(), Failure> {
    let mut channel = open(client, Command::Sink).await?;
    let mut left = bytes;
    while left > 0 {
        let chunk = next_chunk(left);
        channel.write_all(chunk).await?;
        left -= chunk.len() as u64;
    }
    channel.shutdown().await?;
    finish(channel).await
}

async fn run_true(client: &Client) -> Result<(), Failure> {
    finish(open(client, Command::True).await?).await
}

async fn echo(client: &Client, count: usize) -> Result<(), Failure> {
    let mut channel = open(client, Command::Echo).await?;
    let mut byte = [0];
    let latency = Latency::measure_async(count, async || {
        channel.write_all(b"x").await?;
        channel.read_exact(&mut byte).await.map(drop)
    });
    latency.await?.report();
    channel.shutdown().await?;
    finish(channel).await
}
