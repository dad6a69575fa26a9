//! What the peer asks for: channels, and requests on them.

use std::sync::Arc;
use std::time::Instant;

use feramiko_proto::{ChannelId, ChannelRequest, OpenFailure, OpenRequest, Request};

use crate::channel::{Channel, no_such_channel};
use crate::error::Error;
use crate::pending::Pending;
use crate::shared::Handle;
use crate::slot::Slot;
use crate::state::State;
use crate::waiters::Side;

/// The peer wants a channel. Dropped unanswered, it is refused as administratively prohibited.
pub struct IncomingChannel {
    handle: Arc<Handle>,
    request: Option<OpenRequest>,
}

impl IncomingChannel {
    pub(crate) fn new(handle: &Arc<Handle>, request: OpenRequest) -> Self {
        Self { handle: Arc::clone(handle), request: Some(request) }
    }

    /// `session`, `direct-tcpip`, …
    pub fn kind(&self) -> &str {
        self.request.as_ref().map_or("", OpenRequest::kind)
    }

    /// What follows in the message, by kind.
    pub fn data(&self) -> &[u8] {
        self.request.as_ref().map_or(&[], OpenRequest::data)
    }

    /// Opens it.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn accept(mut self) -> Result<Channel, Error> {
        let request = self.request.take().ok_or_else(no_such_channel)?;
        let id = self.handle.0.with(|state, now| {
            state.alive()?;
            let id = state.connection.accept_channel(request, now)?;
            state.slots.insert(id, Slot::accepted());
            Ok::<_, Error>(id)
        })?;
        Ok(Channel::new(Arc::clone(&self.handle), id))
    }

    /// Refuses it: a code of [`OpenFailure`], and words for the peer.
    pub fn reject(mut self, reason: u32, description: &str) {
        self.refuse(OpenFailure { reason, description: description.to_owned() });
    }

    fn refuse(&mut self, failure: OpenFailure) {
        if let Some(request) = self.request.take() {
            self.handle.0.with(|state, now| state.connection.reject_channel(request, failure, now));
        }
    }
}

impl Drop for IncomingChannel {
    fn drop(&mut self) {
        self.refuse(OpenFailure { reason: OpenFailure::PROHIBITED, description: "refused".to_owned() });
    }
}

impl std::fmt::Debug for IncomingChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("IncomingChannel").field(&self.request).finish()
    }
}

impl Channel {
    /// The peer's next request on this channel; `None` once the channel is closed and all have been pulled. On a channel
    /// that this side opened, requests that came before this was called for the first time have been refused.
    pub fn next_request(&self) -> Pending<Result<Option<IncomingRequest>, Error>> {
        let channel = self.clone();
        Pending::new(async move {
            let id = channel.id();
            let check = |state: &mut State, now| next_request(state, id, now).transpose();
            let request = channel.shared().until(channel.topic(Side::Requests), check).await?;
            Ok(request.map(|request| IncomingRequest::new(channel.clone(), request)))
        })
    }
}

fn next_request(
    state: &mut State,
    id: ChannelId,
    now: Instant,
) -> Result<Option<Option<ChannelRequest>>, Error> {
    if let Some(request) = state.slots.get_mut(&id).and_then(Slot::next_request) {
        return Ok(Some(Some(request)));
    }
    state.alive()?;
    Ok(state.connection.channel(id, now).is_none_or(|channel| channel.is_closed()).then_some(None))
}

/// The peer asks something of a channel. Dropped unanswered, it is refused.
pub struct IncomingRequest {
    channel: Channel,
    request: Option<ChannelRequest>,
}

impl IncomingRequest {
    pub(crate) fn new(channel: Channel, request: ChannelRequest) -> Self {
        Self { channel, request: Some(request) }
    }

    /// What it asks.
    pub fn request(&self) -> &Request {
        self.request.as_ref().map_or(&Request::EndOfWrite, ChannelRequest::request)
    }

    /// What the peer has sent: the same, unless a command is forced on its login, which then takes the place of whatever
    /// it wants to run.
    pub fn as_sent(&self) -> &Request {
        self.request.as_ref().map_or(&Request::EndOfWrite, ChannelRequest::as_sent)
    }

    /// Whether the peer waits for the answer.
    pub fn want_reply(&self) -> bool {
        self.request.as_ref().is_some_and(ChannelRequest::want_reply)
    }

    /// Says yes, where an answer is wanted.
    pub fn accept(mut self) {
        self.answer(true);
    }

    /// Says no, where an answer is wanted.
    pub fn reject(mut self) {
        self.answer(false);
    }

    fn answer(&mut self, success: bool) {
        if let Some(request) = self.request.take() {
            self.channel.shared().with(|state, now| state.connection.answer_request(request, success, now));
        }
    }
}

impl Drop for IncomingRequest {
    fn drop(&mut self) {
        self.answer(false);
    }
}

impl std::fmt::Debug for IncomingRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("IncomingRequest").field(&self.request).finish()
    }
}
