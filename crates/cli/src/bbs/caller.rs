//! A session joined to a reader and a writer, such as a channel's two directions.

use std::io::{ErrorKind, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::house::House;
use super::screen::Size;
use super::session::Session;

/// A caller on the line. [`run`](Self::run) carries the session; meanwhile other threads may
/// [`resize`](Self::resize) it or [`hang_up`](Self::hang_up).
pub(crate) struct Caller {
    session: Mutex<Session>,
    /// There may be output to send.
    output: Arc<Bell>,
    /// The session may want input again.
    input: Bell,
}

/// Remembers that it was rung.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.heard.notify_all();
    }

    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        while !std::mem::take(&mut *rung) {
            rung = self.heard.wait(rung).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Caller {
    pub(crate) fn new(house: &Arc<House>, user: &str, size: Option<Size>) -> Self {
        let output = Arc::new(Bell::default());
        let wake = Arc::clone(&output);
        let session = Session::new(house, user, size, Box::new(move || wake.ring()));
        Self { session: Mutex::new(session), output, input: Bell::default() }
    }

    /// The terminal has another size.
    pub(crate) fn resize(&self, size: Size) {
        self.session().resize(size);
        self.output.ring();
    }

    /// Ends the session: the connection is gone or goes.
    pub(crate) fn hang_up(&self) {
        self.session().hang_up();
        self.output.ring();
        self.input.ring();
    }

    /// Carries the session until it is over or the line is gone. Reads on this thread and writes on
    /// a second one, which calls `close` once everything is written; `close` must make a pending
    /// read return (shut the channel). A reader with a timeout is fine.
    pub(crate) fn run(&self, mut reader: impl Read, writer: impl Write + Send, close: impl FnOnce() + Send) {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                if let Err(error) = self.write(writer) {
                    tracing::debug!(%error, "the caller's line is gone");
                }
                self.hang_up();
                close();
            });
            let mut buffer = [0; 4096];
            loop {
                while !self.session().wants_input() {
                    if self.session().is_over() {
                        return;
                    }
                    self.input.wait();
                }
                match reader.read(&mut buffer) {
                    Ok(0) => {
                        self.session().end_of_input();
                        self.output.ring();
                        return;
                    }
                    Ok(count) => {
                        self.session().receive(buffer.get(..count).unwrap_or_default());
                        self.output.ring();
                    }
                    Err(error) if is_passing(error.kind()) => {}
                    Err(error) => {
                        tracing::debug!(%error, "the caller's line is gone");
                        return self.hang_up();
                    }
                }
            }
        });
    }

    fn write(&self, mut writer: impl Write) -> std::io::Result<()> {
        loop {
            let (output, over) = {
                let mut session = self.session();
                session.poll();
                (session.take_output(), session.is_over())
            };
            self.input.ring();
            if !output.is_empty() {
                writer.write_all(&output)?;
                writer.flush()?;
            } else if over {
                return Ok(());
            } else {
                self.output.wait();
            }
        }
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Interrupted | ErrorKind::TimedOut | ErrorKind::WouldBlock)
}
