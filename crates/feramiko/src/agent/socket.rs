//! [`AgentSocket`]: a Unix socket at which an agent answers.

use std::hash::{BuildHasher, RandomState};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fs, io};

use super::client::Agent;
use super::line::Framed;
use super::relay::relay;
use super::server::AgentServer;
use super::source::AgentSource;
use crate::driver::link::wait_descriptors;
use crate::driver::socket::Socket;
use crate::error::Error;
use crate::pollable::Signal;

/// Connections at a time; more are closed at once.
const MAX_GUESTS: usize = 128;
/// How long the listener rests when the system has no descriptors or memory left.
const REST: Duration = Duration::from_millis(100);
/// Attempts to find a name that is free.
const TRIES: u32 = 16;

/// A Unix socket at which an agent answers: for programs that find it by `SSH_AUTH_SOCK`. Only the user of this
/// program may connect (and root).
///
/// Dropped, it stops listening and removes the socket, and the directory if it made one. Connections that there are go
/// on until their other end closes them.
#[derive(Debug)]
pub struct AgentSocket {
    path: PathBuf,
    directory: Option<PathBuf>,
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Stop {
    /// Wakes the listener.
    signal: Signal,
    now: std::sync::atomic::AtomicBool,
}

/// Who answers.
enum Answering {
    /// Keys whose time comes are forgotten in between.
    Server(AgentServer),
    Other(AgentSource),
}

impl AgentSocket {
    /// An agent of this program, at a path that is still free.
    ///
    /// # Errors
    /// [`Error::Io`]: something is there already, or the system refuses.
    pub fn serve(path: impl Into<PathBuf>, server: &AgentServer) -> Result<Self, Error> {
        Self::open(path.into(), None, Answering::Server(server.clone()))
    }

    /// The same in a new directory that only the user of this program may enter, among those for temporary files.
    ///
    /// # Errors
    /// As for [`serve`](Self::serve).
    pub fn serve_somewhere(server: &AgentServer) -> Result<Self, Error> {
        Self::somewhere(Answering::Server(server.clone()))
    }

    /// Any agent, lent to local programs: that of a client, for one. In a new directory as above. Each connection is
    /// given one of its own.
    ///
    /// # Errors
    /// As for [`serve`](Self::serve).
    pub fn lend_somewhere(source: AgentSource) -> Result<Self, Error> {
        Self::somewhere(Answering::Other(source))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn somewhere(answering: Answering) -> Result<Self, Error> {
        let directory = private_directory().map_err(|error| Error::io("a directory for an agent", &error))?;
        let path = directory.join(format!("agent.{}", std::process::id()));
        Self::open(path, Some(directory), answering)
    }

    fn open(path: PathBuf, directory: Option<PathBuf>, answering: Answering) -> Result<Self, Error> {
        // From here on what was made is removed, whatever fails.
        let refused = |error| Error::io(format!("the agent's socket {}", path.display()), &error);
        let signal = Signal::new().map_err(refused)?;
        let stop = Arc::new(Stop { signal, now: false.into() });
        let bound = UnixListener::bind(&path).map_err(refused);
        let listener = bound.inspect_err(|_| {
            if let Some(directory) = &directory {
                let _ = fs::remove_dir(directory);
            }
        })?;
        let mut socket = Self { path, directory, stop, thread: None };
        let refused = |error| Error::io(format!("the agent's socket {}", socket.path.display()), &error);
        fs::set_permissions(&socket.path, fs::Permissions::from_mode(0o600)).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let stop = Arc::clone(&socket.stop);
        let work = move || listen(&listener, &answering, &stop);
        let thread = std::thread::Builder::new().name("feramiko-agent".to_owned()).spawn(work);
        socket.thread = Some(thread.map_err(|error| Error::io("starting a thread", &error))?);
        Ok(socket)
    }
}

impl Drop for AgentSocket {
    fn drop(&mut self) {
        self.stop.now.store(true, std::sync::atomic::Ordering::Release);
        self.stop.signal.set();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        // If somebody has removed them already, so much the better.
        let _ = fs::remove_file(&self.path);
        if let Some(directory) = &self.directory {
            let _ = fs::remove_dir(directory);
        }
    }
}

fn listen(listener: &UnixListener, answering: &Answering, stop: &Arc<Stop>) {
    let guests = Arc::new(());
    while !stop.now.load(std::sync::atomic::Ordering::Acquire) {
        match listener.accept() {
            Ok((stream, _)) if Arc::strong_count(&guests) <= MAX_GUESTS && is_ours(&stream) => {
                let (guest, stop) = (Arc::clone(&guests), Arc::clone(stop));
                let agent = match answering {
                    Answering::Server(server) => AgentSource::from(server.clone()),
                    Answering::Other(source) => source.clone(),
                };
                let work = move || {
                    // Nobody is told why: the connection ends.
                    let _ = attend(stream, &agent);
                    drop(guest);
                    // A key with a lifetime may have come.
                    stop.signal.set();
                };
                // Where there is no thread the connection ends.
                let _ = std::thread::Builder::new().name("feramiko-agent".to_owned()).spawn(work);
            }
            Ok(_) => {}
            Err(error) => {
                let expiry = match answering {
                    Answering::Server(server) => server.expire(),
                    Answering::Other(_) => None,
                };
                let (read, deadline) = match error.kind() {
                    io::ErrorKind::WouldBlock => (Some(listener.as_fd()), expiry),
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => continue,
                    _ => (None, Instant::now().checked_add(REST)),
                };
                if wait_descriptors(read, None, &stop.signal, deadline).is_err() {
                    return;
                }
            }
        }
    }
}

fn attend(stream: UnixStream, source: &AgentSource) -> Result<(), Error> {
    let agent: Agent = source.connect_now()?;
    let framed = Socket::from(stream).into_link().and_then(Framed::new);
    relay(&framed.map_err(|error| Error::io("an agent's client", &error))?, &agent);
    Ok(())
}

/// Whether the other end is the same user, or root.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_ours(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid();
    rustix::net::sockopt::socket_peercred(stream).is_ok_and(|peer| peer.uid == own || peer.uid.is_root())
}

/// The permissions of the socket have to do.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_ours(_stream: &UnixStream) -> bool {
    true
}

/// A new directory for nobody else.
fn private_directory() -> io::Result<PathBuf> {
    let mut number = 0;
    loop {
        // Its keys are random, which is enough: a name that is taken is not used.
        let name = format!("feramiko-{:016x}", RandomState::new().hash_one(number));
        let path = std::env::temp_dir().join(name);
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < TRIES => number += 1,
            Err(error) => return Err(error),
        }
    }
}
