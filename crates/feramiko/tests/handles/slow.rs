//! One slow channel holds nothing up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use feramiko::{Channel, Pending, Request, Stream};

use crate::common::{self, Harness, Setup, barrier, logged_in, pattern, poll_once, session};

crate::with_every_driver! { one_slow_channel_holds_nothing_up }

/// Writes until the window is full; answers how much that was.
async fn fill(channel: &Channel) -> usize {
    let block = pattern(32 * 1024, 5);
    let mut written = 0;
    let mut idle = 0;
    // The output may be full for a moment; a window that nobody reads stays full.
    while idle < 3 {
        let mut write = channel.send_some(block.clone());
        match poll_once(&mut write) {
            std::task::Poll::Ready(count) => {
                written += count.unwrap();
                idle = 0;
            }
            std::task::Poll::Pending => {
                idle += 1;
                barrier(&channel.transport()).await;
            }
        }
    }
    written
}

async fn send(channel: Channel, bytes: u64) {
    let block = pattern(256 * 1024, 9);
    for _ in 0..bytes / block.len() as u64 {
        channel.send(block.clone()).await.unwrap();
    }
    channel.shutdown_write().unwrap();
}

async fn receive(channel: Channel, received: Arc<AtomicU64>) {
    let block = pattern(256 * 1024, 9);
    let mut at = 0;
    loop {
        let data = channel.read_some(256 * 1024).await.unwrap();
        if data.is_empty() {
            return;
        }
        received.fetch_add(data.len() as u64, Ordering::Relaxed);
        let (first, rest) = data.split_at(data.len().min(block.len() - at));
        assert!(first == &block[at..at + first.len()] && rest == &block[..rest.len()]);
        at = (at + data.len()) % block.len();
    }
}

fn one_slow_channel_holds_nothing_up(harness: &impl Harness) {
    let bytes = harness.bulk();
    let pair = harness.pair(Setup::rekey_every(bytes / 5));
    harness.run(async move {
        let pair = logged_in(pair).await;
        // Channels full to their windows, on both streams and in both directions, that nobody reads.
        let (slow, slow_there) = session(&pair).await;
        let filled = fill(&slow).await;
        assert!(filled >= 1 << 20, "{filled}");
        assert!(fill(&slow_there).await >= 1 << 20);
        let mut stderr = slow_there.stderr().send(pattern(100, 1));
        assert!(poll_once(&mut stderr).is_pending());
        // The channel that matters.
        let (ours, theirs) = session(&pair).await;
        // Requests that nobody pulls, and more of them than are kept.
        let mut requests: Vec<Pending<_>> = (0..40).map(|_| slow.request(Request::Shell)).collect();
        assert!(poll_once(requests.first_mut().unwrap()).is_pending());
        requests.iter_mut().skip(1).for_each(|request| drop(poll_once(request)));
        for columns in 0..500 {
            let size = feramiko::WindowSize { columns, ..Default::default() };
            slow.notify(&Request::WindowChange(size)).unwrap();
            slow.notify(&Request::Signal("USR1".to_owned())).unwrap();
        }
        // Opens that nobody pulls.
        let mut opens: Vec<Pending<_>> = (0..5).map(|_| pair.client.open_session()).collect();
        assert!(opens.iter_mut().all(|open| poll_once(open).is_pending()));

        let (down, up) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        tokio::join!(
            send(ours.clone(), bytes),
            send(theirs.clone(), bytes),
            receive(ours, Arc::clone(&down)),
            receive(theirs, Arc::clone(&up)),
        );
        assert_eq!((down.load(Ordering::Relaxed), up.load(Ordering::Relaxed)), (bytes, bytes));
        assert!(pair.client.negotiated().unwrap().exchanges >= 4);
        // And the slow channel is as it was.
        assert!(opens.iter_mut().all(|open| poll_once(open).is_pending()));
        let mut read = 0;
        while read < filled {
            let (stream, data) = slow_there.read_any(usize::MAX).await.unwrap().unwrap();
            assert_eq!(stream, Stream::Data);
            read += data.len();
        }
        assert_eq!(read, filled);
    });
}
