//! What is kept of one channel beside what the core keeps.

use std::collections::VecDeque;
use std::sync::Arc;

use feramiko_proto::{Channel, ChannelRequest, OpenFailure, Request, RequestId, Stream};

use crate::pollable::Signal;
use crate::waiters::{Side, Waiters};

/// Requests without reply that nobody has pulled; the core bounds those with one.
const MAX_REQUESTS: usize = 64;

impl Side {
    pub(crate) const ALL: [Self; 6] =
        [Self::Data, Self::Stderr, Self::Any, Self::Write, Self::Requests, Self::State];

    pub(crate) fn of(stream: Stream) -> Self {
        match stream {
            Stream::Data => Self::Data,
            Stream::Stderr => Self::Stderr,
        }
    }
}

/// One channel.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    waiters: [Waiters; 6],
    stage: Stage,
    requests: VecDeque<ChannelRequest>,
    /// Somebody pulls requests; where nobody does they are refused at once.
    takes_requests: bool,
    /// Our requests whose answer somebody waits for.
    answers: Vec<(RequestId, Option<bool>)>,
    /// The peer wants no more input (`eow@openssh.com`).
    pub(crate) unwanted: bool,
    /// The last write was blocked, and nothing has happened since.
    pub(crate) blocked: bool,
    signal: Option<Arc<Signal>>,
    shown: bool,
}

#[derive(Debug, Default)]
enum Stage {
    /// We have asked for it.
    #[default]
    Opening,
    /// So, and nobody waits for the answer any more.
    Abandoned,
    Open,
    Refused(OpenFailure),
}

impl Slot {
    /// Of a channel that the peer has asked for.
    pub(crate) fn accepted() -> Self {
        Self { stage: Stage::Open, takes_requests: true, ..Self::default() }
    }

    pub(crate) fn waiters(&mut self, side: Side) -> &mut Waiters {
        let [data, stderr, any, write, requests, state] = &mut self.waiters;
        match side {
            Side::Data => data,
            Side::Stderr => stderr,
            Side::Any => any,
            Side::Write => write,
            Side::Requests => requests,
            Side::State => state,
        }
    }

    pub(crate) fn is_opening(&self) -> bool {
        matches!(self.stage, Stage::Opening)
    }

    pub(crate) fn abandon(&mut self) {
        self.stage = Stage::Abandoned;
    }

    /// The peer has answered; says whether somebody waits for that.
    pub(crate) fn opened(&mut self, answer: Result<(), OpenFailure>) -> bool {
        let wanted = self.is_opening();
        self.stage = match answer {
            Ok(()) => Stage::Open,
            Err(failure) => Stage::Refused(failure),
        };
        wanted
    }

    /// The peer's answer, once it has come.
    pub(crate) fn answer(&self) -> Option<Result<(), OpenFailure>> {
        match &self.stage {
            Stage::Opening | Stage::Abandoned => None,
            Stage::Open => Some(Ok(())),
            Stage::Refused(failure) => Some(Err(failure.clone())),
        }
    }

    /// Keeps a request of the peer until it is pulled; hands back one that nobody will pull.
    pub(crate) fn queue(&mut self, request: ChannelRequest) -> Option<ChannelRequest> {
        if !self.takes_requests {
            return Some(request);
        }
        if !request.want_reply() {
            let is_size = |request: &ChannelRequest| matches!(request.request(), Request::WindowChange(_));
            if is_size(&request)
                && let Some(last) = self.requests.back_mut().filter(|last| is_size(last))
            {
                // Only the last size matters.
                *last = request;
                return None;
            }
            if self.requests.len() >= MAX_REQUESTS {
                return Some(request);
            }
        }
        self.requests.push_back(request);
        None
    }

    pub(crate) fn next_request(&mut self) -> Option<ChannelRequest> {
        self.takes_requests = true;
        self.requests.pop_front()
    }

    pub(crate) fn take_requests(&mut self) -> VecDeque<ChannelRequest> {
        std::mem::take(&mut self.requests)
    }

    pub(crate) fn expect(&mut self, request: RequestId) {
        self.answers.push((request, None));
    }

    pub(crate) fn answered(&mut self, request: RequestId, success: bool) {
        if let Some((_, answer)) = self.answers.iter_mut().find(|(known, _)| *known == request) {
            *answer = Some(success);
        }
    }

    pub(crate) fn answer_to(&self, request: RequestId) -> Option<bool> {
        self.answers.iter().find(|(known, _)| *known == request)?.1
    }

    pub(crate) fn disregard(&mut self, request: RequestId) {
        self.answers.retain(|(known, _)| *known != request);
    }

    /// The descriptor that shows whether there is something to read.
    pub(crate) fn signal(&mut self) -> std::io::Result<Arc<Signal>> {
        if self.signal.is_none() {
            self.signal = Some(Arc::new(Signal::new()?));
            self.shown = false;
        }
        self.signal.clone().ok_or_else(|| std::io::ErrorKind::Other.into())
    }

    /// Brings the descriptor up to date.
    pub(crate) fn show_readable(&mut self, channel: Option<Channel<'_>>, ended: bool) {
        let Some(signal) = &self.signal else { return };
        let readable = ended
            || channel.is_none_or(|channel| {
                [Stream::Data, Stream::Stderr]
                    .into_iter()
                    .any(|stream| channel.readable(stream) > 0 || channel.is_eof(stream))
            });
        if readable != self.shown {
            self.shown = readable;
            if readable { signal.set() } else { signal.clear() }
        }
    }

    pub(crate) fn has_signal(&self) -> bool {
        self.signal.is_some()
    }

    /// No handle is left. The descriptor, if there is one, stays readable.
    pub(crate) fn gone(&mut self) -> bool {
        self.signal.take().inspect(|signal| signal.set()).is_some()
    }
}
