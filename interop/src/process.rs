//! Child processes: heard, waited for by what they say, and never left behind.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// How long anything may take before a test gives up: far longer than it ever should, and only spent on failure.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A process in the background, its output gathered line by line.
///
/// Dropping it ends it and everything it started in its process group, and prints what it said if a test is failing.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    log: Arc<Log>,
}

#[derive(Debug, Default)]
struct Log {
    state: Mutex<LogState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct LogState {
    lines: Vec<String>,
    streams_ended: usize,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(self: &Arc<Self>, stream: impl Read + Send + 'static) {
        let log = Arc::clone(self);
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
                log.lock().lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                log.changed.notify_all();
                line.clear();
            }
            log.lock().streams_ended += 1;
            log.changed.notify_all();
        });
    }
}

impl Running {
    /// Starts `command` with a pipe for its input and with both outputs gathered.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(name: &str, mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let log = Arc::new(Log::default());
        if let Some(stdout) = child.stdout.take() {
            log.follow(stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            log.follow(stderr);
        }
        let stdin = child.stdin.take();
        Self { name: name.to_owned(), child, stdin, log }
    }

    /// The process id, which is the id of its process group too.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its standard input.
    ///
    /// # Panics
    /// If the process no longer reads.
    pub fn write(&mut self, data: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap_or_else(|| panic!("{}: its input is closed", self.name));
        stdin
            .write_all(data)
            .and_then(|()| stdin.flush())
            .unwrap_or_else(|error| panic!("{}: {error}", self.name));
    }

    /// Closes its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// What it has said so far, both outputs, in the order of arrival.
    pub fn log(&self) -> String {
        self.log.lock().lines.join("\n")
    }

    /// Waits until `find` makes something of a line, old lines included.
    ///
    /// # Errors
    /// With the whole log, if the outputs ended or [`PATIENCE`] did before such a line came.
    pub fn wait_for<T>(&self, find: impl Fn(&str) -> Option<T>) -> Result<T, String> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = 0;
        let mut state = self.log.lock();
        loop {
            if let Some(found) = state.lines.iter().skip(seen).find_map(|line| find(line)) {
                return Ok(found);
            }
            seen = state.lines.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if state.streams_ended == 2 || left.is_zero() {
                let why = if left.is_zero() { "took too long" } else { "ended" };
                return Err(format!("{} {why}; it said:\n{}", self.name, state.lines.join("\n")));
            }
            state = self.log.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for a line that contains `text`.
    ///
    /// # Panics
    /// If none comes; see [`wait_for`](Self::wait_for).
    pub fn wait_for_text(&self, text: &str) -> String {
        self.wait_for(|line| line.contains(text).then(|| line.to_owned()))
            .unwrap_or_else(|error| panic!("waiting for {text:?}: {error}"))
    }

    /// How many lines it has said.
    pub fn line_count(&self) -> usize {
        self.log.lock().lines.len()
    }

    /// Waits until it has said more than `seen` lines.
    ///
    /// # Errors
    /// If its outputs ended or [`PATIENCE`] did before.
    pub fn wait_for_more_than(&self, seen: usize) -> Result<(), &'static str> {
        let state = self.log.lock();
        let waiting = |state: &mut LogState| state.lines.len() <= seen && state.streams_ended < 2;
        let (state, timeout) = self
            .log
            .changed
            .wait_timeout_while(state, PATIENCE, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        match state.lines.len() > seen {
            true => Ok(()),
            false if timeout.timed_out() => Err("nothing happens"),
            false => Err("it ended"),
        }
    }

    /// Waits until the process ends by itself.
    ///
    /// # Errors
    /// With its log, if it is still there after [`PATIENCE`].
    pub fn wait(&mut self) -> Result<ExitStatus, String> {
        // Its outputs end with it, and that can be awaited with a limit.
        match self.wait_for(|_| None::<()>) {
            Err(said) if said.contains(" took too long; ") => Err(said),
            _ => self.child.wait().map_err(|error| error.to_string()),
        }
    }

    /// Ends the process and its process group at once, as [`drop`] does.
    pub fn kill(&mut self) {
        self.stdin = None;
        kill_group(self.child.id());
        // It is dead or was never ours to wait for; either way nothing is left to do.
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("---- {} said ----\n{}\n----", self.name, self.log());
        }
    }
}

/// What a process left when it ended.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: Vec<u8>,
}

impl Finished {
    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// The exit code, if no signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Itself, if the exit code was 0.
    ///
    /// # Panics
    /// With both outputs otherwise.
    pub fn expect_success(self, what: &str) -> Self {
        assert!(
            self.status.success(),
            "{what}: {}\nstdout:\n{}\nstderr:\n{}",
            self.status,
            self.text(),
            self.errors()
        );
        self
    }
}

/// Runs `command` to its end with `input` on its standard input.
///
/// # Panics
/// If it cannot be started or is not done within [`PATIENCE`].
pub fn run(mut command: Command, input: &[u8]) -> Finished {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let id = child.id();
    let stdin = child.stdin.take();
    let input = input.to_vec();
    let feeding = std::thread::spawn(move || {
        // Not every program reads what it is given; a broken pipe is its own affair.
        stdin.map(|mut stdin| stdin.write_all(&input))
    });
    let stdout = gather(child.stdout.take());
    let stderr = gather(child.stderr.take());
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || done.send(child.wait()));
    let status = ended.recv_timeout(PATIENCE);
    // Whatever it left running in its group would hold the pipes open.
    kill_group(id);
    let finished = (feeding.join(), stdout.join(), stderr.join());
    let ((_, Ok(stdout), Ok(stderr)), Ok(Ok(status))) = (finished, status) else {
        panic!("{command:?} was not done within {PATIENCE:?}");
    };
    Finished { status, stdout, stderr }
}

fn gather(stream: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        if let Some(mut stream) = stream {
            // What came before an error is what there is to show.
            let _ = stream.read_to_end(&mut all);
        }
        all
    })
}

fn kill_group(id: u32) {
    if let Some(group) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        // The usual error says that all of them are gone already.
        let _ = kill_process_group(group, Signal::KILL);
    }
}
