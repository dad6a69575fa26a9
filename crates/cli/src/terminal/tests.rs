//! On real pseudo-terminals: children of this test program that play their part and end.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ExitStatus};
use std::sync::mpsc;
use std::time::Duration;

use pty_process::blocking::{Command, Pty};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{
    LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

use super::WindowSize;
use super::ask::{AskError, Tty};
use super::modes::encode_modes;
use super::raw::RawMode;
use super::size::{watch_size, window_size};

const PART: &str = "FERAMIKO_TEST_TERMINAL";
const AS_CHILD: [&str; 3] = ["--exact", "terminal::tests::child_plays_its_part", "--nocapture"];
/// For things that happen at once unless they never do.
const PATIENCE: Duration = Duration::from_secs(60);

/// Plays a part on its controlling terminal, in a child process only.
#[test]
fn child_plays_its_part() {
    let Ok(part) = std::env::var(PART) else { return };
    let tty = std::fs::File::options().read(true).write(true).open("/dev/tty").unwrap();
    let raw = || RawMode::enter(&tty).unwrap();
    let tell = |text: &str| (&tty).write_all(format!("<{text}>").as_bytes()).unwrap();
    match part.as_str() {
        "raw and back" => {
            let guard = raw();
            tell("raw");
            let mut key = [0];
            (&tty).read_exact(&mut key).unwrap();
            tell(&format!("key {}", key[0]));
            drop(guard);
        }
        "panic" => {
            let guard = raw();
            tell("raw");
            (&tty).read_exact(&mut [0]).unwrap();
            // On another thread, whose panic does not unwind past the guard.
            let outcome = std::thread::spawn(|| panic!("as planned")).join();
            assert!(outcome.is_err());
            std::mem::forget(guard);
        }
        "signal afterwards" => {
            drop(raw());
            tell("not raw");
            loop {
                std::thread::park();
            }
        }
        "signal" => {
            let _guard = raw();
            tell("raw");
            loop {
                std::thread::park();
            }
        }
        "size" => {
            let (changed, sizes) = mpsc::channel();
            let _watch = watch_size(&tty, move |size| changed.send(size).unwrap()).unwrap();
            tell("ready");
            let size: WindowSize = sizes.recv().unwrap();
            tell(&format!("{}x{}", size.cols, size.rows));
        }
        "suspend" => {
            let guard = raw();
            tell("raw");
            guard.suspend().unwrap();
            tell("again");
            (&tty).read_exact(&mut [0]).unwrap();
        }
        "questions" => {
            let mut tty = Tty::open().unwrap();
            let name = tty.ask("Name: ").unwrap();
            let secret = tty.ask_secret("Pass\x1b[2Jword: ").unwrap();
            let trust = tty.ask_yes_no_or_fingerprint("Trust", "SHA256:abc").unwrap();
            tty.show(&format!("<{name}|{}|{trust}>", secret.len())).unwrap();
            assert!(matches!(tty.ask("More: "), Err(AskError::NoAnswer)));
            tty.show("<done>").unwrap();
        }
        part => panic!("no part {part}"),
    }
}

/// A child on a terminal of its own, and what it shows.
struct Stage {
    pty: Pty,
    /// Kept open, so that the terminal's modes can be read after the child's end.
    slave: std::fs::File,
    child: Child,
    /// The modes of the terminal before the child used it.
    before: Termios,
    shown: Vec<u8>,
}

impl Stage {
    fn play(part: &str) -> Self {
        Self::start(part, Command::new(std::env::current_exe().unwrap()).args(AS_CHILD))
    }

    /// The child is a job of a shell, whose script names it `"$@"`.
    fn play_under_shell(part: &str, script: &str) -> Self {
        let shell = Command::new("/bin/sh").args(["-c", script, "sh"]);
        Self::start(part, shell.arg(std::env::current_exe().unwrap()).args(AS_CHILD))
    }

    fn start(part: &str, command: Command) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(24, 80)).unwrap();
        let name = rustix::pty::ptsname(&pty, Vec::new()).unwrap();
        let slave = rustix::fs::open(
            name,
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY,
            rustix::fs::Mode::empty(),
        );
        let slave = std::fs::File::from(slave.unwrap());
        let before = tcgetattr(&slave).unwrap();
        let child = command.env(PART, part).spawn(pts).unwrap();
        Self { pty, slave, child, before, shown: Vec::new() }
    }

    /// Reads what the child shows until `mark` has come.
    #[track_caller]
    fn awaits(&mut self, mark: &str) {
        let mut piece = [0; 1024];
        while !self.text().contains(mark) {
            let mut ready = [rustix::event::PollFd::new(&self.pty, rustix::event::PollFlags::IN)];
            let patience = rustix::event::Timespec::try_from(PATIENCE).unwrap();
            let count = rustix::event::poll(&mut ready, Some(&patience)).unwrap();
            assert!(count > 0, "no {mark:?} in {:?}", self.text());
            let count = self.pty.read(&mut piece).expect("more to come");
            self.shown.extend_from_slice(&piece[..count]);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown).into_owned()
    }

    fn types(&mut self, text: &str) {
        self.pty.write_all(text.as_bytes()).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn modes(&self) -> Termios {
        tcgetattr(&self.slave).unwrap()
    }

    fn is_raw(&self) -> bool {
        let modes = self.modes();
        let any = modes.local_modes.intersects(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        !any && !modes.output_modes.contains(OutputModes::OPOST)
    }

    fn ends(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

#[track_caller]
fn assert_same(one: &Termios, other: &Termios) {
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}

#[test]
fn raw_mode_passes_every_key_and_is_undone() {
    let mut stage = Stage::play("raw and back");
    stage.awaits("<raw>");
    assert!(stage.is_raw());
    stage.types("\x03");
    stage.awaits("<key 3>");
    assert!(stage.ends().success());
    assert_same(&stage.modes(), &stage.before);
}

#[test]
fn a_panic_finds_the_terminal_as_it_was() {
    let mut stage = Stage::play("panic");
    stage.awaits("<raw>");
    assert!(stage.is_raw());
    stage.types("x");
    stage.awaits("as planned");
    stage.ends();
    assert_same(&stage.modes(), &stage.before);
    // The report itself came after, on a terminal that ends lines with CR LF.
    assert!(stage.text().contains("as planned\r\n"), "{:?}", stage.text());
}

#[test]
fn signals_end_the_program_but_not_the_terminal() {
    use std::os::unix::process::ExitStatusExt;

    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut stage = Stage::play("signal");
        stage.awaits("<raw>");
        assert!(stage.is_raw());
        stage.signal(signal);
        assert_eq!(stage.ends().signal(), Some(signal.as_raw()));
        assert_same(&stage.modes(), &stage.before);
    }
}

#[test]
fn signals_end_the_program_afterwards_too() {
    use std::os::unix::process::ExitStatusExt;

    let mut stage = Stage::play("signal afterwards");
    stage.awaits("<not raw>");
    // Control-C, on a terminal that makes a signal of it again.
    stage.types("\x03");
    assert_eq!(stage.ends().signal(), Some(Signal::INT.as_raw()));
}

#[test]
fn a_new_size_is_told() {
    let mut stage = Stage::play("size");
    stage.awaits("<ready>");
    stage.pty.resize(pty_process::Size::new(50, 132)).unwrap();
    stage.awaits("<132x50>");
    assert!(stage.ends().success());
    let size = window_size(&stage.slave).unwrap();
    assert_eq!((size.cols, size.rows), (132, 50));
}

#[test]
fn a_suspended_program_gives_the_terminal_back_meanwhile() {
    let script = "set -m; \"$@\"; echo '<stopped>'; read line; fg; echo '<gone>'";
    let mut stage = Stage::play_under_shell("suspend", script);
    stage.awaits("<raw>");
    stage.awaits("<stopped>");
    assert_same(&stage.modes(), &stage.before);
    stage.types("\n");
    stage.awaits("<again>");
    assert!(stage.is_raw());
    stage.types("x");
    stage.awaits("<gone>");
    assert!(stage.ends().success());
    assert_same(&stage.modes(), &stage.before);
}

#[test]
fn questions_are_asked_on_the_terminal_and_secrets_not_shown() {
    let mut stage = Stage::play("questions");
    stage.awaits("Name: ");
    stage.types("robey\r");
    // A peer's prompt cannot command the terminal (defect 136).
    stage.awaits("Pass\u{fffd}[2Jword: ");
    assert!(!stage.modes().local_modes.contains(LocalModes::ECHO));
    stage.types("s3cret\r");
    stage.awaits("Trust (yes/no/[fingerprint])? ");
    assert_same(&stage.modes(), &stage.before);
    stage.types("maybe\r");
    stage.awaits("Please type 'yes', 'no' or the fingerprint: ");
    stage.types("SHA256:abc\r");
    stage.awaits("<robey|6|true>");
    stage.awaits("More: ");
    stage.types("\x04");
    stage.awaits("<done>");
    assert!(stage.ends().success());
    assert!(!stage.text().contains("s3cret"));
}

#[test]
fn what_is_no_terminal_is_refused() {
    let (reader, _writer) = std::io::pipe().unwrap();
    assert!(RawMode::enter(&reader).is_err());
    assert_eq!(window_size(reader.as_fd()), None);
}

#[test]
fn modes_are_encoded_as_rfc_4254_says() {
    let (_pty, pts) = pty_process::blocking::open().unwrap();
    let tty = pts.as_fd();
    let mut modes = tcgetattr(tty).unwrap();
    modes.special_codes[SpecialCodeIndex::VINTR] = 3;
    modes.special_codes[SpecialCodeIndex::VEOL] = 0;
    modes.local_modes.insert(LocalModes::ECHO);
    modes.local_modes.remove(LocalModes::TOSTOP);
    modes.output_modes.insert(OutputModes::ONLCR);
    modes.set_speed(38_400).unwrap();
    tcsetattr(tty, OptionalActions::Now, &modes).unwrap();

    let encoded = encode_modes(&tcgetattr(tty).unwrap());
    let (end, pairs) = encoded.split_last().unwrap();
    assert_eq!(*end, 0);
    let pairs: Vec<(u8, u32)> =
        pairs.chunks(5).map(|pair| (pair[0], u32::from_be_bytes(pair[1..].try_into().unwrap()))).collect();
    let value = |opcode: u8| pairs.iter().find(|pair| pair.0 == opcode).map(|pair| pair.1);
    // The numbers are those of RFC 4254 section 8.
    assert_eq!(value(1), Some(3), "VINTR");
    assert_eq!(value(6), Some(255), "VEOL is not set");
    assert_eq!(value(53), Some(1), "ECHO");
    assert_eq!(value(58), Some(0), "TOSTOP");
    assert_eq!(value(72), Some(1), "ONLCR");
    assert_eq!(value(91), Some(1), "CS8");
    assert_eq!(value(90), Some(0), "CS7");
    assert_eq!(value(128), Some(38_400), "input speed");
    assert_eq!(value(129), Some(38_400), "output speed");
    assert!(pairs.windows(2).all(|pair| pair[0].0 < pair[1].0), "each once, in order: {pairs:?}");
}
