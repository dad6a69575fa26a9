//! An application that answers, asks, reads and writes as the fuzzer chooses, and knows what it may be told.

use std::collections::VecDeque;
use std::time::Instant;

use feramiko_proto::{
    AuthAttempt, AuthOutcome, ChannelId, ChannelRequest, Connection, Decision, DisconnectReason, Event,
    ExitStatus, GlobalRequest, HostKeyQuestion, Method, OpenFailure, OpenRequest, Prompt, Prompts, Proof,
    Pty, Read, Request, Secret, SignRequest, Stream, WindowSize, Write,
};
use feramiko_testkit::{fake_host_key, fake_sign};

use crate::Choices;

#[derive(Default)]
pub(crate) struct App {
    /// Trusts, signs and accepts at once.
    pub(crate) eager: bool,
    host_keys: VecDeque<HostKeyQuestion>,
    signs: VecDeque<SignRequest>,
    attempts: VecDeque<AuthAttempt>,
    prompts: VecDeque<Prompts>,
    opens: VecDeque<OpenRequest>,
    requests: VecDeque<ChannelRequest>,
    globals: VecDeque<GlobalRequest>,
    channels: Vec<ChannelId>,
    pub(crate) ready: bool,
    /// A server has accepted a proof, or a client has tried one.
    may_be_in: bool,
    is_in: bool,
    pub(crate) ended: bool,
}

impl App {
    /// Takes every event, and checks that it may come now.
    pub(crate) fn listen(&mut self, connection: &mut Connection, now: Instant) -> bool {
        let mut any = false;
        while let Some(event) = connection.poll_event() {
            any = true;
            assert!(!self.ended, "{event:?} after the end");
            self.hear(event, connection);
        }
        if self.eager {
            any |= self.answer_all(connection, now);
        }
        any
    }

    fn hear(&mut self, event: Event, connection: &Connection) {
        let inside = connection.is_authenticated() || connection.ended().is_some();
        match event {
            Event::HostKey(question) => {
                assert!(connection.is_client() && !self.is_in);
                self.host_keys.push_back(question);
            }
            Event::Sign(request) => self.signs.push_back(request),
            Event::Ready => self.ready = true,
            Event::Attempt(attempt) => {
                assert!(!connection.is_client() && !self.is_in);
                self.attempts.push_back(attempt);
            }
            Event::Prompts(prompts) => self.prompts.push_back(prompts),
            Event::Authenticated | Event::Authentication(AuthOutcome::Success) => {
                assert!(self.may_be_in && !self.is_in && self.ready, "logged in without leave");
                self.is_in = true;
            }
            Event::Open(request) => {
                assert!(inside && self.is_in);
                self.opens.push_back(request);
            }
            Event::Opened(id) => {
                assert!(self.is_in && self.channels.contains(&id));
            }
            Event::Request(request) => {
                assert!(self.channels.contains(&request.channel()));
                self.requests.push_back(request);
            }
            Event::Global(request) => {
                assert!(self.is_in && request.name() == "handled");
                self.globals.push_back(request);
            }
            Event::Readable(id, _) | Event::Writable(id) | Event::Closed(id) | Event::Exited(id, _) => {
                assert!(self.channels.contains(&id), "an event of a channel that nobody has");
            }
            Event::Ended(_) => {
                assert!(connection.ended().is_some());
                self.ended = true;
            }
            _ => {}
        }
    }

    fn answer_all(&mut self, connection: &mut Connection, now: Instant) -> bool {
        let mut any = false;
        while let Some(question) = self.host_keys.pop_front() {
            connection.answer_host_key(question, true, now);
            any = true;
        }
        while let Some(request) = self.signs.pop_front() {
            let signature = fake_sign(request.key(), request.message());
            connection.provide_signature(request, Some(signature), now);
            any = true;
        }
        while let Some(attempt) = self.attempts.pop_front() {
            self.decide(connection, attempt, Decision::Accept, now);
            any = true;
        }
        any
    }

    fn decide(
        &mut self,
        connection: &mut Connection,
        attempt: AuthAttempt,
        decision: Decision,
        now: Instant,
    ) {
        let proves = !matches!(attempt.proof(), Proof::KeyOffer(_) | Proof::Interactive { .. });
        self.may_be_in |= proves && matches!(decision, Decision::Accept);
        let _ = connection.decide(attempt, decision, now);
    }

    /// A client's login.
    pub(crate) fn authenticate(&mut self, connection: &mut Connection, method: Method, now: Instant) {
        if connection.authenticate("robey", method, now).is_ok() {
            self.may_be_in = true;
        }
    }

    /// One thing that an application can do.
    pub(crate) fn act(&mut self, connection: &mut Connection, choices: &mut Choices<'_>, now: Instant) {
        match choices.below(16) {
            0 => self.eager = !self.eager,
            1 => self.answer_one(connection, choices, now),
            2 => self.login(connection, choices, now),
            3 => {
                let kind = String::from_utf8_lossy(&choices.name(&["session", "direct-tcpip"])).into_owned();
                if let Ok(id) = connection.open(&kind, choices.bytes(), now) {
                    self.channels.push(id);
                }
            }
            4 => {
                let _ = connection.global_request("x", choices.bytes(), choices.flag(), now);
            }
            5 => connection.rekey(now),
            6 => {
                let _ = connection.no_more_sessions(now);
            }
            7 => {
                let _ = connection.send_banner(&String::from_utf8_lossy(choices.bytes()), now);
            }
            8 if choices.byte() == 0xff => {
                connection.disconnect(DisconnectReason::ByApplication, "bye", now);
            }
            _ => self.use_channel(connection, choices, now),
        }
    }

