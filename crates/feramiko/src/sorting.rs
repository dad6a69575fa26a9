//! What the core tells, sorted to those who wait for it. Behind the lock.

use std::sync::Arc;
use std::time::Instant;

use feramiko_crypto::Secret;
use feramiko_proto::{
    ChannelId, ConnectionError, Event, GlobalRequest, HostKeyError, OpenFailure, OpenRequest, Prompts,
    SignPurpose, SignRequest,
};

use crate::driver::job::Job;
use crate::error::Error;
use crate::lending::Claim;
use crate::permissions::Verdict;
use crate::state::{Auth, AuthEvent, State};
use crate::waiters::{Side, Topic};

/// Bytes of banner that are kept.
const MAX_BANNER: usize = 64 * 1024;
/// Requests to forward that nobody has pulled.
const MAX_GLOBALS: usize = 64;

impl State {
    /// Sorts what the core has to tell to those who wait for it.
    pub(crate) fn sort_events(&mut self, now: Instant) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::Readable(id, stream) => self.readable(id, Side::of(stream), now),
                Event::Writable(id) => self.writable(id),
                Event::Sign(request) => self.sign(request, now),
                Event::Ended(error) => self.end(error, now),
                Event::Ready | Event::HostKey(_) | Event::Banner(_) => self.sort_handshake(event, now),
                Event::Authentication(_) | Event::Prompts(_) | Event::PasswordExpired { .. } => {
                    self.sort_auth(event, now);
                }
                Event::Attempt(attempt) => {
                    self.attempts.push_back(attempt);
                    self.wake(Topic::Attempts);
                }
                Event::Authenticated => {
                    self.announce_host_keys(now);
                    self.wake(Topic::Attempts);
                    self.wake(Topic::Opens);
                }
                Event::Open(request) => self.sort_open(request, now),
                Event::GlobalAnswered { request, reply } => {
                    if let Some(place) = self.replies.get_mut(&request) {
                        *place = Some(reply);
                        self.wake(Topic::Replies);
                    }
                }
                Event::Global(request) => self.sort_global(request, now),
                event => self.sort_channel(event, now),
            }
        }
    }

    fn sort_handshake(&mut self, event: Event, _now: Instant) {
        match event {
            Event::Ready => {
                self.ready = true;
                self.wake(Topic::Auth);
            }
            Event::HostKey(question) => match self.verifier.take() {
                Some(verifier) => self.flow.jobs.push(Job::Verify(question, verifier)),
                None => self.host_key = Some(question),
            },
            Event::Banner(text) if self.banner.text.len() + text.len() <= MAX_BANNER => {
                self.banner.text.push_str(&text);
                self.wake(Topic::Auth);
            }
            _ => {}
        }
        self.wake(Topic::Ready);
    }

    fn sort_auth(&mut self, event: Event, now: Instant) {
        let owned = self.auth.owner.is_some();
        match event {
            Event::Authentication(outcome) => {
                self.auth.under_way = false;
                self.auth.expired = false;
                self.woken.discard(self.auth.signer.take());
                self.auth.event = owned.then_some(AuthEvent::Outcome(outcome));
            }
            Event::Prompts(prompts) if owned => self.auth.event = Some(AuthEvent::Prompts(prompts)),
            Event::Prompts(prompts) => self.decline_prompts(prompts, now),
            Event::PasswordExpired { prompt } => {
                self.auth.expired = true;
                if owned {
                    self.auth.event = Some(AuthEvent::Expired(prompt));
                } else {
                    self.decline_password_change(now);
                }
            }
            _ => {}
        }
        self.wake(Topic::Auth);
    }

    /// Empty answers: the server will refuse them, and the attempt is over.
    pub(crate) fn decline_prompts(&mut self, prompts: Prompts, now: Instant) {
        let answers = prompts.prompts().iter().map(|_| Secret::default()).collect();
        // As many answers as questions: nothing can be wrong with them but the connection's end.
        let _ = self.connection.answer_prompts(prompts, answers, now);
    }

    /// The attempt whose password has expired is over.
    pub(crate) fn decline_password_change(&mut self, now: Instant) {
        if std::mem::take(&mut self.auth.expired) {
            // It fails only where there is nothing to decline.
            let _ = self.connection.decline_password_change(now);
            self.auth.under_way = false;
            self.woken.discard(self.auth.signer.take());
        }
    }

    fn sort_open(&mut self, request: OpenRequest, now: Instant) {
        if let Err(why) = self.permissions.open(request.kind(), request.data()) {
            tracing::info!(kind = request.kind(), why, "a channel is refused");
            let failure = OpenFailure { reason: OpenFailure::PROHIBITED, description: why.to_owned() };
            return self.connection.reject_channel(request, failure, now);
        }
        let claim = match self.connection.is_client() {
            true => self.lending.claim(request.kind()),
            false => Claim::ForAnybody,
        };
        let (reason, description) = match claim {
            Claim::ForAnybody if self.takes_opens => {
                self.opens.push_back(request);
                return self.wake(Topic::Opens);
            }
            Claim::Agent(source, guest) => {
                return self.flow.jobs.push(Job::Lend(request, source, guest));
            }
            Claim::Full => (OpenFailure::SHORTAGE, "too many of these"),
            Claim::ForAnybody | Claim::Refused => (OpenFailure::PROHIBITED, "nobody asked for that"),
        };
        let failure = OpenFailure { reason, description: description.to_owned() };
        self.connection.reject_channel(request, failure, now);
    }

    /// A request to forward, or to end that.
    pub(crate) fn sort_forward(&mut self, request: GlobalRequest, now: Instant) {
        let permitted = self.permissions.global(request.name(), request.data());
        if permitted && self.globals.len() < MAX_GLOBALS {
            self.globals.push_back(request);
            self.wake(Topic::Globals);
        } else {
            tracing::info!(name = request.name(), permitted, "a request to forward is refused");
            self.connection.answer_global(request, None, now);
        }
    }

    fn sort_channel(&mut self, event: Event, now: Instant) {
        match event {
            Event::Opened(id) => {
                self.setting_up = false;
                if self.slots.get_mut(&id).is_some_and(|slot| slot.opened(Ok(()))) {
                    self.wake(Topic::Channel(id, Side::State));
                } else {
                    self.forget(id, now);
                }
            }
            Event::OpenFailed(id, failure) => {
                if self.slots.get_mut(&id).is_some_and(|slot| slot.opened(Err(failure))) {
                    self.wake(Topic::Channel(id, Side::State));
                } else {
                    self.slots.remove(&id);
                }
            }
            Event::Request(mut request) => {
                let id = request.channel();
                let permitted = match self.permissions.request(request.request()) {
                    Verdict::Pass => true,
                    Verdict::Refuse => false,
                    Verdict::Instead(other) => {
                        request.replace(other);
                        true
                    }
                };
                let refused = match self.slots.get_mut(&id) {
                    Some(slot) if permitted => slot.queue(request),
                    _ => Some(request),
                };
                match refused {
                    Some(request) => self.connection.answer_request(request, false, now),
                    None => self.wake(Topic::Channel(id, Side::Requests)),
                }
            }
            Event::RequestAnswered { channel, request, success } => {
                if let Some(slot) = self.slots.get_mut(&channel) {
                    slot.answered(request, success);
                }
                self.wake(Topic::Channel(channel, Side::State));
            }
            Event::Exited(id, _) => self.wake(Topic::Channel(id, Side::State)),
            Event::EndOfWrite(id) => {
                if let Some(slot) = self.slots.get_mut(&id) {
                    slot.unwanted = true;
                }
                self.wake(Topic::Channel(id, Side::Write));
            }
            Event::Closed(id) => {
                self.writable(id);
                Side::ALL.into_iter().for_each(|side| self.wake(Topic::Channel(id, side)));
                self.show_readable(id, now);
            }
            _ => {}
        }
    }

    fn readable(&mut self, id: ChannelId, side: Side, now: Instant) {
        self.wake(Topic::Channel(id, side));
        self.wake(Topic::Channel(id, Side::Any));
        self.show_readable(id, now);
    }

    fn writable(&mut self, id: ChannelId) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.blocked = false;
        }
        self.wake(Topic::Channel(id, Side::Write));
    }

    fn sign(&mut self, request: SignRequest, now: Instant) {
        let signer = match request.purpose() {
            SignPurpose::HostKey => {
                self.host_signers.iter().find(|signer| signer.public_key().blob() == request.key().blob())
            }
            SignPurpose::UserKey => self.auth.signer.as_ref(),
        };
        match signer {
            Some(signer) => self.flow.jobs.push(Job::Sign(request, Arc::clone(signer))),
            None => self.connection.provide_signature(request, None, now),
        }
    }

    fn end(&mut self, error: ConnectionError, now: Instant) {
        let refused = matches!(error, ConnectionError::HostKey(HostKeyError::Refused));
        let refusal = self.refusal.take().filter(|_| refused);
        self.cause = Some(refusal.unwrap_or(Error::Connection(error)));
        self.woken.discard(self.verifier.take());
        self.woken.discard(self.auth.signer.take());
        // How a login ended is still to be told: a server may take a client in and hang up.
        let event = self.auth.event.take().filter(|event| matches!(event, AuthEvent::Outcome(_)));
        self.auth = Auth { owner: self.auth.owner, event, ..Auth::default() };
        for topic in Topic::CONNECTION {
            self.wake(topic);
        }
        let ids: Vec<ChannelId> = self.slots.keys().copied().collect();
        for id in ids {
            Side::ALL.into_iter().for_each(|side| self.wake(Topic::Channel(id, side)));
            self.show_readable(id, now);
        }
    }
}
