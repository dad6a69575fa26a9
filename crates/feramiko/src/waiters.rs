//! Who waits for what. Wakers are collected under the lock, and woken and dropped outside it.

use std::any::Any;
use std::task::Waker;

use feramiko_proto::ChannelId;

/// What can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// The first key exchange, and the host key question before it.
    Ready,
    /// How an attempt of ours goes on.
    Auth,
    /// Attempts of the peer, and that one succeeded.
    Attempts,
    /// Channels that the peer wants.
    Opens,
    /// What the peer asks of the connection.
    Globals,
    /// Replies to our global requests.
    Replies,
    /// The end of the connection, and of its driver.
    End,
    /// Something of one channel.
    Channel(ChannelId, Side),
}

impl Topic {
    /// Those of the connection itself.
    pub(crate) const CONNECTION: [Self; 7] =
        [Self::Ready, Self::Auth, Self::Attempts, Self::Opens, Self::Globals, Self::Replies, Self::End];

    /// Whether those who wait for it would notice milliseconds.
    pub(crate) fn is_urgent(self) -> bool {
        use Side as S;
        match self {
            Self::Ready | Self::Auth | Self::Replies => true,
            Self::Attempts | Self::Opens | Self::Globals | Self::End => false,
            Self::Channel(_, side) => !matches!(side, S::Requests),
        }
    }
}

/// What can be waited for on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Data to read.
    Data,
    /// Extended data to read.
    Stderr,
    /// Either.
    Any,
    /// Room to write.
    Write,
    /// Requests of the peer.
    Requests,
    /// Everything else: confirmation, answers, exit status, close.
    State,
}

/// The tasks and threads that wait for one thing, each under a key of its own.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Vec<(u64, Waker)>);

impl Waiters {
    /// Stores `waker` under `key`; hands back one that it displaced.
    pub(crate) fn register(&mut self, key: u64, waker: &Waker) -> Option<Waker> {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, kept)) if kept.will_wake(waker) => None,
            Some((_, kept)) => Some(std::mem::replace(kept, waker.clone())),
            None => {
                self.0.push((key, waker.clone()));
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, key: u64) -> Option<Waker> {
        let place = self.0.iter().position(|(known, _)| *known == key)?;
        Some(self.0.swap_remove(place).1)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Says how many were woken.
    pub(crate) fn wake(&mut self, woken: &mut Woken) -> usize {
        let count = self.0.len();
        for (_, waker) in self.0.drain(..) {
            woken.push(waker);
        }
        count
    }
}

/// Wakers on their way out of the lock.
#[derive(Debug, Default)]
pub(crate) struct Woken {
    /// Most of the time there is one at most, and nothing is allocated.
    first: Option<Waker>,
    rest: Vec<Waker>,
    /// To be dropped only.
    retired: Vec<Waker>,
    /// Likewise: what the application gave us may come back here when it is dropped.
    discarded: Vec<Box<dyn Any + Send>>,
}

impl Woken {
    fn push(&mut self, waker: Waker) {
        match &self.first {
            None => self.first = Some(waker),
            Some(_) => self.rest.push(waker),
        }
    }

    pub(crate) fn retire(&mut self, waker: Option<Waker>) {
        self.retired.extend(waker);
    }

    pub(crate) fn discard<T: Send + 'static>(&mut self, thing: Option<T>) {
        if let Some(thing) = thing {
            self.discarded.push(Box::new(thing));
        }
    }

    /// Not under the lock.
    pub(crate) fn wake(self) {
        for waker in self.first.into_iter().chain(self.rest) {
            waker.wake();
        }
    }
}
