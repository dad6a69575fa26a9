//! Commands on the other machine, in the manner of `std::process`.

use std::fmt;

use feramiko_proto::{ExitStatus, Misuse, Pty, Request, Stream, WindowSize};
use feramiko_wire::sanitize_line;

use crate::agent::source::AgentSource;
use crate::channel::{Channel, Stderr};
use crate::error::Error;
use crate::helper::{Either, both, race};
use crate::pending::Pending;
use crate::quote::quote;
use crate::transport::Transport;

/// Bytes that are read at once.
const CHUNK: usize = 256 * 1024;

/// A command that has not begun; [`Client::command`](crate::Client::command) makes one.
///
/// It may be run several times; each time it gets a channel of its own.
#[derive(Clone)]
#[must_use = "a Command does nothing until output, status or spawn is called"]
pub struct Command {
    transport: Transport,
    program: Program,
    env: Vec<(String, Vec<u8>)>,
    pty: Option<Pty>,
    stdin: Vec<u8>,
    agent: Option<AgentSource>,
    problem: Option<Misuse>,
}

/// What runs at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Program {
    Exec(Vec<u8>),
    Shell,
    Subsystem(String),
}

impl Command {
    pub(crate) fn exec(transport: Transport, line: Vec<u8>) -> Self {
        Self::new(transport, Program::Exec(line))
    }

    pub(crate) fn shell(transport: Transport) -> Self {
        Self::new(transport, Program::Shell)
    }

    pub(crate) fn subsystem(transport: Transport, name: String) -> Self {
        Self::new(transport, Program::Subsystem(name))
    }

    fn new(transport: Transport, program: Program) -> Self {
        Self { transport, program, env: Vec::new(), pty: None, stdin: Vec::new(), agent: None, problem: None }
    }

    /// Adds a word to the command line, [quoted](quote()) so that a POSIX shell takes it as it is.
    ///
    /// A shell and a subsystem take no words: it is an error when the command is run.
    pub fn arg(&mut self, word: impl AsRef<[u8]>) -> &mut Self {
        let word = word.as_ref();
        match &mut self.program {
            Program::Exec(_) if word.contains(&0) => {
                self.problem = Some(Misuse::Argument("a word of a command line holds no NUL"));
            }
            Program::Exec(line) => {
                line.push(b' ');
                line.extend(quote(word));
            }
            _ => self.problem = Some(Misuse::Argument("a shell and a subsystem take no words")),
        }
        self
    }

    /// Adds words, each as [`arg`](Self::arg) does.
    pub fn args<W: AsRef<[u8]>>(&mut self, words: impl IntoIterator<Item = W>) -> &mut Self {
        for word in words {
            self.arg(word);
        }
        self
    }

    /// A variable for the command (RFC 4254 section 6.4). The server may ignore it: most take only `LANG` and `LC_*`.
    pub fn env(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> &mut Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Runs it on a pseudo-terminal: standard error comes together with standard output then.
    pub fn pty(&mut self, pty: impl Into<Pty>) -> &mut Self {
        self.pty = Some(pty.into());
        self
    }

    #[cfg(all(feature = "terminal", unix))]
    pub(crate) fn has_pty(&self) -> bool {
        self.pty.is_some()
    }

    /// Lends the agent that `SSH_AUTH_SOCK` names, where there is one: agent forwarding. See
    /// [`Channel::lend_agent`] for what that means.
    pub fn forward_agent(&mut self, forward: bool) -> &mut Self {
        self.agent = Some(AgentSource::environment()).filter(|source| forward && source.is_named());
        self
    }

    /// Lends this agent: a path of a socket, or an agent of this program.
    pub fn lend_agent(&mut self, source: impl Into<AgentSource>) -> &mut Self {
        self.agent = Some(source.into());
        self
    }

    /// What [`output`](Self::output) and [`status`](Self::status) feed to its standard input; nothing unless said.
    pub fn stdin(&mut self, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.stdin = bytes.into();
        self
    }

    /// Runs it and collects all that it writes. Both streams are read together, so that neither can block the other.
    ///
    /// Abandoned, the command loses its channel; what it had written is lost. What comes is kept in memory,
    /// however much it is.
    ///
    /// # Errors
    /// As for [`spawn`](Self::spawn), and the connection's end.
    pub fn output(&self) -> Pending<Result<Output, Error>> {
        self.run(true)
    }

    /// Runs it, throws away what it writes, and answers how it ended.
    ///
    /// # Errors
    /// As for [`output`](Self::output).
    pub fn status(&self) -> Pending<Result<Status, Error>> {
        let run = self.run(false);
        Pending::new(async move { Ok(run.await?.status) })
    }

    fn run(&self, keep: bool) -> Pending<Result<Output, Error>> {
        let (spawn, stdin) = (self.spawn(), self.stdin.clone());
        Pending::new(async move { collect(&spawn.await?.channel, stdin, keep).await })
    }

    /// Begins it and hands out its streams.
    ///
    /// # Errors
    /// [`Error::Open`] when the server refuses the channel, [`Error::RequestRefused`] when it refuses the terminal or
    /// the command.
    pub fn spawn(&self) -> Pending<Result<Process, Error>> {
        let command = self.clone();
        Pending::new(async move {
            if let Some(problem) = command.problem {
                return Err(problem.into());
            }
            let channel = command.transport.open_session().await?;
            if let Some(source) = command.agent {
                channel.lend_agent(source)?;
            }
            for (name, value) in command.env {
                // As OpenSSH does: the answer would only tell what the server ignores.
                channel.notify(&Request::Env { name, value })?;
            }
            let begin = channel.request(match command.program {
                Program::Exec(line) => Request::Exec(line),
                Program::Shell => Request::Shell,
                Program::Subsystem(name) => Request::Subsystem(name),
            });
            match command.pty {
                Some(pty) => {
                    // Both at once: one round trip.
                    let (pty, begun) = both(channel.request(Request::Pty(pty)), begin).await;
                    pty.and(begun)?;
                }
                None => begin.await?,
            }
            Ok(Process { channel })
        })
    }
}

/// Feeds and drains until both streams have ended and the status is known.
async fn collect(channel: &Channel, stdin: Vec<u8>, keep: bool) -> Result<Output, Error> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let feeder = channel.clone();
    let mut feeding = Pending::new(async move {
        // A command that does not want its input ends all the same.
        if feeder.send(stdin).await.is_ok() {
            let _ = feeder.shutdown_write();
        }
    });
    let mut fed = false;
    loop {
        let reading = channel.read_any(CHUNK);
        let piece = if fed {
            reading.await?
        } else {
            match race(reading, &mut feeding).await {
                Either::First(piece) => piece?,
                Either::Second(()) => {
                    fed = true;
                    continue;
                }
            }
        };
        match piece {
            None => break,
            Some(_) if !keep => {}
            Some((Stream::Data, bytes)) => stdout.extend(bytes),
            Some((Stream::Stderr, bytes)) => stderr.extend(bytes),
        }
    }
    let status = Status::new(channel.exit_status().await?);
    Ok(Output { status, stdout, stderr })
}

