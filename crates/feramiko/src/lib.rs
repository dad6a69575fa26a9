//! Under construction.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(feature = "tokio")]
mod async_channel;
mod attempt;
mod auth;
mod channel;
mod driver;
mod error;
mod incoming;
mod pending;
mod pollable;
mod shared;
mod slot;
mod state;
mod transport;
mod verify;
mod waiters;

#[cfg(feature = "tokio")]
pub use async_channel::AsyncChannel;
pub use attempt::Attempt;
pub use auth::{AuthStep, Credential, Responder};
pub use channel::{Channel, Stderr};
pub use driver::socket::Socket;
pub use error::*;
pub use incoming::{IncomingChannel, IncomingRequest};
pub use pending::Pending;
pub use pollable::Pollable;
pub use transport::Transport;
pub use verify::*;

pub use feramiko_crypto::Secret;
pub use feramiko_keys::{Fingerprint, KeyError, PrivateKey, PublicKey, Signer};
pub use feramiko_proto::{
    Algorithms, ChannelId, ClientConfig, Common, ConfigError, ConnectionError, Decision, DisconnectReason, ExitStatus,
    HostKeyQuestion, Limits, Misuse, Negotiated, OpenFailure, Prompt, Prompts, Proof, Provider, Pty, RekeyLimits, Request,
    ServerConfig, Stream, Timing, WindowSize,
};
