//! The command line.

use std::path::PathBuf;

pub(crate) const USAGE: &str = "\
cargo xtask bench [--quick] [--runs N] [--mib N] [--only WHAT,…] [--peers NAME,…] [--out FILE]
    --quick   one run of 128 MiB and few rounds: shows that all works, measures little
    --runs    alternating runs of which the medians count (5)
    --mib     how much is moved in a run of the bulk section (1024)
    --only    sections (bulk, connections, latency), ciphers or directions (gcm, chacha, ctr, down, up)
    --peers   only these beside OpenSSH (thread, tokio: ours; russh, ring: russh sealing with ring; ssh2)
    --out     writes the report to a file too";

/// A part of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Bulk,
    Connections,
    Latency,
}

impl Section {
    pub(crate) const ALL: [Self; 3] = [Self::Bulk, Self::Connections, Self::Latency];
    const NAMES: [&str; 3] = ["bulk", "connections", "latency"];

    fn name(self) -> &'static str {
        match self {
            Self::Bulk => "bulk",
            Self::Connections => "connections",
            Self::Latency => "latency",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) runs: usize,
    pub(crate) bytes: u64,
    pub(crate) quick: bool,
    pub(crate) out: Option<PathBuf>,
    only: Vec<String>,
    peers: Vec<String>,
}

impl Options {
    /// Reads the command line; the error is what to tell the user.
    pub(crate) fn from_args(args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options =
            Self { runs: 5, bytes: 1 << 30, quick: false, out: None, only: Vec::new(), peers: Vec::new() };
        let mut args = args.into_iter();
        while let Some(flag) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{flag} wants a value\n{USAGE}"));
            let number =
                |text: String| text.parse::<u32>().map_err(|_| format!("{text:?} is no number\n{USAGE}"));
            match flag.as_str() {
                "--quick" => {
                    options.quick = true;
                    options.runs = 1;
                    options.bytes = 128 << 20;
                }
                "--runs" => options.runs = number(value()?)?.max(1) as usize,
                "--mib" => options.bytes = u64::from(number(value()?)?.max(1)) << 20,
                "--only" => options.only = words(&value()?),
                "--peers" => options.peers = words(&value()?),
                "--out" => options.out = Some(value()?.into()),
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(options)
    }

    pub(crate) fn wants(&self, section: Section) -> bool {
        let mut sections = self.only.iter().filter(|word| Section::NAMES.contains(&word.as_str())).peekable();
        sections.peek().is_none() || sections.any(|word| word == section.name())
    }

    /// Whether this cipher or direction is wanted; `others` are those that it stands beside.
    pub(crate) fn wants_of(&self, name: &str, others: &[&str]) -> bool {
        let mut said = self.only.iter().filter(|word| others.contains(&word.as_str())).peekable();
        said.peek().is_none() || said.any(|word| word == name)
    }

    pub(crate) fn wants_peer(&self, name: &str) -> bool {
        name == "openssh" || self.peers.is_empty() || self.peers.iter().any(|peer| peer == name)
    }

    /// `full`, or a fraction of it in a quick run.
    pub(crate) fn rounds(&self, full: usize) -> usize {
        if self.quick { full.div_ceil(5) } else { full }
    }
}

fn words(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}
