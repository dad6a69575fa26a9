//! Which message may come when: one table, one check.

/// What a connection is doing, as far as the order of messages goes. The peer's role decides too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before the first NEWKEYS of the peer, and the peer's KEXINIT has not come.
    FirstKexInit,
    /// Before the first NEWKEYS of the peer.
    FirstKex {
        /// Strict KEX is agreed (OpenSSH PROTOCOL section 1.10): nothing but the exchange may come.
        strict: bool,
    },
    /// Encrypted; the service has not been asked for (server) or granted (client).
    Service,
    /// Authentication.
    Userauth,
    /// The connection protocol.
    Open,
}

impl Stage {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FirstKexInit | Self::FirstKex { .. } => "the first key exchange",
            Self::Service => "the start of authentication",
            Self::Userauth => "authentication",
            Self::Open => "the session",
        }
    }
}

/// Who sends a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Both,
    Client,
    Server,
}

/// What becomes of a message number in a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Handle it.
    Handle,
    /// A number that nobody here knows: answer UNIMPLEMENTED (RFC 4253 section 11.4).
    Unimplemented,
    /// It breaks the order: disconnect.
    Refuse,
}

const FIRST: u8 = 1;
const KEX: u8 = 2;
const SERVICE: u8 = 4;
const USERAUTH: u8 = 8;
const OPEN: u8 = 16;
const ALWAYS: u8 = FIRST | KEX | SERVICE | USERAUTH | OPEN;
const ENCRYPTED: u8 = SERVICE | USERAUTH | OPEN;

/// Number, sender, stages. The state machines check what goes beyond (which exchange message is next, whether a
/// channel exists); nothing outside this table reaches them.
const TABLE: [(std::ops::RangeInclusive<u8>, From, u8); 20] = [
    (1..=1, From::Both, ALWAYS),               // DISCONNECT
    (2..=4, From::Both, ALWAYS),               // IGNORE, UNIMPLEMENTED, DEBUG
    (5..=5, From::Client, SERVICE | USERAUTH), // SERVICE_REQUEST: some ask before each attempt
    (6..=6, From::Server, SERVICE),            // SERVICE_ACCEPT
    (7..=7, From::Both, ENCRYPTED),            // EXT_INFO: transport checks the exact places
    (20..=20, From::Both, ALWAYS),             // KEXINIT
    (21..=21, From::Both, KEX | ENCRYPTED),
    (30..=30, From::Client, KEX | ENCRYPTED),
    (31..=31, From::Server, KEX | ENCRYPTED),
    (32..=32, From::Client, KEX | ENCRYPTED),
    (33..=33, From::Server, KEX | ENCRYPTED),
    (34..=34, From::Client, KEX | ENCRYPTED),
    (50..=50, From::Client, USERAUTH | OPEN), // ignored once authenticated (RFC 4252 section 5.1)
    (51..=53, From::Server, USERAUTH),
    (60..=60, From::Server, USERAUTH),
    (61..=61, From::Client, USERAUTH),
    (80..=82, From::Both, OPEN),
    (90..=100, From::Both, OPEN),
    (192..=192, From::Both, ENCRYPTED), // PING: ignored before authentication
    (193..=193, From::Both, OPEN),      // PONG
];

/// The one check of order. `from_client`: the peer is the client. `rekeying`: the peer's KEXINIT of a
/// re-exchange has come and its NEWKEYS has not (RFC 4253 section 7.1).
pub(crate) fn verdict(number: u8, stage: Stage, from_client: bool, rekeying: bool) -> Verdict {
    let bit = match stage {
        Stage::FirstKexInit => FIRST,
        Stage::FirstKex { .. } => KEX,
        Stage::Service => SERVICE,
        Stage::Userauth => USERAUTH,
        Stage::Open => OPEN,
    };
    if rekeying && !matches!(number, 1..=4 | 20..=49) {
        return Verdict::Refuse;
    }
    if stage == (Stage::FirstKex { strict: true }) && matches!(number, 2..=4) {
        return Verdict::Refuse;
    }
    let Some((_, from, stages)) = TABLE.iter().find(|(numbers, ..)| numbers.contains(&number)) else {
        // Unknown numbers of the transport's own and the local range can be extensions; elsewhere
        // they would be authentication or channel messages out of order.
        let first = matches!(stage, Stage::FirstKexInit | Stage::FirstKex { .. });
        return if first
            || (bit != OPEN && (50..=191).contains(&number))
            || (20..=49).contains(&number)
            || number == 0
        {
            Verdict::Refuse
        } else {
            Verdict::Unimplemented
        };
    };
    let sender = match from {
        From::Both => true,
        From::Client => from_client,
        From::Server => !from_client,
    };
    if sender && stages & bit != 0 { Verdict::Handle } else { Verdict::Refuse }
}
