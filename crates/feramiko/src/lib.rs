//! Under construction.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod acceptor;
mod address;
mod agenda;
#[cfg(feature = "tokio")]
mod async_channel;
mod attempt;
mod auth;
mod channel;
mod client;
mod connect;
mod dial;
mod driver;
mod error;
mod helper;
mod incoming;
mod keyring;
mod limits;
mod login;
mod pending;
mod pollable;
mod process;
mod quote;
mod server;
mod server_connection;
mod session;
mod shared;
mod slot;
mod state;
mod transport;
mod verify;
mod waiters;

#[cfg(feature = "tokio")]
pub use async_channel::AsyncChannel;
pub use address::{Address, SSH_PORT};
pub use attempt::Attempt;
pub use auth::{AuthStep, Credential, Responder};
pub use channel::{Channel, Stderr};
pub use client::Client;
pub use connect::Connect;
pub use driver::socket::Socket;
pub use error::*;
pub use helper::Driver;
pub use incoming::{IncomingChannel, IncomingRequest};
pub use limits::{MaxStartups, SourceRate};
pub use pending::Pending;
pub use pollable::Pollable;
pub use process::{Command, Output, Process, Status};
pub use quote::quote;
pub use server::{Bind, Server, ServerBuilder};
pub use server_connection::{Program, ServerConnection, Session, Start, exit_status};
pub use session::Terminal;
pub use state::Traffic;
pub use transport::Transport;
pub use verify::*;

pub use feramiko_crypto::Secret;
pub use feramiko_keys::{Fingerprint, KeyError, KeyType, PrivateKey, PublicKey, Signer};
pub use feramiko_proto::{
    Algorithms, ChannelId, ClientConfig, Common, ConfigError, ConnectionError, Decision, DisconnectReason, ExitStatus,
    HostKeyQuestion, Limits, Misuse, Negotiated, OpenFailure, Phase, Prompt, Prompts, Proof, Provider, Pty, RekeyLimits, Request,
    ServerConfig, Stream, Timing, WindowSize,
};
