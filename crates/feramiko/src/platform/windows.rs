//! Windows, as far as it goes without `unsafe`: there is nothing here about who may write to a file, because the standard
//! library does not tell.

use std::fs::{self, File};
use std::os::windows::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::{env, io};

use feramiko_proto::WindowSize;

/// There is no configuration of the system's own: it would have to be in a folder where everybody may make files
/// (`C:\ProgramData`), and it cannot be told who has.
pub(crate) const SYSTEM_FOLDER: Option<&str> = None;

/// A command line, run by cmd.exe. What stands for the whole line is in quotation marks of its own, which `/s` takes away;
/// those within reach the command as they are.
pub(crate) fn shell(line: &str) -> Command {
    // Not from the search path, where a file of that name may be anybody's.
    let root = variable("SystemRoot").unwrap_or_else(|| r"C:\Windows".to_owned());
    let mut command = Command::new(format!(r"{root}\System32\cmd.exe"));
    command.args(["/d", "/s", "/c"]).raw_arg(format!("\"{line}\""));
    command
}

/// The same where the shell has nothing else to do.
pub(crate) fn shell_for(line: &str) -> Command {
    shell(line)
}

/// Users have no numbers.
pub(crate) fn user_number() -> u32 {
    0
}

/// The name of whoever runs this.
pub(crate) fn user_name() -> Option<String> {
    variable("USERNAME")
}

/// Where whoever runs this lives.
pub(crate) fn home() -> Option<String> {
    env::home_dir().and_then(|home| home.into_os_string().into_string().ok()).map(with_slashes)
}

/// Where somebody else lives is not known.
pub(crate) fn home_of(_user: &str) -> Option<String> {
    None
}

/// The name of this machine.
pub(crate) fn machine() -> String {
    variable("COMPUTERNAME").unwrap_or_default().to_ascii_lowercase()
}

/// The canonical name of a host is not known.
pub(crate) fn canonical_name(_name: &str) -> Option<String> {
    None
}

/// A path of a configuration as it is written here: the system takes both kinds of slashes.
pub(crate) fn with_slashes(path: String) -> String {
    path.replace('\\', "/")
}

/// Whether something can be kept in a file of that name. Names from a root without a drive are those of Unix.
pub(crate) fn is_place(path: &Path) -> bool {
    path.is_absolute() || !path.has_root()
}

/// Opens a file to read it.
pub(crate) fn open(path: &str) -> io::Result<File> {
    File::open(path)
}

/// It cannot be told. The folders where the files are looked for belong to the user.
pub(crate) fn check_owner(_path: &str, _about: &fs::Metadata) -> Result<(), String> {
    Ok(())
}

/// The console's size is not known.
pub(crate) fn own_terminal_size() -> Option<WindowSize> {
    None
}

/// There are no signals.
pub(crate) fn signal(_status: ExitStatus) -> (Option<String>, bool) {
    (None, false)
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_reaches_its_command_as_it_is_written() {
        let run = |line: &str| {
            let done = shell(line).output().unwrap();
            (String::from_utf8(done.stdout).unwrap().trim_end().to_owned(), done.status.code())
        };
        assert_eq!(run("exit 3"), (String::new(), Some(3)));
        assert_eq!(run(r#"echo "a  b" c"#), (r#""a  b" c"#.to_owned(), Some(0)));
        assert_eq!(run(r#"echo %FERAMIKO_IS_NOT_SET%& exit 4"#).1, Some(4));
    }

    #[test]
    fn homes_are_written_with_slashes_and_names_are_there() {
        let home = home().unwrap();
        assert!(!home.contains('\\') && Path::new(&home).is_absolute(), "{home}");
        assert!(user_name().is_some() && !machine().is_empty());
    }

    #[test]
    fn files_of_unix_are_no_place() {
        for (path, place) in
            [(r"C:\x", true), ("C:/x", true), ("x", true), ("/etc/ssh/x", false), (r"\x", false)]
        {
            assert_eq!(is_place(Path::new(path)), place, "{path}");
        }
    }
}
