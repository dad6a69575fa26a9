//! A connection, its application and a hostile peer, all led by the fuzzer's bytes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use feramiko_proto::{
    ChannelId, ClientConfig, Connection, Decision, Event, Method, OpenFailure, Prompt, Read, Secret, ServerConfig, Stream,
};
use feramiko_crypto::cipher::{CipherKeys, Opener, Sealer, plaintext_opener, plaintext_sealer};
use feramiko_testkit::{fake_algorithms, fake_host_key, fake_sign, gullible_provider, seed_random};

/// The bytes that lead: when they are used up, zeros follow.
pub struct Control<'a>(pub &'a [u8]);

impl<'a> Control<'a> {
    /// The next choice.
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    /// The next few bytes.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A client with cryptography that protects nothing.
pub fn client(now: Instant) -> Connection {
    seed_random(1);
    let mut config = ClientConfig::default();
    config.common.provider = gullible_provider();
    config.common.algorithms = fake_algorithms();
    Connection::client(Arc::new(config), now)
}

/// A server with cryptography that protects nothing.
pub fn server(now: Instant) -> Connection {
    seed_random(2);
    let mut config = ServerConfig { host_keys: vec![fake_host_key(9)], ..Default::default() };
    config.common.provider = gullible_provider();
    config.common.algorithms = fake_algorithms();
    config.methods.push("none".to_owned());
    Connection::server(Arc::new(config), now)
}

/// The application of a connection, which does what the fuzzer says and checks what must hold.
pub struct Application {
    channels: Vec<ChannelId>,
    ended: bool,
}

impl Default for Application {
    fn default() -> Self {
        Self::new()
    }
}

impl Application {
    pub fn new() -> Self {
        Self { channels: Vec::new(), ended: false }
    }

    /// Fetches all events and answers the questions among them.
    pub fn answer(&mut self, connection: &mut Connection, choices: &mut Control<'_>, now: Instant) {
        while let Some(event) = connection.poll_event() {
            assert!(!self.ended, "an event after the end: {event:?}");
            match event {
                Event::HostKey(question) => connection.answer_host_key(question, true, now),
                Event::Sign(request) => {
                    let signature = fake_sign(request.key(), request.message());
                    connection.provide_signature(request, Some(signature), now);
                }
                Event::Ready if connection.is_client() => {
                    let method = match choices.byte() % 5 {
                        0 => Method::None,
                        1 => Method::Password(Secret::from("foo")),
                        2 => Method::PublicKey { key: fake_host_key(3), algorithm: None, query: true },
                        3 => Method::HostBased {
                            key: fake_host_key(3),
                            certificate: None,
                            algorithm: None,
                            host: "lag.net.".to_owned(),
                            user: "robey".to_owned(),
                        },
                        _ => Method::KeyboardInteractive { submethods: String::new() },
                    };
                    let _ = connection.authenticate("robey", method, now);
                }
                Event::Prompts(prompts) => {
                    let answers = prompts.prompts().iter().map(|_| Secret::from("foo")).collect();
                    let _ = connection.answer_prompts(prompts, answers, now);
                }
                Event::PasswordExpired { .. } => drop(connection.decline_password_change(now)),
                Event::Attempt(attempt) => {
                    let decision = match choices.byte() % 5 {
                        0 | 1 => Decision::Accept,
                        2 => Decision::Reject,
                        3 => Decision::Partial { remaining: vec!["password".to_owned()] },
                        _ => Decision::Ask {
                            name: String::new(),
                            instruction: String::new(),
                            prompts: vec![Prompt { text: "?".to_owned(), echo: false }],
                        },
                    };
                    let _ = connection.decide(attempt, decision, now);
                }
                Event::Open(request) => match choices.byte() % 3 {
                    0 => connection.reject_channel(
                        request,
                        OpenFailure { reason: OpenFailure::PROHIBITED, description: String::new() },
                        now,
                    ),
                    _ => self.channels.extend(connection.accept_channel(request, now)),
                },
                Event::Opened(id) => self.channels.push(id),
                Event::Request(request) => connection.answer_request(request, choices.byte() & 1 == 0, now),
                Event::Global(request) => connection.answer_global(request, None, now),
                Event::Ended(error) => {
                    self.ended = true;
                    assert!(!error.to_string().is_empty());
                }
                _ => {}
            }
        }
    }

