//! Tasks of tokio: one for each connection, and one for each session.

use std::sync::Arc;

use feramiko::{Channel, Error, ExitStatus, Program, PublicKey, ServerConnection};
use feramiko_bench::Failure;
use feramiko_bench::commands::{CHUNK, Command, next_chunk};
use feramiko_bench::serve::{ServeSpec, announce};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(crate) fn run(spec: &ServeSpec, user_key: PublicKey) -> Result<(), Failure> {
    let mut builder = match spec.threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread(),
        threads => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
    };
    builder.enable_all().build()?.block_on(serve(spec, user_key))
}

async fn serve(spec: &ServeSpec, user_key: PublicKey) -> Result<(), Failure> {
    let server = crate::bind(spec)?.await?;
    announce(server.local_addr()?);
    let user_key = Arc::new(user_key);
    loop {
        let connection = server.accept().await?;
        tokio::spawn(look_after(connection, Arc::clone(&user_key)));
    }
}

async fn look_after(connection: ServerConnection, user_key: Arc<PublicKey>) -> Result<(), Error> {
    while let Some(attempt) = connection.next_auth().await? {
        crate::judge(attempt, &user_key)?;
    }
    while let Some(session) = connection.next_session().await? {
        tokio::spawn(async move {
            let Some(start) = session.program().await? else { return Ok(()) };
            let Program::Exec(line) = start.program() else { return Ok(()) };
            match Command::parse(line) {
                // A client that leaves in the middle is no fault of the server.
                Some(command) => act(start.accept(), command).await,
                None => Ok(()),
            }
        });
    }
    Ok(())
}

async fn act(channel: Channel, command: Command) -> Result<(), Failure> {
    let mut channel = channel.into_async();
    match command {
        Command::Bytes(count) => {
            let mut left = count;
            while left > 0 {
                let chunk = next_chunk(left);
                channel.write_all(chunk).await?;
                left -= chunk.len() as u64;
            }
        }
        Command::Sink => {
            let mut buffer = vec![0; CHUNK];
            while channel.read(&mut buffer).await? > 0 {}
        }
        Command::Echo => {
            let mut buffer = vec![0; CHUNK];
            loop {
                match channel.read(&mut buffer).await? {
                    0 => break,
                    read => channel.write_all(&buffer[..read]).await?,
                }
            }
        }
        Command::True => {}
    }
    let channel = channel.into_blocking();
    channel.shutdown_write()?;
    channel.send_exit(ExitStatus::Code(0))?;
    channel.close();
    Ok(())
}
