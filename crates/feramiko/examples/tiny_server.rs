//! A server in 25 lines: a password, a public key, and commands that run in a shell of this machine.
//!
//! In a directory with the files `host_key` and `friend.pub` (ssh-keygen makes both), `cargo run --example tiny_server`,
//! then `ssh -p 2222 robey@127.0.0.1 'uname -a'`. Whoever knows the password `foo` runs what they like.
use feramiko::{Error, PrivateKey, Program, Proof, PublicKey, Server};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt, process};

fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:2222".to_owned());
    let (friend, _) = PublicKey::load_file("friend.pub")?;
    let server = Server::builder().host_key(PrivateKey::load_file("host_key", None)?).bind(address).wait()?;
    server.serve(move |connection| {
        while let Some(attempt) = connection.next_auth().wait()? {
            let welcome = match attempt.proof() {
                Proof::Password(word) => attempt.user() == "robey" && word.matches("foo"),
                Proof::KeyOffer(key) => *key == friend,
                Proof::Key(key) => *key.key() == friend,
                _ => false,
            };
            if welcome { attempt.accept()? } else { attempt.reject()? }
        }
        while let Some(session) = connection.next_session().wait()? {
            let Some(start) = session.program().wait()? else { continue };
            let Program::Exec(line) = start.program().clone() else { continue };
            let run = process::Command::new("/bin/sh").arg("-c").arg(OsStr::from_bytes(&line)).output()?;
            start.accept().finish_with(run).wait()?;
        }
        Ok(())
    })
}
