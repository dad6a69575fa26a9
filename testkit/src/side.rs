//! One end: a connection, its application, and what a socket's driver would hold.

use std::collections::VecDeque;
use std::time::Instant;

use feramiko_proto::{ChannelId, Connection, Event};

use crate::auto::Auto;
use crate::describe::describe;
use crate::link::Link;

/// Bytes that a driver reads at once.
const READ: usize = 256 * 1024;

/// One end of a [`Pair`](crate::Pair).
pub struct Side {
    /// The connection.
    pub connection: Connection,
    /// The application that it asks.
    pub auto: Auto,
    /// Bytes that are delivered at once, at most.
    pub chunk: usize,
    /// Whether events are logged and kept. Off for bulk traffic.
    pub keep_events: bool,
    /// What happened, in order, but for `Readable` and `Writable`, which depend on when somebody looks.
    pub log: Vec<String>,
    /// Channels that came into being here, in order: opened or accepted.
    pub channels: Vec<ChannelId>,
    /// Everything that was sent, when it is to be kept.
    pub wire: Option<Vec<u8>>,
    /// Changes what is sent, on its way.
    pub tamper: Option<fn(&mut [u8])>,
    events: VecDeque<Event>,
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
}

impl Side {
    /// A side without a history.
    pub fn new(connection: Connection) -> Self {
        Self {
            connection,
            auto: Auto::default(),
            chunk: usize::MAX,
            keep_events: true,
            log: Vec::new(),
            channels: Vec::new(),
            wire: None,
            tamper: None,
            events: VecDeque::new(),
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
        }
    }

    /// The next event that was not answered automatically.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The events that were not answered automatically.
    pub fn events(&mut self) -> Vec<Event> {
        self.events.drain(..).collect()
    }

    /// Bytes that were received and not consumed.
    pub fn unread_input(&self) -> usize {
        self.input.len()
    }

    /// Bytes that were taken from the connection and not sent.
    pub fn unsent_output(&self) -> usize {
        self.output.len() - self.sent
    }

    /// What a driver does at one moment: timers, input, events, output. Answers whether anything happened.
    pub(crate) fn turn(&mut self, from: &mut Link, to: &mut Link, now: Instant) -> bool {
        let mut busy = false;
        if self.connection.poll_timeout().is_some_and(|at| at <= now) {
            self.connection.handle_timeout(now);
            busy = true;
        }
        busy |= self.auto.catch_up(&mut self.connection, now);
        busy |= self.read(from, now);
        busy |= self.fetch_events(now);
        busy |= self.write(to, now);
        busy |= self.fetch_events(now);
        busy
    }

    fn read(&mut self, from: &mut Link, now: Instant) -> bool {
        let mut budget = READ;
        let mut busy = false;
        while budget > 0 && self.connection.wants_input() {
            let count = from.take(self.chunk.min(budget), &mut self.input, now);
            // What was left when no input was wanted may be wanted now.
            let consumed = self.connection.receive(&mut self.input, now);
            self.input.drain(..consumed);
            busy |= count > 0 || consumed > 0;
            if count == 0 {
                break;
            }
            budget -= count;
            self.fetch_events(now);
        }
        if self.connection.ended().is_some() {
            from.take(usize::MAX, &mut Vec::new(), now);
        }
        busy
    }

    pub(crate) fn fetch_events(&mut self, now: Instant) -> bool {
        let mut busy = false;
        while let Some(event) = self.connection.poll_event() {
            busy = true;
            match &event {
                Event::Opened(id) => self.channels.push(*id),
                Event::Open(request) if self.auto.accept => self.channels.push(request.id()),
                _ => {}
            }
            if self.keep_events && !matches!(event, Event::Readable(..) | Event::Writable(_)) {
                self.log.push(describe(&event));
            }
            if self.auto.wants(&event) {
                self.auto.take(event, &mut self.connection, now);
            } else if self.keep_events {
                self.events.push_back(event);
            }
        }
        busy
    }

    fn write(&mut self, to: &mut Link, now: Instant) -> bool {
        let mut busy = false;
        loop {
            if self.sent == self.output.len() {
                if !self.connection.has_output() || to.room(now) == 0 {
                    return busy;
                }
                self.connection.take_output(&mut self.output);
                self.sent = 0;
                if let Some(tamper) = self.tamper {
                    tamper(&mut self.output);
                }
                if let Some(wire) = &mut self.wire {
                    wire.extend_from_slice(&self.output);
                }
            }
            let count = to.send(&self.output[self.sent..], now);
            if count == 0 {
                return busy;
            }
            self.sent += count;
            busy = true;
        }
    }
}
