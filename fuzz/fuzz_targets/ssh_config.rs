//! ssh_config(5): whatever a file says, an evaluation ends, runs nothing that was not checked, and what it prints is read again as
//! the same.
#![no_main]

use std::net::IpAddr;
use std::sync::Arc;

use feramiko::config::{DefaultAlgorithms, SshConfig, Surroundings};
use libfuzzer_sys::fuzz_target;

/// A machine of one file, which includes itself under every other name.
struct Machine(Vec<u8>);

impl Surroundings for Machine {
    fn user(&self) -> Option<String> {
        Some("me".to_owned())
    }

    fn uid(&self) -> u32 {
        1000
    }

    fn home_of(&self, _user: Option<&str>) -> Option<String> {
        Some("/home/me".to_owned())
    }

    fn machine(&self) -> String {
        "machine.example".to_owned()
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/home/me".to_owned())
    }

    fn addresses(&self) -> Option<Vec<IpAddr>> {
        Some(vec![[192, 0, 2, 1].into()])
    }

    fn read(&self, path: &str, _trusted: bool) -> Result<Option<Vec<u8>>, String> {
        let part = if path.ends_with("config") { 0 } else { self.0.len() / 2 };
        Ok(self.0.get(part..).map(<[u8]>::to_vec))
    }

    fn list(&self, _folder: &str) -> Vec<String> {
        vec!["a".to_owned(), "b".to_owned()]
    }

    fn run(&self, command: &str) -> Result<bool, String> {
        Ok(command.len() % 2 == 0)
    }

    fn lookup(&self, name: &str, _alias: bool) -> Option<Option<String>> {
        (name.len() % 2 == 0).then(|| Some("alias.example".to_owned()))
    }
}

fuzz_target!(|data: &[u8]| {
    // A file that includes itself 256 times is as good as a bigger one.
    let data = data.get(..2048).unwrap_or(data);
    let config = SshConfig::usual().surroundings(Arc::new(Machine(data.to_vec())));
    let Ok(host) = config.resolve("web") else { return };
    let _ =
        (host.identity_files(), host.certificate_files(), host.known_hosts_files(), host.identity_agent());
    let _ = (host.proxy(), host.remote_command(), host.forward_agent(), host.check());
    for text in [host.host(), host.user()] {
        assert!(
            !text.starts_with('-') && !text.contains(['$', '`', ';', '|', '&', '\n', '\0', '"']),
            "{text:?}"
        );
    }
    if let Ok(lines) = host.lines(&DefaultAlgorithms::default()) {
        assert!(lines.iter().all(|line| !line.contains('\n')), "{lines:?}");
    }
});
