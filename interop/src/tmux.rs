//! A terminal that tests can type into and read: a private tmux.

use std::process::Command;

use tempfile::TempDir;

use crate::places::program;
use crate::process::{Running, run};

/// A tmux server of its own. Dropping it ends it and what runs in its panes.
#[derive(Debug)]
pub struct Tmux {
    /// A client in control mode: it tells of every output in any pane, so that nobody has to look again and again.
    events: Running,
    directory: TempDir,
}

/// One terminal of a [`Tmux`].
#[derive(Debug)]
pub struct Pane<'tmux> {
    tmux: &'tmux Tmux,
    id: String,
}

impl Tmux {
    /// Starts one whose terminals are that large.
    ///
    /// # Panics
    /// If tmux does not start.
    pub fn start(columns: u16, rows: u16) -> Self {
        let directory = tempfile::Builder::new().prefix("tmux-").tempdir().expect("a temporary directory");
        let mut command = Command::new(program("tmux"));
        command.arg("-S").arg(directory.path().join("socket")).args(["-f", "/dev/null", "-C", "new-session"]);
        command.args(["-x", &columns.to_string(), "-y", &rows.to_string(), "cat"]);
        command.env_remove("TMUX").env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8");
        let mut events = Running::start("tmux", command);
        events.wait_for_text("%session-changed");
        // Windows are as large as the client that looks at them.
        events.write(format!("refresh-client -C {columns}x{rows}\n").as_bytes());
        events.wait_for_text(&format!("{columns}x{rows}"));
        Self { events, directory }
    }

    /// Runs a shell command line in a new terminal, which stays readable when the command has ended.
    pub fn open(&self, line: &str) -> Pane<'_> {
        let held = format!("{line}; echo \"[ended with $?]\"; exec cat");
        let id = self.ask(&["new-window", "-d", "-P", "-F", "#{pane_id}", &held]);
        Pane { tmux: self, id: id.trim().to_owned() }
    }

    fn ask(&self, words: &[&str]) -> String {
        let mut command = Command::new(program("tmux"));
        command.arg("-S").arg(self.directory.path().join("socket")).args(words);
        run(command, b"").expect_success("tmux").text()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let mut command = Command::new(program("tmux"));
        command.arg("-S").arg(self.directory.path().join("socket")).arg("kill-server");
        // Should it be gone already, there is nothing left to end.
        run(command, b"");
    }
}

impl Pane<'_> {
    /// Types text as it is.
    pub fn send(&self, text: &str) {
        self.tmux.ask(&["send-keys", "-t", &self.id, "-l", text]);
    }

    /// Presses a key by tmux's name: `Enter`, `C-c`, `Up`.
    pub fn press(&self, key: &str) {
        self.tmux.ask(&["send-keys", "-t", &self.id, key]);
    }

    /// Types a line.
    pub fn enter(&self, line: &str) {
        self.send(line);
        self.press("Enter");
    }

    /// Changes the size of the terminal.
    pub fn resize(&self, columns: u16, rows: u16) {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        self.tmux.ask(&["resize-window", "-t", &self.id, "-x", &columns, "-y", &rows]);
    }

    /// What the terminal shows now, without colours.
    pub fn screen(&self) -> String {
        self.tmux.ask(&["capture-pane", "-p", "-t", &self.id])
    }

    /// Waits until the screen is as wanted, and answers it.
    ///
    /// # Panics
    /// With the screen, if that does not come within [`PATIENCE`](crate::PATIENCE).
    pub fn wait_until(&self, wanted: impl Fn(&str) -> bool) -> String {
        loop {
            let seen = self.tmux.events.line_count();
            let screen = self.screen();
            if wanted(&screen) {
                return screen;
            }
            if let Err(error) = self.tmux.events.wait_for_more_than(seen) {
                panic!("the screen stays like this ({error}):\n{screen}");
            }
        }
    }

    /// Waits until the screen shows `text`, and answers it.
    ///
    /// # Panics
    /// As [`wait_until`](Self::wait_until).
    pub fn wait_for(&self, text: &str) -> String {
        self.wait_until(|screen| screen.contains(text))
    }
}
