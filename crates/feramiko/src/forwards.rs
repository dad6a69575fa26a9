//! What a client asks of the connection: to listen for it.

use std::sync::Arc;

use feramiko_proto::{GlobalRequest, Misuse};

use crate::error::Error;
use crate::pending::Pending;
use crate::permissions::FORWARD_REQUESTS;
use crate::shared::Handle;
use crate::state::State;
use crate::transport::Transport;
use crate::waiters::Topic;

/// The peer asks something of the connection: to listen for it, or to end that. Dropped unanswered, it is refused.
pub struct IncomingGlobal {
    handle: Arc<Handle>,
    request: Option<GlobalRequest>,
}

impl Transport {
    /// Server: what the client asks of the connection next: to listen for it, or to end that. What its login may not do has
    /// been refused before. Before this has been called for the first time, all of it is refused.
    pub fn next_global(&self) -> Pending<Result<IncomingGlobal, Error>> {
        let handle = Arc::clone(&self.handle);
        Pending::new(async move {
            handle.0.with(|state, _| {
                state.alive()?;
                if state.connection.is_client() {
                    return Err(Misuse::WrongRole.into());
                }
                state.hear(&FORWARD_REQUESTS);
                Ok::<_, Error>(())
            })?;
            let check = |state: &mut State, _| match state.globals.pop_front() {
                Some(request) if state.cause.is_none() => Some(Ok(request)),
                _ => state.cause.clone().map(Err),
            };
            let request = handle.0.until(Topic::Globals, check).await?;
            Ok(IncomingGlobal { handle: Arc::clone(&handle), request: Some(request) })
        })
    }
}

impl IncomingGlobal {
    /// `tcpip-forward`, `cancel-tcpip-forward` (RFC 4254 section 7.1), `streamlocal-forward@openssh.com`,
    /// `cancel-streamlocal-forward@openssh.com` (OpenSSH PROTOCOL section 2.4).
    pub fn name(&self) -> &str {
        self.request.as_ref().map_or("", GlobalRequest::name)
    }

    /// What follows in the message, by name.
    pub fn data(&self) -> &[u8] {
        self.request.as_ref().map_or(&[], GlobalRequest::data)
    }

    /// Whether the peer waits for the answer.
    pub fn want_reply(&self) -> bool {
        self.request.as_ref().is_some_and(GlobalRequest::want_reply)
    }

    /// Says yes, with what the name of the request calls for: the port, where the peer has left it to us.
    pub fn accept(mut self, reply: &[u8]) {
        self.answer(Some(reply));
    }

    /// Says no.
    pub fn reject(mut self) {
        self.answer(None);
    }

    fn answer(&mut self, reply: Option<&[u8]>) {
        if let Some(request) = self.request.take() {
            self.handle.0.with(|state, now| state.connection.answer_global(request, reply, now));
        }
    }
}

impl Drop for IncomingGlobal {
    fn drop(&mut self) {
        self.answer(None);
    }
}

impl std::fmt::Debug for IncomingGlobal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("IncomingGlobal").field(&self.request).finish()
    }
}
