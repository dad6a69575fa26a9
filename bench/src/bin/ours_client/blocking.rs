//! The blocking face, over the worker thread.

use std::io::{Read, Write};
use std::time::Instant;

use feramiko::{Channel, Client};
use feramiko_bench::Failure;
use feramiko_bench::commands::{CHUNK, Command, next_chunk};
use feramiko_bench::job::Work;
use feramiko_bench::latency::Latency;

use crate::Visitor;

pub(crate) fn run(visitor: &Visitor) -> Result<(), Failure> {
    if let Work::Connect { count, parallel, exec } = visitor.job.work {
        return connections(visitor, count, parallel, exec);
    }
    let client = visitor.connect().wait()?;
    match visitor.job.work {
        Work::Download(bytes) => download(&client, bytes)?,
        Work::Upload(bytes) => upload(&client, bytes)?,
        Work::Exec(count) => Latency::measure(count, || run_true(&client))?.report(),
        Work::Echo(count) => echo(&client, count)?,
        Work::Connect { .. } => {}
    }
    client.close().wait();
    Ok(())
}

fn connections(visitor: &Visitor, count: usize, parallel: usize, exec: bool) -> Result<(), Failure> {
    let start = Instant::now();
    let visits = || {
        for _ in 0..count / parallel {
            let client = visitor.connect().wait()?;
            if exec {
                run_true(&client)?;
            }
            client.close().wait();
        }
        Ok::<_, Failure>(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..parallel).map(|_| scope.spawn(visits)).collect();
        for thread in threads {
            thread.join().map_err(|_| "a thread panicked")??;
        }
        Ok::<_, Failure>(())
    })?;
    println!("seconds {}", start.elapsed().as_secs_f64());
    Ok(())
}

fn open(client: &Client, command: Command) -> Result<Channel, Failure> {
    Ok(client.command(command.to_shell()).spawn().wait()?.into_channel())
}

/// Reads to the end; the command must have been content.
fn finish(mut channel: Channel) -> Result<(), Failure> {
    let mut rest = [0; 64];
    while channel.read(&mut rest)? > 0 {}
    match channel.exit_status().wait()? {
        Some(feramiko::ExitStatus::Code(0)) => Ok(()),
        status => Err(format!("exit status {status:?}").into()),
    }
}

fn download(client: &Client, bytes: u64) -> Result<(), Failure> {
    let mut channel = open(client, Command::Bytes(bytes))?;
    let mut buffer = vec![0; CHUNK];
    let mut left = bytes;
    while left > 0 {
        match channel.read(&mut buffer)? {
            0 => return Err(format!("{left} bytes missing").into()),
            read => left -= read as u64,
        }
    }
    finish(channel)
}

fn upload(client: &Client, bytes: u64) -> Result<(), Failure> {
    let mut channel = open(client, Command::Sink)?;
    let mut left = bytes;
    while left > 0 {
        let chunk = next_chunk(left);
        Write::write_all(&mut channel, chunk)?;
        left -= chunk.len() as u64;
    }
    channel.shutdown_write()?;
    finish(channel)
}

fn run_true(client: &Client) -> Result<(), Failure> {
    finish(open(client, Command::True)?)
}

fn echo(client: &Client, count: usize) -> Result<(), Failure> {
    let mut channel = open(client, Command::Echo)?;
    let mut byte = [0];
    let latency = Latency::measure(count, || {
        Write::write_all(&mut channel, b"x")?;
        channel.read_exact(&mut byte)
    })?;
    latency.report();
    channel.shutdown_write()?;
    finish(channel)
}
