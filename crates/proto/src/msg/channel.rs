//! Messages 90-100: channels (RFC 4254 section 5).

use feramiko_wire::{DecodeError, Reader, Rest, messages};

messages! {
    /// RFC 4254 section 5.1.
    pub(crate) struct Open<'a> = 90 {
        kind: &'a str,
        sender: u32,
        window: u32,
        packet: u32,
        data: Rest<'a>,
    }
    /// RFC 4254 section 5.1.
    pub(crate) struct OpenConfirmation<'a> = 91 {
        recipient: u32,
        sender: u32,
        window: u32,
        packet: u32,
        data: Rest<'a>,
    }
    /// RFC 4254 section 5.1. Old peers leave the language tag out: see [`read_open_failure`].
    pub(crate) struct OpenFailure<'a> = 92 {
        recipient: u32,
        reason: u32,
        description: &'a [u8],
        language: &'a [u8],
    }
    /// RFC 4254 section 5.2.
    pub(crate) struct WindowAdjust = 93 {
        recipient: u32,
        bytes: u32,
    }
    /// RFC 4254 section 5.2.
    pub(crate) struct Data<'a> = 94 {
        recipient: u32,
        data: &'a [u8],
    }
    /// RFC 4254 section 5.2.
    pub(crate) struct ExtendedData<'a> = 95 {
        recipient: u32,
        kind: u32,
        data: &'a [u8],
    }
    /// RFC 4254 section 5.3.
    pub(crate) struct Eof = 96 {
        recipient: u32,
    }
    /// RFC 4254 section 5.3.
    pub(crate) struct Close = 97 {
        recipient: u32,
    }
    /// RFC 4254 section 5.4.
    pub(crate) struct Request<'a> = 98 {
        recipient: u32,
        name: &'a str,
        want_reply: bool,
        data: Rest<'a>,
    }
    /// RFC 4254 section 5.4.
    pub(crate) struct RequestSuccess = 99 {
        recipient: u32,
    }
    /// RFC 4254 section 5.4.
    pub(crate) struct RequestFailure = 100 {
        recipient: u32,
    }
}

/// An open failure whose language tag may be missing.
pub(crate) fn read_open_failure(payload: &[u8]) -> Result<OpenFailure<'_>, DecodeError> {
    let mut reader = Reader::new(payload);
    reader.u8()?;
    let (recipient, reason, description) = (reader.u32()?, reader.u32()?, reader.string()?);
    let language = if reader.is_empty() { Default::default() } else { reader.string()? };
    reader.finish()?;
    Ok(OpenFailure { recipient, reason, description, language })
}
