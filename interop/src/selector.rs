//! Python's `select`, on a descriptor of this process.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use crate::places::{python, script};
use crate::process::PATIENCE;

/// A Python process that watches a descriptor with `select`. It ends when it is dropped.
#[derive(Debug)]
pub struct Selector {
    child: Child,
    /// `None` only while it is dropped.
    link: Option<BufReader<UnixStream>>,
}

impl Selector {
    /// Starts one.
    ///
    /// # Panics
    /// If it does not start.
    pub fn watch(descriptor: impl AsFd) -> Self {
        let watched = descriptor.as_fd().try_clone_to_owned().expect("a copy of the descriptor");
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        ours.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let child = Command::new(python())
            .arg("-B")
            .arg(script("select_on_stdin.py"))
            .stdin(Stdio::from(watched))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .spawn()
            .expect("Python starts");
        Self { child, link: Some(BufReader::new(ours)) }
    }

    /// Whether `select` says that it is readable, now.
    ///
    /// # Panics
    /// If Python does not answer.
    pub fn is_readable(&mut self) -> bool {
        self.ask(0);
        self.answer()
    }

    /// Lets `select` wait; [`answer`](Self::answer) tells how that ends.
    ///
    /// # Panics
    /// If Python has gone.
    pub fn begin_to_wait(&mut self) {
        self.ask(PATIENCE.as_secs());
    }

    /// Waits until it is readable.
    ///
    /// # Panics
    /// If that does not happen.
    pub fn wait(&mut self) {
        self.begin_to_wait();
        assert!(self.answer(), "nothing to read for {PATIENCE:?}");
    }

    fn ask(&mut self, seconds: u64) {
        let link = self.link.as_mut().expect("a link").get_mut();
        link.write_all(format!("{seconds}\n").as_bytes()).expect("Python listens");
    }

    /// What `select` said: whether there is something to read.
    ///
    /// # Panics
    /// If Python does not answer.
    pub fn answer(&mut self) -> bool {
        let mut line = String::new();
        self.link.as_mut().expect("a link").read_line(&mut line).expect("an answer from Python");
        match line.as_str() {
            "readable\n" => true,
            "silent\n" => false,
            other => panic!("Python says {other:?}"),
        }
    }
}

impl Drop for Selector {
    fn drop(&mut self) {
        // Without a link it ends by itself.
        self.link = None;
        let _ = self.child.wait();
    }
}
