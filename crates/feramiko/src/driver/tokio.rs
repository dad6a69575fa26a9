//! The tokio task: drives one connection over any `AsyncRead + AsyncWrite`. No thread of ours is involved.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use feramiko_proto::ConnectionError;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::{Sleep, sleep_until, timeout};

use super::buffer::{Input, Unsent};
use super::reading::Received;
use super::thread::tells_peer;
use super::work;
use super::{CLOSE_LINGER, FLUSH_LINGER, IDLE};
use crate::error::Error;
use crate::shared::{Next, Shared, link_failed};

/// Rounds of one poll, after which other tasks get their turn.
const ROUNDS: usize = 16;

/// Bytes read in one poll, after which those who wait for them get their turn: what is fetched at once stays in the
/// cache, and in a buffer that need not grow.
const BYTES: usize = 256 * 1024;

/// Starts the task of a connection on the current runtime.
pub(crate) fn start<S>(shared: &Arc<Shared>, stream: S) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    // Made before anything else: dropped unpolled, it reports too.
    let gone = Gone(Arc::clone(shared));
    let runtime = Handle::try_current().map_err(|error| {
        Error::io("a tokio connection needs a runtime", &io::Error::other(error.to_string()))
    })?;
    let mut task = Task {
        shared: Arc::clone(shared),
        stream,
        input: Input::default(),
        received: Received { wants_more: true, ..Received::default() },
        unsent: Unsent::default(),
        broken: None,
        timer: None,
        last_read: Instant::now(),
    };
    runtime.spawn(async move {
        let _gone = gone;
        poll_fn(|cx| task.poll(cx)).await;
        task.finish().await;
    });
    Ok(())
}

struct Task<S> {
    shared: Arc<Shared>,
    stream: S,
    input: Input,
    received: Received,
    unsent: Unsent,
    /// Sending failed: what the peer said before it went is read first.
    broken: Option<ConnectionError>,
    timer: Option<Pin<Box<Sleep>>>,
    last_read: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Task<S> {
    /// Drives the connection to its end.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = 0;
        for _ in 0..ROUNDS {
            for job in self.shared.take_jobs() {
                if job.is_slow() {
                    let shared = Arc::clone(&self.shared);
                    // Nobody needs its handle: the outcome goes to the connection.
                    drop(tokio::task::spawn_blocking(move || work::run(job, &shared)));
                } else {
                    work::run(job, &self.shared);
                }
            }
            let writing = self.poll_write(cx).is_pending();
            let read = if self.received.wants_more { self.poll_read(cx) } else { Poll::Pending };
            if let Poll::Ready(count) = read {
                bytes += count;
                if bytes >= BYTES {
                    break;
                }
                continue;
            }
            let asked = self.received.wants_more;
            match self.shared.sleep(cx.waker(), writing, self.received.stalled || !asked) {
                Next::Sleep(_) if self.broken.is_some() => self.give_up(),
                Next::Sleep(plan) => {
                    if self.poll_timer(plan.deadline, cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                Next::Work if !asked => self.received = self.shared.receive(&mut self.input),
                Next::Work | Next::Broken(_) => {}
                Next::End => return Poll::Ready(()),
            }
        }
        // Not by waking itself: on a runtime with one thread, its root future would wait for many such turns.
        let _ = pin!(yield_now()).poll(cx);
        Poll::Pending
    }

    /// Sends until nothing is left (`Ready`) or the stream takes no more.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.broken.is_some() {
                self.shared.with(|state, _| state.take_output(&mut self.unsent));
                return Poll::Ready(());
            }
            if self.unsent.is_empty() {
                self.shared.with(|state, _| {
                    state.connection.take_output(self.unsent.refill());
                    state.flow.traffic.sent += self.unsent.rest().len() as u64;
                });
            }
            if self.unsent.is_empty() {
                let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
                self.note(flushed);
                return Poll::Ready(());
            }
            match ready!(Pin::new(&mut self.stream).poll_write(cx, self.unsent.rest())) {
                Ok(0) => self.note(Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => self.unsent.sent(count),
                Err(error) => self.note(Err(error)),
            }
        }
    }

    fn note(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.broken = Some(link_failed(&error));
        }
    }

    /// One read; `Ready` with the bytes that were read, or when the stream has ended.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        let mut room = ReadBuf::new(self.input.room());
        match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut room)) {
            Ok(()) => {
                let count = room.filled().len();
                if count == 0 {
                    self.received.wants_more = false;
                    self.shared.with(|state, now| state.connection.receive_eof(now));
                    return Poll::Ready(0);
                }
                self.input.filled(count);
                self.received = self.shared.receive(&mut self.input);
                self.last_read = Instant::now();
                Poll::Ready(count)
            }
            Err(error) => {
                self.shared.with(|state, now| state.connection.fail(link_failed(&error), now));
                Poll::Ready(0)
            }
        }
    }

    /// `Ready` when there is something to do because of the time.
    fn poll_timer(&mut self, deadline: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let idle = self.input.is_large().then(|| self.last_read + IDLE);
        let Some(due) = [deadline, idle].into_iter().flatten().min() else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due.into())));
        if timer.deadline() != due.into() {
            timer.as_mut().reset(due.into());
        }
        ready!(timer.as_mut().poll(cx));
        if idle.is_some_and(|idle| idle <= Instant::now()) {
            self.input.shrink();
            self.unsent.shrink();
            self.shared.shrink();
        }
        Poll::Ready(())
    }

    /// Nothing can be sent, and nothing is there to be read.
    fn give_up(&mut self) {
        if let Some(error) = self.broken.clone() {
            self.shared.with(|state, now| state.connection.fail(error, now));
        }
    }

    /// Sends what is left, says goodbye, and gives the stream up; all within a bounded time.
    async fn finish(&mut self) {
        let sent = timeout(FLUSH_LINGER, async {
            poll_fn(|cx| self.poll_write(cx)).await;
            self.stream.shutdown().await
        });
        let sent = matches!(sent.await, Ok(Ok(())));
        if sent && self.shared.with(|state, _| tells_peer(state.cause.as_ref())) {
            // As the worker thread's linger: unread input must not reset the connection.
            let mut scrap = [0; 1024];
            let drain =
                async { while matches!(self.stream.read(&mut scrap).await, Ok(count) if count > 0) {} };
            let _ = timeout(CLOSE_LINGER, drain).await;
        }
    }
}

/// However the task ends, even with its runtime: every handle learns of it.
struct Gone(Arc<Shared>);

impl Drop for Gone {
    fn drop(&mut self) {
        let message = "the tokio runtime that drove the connection is gone".to_owned();
        self.0.driver_gone(ConnectionError::Io { kind: io::ErrorKind::Other, message });
    }
}
