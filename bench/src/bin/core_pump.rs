//! What the core costs by itself: two connections in one thread, joined in memory, no sockets and no locks.
//!
//! `core_pump [MIB]` moves that much (1024) through one channel with each cipher, and tells the time that the sending and
//! the receiving side took.

use std::sync::Arc;
use std::time::{Duration, Instant};

use feramiko::{Algorithms, ClientConfig, Decision, KeyType, PrivateKey, ServerConfig, Stream};
use feramiko_bench::Failure;
use feramiko_bench::commands::{CHUNK, next_chunk};
use feramiko_proto::{ChannelId, Connection, Event, Method, Read, Write};

const CIPHERS: [&str; 4] =
    ["aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes128-ctr"];

fn main() -> Result<(), Failure> {
    let mib: u64 = std::env::args().nth(1).map_or(Ok(1024), |word| word.parse())?;
    println!(
        "| cipher | MB/s, both sides in one thread | sender s / GiB | receiver s / GiB |\n|---|---|---|---|"
    );
    for cipher in CIPHERS {
        let mut pair = Pair::new(cipher)?;
        let channels = pair.log_in()?;
        let (sender, receiver) = pair.pump(channels, mib << 20)?;
        let per_gib = |time: Duration| time.as_secs_f64() * 1024.0 / mib as f64;
        let speed = (mib << 20) as f64 / 1e6 / (sender + receiver).as_secs_f64();
        println!("| {cipher} | {speed:.0} | {:.3} | {:.3} |", per_gib(sender), per_gib(receiver));
    }
    Ok(())
}

struct Pair {
    client: Connection,
    server: Connection,
    key: PrivateKey,
    /// What one has sent, and the other is to receive.
    wire: Vec<u8>,
}

impl Pair {
    fn new(cipher: &str) -> Result<Self, Failure> {
        let key = PrivateKey::generate(KeyType::Ed25519)?;
        let algorithms = Algorithms { ciphers: vec![cipher.to_owned()], ..Algorithms::default() };
        let (mut client, mut server) = (ClientConfig::default(), ServerConfig::default());
        client.common.algorithms = algorithms.clone();
        server.common.algorithms = algorithms;
        server.host_keys = vec![key.public_key().clone()];
        let now = Instant::now();
        Ok(Self {
            client: Connection::client(Arc::new(client), now),
            server: Connection::server(Arc::new(server), now),
            key,
            wire: Vec::new(),
        })
    }

    /// Carries everything to and fro until both are silent.
    fn settle(&mut self) {
        loop {
            let there = carry(&mut self.client, &mut self.server, &mut self.wire);
            let back = carry(&mut self.server, &mut self.client, &mut self.wire);
            if !there && !back {
                return;
            }
        }
    }

    /// Up to an open channel; its ids on both sides.
    fn log_in(&mut self) -> Result<(ChannelId, ChannelId), Failure> {
        let (mut ours, mut theirs) = (None, None);
        while ours.is_none() || theirs.is_none() {
            self.settle();
            let now = Instant::now();
            let mut moved = false;
            while let Some(event) = self.client.poll_event() {
                moved = true;
                match event {
                    Event::HostKey(question) => self.client.answer_host_key(question, true, now),
                    Event::Ready => {
                        let word = Method::Password("foo".into());
                        self.client.authenticate("robey", word, now)?;
                    }
                    Event::Authentication(_) => {
                        self.client.open("session", b"", now)?;
                    }
                    Event::Opened(id) => ours = Some(id),
                    _ => {}
                }
            }
            while let Some(event) = self.server.poll_event() {
                moved = true;
                match event {
                    Event::Sign(request) => {
                        let signature = self.key.sign(request.algorithm(), request.message()).ok();
                        self.server.provide_signature(request, signature, now);
                    }
                    Event::Attempt(attempt) => self.server.decide(attempt, Decision::Accept, now)?,
                    Event::Open(request) => theirs = Some(self.server.accept_channel(request, now)?),
                    _ => {}
                }
            }
            if !moved {
                return Err(
                    format!("no channel: {:?}, {:?}", self.client.ended(), self.server.ended()).into()
                );
            }
        }
        ours.zip(theirs).ok_or_else(|| "no channel".into())
    }

    /// From client to server; the time of each.
    fn pump(
        &mut self,
        (ours, theirs): (ChannelId, ChannelId),
        bytes: u64,
    ) -> Result<(Duration, Duration), Failure> {
        let mut buffer = vec![0; CHUNK];
        let (mut unsent, mut unread) = (bytes, bytes);
        let (mut sending, mut receiving) = (Duration::ZERO, Duration::ZERO);
        while unread > 0 {
            let start = Instant::now();
            let mut channel = self.client.channel(ours, start).ok_or("no channel")?;
            while unsent > 0 {
                match channel.write(Stream::Data, next_chunk(unsent))? {
                    Write::Taken(taken) => unsent -= taken as u64,
                    _ => break,
                }
            }
            self.client.take_output(&mut self.wire);
            let sent = Instant::now();
            let taken = self.server.receive(&mut self.wire, sent);
            if taken < self.wire.len() {
                return Err(format!("the server takes no more: {:?}", self.server.ended()).into());
            }
            let mut channel = self.server.channel(theirs, sent).ok_or("no channel")?;
            while let Read::Data(read) = channel.read(Stream::Data, &mut buffer) {
                unread -= read as u64;
            }
            while self.server.poll_event().is_some() {}
            let received = Instant::now();
            sending += sent - start;
            receiving += received - sent;
            // Credit.
            carry(&mut self.server, &mut self.client, &mut self.wire);
            while self.client.poll_event().is_some() {}
            sending += received.elapsed();
        }
        Ok((sending, receiving))
    }
}

/// Carries what one has to say to the other; says whether there was something.
fn carry(from: &mut Connection, to: &mut Connection, wire: &mut Vec<u8>) -> bool {
    from.take_output(wire);
    let mut rest = wire.as_mut_slice();
    while !rest.is_empty() {
        let taken = to.receive(rest, Instant::now());
        if taken == 0 {
            break;
        }
        rest = rest.get_mut(taken..).unwrap_or_default();
    }
    !wire.is_empty()
}
