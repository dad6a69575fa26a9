//! What a server may open channels for: what it was asked for, and no more (`docs/DEFECTS.md`, row 91).

use std::sync::Arc;

use feramiko_proto::Request;

use crate::agent::source::AgentSource;

/// What asks for the lending of an agent: OpenSSH's name and that of RFC 9987.
pub(crate) const AGENT_REQUESTS: [&str; 2] = ["auth-agent-req@openssh.com", "agent-req"];
/// The channels that a server then opens.
pub(crate) const AGENT_CHANNELS: [&str; 2] = ["auth-agent@openssh.com", "agent-connect"];
const X11_REQUEST: &str = "x11-req";
const X11_CHANNEL: &str = "x11";

/// Channels to a lent agent at a time.
const MAX_GUESTS: usize = 32;

/// Held as long as a channel to a lent agent is open.
pub(crate) type Guest = Arc<()>;

/// What a client has asked its server to open channels for.
#[derive(Default)]
pub(crate) struct Lending {
    agent_asked: bool,
    x11_asked: bool,
    source: Option<AgentSource>,
    guests: Guest,
}

/// What is to be done about a channel that a server opens.
pub(crate) enum Claim {
    /// It is for whoever pulls channels.
    ForAnybody,
    /// It is to the agent that is lent.
    Agent(AgentSource, Guest),
    /// There are too many of its kind.
    Full,
    /// It was not asked for.
    Refused,
}

impl Lending {
    /// An agent is lent from now on.
    pub(crate) fn lend(&mut self, source: AgentSource) {
        self.source = Some(source);
    }

    /// Something is asked of the server on a channel.
    pub(crate) fn asked(&mut self, request: &Request) {
        if let Request::Other { name, .. } = request {
            self.agent_asked |= AGENT_REQUESTS.contains(&name.as_str());
            self.x11_asked |= name == X11_REQUEST;
        }
    }

    /// The server opens a channel.
    pub(crate) fn claim(&self, kind: &str) -> Claim {
        let is_agent = AGENT_CHANNELS.contains(&kind);
        match &self.source {
            _ if (is_agent && !self.agent_asked) || (kind == X11_CHANNEL && !self.x11_asked) => {
                Claim::Refused
            }
            Some(_) if is_agent && Arc::strong_count(&self.guests) > MAX_GUESTS => Claim::Full,
            Some(source) if is_agent => Claim::Agent(source.clone(), Arc::clone(&self.guests)),
            _ => Claim::ForAnybody,
        }
    }
}
