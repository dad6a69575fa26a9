//! The terminal's size, and when it changes.

use std::io;
use std::os::fd::AsFd;
use std::thread::JoinHandle;

use rustix::termios::tcgetwinsize;
use signal_hook::consts::SIGWINCH;
use signal_hook::iterator::{Handle, Signals};

use super::WindowSize;

/// The size of that terminal; `None` if it is none.
pub(crate) fn window_size(tty: impl AsFd) -> Option<WindowSize> {
    let size = tcgetwinsize(tty).ok()?;
    Some(WindowSize {
        cols: size.ws_col.into(),
        rows: size.ws_row.into(),
        width_pixels: size.ws_xpixel.into(),
        height_pixels: size.ws_ypixel.into(),
    })
}

/// The size of the terminal at standard input.
pub(crate) fn own_size() -> Option<WindowSize> {
    window_size(rustix::stdio::stdin())
}

/// [`watch_size`] of the terminal at standard input.
///
/// # Errors
/// As there.
pub(crate) fn watch_own_size(changed: impl FnMut(WindowSize) + Send + 'static) -> io::Result<SizeWatch> {
    watch_size(rustix::stdio::stdin(), changed)
}

/// Watches until it is dropped.
pub(crate) struct SizeWatch {
    signals: Handle,
    watcher: Option<JoinHandle<()>>,
}

/// Calls `changed`, on a thread of its own, with the size of `tty` after every SIGWINCH that has
/// changed it.
///
/// # Errors
/// The signal cannot be watched, or the descriptor not be duplicated.
pub(crate) fn watch_size(
    tty: impl AsFd,
    mut changed: impl FnMut(WindowSize) + Send + 'static,
) -> io::Result<SizeWatch> {
    let tty = tty.as_fd().try_clone_to_owned()?;
    let mut signals = Signals::new([SIGWINCH])?;
    let handle = signals.handle();
    let mut last = window_size(&tty);
    let thread = std::thread::Builder::new().name("terminal size".into());
    let watcher = thread.spawn(move || {
        for _ in &mut signals {
            let now = window_size(&tty);
            if let Some(size) = now
                && now != last
            {
                changed(size);
            }
            last = now;
        }
    })?;
    Ok(SizeWatch { signals: handle, watcher: Some(watcher) })
}

impl Drop for SizeWatch {
    fn drop(&mut self) {
        self.signals.close();
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}
