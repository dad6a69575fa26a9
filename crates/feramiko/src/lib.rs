//! SSH2 for Rust programs, blocking and async, client and server.
//!
//! A [`Client`] is the short way to a server: it connects, verifies the host key, logs in and runs commands.
//!
//! ```no_run
//! # fn main() -> Result<(), feramiko::Error> {
//! let client = feramiko::Client::connect("robey@example.com").wait()?;
//! let output = client.command("uname -a").output().wait()?;
//! println!("{}, {}", String::from_utf8_lossy(&output.stdout), output.status);
//! # Ok(())
//! # }
//! ```
//!
//! A [`Server`] takes clients in. Both together, in one program:
//!
//! ```
//! use feramiko::{Client, KeyType, PrivateKey, Program, Proof, Server, Socket};
//!
//! # fn main() -> Result<(), feramiko::Error> {
//! let host_key = PrivateKey::generate(KeyType::Ed25519)?;
//! let trusted = host_key.public_key().clone();
//! // Two ends of a pipe in memory; TCP, Unix sockets, child processes and channels of other connections do as well.
//! let (near, far) = Socket::pipe();
//! let connection = Server::builder().host_key(host_key).accept_over(far)?;
//! let server = std::thread::spawn(move || {
//!     while let Some(attempt) = connection.next_auth().wait()? {
//!         let known = matches!(attempt.proof(), Proof::Password(word) if word.matches("foo"));
//!         if known && attempt.user() == "robey" { attempt.accept()? } else { attempt.reject()? }
//!     }
//!     while let Some(session) = connection.next_session().wait()? {
//!         let Some(start) = session.program().wait()? else { continue };
//!         let reply = format!("a shell: {}", start.program() == &Program::Shell);
//!         start.accept().finish(reply, "", 0).wait()?;
//!     }
//!     Ok::<_, feramiko::Error>(())
//! });
//!
//! let client = Client::connect_over(near, "robey@pipe").password("foo").host_key(trusted).wait()?;
//! assert_eq!(client.shell().output().wait()?.stdout, b"a shell: true");
//! client.close().wait();
//! server.join().unwrap()?;
//! # Ok(())
//! # }
//! ```
//!
//! How servers are written is told in [`guide::servers`].
//!
//! # Waiting and awaiting
//!
//! Every operation is a [`Pending`], or becomes one: nothing happens until a thread calls `.wait()` or a task says
//! `.await`. No runtime is needed for either. Who moves the bytes is another question, answered once for each connection: a
//! worker thread of this library or, with the feature `tokio`, a task of the current runtime ([`Driver`]). `.await` on
//! [`Client::connect`] and [`ServerBuilder::bind`] takes the runtime if there is one, `.wait()` the thread.
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! # async fn both(server: feramiko::Server) -> Result<(), feramiko::Error> {
//! // A server under tokio: a task for each connection.
//! while let Ok(connection) = server.accept().await {
//!     tokio::spawn(async move {
//!         while let Some(attempt) = connection.next_auth().await? {
//!             attempt.reject()?;
//!         }
//!         Ok::<_, feramiko::Error>(())
//!     });
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Step by step
//!
//! [`Transport`] is one connection without the conveniences: negotiate, decide about the host key, authenticate, open
//! channels. A [`Channel`] is a socket-like object: [`Read`](std::io::Read) and [`Write`](std::io::Write), with timeouts,
//! a [`pollable`](Channel::pollable) descriptor, and `into_async` under tokio. [`Client::transport`] and
//! [`ServerConnection::transport`] lead from the short ways down to it.
//!
//! # Features
//!
//! - `tokio`: the second driver, and `AsyncRead + AsyncWrite` faces of channels.
//! - `terminal`: `Command::interactive`, a shell in the terminal of this program.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod acceptor;
mod address;
mod agenda;
pub mod agent;
#[cfg(feature = "tokio")]
mod async_channel;
mod attempt;
mod auth;
mod authorized;
mod certified;
mod channel;
mod client;
pub mod config;
mod configured;
mod connect;
mod connect_trust;
mod connecting;
mod dial;
mod driver;
mod entry;
mod error;
mod forwards;
mod gate;
mod helper;
mod hostkeys;
mod identity;
mod incoming;
#[cfg(all(feature = "terminal", unix))]
mod interactive;
mod item;
mod keyring;
mod known;
mod lending;
mod limits;
mod login;
mod names;
mod pending;
mod permissions;
mod platform;
mod pollable;
mod process;
mod quote;
mod refusal;
mod rotation;
mod server;
mod server_connection;
mod session;
mod settings;
mod shared;
mod slot;
mod sorting;
mod state;
mod traffic;
mod transport;
mod trust;
mod trusted_hosts;
mod verify;
mod waiters;

pub use address::{Address, SSH_PORT};
#[cfg(feature = "tokio")]
pub use async_channel::AsyncChannel;
pub use attempt::Attempt;
pub use auth::{AuthStep, Credential, Responder};
pub use authorized::AuthorizedKeysPolicy;
pub use certified::CertificatePolicy;
pub use channel::{Channel, Piece, Stderr};
pub use client::Client;
pub use connect::Connect;
pub use driver::socket::Socket;
pub use error::*;
pub use forwards::IncomingGlobal;
pub use helper::Driver;
pub use incoming::{IncomingChannel, IncomingRequest};
pub use known::*;
pub use limits::{MaxStartups, SourceRate};
pub use pending::Pending;
pub use pollable::Pollable;
pub use process::{Command, Output, Process, Status};
pub use quote::quote;
pub use rotation::{HostKeyKeeper, UpdateHostKeys};
pub use server::{Bind, Server, ServerBuilder};
pub use server_connection::{Program, ServerConnection, Session, Start, exit_status};
pub use session::Terminal;
pub use state::Traffic;
pub use transport::Transport;
pub use trusted_hosts::TrustedHosts;
pub use verify::*;

pub use feramiko_crypto::Secret;
pub use feramiko_keys::{
    AuthorizedKey, AuthorizedKeys, Certificate, CertifiedKey, Circumstances, Denied, Fingerprint,
    HostKeyChanges, HostStatus, KeyCipher, KeyError, KeyFileInfo, KeyFormat, KeyType, KnownHosts, KnownKey,
    LookupName, Ownership, PermitList, Permits, PpkVersion, PrivateKey, PublicKey, Restrictions, RevokedKeys,
    Signer, SkDetails, SourceList, SshfpRecord, SshfpVerdict,
};
pub use feramiko_keys::{certificate, sshsig};
pub use feramiko_proto::{
    Algorithms, ChannelId, ClientConfig, Common, ConfigError, ConnectionError, Decision, DisconnectReason,
    ExitStatus, Family, HostKeyQuestion, Limits, Misuse, Negotiated, OpenFailure, Phase, Prompt, Prompts,
    Proof, Provider, Pty, RekeyLimits, Request, ServerConfig, SessionProof, Standing, Steps, Stream, Timing,
    VerifiedCertificate, VerifiedHost, VerifiedKey, WindowSize,
};

/// Guides.
#[cfg(any(doc, doctest))]
pub mod guide {
    /// Writing a server.
    #[doc = include_str!("../docs/servers.md")]
    pub mod servers {}
}

/// The examples of the project's front page compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
