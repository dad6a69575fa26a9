//! The foreign implementations behind one face.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::accounts::{PASSWORD, USER};
use crate::algorithms::{Category, names};
use crate::data::{sha256_hex, test_data};
use crate::job::{Bytes, Job, Offer, Outcome};
use crate::keys::{KeyFile, KeyType, host_key, host_keys, user_key, user_keys};
use crate::places::{program, python, python_of_old, root, russh_peer, script};
use crate::process::{Running, run};
use crate::ssh::Ssh;
use crate::sshd::Sshd;

/// An implementation of SSH that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Foreign {
    OpenSsh,
    Asyncssh,
    Paramiko,
    /// The last paramiko but one, which still knows what is old.
    ParamikoOld,
    Russh,
}

/// How a foreign server is to be. The account is [`USER`] with [`PASSWORD`], the keys of
/// [`user_keys`](crate::user_keys) and the host keys of [`host_keys`](crate::host_keys).
#[derive(Clone, Debug, Default)]
pub struct ServerSpec {
    /// The restrictions on what is offered.
    pub offer: Offer,
    /// The answers that make keyboard-interactive succeed, for `Password: ` and `Colour: `. OpenSSH asks PAM instead.
    pub answers: Vec<String>,
    /// A key *and then* a password are asked for (asyncssh cannot).
    pub multi_step: bool,
    /// The server is to ask for a key exchange whenever it has sent that much.
    pub rekey_bytes: Option<u64>,
    /// How much test data `bytes` can send at most; only OpenSSH needs to know beforehand.
    pub data_bytes: usize,
}

/// A foreign server that listens. Dropping it ends it.
#[derive(Debug)]
pub struct ForeignServer {
    address: SocketAddr,
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Sshd(Sshd),
    Peer(Running),
}

/// Who connects to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Our client, their server.
    OurClient,
    /// Their client, our server.
    OurServer,
}

impl Direction {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::OurClient, Self::OurServer];
}

impl ForeignServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has said.
    pub fn log(&self) -> String {
        match &self.inner {
            Inner::Sshd(sshd) => sshd.log(),
            Inner::Peer(peer) => peer.log(),
        }
    }
}

/// What a peer answers to `algorithms`.
#[derive(Clone, Debug)]
struct Abilities {
    version: String,
    names: BTreeMap<Category, Vec<String>>,
}

