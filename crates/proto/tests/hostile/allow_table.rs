//! Every message number in every state, for both roles, against a table read off the RFCs.

use feramiko_keys::PublicKey;
use feramiko_proto::{ConnectionError, Decision, Method, ProtocolError, Secret};

use crate::support::{Rig, Setup, ext_info, interactive_request, message, password_request, strings};

/// Where a connection is when the message comes. The names say what the peer of the connection has done last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its version line.
    Identified,
    /// Its first KEXINIT.
    Offered { strict: bool },
    /// Its share or reply, and our side's owner has not signed or trusted yet.
    SharedUnanswered,
    /// Its share or reply, and we have sent NEWKEYS.
    Shared { strict: bool },
    /// NEWKEYS.
    Keyed,
    /// NEWKEYS, IGNORE.
    KeyedLater,
    /// Asked for, or granted, `ssh-userauth`; nothing is under way.
    Userauth,
    /// Server: a password that the application has not judged yet.
    Asked,
    /// Server: a keyboard-interactive request, and it was asked a question.
    Questioned,
    /// Client: a request with this method is under way.
    Requested(Tried),
    /// Client: keyboard-interactive, the questions have come and are not answered.
    Questions,
    /// Client: it was told which key, and the owner has not signed yet.
    Signing,
    /// Client: a password is under way, and EXT_INFO has come.
    ExtInfoLate,
    /// Logged in.
    Open,
    /// Logged in; we have sent KEXINIT, the peer has not.
    WeOffered,
    /// Logged in; KEXINIT.
    Rekeying,
    /// Logged in; KEXINIT, and the share or the reply.
    RekeyShared,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tried {
    None,
    Password,
    Query,
    Interactive,
}

use State::*;

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is handled, or silently ignored.
    Taken,
    /// SSH_MSG_UNIMPLEMENTED with its sequence number (RFC 4253 section 11.4).
    Unimplemented,
    /// Disconnect, protocol error.
    Refused,
    /// It is SSH_MSG_DISCONNECT.
    Ends,
    /// A message about a channel or request that does not exist: dropped, or a protocol error; nothing is granted.
    Stray,
}

/// Before the first NEWKEYS, during, after.
fn taken_always(state: State) -> &'static [u8] {
    match state {
        // RFC 4253 section 11: at any time. OpenSSH PROTOCOL section 1.10: not in a strict first exchange.
        Offered { strict: true } | Shared { strict: true } | SharedUnanswered => &[],
        // RFC 8308 section 2.4: nothing but SUCCESS.
        ExtInfoLate => &[],
        _ => &[2, 3, 4],
    }
}

fn server_takes(state: State) -> &'static [u8] {
    match state {
        Identified => &[20],
        Offered { .. } => &[30],
        Shared { .. } => &[21],
        SharedUnanswered => &[],
        Keyed => &[5, 7, 20, 192],
        KeyedLater => &[5, 20, 192],
        // Paramiko asks for the service before each attempt.
        Userauth | Asked => &[5, 20, 50, 192],
        Questioned => &[5, 20, 50, 61, 192],
        // RFC 4252 section 5.1: requests behind the one that succeeded are ignored.
        Open | WeOffered => &[20, 50, 80, 90, 192, 193],
        Rekeying => &[30],
        RekeyShared => &[21],
        Requested(_) | Questions | Signing | ExtInfoLate => unreachable!("states of a client"),
    }
}

fn client_takes(state: State) -> &'static [u8] {
    match state {
        Identified => &[20],
        Offered { .. } => &[31],
        // The server need not wait for us with its NEWKEYS.
        Shared { .. } | SharedUnanswered => &[21],
        Keyed => &[6, 7, 20, 192],
        KeyedLater => &[6, 20, 192],
        // RFC 4252 section 5.4: a banner at any time. RFC 8308 section 2.4: EXT_INFO just before SUCCESS.
        Userauth | Questions | Signing => &[7, 20, 53, 192],
        Requested(Tried::None) => &[7, 20, 51, 52, 53, 192],
        Requested(Tried::Password | Tried::Interactive) => &[7, 20, 51, 52, 53, 60, 192],
        Requested(Tried::Query) => &[7, 20, 51, 53, 60, 192],
        ExtInfoLate => &[52],
        Open | WeOffered => &[20, 80, 90, 192, 193],
        Rekeying => &[31],
        RekeyShared => &[21],
        Asked | Questioned => unreachable!("states of a server"),
    }
}

