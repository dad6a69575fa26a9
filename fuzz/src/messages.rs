//! Messages that are well formed, or nearly, with fields that the fuzzer chooses.

use feramiko_testkit::fake_host_key;
use feramiko_wire::Writer;

use crate::Choices;

/// A payload: the message number, and the fields that `fill` writes.
pub(crate) fn message(number: u8, fill: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut payload = vec![number];
    fill(&mut Writer::new(&mut payload));
    payload
}

/// A message whose fields are strings.
pub(crate) fn strings(number: u8, fields: &[&str]) -> Vec<u8> {
    message(number, |writer| fields.iter().for_each(|field| writer.string(field.as_bytes())))
}

const REQUESTS: [&str; 13] = [
    "pty-req",
    "env",
    "shell",
    "exec",
    "subsystem",
    "window-change",
    "xon-xoff",
    "signal",
    "break",
    "exit-status",
    "exit-signal",
    "eow@openssh.com",
    "keepalive@openssh.com",
];
const GLOBALS: [&str; 5] = [
    "keepalive@openssh.com",
    "no-more-sessions@openssh.com",
    "hostkeys-00@openssh.com",
    "tcpip-forward",
    "handled",
];
const METHODS: [&str; 5] =
    ["none", "password", "publickey", "publickey-hostbound-v00@openssh.com", "keyboard-interactive"];

/// Any message of RFC 4250 and OpenSSH's; sometimes cut short or with something behind it.
pub(crate) fn any(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut payload = whole(choices);
    match choices.byte() {
        0xff => payload.truncate(choices.below(payload.len()).max(1)),
        0xfe => payload.push(choices.byte()),
        _ => {}
    }
    payload
}

fn whole(choices: &mut Choices<'_>) -> Vec<u8> {
    let number = choices.byte();
    message(number, |writer| match number {
        1 => {
            writer.u32(choices.number());
            writer.string(choices.bytes());
            writer.string(b"");
        }
        3 => writer.u32(choices.number()),
        4 => {
            writer.boolean(choices.flag());
            writer.string(choices.bytes());
            writer.string(b"");
        }
        5 | 6 => writer.string(&choices.name(&["ssh-userauth", "ssh-connection"])),
        7 => extensions(choices, writer),
        2 | 30 | 192 | 193 => writer.string(choices.bytes()),
        31 => {
            writer.string(fake_host_key(choices.byte()).blob());
            writer.string(choices.bytes());
            writer.string(choices.bytes());
        }
        50 => userauth_request(choices, writer),
        51 => {
            writer.string(&choices.name(&["password,publickey", "keyboard-interactive", ""]));
            writer.boolean(choices.flag());
        }
        53 => {
            writer.string(choices.bytes());
            writer.string(b"");
        }
        60 => method_message(choices, writer),
        61 => {
            writer.u32(choices.number());
            (0..choices.below(4)).for_each(|_| writer.string(choices.bytes()));
        }
        80 => {
            writer.string(&choices.name(&GLOBALS));
            writer.boolean(choices.flag());
            writer.raw(choices.bytes());
        }
        81 => writer.raw(choices.bytes()),
        90 => {
            writer.string(&choices.name(&["session", "direct-tcpip", "x"]));
            (0..3).for_each(|_| writer.u32(choices.number()));
            writer.raw(choices.bytes());
        }
        91 => (0..4).for_each(|_| writer.u32(choices.number())),
        92 => {
            writer.u32(choices.number());
            writer.u32(choices.number());
            writer.string(choices.bytes());
            writer.string(b"");
        }
        93 => (0..2).for_each(|_| writer.u32(choices.number())),
        94 => {
            writer.u32(choices.number());
            writer.string(choices.bytes());
        }
        95 => {
            writer.u32(choices.number());
            writer.u32(choices.number());
            writer.string(choices.bytes());
        }
        96 | 97 | 99 | 100 => writer.u32(choices.number()),
        98 => channel_request(choices, writer),
        _ => writer.raw(choices.bytes()),
    })
}

fn extensions(choices: &mut Choices<'_>, writer: &mut Writer<'_>) {
    let count = choices.below(5);
    writer.u32(if choices.byte() == 0xff { choices.number() } else { count as u32 });
    for _ in 0..count {
        writer.string(&choices.name(&[
            "server-sig-algs",
            "ping@openssh.com",
            "publickey-hostbound@openssh.com",
        ]));
        writer.string(&choices.name(&["0", "ssh-ed25519", ""]));
    }
}

fn userauth_request(choices: &mut Choices<'_>, writer: &mut Writer<'_>) {
    writer.string(&choices.name(&["robey", "root"]));
    writer.string(&choices.name(&["ssh-connection", "ssh-userauth"]));
    let method = choices.name(&METHODS);
    writer.string(&method);
    match &*method {
        b"password" => {
            let change = choices.flag();
            writer.boolean(change);
            (0..=usize::from(change)).for_each(|_| writer.string(choices.bytes()));
        }
        b"publickey" | b"publickey-hostbound-v00@openssh.com" => {
            let signed = choices.flag();
            writer.boolean(signed);
            writer.string(&choices.name(&["ssh-ed25519", "rsa-sha2-512"]));
            writer.string(fake_host_key(choices.byte()).blob());
            if method.len() > 9 {
                writer.string(fake_host_key(9).blob());
            }
            if signed {
                writer.string(choices.bytes());
            }
        }
        b"keyboard-interactive" => {
            writer.string(b"");
            writer.string(choices.bytes());
        }
        _ => writer.raw(choices.bytes()),
    }
}

fn method_message(choices: &mut Choices<'_>, writer: &mut Writer<'_>) {
    match choices.below(3) {
        0 => {
            writer.string(b"ssh-ed25519");
            writer.string(fake_host_key(choices.byte() % 4).blob());
        }
        1 => {
            writer.string(choices.bytes());
            writer.string(b"");
        }
        _ => {
            (0..3).for_each(|_| writer.string(choices.bytes()));
            let count = choices.below(4);
            writer.u32(if choices.byte() == 0xff { choices.number() } else { count as u32 });
            for _ in 0..count {
                writer.string(choices.bytes());
                writer.boolean(choices.flag());
            }
        }
    }
}

fn channel_request(choices: &mut Choices<'_>, writer: &mut Writer<'_>) {
    writer.u32(choices.number());
    let name = choices.name(&REQUESTS);
    writer.string(&name);
    writer.boolean(choices.flag());
    match &*name {
        b"pty-req" => {
            writer.string(choices.bytes());
            (0..4).for_each(|_| writer.u32(choices.number()));
            writer.string(choices.bytes());
        }
        b"env" => (0..2).for_each(|_| writer.string(choices.bytes())),
        b"exec" | b"subsystem" | b"signal" => writer.string(choices.bytes()),
        b"window-change" => (0..4).for_each(|_| writer.u32(choices.number())),
        b"xon-xoff" => writer.boolean(choices.flag()),
        b"break" | b"exit-status" => writer.u32(choices.number()),
        b"exit-signal" => {
            writer.string(choices.bytes());
            writer.boolean(choices.flag());
            (0..2).for_each(|_| writer.string(choices.bytes()));
        }
        _ => writer.raw(choices.bytes()),
    }
}
