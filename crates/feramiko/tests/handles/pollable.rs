//! A channel's descriptor is readable exactly while there is something to read.

use feramiko::{Channel, ExitStatus, Pending, Pollable, Stream};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;

use crate::common::{self, Harness, Pair, Setup, barrier, logged_in, session};

crate::with_every_driver! {
    the_descriptor_shows_what_the_model_says
    the_descriptor_shows_the_end_of_the_connection
}

fn readable(pollable: &Pollable) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(pollable.as_fd(), PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap();
    fds[0].revents().intersects(PollFlags::IN)
}

/// What is there to read on our side.
#[derive(Debug, Default, Clone, Copy)]
struct Model {
    data: usize,
    stderr: usize,
    ended: bool,
}

impl Model {
    fn readable(self) -> bool {
        self.data > 0 || self.stderr > 0 || self.ended
    }
}

/// A small generator: the same steps at every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        usize::try_from((self.0 >> 33) % limit as u64).unwrap()
    }
}

async fn read(channel: &Channel, stream: Stream, max: usize) -> usize {
    match stream {
        Stream::Data => channel.read_some(max).await.unwrap().len(),
        Stream::Stderr => channel.stderr().read_some(max).await.unwrap().len(),
    }
}

async fn life_of_a_channel(pair: &Pair, random: &mut Random) {
    let (ours, theirs) = session(pair).await;
    // Sometimes made late: it shows what is there already.
    let mut pollable = (random.below(2) == 0).then(|| ours.pollable().unwrap());
    let mut model = Model::default();
    for step in 0..60 {
        match random.below(14) {
            0..=2 if !model.ended => {
                let count = 1 + random.below(70_000);
                theirs.send(vec![1; count]).await.unwrap();
                model.data += count;
            }
            3..=4 if !model.ended => {
                let count = 1 + random.below(5_000);
                theirs.stderr().send(vec![2; count]).await.unwrap();
                model.stderr += count;
            }
            5..=8 if model.data > 0 => {
                let max = 1 + random.below(100_000);
                let count = read(&ours, Stream::Data, max).await;
                assert!(count > 0 && count <= max.min(model.data));
                model.data -= count;
            }
            9..=11 if model.stderr > 0 => {
                let max = 1 + random.below(8_000);
                let count = read(&ours, Stream::Stderr, max).await;
                assert!(count > 0 && count <= max.min(model.stderr));
                model.stderr -= count;
            }
            12 if random.below(6) == 0 && !model.ended => {
                theirs.shutdown_write().unwrap();
                model.ended = true;
            }
            13 if random.below(4) == 0 => {
                // A request is nothing to read.
                let _ = theirs.send_exit(ExitStatus::Code(1));
                pair.client.rekey();
            }
            _ => {}
        }
        barrier(&pair.client).await;
        let pollable = pollable.get_or_insert_with(|| ours.pollable().unwrap());
        assert_eq!(readable(pollable), model.readable(), "step {step}: {model:?}");
    }
    let pollable = ours.pollable().unwrap();
    theirs.close();
    barrier(&pair.client).await;
    assert!(readable(&pollable));
    // Level-triggered: reading everything does not hide the end.
    while ours.read_any(usize::MAX).await.unwrap().is_some() {}
    assert!(readable(&pollable));
    drop(ours);
    assert!(readable(&pollable));
}

fn the_descriptor_shows_what_the_model_says(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        let pair = logged_in(pair).await;
        let mut random = Random(2003);
        for _ in 0..12 {
            life_of_a_channel(&pair, &mut random).await;
        }
    });
}

fn the_descriptor_shows_the_end_of_the_connection(harness: &impl Harness) {
    let pair = harness.pair(Setup::default());
    harness.run(async move {
        let pair = logged_in(pair).await;
        let (ours, _theirs) = session(&pair).await;
        let pollable = ours.pollable().unwrap();
        assert!(!readable(&pollable));
        pair.server.close().await;
        pair.client.closed().await;
        assert!(readable(&pollable) && readable(&ours.pollable().unwrap()));
        assert!(ours.read_some(1).await.is_err());
        assert!(readable(&pollable));
    });
}

#[test]
fn poll_wakes_up_when_data_comes() {
    let pair = common::ThreadsTcp.pair(Setup::default());
    let pair = Pending::new(logged_in(pair)).wait();
    let (ours, theirs) = Pending::new(async move { session(&pair).await }).wait();
    let pollable = ours.pollable().unwrap();
    let write = std::thread::spawn(move || {
        theirs.send(*b"x").wait().unwrap();
        theirs
    });
    let mut fds = [PollFd::from_borrowed_fd(pollable.as_fd(), PollFlags::IN)];
    poll(&mut fds, None).unwrap();
    assert_eq!(ours.read_some(10).wait().unwrap(), b"x");
    assert!(!readable(&pollable));
    drop(write.join());
}
