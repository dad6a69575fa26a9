//! What a first-time visitor would do, done by a script, with everything that is shown on the way.

use std::io::{self, ErrorKind, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use feramiko::{Channel, Client};
use feramiko_wire::sanitize;

use super::Town;

/// The house answers at once, or something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);

/// Shows the house. `client` is Robey's.
pub(super) fn run(town: &Town, client: &Client, out: &mut dyn Write) -> io::Result<()> {
    let mut robey = Visitor::new(client, Some(out))?;
    // Writes a post and reads it.
    robey.answer("Choose>", "b")?;
    robey.answer("Board>", "1")?;
    robey.answer("General>", "w")?;
    robey.answer("Title:", "An iron friend")?;
    robey.answer("|", "This post has travelled over SSH, sealed and opened again,")?;
    robey.answer("|", "by a client and a server that have never met before.")?;
    robey.answer("|", ".")?;
    robey.answer("General>", "1")?;
    robey.answer("back>", "q")?;
    robey.answer("General>", "q")?;
    robey.answer("Board>", "q")?;
    talk(town, &mut robey)?;
    robey.answer("Choose>", "w")?;
    // The door game, for a look.
    robey.answer("Choose>", "i")?;
    robey.answer("Iron Run>", "")?;
    robey.answer("Day 1>", "q")?;
    robey.answer("Choose>", "l")?;
    robey.leave()
}

/// Somebody else calls, by key, and the two chat.
fn talk(town: &Town, robey: &mut Visitor<'_>) -> io::Result<()> {
    let (is_in, ada_is_in) = mpsc::channel();
    thread::scope(|scope| {
        robey.expect("Choose>")?;
        let ada = scope.spawn(|| ada(town, is_in));
        // She gives up, and says why below, if this does not come.
        let _ = ada_is_in.recv();
        robey.expect("ada is in the chat")?;
        robey.answer("Choose>", "c")?;
        robey.expect("Here: ")?;
        robey.answer("\n>", "Hello Ada. Who let you in?")?;
        robey.expect("<ada> ")?;
        robey.answer("\n>", "/q")?;
        robey.expect("ada has hung up")?;
        ada.join().unwrap_or_else(|_| Err(io::Error::other("Ada has panicked")))
    })
}

fn ada(town: &Town, is_in: mpsc::Sender<()>) -> io::Result<()> {
    let client = town.call_as_ada()?;
    let mut ada = Visitor::new(&client, None)?;
    ada.answer("Choose>", "c")?;
    ada.expect("Here: ")?;
    drop(is_in);
    ada.expect("Who let you in?")?;
    ada.type_line("My key did. I have never had a password.")?;
    ada.expect("robey leaves the chat")?;
    ada.type_line("/q")?;
    ada.answer("Choose>", "l")?;
    ada.leave()?;
    client.close().wait();
    Ok(())
}

/// Somebody on the line, without a terminal: text in, text out.
struct Visitor<'a> {
    channel: Channel,
    /// Came and is not looked at yet.
    unread: Vec<u8>,
    transcript: Option<&'a mut dyn Write>,
}

impl<'a> Visitor<'a> {
    fn new(client: &Client, transcript: Option<&'a mut dyn Write>) -> io::Result<Self> {
        let channel = client.shell().spawn().wait()?.into_channel();
        Ok(Self { channel, unread: Vec::new(), transcript })
    }

    /// Waits for a prompt, which has a line of its own where there is no terminal, and answers it.
    fn answer(&mut self, prompt: &str, line: &str) -> io::Result<()> {
        self.expect(prompt)?;
        self.type_line(line)?;
        self.expect("\n")
    }

    /// Waits until that is shown.
    fn expect(&mut self, text: &str) -> io::Result<()> {
        loop {
            let found = self.unread.windows(text.len()).position(|part| part == text.as_bytes());
            if let Some(at) = found {
                let seen: Vec<u8> = self.unread.drain(..at + text.len()).collect();
                return self.show(&seen);
            }
            if !self.read()? {
                let rest = std::mem::take(&mut self.unread);
                self.show(&rest)?;
                return Err(io::Error::new(ErrorKind::UnexpectedEof, format!("{text:?} never came")));
            }
        }
    }

    /// Reads what is there next; false at the end.
    fn read(&mut self) -> io::Result<bool> {
        let piece = self.channel.read_some(64 * 1024).wait_timeout(PATIENCE);
        let piece = piece.ok_or_else(|| io::Error::new(ErrorKind::TimedOut, "nothing is shown"))??;
        self.unread.extend_from_slice(&piece);
        Ok(!piece.is_empty())
    }

    fn type_line(&mut self, line: &str) -> io::Result<()> {
        self.channel.send(format!("{line}\n")).wait()?;
        self.show(format!(" {line}").trim_end().as_bytes())
    }

    /// Reads to the end.
    fn leave(mut self) -> io::Result<()> {
        while self.read()? {}
        let rest = std::mem::take(&mut self.unread);
        self.show(&rest)
    }

    fn show(&mut self, seen: &[u8]) -> io::Result<()> {
        match &mut self.transcript {
            Some(out) => out.write_all(sanitize(seen).as_bytes()),
            None => Ok(()),
        }
    }
}
