//! Messages 1-19 (RFC 4253 section 11, RFC 8308) and the local extensions 192-193 (OpenSSH PROTOCOL section 1.9).

use feramiko_wire::{Rest, messages};

messages! {
    /// RFC 4253 section 11.1. Old peers leave the language tag out: see [`read_disconnect`].
    pub(crate) struct Disconnect<'a> = 1 {
        reason: u32,
        description: &'a [u8],
        language: &'a [u8],
    }
    /// RFC 4253 section 11.2.
    pub(crate) struct Ignore<'a> = 2 {
        data: &'a [u8],
    }
    /// RFC 4253 section 11.4.
    pub(crate) struct Unimplemented = 3 {
        sequence: u32,
    }
    /// RFC 4253 section 11.3.
    pub(crate) struct Debug<'a> = 4 {
        always_display: bool,
        message: &'a [u8],
        language: &'a [u8],
    }
    /// RFC 4253 section 10.
    pub(crate) struct ServiceRequest<'a> = 5 {
        service: &'a str,
    }
    /// RFC 4253 section 10.
    pub(crate) struct ServiceAccept<'a> = 6 {
        service: &'a str,
    }
    /// RFC 8308 section 2.3: a count, then pairs of strings.
    pub(crate) struct ExtInfo<'a> = 7 {
        extensions: Rest<'a>,
    }
    /// OpenSSH PROTOCOL section 1.9.
    pub(crate) struct Ping<'a> = 192 {
        data: &'a [u8],
    }
    /// OpenSSH PROTOCOL section 1.9.
    pub(crate) struct Pong<'a> = 193 {
        data: &'a [u8],
    }
}

/// Reason and description; the language tag may be missing.
pub(crate) fn read_disconnect(payload: &[u8]) -> Option<(u32, &[u8])> {
    let mut reader = feramiko_wire::Reader::new(payload);
    reader.u8().ok()?;
    Some((reader.u32().ok()?, reader.string().unwrap_or_default()))
}
