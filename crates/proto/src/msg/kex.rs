//! Messages 20-49: negotiation and key exchange (RFC 4253 sections 7 and 8, RFC 4419, RFC 5656).

use feramiko_wire::{Mpint, NameList, messages};

messages! {
    /// RFC 4253 section 7.1.
    pub(crate) struct KexInit<'a> = 20 {
        cookie: [u8; 16],
        kex: NameList<'a>,
        host_key: NameList<'a>,
        cipher_to_server: NameList<'a>,
        cipher_to_client: NameList<'a>,
        mac_to_server: NameList<'a>,
        mac_to_client: NameList<'a>,
        compression_to_server: NameList<'a>,
        compression_to_client: NameList<'a>,
        languages_to_server: NameList<'a>,
        languages_to_client: NameList<'a>,
        first_kex_packet_follows: bool,
        reserved: u32,
    }
    /// RFC 4253 section 7.3.
    pub(crate) struct NewKeys = 21 {}

    /// RFC 5656 section 4; the hybrids use it too.
    pub(crate) struct EcdhInit<'a> = 30 {
        share: &'a [u8],
    }
    /// RFC 5656 section 4.
    pub(crate) struct EcdhReply<'a> = 31 {
        host_key: &'a [u8],
        share: &'a [u8],
        signature: &'a [u8],
    }

    /// RFC 4253 section 8.
    pub(crate) struct DhInit<'a> = 30 {
        share: Mpint<'a>,
    }
    /// RFC 4253 section 8.
    pub(crate) struct DhReply<'a> = 31 {
        host_key: &'a [u8],
        share: Mpint<'a>,
        signature: &'a [u8],
    }

    /// RFC 4419 section 3.
    pub(crate) struct GexRequest = 34 {
        min: u32,
        preferred: u32,
        max: u32,
    }
    /// RFC 4419 section 3.
    pub(crate) struct GexGroup<'a> = 31 {
        p: Mpint<'a>,
        g: Mpint<'a>,
    }
    /// RFC 4419 section 3.
    pub(crate) struct GexInit<'a> = 32 {
        share: Mpint<'a>,
    }
    /// RFC 4419 section 3.
    pub(crate) struct GexReply<'a> = 33 {
        host_key: &'a [u8],
        share: Mpint<'a>,
        signature: &'a [u8],
    }
}
