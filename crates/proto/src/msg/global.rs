//! Messages 80-82: global requests (RFC 4254 section 4).

use feramiko_wire::{Rest, messages};

messages! {
    /// RFC 4254 section 4.
    pub(crate) struct GlobalRequest<'a> = 80 {
        name: &'a str,
        want_reply: bool,
        data: Rest<'a>,
    }
    /// RFC 4254 section 4.
    pub(crate) struct RequestSuccess<'a> = 81 {
        data: Rest<'a>,
    }
    /// RFC 4254 section 4.
    pub(crate) struct RequestFailure = 82 {}
}
