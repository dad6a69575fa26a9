//! Lending an agent: what comes over one line is answered by another.

use std::time::{Duration, Instant};

use super::client::Agent;
use super::line::Framed;

/// How long whoever asks may take to take the answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers what comes over `asking` by what `agent` says, message by message, until one of them ends.
pub(crate) fn relay(asking: &Framed, agent: &Agent) {
    while let Ok(Some(request)) = asking.receive(None) {
        let Ok(reply) = agent.relay(&request) else { return };
        if asking.send(&reply, Instant::now().checked_add(PATIENCE)).is_err() {
            return;
        }
    }
}
