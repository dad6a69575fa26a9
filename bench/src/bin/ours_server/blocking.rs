//! Threads: one for each connection, and one for each session.

use std::io::{Read, Write};
use std::sync::Arc;

use feramiko::{Channel, Error, ExitStatus, Program, PublicKey, ServerConnection};
use feramiko_bench::Failure;
use feramiko_bench::commands::{CHUNK, Command, next_chunk};
use feramiko_bench::serve::{ServeSpec, announce};

pub(crate) fn serve(spec: &ServeSpec, user_key: PublicKey) -> Result<(), Failure> {
    let server = crate::bind(spec)?.wait()?;
    announce(server.local_addr()?);
    let user_key = Arc::new(user_key);
    Ok(server.serve(move |connection| look_after(&connection, &user_key))?)
}

fn look_after(connection: &ServerConnection, user_key: &PublicKey) -> Result<(), Error> {
    while let Some(attempt) = connection.next_auth().wait()? {
        crate::judge(attempt, user_key)?;
    }
    while let Some(session) = connection.next_session().wait()? {
        std::thread::spawn(move || {
            let Some(start) = session.program().wait()? else { return Ok(()) };
            let Program::Exec(line) = start.program() else { return Ok(()) };
            match Command::parse(line) {
                // A client that leaves in the middle is no fault of the server.
                Some(command) => act(&start.accept(), command),
                None => Ok(()),
            }
        });
    }
    Ok(())
}

fn act(mut channel: &Channel, command: Command) -> Result<(), Failure> {
    match command {
        Command::Bytes(count) => {
            let mut left = count;
            while left > 0 {
                let chunk = next_chunk(left);
                Write::write_all(&mut channel, chunk)?;
                left -= chunk.len() as u64;
            }
        }
        Command::Sink => {
            let mut buffer = vec![0; CHUNK];
            while channel.read(&mut buffer)? > 0 {}
        }
        Command::Echo => {
            let mut buffer = vec![0; CHUNK];
            loop {
                match channel.read(&mut buffer)? {
                    0 => break,
                    read => Write::write_all(&mut channel, &buffer[..read])?,
                }
            }
        }
        Command::True => {}
    }
    channel.shutdown_write()?;
    channel.send_exit(ExitStatus::Code(0))?;
    channel.close();
    Ok(())
}
