//! The application that a connection asks: answers by itself, at once or later.

use std::time::{Duration, Instant};

use feramiko_keys::PrivateKey;
use feramiko_proto::{AuthAttempt, Connection, Decision, Event, Prompts, Secret};

use crate::fake::fake_sign;

/// Answers prompts.
pub type Answer = Box<dyn FnMut(&Prompts) -> Vec<Secret>>;

/// What is answered automatically, how, and after how long.
pub struct Auto {
    /// Host keys are trusted.
    pub trust: bool,
    /// Signatures are made with these.
    pub keys: Vec<PrivateKey>,
    /// Signatures of other keys are those of the fake provider; without it they are refused.
    pub fake_signatures: bool,
    /// Decides on attempts to log in. Default: `robey` with the password `foo`, or any proof by key.
    pub decide: Box<dyn FnMut(&AuthAttempt) -> Decision>,
    /// Answers prompts. Default: `foo` to all.
    pub answer: Answer,
    /// Channels are accepted.
    pub accept: bool,
    /// Requests on channels, and global ones, succeed.
    pub grant: bool,
    /// The time that an answer takes.
    pub delay: Duration,
    late: Vec<(Instant, Event)>,
}

impl Default for Auto {
    fn default() -> Self {
        Self {
            trust: true,
            keys: Vec::new(),
            fake_signatures: false,
            decide: Box::new(decide),
            answer: Box::new(|prompts| prompts.prompts().iter().map(|_| Secret::from("foo")).collect()),
            accept: true,
            grant: true,
            delay: Duration::ZERO,
            late: Vec::new(),
        }
    }
}

fn decide(attempt: &AuthAttempt) -> Decision {
    use feramiko_proto::Proof;
    let right = match attempt.proof() {
        Proof::Password(password) => attempt.user() == "robey" && password.as_bytes() == b"foo",
        Proof::KeyOffer(_) | Proof::Key(_) => true,
        _ => false,
    };
    if right { Decision::Accept } else { Decision::Reject }
}

impl Auto {
    /// Whether this event is a question that is answered here.
    pub(crate) fn wants(&self, event: &Event) -> bool {
        match event {
            Event::HostKey(_) | Event::Sign(_) | Event::Prompts(_) | Event::Attempt(_) => true,
            Event::Open(_) => self.accept,
            Event::Request(request) => self.grant && request.want_reply(),
            Event::Global(request) => self.grant && request.want_reply(),
            _ => false,
        }
    }

    /// Answers now or later.
    pub(crate) fn take(&mut self, event: Event, connection: &mut Connection, now: Instant) {
        if self.delay.is_zero() {
            self.reply(event, connection, now);
        } else {
            self.late.push((now + self.delay, event));
        }
    }

    /// Gives the answers that are due; answers whether there were any.
    pub(crate) fn catch_up(&mut self, connection: &mut Connection, now: Instant) -> bool {
        let due = self.late.iter().take_while(|(at, _)| *at <= now).count();
        for (_, event) in self.late.drain(..due).collect::<Vec<_>>() {
            self.reply(event, connection, now);
        }
        due > 0
    }

    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.late.first().map(|(at, _)| *at)
    }

    fn reply(&mut self, event: Event, connection: &mut Connection, now: Instant) {
        match event {
            Event::HostKey(question) => connection.answer_host_key(question, self.trust, now),
            Event::Sign(request) => {
                let key = self.keys.iter().find(|key| key.public_key() == request.key());
                let signature = match key {
                    Some(key) => key.sign(request.algorithm(), request.message()).ok(),
                    None if self.fake_signatures => Some(fake_sign(request.key(), request.message())),
                    None => None,
                };
                connection.provide_signature(request, signature, now);
            }
            Event::Prompts(prompts) => {
                let answers = (self.answer)(&prompts);
                let _ = connection.answer_prompts(prompts, answers, now);
            }
            Event::Attempt(attempt) => {
                let decision = (self.decide)(&attempt);
                let _ = connection.decide(attempt, decision, now);
            }
            Event::Open(request) => {
                let _ = connection.accept_channel(request, now);
            }
            Event::Request(request) => connection.answer_request(request, true, now),
            Event::Global(request) => connection.answer_global(request, Some(b""), now),
            _ => {}
        }
    }
}
