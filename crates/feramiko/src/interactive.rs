//! A command joined with the terminal of this program (feature `terminal`).

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;

use feramiko_proto::Stream;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use signal_hook::consts::SIGWINCH;
use signal_hook::iterator::{Handle, Signals};

use crate::channel::Channel;
use crate::error::Error;
use crate::helper::{Driver, blocking};
use crate::pending::Pending;
use crate::platform::terminal_size as size_of;
use crate::pollable::Signal;
use crate::process::{Command, Status};
use crate::session::Terminal;

impl Command {
    /// Runs it joined with this program's standard streams, until it ends. Where standard input is a terminal, the command
    /// gets a terminal too (that of [`pty`](Self::pty), or one like it), every key goes to it, and so does every
    /// change of the size; the terminal is put back afterwards, also by a panic, but not by a signal that kills this program.
    ///
    /// # Errors
    /// As for [`spawn`](Self::spawn), the connection's end, and a terminal that the system does not let be changed.
    pub fn interactive(&self) -> Pending<Result<Status, Error>> {
        let mut command = self.clone();
        Pending::new(async move {
            let terminal = isatty(rustix::stdio::stdin());
            if terminal && !command.has_pty() {
                command.pty(Terminal::of_this_program());
            }
            let channel = command.spawn().await?.into_channel();
            let driver = Driver::of_this_task();
            let input = rustix::io::dup(rustix::stdio::stdin()).map_err(|error| refused(error.into()))?;
            let join = move || join(&channel, input, &mut io::stdout(), &mut io::stderr());
            blocking(driver, join).await?
        })
    }
}

/// Blocks until the command has ended.
fn join(
    channel: &Channel,
    input: OwnedFd,
    output: &mut dyn Write,
    errors: &mut dyn Write,
) -> Result<Status, Error> {
    let raw = match isatty(&input) {
        true => Some((RawMode::enter(&input)?, Sizes::follow(&input, channel).map_err(refused)?)),
        false => None,
    };
    let keys = Keys::follow(input, channel).map_err(refused)?;
    let status = print(channel, output, errors);
    drop(keys);
    drop(raw);
    status
}

fn print(channel: &Channel, output: &mut dyn Write, errors: &mut dyn Write) -> Result<Status, Error> {
    const CHUNK: usize = 64 * 1024;
    while let Some((stream, bytes)) = channel.read_any(CHUNK).wait()? {
        let to: &mut dyn Write = match stream {
            Stream::Data => output,
            Stream::Stderr => errors,
        };
        to.write_all(&bytes).and_then(|()| to.flush()).map_err(refused)?;
    }
    Ok(Status::new(channel.exit_status().wait()?))
}

fn refused(error: io::Error) -> Error {
    Error::io("the terminal", &error)
}

/// A terminal in raw mode until this is dropped.
struct RawMode {
    terminal: OwnedFd,
    found: Termios,
}

impl RawMode {
    fn enter(terminal: &OwnedFd) -> Result<Self, Error> {
        let enter = || -> io::Result<Self> {
            let terminal = terminal.try_clone()?;
            let found = tcgetattr(&terminal)?;
            let mut raw = found.clone();
            raw.make_raw();
            tcsetattr(&terminal, OptionalActions::Now, &raw)?;
            Ok(Self { terminal, found })
        };
        enter().map_err(refused)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // What was written is shown first. It fails where the terminal has gone.
        let _ = tcsetattr(&self.terminal, OptionalActions::Drain, &self.found);
    }
}

