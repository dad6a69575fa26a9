//! A channel's descriptor in the `select` of another program: Python, which is told nothing but its number.
//!
//! `cargo run --example select [python3]` prints what `select` says after each step, and fails if it is wrong.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use feramiko::{
    AcceptAnyHostKeyInsecurely, Channel, ClientConfig, Credential, Pollable, PrivateKey, ServerConfig,
    Socket, Transport,
};

const SCRIPT: &str = "
import select, sys
for line in sys.stdin:
    readable, _, _ = select.select([int(sys.argv[1])], [], [], float(line))
    print('readable' if readable else 'quiet', flush=True)
";

fn main() -> Result<(), Box<dyn Error>> {
    let (ours, theirs) = channel()?;
    let mut python = Python::start(&ours.pollable()?)?;
    python.expect("nothing was sent", false)?;
    theirs.send(*b"hello").wait()?;
    python.expect("five bytes were sent", true)?;
    ours.read_some(2).wait()?;
    python.expect("two of them were read", true)?;
    ours.read_some(100).wait()?;
    python.expect("all of them were read", false)?;
    theirs.stderr().send(*b"oops").wait()?;
    python.expect("stderr was written", true)?;
    ours.stderr().read_some(100).wait()?;
    python.expect("stderr was read", false)?;
    theirs.shutdown_write()?;
    python.expect("the end was sent", true)?;
    assert!(ours.read_some(100).wait()?.is_empty());
    python.expect("the end was read, and is still the end", true)?;
    Ok(())
}

/// Both ends of a channel, in this process.
fn channel() -> Result<(Channel, Channel), Box<dyn Error>> {
    let (client, server) = Socket::pipe();
    let key = PrivateKey::generate(feramiko_keys::KeyType::Ed25519)?;
    let server = Transport::server(server, ServerConfig::default(), vec![Arc::new(key)])?;
    let client = Transport::client(client, ClientConfig::default())?;
    client.verify_host_key(AcceptAnyHostKeyInsecurely);
    let serve = std::thread::spawn(move || {
        while let Some(attempt) = server.next_attempt().wait()? {
            attempt.accept()?;
        }
        server.next_open().wait()?.accept()
    });
    client.authenticate("robey", Credential::Password("foo".into())).wait()?;
    let ours = client.open_session().wait()?;
    let theirs = serve.join().map_err(|_| "the server failed")??;
    Ok((ours, theirs))
}

struct Python {
    input: std::process::ChildStdin,
    output: BufReader<std::process::ChildStdout>,
}

impl Python {
    /// Hands the descriptor down: a duplicate that is not closed when the other program starts.
    fn start(pollable: &Pollable) -> Result<Self, Box<dyn Error>> {
        use std::os::fd::AsRawFd;
        let inherited = rustix::io::dup(pollable)?;
        rustix::io::fcntl_setfd(&inherited, rustix::io::FdFlags::empty())?;
        let program = std::env::args().nth(1).unwrap_or_else(|| "python3".to_owned());
        let mut child = Command::new(&program)
            .args(["-c", SCRIPT, &inherited.as_raw_fd().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (input, output) = input.zip(output).ok_or("the child has no pipes")?;
        Ok(Self { input, output: BufReader::new(output) })
    }

    /// What is readable is waited for; what is quiet is looked at once.
    fn expect(&mut self, step: &str, readable: bool) -> Result<(), Box<dyn Error>> {
        writeln!(self.input, "{}", if readable { 20 } else { 0 })?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        println!("{step}: {}", line.trim());
        let wanted = if readable { "readable" } else { "quiet" };
        if line.trim() == wanted { Ok(()) } else { Err(format!("{step}: expected {wanted}").into()) }
    }
}
