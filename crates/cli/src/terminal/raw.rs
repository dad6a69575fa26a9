//! Terminal modes that are put back whatever happens: on drop, before a panic is reported, and on
//! SIGHUP, SIGINT, SIGQUIT and SIGTERM before they end the process. After SIGCONT they are made anew: a shell that had
//! the terminal meanwhile has put its own in their place, and a password would be shown.
//!
//! Signals are taken from signal-hook's pipe by a thread, so that nothing runs in a handler.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use feramiko_wire::sanitize;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::{emulate_default_handler, raise};

/// A terminal in other modes than it was found in, until this is dropped.
pub(crate) struct RawMode {
    id: u64,
    tty: OwnedFd,
    found: Termios,
    changed: Termios,
}

/// How to put a terminal back, and how to change it again.
struct Saved {
    id: u64,
    tty: OwnedFd,
    found: Termios,
    /// `None` once it is being put back.
    changed: Option<Termios>,
    /// What is asked there, safe to show.
    prompt: String,
}

/// All terminals now changed, the latest last. Guards nothing that could panic.
static SAVED: Mutex<Vec<Saved>> = Mutex::new(Vec::new());
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// Whether there is a terminal at standard input, which a session can take over.
pub(crate) fn takes_over() -> bool {
    rustix::termios::isatty(rustix::stdio::stdin())
}

impl RawMode {
    /// [`enter`](Self::enter) with the terminal at standard input.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn enter_own() -> io::Result<Self> {
        Self::enter(rustix::stdio::stdin())
    }

    /// Raw mode: every key goes to the program as it is, nothing is echoed.
    ///
    /// # Errors
    /// `tty` is no terminal, or signals cannot be watched.
    pub(crate) fn enter(tty: impl AsFd) -> io::Result<Self> {
        Self::change(tty, String::new(), Termios::make_raw)
    }

    /// Lines are typed as ever, but not shown. The prompt is shown when this process goes on after it was stopped.
    pub(crate) fn without_echo(tty: impl AsFd, prompt: &str) -> io::Result<Self> {
        Self::change(tty, sanitize(prompt.as_bytes()), |modes| {
            modes.local_modes.remove(LocalModes::ECHO | LocalModes::ECHOE | LocalModes::ECHOK);
            modes.local_modes.insert(LocalModes::ECHONL | LocalModes::ICANON);
        })
    }

    /// Gives the terminal back and stops this process as control-Z would; goes on when it is
    /// continued.
    pub(crate) fn suspend(&self) -> io::Result<()> {
        tcsetattr(&self.tty, OptionalActions::Drain, &self.found)?;
        // To this thread: sent to the process, another thread might take it while this one goes on.
        raise(SIGTSTP)?;
        tcsetattr(&self.tty, OptionalActions::Drain, &self.changed)?;
        Ok(())
    }

    fn change(tty: impl AsFd, prompt: String, change: impl FnOnce(&mut Termios)) -> io::Result<Self> {
        let tty = tty.as_fd().try_clone_to_owned()?;
        let found = tcgetattr(&tty)?;
        let mut changed = found.clone();
        change(&mut changed);
        restore_before_panics();
        restore_before_signals()?;
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let again = Some(changed.clone());
        saved().push(Saved { id, tty: tty.try_clone()?, found: found.clone(), changed: again, prompt });
        // From here on, drop undoes what was done.
        let guard = Self { id, tty, found, changed };
        tcsetattr(&guard.tty, OptionalActions::Drain, &guard.changed)?;
        Ok(guard)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        if let Some(own) = saved().iter_mut().find(|saved| saved.id == self.id) {
            own.changed = None;
        }
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&self.tty, OptionalActions::Drain, &self.found);
        saved().retain(|saved| saved.id != self.id);
    }
}

/// Starts the thread that takes signals. It stays: a signal that was watched once and is no more
/// would be ignored from then on, not end the process.
fn restore_before_signals() -> io::Result<()> {
    static STARTED: Mutex<bool> = Mutex::new(false);
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    if *started {
        return Ok(());
    }
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGCONT])?;
    let thread = std::thread::Builder::new().name("terminal signals".into());
    thread.spawn(move || {
        for signal in &mut signals {
            if signal == SIGCONT {
                change_again(&saved());
                continue;
            }
            restore(&saved());
            // Ends the process as the signal does without us, so that the shell sees the status it
            // expects.
            let _ = emulate_default_handler(signal);
        }
    })?;
    *started = true;
    Ok(())
}

fn restore_before_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // Whoever holds the lock is restoring already.
            match SAVED.try_lock() {
                Ok(saved) => restore(&saved),
                Err(std::sync::TryLockError::Poisoned(saved)) => restore(&saved.into_inner()),
                Err(std::sync::TryLockError::WouldBlock) => {}
            }
            report(panic);
        }));
    });
}

fn restore(all: &[Saved]) {
    for saved in all.iter().rev() {
        // Now: draining would wait for a terminal that nobody reads.
        let _ = tcsetattr(&saved.tty, OptionalActions::Now, &saved.found);
    }
}

fn change_again(all: &[Saved]) {
    if let Some(Saved { tty, changed: Some(changed), prompt, .. }) = all.last() {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(tty, OptionalActions::Now, changed);
        let _ = rustix::io::write(tty, prompt.as_bytes());
    }
}

fn saved() -> MutexGuard<'static, Vec<Saved>> {
    SAVED.lock().unwrap_or_else(PoisonError::into_inner)
}
