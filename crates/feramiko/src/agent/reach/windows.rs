//! Agents at named pipes.

use std::fs::OpenOptions;
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use super::turns::Turns;

/// Where the names of this machine's pipes are.
const PIPES: &str = r"\\.\pipe\";
/// OpenSSH's agent.
const OPENSSH: &str = "openssh-ssh-agent";
/// What the name of a Pageant's pipe begins with, in front of its user's.
const PAGEANT: &str = "pageant.";
/// How long an agent may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks whether it has.
const PAUSE: Duration = Duration::from_millis(20);

/// OpenSSH's agent, if it runs, or else this user's Pageant.
pub(in crate::agent) fn usual() -> Option<PathBuf> {
    let openssh = PathBuf::from(format!("{PIPES}{OPENSSH}"));
    // One that is busy is there too.
    let is_there = fs::metadata(&openssh).err().is_none_or(|error| is_busy(&error));
    is_there.then_some(openssh).or_else(pageant)
}

/// The pipe of this user's Pageant. What follows the user in its name, nobody can guess.
pub(in crate::agent) fn pageant() -> Option<PathBuf> {
    let user = std::env::var("USERNAME").ok().filter(|user| !user.is_empty())?;
    let begin = format!("{PAGEANT}{user}.").to_lowercase();
    let names = fs::read_dir(PIPES).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut named = names.filter(|name| name.to_lowercase().starts_with(&begin));
    named.next().map(|name| PathBuf::from(format!("{PIPES}{name}")))
}

/// Opens the pipe of an agent. The agent is told who asks; it cannot do anything in their name
/// (`SECURITY_IDENTIFICATION`).
pub(in crate::agent) fn reach(path: &Path) -> io::Result<Turns> {
    const SECURITY_IDENTIFICATION: u32 = 1 << 16;
    let path = pipe(path).ok_or_else(|| {
        let message = r"on Windows agents are asked at pipes of this machine, \\.\pipe\NAME";
        io::Error::new(io::ErrorKind::Unsupported, message)
    })?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).security_qos_flags(SECURITY_IDENTIFICATION).open(&path);
        match opened {
            Err(error) if is_busy(&error) && Instant::now() < deadline => thread::sleep(PAUSE),
            opened => return Turns::new(opened?),
        }
    }
}

/// The pipe of this machine that a path names, however its slashes are written; a configuration halves two backslashes.
fn pipe(path: &Path) -> Option<String> {
    let path = path.to_str()?.replace('/', "\\");
    let name = path.strip_prefix(PIPES).or_else(|| path.strip_prefix(PIPES.strip_prefix('\\')?))?;
    Some(format!("{PIPES}{name}"))
}

/// All its instances serve somebody else.
fn is_busy(error: &io::Error) -> bool {
    const ERROR_PIPE_BUSY: i32 = 231;
    error.raw_os_error() == Some(ERROR_PIPE_BUSY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Agent;

    #[test]
    fn only_pipes_of_this_machine_are_opened() {
        for path in [r"\\.\pipe\x", "//./pipe/x", r"\.\pipe\x"] {
            assert_eq!(pipe(Path::new(path)).as_deref(), Some(r"\\.\pipe\x"), "{path}");
        }
        for path in [r"\\elsewhere\pipe\x", r"C:\x", "/tmp/agent.1", r"\\.\C:\x", ""] {
            assert_eq!(pipe(Path::new(path)), None, "{path}");
            let error = reach(Path::new(path)).map(drop).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        }
    }

    #[test]
    fn nobody_is_where_there_is_no_pipe() {
        let error = reach(Path::new(r"\\.\pipe\feramiko-nobody-is-here")).map(drop).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    /// An agent without keys at a pipe of that name, which answers one request.
    fn answering(name: &str) -> thread::JoinHandle<()> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut pipe = {
            let _entered = runtime.enter();
            let mut options = tokio::net::windows::named_pipe::ServerOptions::new();
            options.first_pipe_instance(true).create(format!("{PIPES}{name}")).unwrap()
        };
        let serve = async move {
            pipe.connect().await.unwrap();
            let mut request = [0; 5];
            pipe.read_exact(&mut request).await.unwrap();
            assert_eq!(request, [0, 0, 0, 1, 11], "what keys are there?");
            pipe.write_all(b"\0\0\0\x05\x0c\0\0\0\0").await.unwrap();
            // Until it hangs up.
            let _ = pipe.read(&mut request).await;
        };
        thread::spawn(move || runtime.block_on(serve))
    }

    #[test]
    fn an_agent_at_a_pipe_is_asked() {
        let name = format!("feramiko-test.{}", std::process::id());
        let serving = answering(&name);
        let agent = Agent::connect_to(format!("{PIPES}{name}")).wait().unwrap();
        assert!(agent.list().wait().unwrap().is_empty());
        drop(agent);
        serving.join().unwrap();
    }
}
