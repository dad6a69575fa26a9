//! Unix.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::{env, io};

use feramiko_proto::WindowSize;

/// Where the system's own configuration is.
pub(crate) const SYSTEM_FOLDER: Option<&str> = Some("/etc/ssh");

/// A command line, run by the user's shell.
pub(crate) fn shell(line: &str) -> Command {
    let shell = env::var_os("SHELL").filter(|shell| Path::new(shell).is_absolute());
    let mut command = Command::new(shell.unwrap_or_else(|| "/bin/sh".into()));
    command.arg("-c").arg(line);
    command
}

/// The same where the shell has nothing else to do: it gives its place to the command.
pub(crate) fn shell_for(line: &str) -> Command {
    shell(&format!("exec {line}"))
}

pub(crate) fn user_number() -> u32 {
    rustix::process::getuid().as_raw()
}

/// The name of whoever runs this, as far as the system knows it.
pub(crate) fn user_name() -> Option<String> {
    let own = user_number().to_string();
    account(|fields| fields.get(2) == Some(&own.as_str()), 0)
}

/// Where whoever runs this lives.
pub(crate) fn home() -> Option<String> {
    env::home_dir().and_then(|home| home.into_os_string().into_string().ok())
}

/// Where somebody else lives.
pub(crate) fn home_of(user: &str) -> Option<String> {
    account(|fields| fields.first() == Some(&user), 5)
}

/// A field of a line of /etc/passwd.
fn account(wanted: impl Fn(&[&str]) -> bool, field: usize) -> Option<String> {
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    accounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        if wanted(&fields) { fields.get(field).map(|field| (*field).to_owned()) } else { None }
    })
}

/// The name of this machine.
pub(crate) fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The canonical name is not in the standard library; `getent` of the system knows it. No shell is in between.
pub(crate) fn canonical_name(name: &str) -> Option<String> {
    let found = Command::new("getent").args(["ahosts", "--", name]).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(found.stdout).ok()?;
    // 192.0.2.1 STREAM www.example.com
    text.lines().find_map(|line| line.split_whitespace().nth(2)).map(str::to_owned)
}

/// A path of a configuration as it is written here.
pub(crate) fn with_slashes(path: String) -> String {
    path
}

/// Whether something can be kept in a file of that name.
pub(crate) fn is_place(path: &Path) -> bool {
    path != Path::new("/dev/null")
}

/// Opens a file to read it. A pipe does not make us wait for somebody to write to it.
pub(crate) fn open(path: &str) -> io::Result<File> {
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Whether only its owner, who is this user or root, can change a file. As OpenSSH checks, and the folder too: whoever
/// may write to that can put another file in the place of this one.
pub(crate) fn check_owner(path: &str, about: &fs::Metadata) -> Result<(), String> {
    const GROUP_AND_OTHERS_WRITE: u32 = 0o022;
    const OTHERS_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let owned = about.uid() == 0 || about.uid() == user_number();
    if !owned {
        return Err("it belongs to somebody else, who could change it".to_owned());
    }
    if about.mode() & GROUP_AND_OTHERS_WRITE != 0 {
        return Err("others than its owner can write to it; chmod go-w would help".to_owned());
    }
    let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
    let mode = fs::metadata(folder.unwrap_or(Path::new("."))).map(|about| about.mode());
    match mode {
        Ok(mode) if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 => {
            Err("everybody can write to its folder; chmod o-w would help".to_owned())
        }
        Ok(_) => Ok(()),
        Err(error) => Err(format!("its folder: {error}")),
    }
}

/// The size of a terminal; `None` where it is none, or has no size.
pub(crate) fn terminal_size(terminal: impl AsFd) -> Option<WindowSize> {
    let size =
        rustix::termios::tcgetwinsize(terminal).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0)?;
    Some(WindowSize {
        columns: size.ws_col.into(),
        rows: size.ws_row.into(),
        width: size.ws_xpixel.into(),
        height: size.ws_ypixel.into(),
    })
}

/// The size of the terminal at standard input.
pub(crate) fn own_terminal_size() -> Option<WindowSize> {
    terminal_size(rustix::stdio::stdin())
}

/// The signal that ended a process, and whether its core was dumped.
pub(crate) fn signal(status: ExitStatus) -> (Option<String>, bool) {
    (status.signal().map(signal_name), status.core_dumped())
}

/// The names of RFC 4254 section 6.10; others get the local number, as that section allows.
fn signal_name(number: i32) -> String {
    use rustix::process::Signal as S;
    let names = [
        (S::ABORT, "ABRT"),
        (S::ALARM, "ALRM"),
        (S::FPE, "FPE"),
        (S::HUP, "HUP"),
        (S::ILL, "ILL"),
        (S::INT, "INT"),
        (S::KILL, "KILL"),
        (S::PIPE, "PIPE"),
        (S::QUIT, "QUIT"),
        (S::SEGV, "SEGV"),
        (S::TERM, "TERM"),
        (S::USR1, "USR1"),
        (S::USR2, "USR2"),
    ];
    let known = names.iter().find(|(signal, _)| signal.as_raw() == number);
    known.map_or_else(|| format!("{number}@feramiko"), |(_, name)| (*name).to_owned())
}
