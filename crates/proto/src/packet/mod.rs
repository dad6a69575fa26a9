//! The binary packet protocol (RFC 4253 section 6).

mod compress;
mod inbound;
mod outbound;

pub(crate) use compress::{Compressor, Decompressor};
pub(crate) use inbound::{Inbound, InboundKeys};
pub(crate) use outbound::{Outbound, OutboundKeys};
