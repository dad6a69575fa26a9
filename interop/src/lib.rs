//! Other SSH implementations, started and asked in one manner, so that tests can set feramiko beside them.
//!
//! - [`Sshd`] and [`Ssh`]: OpenSSH's real server and client, with everything that they may be told.
//! - [`SshAgent`] and [`ssh_add`]: OpenSSH's agent, and its program that speaks to agents.
//! - [`Tmux`]: terminals to type into and to read.
//! - [`Selector`]: a Python process that watches a descriptor with `select`.
//! - [`Foreign`]: OpenSSH, asyncssh, paramiko and russh behind one face: a server to connect to, and clients that run
//!   [`Job`]s.
//! - [`OurServer`], [`connect`] and [`our_client`]: feramiko in the same roles, told by the same words.
//! - [`Dropbear`] and [`dbclient`]: dropbear's server and client.
//! - [`Matrix`]: which algorithm met which of them, printed as a table; an empty cell is a failure.
//!
//! This is test code: where a fixture cannot do its work it panics and says why. What has to be on the machine is set
//! up by `cargo xtask peers`; `README.md` beside this crate tells how the peers are spoken to.

mod accounts;
mod agent;
mod algorithms;
mod data;
mod dropbear;
mod job;
mod keys;
mod matrix;
mod our_client;
mod our_server;
mod peer;
mod places;
mod process;
mod selector;
mod ssh;
mod sshd;
mod tmux;

pub use accounts::{EXPIRED_USER, PASSWORD, USER};
pub use agent::{SshAgent, ssh_add};
pub use algorithms::{Category, NO_CLIENT, NO_SERVER, names};
pub use data::{Digest, sha256_hex, test_data, test_data_sha256};
pub use dropbear::{Dropbear, dbclient};
pub use job::{Bytes, Job, Negotiated, Offer, Outcome};
pub use keys::{KeyFile, KeyType, PASSPHRASE, host_key, host_keys, sealed_user_key, user_key, user_keys};
pub use matrix::Matrix;
pub use our_client::{connect, our_client, public_key};
pub use our_server::{OurServer, Seen};
pub use peer::{Direction, Foreign, ForeignServer, ServerSpec, python_command};
pub use places::program;
pub use process::{Finished, PATIENCE, Running, run};
pub use selector::Selector;
pub use ssh::Ssh;
pub use sshd::{Sshd, SshdBuilder};
pub use tmux::{Pane, Tmux};
