//! The messages of SSH2, one table each for the ranges of RFC 4250 section 4.1, and the order in which they may come.

pub(crate) mod channel;
pub(crate) mod global;
pub(crate) mod kex;
pub(crate) mod phase;
pub(crate) mod transport;
pub(crate) mod userauth;
