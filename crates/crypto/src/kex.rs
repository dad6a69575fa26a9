//! Key exchange methods, both roles (RFC 4253 section 8, RFC 5656, RFC 8731, RFC 4419 and the hybrids).

use std::fmt::Debug;

use crate::{CryptoError, HashAlgorithm, Secret};

/// How a method's messages and its secret are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KexKind {
    /// Messages 30 and 31 with shares as `string`; the secret is hashed as a `mpint` (ECDH).
    Ecdh,
    /// As [`Ecdh`](Self::Ecdh), but the secret, a digest, is hashed as a `string` (the hybrids).
    Hybrid,
    /// Messages 30 and 31 with shares as `mpint`, in a group that the name fixes (RFC 4253 section 8).
    Dh,
    /// Messages 34, 31, 32, 33: the server chooses the group (RFC 4419).
    GroupExchange,
}

/// A finite field group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhGroup {
    /// The prime, big-endian.
    pub p: Vec<u8>,
    /// The generator, big-endian.
    pub g: Vec<u8>,
}

/// A key exchange method by its SSH name.
///
/// Shares are as inside their `string`, or the big-endian magnitude where they are `mpint`s; an
/// implementation checks them (exact lengths, points on the curve, `[2, p-2]`, no zero secret).
/// `group` is `Some` exactly for [`KexKind::GroupExchange`]; both roles refuse groups that are not
/// 2048 to 8192 bits, even, or with a generator outside `[2, p-2]`.
pub trait Kex: Debug + Send + Sync {
    /// The name in KEXINIT.
    fn name(&self) -> &'static str;
    /// The hash of the exchange.
    fn hash(&self) -> HashAlgorithm;
    /// How messages and secret are written.
    fn kind(&self) -> KexKind;
    /// The client's part: makes the ephemeral key.
    fn start(&self, group: Option<&DhGroup>) -> Result<Box<dyn Started>, CryptoError>;
    /// The server's part, in one step.
    fn respond(&self, group: Option<&DhGroup>, client_share: &[u8]) -> Result<Response, CryptoError>;
}

/// A client's key exchange that waits for the server's share.
pub trait Started: Send {
    /// What goes to the server.
    fn share(&self) -> &[u8];
    /// The shared secret: fixed width where it is hashed as a string, magnitude (leading zeros allowed) else.
    fn finish(self: Box<Self>, server_share: &[u8]) -> Result<Secret, CryptoError>;
}

/// The server's half.
#[derive(Debug)]
pub struct Response {
    /// What goes to the client.
    pub share: Vec<u8>,
    /// As from [`Started::finish`].
    pub secret: Secret,
}
