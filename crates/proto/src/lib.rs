//! SSH2 without sockets, threads, clocks or a runtime: RFC 4253, RFC 4252 and RFC 4254 as one state machine for
//! both sides, [`Connection`].
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod algorithms;
mod channels;
pub mod config;
mod connection;
mod error;
mod event;
pub mod hostkeys;
mod kex;
mod msg;
mod output;
mod packet;
mod shown;
mod steps;
mod timers;
mod transport;
mod userauth;

pub use algorithms::{Family, Standing};
pub use config::{Algorithms, ClientConfig, Common, Limits, RekeyLimits, ServerConfig, Timing};
pub use connection::{Channel, Connection};
pub use error::{
    ConfigError, ConnectionError, Deadline, DisconnectReason, HostKeyError, Incompatible, Misuse, Phase,
    ProtocolError,
};
pub use event::*;
pub use feramiko_crypto::{Provider, Secret};
pub use kex::{Compression, Negotiated, SessionProof};
pub use steps::Steps;
