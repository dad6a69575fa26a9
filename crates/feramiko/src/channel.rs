//! [`Channel`]: the blocking face of a channel, and its single steps for tasks.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use feramiko_proto::{ChannelId, ExitStatus, Misuse, Request, Stream};

use crate::error::Error;
use crate::pending::Pending;
use crate::pollable::Pollable;
use crate::shared::{Handle, Shared, Undo};
use crate::state::State;
use crate::waiters::{Side, Topic};

/// Bytes, and the stream they came on.
pub type Piece = (Stream, Vec<u8>);

/// A channel: bytes both ways, and requests.
///
/// [`Read`] and [`Write`] block, also on `&Channel`, so that one thread may read while another writes. Single steps for
/// tasks: [`read_some`](Self::read_some), [`send`](Self::send); the feature `tokio` adds `into_async`.
///
/// A handle: clones share the channel. When the last one is dropped the channel is closed, and unread data is discarded. A
/// channel keeps its connection open.
#[derive(Clone)]
pub struct Channel(Arc<Inner>);

struct Inner {
    handle: Arc<Handle>,
    id: ChannelId,
    read_timeout: Limit,
    write_timeout: Limit,
    /// For use as the socket of another connection: what its worker waits under.
    watching: Mutex<[Option<u64>; 2]>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.handle.0.with(|state, now| state.forget(self.id, now));
    }
}

/// A timeout in nanoseconds, 0 for none.
#[derive(Debug, Default)]
struct Limit(AtomicU64);

impl Limit {
    fn set(&self, limit: Option<Duration>) {
        let nanos = limit.map_or(0, |limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX).max(1));
        self.0.store(nanos, Ordering::Relaxed);
    }

    fn get(&self) -> Option<Duration> {
        Some(self.0.load(Ordering::Relaxed)).filter(|nanos| *nanos > 0).map(Duration::from_nanos)
    }
}

impl Channel {
    pub(crate) fn new(handle: Arc<Handle>, id: ChannelId) -> Self {
        let (read_timeout, write_timeout) = (Limit::default(), Limit::default());
        Self(Arc::new(Inner { handle, id, read_timeout, write_timeout, watching: Mutex::default() }))
    }

    pub(crate) fn handle(&self) -> &Arc<Handle> {
        &self.0.handle
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.handle.0
    }

    pub(crate) fn topic(&self, side: Side) -> Topic {
        Topic::Channel(self.0.id, side)
    }

    /// The keys that a worker waits under whose socket this is: reading, writing.
    pub(crate) fn watching(&self) -> MutexGuard<'_, [Option<u64>; 2]> {
        self.0.watching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its number on this side, never used again within the connection.
    pub fn id(&self) -> ChannelId {
        self.0.id
    }

    /// How long a blocking read waits; then it fails with [`io::ErrorKind::TimedOut`]. `None`, the default, for ever.
    pub fn set_read_timeout(&self, limit: Option<Duration>) {
        self.0.read_timeout.set(limit);
    }

    /// How long a blocking write waits; then it fails with [`io::ErrorKind::TimedOut`]. `None`, the default, for ever.
    pub fn set_write_timeout(&self, limit: Option<Duration>) {
        self.0.write_timeout.set(limit);
    }

    /// The read timeout.
    pub fn read_timeout(&self) -> Option<Duration> {
        self.0.read_timeout.get()
    }

    /// The write timeout.
    pub fn write_timeout(&self) -> Option<Duration> {
        self.0.write_timeout.get()
    }

    /// The other stream: extended data of type stderr (RFC 4254 section 5.2).
    pub fn stderr(&self) -> Stderr {
        Stderr(self.clone())
    }

    /// Nothing more will be written: the peer sees the end after what was written before. Reading goes on.
    ///
    /// # Errors
    /// The connection has ended, or the channel is closed.
    pub fn shutdown_write(&self) -> Result<(), Error> {
        let id = self.0.id;
        self.shared().with(|state, now| {
            state.alive()?;
            Ok(state.connection.channel(id, now).ok_or_else(no_such_channel)?.finish()?)
        })
    }

    /// Closes both directions. What has been received can still be read.
    pub fn close(&self) {
        let id = self.0.id;
        self.shared().with(|state, now| {
            if let Some(mut channel) = state.connection.channel(id, now) {
                channel.close();
            }
            state.wake(Topic::Channel(id, Side::Write));
        });
    }

