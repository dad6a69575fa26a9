//! Every future dropped at every poll: nothing received is lost, and the transcript stays valid.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use feramiko::{AuthStep, Channel, Credential, Error, ExitStatus, Pending, Request};

use crate::common::{self, Harness, Pair, Setup, admit, pattern, session};

crate::with_every_driver! { every_future_dropped_at_every_poll }

/// Polls at most `polls` times; `None` when it was not done by then, and is dropped.
async fn cut<T>(mut pending: Pending<T>, polls: usize) -> Option<T> {
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match Pin::new(&mut pending).poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => {
                // What it waits for may wait for us: let others run, and poll again unasked.
                cx.waker().wake_by_ref();
                std::thread::yield_now();
                Poll::Pending
            }
        }
    })
    .await
}

/// Lets others run.
async fn give_way() {
    let mut given = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut given, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    std::thread::yield_now();
}

/// Makes the future anew, and drops it after `polls` polls, until one is done.
async fn impatient<T>(polls: usize, mut make: impl FnMut() -> Pending<T>) -> T {
    loop {
        if let Some(value) = cut(make(), polls.max(1)).await {
            return value;
        }
        give_way().await;
    }
}

async fn write_impatiently(channel: &Channel, data: &[u8], polls: usize) {
    let mut written = 0;
    while written < data.len() {
        let piece = &data[written..data.len().min(written + 9000)];
        written += impatient(polls, || channel.send_some(piece)).await.unwrap();
    }
    channel.shutdown_write().unwrap();
}

async fn read_impatiently(channel: &Channel, polls: usize) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let data = impatient(polls, || channel.read_some(5000)).await.unwrap();
        if data.is_empty() {
            return all;
        }
        all.extend(data);
    }
}

async fn scenario(pair: &Pair, polls: usize) {
    let (client, server) = (&pair.client, &pair.server);
    let question = impatient(polls, || client.host_key_question()).await.unwrap();
    client.answer_host_key(question, true);
    impatient(polls, || client.ready()).await.unwrap();
    impatient(polls, || server.ready()).await.unwrap();
    // An attempt that nobody waits for is refused, or not even made; the next one is another.
    drop(cut(client.authenticate("robey", Credential::Password("wrong".into())), polls).await);
    let login = client.authenticate("robey", Credential::Password("foo".into()));
    let admitted = async {
        loop {
            match cut(server.next_attempt(), polls.max(1)).await {
                None => give_way().await,
                Some(attempt) => match attempt.unwrap() {
                    None => return,
                    Some(attempt) if matches!(attempt.proof(), feramiko::Proof::Password(given) if given.as_bytes() == b"foo") =>
                    {
                        attempt.accept().unwrap();
                    }
                    Some(attempt) => attempt.reject().unwrap(),
                },
            }
        }
    };
    let (step, ()) = tokio::join!(login, admitted);
    assert_eq!(step.unwrap(), AuthStep::Success);
    admit(server, "foo").await.unwrap();
    assert_eq!(impatient(polls, || server.authenticated()).await.unwrap(), "robey");

    // An open that nobody waits for, if it was sent at all, is a channel that is closed at once.
    drop(cut(client.open_session(), polls).await);
    let (ours, theirs) = (client.open_session(), async {
        loop {
            let theirs = impatient(polls, || server.next_open()).await.unwrap().accept().unwrap();
            // The one that goes on says so.
            match impatient(polls, || theirs.next_request()).await.unwrap() {
                Some(request) => {
                    request.accept();
                    return theirs;
                }
                None => assert!(read_impatiently(&theirs, polls).await.is_empty()),
            }
        }
    });
    let started = async {
        let ours = ours.await.unwrap();
        ours.request(Request::Shell).await.unwrap();
        ours
    };
    let (ours, theirs) = tokio::join!(started, theirs);

    let (one, two) = (pattern(400_000, 3), pattern(300_000, 4));
    let ((), received, (), received_there) = tokio::join!(
        write_impatiently(&ours, &one, polls),
        read_impatiently(&ours, polls),
        write_impatiently(&theirs, &two, polls),
        read_impatiently(&theirs, polls),
    );
    assert!(received == two && received_there == one);

    theirs.send_exit(ExitStatus::Code(3)).unwrap();
    assert_eq!(impatient(polls, || ours.exit_status()).await.unwrap(), Some(ExitStatus::Code(3)));
    theirs.close();
    ours.close();
    assert!(impatient(polls, || theirs.next_request()).await.unwrap().is_none());
    // Answers that nobody waits for do not get into the way of those that somebody does.
    drop(cut(client.global_request("first@feramiko.test", b"", true), polls).await);
    common::barrier(client).await;
    // One more channel: everything is in order.
    let (ours, theirs) = session(pair).await;
    drop(cut(ours.request(Request::Shell), polls).await);
    let exec = async { theirs.next_request().await.unwrap() };
    ours.notify(&Request::Signal("HUP".to_owned())).unwrap();
    assert!(exec.await.is_some());
    assert!(cut(client.close(), 0).await.is_none());
    assert!(client.is_active());
    client.close().await;
    assert!(matches!(impatient(polls, || server.closed()).await, Error::Connection(_)));
    impatient(polls, || server.close()).await;
}

fn every_future_dropped_at_every_poll(harness: &impl Harness) {
    for polls in [0, 1, 2, 3, 5, 8, 50] {
        let pair = harness.pair(Setup::rekey_every(100_000));
        harness.run(async move { scenario(&pair, polls).await });
    }
}
