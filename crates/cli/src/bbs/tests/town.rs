//! A house with a clock that the test turns, and callers with terminals.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use super::glass::Glass;
use crate::bbs::{House, Session, Size, Store};

pub(super) struct Town {
    pub(super) house: Arc<House>,
    seconds: Arc<AtomicU64>,
}

/// 2003-08-24, a Sunday.
const START: u64 = 1_061_749_800;
pub(super) const USUAL: Size = Size { cols: 80, rows: 24 };

impl Town {
    pub(super) fn new() -> Self {
        Self::with(Store::in_memory().unwrap())
    }

    pub(super) fn with(store: Store) -> Self {
        let seconds = Arc::new(AtomicU64::new(START));
        let clock = Arc::clone(&seconds);
        let now = move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::SeqCst));
        Self { house: House::new(store, Box::new(now), 1), seconds }
    }

    pub(super) fn wait(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(super) fn call(&self, user: &str) -> Guest {
        self.call_from(user, USUAL)
    }

    pub(super) fn call_from(&self, user: &str, size: Size) -> Guest {
        let mut guest = Guest::join(&self.house, user, Some(size));
        guest.drain();
        guest
    }

    /// A caller without a terminal.
    pub(super) fn call_plainly(&self, user: &str) -> Guest {
        let mut guest = Guest::join(&self.house, user, None);
        guest.drain();
        guest
    }
}

pub(super) struct Guest {
    pub(super) session: Session,
    pub(super) glass: Glass,
    plain: bool,
    /// All output of a caller without a terminal.
    pub(super) paper: Vec<u8>,
    woken: Arc<AtomicUsize>,
}

impl Guest {
    fn join(house: &Arc<House>, user: &str, size: Option<Size>) -> Self {
        let woken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&woken);
        let wake = Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let glass = Glass::new(size.unwrap_or(USUAL));
        let session = Session::new(house, user, size, wake);
        Self { session, glass, plain: size.is_none(), paper: Vec::new(), woken }
    }

    /// Types and looks at the screen.
    pub(super) fn types(&mut self, text: &str) -> &mut Self {
        self.sends(text.as_bytes())
    }

    pub(super) fn sends(&mut self, bytes: &[u8]) -> &mut Self {
        self.session.receive(bytes);
        self.drain();
        self
    }

    /// Types lines, each ended by Enter.
    pub(super) fn enters(&mut self, lines: &[&str]) -> &mut Self {
        for line in lines {
            self.types(line).types("\r");
        }
        self
    }

    pub(super) fn drain(&mut self) {
        loop {
            let output = self.session.take_output();
            if output.is_empty() {
                return;
            }
            if self.plain {
                self.paper.extend_from_slice(&output);
            } else {
                self.glass.show(&output);
            }
        }
    }

    pub(super) fn resizes(&mut self, size: Size) {
        self.glass.resize(size);
        self.session.resize(size);
        self.drain();
    }

    /// How often this caller was woken since the last look; then it looks.
    pub(super) fn looks(&mut self) -> usize {
        let woken = self.woken.swap(0, Ordering::SeqCst);
        self.session.poll();
        self.drain();
        woken
    }

    /// Whether that was shown, however it was wrapped.
    #[track_caller]
    pub(super) fn sees(&self, text: &str) {
        assert!(words(&self.shown()).contains(&words(text)), "no {text:?} in\n{}", self.shown());
    }

    #[track_caller]
    pub(super) fn sees_not(&self, text: &str) {
        assert!(!words(&self.shown()).contains(&words(text)), "{text:?} in\n{}", self.shown());
    }

    fn shown(&self) -> String {
        if self.plain {
            String::from_utf8(self.paper.clone()).expect("UTF-8")
        } else {
            self.glass.everything()
        }
    }

    /// The input line and the column of the cursor.
    pub(super) fn input(&self) -> (String, usize) {
        self.glass.input()
    }
}

/// The same text however it was wrapped and lined up.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