    /// Whether both sides have closed it, or the connection has ended.
    pub fn is_closed(&self) -> bool {
        let id = self.0.id;
        self.shared().with(|state, now| {
            state.cause.is_some()
                || state.connection.channel(id, now).is_none_or(|channel| channel.is_closed())
        })
    }

    /// Reads what is there, at most `max` bytes, waiting until there is something; empty at the end. Abandoned, nothing
    /// is lost.
    pub fn read_some(&self, max: usize) -> Pending<Result<Vec<u8>, Error>> {
        self.read_stream(Stream::Data, max)
    }

    fn read_stream(&self, stream: Stream, max: usize) -> Pending<Result<Vec<u8>, Error>> {
        let channel = self.clone();
        Pending::new(async move {
            let (id, topic) = (channel.0.id, channel.topic(Side::of(stream)));
            let take = |state: &mut State, now| state.take(id, stream, max, now).transpose();
            channel.shared().until(topic, take).await
        })
    }

    /// Reads what is there of either stream, at most `max` bytes, waiting until there is something; `None` when both have
    /// ended. Abandoned, nothing is lost.
    pub fn read_any(&self, max: usize) -> Pending<Result<Option<Piece>, Error>> {
        let channel = self.clone();
        Pending::new(async move {
            let id = channel.0.id;
            let take = |state: &mut State, now| state.take_any(id, max, now).transpose();
            channel.shared().until(channel.topic(Side::Any), take).await
        })
    }

    /// Writes as much as fits, waiting until something does; answers how much. Abandoned, nothing is written.
    pub fn send_some(&self, data: impl Into<Vec<u8>>) -> Pending<Result<usize, Error>> {
        let (channel, data) = (self.clone(), data.into());
        Pending::new(async move {
            let id = channel.0.id;
            let write = |state: &mut State, now| state.write(id, Stream::Data, &data, now).transpose();
            channel.shared().until(channel.topic(Side::Write), write).await
        })
    }

    /// Writes all of it. Abandoned, a part may have been written.
    pub fn send(&self, data: impl Into<Vec<u8>>) -> Pending<Result<(), Error>> {
        self.write_stream(Stream::Data, data.into())
    }

    fn write_stream(&self, stream: Stream, data: Vec<u8>) -> Pending<Result<(), Error>> {
        let channel = self.clone();
        Pending::new(async move {
            let id = channel.0.id;
            let mut written = 0;
            while written < data.len() {
                let rest = data.get(written..).unwrap_or_default();
                let write = |state: &mut State, now| state.write(id, stream, rest, now).transpose();
                written += channel.shared().until(channel.topic(Side::Write), write).await?;
            }
            Ok(())
        })
    }

    /// Asks something of the peer and waits for the answer.
    ///
    /// # Errors
    /// [`Error::RequestRefused`] when the peer says no, or closes the channel instead of an answer.
    pub fn request(&self, request: Request) -> Pending<Result<(), Error>> {
        let channel = self.clone();
        Pending::new(async move {
            let (shared, id) = (channel.shared(), channel.0.id);
            let sent = shared.with(|state, now| {
                let sent = state.request(id, &request, true, now)?;
                if let (Some(sent), Some(slot)) = (sent, state.slots.get_mut(&id)) {
                    slot.expect(sent);
                }
                Ok::<_, Error>(sent)
            })?;
            let Some(sent) = sent else { return Ok(()) };
            let _undo = Undo::new(shared, move |state, _| {
                if let Some(slot) = state.slots.get_mut(&id) {
                    slot.disregard(sent);
                }
            });
            let check = |state: &mut State, _| match state.slots.get(&id).map(|slot| slot.answer_to(sent)) {
                Some(Some(success)) => Some(Ok(success)),
                Some(None) => state.cause.clone().map(Err),
                None => Some(Err(no_such_channel())),
            };
            match shared.until(channel.topic(Side::State), check).await? {
                true => Ok(()),
                false => Err(Error::RequestRefused(request_name(&request))),
            }
        })
    }

    /// Tells the peer something that wants no answer: a window size, a signal, an exit status.
    ///
    /// # Errors
    /// The connection has ended, or the channel is closed.
    pub fn notify(&self, request: &Request) -> Result<(), Error> {
        let id = self.0.id;
        self.shared().with(|state, now| state.request(id, request, false, now).map(drop))
    }