impl Foreign {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::OpenSsh, Self::Asyncssh, Self::Paramiko, Self::ParamikoOld, Self::Russh];

    /// Name and version: `asyncssh 2.24.1`.
    pub fn version(self) -> &'static str {
        &self.abilities().version
    }

    /// Whether it has the algorithm `name` in the role that `direction` gives it.
    pub fn supports(self, direction: Direction, category: Category, name: &str) -> bool {
        // sshd has `none` and the delayed kind only, whatever `ssh -Q` says of both programs.
        if self == Self::OpenSsh && direction == Direction::OurClient && name == "zlib" {
            return false;
        }
        self.abilities().names.get(&category).is_some_and(|names| names.iter().any(|known| known == name))
    }

    /// Starts a server, and waits until it listens.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn serve(self, spec: &ServerSpec) -> ForeignServer {
        if self == Self::OpenSsh {
            let sshd = serve_openssh(spec);
            return ForeignServer { address: sshd.address(), inner: Inner::Sshd(sshd) };
        }
        let known = |key: &KeyFile| {
            !key.is_old() || self.supports(Direction::OurClient, Category::HostKey, "ssh-dss")
        };
        let keys = host_keys().into_iter().chain([host_key(KeyType::Dsa)]).filter(known);
        let paths: Vec<String> = keys.map(|key| key.path.display().to_string()).collect();
        let mut json = json!({
            "host_keys": paths,
            "user": USER,
            "password": PASSWORD,
            "authorized_keys": authorized_keys(),
            "offer": spec.offer.json(),
            "answers": spec.answers,
            "multi_step": spec.multi_step,
        });
        if let Some(bytes) = spec.rekey_bytes {
            json["rekey_bytes"] = json!(bytes);
        }
        let mut command = self.server_command();
        command.arg("server").arg(json.to_string());
        let running = Running::start(self.version(), command);
        let port = running
            .wait_for(|line| serde_json::from_str::<Value>(line).ok()?["port"].as_u64())
            .unwrap_or_else(|error| panic!("{error}"));
        let port = u16::try_from(port).expect("a port");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        ForeignServer { address, inner: Inner::Peer(running) }
    }

    /// Lets its client do `jobs`, one after the other.
    ///
    /// # Panics
    /// If the client's process fails; a job that fails is an [`Outcome`].
    pub fn client(self, jobs: &[Job]) -> Vec<Outcome> {
        if self == Self::OpenSsh {
            return jobs.iter().map(run_openssh).collect();
        }
        let list: Vec<Value> = jobs.iter().map(Job::json).collect();
        let mut command = self.client_command();
        command.arg("client").arg(Value::from(list).to_string());
        let finished = run(command, b"").expect_success(self.version());
        let text = finished.text();
        let outcomes: Vec<Outcome> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .map(|value: Value| Outcome::from_json(&value))
            .collect();
        assert_eq!(outcomes.len(), jobs.len(), "{} answered:\n{text}", self.version());
        outcomes
    }

    fn server_command(self) -> Command {
        match self {
            Self::OpenSsh => Command::new(program("sshd")),
            Self::Asyncssh => python_command("asyncssh_server.py"),
            Self::Paramiko => python_command("paramiko_server.py"),
            Self::ParamikoOld => command_of(python_of_old(), "paramiko_server.py"),
            Self::Russh => Command::new(russh_peer()),
        }
    }

    fn client_command(self) -> Command {
        match self {
            Self::OpenSsh => Command::new(program("ssh")),
            Self::Asyncssh => python_command("asyncssh_client.py"),
            Self::Paramiko => python_command("paramiko_client.py"),
            Self::ParamikoOld => command_of(python_of_old(), "paramiko_client.py"),
            Self::Russh => Command::new(russh_peer()),
        }
    }

    fn abilities(self) -> &'static Abilities {
        static OPENSSH: OnceLock<Abilities> = OnceLock::new();
        static ASYNCSSH: OnceLock<Abilities> = OnceLock::new();
        static PARAMIKO: OnceLock<Abilities> = OnceLock::new();
        static PARAMIKO_OLD: OnceLock<Abilities> = OnceLock::new();
        static RUSSH: OnceLock<Abilities> = OnceLock::new();
        match self {
            Self::OpenSsh => OPENSSH.get_or_init(openssh_abilities),
            Self::Asyncssh => ASYNCSSH.get_or_init(|| peer_abilities(self.client_command())),
            Self::Paramiko => PARAMIKO.get_or_init(|| peer_abilities(self.client_command())),
            Self::ParamikoOld => PARAMIKO_OLD.get_or_init(|| peer_abilities(self.client_command())),
            Self::Russh => RUSSH.get_or_init(|| peer_abilities(self.client_command())),
        }
    }
}

/// A script of `interop/python`, about to be run where asyncssh and paramiko are.
///
/// # Panics
/// If there is none, or no Python for it.
pub fn python_command(name: &str) -> Command {
    command_of(python(), name)
}

fn command_of(python: PathBuf, name: &str) -> Command {
    let mut command = Command::new(python);
    // Their warnings about old algorithms are theirs, and compiled files would litter the tree.
    command.args(["-W", "ignore", "-B"]).arg(script(name));
    command
}

fn peer_abilities(mut command: Command) -> Abilities {
    command.arg("algorithms");
    let answer = run(command, b"").expect_success("asking a peer what it has").text();
    let value: Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
    let list = |category: Category| {
        let names = value[category.key()].as_array().into_iter().flatten();
        names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    Abilities {
        version: format!(
            "{} {}",
            value["name"].as_str().unwrap_or_default(),
            value["version"].as_str().unwrap_or_default()
        ),
        names: Category::ALL.into_iter().map(|category| (category, list(category))).collect(),
    }
}

fn openssh_abilities() -> Abilities {
    let query = |what: &[&str]| {
        let mut command = Command::new(program("ssh"));
        command.args(what);
        run(command, b"").expect_success("asking ssh what it has")
    };
    // "OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19 27 Jan 2026"
    let version = query(&["-V"]).errors();
    let version = version.split([' ', ',']).next().unwrap_or_default().replacen('_', " ", 1);
    let list = |category: Category| {
        let what = match category {
            Category::Kex => "kex",
            Category::HostKey | Category::UserKey => "sig",
            Category::Cipher => "cipher",
            Category::Mac => "mac",
            Category::Compression => "compression",
        };
        let known = query(&["-Q", what]).text();
        names(category)
            .iter()
            .filter(|name| known.lines().any(|line| line == **name))
            .map(|name| (*name).to_owned())
            .collect()
    };
    Abilities {
        version,
        names: Category::ALL.into_iter().map(|category| (category, list(category))).collect(),
    }
}

/// The keys' public halves in a file; made anew by whoever comes, always with the same contents.
fn authorized_keys() -> String {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let keys = user_keys().into_iter().chain([user_key(KeyType::Dsa)]);
        let lines: String = keys.map(|KeyFile { public, .. }| public + "\n").collect();
        let path = root().join("target/interop-keys/authorized_keys");
        let fresh = path.with_extension(std::process::id().to_string());
        std::fs::write(&fresh, lines)
            .and_then(|()| std::fs::rename(&fresh, &path))
            .expect("authorized keys written");
        path.display().to_string()
    })
    .clone()
}