    fn answer_one(&mut self, connection: &mut Connection, choices: &mut Choices<'_>, now: Instant) {
        if let Some(question) = self.host_keys.pop_front() {
            connection.answer_host_key(question, choices.byte() != 0xff, now);
        } else if let Some(request) = self.signs.pop_front() {
            let signature = match choices.byte() {
                0xff => None,
                0xfe => Some(choices.bytes().to_vec()),
                _ => Some(fake_sign(request.key(), request.message())),
            };
            connection.provide_signature(request, signature, now);
        } else if let Some(attempt) = self.attempts.pop_front() {
            let decision = decision(choices);
            self.decide(connection, attempt, decision, now);
        } else if let Some(prompts) = self.prompts.pop_front() {
            let wrong = usize::from(choices.byte() == 0xff);
            let answers = (0..prompts.prompts().len() + wrong).map(|_| Secret::from("answer")).collect();
            let _ = connection.answer_prompts(prompts, answers, now);
        } else if let Some(request) = self.opens.pop_front() {
            if choices.flag() {
                let failure = OpenFailure { reason: choices.number(), description: "no".to_owned() };
                connection.reject_channel(request, failure, now);
            } else if let Ok(id) = connection.accept_channel(request, now) {
                self.channels.push(id);
            }
        } else if let Some(request) = self.requests.pop_front() {
            connection.answer_request(request, choices.flag(), now);
        } else if let Some(request) = self.globals.pop_front() {
            connection.answer_global(request, choices.flag().then_some(b"reply"), now);
        }
    }

    fn login(&mut self, connection: &mut Connection, choices: &mut Choices<'_>, now: Instant) {
        let method = match choices.below(6) {
            0 => Method::None,
            1 => Method::Password(Secret::from("foo")),
            2 => Method::PasswordChange { old: Secret::from("foo"), new: Secret::from("bar") },
            3 => Method::KeyboardInteractive { submethods: String::new() },
            4 => {
                let _ = connection.decline_password_change(now);
                return;
            }
            _ => Method::PublicKey {
                key: fake_host_key(choices.byte() % 4),
                algorithm: None,
                query: choices.flag(),
            },
        };
        self.authenticate(connection, method, now);
    }

    fn use_channel(&mut self, connection: &mut Connection, choices: &mut Choices<'_>, now: Instant) {
        if self.channels.is_empty() {
            return;
        }
        let index = choices.below(self.channels.len());
        let stream = if choices.flag() { Stream::Stderr } else { Stream::Data };
        let Some(mut channel) = connection.channel(self.channels[index], now) else {
            self.channels.swap_remove(index);
            return;
        };
        match choices.below(9) {
            0 | 1 => {
                let mut buffer = [0; 300];
                let there = channel.readable(stream);
                let size = choices.below(buffer.len() + 1);
                match channel.read(stream, &mut buffer[..size]) {
                    Read::Data(read) => assert_eq!(read, there.min(size)),
                    Read::Blocked | Read::Eof => assert_eq!(there, 0),
                }
            }
            2 | 3 => {
                let data = vec![choices.byte(); choices.number().min(100_000) as usize];
                if let Ok(Write::Taken(taken)) = channel.write(stream, &data) {
                    assert!(taken <= data.len());
                }
            }
            4 => {
                let _ = channel.finish();
            }
            5 => channel.close(),
            6 => {
                let request = request(choices);
                let _ = channel.request(&request, choices.flag());
            }
            7 => channel.forget(),
            _ => drop(channel.read_with(stream, |front, back| (front.len() + back.len(), ()))),
        }
    }
}

fn decision(choices: &mut Choices<'_>) -> Decision {
    match choices.below(5) {
        0 => Decision::Accept,
        1 => Decision::Reject,
        2 => Decision::Partial { remaining: vec!["password".to_owned()] },
        3 => {
            let prompts =
                (0..choices.below(4)).map(|_| Prompt { text: "?".to_owned(), echo: true }).collect();
            Decision::Ask { name: String::new(), instruction: String::new(), prompts }
        }
        _ => Decision::ChangePassword { prompt: "new?".to_owned() },
    }
}

fn request(choices: &mut Choices<'_>) -> Request {
    match choices.below(6) {
        0 => Request::Shell,
        1 => Request::Exec(choices.bytes().to_vec()),
        2 => Request::Exit(ExitStatus::Code(choices.number())),
        3 => Request::EndOfWrite,
        4 => Request::Pty(Pty {
            term: "xterm".to_owned(),
            size: WindowSize::default(),
            modes: choices.bytes().to_vec(),
        }),
        _ => Request::Other { name: "x".to_owned(), data: choices.bytes().to_vec() },
    }
}
