//! One client, as a server's application sees it: attempts to log in, then sessions and what they are to run.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use feramiko_keys::Restrictions;
use feramiko_proto::{ConnectionError, ExitStatus, OpenFailure, Pty, Request};

use crate::agent::{Agent, AgentSource, lend};
use crate::attempt::Attempt;
use crate::authorized::AuthorizedKeysPolicy;
use crate::certified::{self, CertificatePolicy};
use crate::channel::Channel;
use crate::error::Error;
use crate::gate::Permit;
#[cfg(feature = "tokio")]
use crate::helper;
use crate::helper::Driver;
use crate::incoming::{IncomingChannel, IncomingRequest};
use crate::pending::Pending;
use crate::permissions::ORIGINAL_COMMAND;
use crate::platform;
use crate::transport::Transport;

/// Variables that one session may set.
const MAX_ENV: usize = 64;
/// Bytes of all of them together.
const MAX_ENV_BYTES: usize = 64 * 1024;

/// A client that a [`Server`](crate::Server) has let in. It is negotiating in the background already.
///
/// Pull [`next_auth`](Self::next_auth) until it answers `None`: then the client is logged in, and
/// [`next_session`](Self::next_session) or [`next_channel`](Self::next_channel) give what it wants. The connection is
/// closed when the last handle of it is dropped.
#[derive(Clone)]
pub struct ServerConnection {
    transport: Transport,
    peer: Option<SocketAddr>,
    doorstep: Arc<Mutex<Doorstep>>,
    policies: Policies,
}

/// What a server answers by itself.
#[derive(Clone, Default)]
pub(crate) struct Policies {
    pub(crate) keys: Option<Arc<AuthorizedKeysPolicy>>,
    pub(crate) certificates: Option<Arc<CertificatePolicy>>,
}

impl Policies {
    /// What one of them revokes the other does not let in: as `RevokedKeys` of sshd_config(5), which is one for all.
    pub(crate) fn share_revoked(&mut self) {
        let of_keys = self.keys.iter().flat_map(|policy| &policy.revoked);
        let of_certificates = self.certificates.iter().flat_map(|policy| &policy.revoked);
        let mut paths: Vec<PathBuf> = of_keys.chain(of_certificates).cloned().collect();
        paths.sort_unstable();
        paths.dedup();
        if let Some(policy) = &mut self.keys {
            Arc::make_mut(policy).revoked.clone_from(&paths);
        }
        if let Some(policy) = &mut self.certificates {
            Arc::make_mut(policy).revoked = paths;
        }
    }

    /// Answers an attempt, where there is anybody here who can; hands others back. Files are read on the way: beside
    /// tokio's tasks, and in place for threads.
    async fn judge(self, attempt: Attempt) -> Result<Option<Attempt>, Error> {
        let is_key = attempt.proof().is_public_key();
        if !is_key || (self.keys.is_none() && self.certificates.is_none()) {
            return Ok(Some(attempt));
        }
        match Driver::of_this_task() {
            Driver::Thread => self.answer(attempt),
            #[cfg(feature = "tokio")]
            Driver::Tokio => helper::blocking(Driver::Tokio, move || self.answer(attempt)).await?,
        }
    }

    fn answer(&self, attempt: Attempt) -> Result<Option<Attempt>, Error> {
        let keys = self.keys.as_deref();
        match (certified::answer(self.certificates.as_deref(), keys, attempt)?, keys) {
            (Some(attempt), Some(keys)) => keys.answer(attempt),
            (left, _) => Ok(left),
        }
    }
}

/// What belongs to a client that is not logged in yet.
struct Doorstep {
    permit: Option<Permit>,
}

impl ServerConnection {
    pub(crate) fn new(
        transport: Transport,
        peer: Option<SocketAddr>,
        permit: Option<Permit>,
        policies: Policies,
    ) -> Self {
        Self { transport, peer, doorstep: Arc::new(Mutex::new(Doorstep { permit })), policies }
    }

    /// The client's next attempt to log in; `None` once it is logged in, as [`user`](Self::user).
    ///
    /// An attempt that is dropped is rejected. Public keys come twice: first as a [`Proof::KeyOffer`](crate::Proof),
    /// where acceptance only says that the key would do, then with a verified signature. Where the server has
    /// [`authorized_keys`](crate::ServerBuilder::authorized_keys), it has answered them itself, and likewise
    /// [`certificates`](crate::ServerBuilder::certificates).
    ///
    /// # Errors
    /// The connection has ended: the client has gone, or has tried too often or for too long.
    pub fn next_auth(&self) -> Pending<Result<Option<Attempt>, Error>> {
        let (transport, doorstep) = (self.transport.clone(), Arc::clone(&self.doorstep));
        let policies = self.policies.clone();
        Pending::new(async move {
            loop {
                let Some(attempt) = transport.next_attempt().await? else {
                    logged_in(&doorstep);
                    return Ok(None);
                };
                if let left @ Some(_) = policies.clone().judge(attempt).await? {
                    return Ok(left);
                }
            }
        })
    }

