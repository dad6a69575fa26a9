//! What ends a program that runs until it is told to: the signals of Unix. Windows ends it by itself at control-C.

#[cfg(unix)]
pub(crate) use signal_hook::iterator::Signals;

/// Those that are to end this program in good order, from now on.
///
/// # Errors
/// They cannot be watched.
#[cfg(unix)]
pub(crate) fn endings() -> std::io::Result<Signals> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    Signals::new([SIGHUP, SIGINT, SIGTERM])
}

#[cfg(windows)]
pub(crate) use windows::endings;

#[cfg(windows)]
mod windows {
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// None that comes from outside.
    pub(crate) struct Signals(Sender<()>, Receiver<()>);

    pub(crate) struct Handle(Sender<()>);

    impl Signals {
        pub(crate) fn handle(&self) -> Handle {
            Handle(self.0.clone())
        }

        /// Waits until somebody closes it.
        pub(crate) fn forever(&mut self) -> std::iter::Empty<i32> {
            let _ = self.1.recv();
            std::iter::empty()
        }
    }

    impl Handle {
        pub(crate) fn close(&self) {
            // Nobody may be waiting any more.
            let _ = self.0.send(());
        }
    }

    /// Nothing fails.
    pub(crate) fn endings() -> std::io::Result<Signals> {
        let (sender, receiver) = channel();
        Ok(Signals(sender, receiver))
    }
}
