//! Terminal modes as `pty-req` carries them (RFC 4254 section 8, and RFC 8160 for IUTF8).

use rustix::termios::{ControlModes, InputModes, LocalModes, OutputModes, SpecialCodeIndex as Code, Termios};

/// The modes of the terminal at standard input, if it is to be taken over.
pub(crate) fn own_modes(take_over: bool) -> Vec<u8> {
    let modes = take_over.then(|| rustix::termios::tcgetattr(rustix::stdio::stdin()).ok()).flatten();
    modes.map_or_else(|| vec![TTY_OP_END], |modes| encode_modes(&modes))
}

/// Encodes the modes of a terminal: an opcode and a `uint32` each, and the end mark.
pub(crate) fn encode_modes(modes: &Termios) -> Vec<u8> {
    let mut encoded = Vec::new();
    let mut put = |opcode: u8, value: u32| {
        encoded.push(opcode);
        encoded.extend_from_slice(&value.to_be_bytes());
    };
    for (opcode, code) in CODES {
        let value = modes.special_codes[*code];
        put(*opcode, if value == DISABLED { 255 } else { value.into() });
    }
    for (opcode, flag) in INPUT {
        put(*opcode, modes.input_modes.contains(*flag).into());
    }
    for (opcode, flag) in LOCAL {
        put(*opcode, modes.local_modes.contains(*flag).into());
    }
    for (opcode, flag) in OUTPUT {
        put(*opcode, modes.output_modes.contains(*flag).into());
    }
    let size = modes.control_modes & ControlModes::CSIZE;
    put(90, (size == ControlModes::CS7).into());
    put(91, (size == ControlModes::CS8).into());
    put(92, modes.control_modes.contains(ControlModes::PARENB).into());
    put(93, modes.control_modes.contains(ControlModes::PARODD).into());
    put(TTY_OP_ISPEED, modes.input_speed());
    put(TTY_OP_OSPEED, modes.output_speed());
    encoded.push(TTY_OP_END);
    encoded
}

const TTY_OP_END: u8 = 0;
const TTY_OP_ISPEED: u8 = 128;
const TTY_OP_OSPEED: u8 = 129;

/// `_POSIX_VDISABLE`: no key does this. RFC 4254 writes it as 255.
#[cfg(target_os = "linux")]
const DISABLED: u8 = 0;
#[cfg(not(target_os = "linux"))]
const DISABLED: u8 = 255;

const CODES: &[(u8, Code)] = &[
    (1, Code::VINTR),
    (2, Code::VQUIT),
    (3, Code::VERASE),
    (4, Code::VKILL),
    (5, Code::VEOF),
    (6, Code::VEOL),
    (7, Code::VEOL2),
    (8, Code::VSTART),
    (9, Code::VSTOP),
    (10, Code::VSUSP),
    #[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "netbsd", target_os = "openbsd"))]
    (11, Code::VDSUSP),
    (12, Code::VREPRINT),
    (13, Code::VWERASE),
    (14, Code::VLNEXT),
    #[cfg(target_os = "linux")]
    (16, Code::VSWTC),
    #[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "netbsd", target_os = "openbsd"))]
    (17, Code::VSTATUS),
    (18, Code::VDISCARD),
];

const INPUT: &[(u8, InputModes)] = &[
    (30, InputModes::IGNPAR),
    (31, InputModes::PARMRK),
    (32, InputModes::INPCK),
    (33, InputModes::ISTRIP),
    (34, InputModes::INLCR),
    (35, InputModes::IGNCR),
    (36, InputModes::ICRNL),
    #[cfg(target_os = "linux")]
    (37, InputModes::IUCLC),
    (38, InputModes::IXON),
    (39, InputModes::IXANY),
    (40, InputModes::IXOFF),
    (41, InputModes::IMAXBEL),
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    (42, InputModes::IUTF8),
];

const LOCAL: &[(u8, LocalModes)] = &[
    (50, LocalModes::ISIG),
    (51, LocalModes::ICANON),
    #[cfg(target_os = "linux")]
    (52, LocalModes::XCASE),
    (53, LocalModes::ECHO),
    (54, LocalModes::ECHOE),
    (55, LocalModes::ECHOK),
    (56, LocalModes::ECHONL),
    (57, LocalModes::NOFLSH),
    (58, LocalModes::TOSTOP),
    (59, LocalModes::IEXTEN),
    (60, LocalModes::ECHOCTL),
    (61, LocalModes::ECHOKE),
    (62, LocalModes::PENDIN),
];

const OUTPUT: &[(u8, OutputModes)] = &[
    (70, OutputModes::OPOST),
    #[cfg(target_os = "linux")]
    (71, OutputModes::OLCUC),
    (72, OutputModes::ONLCR),
    (73, OutputModes::OCRNL),
    (74, OutputModes::ONOCR),
    (75, OutputModes::ONLRET),
];
