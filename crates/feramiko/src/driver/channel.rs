//! A channel as the socket of another connection: no thread and no copy in between.

use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use feramiko_proto::Stream;

use super::link::{Link, Wanted};
use super::memory::wait_on_waker;
use super::socket::Socket;
use crate::channel::Channel;
use crate::pollable::Signal;
use crate::state::State;
use crate::waiters::Side;

impl From<Channel> for Socket {
    fn from(channel: Channel) -> Self {
        Self::of(channel)
    }
}

impl Link for Channel {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let id = self.id();
        let read = self.shared().with(|state, now| state.read(id, Stream::Data, buffer, now));
        read?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        let id = self.id();
        let written = self.shared().with(|state, now| state.write(id, Stream::Data, data, now));
        written?.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    fn wait(&self, wanted: Wanted, alarm: &Arc<Signal>, deadline: Option<Instant>) -> io::Result<Wanted> {
        let id = self.id();
        let ready = |waker: &Waker| {
            let mut keys = self.watching();
            let [read, write] = &mut *keys;
            let shared = self.shared();
            let readable = |state: &mut State, now| state.would_read(id, Stream::Data, now).then_some(());
            let writable = |state: &mut State, _| state.would_write(id).then_some(());
            Wanted {
                read: wanted.read && shared.poll(self.topic(Side::Data), read, waker, readable).is_ready(),
                write: wanted.write
                    && shared.poll(self.topic(Side::Write), write, waker, writable).is_ready(),
            }
        };
        wait_on_waker(ready, alarm, deadline)
    }

    fn finish_writing(&self) {
        // It fails only when it is closed already.
        let _ = self.shutdown_write();
    }

    fn shutdown(&self, _deadline: Instant) {
        self.close();
    }
}
