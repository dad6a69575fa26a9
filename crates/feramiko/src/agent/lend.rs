//! Agent forwarding: an agent is lent to the server, or by the client.

use std::sync::Arc;

use feramiko_proto::{OpenFailure, OpenRequest, Request};

use super::client::Agent;
use super::error::AgentError;
use super::line::Framed;
use super::relay::relay;
use super::source::AgentSource;
use crate::channel::Channel;
use crate::driver::link::Link;
use crate::error::Error;
use crate::incoming::IncomingChannel;
use crate::lending::{AGENT_CHANNELS, AGENT_REQUESTS, Guest};
use crate::shared::{Handle, Shared};

impl Channel {
    /// Client: lends an agent to the server for what runs on this session channel, from before it is started
    /// (`auth-agent-req@openssh.com`, RFC 9987 section 5). Whoever is root there can then sign with its keys as long
    /// as the connection lasts, unless their [constraints](crate::agent::Constraints) say otherwise.
    ///
    /// The server's channels to it are served from now on, by a thread for each. They do not keep the connection open.
    ///
    /// # Errors
    /// The connection has ended, or the channel is closed.
    pub fn lend_agent(&self, source: impl Into<AgentSource>) -> Result<(), Error> {
        let source = source.into();
        self.shared().with(|state, _| state.lending.lend(source));
        let [name, _] = AGENT_REQUESTS;
        self.notify(&Request::Other { name: name.to_owned(), data: Vec::new() })
    }
}

/// Joins the server's channel with the agent. Takes as long as the channel is open.
pub(crate) fn receive(request: OpenRequest, source: &AgentSource, guest: Guest, shared: &Arc<Shared>) {
    let incoming = incoming(request, shared);
    let agent = source.connect_now().and_then(|agent| bind(agent, shared));
    match agent {
        Ok(agent) => {
            let framed = incoming.accept().map(|channel| Framed::new(Arc::new(channel) as Arc<dyn Link>));
            if let Ok(Ok(framed)) = framed {
                relay(&framed, &agent);
            }
        }
        Err(_) => incoming.reject(OpenFailure::CONNECT_FAILED, "the agent cannot be reached"),
    }
    drop(guest);
}

/// There is nobody to attend to the server's channel.
pub(crate) fn refuse(request: OpenRequest, shared: &Arc<Shared>) {
    incoming(request, shared).reject(OpenFailure::SHORTAGE, "too much is going on");
}

/// What comes of it does not keep the connection open: that is for whoever uses it.
fn incoming(request: OpenRequest, shared: &Arc<Shared>) -> IncomingChannel {
    IncomingChannel::new(&Arc::new(Handle::borrowed(shared)), request)
}

/// Tells the agent to whom it is lent. One that does not know what that means has no keys that depend on it.
fn bind(agent: Agent, shared: &Arc<Shared>) -> Result<Agent, Error> {
    let proof = shared.with(|state, _| state.connection.session_proof().cloned());
    match proof.map(|proof| agent.bind_now(&proof, true)) {
        Some(Err(error)) if !matches!(error, Error::Agent(AgentError::Refused { .. })) => Err(error),
        _ => Ok(agent),
    }
}

/// The kind of channel that belongs to a request to lend an agent; `None` for other requests.
pub(crate) fn channel_of(request: &Request) -> Option<&'static str> {
    let Request::Other { name, .. } = request else { return None };
    AGENT_REQUESTS.iter().zip(AGENT_CHANNELS).find(|(known, _)| *known == name).map(|(_, kind)| kind)
}
