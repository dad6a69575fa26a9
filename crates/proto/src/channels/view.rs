//! [`Channel`]: what the application does with a channel.

use super::channel::ChannelState;
use super::fields;
use super::shared::Shared;
use crate::error::Misuse;
use crate::event::{ChannelId, ExitStatus, Read, Request, RequestId, Stream, Write};
use crate::output::Output;

/// A channel to work with, for a moment (RFC 4254 section 5). After its use there may be new output and new events.
///
/// What was received stays readable after both sides have closed, until [`forget`](Self::forget).
pub struct Channel<'a> {
    state: &'a mut ChannelState,
    shared: &'a mut Shared,
    out: &'a mut Output,
}

impl<'a> Channel<'a> {
    pub(super) fn new(state: &'a mut ChannelState, shared: &'a mut Shared, out: &'a mut Output) -> Self {
        Self { state, shared, out }
    }

    /// The channel's id.
    pub fn id(&self) -> ChannelId {
        self.state.id()
    }

    /// Reads into `buffer`. The peer gets credit for what was read, in few large steps.
    pub fn read(&mut self, stream: Stream, buffer: &mut [u8]) -> Read {
        if buffer.is_empty() {
            return Read::Data(0);
        }
        let read = self.read_with(stream, |front, back| {
            let bytes = copy(front, buffer);
            let bytes = bytes + copy(back, buffer.get_mut(bytes..).unwrap_or_default());
            (bytes, bytes)
        });
        match read {
            Some(bytes) => Read::Data(bytes),
            None if self.state.is_at_end() => Read::Eof,
            None => Read::Blocked,
        }
    }

    /// Reads in place: `f` sees what is there, oldest first, in two pieces of which the second may be empty, and
    /// answers how many bytes it consumed. `None` when nothing is there.
    pub fn read_with<R>(&mut self, stream: Stream, f: impl FnOnce(&[u8], &[u8]) -> (usize, R)) -> Option<R> {
        let ring = self.state.ring(stream);
        if ring.is_empty() {
            return None;
        }
        let (front, back) = ring.slices();
        let (consumed, result) = f(front, back);
        if consumed > 0 {
            self.state.consume(stream, consumed, self.shared, self.out);
        }
        Some(result)
    }

    /// Bytes that are there to read.
    pub fn readable(&self, stream: Stream) -> usize {
        self.state.ring(stream).len()
    }

    /// Whether everything has been read and nothing more can come: the peer has sent EOF or CLOSE, or we have closed.
    pub fn is_eof(&self, stream: Stream) -> bool {
        self.state.ring(stream).is_empty() && self.state.is_at_end()
    }

    /// Sends as much of `data` as the peer's window and the output allow.
    ///
    /// # Errors
    /// [`Misuse`] before the channel is confirmed, after [`finish`](Self::finish), and when either side has closed.
    pub fn write(&mut self, stream: Stream, data: &[u8]) -> Result<Write, Misuse> {
        self.state.write(stream, data, self.shared, self.out)
    }

    /// Says that no more data follows what was written (RFC 4254 section 5.3). Again: does nothing.
    ///
    /// # Errors
    /// [`Misuse`] before the channel is confirmed, and when the connection has ended.
    pub fn finish(&mut self) -> Result<(), Misuse> {
        self.state.finish(self.shared, self.out)
    }

    /// Closes the channel, behind what was written (RFC 4254 section 5.3). What was received can be read, what is still
    /// under way is dropped. Before the channel is confirmed: closes it when that comes, and
    /// [`Event::Opened`](crate::Event::Opened) is not told. Again: does nothing.
    pub fn close(&mut self) {
        self.state.close(self.shared, self.out);
    }

    /// Asks something of the peer (RFC 4254 section 5.4). With `want_reply` the outcome is
    /// [`Event::RequestAnswered`](crate::Event::RequestAnswered).
    ///
    /// # Errors
    /// [`Misuse`] for what cannot be sent, before the channel is confirmed, and when either side has closed.
    pub fn request(&mut self, request: &Request, want_reply: bool) -> Result<Option<RequestId>, Misuse> {
        let (name, fields) = fields::encode(request)?;
        self.state.request((name, &fields), want_reply, self.shared, self.out)
    }

    /// How the remote process ended, once the peer has told.
    pub fn exit_status(&self) -> Option<&ExitStatus> {
        self.state.requests().exit()
    }

    /// Whether both sides have closed.
    pub fn is_closed(&self) -> bool {
        self.state.is_closed()
    }

    /// The application has no use for the channel any more: it is closed if need be, what is unread or still comes is
    /// dropped, no event tells of it, and the id is gone when both sides have closed.
    pub fn forget(&mut self) {
        self.state.forget(self.shared, self.out);
    }
}

fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let bytes = from.len().min(to.len());
    if let (Some(from), Some(to)) = (from.get(..bytes), to.get_mut(..bytes)) {
        to.copy_from_slice(from);
    }
    bytes
}
