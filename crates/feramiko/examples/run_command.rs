//! Runs a command: host key verified from known_hosts, a key from ~/.ssh, both streams, the exit status.
//!
//! `cargo run -p feramiko --example run_command -- robey@example.com 'uname -a'`

use feramiko::{Client, Error};

fn main() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    let (address, line) = (args.next().unwrap_or_default(), args.next().unwrap_or_default());
    // The task itself: three lines.
    let client = Client::connect(address).wait()?;
    let output = client.command(line).output().wait()?;
    print!("{}{}", String::from_utf8_lossy(&output.stdout), output.status);
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
