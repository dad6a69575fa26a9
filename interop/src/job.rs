//! What a foreign client is asked to do, and what it answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::accounts::{PASSWORD, USER};
use crate::algorithms::Category;
use crate::keys::{KeyFile, KeyType, host_key, user_key};

/// The algorithms to offer, where they are to be restricted; a category not named is offered whole.
#[derive(Clone, Debug, Default)]
pub struct Offer(BTreeMap<Category, Vec<String>>);

impl Offer {
    /// Restricts a category to `names`, in that order.
    pub fn with(mut self, category: Category, names: &[&str]) -> Self {
        self.0.insert(category, names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// An offer that leaves no choice but `name`; a MAC comes with a cipher that needs one.
    pub fn only(category: Category, name: &str) -> Self {
        let offer = Self::default().with(category, &[name]);
        if category == Category::Mac { offer.with(Category::Cipher, &["aes128-ctr"]) } else { offer }
    }

    /// The restriction of a category, if there is one.
    pub fn get(&self, category: Category) -> Option<&[String]> {
        self.0.get(&category).map(Vec::as_slice)
    }

    pub(crate) fn json(&self) -> Value {
        Value::Object(
            self.0.iter().map(|(category, names)| (category.key().to_owned(), json!(names))).collect(),
        )
    }
}

/// One connection, one login, one command.
#[derive(Clone, Debug)]
pub struct Job {
    /// The server to connect to.
    pub address: SocketAddr,
    /// The host key to expect: type and base64.
    pub host_key: String,
    /// Who logs in.
    pub user: String,
    /// The password, if that is to be tried. Used after `key` when both are there.
    pub password: Option<String>,
    /// What to change the password to when the server asks for a change (asyncssh only).
    pub new_password: Option<String>,
    /// The private key, if that is to be tried.
    pub key: Option<PathBuf>,
    /// What opens the key file.
    pub passphrase: Option<String>,
    /// The answers for keyboard-interactive, if that is to be tried.
    pub answers: Vec<String>,
    /// The restrictions on what is offered.
    pub offer: Offer,
    /// The command: one of `interop/README.md` on a foreign server, anything on one's own.
    pub exec: String,
    /// How much test data goes to the command's standard input.
    pub stdin_bytes: u64,
    /// The client is to ask for a key exchange whenever it has sent that much.
    pub rekey_bytes: Option<u64>,
}

impl Job {
    /// `echo hello` as [`USER`] with [`PASSWORD`], at a server that shows the Ed25519 key of [`host_key`].
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            host_key: host_key(KeyType::Ed25519).public,
            user: USER.to_owned(),
            password: Some(PASSWORD.to_owned()),
            new_password: None,
            key: None,
            passphrase: None,
            answers: Vec::new(),
            offer: Offer::default().with(Category::HostKey, &["ssh-ed25519"]),
            exec: "echo hello".to_owned(),
            stdin_bytes: 0,
            rekey_bytes: None,
        }
    }

    /// One that can only succeed with the algorithm `name`.
    pub fn forcing(address: SocketAddr, category: Category, name: &str) -> Self {
        let job = Self::new(address);
        let offer = Offer::only(category, name);
        match category {
            Category::HostKey => {
                Self { host_key: host_key(KeyType::for_algorithm(name)).public, offer, ..job }
            }
            Category::UserKey => {
                let key = user_key(KeyType::for_algorithm(name));
                Self { offer: offer.with(Category::HostKey, &["ssh-ed25519"]), ..job.key(&key) }
            }
            _ => Self { offer: offer.with(Category::HostKey, &["ssh-ed25519"]), ..job },
        }
    }

    /// Logs in with a key and nothing else.
    pub fn key(mut self, key: &KeyFile) -> Self {
        self.key = Some(key.path.clone());
        self.password = None;
        self
    }

    /// Runs another command.
    pub fn exec(mut self, command: &str) -> Self {
        self.exec = command.to_owned();
        self
    }

