//! One session of the user at this program's own terminal, or in its pipes.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread;

use feramiko::agent::AgentSource;
use feramiko::{Channel, Client, DisconnectReason, Error, ExitStatus, Pty, Request, Transport};

use super::pump::copy;
use super::stdio::{self, Input};
use crate::terminal::{
    Action, Escapes, HELP, RawMode, Step, WindowSize, own_modes, own_size, takes_over, watch_own_size,
};

/// What to run, and how.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) program: Program,
    /// With a terminal there.
    pub(crate) terminal: bool,
    /// The escape character, for a terminal here.
    pub(crate) escape: Option<u8>,
    /// Variables for the other side.
    pub(crate) env: Vec<(String, Vec<u8>)>,
    /// Nothing is read from standard input.
    pub(crate) no_input: bool,
    /// The agent that the host may use.
    pub(crate) agent: Option<AgentSource>,
}

/// What is run there.
#[derive(Debug)]
pub(crate) enum Program {
    Shell,
    Command(Vec<u8>),
    Subsystem(String),
}

/// How a session ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The command has ended, and the host says how.
    Exited(ExitStatus),
    /// It has ended without a word about how.
    Untold,
    /// The user has left.
    Left,
    /// The connection was lost.
    Lost(Error),
}

/// How long a `~B` is.
const BREAK_MILLISECONDS: u32 = 1000;

/// Runs a session to its end. The terminal is as it was when this returns, however it went.
///
/// # Errors
/// The host refuses it, or this machine fails.
pub(crate) fn run(client: &Client, wish: &Wish) -> Result<Ending, Error> {
    let mut command = match &wish.program {
        Program::Shell => client.shell(),
        Program::Command(line) => client.command(line.clone()),
        Program::Subsystem(name) => client.subsystem(name.clone()),
    };
    if let Some(agent) = &wish.agent {
        command.lend_agent(agent.clone());
    }
    for (name, value) in &wish.env {
        command.env(name, value.clone());
    }
    // The terminal here goes raw only if there is one at both ends.
    let is_tty = wish.terminal && takes_over();
    let size = own_size().filter(|_| is_tty);
    if wish.terminal {
        command.pty(pty(size, is_tty));
    }
    let channel = command.spawn().wait()?.into_channel();
    let (output, errors) = (stdio::output().map_err(here)?, stdio::errors().map_err(here)?);
    let (input, stop) = match wish.no_input {
        true => Input::none(),
        false => Input::standard(),
    }
    .map_err(here)?;
    let mut screen = is_tty.then(|| Screen::take(&channel, size)).transpose().map_err(here)?;

    let left = Arc::new(AtomicBool::new(false));
    let keys = Keys {
        escapes: wish.escape.filter(|_| is_tty).map(|escape| Escapes::new(Some(escape))),
        channel: channel.clone(),
        raw: screen.as_ref().map_or_else(Weak::new, |screen| Arc::downgrade(&screen.raw)),
        left: Arc::clone(&left),
    };
    let typing = spawn("stdin", move || keys.send(input))?;
    let complaining = {
        let from = channel.stderr();
        spawn("stderr", move || copy(from, &errors, || {}))?
    };
    let shown = copy(&channel, &output, || {
        // An OpenSSH server passes that on, so that the command there learns of it.
        let _ = channel.notify(&Request::EndOfWrite);
    });
    // It ends with the same channel, and fails as that does.
    let _ = complaining.join();
    let ending = match shown {
        Ok(_) => channel.exit_status().wait(),
        Err(error) => Err(client.transport().cause().unwrap_or_else(|| here(error))),
    };
    drop(stop);
    // First the terminal: what follows may wait, or be read by somebody.
    drop(screen.take());
    if typing.is_finished() {
        let _ = typing.join();
    }
    Ok(match ending {
        _ if left.load(Ordering::SeqCst) => Ending::Left,
        Ok(Some(status)) => Ending::Exited(status),
        Ok(None) => Ending::Untold,
        Err(error) => Ending::Lost(error),
    })
}

