//! What the steps of a channel come to behind the lock.

use std::time::Instant;

use feramiko_proto::{ChannelId, Read, Request, RequestId, Stream, Write};

use crate::channel::{Piece, no_such_channel};
use crate::error::Error;
use crate::state::State;

/// Bytes of one stream, `None` at the end of both; or wait.
type Either = Option<Option<Piece>>;

/// `Ok(None)` means: wait.
impl State {
    pub(crate) fn read(
        &mut self,
        id: ChannelId,
        stream: Stream,
        buffer: &mut [u8],
        now: Instant,
    ) -> Result<Option<usize>, Error> {
        let Some(mut channel) = self.connection.channel(id, now) else {
            return Err(self.cause.clone().unwrap_or_else(no_such_channel));
        };
        let read = match channel.read(stream, buffer) {
            Read::Data(count) => count,
            Read::Eof => 0,
            Read::Blocked => return self.alive().map(|()| None),
        };
        self.show_readable(id, now);
        Ok(Some(read))
    }

    /// [`read`](Self::read) into a vector of the size it needs.
    pub(crate) fn take(
        &mut self,
        id: ChannelId,
        stream: Stream,
        max: usize,
        now: Instant,
    ) -> Result<Option<Vec<u8>>, Error> {
        let there = self.connection.channel(id, now).map_or(0, |channel| channel.readable(stream));
        let mut buffer = vec![0; there.min(max).max(1)];
        let count = self.read(id, stream, &mut buffer, now)?;
        Ok(count.map(|count| {
            buffer.truncate(count);
            buffer
        }))
    }

    pub(crate) fn take_any(&mut self, id: ChannelId, max: usize, now: Instant) -> Result<Either, Error> {
        let mut ended = true;
        for stream in [Stream::Data, Stream::Stderr] {
            match self.take(id, stream, max, now)? {
                Some(data) if !data.is_empty() => return Ok(Some(Some((stream, data)))),
                Some(_) => {}
                None => ended = false,
            }
        }
        Ok(ended.then_some(None))
    }

    pub(crate) fn write(
        &mut self,
        id: ChannelId,
        stream: Stream,
        data: &[u8],
        now: Instant,
    ) -> Result<Option<usize>, Error> {
        self.alive()?;
        let written = self.connection.channel(id, now).ok_or_else(no_such_channel)?.write(stream, data)?;
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.blocked = matches!(written, Write::Blocked);
        }
        match written {
            Write::Taken(count) => Ok(Some(count)),
            Write::Blocked => Ok(None),
        }
    }

    pub(crate) fn would_read(&mut self, id: ChannelId, stream: Stream, now: Instant) -> bool {
        let ended = self.cause.is_some();
        let view = self.connection.channel(id, now);
        ended || view.is_none_or(|channel| channel.readable(stream) > 0 || channel.is_eof(stream))
    }

    pub(crate) fn would_write(&self, id: ChannelId) -> bool {
        self.cause.is_some() || self.slots.get(&id).is_none_or(|slot| !slot.blocked)
    }

    pub(crate) fn request(
        &mut self,
        id: ChannelId,
        request: &Request,
        want_reply: bool,
        now: Instant,
    ) -> Result<Option<RequestId>, Error> {
        self.alive()?;
        self.lending.asked(request);
        let mut channel = self.connection.channel(id, now).ok_or_else(no_such_channel)?;
        Ok(channel.request(request, want_reply)?)
    }
}