    /// The next channel that the client wants, of whatever kind; `None` when it has gone in good order.
    ///
    /// # Errors
    /// The connection has failed.
    pub fn next_channel(&self) -> Pending<Result<Option<IncomingChannel>, Error>> {
        let (next, doorstep) = (self.transport.next_open(), Arc::clone(&self.doorstep));
        Pending::new(async move {
            let next = next.await;
            logged_in(&doorstep);
            match next {
                Ok(channel) => Ok(Some(channel)),
                Err(error) if is_goodbye(&error) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    /// The next session that the client wants; channels of other kinds are refused as unknown. `None` when it has gone in
    /// good order.
    ///
    /// # Errors
    /// The connection has failed.
    pub fn next_session(&self) -> Pending<Result<Option<Session>, Error>> {
        let connection = self.clone();
        Pending::new(async move {
            loop {
                match connection.next_channel().await? {
                    None => return Ok(None),
                    Some(open) if open.kind() == "session" => {
                        return Ok(Some(Session {
                            channel: open.accept()?,
                            pty: None,
                            env: Vec::new(),
                            agent: None,
                        }));
                    }
                    Some(open) => open.reject(OpenFailure::UNKNOWN_KIND, "only sessions are served here"),
                }
            }
        })
    }

    /// The user that is logged in.
    pub fn user(&self) -> Option<String> {
        self.transport.user().filter(|_| self.transport.is_authenticated())
    }

    /// Where the client is, for one that came through a listening socket.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// What the login may do: the restrictions of all its steps together. The connection enforces them; what is left to
    /// the application is whether `~/.ssh/rc` is run, and which [tunnel](Restrictions::tunnel) it gives.
    pub fn restrictions(&self) -> Restrictions {
        self.transport.shared().with(|state, _| state.permissions.restrictions())
    }

    /// The connection underneath, for everything else.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Closes the connection and waits until it is gone.
    pub fn close(&self) -> Pending<()> {
        self.transport.close()
    }
}

fn logged_in(doorstep: &Mutex<Doorstep>) {
    let permit = doorstep.lock().unwrap_or_else(PoisonError::into_inner).permit.take();
    drop(permit);
}

/// The client said goodbye, or closed a connection on which nothing was under way.
fn is_goodbye(error: &Error) -> bool {
    const BY_APPLICATION: u32 = 11;
    match error {
        Error::Connection(ConnectionError::Disconnected { reason, .. }) => *reason == BY_APPLICATION,
        Error::Connection(ConnectionError::Eof { during }) => *during == feramiko_proto::Phase::Open,
        Error::Connection(ConnectionError::Closed) => true,
        _ => false,
    }
}

impl std::fmt::Debug for ServerConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerConnection")
            .field("peer", &self.peer)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

/// A session channel on which nothing runs yet.
#[derive(Debug)]
pub struct Session {
    channel: Channel,
    pty: Option<Pty>,
    env: Vec<(String, Vec<u8>)>,
    /// The channels by which the client lends its agent.
    agent: Option<&'static str>,
}

/// What a client wants to run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Program {
    /// A shell.
    Shell,
    /// A command line, as sent.
    Exec(Vec<u8>),
    /// A subsystem: `sftp`.
    Subsystem(String),
}

impl Program {
    fn of(request: &Request) -> Option<Self> {
        match request {
            Request::Shell => Some(Self::Shell),
            Request::Exec(line) => Some(Self::Exec(line.clone())),
            Request::Subsystem(name) => Some(Self::Subsystem(name.clone())),
            _ => None,
        }
    }
}

impl Session {
    /// What is to run here. Terminal, window sizes, variables and the lending of an agent that are asked for before are
    /// granted and collected on the way; everything else is refused. `None` when the client closes the channel instead.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn program(self) -> Pending<Result<Option<Start>, Error>> {
        Pending::new(async move {
            let mut session = self;
            loop {
                let Some(request) = session.channel.next_request().await? else { return Ok(None) };
                let Some(program) = Program::of(request.request()) else {
                    session.prepare(request);
                    continue;
                };
                return Ok(Some(Start { session, program, request }));
            }
        })
    }

    /// The channel itself, to pull its requests one by one.
    pub fn into_channel(self) -> Channel {
        self.channel
    }

    /// What may come before a program. Dropped, the request is refused.
    fn prepare(&mut self, request: IncomingRequest) {
        let granted = match (request.request(), &mut self.pty) {
            (Request::Pty(pty), none @ None) => {
                *none = Some(pty.clone());
                true
            }
            (Request::WindowChange(size), Some(pty)) => {
                pty.size = *size;
                true
            }
            (Request::Env { name, value }, _) => {
                let bytes: usize = self.env.iter().map(|(name, value)| name.len() + value.len()).sum();
                let fits = self.env.len() < MAX_ENV && bytes + name.len() + value.len() <= MAX_ENV_BYTES;
                if fits {
                    self.env.push((name.clone(), value.clone()));
                }
                fits
            }
            (other, _) => {
                let kind = lend::channel_of(other);
                self.agent = self.agent.or(kind);
                kind.is_some()
            }
        };
        if granted {
            request.accept();
        }
    }
}

/// A program that a client wants to run. Dropped, it is refused and the channel is closed.
#[derive(Debug)]
pub struct Start {
    session: Session,
    program: Program,
    request: IncomingRequest,
}

impl Start {
    /// What is to run: the forced command, where the login has one.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The terminal it is to have, if one was asked for.
    pub fn pty(&self) -> Option<&Pty> {
        self.session.pty.as_ref()
    }

    /// What the client wanted to run: the same, unless a command is forced on its login. It is told to the command as
    /// SSH_ORIGINAL_COMMAND, by [`assigned_env`](Self::assigned_env).
    pub fn wanted(&self) -> Program {
        Program::of(self.request.as_sent()).unwrap_or_else(|| self.program.clone())
    }

    /// The variables that this server gives what runs: those of the login's key, and SSH_ORIGINAL_COMMAND under a forced
    /// command. They go before those of [`env`](Self::env).
    pub fn assigned_env(&self) -> Vec<(String, Vec<u8>)> {
        let restrictions = self.session.channel.shared().with(|state, _| state.permissions.restrictions());
        let original = restrictions.command.and_then(|_| match self.wanted() {
            Program::Shell => None,
            Program::Exec(line) => Some(line),
            Program::Subsystem(name) => Some(name.into_bytes()),
        });
        let original = original.map(|line| (ORIGINAL_COMMAND.to_owned(), line));
        restrictions.environment.into_iter().chain(original).collect()
    }

    /// The variables that were asked for. They are the client's: none of them may reach a process unless its name is
    /// known to be harmless.
    pub fn env(&self) -> &[(String, Vec<u8>)] {
        &self.session.env
    }

    /// The agent of the client, if it lends it to what is to run here. It can be asked, or shown to a program of this
    /// machine by an [`AgentSocket`](crate::agent::AgentSocket). It keeps the connection open.
    pub fn agent(&self) -> Option<AgentSource> {
        let kind = self.session.agent?;
        let transport = self.session.channel.transport();
        Some(AgentSource::by(move || Agent::over(transport.open_channel(kind, b"").wait()?)))
    }

    /// Says that it runs. The channel is its standard input and output; further requests (window sizes, signals) come by
    /// [`Channel::next_request`].
    pub fn accept(self) -> Channel {
        self.request.accept();
        self.session.channel
    }

    /// Refuses it. The client may ask for something else.
    pub fn reject(self) -> Session {
        self.request.reject();
        self.session
    }
}

/// What a server's program does at its end.
impl Channel {
    /// Writes the last of both streams, tells the exit code and closes the channel.
    ///
    /// # Errors
    /// The connection has ended, or the client has closed the channel.
    pub fn finish(
        &self,
        stdout: impl Into<Vec<u8>>,
        stderr: impl Into<Vec<u8>>,
        code: u32,
    ) -> Pending<Result<(), Error>> {
        self.end(stdout.into(), stderr.into(), ExitStatus::Code(code))
    }

    /// The same with what a process of this machine has left behind.
    ///
    /// # Errors
    /// As for [`finish`](Self::finish).
    pub fn finish_with(&self, output: process::Output) -> Pending<Result<(), Error>> {
        self.end(output.stdout, output.stderr, exit_status(output.status))
    }

    fn end(&self, stdout: Vec<u8>, stderr: Vec<u8>, status: ExitStatus) -> Pending<Result<(), Error>> {
        let channel = self.clone();
        Pending::new(async move {
            channel.send(stdout).await?;
            channel.stderr().send(stderr).await?;
            channel.shutdown_write()?;
            channel.send_exit(status)?;
            channel.close();
            Ok(())
        })
    }
}

/// How a process of this machine ended, as SSH says it (RFC 4254 section 6.10).
pub fn exit_status(status: process::ExitStatus) -> ExitStatus {
    let (signal, core_dumped) = platform::signal(status);
    match status.code() {
        Some(code) => ExitStatus::Code(code.cast_unsigned()),
        None => ExitStatus::Signal {
            name: signal.unwrap_or_else(|| "KILL".to_owned()),
            core_dumped,
            message: String::new(),
        },
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_process_is_told_as_the_rfc_names_it() {
        let run =
            |line: &str| exit_status(process::Command::new("/bin/sh").args(["-c", line]).status().unwrap());
        assert_eq!(run("exit 7"), ExitStatus::Code(7));
        assert!(matches!(run("kill -TERM $$"), ExitStatus::Signal { name, .. } if name == "TERM"));
        assert!(
            matches!(run("kill -VTALRM $$"), ExitStatus::Signal { name, .. } if name.ends_with("@feramiko"))
        );
    }
}
