//! A pipe in memory: a socket for tests, and the inside of pumped sockets.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use super::link::{Link, Wanted, wait_descriptors};
use crate::pending::Parking;
use crate::pollable::Signal;

/// Bytes that one direction holds.
const CAPACITY: usize = 256 * 1024;

/// One direction. One side reads, one writes.
#[derive(Debug, Default)]
pub(crate) struct Duct(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    bytes: VecDeque<u8>,
    /// Nothing more is written, perhaps because of an error.
    ended: Option<Option<(io::ErrorKind, String)>>,
    /// Nobody reads any more.
    refused: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Duct {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<R>(&self, change: impl FnOnce(&mut Inside) -> R) -> R {
        let mut inside = self.lock();
        let result = change(&mut inside);
        let readable = !inside.bytes.is_empty() || inside.ended.is_some();
        let writable = inside.bytes.len() < CAPACITY || inside.refused;
        let reader = inside.reader.take_if(|_| readable);
        let writer = inside.writer.take_if(|_| writable);
        drop(inside);
        reader.into_iter().chain(writer).for_each(Waker::wake);
        result
    }

    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.change(|inside| {
            if inside.bytes.is_empty() {
                return match &inside.ended {
                    None => Err(io::ErrorKind::WouldBlock.into()),
                    Some(None) => Ok(0),
                    Some(Some((kind, message))) => Err(io::Error::new(*kind, message.clone())),
                };
            }
            io::Read::read(&mut inside.bytes, buffer)
        })
    }

    pub(crate) fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        self.change(|inside| {
            if inside.refused || inside.ended.is_some() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let room = CAPACITY.saturating_sub(inside.bytes.len());
            if room == 0 && !data.is_empty() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let taken = data.get(..room).unwrap_or(data);
            inside.bytes.extend(taken);
            Ok(taken.len())
        })
    }

    /// Nothing more will be written.
    pub(crate) fn end(&self, error: Option<&io::Error>) {
        let error = error.map(|error| (error.kind(), error.to_string()));
        self.change(|inside| {
            inside.ended.get_or_insert(error);
        });
    }

    /// Nobody will read any more.
    pub(crate) fn refuse(&self) {
        self.change(|inside| {
            inside.refused = true;
            inside.bytes = VecDeque::new();
        });
    }

    /// Whether a read would not block; otherwise `waker` is woken when that changes.
    fn readable(&self, waker: &Waker) -> bool {
        let mut inside = self.lock();
        let ready = !inside.bytes.is_empty() || inside.ended.is_some();
        if !ready {
            inside.reader = Some(waker.clone());
        }
        ready
    }

    /// Likewise for a write.
    fn writable(&self, waker: &Waker) -> bool {
        let mut inside = self.lock();
        let ready = inside.bytes.len() < CAPACITY || inside.refused || inside.ended.is_some();
        if !ready {
            inside.writer = Some(waker.clone());
        }
        ready
    }

    /// Blocks until something is there.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let parking = Parking::current();
        loop {
            match self.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !self.readable(parking.waker()) {
                        parking.park(None);
                    }
                }
                done => return done,
            }
        }
    }

    /// Blocks until all is taken.
    pub(crate) fn write_all(&self, mut data: &[u8]) -> io::Result<()> {
        let parking = Parking::current();
        while !data.is_empty() {
            match self.try_write(data) {
                Ok(count) => data = data.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !self.writable(parking.waker()) {
                        parking.park(None);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// One end of a pipe.
#[derive(Debug)]
pub(crate) struct MemoryLink {
    pub(crate) incoming: Arc<Duct>,
    pub(crate) outgoing: Arc<Duct>,
}

/// Both ends of a pipe.
pub(crate) fn pair() -> (MemoryLink, MemoryLink) {
    let (one, other) = (Arc::new(Duct::default()), Arc::new(Duct::default()));
    let first = MemoryLink { incoming: Arc::clone(&one), outgoing: Arc::clone(&other) };
    (first, MemoryLink { incoming: other, outgoing: one })
}

impl MemoryLink {
    fn ready(&self, wanted: Wanted, waker: &Waker) -> Wanted {
        Wanted {
            read: wanted.read && self.incoming.readable(waker),
            write: wanted.write && self.outgoing.writable(waker),
        }
    }
}

impl Link for MemoryLink {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.incoming.try_read(buffer)
    }

    fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        self.outgoing.try_write(data)
    }

    fn wait(&self, wanted: Wanted, alarm: &Arc<Signal>, deadline: Option<Instant>) -> io::Result<Wanted> {
        wait_on_waker(|waker| self.ready(wanted, waker), alarm, deadline)
    }

    fn finish_writing(&self) {
        self.outgoing.end(None);
    }

    fn shutdown(&self, _deadline: Instant) {
        self.outgoing.end(None);
        self.incoming.refuse();
    }
}

impl Drop for MemoryLink {
    fn drop(&mut self) {
        self.shutdown(Instant::now());
    }
}

/// [`Link::wait`] for a link without descriptors: `ready` leaves a waker behind where it answers no.
pub(crate) fn wait_on_waker(
    mut ready: impl FnMut(&Waker) -> Wanted,
    alarm: &Arc<Signal>,
    deadline: Option<Instant>,
) -> io::Result<Wanted> {
    let waker = Waker::from(Arc::clone(alarm));
    let now = ready(&waker);
    if now.read || now.write {
        return Ok(now);
    }
    wait_descriptors(None, None, alarm, deadline)?;
    Ok(ready(&waker))
}