/// Tells the other side the terminal's size whenever it changes, until this is dropped.
struct Sizes {
    signals: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Sizes {
    fn follow(terminal: &OwnedFd, channel: &Channel) -> io::Result<Self> {
        let (terminal, channel) = (terminal.try_clone()?, channel.clone());
        let mut signals = Signals::new([SIGWINCH])?;
        let handle = signals.handle();
        let mut last = size_of(&terminal);
        let follow = move || {
            for _ in &mut signals {
                let size = size_of(&terminal);
                if let Some(size) = size.filter(|size| Some(*size) != last) {
                    // A command that has just ended has no size any more.
                    let _ = channel.resize(size);
                }
                last = size;
            }
        };
        let thread = std::thread::Builder::new().name("feramiko-size".to_owned()).spawn(follow)?;
        Ok(Self { signals: handle, thread: Some(thread) })
    }
}

impl Drop for Sizes {
    fn drop(&mut self) {
        self.signals.close();
        finish(&mut self.thread);
    }
}

/// Sends what is typed, until this is dropped.
struct Keys {
    stop: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

impl Keys {
    fn follow(input: OwnedFd, channel: &Channel) -> io::Result<Self> {
        let stop = Arc::new(Signal::new()?);
        let (stopping, channel) = (Arc::clone(&stop), channel.clone());
        let work = move || {
            let mut input = File::from(input);
            // The command's end, and that of the connection, show at the output.
            let _ = type_in(&mut input, &channel, &stopping);
        };
        let thread = std::thread::Builder::new().name("feramiko-keys".to_owned()).spawn(work)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.stop.set();
        finish(&mut self.thread);
    }
}

fn finish(thread: &mut Option<JoinHandle<()>>) {
    if let Some(thread) = thread.take() {
        // It has nothing to tell.
        let _ = thread.join();
    }
}

fn type_in(input: &mut File, mut channel: &Channel, stop: &Signal) -> Result<(), Error> {
    let mut buffer = [0; 4096];
    loop {
        let [typed, stopped] = {
            let mut both = [
                PollFd::new(input, PollFlags::IN),
                PollFd::from_borrowed_fd(stop.descriptor(), PollFlags::IN),
            ];
            match poll(&mut both, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(refused(error.into())),
            }
            both.map(|one| !one.revents().is_empty())
        };
        if stopped {
            return Ok(());
        }
        if typed {
            match input.read(&mut buffer) {
                Ok(0) => return channel.shutdown_write(),
                Ok(count) => channel.write_all(buffer.get(..count).unwrap_or_default())?,
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
                Err(error) => return Err(refused(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Client, KeyType, PrivateKey, Proof, Request, Server, Socket};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{LocalModes, Winsize, tcsetwinsize};

    /// A pseudo-terminal: what a person sees and types at, and what a program has.
    fn terminal() -> (File, OwnedFd) {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let program = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        (File::from(person), program.into())
    }

    fn shell() -> Channel {
        let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
        let (ours, theirs) = Socket::pipe();
        let connection = Server::builder().host_key(key.clone()).accept_over(theirs).unwrap();
        std::thread::spawn(move || -> Result<(), Error> {
            while let Some(attempt) = connection.next_auth().wait()? {
                let known = matches!(attempt.proof(), Proof::Password(_));
                if known {
                    attempt.accept()?
                } else {
                    attempt.reject()?
                };
            }
            let Some(session) = connection.next_session().wait()? else { return Ok(()) };
            let Some(start) = session.program().wait()? else { return Ok(()) };
            let mut channel = start.accept();
            let mut typed = [0; 3];
            channel.send("ready;").wait()?;
            channel.read_exact(&mut typed)?;
            channel.send(format!("typed {typed:?};")).wait()?;
            while let Some(request) = channel.next_request().wait()? {
                if let Request::WindowChange(size) = request.request() {
                    let told = format!("size {}x{}", size.columns, size.rows);
                    return channel.finish(told, "", 5).wait();
                }
            }
            Ok(())
        });
        let trusting =
            Client::connect_over(ours, "robey@here").password("x").host_key(key.public_key().clone());
        trusting.wait().unwrap().shell().spawn().wait().unwrap().into_channel()
    }

    /// A person who types when the program is ready, and then makes the window larger.
    struct Person<'a> {
        keyboard: File,
        terminal: &'a OwnedFd,
        shown: Vec<u8>,
        raw_seen: bool,
    }

    impl Write for Person<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.shown.extend_from_slice(bytes);
            if self.shown == b"ready;" {
                // Control-C, control-D and no end of line: only a raw terminal hands them on.
                self.keyboard.write_all(&[3, 4, b'x'])?;
            } else if self.shown.ends_with(b"];") {
                self.raw_seen = !tcgetattr(self.terminal)?.local_modes.contains(LocalModes::ICANON);
                let size = Winsize { ws_row: 43, ws_col: 132, ws_xpixel: 0, ws_ypixel: 0 };
                tcsetwinsize(self.terminal, size)?;
                signal_hook::low_level::raise(SIGWINCH)?;
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn keys_and_sizes_go_through_raw_and_the_terminal_is_put_back() {
        let (keyboard, program) = terminal();
        let channel = shell();
        let found = tcgetattr(&program).unwrap().local_modes;
        assert!(found.contains(LocalModes::ICANON));
        let input = program.try_clone().unwrap();
        let mut person = Person { keyboard, terminal: &program, shown: Vec::new(), raw_seen: false };
        let status = join(&channel, input, &mut person, &mut io::sink()).unwrap();
        assert_eq!(String::from_utf8_lossy(&person.shown), "ready;typed [3, 4, 120];size 132x43");
        assert!(person.raw_seen);
        assert_eq!(status.code(), Some(5));
        assert_eq!(tcgetattr(&program).unwrap().local_modes, found);
    }

    #[test]
    fn what_is_no_terminal_is_passed_on_to_its_end() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let channel = shell();
        File::from(write).write_all(b"abc").unwrap();
        // The program answers a size with its end.
        channel.resize(crate::WindowSize { columns: 1, rows: 2, ..Default::default() }).unwrap();
        let mut shown = Vec::new();
        let status = join(&channel, read, &mut shown, &mut io::sink()).unwrap();
        assert_eq!(String::from_utf8_lossy(&shown), "ready;typed [97, 98, 99];size 1x2");
        assert_eq!(status.code(), Some(5));
    }
}