fn serve_openssh(spec: &ServerSpec) -> Sshd {
    let mut builder = Sshd::builder().accounts().data(spec.data_bytes);
    for category in Category::ALL {
        // Everything is offered, as by the other peers: the default lists leave names out.
        let everything = || {
            names(category)
                .iter()
                .filter(|name| Foreign::OpenSsh.supports(Direction::OurClient, category, name))
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let list = spec.offer.get(category).map_or_else(everything, <[String]>::to_vec).join(",");
        builder = match category {
            Category::Kex => builder.set("KexAlgorithms", &list),
            Category::HostKey => builder.set("HostKeyAlgorithms", &list),
            Category::UserKey => builder.set("PubkeyAcceptedAlgorithms", &list),
            Category::Cipher => builder.set("Ciphers", &list),
            Category::Mac => builder.set("MACs", &list),
            Category::Compression => {
                builder.set("Compression", if list.contains("zlib@openssh.com") { "yes" } else { "no" })
            }
        };
    }
    if spec.multi_step {
        builder = builder.set("AuthenticationMethods", "publickey,password");
    }
    if let Some(bytes) = spec.rekey_bytes {
        builder = builder.set("RekeyLimit", &bytes.to_string());
    }
    builder.start()
}

fn run_openssh(job: &Job) -> Outcome {
    let mut ssh = Ssh::to(job.address).user(&job.user).host_keys(&[&job.host_key]);
    for category in Category::ALL {
        let Some(list) = job.offer.get(category).map(|names| names.join(",")) else { continue };
        ssh = match category {
            Category::Kex => ssh.option("KexAlgorithms", &list),
            Category::HostKey => ssh.option("HostKeyAlgorithms", &list),
            Category::UserKey => ssh.option("PubkeyAcceptedAlgorithms", &list),
            Category::Cipher => ssh.option("Ciphers", &list),
            Category::Mac => ssh.option("MACs", &list),
            // `ssh` always offers all three; this says only which kind it would rather have.
            Category::Compression => ssh.option("Compression", if list == "none" { "no" } else { "yes" }),
        };
    }
    if let Some(bytes) = job.rekey_bytes {
        ssh = ssh.option("RekeyLimit", &bytes.to_string());
    }
    let mut methods = Vec::new();
    let mut answers: Vec<&str> = Vec::new();
    if let Some(path) = &job.key {
        methods.push("publickey");
        ssh = ssh.key(&KeyFile { path: path.clone(), public: String::new() });
        answers.extend(job.passphrase.as_deref());
    }
    if !job.answers.is_empty() {
        methods.push("keyboard-interactive");
        answers.extend(job.answers.iter().map(String::as_str));
    }
    if let Some(password) = &job.password {
        methods.push("password");
        answers.push(password);
    }
    // A password change asks for the old password and, twice, for the new one.
    if let (Some(old), Some(new)) = (&job.password, &job.new_password) {
        answers.extend([old.as_str(), new, new]);
    }
    let ssh = ssh.option("PreferredAuthentications", &methods.join(",")).answers(&answers);
    let finished = ssh.run(&job.exec, &test_data(usize::try_from(job.stdin_bytes).expect("a size")));
    let log = ssh.log();
    let ok = ssh.authenticated();
    let summary = |data: &[u8]| Bytes {
        count: data.len() as u64,
        sha256: sha256_hex(data),
        text: String::from_utf8_lossy(data.get(..4096).unwrap_or(data)).into_owned(),
    };
    Outcome {
        ok,
        error: if ok { String::new() } else { last_words(&log) },
        negotiated: ssh.negotiated(),
        key_exchanges: Some(ssh.key_exchanges()),
        banner: None,
        exit_status: finished.code().and_then(|code| u32::try_from(code).ok()),
        exit_signal: None,
        stdout: summary(&finished.stdout),
        stderr: summary(&finished.stderr),
    }
}

/// The log's last line that is no debugging.
fn last_words(log: &str) -> String {
    log.lines().rfind(|line| !line.starts_with("debug")).unwrap_or("it said nothing").to_owned()
}