    pub(crate) fn json(&self) -> Value {
        let mut job = Map::new();
        job.insert("addr".into(), json!(self.address.to_string()));
        job.insert("host_key".into(), json!(self.host_key));
        job.insert("user".into(), json!(self.user));
        job.insert("offer".into(), self.offer.json());
        job.insert("exec".into(), json!(self.exec));
        job.insert("stdin_bytes".into(), json!(self.stdin_bytes));
        let optional = [
            ("password", self.password.as_ref().map(|text| json!(text))),
            ("new_password", self.new_password.as_ref().map(|text| json!(text))),
            ("key", self.key.as_ref().map(|path| json!(path.display().to_string()))),
            ("passphrase", self.passphrase.as_ref().map(|text| json!(text))),
            ("answers", (!self.answers.is_empty()).then(|| json!(self.answers))),
            ("rekey_bytes", self.rekey_bytes.map(|bytes| json!(bytes))),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                job.insert(name.into(), value);
            }
        }
        Value::Object(job)
    }
}

/// What a foreign client says that it negotiated; empty where it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Negotiated {
    pub kex: String,
    pub host_key: String,
    pub cipher: String,
    pub mac: String,
    pub compression: String,
}

impl Negotiated {
    /// The algorithm of that category; empty for user keys, which are not negotiated.
    pub fn get(&self, category: Category) -> &str {
        match category {
            Category::Kex => &self.kex,
            Category::HostKey => &self.host_key,
            Category::UserKey => "",
            Category::Cipher => &self.cipher,
            Category::Mac => &self.mac,
            Category::Compression => &self.compression,
        }
    }
}

/// Bytes that came, summed up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// How many.
    pub count: u64,
    /// Their SHA-256 in hexadecimal.
    pub sha256: String,
    /// The first 4096 as text.
    pub text: String,
}

/// How a [`Job`] ended.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Whether the command was run, whatever came of it.
    pub ok: bool,
    /// Why not.
    pub error: String,
    /// What the client says was negotiated.
    pub negotiated: Negotiated,
    /// How many key exchanges there were, where the client counts them.
    pub key_exchanges: Option<u64>,
    /// The server's banner, where the client tells.
    pub banner: Option<String>,
    /// The command's exit status.
    pub exit_status: Option<u32>,
    /// The signal that ended the command, without `SIG`.
    pub exit_signal: Option<String>,
    /// Standard output.
    pub stdout: Bytes,
    /// Standard error.
    pub stderr: Bytes,
}

impl Outcome {
    pub(crate) fn from_json(value: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let bytes = |value: &Value| Bytes {
            count: value["bytes"].as_u64().unwrap_or(0),
            sha256: text(&value["sha256"]),
            text: text(&value["text"]),
        };
        let negotiated = &value["negotiated"];
        Self {
            ok: value["ok"].as_bool().unwrap_or(false),
            error: text(&value["error"]),
            negotiated: Negotiated {
                kex: text(&negotiated["kex"]),
                host_key: text(&negotiated["host_key"]),
                cipher: text(&negotiated["cipher"]),
                mac: text(&negotiated["mac"]),
                compression: text(&negotiated["compression"]),
            },
            key_exchanges: value["key_exchanges"].as_u64(),
            banner: value["banner"].as_str().map(str::to_owned),
            exit_status: value["exit_status"].as_u64().and_then(|status| u32::try_from(status).ok()),
            exit_signal: value["exit_signal"].as_str().map(str::to_owned),
            stdout: bytes(&value["stdout"]),
            stderr: bytes(&value["stderr"]),
        }
    }

    /// Fails unless the command ran, said `stdout` and ended with 0, and `name` was negotiated.
    ///
    /// # Errors
    /// What was otherwise.
    pub fn check(&self, category: Category, name: &str, stdout: &str) -> Result<(), String> {
        if !self.ok {
            return Err(self.error.clone());
        }
        if self.exit_status != Some(0) || self.stdout.text != stdout {
            return Err(format!("exit status {:?}, output {:?}", self.exit_status, self.stdout.text));
        }
        match self.negotiated.get(category) {
            "" => Ok(()),
            got if got == name => Ok(()),
            got => Err(format!("negotiated {got}")),
        }
    }
}
