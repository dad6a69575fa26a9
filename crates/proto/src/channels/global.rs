//! Global requests (RFC 4254 section 4).

use std::collections::VecDeque;

use feramiko_wire::Rest;

use super::fields::{MAX_FIELDS, check_fields};
use super::replies::{Quiet, Replies};
use crate::error::{Misuse, ProtocolError};
use crate::event::{Event, GlobalId, GlobalRequest};
use crate::msg::global as wire;
use crate::output::Output;

/// OpenSSH PROTOCOL section 2.2.
pub(super) const NO_MORE_SESSIONS: &str = "no-more-sessions@openssh.com";

#[derive(Debug, Default)]
pub(super) struct Global {
    /// Those that the application wants to hear of.
    names: Vec<String>,
    replies: Replies<Option<Vec<u8>>>,
    quiet: Quiet,
    /// Ours that want a reply.
    asked: VecDeque<GlobalId>,
    next: u64,
    /// The client has promised to open no more sessions.
    no_more_sessions: bool,
}

impl Global {
    pub(super) fn set_names(&mut self, names: Vec<String>) {
        self.names = names;
    }

    /// Whether the client, peer or not, has promised to open no more sessions.
    pub(super) fn no_more_sessions(&self) -> bool {
        self.no_more_sessions
    }

    pub(super) fn promise_no_more_sessions(&mut self) {
        self.no_more_sessions = true;
    }

    /// GLOBAL_REQUEST. At most `limit` wait for the application.
    pub(super) fn receive(
        &mut self,
        payload: &[u8],
        (is_client, limit): (bool, usize),
        out: &mut Output,
    ) -> Result<(), ProtocolError> {
        let wire::GlobalRequest { name, want_reply, data: Rest(data) } =
            wire::GlobalRequest::decode(payload).map_err(ProtocolError::malformed(80))?;
        let flood =
            ProtocolError::Rule { message: 80, rule: "too many requests without waiting for replies" };
        let granted = name == NO_MORE_SESSIONS && !is_client;
        if granted {
            self.no_more_sessions = true;
        } else if self.names.iter().any(|handled| handled == name) {
            let reply = match want_reply {
                true if self.replies.unanswered() < limit => {
                    Some(Some(self.replies.ask().ok_or(flood.clone())?))
                }
                false if self.quiet.admit(limit, out) => Some(None),
                _ => None,
            };
            if let Some(reply) = reply {
                let request = GlobalRequest { name: name.to_owned(), data: data.to_vec(), reply };
                out.tell(Event::Global(request));
                return Ok(());
            }
        }
        if want_reply {
            self.replies.answered(granted.then(Vec::new)).ok_or(flood)?;
            self.flush(out);
        }
        Ok(())
    }

    /// The application has answered.
    pub(super) fn answer(&mut self, request: &GlobalRequest, reply: Option<&[u8]>, out: &mut Output) {
        let Some(serial) = request.reply else { return };
        // What no packet holds cannot be said: better no than nothing.
        let reply = reply.filter(|data| data.len() <= MAX_FIELDS);
        self.replies.settle(serial, reply.map(<[u8]>::to_vec));
        self.flush(out);
    }

    fn flush(&mut self, out: &mut Output) {
        while let Some(reply) = self.replies.next() {
            out.send(|packet| match &reply {
                Some(data) => wire::RequestSuccess { data: Rest(data) }.encode(packet),
                None => wire::RequestFailure {}.encode(packet),
            });
        }
    }

    /// Sends a request of ours.
    pub(super) fn ask(
        &mut self,
        name: &str,
        data: &[u8],
        want_reply: bool,
        out: &mut Output,
    ) -> Result<Option<GlobalId>, Misuse> {
        check_fields(name, data)?;
        out.send(|packet| wire::GlobalRequest { name, want_reply, data: Rest(data) }.encode(packet));
        if !want_reply {
            return Ok(None);
        }
        let request = GlobalId(self.next);
        self.next += 1;
        self.asked.push_back(request);
        Ok(Some(request))
    }

    /// REQUEST_SUCCESS and REQUEST_FAILURE.
    pub(super) fn receive_reply(&mut self, payload: &[u8], out: &mut Output) -> Result<(), ProtocolError> {
        let (message, reply) = if payload.first() == Some(&wire::RequestFailure::NUMBER) {
            wire::RequestFailure::decode(payload).map_err(ProtocolError::malformed(82))?;
            (82, None)
        } else {
            let success = wire::RequestSuccess::decode(payload).map_err(ProtocolError::malformed(81))?;
            (81, Some(success.data.0.to_vec()))
        };
        let Some(request) = self.asked.pop_front() else {
            return Err(ProtocolError::Rule { message, rule: "a reply to no request" });
        };
        out.tell(Event::GlobalAnswered { request, reply });
        Ok(())
    }

    /// The connection has ended.
    pub(super) fn end(&mut self) {
        self.replies.clear();
        self.asked.clear();
    }
}
