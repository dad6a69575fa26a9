//! Authentication (RFC 4252, RFC 4256), both sides, as states that are consumed by each message.
//!
//! Nothing here knows of key exchange beyond the proof that one is done, or of channels.

mod client;
mod hostbased;
mod request;
mod server;
mod signed;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::config::Common;
use crate::error::{ConnectionError, ProtocolError};

pub(crate) use client::Client;
pub(crate) use server::Server;

/// The service that is asked for behind authentication (RFC 4254 section 2).
const SERVICE: &str = "ssh-connection";
/// Questions in one round of keyboard-interactive, both ways.
const MAX_PROMPTS: usize = 64;
/// Bytes of banners a client listens to.
const MAX_BANNER: usize = 64 * 1024;

const PUBLICKEY: &str = "publickey";
/// OpenSSH PROTOCOL section 3.1: `publickey` whose signature covers the server's host key.
const HOSTBOUND: &str = "publickey-hostbound-v00@openssh.com";
/// RFC 4252 section 9.
const HOSTBASED: &str = "hostbased";
const PASSWORD: &str = "password";
const INTERACTIVE: &str = "keyboard-interactive";
const NONE: &str = "none";

/// What authentication stands on.
pub(crate) struct Context {
    pub(crate) common: Arc<Common>,
    pub(crate) session_id: Arc<[u8]>,
    /// The server's host key blob, of the first exchange.
    pub(crate) host_key: Option<Vec<u8>>,
    /// On a client: what the server announced so far.
    pub(crate) extensions: Extensions,
}

impl Context {
    /// Where the numbering of questions begins: elsewhere in each connection, so that an answer that goes
    /// to the wrong connection is not taken for one that was asked for.
    fn first_serial(&self) -> u64 {
        self.session_id.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }
}

/// What the server announced in EXT_INFO (RFC 8308) that concerns authentication.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extensions {
    /// RFC 8308 section 3.1; `None` when it did not say.
    pub(crate) server_sig_algs: Option<Vec<String>>,
    /// `publickey-hostbound@openssh.com` came with the value `0`.
    pub(crate) hostbound: bool,
}

/// The count of messages that is allowed in all; whoever goes beyond it loops.
struct Budget {
    left: u32,
}

impl Budget {
    fn new(left: u32) -> Self {
        Self { left }
    }

    fn spend(&mut self) -> Result<(), ConnectionError> {
        self.left = self.left.checked_sub(1).ok_or(ConnectionError::TooManyAttempts)?;
        Ok(())
    }
}

fn unexpected(payload: &[u8], state: &'static str) -> ConnectionError {
    ProtocolError::Unexpected { message: payload.first().copied().unwrap_or_default(), state }.into()
}
