//! Messages 50-79: authentication (RFC 4252, RFC 4256).

use feramiko_wire::{NameList, Rest, messages};

messages! {
    /// RFC 4252 section 5.
    pub(crate) struct Request<'a> = 50 {
        user: &'a str,
        service: &'a str,
        method: &'a str,
        fields: Rest<'a>,
    }
    /// RFC 4252 section 5.1.
    pub(crate) struct Failure<'a> = 51 {
        remaining: NameList<'a>,
        partial: bool,
    }
    /// RFC 4252 section 5.1.
    pub(crate) struct Success = 52 {}
    /// RFC 4252 section 5.4.
    pub(crate) struct Banner<'a> = 53 {
        message: &'a [u8],
        language: &'a [u8],
    }
    /// RFC 4252 section 7.
    pub(crate) struct PublicKeyOk<'a> = 60 {
        algorithm: &'a str,
        key: &'a [u8],
    }
    /// RFC 4252 section 8.
    pub(crate) struct PasswordChangeRequest<'a> = 60 {
        prompt: &'a [u8],
        language: &'a [u8],
    }
    /// RFC 4256 section 3.2: a count, then prompts with their echo flags.
    pub(crate) struct InfoRequest<'a> = 60 {
        name: &'a [u8],
        instruction: &'a [u8],
        language: &'a [u8],
        prompts: Rest<'a>,
    }
    /// RFC 4256 section 3.4: a count, then answers.
    pub(crate) struct InfoResponse<'a> = 61 {
        answers: Rest<'a>,
    }
}
