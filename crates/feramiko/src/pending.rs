//! [`Pending`]: finished by `.wait()` or by `.await`. And how a thread waits on a `Waker`.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// An operation that has not begun: it begins when it is waited for, by a thread with [`wait`](Self::wait) or by a
/// task with `.await`, under any executor.
///
/// Dropping it cancels the operation. Where something may be lost by that, the operation's documentation says so.
///
/// With the tokio driver, `wait` on the only thread of the runtime that drives the connection waits forever: the
/// connection cannot move meanwhile. Use `.await` there.
#[must_use = "a Pending does nothing until it is waited for or awaited"]
pub struct Pending<T>(Pin<Box<dyn Future<Output = T> + Send>>);

impl<T> Pending<T> {
    /// Wraps a future.
    pub fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }

    /// An operation that is done already.
    pub fn ready(value: T) -> Self
    where
        T: Send + 'static,
    {
        Self::new(std::future::ready(value))
    }

    /// Parks this thread until the operation is done.
    pub fn wait(mut self) -> T {
        loop {
            if let Some(value) = self.run(None) {
                return value;
            }
        }
    }

    /// Parks this thread until the operation is done, at most for `limit`; `None` when it is not done by then, and
    /// waiting may go on afterwards. Once it has answered `Some`, the operation is over and must not be waited for again.
    pub fn wait_timeout(&mut self, limit: Duration) -> Option<T> {
        self.run(Instant::now().checked_add(limit))
    }

    fn run(&mut self, deadline: Option<Instant>) -> Option<T> {
        let parking = Parking::current();
        let mut context = Context::from_waker(parking.waker());
        loop {
            if let Poll::Ready(value) = self.0.as_mut().poll(&mut context) {
                return Some(value);
            }
            if !parking.park(deadline) {
                return None;
            }
        }
    }
}

impl<T> Future for Pending<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.0.as_mut().poll(cx)
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending(..)")
    }
}

/// A parked thread, as a `Waker` sees it.
struct Parked {
    thread: Thread,
    notified: AtomicBool,
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.notified.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}

thread_local! {
    /// Each thread's own, kept between waits: the same waker again is recognized by whoever stored it.
    static PARKED: Cell<Option<Arc<Parked>>> = const { Cell::new(None) };
}

/// The right to park this thread. A wait inside a wait on the same thread gets one of its own.
pub(crate) struct Parking {
    parked: Arc<Parked>,
    waker: Waker,
}

impl Parking {
    pub(crate) fn current() -> Self {
        let kept = PARKED.try_with(Cell::take).ok().flatten();
        let parked = kept.unwrap_or_else(|| {
            Arc::new(Parked { thread: thread::current(), notified: AtomicBool::new(false) })
        });
        parked.notified.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&parked));
        Self { parked, waker }
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Parks until woken; false when `deadline` passes first.
    pub(crate) fn park(&self, deadline: Option<Instant>) -> bool {
        while !self.parked.notified.swap(false, Ordering::Acquire) {
            match deadline {
                None => thread::park(),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    thread::park_timeout(left);
                }
            }
        }
        true
    }
}

impl Drop for Parking {
    fn drop(&mut self) {
        let _ = PARKED.try_with(|kept| kept.set(Some(Arc::clone(&self.parked))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Done when a value comes through the channel; hands its waker out.
    struct FromChannel(mpsc::Receiver<u32>, mpsc::Sender<Waker>);

    impl Future for FromChannel {
        type Output = u32;
        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
            match self.0.try_recv() {
                Ok(value) => Poll::Ready(value),
                Err(_) => {
                    self.1.send(cx.waker().clone()).unwrap();
                    Poll::Pending
                }
            }
        }
    }

    #[test]
    fn a_thread_waits_until_another_wakes_it() {
        let (values, source) = mpsc::channel();
        let (wakers, woken) = mpsc::channel::<Waker>();
        let other = thread::spawn(move || {
            let waker = woken.recv().unwrap();
            values.send(7).unwrap();
            waker.wake();
        });
        assert_eq!(Pending::new(FromChannel(source, wakers)).wait(), 7);
        other.join().unwrap();
    }

    #[test]
    fn waiting_goes_on_after_a_timeout() {
        let (values, source) = mpsc::channel();
        let (wakers, woken) = mpsc::channel::<Waker>();
        let mut pending = Pending::new(FromChannel(source, wakers));
        assert_eq!(pending.wait_timeout(Duration::ZERO), None);
        values.send(8).unwrap();
        woken.recv().unwrap().wake();
        assert_eq!(pending.wait_timeout(Duration::from_secs(60)), Some(8));
    }

    #[test]
    fn a_wait_inside_a_wait_takes_no_wake_up_from_it() {
        struct Nested(u32);
        impl Future for Nested {
            type Output = u32;
            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u32> {
                if self.0 == 0 {
                    return Poll::Ready(9);
                }
                self.0 -= 1;
                cx.waker().wake_by_ref();
                assert_eq!(Pending::ready(1).wait(), 1);
                assert_eq!(Pending::new(std::future::pending::<()>()).wait_timeout(Duration::ZERO), None);
                Poll::Pending
            }
        }
        assert_eq!(Pending::new(Nested(3)).wait(), 9);
    }
}
