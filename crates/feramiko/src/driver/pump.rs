//! A socket made of an opaque reader and writer, each pumped by a thread of its own.

use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::link::{Link, Wanted};
use super::memory::{Duct, MemoryLink, pair};
use crate::pollable::Signal;

/// Bytes in one read.
const CHUNK: usize = 64 * 1024;

type Shutdown = Box<dyn FnOnce() + Send>;

pub(crate) struct PumpLink {
    inner: MemoryLink,
    shutdown: Mutex<Option<Shutdown>>,
    pumps: Mutex<[Option<Pump>; 2]>,
}

/// One thread, and a way to wait for its end within a time.
struct Pump {
    thread: JoinHandle<()>,
    done: Arc<(Mutex<bool>, Condvar)>,
}

impl Pump {
    fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        struct Done(Arc<(Mutex<bool>, Condvar)>);
        impl Drop for Done {
            fn drop(&mut self) {
                *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
                self.0.1.notify_all();
            }
        }
        let done = Arc::new((Mutex::new(false), Condvar::new()));
        let guard = Done(Arc::clone(&done));
        let work = move || {
            let _guard = guard;
            work();
        };
        Ok(Self { thread: thread::Builder::new().name("feramiko-pump".to_owned()).spawn(work)?, done })
    }

    /// Waits for its end; says whether it came in time.
    fn ended(&self, deadline: Instant) -> bool {
        let (flag, told) = &*self.done;
        let left = deadline.saturating_duration_since(Instant::now());
        let done = flag.lock().unwrap_or_else(PoisonError::into_inner);
        let (done, _) =
            told.wait_timeout_while(done, left, |done| !*done).unwrap_or_else(PoisonError::into_inner);
        *done
    }
}

impl PumpLink {
    pub(crate) fn new(
        reader: impl Read + Send + 'static,
        writer: impl Write + Send + 'static,
        shutdown: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let (inner, outer) = pair();
        let (source, sink) = (Arc::clone(&outer.incoming), Arc::clone(&outer.outgoing));
        let link = Self { inner, shutdown: Mutex::new(Some(Box::new(shutdown))), pumps: Mutex::default() };
        // Each thread keeps its own direction open, and closes both when both are gone.
        let outer = Arc::new(outer);
        let kept = Arc::clone(&outer);
        let read = Pump::spawn(move || {
            pump_in(reader, &sink);
            drop(kept);
        })?;
        let write = Pump::spawn(move || {
            pump_out(writer, &source);
            drop(outer);
        });
        let failed = write.as_ref().err().map(|error| io::Error::new(error.kind(), error.to_string()));
        *link.pumps.lock().unwrap_or_else(PoisonError::into_inner) = [Some(read), write.ok()];
        match failed {
            None => Ok(link),
            Some(error) => Err(error),
        }
    }
}

/// From the reader to the connection.
fn pump_in(mut reader: impl Read, sink: &Duct) {
    let mut buffer = vec![0; CHUNK];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return sink.end(None),
            Ok(count) => {
                if sink.write_all(buffer.get(..count).unwrap_or_default()).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return sink.end(Some(&error)),
        }
    }
}

/// From the connection to the writer.
fn pump_out(mut writer: impl Write, source: &Duct) {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => count,
        };
        let data = buffer.get(..count).unwrap_or_default();
        if writer.write_all(data).and_then(|()| writer.flush()).is_err() {
            return source.refuse();
        }
    }
}

impl Link for PumpLink {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.try_read(buffer)
    }

    fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        self.inner.try_write(data)
    }

    fn wait(&self, wanted: Wanted, alarm: &Arc<Signal>, deadline: Option<Instant>) -> io::Result<Wanted> {
        self.inner.wait(wanted, alarm, deadline)
    }

    fn finish_writing(&self) {
        self.inner.finish_writing();
    }

    /// Lets the writer finish, then calls the application's closure, which unblocks the reader.
    fn shutdown(&self, deadline: Instant) {
        self.inner.finish_writing();
        let [read, write] = std::mem::take(&mut *self.pumps.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(write) = &write {
            write.ended(deadline);
        }
        let shutdown = self.shutdown.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(shutdown) = shutdown {
            shutdown();
        }
        self.inner.shutdown(deadline);
        for pump in [read, write].into_iter().flatten() {
            if pump.ended(deadline) {
                let _ = pump.thread.join();
            }
        }
    }
}

impl Drop for PumpLink {
    fn drop(&mut self) {
        self.shutdown(Instant::now());
    }
}
