//! [`Reading`]: the right to read a link, and the buffer that goes with it.

use std::io;

use super::buffer::Input;
use super::link::Link;

/// The right to read the link, and what was read and not yet consumed.
pub(crate) struct Reading {
    pub(crate) input: Input,
    pub(crate) received: Received,
    /// The last read took all the room there was: there may be more.
    pub(crate) again: bool,
}

impl Reading {
    pub(crate) fn new() -> Box<Self> {
        let received = Received { wants_more: true, ..Received::default() };
        Box::new(Self { input: Input::default(), received, again: false })
    }

    /// Reads once, outside the lock; what came of it is for `State::take_read`.
    pub(crate) fn read(&mut self, link: &dyn Link) -> io::Result<Option<usize>> {
        self.again = false;
        match link.try_read(self.input.room()) {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.again = true;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// How the core took what was read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Received {
    /// More may be read.
    pub(crate) wants_more: bool,
    /// Something is left that is to be presented again once more is wanted.
    pub(crate) stalled: bool,
    /// No channel has been opened yet.
    pub(crate) setting_up: bool,
}