    /// Tells how the process behind this channel ended (RFC 4254 section 6.10).
    ///
    /// # Errors
    /// As for [`notify`](Self::notify).
    pub fn send_exit(&self, status: ExitStatus) -> Result<(), Error> {
        self.notify(&Request::Exit(status))
    }

    /// How the remote process ended; `None` when the channel was closed without a word about that.
    pub fn exit_status(&self) -> Pending<Result<Option<ExitStatus>, Error>> {
        let channel = self.clone();
        Pending::new(async move {
            let id = channel.0.id;
            let check = |state: &mut State, now| {
                let view = state.connection.channel(id, now);
                let closed = view.as_ref().is_none_or(|channel| channel.is_closed());
                match view.and_then(|channel| channel.exit_status().cloned()) {
                    Some(status) => Some(Ok(Some(status))),
                    None => state.cause.clone().map(Err).or_else(|| closed.then_some(Ok(None))),
                }
            };
            channel.shared().until(channel.topic(Side::State), check).await
        })
    }

    /// Whether the peer has said that it wants no more input (`eow@openssh.com`).
    pub fn peer_wants_no_input(&self) -> bool {
        self.shared().with(|state, _| state.slots.get(&self.0.id).is_some_and(|slot| slot.unwanted))
    }

    /// A descriptor that is readable exactly while this channel has something to read: bytes of either stream, their end,
    /// or an error.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub fn pollable(&self) -> io::Result<Pollable> {
        let id = self.0.id;
        self.shared().with(|state, now| {
            let signal = state.signal(id).ok_or(io::ErrorKind::NotConnected)??;
            state.show_readable(id, now);
            Ok(Pollable(signal))
        })
    }

    fn read_blocking(&self, stream: Stream, buffer: &mut [u8]) -> io::Result<usize> {
        let id = self.0.id;
        let read = |state: &mut State, now| state.read(id, stream, buffer, now).transpose();
        match self.shared().block(self.topic(Side::of(stream)), self.read_timeout(), read) {
            Some(done) => Ok(done?),
            None => Err(timed_out()),
        }
    }

    fn write_blocking(&self, stream: Stream, data: &[u8]) -> io::Result<usize> {
        let id = self.0.id;
        let write = |state: &mut State, now| state.write(id, stream, data, now).transpose();
        match self.shared().block(self.topic(Side::Write), self.write_timeout(), write) {
            Some(done) => Ok(done?),
            None => Err(timed_out()),
        }
    }
}

/// For handles of channels that are gone.
pub(crate) fn no_such_channel() -> Error {
    Error::Misuse(Misuse::NoSuchChannel)
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the channel did not get ready in time")
}

fn request_name(request: &Request) -> String {
    let name = match request {
        Request::Pty(_) => "pty-req",
        Request::Env { .. } => "env",
        Request::Shell => "shell",
        Request::Exec(_) => "exec",
        Request::Subsystem(_) => "subsystem",
        Request::WindowChange(_) => "window-change",
        Request::XonXoff { .. } => "xon-xoff",
        Request::Signal(_) => "signal",
        Request::Break { .. } => "break",
        Request::Exit(ExitStatus::Code(_)) => "exit-status",
        Request::Exit(_) => "exit-signal",
        Request::EndOfWrite => "eow@openssh.com",
        Request::Other { name, .. } => name,
        _ => "request",
    };
    name.to_owned()
}

impl Read for &Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_blocking(Stream::Data, buffer)
    }
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_blocking(Stream::Data, buffer)
    }
}

impl Write for &Channel {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.write_blocking(Stream::Data, data)
    }

    /// What was written is on its way already.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Channel {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.write_blocking(Stream::Data, data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Channel").field(&self.0.id).finish()
    }
}

/// The stderr stream of a channel. On a client it is read, on a server written. It keeps the channel open.
#[derive(Debug, Clone)]
pub struct Stderr(Channel);

impl Stderr {
    /// As [`Channel::read_some`].
    pub fn read_some(&self, max: usize) -> Pending<Result<Vec<u8>, Error>> {
        self.0.read_stream(Stream::Stderr, max)
    }

    /// As [`Channel::send`].
    pub fn send(&self, data: impl Into<Vec<u8>>) -> Pending<Result<(), Error>> {
        self.0.write_stream(Stream::Stderr, data.into())
    }
}

impl Read for Stderr {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_blocking(Stream::Stderr, buffer)
    }
}

impl Write for Stderr {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.write_blocking(Stream::Stderr, data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