fn fate(client: bool, state: State, number: u8) -> Fate {
    let takes = if client { client_takes(state) } else { server_takes(state) };
    if number == 1 {
        return Fate::Ends;
    }
    if takes.contains(&number) || taken_always(state).contains(&number) {
        return Fate::Taken;
    }
    match state {
        // Nothing is known to be what it seems before keys are agreed on, and during an exchange.
        Identified | Offered { .. } | SharedUnanswered | Shared { .. } | Rekeying | RekeyShared => {
            Fate::Refused
        }
        ExtInfoLate => Fate::Refused,
        Open | WeOffered => match number {
            81 | 82 | 91..=100 => Fate::Stray,
            // Numbers that RFC 4250 leaves open, but for those of key exchanges.
            8..=19 | 54..=59 | 62..=79 | 83..=89 | 101..=191 | 194..=255 => Fate::Unimplemented,
            _ => Fate::Refused,
        },
        // Authentication and channels have their time; the transport's own and the local numbers may be extensions.
        _ => match number {
            8..=19 | 194..=255 => Fate::Unimplemented,
            _ => Fate::Refused,
        },
    }
}

const SERVER: [State; 15] = [
    Identified,
    Offered { strict: true },
    Offered { strict: false },
    SharedUnanswered,
    Shared { strict: true },
    Shared { strict: false },
    Keyed,
    KeyedLater,
    Userauth,
    Asked,
    Questioned,
    Open,
    WeOffered,
    Rekeying,
    RekeyShared,
];

const CLIENT: [State; 20] = [
    Identified,
    Offered { strict: true },
    Offered { strict: false },
    SharedUnanswered,
    Shared { strict: true },
    Shared { strict: false },
    Keyed,
    KeyedLater,
    Userauth,
    Requested(Tried::None),
    Requested(Tried::Password),
    Requested(Tried::Query),
    Requested(Tried::Interactive),
    Questions,
    Signing,
    ExtInfoLate,
    Open,
    WeOffered,
    Rekeying,
    RekeyShared,
];

fn user_key() -> PublicKey {
    PublicKey::from_parts(feramiko_crypto::signing::PublicParts::Ed25519(&[3; 32])).unwrap()
}

/// The share, or the reply to the one that was heard.
fn share(rig: &mut Rig) {
    if rig.conn.is_client() {
        let theirs = rig.heard.iter().rfind(|payload| payload[0] == 30).unwrap().clone();
        let reply = rig.peer.reply(&theirs);
        rig.send(&reply);
    } else {
        rig.peer.send_share();
        rig.pump();
    }
}

fn reach(client: bool, state: State) -> Rig {
    let strict = !matches!(state, Offered { strict: false } | Shared { strict: false });
    let setup = Setup::fake(client);
    let mut rig = if strict { setup.rig() } else { setup.not_strict().rig() };
    match state {
        Identified | Offered { .. } | SharedUnanswered | Shared { .. } => {
            rig.peer.auto = false;
            rig.identify();
            if state != Identified {
                rig.peer.send_kexinit();
                rig.pump();
            }
            if state == SharedUnanswered {
                rig.trust = None;
                rig.sign = false;
            }
            if matches!(state, SharedUnanswered | Shared { .. }) {
                share(&mut rig);
            }
        }
        Keyed | KeyedLater => {
            rig.exchange();
            if state == KeyedLater {
                rig.send(&strings(2, &["x"]));
            }
        }
        Userauth | Asked | Questioned | Requested(_) | Questions | Signing | ExtInfoLate => {
            rig.service();
            authenticating(&mut rig, state);
        }
        Open | WeOffered | Rekeying | RekeyShared => {
            rig.login();
            rig.peer.auto = false;
            match state {
                WeOffered => {
                    rig.conn.rekey(rig.now);
                    rig.pump();
                }
                Rekeying | RekeyShared => {
                    rig.peer.send_kexinit();
                    rig.pump();
                    if state == RekeyShared {
                        share(&mut rig);
                    }
                }
                _ => {}
            }
        }
    }
    rig.assert_alive();
    rig.peer.auto = false;
    rig
}

fn authenticating(rig: &mut Rig, state: State) {
    let key = |query| Method::PublicKey { key: user_key(), algorithm: None, query };
    match state {
        Asked => {
            rig.decision = None;
            rig.send(&password_request("robey", "foo"));
        }
        Questioned => rig.send(&interactive_request("robey")),
        Requested(Tried::None) => rig.authenticate(Method::None),
        Requested(Tried::Password) => rig.authenticate(Method::Password(Secret::from("foo"))),
        Requested(Tried::Query) => rig.authenticate(key(true)),
        Requested(Tried::Interactive) => {
            rig.authenticate(Method::KeyboardInteractive { submethods: String::new() });
        }
        Questions => {
            rig.authenticate(Method::KeyboardInteractive { submethods: String::new() });
            rig.send(&body(rig, state, 60));
        }
        Signing => {
            rig.sign = false;
            rig.authenticate(key(false));
        }
        ExtInfoLate => {
            rig.authenticate(Method::Password(Secret::from("foo")));
            rig.send(&ext_info(&[]));
        }
        _ => {}
    }
}