    /// One thing that an application may do at any time.
    pub fn act(&mut self, connection: &mut Connection, choices: &mut Control<'_>, now: Instant) {
        let chosen = usize::from(choices.byte());
        let action = choices.byte();
        if action % 16 == 0 {
            let _ = connection.open("session", b"", now);
            return;
        }
        if action % 16 == 1 {
            connection.rekey(now);
            return;
        }
        if action % 16 == 2 {
            connection.handle_timeout(now + Duration::from_secs(u64::from(choices.byte())));
            return;
        }
        if self.channels.is_empty() {
            return;
        }
        let id = self.channels[chosen % self.channels.len()];
        let Some(mut channel) = connection.channel(id, now) else { return };
        let stream = if action & 0x80 == 0 { Stream::Data } else { Stream::Stderr };
        match action % 8 {
            0..=2 => {
                let before = channel.readable(stream);
                let mut buffer = [0; 300];
                match channel.read(stream, &mut buffer) {
                    Read::Data(count) => assert_eq!(count, before.min(300)),
                    Read::Blocked | Read::Eof => assert_eq!(before, 0),
                }
            }
            3 | 4 => drop(channel.write(stream, choices.take(40))),
            5 => drop(channel.finish()),
            6 => channel.close(),
            _ => channel.forget(),
        }
    }
}

/// Gives `input` to the connection as a driver would, and takes its output away.
pub fn deliver(connection: &mut Connection, input: &mut Vec<u8>, now: Instant) -> Vec<u8> {
    let used = connection.receive(input, now);
    assert!(used <= input.len());
    input.drain(..used);
    let mut output = Vec::new();
    connection.take_output(&mut output);
    output
}

/// Leads a victim through what `data` says: raw bytes, or an honest peer's packets with some of them changed.
pub fn run(victim: fn(Instant) -> Connection, honest: fn(Instant) -> Connection, data: &[u8]) {
    let now = Instant::now();
    let mut victim = victim(now);
    match data.split_first() {
        Some((mode, data)) if mode % 8 == 0 => raw(&mut victim, data, now),
        Some((_, data)) => changed(&mut victim, &mut honest(now), data, now),
        None => {}
    }
    if victim.ended().is_some() {
        assert_eq!(victim.poll_timeout(), None, "nothing is due after the end");
    }
}

fn raw(victim: &mut Connection, data: &[u8], now: Instant) {
    let mut application = Application::new();
    let mut input = Vec::new();
    for chunk in data.chunks(97) {
        input.extend_from_slice(chunk);
        deliver(victim, &mut input, now);
        application.answer(victim, &mut Control(chunk), now);
    }
    victim.receive_eof(now);
    application.answer(victim, &mut Control(&[]), now);
    assert!(victim.ended().is_some());
}

/// Who sits between the honest peer and its victim, and can open and seal what the honest peer says.
struct Between {
    stream: Vec<u8>,
    version: bool,
    opener: Box<dyn Opener>,
    sealer: Box<dyn Sealer>,
    received: u32,
    sent: u32,
    switched: bool,
}

impl Between {
    fn new() -> Self {
        Self {
            stream: Vec::new(),
            version: false,
            opener: plaintext_opener(),
            sealer: plaintext_sealer(),
            received: 0,
            sent: 0,
            switched: false,
        }
    }

