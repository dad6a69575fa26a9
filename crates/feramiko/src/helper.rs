//! Work that may block, for those who may not: on a thread of its own, or of tokio's pool.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::Error;

/// Who moves the bytes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Driver {
    /// A thread of this library for each connection.
    Thread,
    /// A task of the current tokio runtime, which needs its I/O and time drivers enabled.
    #[cfg(feature = "tokio")]
    Tokio,
}

impl Driver {
    /// Tokio, where the feature is on and a runtime is current; else the thread.
    pub fn of_this_task() -> Self {
        #[cfg(feature = "tokio")]
        if tokio::runtime::Handle::try_current().is_ok() {
            return Self::Tokio;
        }
        Self::Thread
    }
}

/// Runs `work` where it may block. Abandoned, it runs to its end and its result is dropped.
///
/// # Errors
///
/// [`Error::Io`] when it panicked, or when there is no thread for it.
pub(crate) async fn blocking<T, F>(driver: Driver, work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    match driver {
        Driver::Thread => {
            let (sender, receiver) = oneshot();
            let work = move || sender.send(work());
            std::thread::Builder::new()
                .name("feramiko-helper".to_owned())
                .spawn(work)
                .map_err(|error| Error::io("starting a thread", &error))?;
            receiver.await.ok_or_else(panicked)
        }
        #[cfg(feature = "tokio")]
        Driver::Tokio => tokio::task::spawn_blocking(work).await.map_err(|_| panicked()),
    }
}

fn panicked() -> Error {
    Error::Io {
        kind: std::io::ErrorKind::Other,
        message: "a callback of the application panicked".to_owned(),
    }
}

/// Whichever is done first; the other is dropped. Where both are, the first.
pub(crate) async fn race<A, B>(first: A, second: B) -> Either<A::Output, B::Output>
where
    A: Future + Unpin,
    B: Future + Unpin,
{
    let (mut first, mut second) = (first, second);
    std::future::poll_fn(move |cx| match Pin::new(&mut first).poll(cx) {
        Poll::Ready(value) => Poll::Ready(Either::First(value)),
        Poll::Pending => Pin::new(&mut second).poll(cx).map(Either::Second),
    })
    .await
}

/// Both, begun in this order and waited for together.
pub(crate) async fn both<A, B>(first: A, second: B) -> (A::Output, B::Output)
where
    A: Future + Unpin,
    B: Future + Unpin,
    A::Output: Unpin,
    B::Output: Unpin,
{
    let (mut first, mut second) = (first, second);
    let (mut one, mut other) = (None, None);
    std::future::poll_fn(move |cx| {
        if one.is_none()
            && let Poll::Ready(value) = Pin::new(&mut first).poll(cx)
        {
            one = Some(value);
        }
        if other.is_none()
            && let Poll::Ready(value) = Pin::new(&mut second).poll(cx)
        {
            other = Some(value);
        }
        match (one.take(), other.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            (kept_one, kept_other) => {
                (one, other) = (kept_one, kept_other);
                Poll::Pending
            }
        }
    })
    .await
}

/// What [`race`] answers.
pub(crate) enum Either<A, B> {
    First(A),
    Second(B),
}

/// A place for one value, from a thread to whoever waits.
fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    let place = Arc::new(Mutex::new(Place { value: None, gone: false, waker: None }));
    (Sender(Arc::clone(&place)), Receiver(place))
}

struct Place<T> {
    value: Option<T>,
    /// The sender has gone.
    gone: bool,
    waker: Option<Waker>,
}

struct Sender<T>(Arc<Mutex<Place<T>>>);
struct Receiver<T>(Arc<Mutex<Place<T>>>);

fn lock<T>(place: &Mutex<Place<T>>) -> MutexGuard<'_, Place<T>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Sender<T> {
    fn send(self, value: T) {
        lock(&self.0).value = Some(value);
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut place = lock(&self.0);
        place.gone = true;
        let waker = place.waker.take();
        drop(place);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut place = lock(&self.0);
        if let Some(value) = place.value.take() {
            return Poll::Ready(Some(value));
        }
        if place.gone {
            return Poll::Ready(None);
        }
        place.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pending::Pending;

    #[test]
    fn blocking_work_answers_and_a_panic_in_it_is_an_error() {
        assert_eq!(Pending::new(blocking(Driver::Thread, || 7)).wait().unwrap(), 7);
        let answer = Pending::new(blocking(Driver::Thread, || -> u32 { panic!("as planned") })).wait();
        assert!(matches!(answer, Err(Error::Io { .. })));
    }
}
