//! An interactive shell: raw terminal, every change of its size passed on.
//!
//! `cargo run -p feramiko --features terminal --example shell -- robey@example.com`

use feramiko::{Client, Error};

fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or_default();
    // The task itself: three lines.
    let client = Client::connect(address).wait()?;
    let status = client.shell().interactive().wait()?;
    println!("{status}");
    Ok(())
}