/// A message that is well formed where it may come.
fn body(rig: &Rig, state: State, number: u8) -> Vec<u8> {
    match number {
        1 => message(1, |writer| {
            writer.u32(11);
            writer.string(b"bye");
            writer.string(b"");
        }),
        2 | 192 | 193 => strings(number, &["x"]),
        3 => message(3, |writer| writer.u32(0)),
        4 => message(4, |writer| {
            writer.boolean(true);
            writer.string(b"x");
            writer.string(b"");
        }),
        5 | 6 => strings(number, &["ssh-userauth"]),
        7 => ext_info(&[]),
        20 => rig.peer.offer.payload(),
        30 => message(30, |writer| writer.string(&[1; 32])),
        50 => password_request("robey", "foo"),
        51 => message(51, |writer| {
            writer.string(b"password");
            writer.boolean(false);
        }),
        60 => match state {
            Requested(Tried::Password) => strings(60, &["expired", ""]),
            Requested(Tried::Query) => message(60, |writer| {
                writer.string(b"ssh-ed25519");
                writer.string(user_key().blob());
            }),
            _ => message(60, |writer| {
                for text in ["", "", ""] {
                    writer.string(text.as_bytes());
                }
                writer.u32(0);
            }),
        },
        53 => strings(53, &["words", ""]),
        61 => message(61, |writer| {
            writer.u32(1);
            writer.string(b"answer");
        }),
        80 => message(80, |writer| {
            writer.string(b"x");
            writer.boolean(false);
        }),
        90 => message(90, |writer| {
            writer.string(b"session");
            for number in [0, 1 << 20, 1 << 15] {
                writer.u32(number);
            }
        }),
        91 => {
            message(91, |writer| [7, 0, 1 << 20, 1 << 15].into_iter().for_each(|number| writer.u32(number)))
        }
        92 => message(92, |writer| {
            writer.u32(7);
            writer.u32(1);
            writer.string(b"");
            writer.string(b"");
        }),
        93 => message(93, |writer| [7, 1].into_iter().for_each(|number| writer.u32(number))),
        94 => message(94, |writer| {
            writer.u32(7);
            writer.string(b"x");
        }),
        95 => message(95, |writer| {
            writer.u32(7);
            writer.u32(1);
            writer.string(b"x");
        }),
        96 | 97 | 99 | 100 => message(number, |writer| writer.u32(7)),
        98 => message(98, |writer| {
            writer.u32(7);
            writer.string(b"shell");
            writer.boolean(true);
        }),
        _ => vec![number],
    }
}

fn found(rig: &Rig, number: u8, sequence: u32) -> Fate {
    let unimplemented = message(3, |writer| writer.u32(sequence));
    match rig.ended() {
        None if rig.last_heard() == unimplemented => Fate::Unimplemented,
        None => Fate::Taken,
        Some(ConnectionError::Disconnected { reason: 11, .. }) if number == 1 => Fate::Ends,
        Some(ConnectionError::Protocol(
            ProtocolError::Unexpected { .. } | ProtocolError::Rule { .. } | ProtocolError::Channel { .. },
        )) => Fate::Refused,
        Some(other) => panic!("message {number} ended the connection with {other:?}"),
    }
}

fn check(client: bool, state: State, number: u8) -> Result<(), String> {
    let mut rig = reach(client, state);
    if matches!(state, Userauth) {
        rig.decision = Some(Decision::Reject);
    }
    let authenticated = rig.conn.is_authenticated();
    let sequence = rig.peer.sent;
    let awaits_share = matches!(state, Offered { .. } | Rekeying);
    if awaits_share && number == if client { 31 } else { 30 } {
        share(&mut rig);
    } else {
        rig.send(&body(&rig, state, number));
    }
    let (fate, found) = (fate(client, state, number), found(&rig, number, sequence));
    let fits = match fate {
        Fate::Stray => matches!(found, Fate::Taken | Fate::Refused),
        fate => fate == found,
    };
    let role = if client { "client" } else { "server" };
    if !fits {
        return Err(format!("{role}, {state:?}, message {number}: {found:?} and not {fate:?}"));
    }
    if found == Fate::Refused {
        rig.assert_protocol_error();
        if rig.conn.is_authenticated() != authenticated {
            return Err(format!("{role}, {state:?}, message {number}: authentication changed"));
        }
    }
    Ok(())
}

fn check_all(client: bool, states: &[State]) {
    let wrong: Vec<String> = states
        .iter()
        .flat_map(|state| (0..=255).map(move |number| check(client, *state, number)))
        .filter_map(Result::err)
        .collect();
    assert!(wrong.is_empty(), "{} of the pairs are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn defect_002_every_message_in_every_state_of_a_server() {
    check_all(false, &SERVER);
}

#[test]
fn defect_002_every_message_in_every_state_of_a_client() {
    check_all(true, &CLIENT);
}
