//! Key exchange (RFC 4253 sections 7 to 9): negotiation, one exchange in either role, and the keys that come of it.

mod client;
mod exchange;
mod groups;
mod negotiate;
mod server;

pub(crate) use client::Client;
pub use exchange::SessionProof;
pub(crate) use exchange::{Context, Done, Protected, Setting, Versions};
pub(crate) use negotiate::{Agreed, Markers, Offer};
pub use negotiate::{Compression, Negotiated};
pub(crate) use server::Server;
