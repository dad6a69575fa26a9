//! Requests on a channel, and replies in the order of the requests (RFC 4254 sections 5.4 and 6).

use std::collections::VecDeque;

use super::replies::{Quiet, Replies};
use crate::event::{ChannelId, ChannelRequest, Event, ExitStatus, Request, RequestId};
use crate::msg::channel as wire;
use crate::output::Output;

/// What the peer may ask of a channel: only who opened a session runs programs in it, and only the other side
/// tells how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// We opened the channel.
    Ours,
    /// The peer opened a session.
    TheirSession,
    /// The peer opened another kind of channel.
    TheirOther,
}

/// The one shell, command or subsystem of a session (RFC 4254 section 6.5).
#[derive(Debug, PartialEq, Eq)]
enum Program {
    None,
    /// The application is to answer this request.
    Asked(u64),
    Running,
}

#[derive(Debug)]
pub(super) struct Requests {
    side: Side,
    program: Program,
    exit: Option<ExitStatus>,
    end_of_write: bool,
    replies: Replies<bool>,
    quiet: Quiet,
    /// Ours that want a reply.
    asked: VecDeque<RequestId>,
}

/// How a channel stands when a request comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) id: ChannelId,
    /// We have sent CLOSE: nothing can be answered.
    pub(super) closing: bool,
    /// The application has let go of the channel: nothing is told.
    pub(super) forgotten: bool,
    /// Requests that may wait for the application.
    pub(super) limit: usize,
}

impl Requests {
    pub(super) fn new(side: Side) -> Self {
        Self {
            side,
            program: Program::None,
            exit: None,
            end_of_write: false,
            replies: Replies::default(),
            quiet: Quiet::default(),
            asked: VecDeque::new(),
        }
    }

    pub(super) fn exit(&self) -> Option<&ExitStatus> {
        self.exit.as_ref()
    }

    /// A request of the peer; `None` is one that cannot be obeyed. Fails with the rule that the peer broke.
    pub(super) fn receive(
        &mut self,
        request: Option<Request>,
        want_reply: bool,
        at: Standing,
        out: &mut Output,
    ) -> Result<(), &'static str> {
        let answer = match request {
            Some(Request::Exit(status)) => self.exited(status, at, out),
            Some(Request::EndOfWrite) => {
                if !std::mem::replace(&mut self.end_of_write, true) && !at.forgotten {
                    out.tell(Event::EndOfWrite(at.id));
                }
                true
            }
            Some(request) if !at.closing && self.may(&request) => {
                return self.pass_on(request, want_reply, at, out);
            }
            _ => false,
        };
        if want_reply && !at.closing {
            self.refuse_or_grant(answer)?;
        }
        Ok(())
    }

    fn refuse_or_grant(&mut self, answer: bool) -> Result<(), &'static str> {
        self.replies.answered(answer).ok_or("too many requests without waiting for replies")
    }

    /// The first word on how the process ended counts, from the side that runs it.
    fn exited(&mut self, status: ExitStatus, at: Standing, out: &mut Output) -> bool {
        if self.side != Side::Ours || self.exit.is_some() {
            return false;
        }
        if !at.forgotten {
            out.tell(Event::Exited(at.id, status.clone()));
        }
        self.exit = Some(status);
        true
    }

    /// Whether the application is to hear of a request at all.
    fn may(&self, request: &Request) -> bool {
        match request {
            // The usual way to ask for a sign of life; the usual answer is failure.
            Request::Other { name, .. } => name != "keepalive@openssh.com",
            Request::XonXoff { .. } => self.side != Side::TheirOther,
            Request::Shell | Request::Exec(_) | Request::Subsystem(_) => {
                self.side == Side::TheirSession && self.program == Program::None
            }
            _ => self.side == Side::TheirSession,
        }
    }

    /// Asks the application, unless it has too much to answer already.
    fn pass_on(
        &mut self,
        request: Request,
        want_reply: bool,
        at: Standing,
        out: &mut Output,
    ) -> Result<(), &'static str> {
        let reply = if want_reply {
            if self.replies.unanswered() >= at.limit {
                return self.refuse_or_grant(false);
            }
            Some(self.replies.ask().ok_or("too many requests without waiting for replies")?)
        } else if self.quiet.admit(at.limit, out) {
            None
        } else {
            return Ok(());
        };
        if matches!(request, Request::Shell | Request::Exec(_) | Request::Subsystem(_)) {
            self.program = reply.map_or(Program::Running, Program::Asked);
        }
        out.tell(Event::Request(ChannelRequest { channel: at.id, request, sent: None, reply }));
        Ok(())
    }

    /// The application has answered.
    pub(super) fn settle(&mut self, serial: u64, success: bool) {
        if self.program == Program::Asked(serial) {
            self.program = if success { Program::Running } else { Program::None };
        }
        self.replies.settle(serial, success);
    }

    /// Sends the answers whose turn it is. `recipient` is the peer's number of the channel.
    pub(super) fn flush(&mut self, recipient: u32, out: &mut Output) {
        while let Some(success) = self.replies.next() {
            out.send(|packet| match success {
                true => wire::RequestSuccess { recipient }.encode(packet),
                false => wire::RequestFailure { recipient }.encode(packet),
            });
        }
    }

    /// We have asked something.
    pub(super) fn ask(&mut self, request: RequestId) {
        self.asked.push_back(request);
    }

    /// A reply came: to this request of ours.
    pub(super) fn answered(&mut self) -> Option<RequestId> {
        self.asked.pop_front()
    }

    /// We have sent CLOSE: no reply of ours may follow.
    pub(super) fn stop_replying(&mut self) {
        self.replies.clear();
    }
}
