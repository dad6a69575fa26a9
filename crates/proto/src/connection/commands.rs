//! What the application asks of a connection.

use std::time::Instant;

use super::{Channel, Connection, Service};
use crate::error::{DisconnectReason, Misuse};
use crate::event::{ChannelId, GlobalId, Method};

impl Connection {
    /// Client: tries to log `user` in. One attempt at a time, after [`Event::Ready`](crate::Event::Ready); the outcome is
    /// [`Event::Authentication`](crate::Event::Authentication).
    ///
    /// # Errors
    /// [`Misuse`] when it is not the time for it.
    pub fn authenticate(&mut self, user: &str, method: Method, now: Instant) -> Result<(), Misuse> {
        self.command(now, |this| match &mut this.service {
            Service::Client(client) => client.authenticate(user, method, &mut this.out),
            Service::Open(_) => Err(Misuse::AlreadyAuthenticated),
            Service::Server(_) => Err(Misuse::WrongRole),
            Service::None if this.role.is_client() => Err(Misuse::NotReady),
            Service::None => Err(Misuse::WrongRole),
        })
    }

    /// Client: gives up an attempt that ended in [`Event::PasswordExpired`](crate::Event::PasswordExpired).
    ///
    /// # Errors
    /// [`Misuse`] when no password has expired.
    pub fn decline_password_change(&mut self, now: Instant) -> Result<(), Misuse> {
        self.command(now, |this| match &mut this.service {
            Service::Client(client) => client.decline_password_change(&mut this.out),
            _ => Err(Misuse::WrongRole),
        })
    }

    /// Server: says something to the user before authentication is done (RFC 4252 section 5.4).
    ///
    /// # Errors
    /// [`Misuse`] when it is not the time for it.
    pub fn send_banner(&mut self, text: &str, now: Instant) -> Result<(), Misuse> {
        self.command(now, |this| match &mut this.service {
            Service::Server(server) => server.send_banner(text, &mut this.out),
            Service::Open(_) => Err(Misuse::AlreadyAuthenticated),
            Service::Client(_) => Err(Misuse::WrongRole),
            Service::None => Err(Misuse::NotReady),
        })
    }

    /// Opens a channel of this kind (RFC 4254 section 5.1); `data` is what the kind defines. The outcome is
    /// [`Event::Opened`](crate::Event::Opened) or [`Event::OpenFailed`](crate::Event::OpenFailed).
    ///
    /// # Errors
    /// [`Misuse`] before authentication, for a kind that is no name, or beyond the limit of channels.
    pub fn open(&mut self, kind: &str, data: &[u8], now: Instant) -> Result<ChannelId, Misuse> {
        self.command(now, |this| match &mut this.service {
            Service::Open(channels) => channels.open(kind, data, &mut this.out),
            _ => Err(Misuse::NotAuthenticated),
        })
    }

    /// Asks something of the peer (RFC 4254 section 4). With `want_reply` the outcome is
    /// [`Event::GlobalAnswered`](crate::Event::GlobalAnswered).
    ///
    /// # Errors
    /// [`Misuse`] before authentication, or for a name that is none.
    pub fn global_request(
        &mut self,
        name: &str,
        data: &[u8],
        want_reply: bool,
        now: Instant,
    ) -> Result<Option<GlobalId>, Misuse> {
        self.command(now, |this| match &mut this.service {
            Service::Open(channels) => channels.global_request(name, data, want_reply, &mut this.out),
            _ => Err(Misuse::NotAuthenticated),
        })
    }

    /// Names global requests that come as [`Event::Global`](crate::Event::Global), beside those that were named before.
    /// All others are refused at once.
    pub fn handle_global(&mut self, names: &[&str]) {
        for name in names {
            if !self.global_names.iter().any(|known| known == name) {
                self.global_names.push((*name).to_owned());
            }
        }
        if let Service::Open(channels) = &mut self.service {
            channels.handle_global(&self.global_names);
        }
    }

    /// Client: promises that no further session will be opened on this connection
    /// (`no-more-sessions@openssh.com`, OpenSSH PROTOCOL section 2.2).
    ///
    /// # Errors
    /// [`Misuse`] before authentication, or on a server.
    pub fn no_more_sessions(&mut self, now: Instant) -> Result<(), Misuse> {
        self.command(now, |this| match &mut this.service {
            Service::Open(channels) if this.role.is_client() => channels.no_more_sessions(&mut this.out),
            Service::Open(_) => Err(Misuse::WrongRole),
            _ => Err(Misuse::NotAuthenticated),
        })
    }

    /// Exchanges keys anew, unless that is under way. Does nothing before authentication.
    pub fn rekey(&mut self, now: Instant) {
        self.attempt(now, |this| this.transport.rekey(&mut this.out));
    }

    /// Ends the connection with SSH_MSG_DISCONNECT, behind everything that was sent before. What is to be sent
    /// remains to be taken.
    pub fn disconnect(&mut self, reason: DisconnectReason, description: &str, now: Instant) {
        self.attempt(now, |this| {
            this.leaving = Some((reason, description.to_owned()));
            // During the first exchange nothing waits that could be lost.
            if !this.transport.is_authenticated() {
                this.leave_now();
            }
            Ok(())
        });
    }

    /// A channel to work with; `None` when it is gone.
    pub fn channel(&mut self, id: ChannelId, now: Instant) -> Option<Channel<'_>> {
        self.out.set_now(now);
        match &mut self.service {
            Service::Open(channels) => channels.channel(id, &mut self.out),
            _ => None,
        }
    }

    /// Runs a command that can be refused.
    pub(super) fn command<T>(
        &mut self,
        now: Instant,
        command: impl FnOnce(&mut Self) -> Result<T, Misuse>,
    ) -> Result<T, Misuse> {
        self.out.set_now(now);
        if self.ended.is_some() {
            return Err(Misuse::ConnectionClosed);
        }
        let result = command(self);
        self.settle();
        result
    }
}
