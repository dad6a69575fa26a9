//! [`AsyncChannel`]: a channel as tokio's `AsyncRead + AsyncWrite`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use feramiko_proto::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::channel::Channel;
use crate::state::State;
use crate::waiters::Side;

/// The asynchronous face of a [`Channel`], over either driver. It needs no runtime of its own.
///
/// Nothing that was received is lost when a read is abandoned, and nothing is written twice when a write is.
#[derive(Debug)]
pub struct AsyncChannel {
    channel: Channel,
    stream: Stream,
    reader: Option<u64>,
    writer: Option<u64>,
}

impl Channel {
    /// The asynchronous face of this channel.
    pub fn into_async(self) -> AsyncChannel {
        AsyncChannel { channel: self, stream: Stream::Data, reader: None, writer: None }
    }
}

impl AsyncChannel {
    /// The channel, for requests and everything else.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// The asynchronous face of the stderr stream. It keeps the channel open.
    pub fn stderr(&self) -> Self {
        Self { channel: self.channel.clone(), stream: Stream::Stderr, reader: None, writer: None }
    }

    /// The blocking face again.
    pub fn into_blocking(self) -> Channel {
        self.channel.clone()
    }
}

impl Drop for AsyncChannel {
    fn drop(&mut self) {
        let shared = self.channel.shared();
        shared.leave(self.channel.topic(Side::of(self.stream)), &mut self.reader);
        shared.leave(self.channel.topic(Side::Write), &mut self.writer);
    }
}

impl AsyncRead for AsyncChannel {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let (id, stream) = (this.channel.id(), this.stream);
        let room = buffer.initialize_unfilled();
        let read = |state: &mut State, now| state.read(id, stream, room, now).transpose();
        let topic = this.channel.topic(Side::of(stream));
        this.channel.shared().poll(topic, &mut this.reader, cx.waker(), read).map(|read| {
            buffer.advance(read?);
            Ok(())
        })
    }
}

impl AsyncWrite for AsyncChannel {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let (id, stream) = (this.channel.id(), this.stream);
        let write = |state: &mut State, now| state.write(id, stream, data, now).transpose();
        let topic = this.channel.topic(Side::Write);
        this.channel.shared().poll(topic, &mut this.writer, cx.waker(), write).map_err(io::Error::from)
    }

    /// What was written is on its way already.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Sends the end of the data after what was written. Reading goes on.
    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        Poll::Ready(this.channel.shutdown_write().map_err(io::Error::from))
    }
}
