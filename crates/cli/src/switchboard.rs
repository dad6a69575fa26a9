//! From SSH to the BBS: who may call, and a session in the house for everyone who does.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use feramiko::{
    Attempt, Channel, DisconnectReason, Error, ExitStatus, Program, Proof, PublicKey, Request, Server,
    ServerBuilder, ServerConnection, Session, SourceRate, Start, Transport, WindowSize,
};
use feramiko_wire::sanitize_line;

use crate::bbs::{Caller, House, Size};

/// Who may call with a password.
pub(crate) const USER: &str = "robey";
/// The password, which the whole world knows since 2003.
pub(crate) const PASSWORD: &str = "foo";

/// Connections at once.
const MAX_LINES: usize = 256;
/// Sessions on one connection.
const MAX_SESSIONS: usize = 4;
/// Silence after which a caller is asked for a sign of life.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// How long a caller may leave the screen unread before the line is given to somebody else.
const PATIENCE: Duration = Duration::from_secs(120);

/// Whom the house knows.
#[derive(Debug, Default)]
pub(crate) struct Guests {
    keys: Vec<PublicKey>,
}

impl Guests {
    /// [`USER`] with the password, and the owners of these keys.
    pub(crate) fn with_keys(keys: Vec<PublicKey>) -> Self {
        Self { keys }
    }

    fn know(&self, attempt: &Attempt) -> bool {
        match attempt.proof() {
            // Both are looked at whatever the first one says.
            Proof::Password(word) => word.matches(PASSWORD) & (attempt.user() == USER),
            Proof::KeyOffer(key) => self.keys.contains(key),
            Proof::Key(verified) => self.keys.contains(verified.key()),
            _ => false,
        }
    }
}

/// Puts callers through to the house.
pub(crate) struct Switchboard {
    house: Arc<House>,
    guests: Guests,
    lines: Lines,
}

impl Switchboard {
    pub(crate) fn new(house: Arc<House>, guests: Guests) -> Arc<Self> {
        Arc::new(Self { house, guests, lines: Lines::default() })
    }

    /// A server with the limits that a house on the open net needs.
    pub(crate) fn server(&self) -> ServerBuilder {
        let methods: &[&str] =
            if self.guests.keys.is_empty() { &["password"] } else { &["publickey", "password"] };
        Server::builder()
            .methods(methods.iter().copied())
            .max_sessions(MAX_SESSIONS)
            .source_rate(SourceRate::default())
            .keepalive(KEEPALIVE)
    }

    pub(crate) fn house(&self) -> &Arc<House> {
        &self.house
    }

    /// Waits until nobody is connected, at most so long; says whether that came about.
    pub(crate) fn wait_until_quiet(&self, limit: Duration) -> bool {
        self.lines.wait_until_free(limit)
    }

    /// Looks after one connection to its end.
    ///
    /// # Errors
    /// How it ended, unless the caller said good-bye.
    pub(crate) fn serve(&self, connection: &ServerConnection) -> Result<(), Error> {
        let Some(_line) = self.lines.take() else {
            let reason = DisconnectReason::TooManyConnections;
            connection.transport().disconnect(reason, "all lines of the house are busy");
            return Ok(());
        };
        let served = self.look_after(connection);
        connection.close().wait();
        served
    }

    fn look_after(&self, connection: &ServerConnection) -> Result<(), Error> {
        let peer = connection.peer_addr();
        while let Some(attempt) = connection.next_auth().wait()? {
            let known = self.guests.know(&attempt);
            tracing::info!(?peer, user = %sanitize_line(attempt.user().as_bytes()), known, "somebody wants to log in");
            if known { attempt.accept()? } else { attempt.reject()? }
        }
        let user = connection.user().unwrap_or_default();
        tracing::info!(?peer, user = %sanitize_line(user.as_bytes()), "logged in");
        let served = thread::scope(|scope| {
            while let Some(session) = connection.next_session().wait()? {
                let user = &user;
                let serve = move || self.session(session, user, connection.transport());
                let name = "bbs session".to_owned();
                if let Err(error) = thread::Builder::new().name(name).spawn_scoped(scope, serve) {
                    tracing::error!(?peer, %error, "no thread for a session");
                }
            }
            Ok(())
        });
        tracing::info!(?peer, "the line is free again");
        served
    }

    fn session(&self, session: Session, user: &str, transport: &Transport) {
        let _hangs_up = HangsUp(transport);
        if let Err(error) = self.put_through(session, user) {
            tracing::debug!(%error, "a session has failed");
        }
    }

    fn put_through(&self, session: Session, user: &str) -> Result<(), Error> {
        let mut session = session;
        while let Some(start) = session.program().wait()? {
            match start.program() {
                Program::Shell => {
                    self.call(start, user);
                    return Ok(());
                }
                Program::Exec(_) => {
                    let words = "This is a BBS: there are no commands here. Call without one.\n";
                    return start.accept().finish("", words, 1).wait();
                }
                _ => session = start.reject(),
            }
        }
        Ok(())
    }

    /// One call. This thread listens for what the terminal does meanwhile.
    fn call(&self, start: Start, user: &str) {
        let size = start.pty().map(|pty| cells(pty.size));
        let channel = start.accept();
        channel.set_write_timeout(Some(PATIENCE));
        let caller = Caller::new(&self.house, user, size);
        thread::scope(|scope| {
            let carry = || caller.run(&channel, &channel, || hang_up(&channel));
            let name = "bbs caller".to_owned();
            if let Err(error) = thread::Builder::new().name(name).spawn_scoped(scope, carry) {
                tracing::error!(%error, "no thread for a caller");
                return hang_up(&channel);
            }
            while let Ok(Some(request)) = channel.next_request().wait() {
                if let Request::WindowChange(size) = request.request() {
                    caller.resize(cells(*size));
                    request.accept();
                }
            }
            caller.hang_up();
        });
    }
}

/// The session is over: says so, and closes the channel.
fn hang_up(channel: &Channel) {
    // A caller who has gone first needs to be told nothing.
    let _ = channel.shutdown_write();
    let _ = channel.send_exit(ExitStatus::Code(0));
    channel.close();
}

fn cells(size: WindowSize) -> Size {
    let clamp = |count: u32| u16::try_from(count).unwrap_or(u16::MAX);
    Size { cols: clamp(size.columns), rows: clamp(size.rows) }
}

/// A mistake of ours in one session ends that caller's connection, and no other.
struct HangsUp<'a>(&'a Transport);

impl Drop for HangsUp<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.disconnect(DisconnectReason::ByApplication, "the house has stumbled; please call again");
        }
    }
}

/// How many connections there are.
#[derive(Default)]
struct Lines {
    busy: Mutex<usize>,
    freed: Condvar,
}

struct Line<'a>(&'a Lines);

impl Lines {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Line<'_>> {
        let mut busy = self.lock();
        if *busy >= MAX_LINES {
            return None;
        }
        *busy += 1;
        Some(Line(self))
    }

    fn wait_until_free(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut busy = self.lock();
        while *busy > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            busy = self.freed.wait_timeout(busy, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_run_out_and_are_given_back() {
        let lines = Lines::default();
        let all: Vec<_> = std::iter::from_fn(|| lines.take()).collect();
        assert_eq!(all.len(), MAX_LINES);
        assert!(!lines.wait_until_free(Duration::ZERO));
        drop(all);
        assert!(lines.wait_until_free(Duration::ZERO));
    }
}
