//! The ssh2 crate (libssh2) as a client.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use feramiko_bench::Failure;
use feramiko_bench::commands::{CHUNK, Command, next_chunk};
use feramiko_bench::job::{Job, Work};
use feramiko_bench::latency::Latency;
use ssh2::{Channel, MethodType, Session};

fn main() -> Result<(), Failure> {
    let job = Job::from_args()?;
    if let Work::Connect { count, parallel, exec } = job.work {
        return connections(&job, count, parallel, exec);
    }
    let session = connect(&job)?;
    match job.work {
        Work::Download(bytes) => download(&session, bytes)?,
        Work::Upload(bytes) => upload(&session, bytes)?,
        Work::Exec(count) => Latency::measure(count, || run_true(&session))?.report(),
        Work::Echo(count) => echo(&session, count)?,
        Work::Connect { .. } => {}
    }
    session.disconnect(None, "", None)?;
    Ok(())
}

fn connect(job: &Job) -> Result<Session, Failure> {
    let socket = TcpStream::connect(job.address)?;
    socket.set_nodelay(true)?;
    let mut session = Session::new()?;
    session.set_tcp_stream(socket);
    for (kind, name) in [
        (MethodType::Kex, job.kex.as_str()),
        (MethodType::HostKey, "ssh-ed25519"),
        (MethodType::CryptCs, &job.cipher),
        (MethodType::CryptSc, &job.cipher),
        (MethodType::MacCs, &job.mac),
        (MethodType::MacSc, &job.mac),
    ] {
        session.method_pref(kind, name)?;
    }
    session.handshake()?;
    session.userauth_pubkey_file(&job.user, None, &job.key, None)?;
    Ok(session)
}

fn connections(job: &Job, count: usize, parallel: usize, exec: bool) -> Result<(), Failure> {
    let start = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..parallel)
            .map(|_| {
                scope.spawn(move || {
                    for _ in 0..count / parallel {
                        let session = connect(job)?;
                        if exec {
                            run_true(&session)?;
                        }
                        session.disconnect(None, "", None)?;
                    }
                    Ok::<_, Failure>(())
                })
            })
            .collect();
        for thread in threads {
            thread.join().map_err(|_| "a thread panicked")??;
        }
        Ok::<_, Failure>(())
    })?;
    println!("seconds {}", start.elapsed().as_secs_f64());
    Ok(())
}

fn open(session: &Session, command: Command) -> Result<Channel, Failure> {
    let mut channel = session.channel_session()?;
    channel.exec(&command.to_shell())?;
    Ok(channel)
}

fn finish(mut channel: Channel) -> Result<(), Failure> {
    let mut rest = [0; 64];
    while channel.read(&mut rest)? > 0 {}
    channel.wait_eof()?;
    channel.close()?;
    channel.wait_close()?;
    match channel.exit_status()? {
        0 => Ok(()),
        status => Err(format!("exit status {status}").into()),
    }
}

fn download(session: &Session, bytes: u64) -> Result<(), Failure> {
    let mut channel = open(session, Command::Bytes(bytes))?;
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

fn upload(session: &Session, bytes: u64) -> Result<(), Failure> {
    let mut channel = open(session, Command::Sink)?;
    let mut left = bytes;
    while left > 0 {
        let chunk = next_chunk(left);
        channel.write_all(chunk)?;
        left -= chunk.len() as u64;
    }
    channel.send_eof()?;
    finish(channel)
}

fn run_true(session: &Session) -> Result<(), Failure> {
    finish(open(session, Command::True)?)
}

fn echo(session: &Session, count: usize) -> Result<(), Failure> {
    let mut channel = open(session, Command::Echo)?;
    let mut byte = [0];
    let latency = Latency::measure(count, || {
        channel.write_all(b"x")?;
        channel.read_exact(&mut byte)
    })?;
    latency.report();
    channel.send_eof()?;
    finish(channel)
}