    /// Takes what the honest peer says; gives what the victim hears.
    fn pass(&mut self, output: &[u8], choices: &mut Control<'_>) -> Vec<u8> {
        self.stream.extend_from_slice(output);
        let mut heard = Vec::new();
        if !self.version {
            let Some(end) = self.stream.iter().position(|byte| *byte == b'\n') else { return heard };
            heard.extend(self.stream.drain(..=end));
            self.version = true;
        }
        while let Some(mut payload) = self.next_payload() {
            let is_new_keys = payload == [21];
            match if is_new_keys { 0 } else { choices.byte() } {
                byte @ 200..=255 if !payload.is_empty() => {
                    let at = usize::from(choices.byte()) % payload.len();
                    payload[at] ^= byte;
                    self.seal(&payload, &mut heard);
                }
                180..=199 => {
                    let count = usize::from(choices.byte());
                    let inserted = choices.take(count).to_vec();
                    self.seal(&inserted, &mut heard);
                    self.seal(&payload, &mut heard);
                }
                170..=179 => {}
                160..=169 => {
                    payload.truncate(usize::from(choices.byte()));
                    self.seal(&payload, &mut heard);
                }
                _ => self.seal(&payload, &mut heard),
            }
            if is_new_keys {
                self.switch();
            }
        }
        if self.switched && !choices.is_empty() && choices.byte() & 1 == 1 {
            let count = usize::from(choices.byte());
            let inserted = choices.take(count).to_vec();
            self.seal(&inserted, &mut heard);
        }
        heard
    }

    fn switch(&mut self) {
        let cipher = gullible_provider().ciphers[0];
        let keys = || CipherKeys { key: &[0; 16], iv: &[0; 8], mac: None };
        self.opener = cipher.opener(keys()).unwrap();
        self.sealer = cipher.sealer(keys()).unwrap();
        // Strict KEX.
        (self.received, self.sent, self.switched) = (0, 0, true);
    }

    fn next_payload(&mut self) -> Option<Vec<u8>> {
        let layout = self.opener.layout();
        let length = self.opener.length(self.received, self.stream.get(..layout.head)?).ok()? as usize;
        let packet = self.stream.get_mut(..4 + length + layout.tag)?;
        self.opener.open(self.received, packet).ok()?;
        let payload = packet[5..4 + length - usize::from(packet[4])].to_vec();
        self.stream.drain(..4 + length + layout.tag);
        self.received += 1;
        Some(payload)
    }

    fn seal(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        let layout = self.sealer.layout();
        let counted = if layout.length_is_padded { 5 } else { 1 } + payload.len();
        let padding = 4 + (layout.block - (counted + 4) % layout.block) % layout.block;
        let start = out.len();
        out.extend(((1 + payload.len() + padding) as u32).to_be_bytes());
        out.push(padding as u8);
        out.extend_from_slice(payload);
        out.resize(out.len() + padding + layout.tag, 0);
        self.sealer.seal(self.sent, &mut out[start..]).unwrap();
        self.sent += 1;
    }
}

fn changed(victim: &mut Connection, honest: &mut Connection, data: &[u8], now: Instant) {
    let mut choices = Control(data);
    let (mut theirs, mut ours) = (Application::new(), Application::new());
    let (mut to_victim, mut to_honest) = (Vec::new(), Vec::new());
    let mut between = Between::new();
    let mut idle = 0;
    while idle < 3 && victim.ended().is_none() {
        let said = deliver(honest, &mut to_honest, now);
        theirs.answer(honest, &mut Control(&[]), now);
        if honest.is_authenticated() {
            theirs.act(honest, &mut choices, now);
        }
        let heard = between.pass(&said, &mut choices);
        to_victim.extend_from_slice(&heard);
        let answer = deliver(victim, &mut to_victim, now);
        to_honest.extend_from_slice(&answer);
        ours.answer(victim, &mut choices, now);
        if victim.is_authenticated() {
            ours.act(victim, &mut choices, now);
        }
        let quiet = said.is_empty() && heard.is_empty() && answer.is_empty();
        idle = if quiet && choices.is_empty() { idle + 1 } else { 0 };
        // An application that does nothing more leaves nothing to find.
        if choices.is_empty() && quiet {
            break;
        }
    }
}
