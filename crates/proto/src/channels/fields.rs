//! What channel requests are made of, read and written (RFC 4254 sections 6.2 to 6.10, RFC 4335, OpenSSH PROTOCOL section 2.1).

use feramiko_wire::{DecodeError, Reader, Writer, is_name};

use crate::error::Misuse;
use crate::event::{ExitStatus, Pty, Request, WindowSize};

/// The most a message of ours carries besides channel data: it fits the packets of every peer in use.
pub(super) const MAX_FIELDS: usize = 250 * 1024;

/// The most that a request of the peer may carry: 32 of them wait for the application on each channel.
const MAX_HEARD: usize = 32 * 1024;

/// Whether a request of this size is put to the application. A command may be as long as a packet: there is one only.
pub(super) fn is_bearable(name: &str, data: &[u8]) -> bool {
    data.len() <= MAX_HEARD || name == "exec"
}

/// Reads what follows `want_reply`. `None`: well-formed, but not to be obeyed (text that is not UTF-8, bad modes).
pub(super) fn parse(name: &str, data: &[u8]) -> Result<Option<Request>, DecodeError> {
    let mut reader = Reader::new(data);
    let request = match name {
        "pty-req" => {
            let term = reader.string()?;
            let size = window_size(&mut reader)?;
            let modes = reader.string()?;
            text(term)
                .filter(|_| are_modes(modes))
                .map(|term| Request::Pty(Pty { term, size, modes: modes.to_vec() }))
        }
        "env" => {
            let (name, value) = (reader.string()?, reader.string()?);
            text(name).map(|name| Request::Env { name, value: value.to_vec() })
        }
        "shell" => Some(Request::Shell),
        "exec" => Some(Request::Exec(reader.string()?.to_vec())),
        "subsystem" => text(reader.string()?).map(Request::Subsystem),
        "window-change" => Some(Request::WindowChange(window_size(&mut reader)?)),
        "xon-xoff" => Some(Request::XonXoff { client_can_do: reader.boolean()? }),
        "signal" => text(reader.string()?).map(Request::Signal),
        "break" => Some(Request::Break { milliseconds: reader.u32()? }),
        "exit-status" => Some(Request::Exit(ExitStatus::Code(reader.u32()?))),
        "exit-signal" => {
            let name = reader.string()?;
            let core_dumped = reader.boolean()?;
            let message = reader.string()?;
            let _language = reader.string()?;
            // How a process ended is worth knowing even when its words are in another encoding.
            let lossy = |bytes| String::from_utf8_lossy(bytes).into_owned();
            Some(Request::Exit(ExitStatus::Signal {
                name: lossy(name),
                core_dumped,
                message: lossy(message),
            }))
        }
        "eow@openssh.com" => Some(Request::EndOfWrite),
        _ => {
            let data = reader.rest();
            is_name(name).then(|| Request::Other { name: name.to_owned(), data: data.to_vec() })
        }
    };
    reader.finish()?;
    Ok(request)
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn window_size(reader: &mut Reader<'_>) -> Result<WindowSize, DecodeError> {
    let (columns, rows) = (reader.u32()?, reader.u32()?);
    Ok(WindowSize { columns, rows, width: reader.u32()?, height: reader.u32()? })
}

/// Whether these are encoded terminal modes (RFC 4254 section 8): opcodes 1 to 159 have a `uint32`, 160 and up end
/// what can be understood, and after TTY_OP_END (0, which some peers leave out) nothing follows.
fn are_modes(modes: &[u8]) -> bool {
    let mut reader = Reader::new(modes);
    while let Ok(opcode) = reader.u8() {
        match opcode {
            0 => return reader.is_empty(),
            1..=159 if reader.u32().is_err() => return false,
            1..=159 => {}
            160.. => return true,
        }
    }
    true
}

/// The name of a request and what follows `want_reply`.
pub(super) fn encode(request: &Request) -> Result<(&str, Vec<u8>), Misuse> {
    let mut fields = Vec::new();
    let mut writer = Writer::new(&mut fields);
    let name = match request {
        Request::Pty(pty) => {
            if !are_modes(&pty.modes) {
                return Err(Misuse::Argument("the terminal modes are not well-formed"));
            }
            writer.string(pty.term.as_bytes());
            write_size(pty.size, &mut writer);
            writer.string(&pty.modes);
            "pty-req"
        }
        Request::Env { name, value } => {
            writer.string(name.as_bytes());
            writer.string(value);
            "env"
        }
        Request::Shell => "shell",
        Request::Exec(command) => {
            writer.string(command);
            "exec"
        }
        Request::Subsystem(name) => {
            writer.string(name.as_bytes());
            "subsystem"
        }
        Request::WindowChange(size) => {
            write_size(*size, &mut writer);
            "window-change"
        }
        Request::XonXoff { client_can_do } => {
            writer.boolean(*client_can_do);
            "xon-xoff"
        }
        Request::Signal(name) => {
            writer.string(name.as_bytes());
            "signal"
        }
        Request::Break { milliseconds } => {
            writer.u32(*milliseconds);
            "break"
        }
        Request::Exit(ExitStatus::Code(code)) => {
            writer.u32(*code);
            "exit-status"
        }
        Request::Exit(ExitStatus::Signal { name, core_dumped, message }) => {
            writer.string(name.as_bytes());
            writer.boolean(*core_dumped);
            writer.string(message.as_bytes());
            writer.string(b"");
            "exit-signal"
        }
        Request::EndOfWrite => "eow@openssh.com",
        Request::Other { name, data } => {
            writer.raw(data);
            name
        }
    };
    check_fields(name, &fields)?;
    Ok((name, fields))
}

/// Whether a name and its data can be sent at all.
pub(super) fn check_fields(name: &str, data: &[u8]) -> Result<(), Misuse> {
    if !is_name(name) {
        return Err(Misuse::Argument(
            "the name must be 1 to 64 printable ASCII characters without comma or space",
        ));
    }
    if data.len() > MAX_FIELDS {
        return Err(Misuse::Argument("that is too long for one message"));
    }
    Ok(())
}

fn write_size(size: WindowSize, writer: &mut Writer<'_>) {
    for value in [size.columns, size.rows, size.width, size.height] {
        writer.u32(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_kind() -> Vec<Request> {
        let size = WindowSize { columns: 80, rows: 24, width: 640, height: 480 };
        let signal = |message: &str| ExitStatus::Signal {
            name: "SEGV".to_owned(),
            core_dumped: true,
            message: message.to_owned(),
        };
        vec![
            Request::Pty(Pty { term: "xterm".to_owned(), size, modes: vec![128, 0, 0, 0x96, 0, 0] }),
            Request::Env { name: "LANG".to_owned(), value: b"C.UTF-8".to_vec() },
            Request::Shell,
            Request::Exec(b"cat \xff".to_vec()),
            Request::Subsystem("sftp".to_owned()),
            Request::WindowChange(size),
            Request::XonXoff { client_can_do: true },
            Request::Signal("TERM".to_owned()),
            Request::Break { milliseconds: 500 },
            Request::Exit(ExitStatus::Code(0xffff_ffff)),
            Request::Exit(signal("core dumped")),
            Request::Exit(signal("")),
            Request::EndOfWrite,
        ]
    }

    #[test]
    fn requests_read_what_they_wrote() {
        for request in every_kind() {
            let (name, fields) = encode(&request).expect("it can be sent");
            assert_eq!(parse(name, &fields), Ok(Some(request.clone())));
        }
        let other = Request::Other { name: "x@example.com".to_owned(), data: vec![1, 2] };
        let (name, fields) = encode(&other).expect("it can be sent");
        assert_eq!((name, &*fields), ("x@example.com", &[1, 2][..]));
        assert_eq!(parse(name, &fields), Ok(Some(other.clone())));
    }

    #[test]
    fn defect_086_a_request_truncated_anywhere_is_refused() {
        for request in every_kind() {
            let (name, fields) = encode(&request).expect("it can be sent");
            for end in 0..fields.len() {
                assert!(
                    matches!(parse(name, &fields[..end]), Err(DecodeError::Short { .. })),
                    "{name} of {end} bytes"
                );
            }
        }
    }

    #[test]
    fn defect_089_trailing_bytes_after_a_request_are_refused() {
        for request in every_kind() {
            let (name, mut fields) = encode(&request).expect("it can be sent");
            fields.push(0);
            assert_eq!(parse(name, &fields), Err(DecodeError::Trailing { left: 1 }), "{name}");
        }
    }

    #[test]
    fn defect_089_bad_terminal_modes_are_refused() {
        for good in
            [&b""[..], b"\0", b"\x01\0\0\0\x03", b"\x9f\0\0\0\x01\0", b"\x01\0\0\0\x03\xa0junk", b"\xff"]
        {
            assert!(are_modes(good), "{good:02x?}");
        }
        for bad in [&b"\x01"[..], b"\x01\0\0\0", b"\x9f\0\0", b"\0\0", b"\x01\0\0\0\x03\0x"] {
            assert!(!are_modes(bad), "{bad:02x?}");
            let pty = Pty { term: String::new(), size: WindowSize::default(), modes: bad.to_vec() };
            assert!(encode(&Request::Pty(pty)).is_err(), "nor are they sent");
            let mut fields = vec![0; 4 + 16];
            Writer::new(&mut fields).string(bad);
            assert_eq!(parse("pty-req", &fields), Ok(None), "a failure, not a disconnect");
        }
    }

    #[test]
    fn text_in_another_encoding_is_refused_except_for_how_a_process_ended() {
        let mut fields = Vec::new();
        Writer::new(&mut fields).string(b"\xe9");
        for name in ["subsystem", "signal"] {
            assert_eq!(parse(name, &fields), Ok(None), "{name}");
        }
        let mut fields = Vec::new();
        let mut writer = Writer::new(&mut fields);
        writer.string(b"KILL");
        writer.boolean(false);
        writer.string(b"tu\xe9");
        writer.string(b"fr");
        let expected = ExitStatus::Signal {
            name: "KILL".to_owned(),
            core_dumped: false,
            message: "tu\u{fffd}".to_owned(),
        };
        assert_eq!(parse("exit-signal", &fields), Ok(Some(Request::Exit(expected))));
    }

    #[test]
    fn what_no_peer_could_take_is_not_sent() {
        let named = |name: &str| Request::Other { name: name.to_owned(), data: Vec::new() };
        for name in ["", "a b", "a,b", "\n", &"x".repeat(65)] {
            assert!(matches!(encode(&named(name)), Err(Misuse::Argument(_))), "{name:?}");
        }
        assert!(matches!(encode(&Request::Exec(vec![b'x'; 300_000])), Err(Misuse::Argument(_))));
    }
}