/// The terminal that the other side is to have: as the one here, as far as there is one.
fn pty(size: Option<WindowSize>, is_tty: bool) -> Pty {
    Pty {
        term: std::env::var("TERM").unwrap_or_else(|_| "dumb".to_owned()),
        size: size.map_or(feramiko::WindowSize { columns: 80, rows: 24, width: 0, height: 0 }, for_peer),
        modes: own_modes(is_tty),
    }
}

fn for_peer(size: WindowSize) -> feramiko::WindowSize {
    feramiko::WindowSize {
        columns: size.cols,
        rows: size.rows,
        width: size.width_pixels,
        height: size.height_pixels,
    }
}

fn here(error: io::Error) -> Error {
    Error::Io { kind: error.kind(), message: error.to_string() }
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>, Error> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(here)
}

/// The terminal here, raw as long as this lives, and its sizes on their way to the other side.
struct Screen {
    raw: Arc<RawMode>,
    _watch: crate::terminal::SizeWatch,
}

impl Screen {
    /// `told` is the size that the other side knows already.
    fn take(channel: &Channel, told: Option<WindowSize>) -> io::Result<Self> {
        let resized = channel.clone();
        let watch = watch_own_size(move |size| tell_size(&resized, size))?;
        let raw = Arc::new(RawMode::enter_own()?);
        // It may have changed while nobody watched.
        match own_size() {
            Some(size) if Some(size) != told => tell_size(channel, size),
            _ => {}
        }
        Ok(Self { raw, _watch: watch })
    }
}

fn tell_size(channel: &Channel, size: WindowSize) {
    // A channel that is closed needs no size.
    let _ = channel.resize(for_peer(size));
}

/// What is typed, on its way to the other side.
struct Keys {
    /// `None` where bytes pass as they are.
    escapes: Option<Escapes>,
    channel: Channel,
    raw: Weak<RawMode>,
    left: Arc<AtomicBool>,
}

impl Keys {
    fn send(mut self, input: Input) {
        let ended = input.each(|typed| self.each(typed));
        let ended = ended.unwrap_or_else(|error| {
            tracing::debug!(%error, "no more input");
            true
        });
        if ended {
            if let Some(held) = self.escapes.as_mut().and_then(Escapes::finish) {
                self.write(&[held]);
            }
            // If this fails, the channel has ended, and whoever reads it knows.
            let _ = self.channel.shutdown_write();
        }
    }

    /// False when nothing more is wanted.
    fn each(&mut self, typed: &[u8]) -> bool {
        let Some(escapes) = &mut self.escapes else { return self.write(typed) };
        escapes.feed(typed).into_iter().all(|step| match step {
            Step::Send(bytes) => self.write(&bytes),
            Step::Do(action) => self.act(action),
        })
    }

    /// The command may have ended, or may read no more; its end comes the other way.
    fn write(&self, bytes: &[u8]) -> bool {
        !self.channel.peer_wants_no_input() && Write::write_all(&mut &self.channel, bytes).is_ok()
    }

    fn act(&self, action: Action) -> bool {
        let transport: Transport = self.channel.transport();
        match action {
            Action::Disconnect => {
                self.left.store(true, Ordering::SeqCst);
                transport.disconnect(DisconnectReason::ByApplication, "the user has left");
                return false;
            }
            Action::Suspend => {
                if let Some(raw) = self.raw.upgrade() {
                    if let Err(error) = raw.suspend() {
                        tracing::warn!(%error, "suspending failed");
                    }
                    if let Some(size) = own_size() {
                        tell_size(&self.channel, size);
                    }
                }
            }
            Action::Break => {
                let wish = Request::Break { milliseconds: BREAK_MILLISECONDS };
                let _ = self.channel.notify(&wish);
            }
            Action::Rekey => transport.rekey(),
            Action::Help => {
                let _ = io::stderr().write_all(HELP.as_bytes());
            }
        }
        true
    }
}
