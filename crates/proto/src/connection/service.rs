//! What stands on the transport: nothing yet, authentication, then channels.

use std::time::Duration;

use crate::channels::Channels;
use crate::config::Common;
use crate::error::{ConnectionError, Misuse, ProtocolError};
use crate::event::{AuthAttempt, Decision};
use crate::output::Output;
use crate::userauth;

pub(super) enum Service {
    None,
    Client(userauth::Client),
    Server(userauth::Server),
    Open(Box<Channels>),
}

impl Service {
    pub(super) fn open(common: &Common, is_client: bool, global_names: &[String]) -> Self {
        let mut channels = Channels::new(&common.limits, is_client);
        channels.handle_global(global_names);
        Self::Open(Box::new(channels))
    }

    /// Messages 50-79.
    pub(super) fn userauth(&mut self, payload: &[u8], out: &mut Output) -> Result<(), ConnectionError> {
        *self = match std::mem::replace(self, Self::None) {
            Self::Client(client) => Self::Client(client.handle(payload, out)?),
            Self::Server(server) => Self::Server(server.handle(payload, out)?),
            // A request that was under way when another succeeded (RFC 4252 section 5.1).
            Self::Open(channels) => Self::Open(channels),
            Self::None => return Err(unexpected(payload)),
        };
        Ok(())
    }

    /// The answer to an attempt; whether it made sense.
    pub(super) fn decide(
        &mut self,
        attempt: AuthAttempt,
        decision: Decision,
        out: &mut Output,
    ) -> Result<Result<(), Misuse>, ConnectionError> {
        match self {
            Self::Server(server) => server.decide(attempt, decision, out),
            // Too late: the attempt is no longer awaited.
            _ => Ok(Ok(())),
        }
    }

    /// A refusal was kept back long enough.
    pub(super) fn refusal_due(&mut self, out: &mut Output) -> Result<(), ConnectionError> {
        match self {
            Self::Server(server) => server.refusal_due(out),
            _ => Ok(()),
        }
    }

    /// Messages 80-127.
    pub(super) fn channels(&mut self, payload: &[u8], out: &mut Output) -> Result<(), ConnectionError> {
        match self {
            Self::Open(channels) => Ok(channels.handle(payload, out)?),
            _ => Err(unexpected(payload)),
        }
    }

    pub(super) fn note_round_trip(&mut self, round_trip: Duration) {
        if let Self::Open(channels) = self {
            channels.note_round_trip(round_trip);
        }
    }

    /// Who is being authenticated, or was.
    pub(super) fn user(&self) -> Option<String> {
        match self {
            Self::Client(client) => client.user().map(str::to_owned),
            Self::Server(server) => server.user().map(str::to_owned),
            Self::None | Self::Open(_) => None,
        }
    }
}

fn unexpected(payload: &[u8]) -> ConnectionError {
    let message = payload.first().copied().unwrap_or_default();
    ProtocolError::Unexpected { message, state: "the start of authentication" }.into()
}