/// How a command ended, and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub status: Status,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
}

/// How a command ended (RFC 4254 section 6.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status(Option<ExitStatus>);

impl Status {
    pub(crate) fn new(status: Option<ExitStatus>) -> Self {
        Self(status)
    }

    /// Whether it ended with code 0.
    pub fn success(&self) -> bool {
        self.code() == Some(0)
    }

    /// The exit code; `None` when a signal ended it, or the server did not say.
    pub fn code(&self) -> Option<u32> {
        match &self.0 {
            Some(ExitStatus::Code(code)) => Some(*code),
            _ => None,
        }
    }

    /// The signal that ended it, without SIG: `KILL`. As sent: sanitize before showing.
    pub fn signal(&self) -> Option<&str> {
        match &self.0 {
            Some(ExitStatus::Signal { name, .. }) => Some(name),
            _ => None,
        }
    }

    /// All that the server said; `None` when it closed the channel without a word, as some do.
    pub fn details(&self) -> Option<&ExitStatus> {
        self.0.as_ref()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(ExitStatus::Code(code)) => write!(f, "exit status {code}"),
            Some(ExitStatus::Signal { name, core_dumped, .. }) => {
                let core = if *core_dumped { " (core dumped)" } else { "" };
                write!(f, "signal {}{core}", sanitize_line(name.as_bytes()))
            }
            _ => f.write_str("an end that the server did not report"),
        }
    }
}

/// A command that runs.
///
/// Dropped, it loses its channel: OpenSSH's server then closes its streams, and sends SIGHUP where it has a terminal.
#[derive(Debug)]
pub struct Process {
    channel: Channel,
}

impl Process {
    /// Its channel: reads its standard output, writes its standard input, both at once from two threads if need be.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Its standard error.
    pub fn stderr(&self) -> Stderr {
        self.channel.stderr()
    }

    /// The channel, without the rest.
    pub fn into_channel(self) -> Channel {
        self.channel
    }

    /// Ends its standard input.
    ///
    /// # Errors
    /// The connection has ended, or the channel is closed.
    pub fn close_stdin(&self) -> Result<(), Error> {
        self.channel.shutdown_write()
    }

    /// Sends it a signal: its name without SIG, as `TERM`. Servers may ignore it.
    ///
    /// # Errors
    /// The connection has ended, or the channel is closed.
    pub fn signal(&self, name: &str) -> Result<(), Error> {
        self.channel.signal(name)
    }

    /// Tells its terminal's new size.
    ///
    /// # Errors
    /// The connection has ended, or the channel is closed.
    pub fn resize(&self, size: WindowSize) -> Result<(), Error> {
        self.channel.resize(size)
    }

    /// Ends its standard input, throws away what it still writes, and waits for its end.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn wait(self) -> Pending<Result<Status, Error>> {
        Pending::new(async move { Ok(collect(&self.channel, Vec::new(), false).await?.status) })
    }

    /// Ends its standard input, collects what it still writes, and waits for its end.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn wait_with_output(self) -> Pending<Result<Output, Error>> {
        Pending::new(async move { collect(&self.channel, Vec::new(), true).await })
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.program {
            Program::Exec(line) => write!(f, "Command({:?})", String::from_utf8_lossy(line)),
            program => write!(f, "Command({program:?})"),
        }
    }
}
