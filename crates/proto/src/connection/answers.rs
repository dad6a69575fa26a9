//! The answers to questions that came as events. Each takes its question with it.

use std::time::Instant;

use feramiko_crypto::Secret;

use super::{Connection, Service};
use crate::error::{ConnectionError, Misuse};
use crate::event::{
    AuthAttempt, ChannelId, ChannelRequest, Decision, GlobalRequest, HostKeyQuestion, OpenFailure,
    OpenRequest, Prompts, SignPurpose, SignRequest,
};

impl Connection {
    /// Answers [`Event::HostKey`](crate::Event::HostKey). Without trust the connection ends.
    pub fn answer_host_key(&mut self, question: HostKeyQuestion, trust: bool, now: Instant) {
        self.attempt(now, |this| {
            this.transport.answer_host_key(&question, trust, &mut this.out)?;
            this.exchanged();
            Ok(())
        });
    }

    /// Answers [`Event::Sign`](crate::Event::Sign) with an SSH signature blob (`string` algorithm, `string` signature), or
    /// `None` when there is no signature to be had: a host key's ends the connection, a user key's fails the attempt.
    pub fn provide_signature(&mut self, request: SignRequest, signature: Option<Vec<u8>>, now: Instant) {
        self.attempt(now, |this| match (request.purpose, &mut this.service) {
            (SignPurpose::HostKey, _) => {
                this.transport.provide_signature(&request, signature.as_deref(), &mut this.out)
            }
            (SignPurpose::UserKey, Service::Client(client)) => {
                client.provide_signature(request, signature, &mut this.out);
                Ok(())
            }
            (SignPurpose::UserKey, _) => Ok(()),
        });
    }

    /// Answers [`Event::Prompts`](crate::Event::Prompts) with one answer for each prompt.
    ///
    /// # Errors
    /// [`Misuse::Argument`] when the number of answers is not the number of prompts; the prompts may not be answered again.
    pub fn answer_prompts(
        &mut self,
        prompts: Prompts,
        answers: Vec<Secret>,
        now: Instant,
    ) -> Result<(), Misuse> {
        self.command(now, |this| match &mut this.service {
            Service::Client(client) => client.answer_prompts(prompts, answers, &mut this.out),
            _ => Ok(()),
        })
    }

    /// Answers [`Event::Attempt`](crate::Event::Attempt).
    ///
    /// # Errors
    /// [`Misuse::Argument`] for a decision that does not fit the proof; the attempt is rejected then.
    pub fn decide(&mut self, attempt: AuthAttempt, decision: Decision, now: Instant) -> Result<(), Misuse> {
        let mut outcome = Ok(());
        self.attempt(now, |this| {
            outcome = this.service.decide(attempt, decision, &mut this.out)?;
            this.open_if_authenticated();
            Ok(())
        });
        outcome
    }

    /// Answers [`Event::Open`](crate::Event::Open) with a channel.
    ///
    /// # Errors
    /// [`Misuse::NoSuchChannel`] when the connection has ended meanwhile.
    pub fn accept_channel(&mut self, request: OpenRequest, now: Instant) -> Result<ChannelId, Misuse> {
        self.command(now, |this| match &mut this.service {
            Service::Open(channels) => channels.accept(request, &mut this.out),
            _ => Err(Misuse::NoSuchChannel),
        })
    }

    /// Answers [`Event::Open`](crate::Event::Open) with a refusal.
    pub fn reject_channel(&mut self, request: OpenRequest, failure: OpenFailure, now: Instant) {
        self.attempt(now, |this| {
            if let Service::Open(channels) = &mut this.service {
                channels.reject(request, &failure, &mut this.out);
            }
            Ok::<(), ConnectionError>(())
        });
    }

    /// Answers [`Event::Request`](crate::Event::Request). Replies go out in the order of the requests.
    pub fn answer_request(&mut self, request: ChannelRequest, success: bool, now: Instant) {
        self.attempt(now, |this| {
            if let Service::Open(channels) = &mut this.service {
                channels.answer_request(request, success, &mut this.out);
            }
            Ok::<(), ConnectionError>(())
        });
    }

    /// Answers [`Event::Global`](crate::Event::Global): success with `Some`, failure with `None`.
    pub fn answer_global(&mut self, request: GlobalRequest, reply: Option<&[u8]>, now: Instant) {
        self.attempt(now, |this| {
            if let Service::Open(channels) = &mut this.service {
                channels.answer_global(request, reply, &mut this.out);
            }
            Ok::<(), ConnectionError>(())
        });
    }
}
