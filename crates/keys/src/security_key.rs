//! Keys in FIDO devices (PROTOCOL.u2f of OpenSSH's sources): what is in their files, and what they say when they sign.

use feramiko_crypto::Secret;
use feramiko_wire::{Reader, Writer};

use crate::{KeyError, PublicKey};

/// What a FIDO device says beside its signature, and signs too (PROTOCOL.u2f).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SkDetails {
    pub(crate) flags: u8,
    pub(crate) counter: u32,
}

impl SkDetails {
    /// Somebody touched the device.
    pub fn user_present(&self) -> bool {
        self.flags & 1 != 0
    }

    /// The device knows who: by a PIN or a fingerprint.
    pub fn user_verified(&self) -> bool {
        self.flags & 4 != 0
    }

    /// How often the device has signed, as far as it counts.
    pub fn counter(&self) -> u32 {
        self.counter
    }
}

/// The file of a key in a FIDO device: a handle that only the device can use.
pub(crate) struct SecurityKey {
    pub(crate) public: PublicKey,
    flags: u8,
    handle: Secret,
    reserved: Vec<u8>,
}

impl SecurityKey {
    /// Reads what stands behind the public key.
    pub(crate) fn decode(public: PublicKey, reader: &mut Reader<'_>) -> Result<Self, KeyError> {
        let damaged = KeyError::damaged_by("private key");
        Ok(Self {
            public,
            flags: reader.u8().map_err(&damaged)?,
            handle: reader.string().map_err(&damaged)?.to_vec().into(),
            reserved: reader.string().map_err(damaged)?.to_vec(),
        })
    }

    /// Writes the whole key, its name first.
    pub(crate) fn encode(&self, writer: &mut Writer<'_>) {
        writer.raw(self.public.blob());
        writer.u8(self.flags);
        writer.string(self.handle.as_bytes());
        writer.string(&self.reserved);
    }
}
