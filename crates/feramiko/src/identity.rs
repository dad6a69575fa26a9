//! What a user shows to log in: as declared, and made ready.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use feramiko_crypto::Secret;
use feramiko_keys::{MIN_RSA_BITS, PublicKey, Signer};
use feramiko_proto::SessionProof;

use crate::agenda::{Entry, Method};
use crate::agent::source::AgentSource;
use crate::agent::{Agent, AgentKey};
use crate::error::{Error, KeySource};
use crate::item::{Answer, AskPassword, HostVoucher, Item};
use crate::keyring::{AskPassphrase, Key, Keyring};

/// Gives the new password when the old one has expired: the server's words. `None` gives up.
pub(crate) type NewPassword = Arc<Mutex<dyn FnMut(&str) -> Option<Secret> + Send>>;

/// Keys that may be refused before other methods get their turn: one less than OpenSSH's server takes failures by default
/// (`MaxAuthTries`).
const PATIENCE: usize = 5;

/// What the user declared to show, in order.
#[derive(Clone)]
pub(crate) enum Identity {
    Key(Arc<dyn Signer>),
    KeyFile(PathBuf),
    /// A file that need not be there, nor be readable.
    KeyFileIfThere(PathBuf),
    Agent(AgentSource),
    /// The keys that a configuration names; others stand in its place before the plan is prepared.
    Usual,
    Password(Secret),
    AskPassword(AskPassword),
    Interactive(Answer),
    HostBased(HostVoucher),
}

/// How to log in.
pub(crate) struct Plan {
    pub(crate) identities: Vec<Identity>,
    pub(crate) ask_passphrase: Option<AskPassphrase>,
    pub(crate) new_password: Option<NewPassword>,
    /// How often people are asked again.
    pub(crate) tries: u32,
    /// The methods that may be used, in this order; `None`: all, in the order of the identities.
    pub(crate) methods: Option<Vec<String>>,
    /// Of an agent's keys only those of the declared files.
    pub(crate) identities_only: bool,
    /// Certificates, wherever their keys are.
    pub(crate) certificate_files: Vec<PathBuf>,
    /// Keys that may be refused before other methods get their turn.
    pub(crate) patience: usize,
    /// The fewest bits of RSA keys.
    pub(crate) min_rsa_bits: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            identities: Vec::new(),
            ask_passphrase: None,
            new_password: None,
            tries: 1,
            methods: None,
            identities_only: false,
            certificate_files: Vec::new(),
            patience: PATIENCE,
            min_rsa_bits: MIN_RSA_BITS,
        }
    }
}

/// The plan with its key files read.
pub(crate) struct Prepared {
    /// What there is to show, and how.
    pub(crate) entries: Vec<(Item, Entry)>,
    pub(crate) new_password: Option<NewPassword>,
    /// What is not shown, and why.
    pub(crate) skipped: Vec<String>,
    pub(crate) patience: usize,
    /// Whose keys are among the entries.
    agents: Vec<Agent>,
}

/// A key of an agent.
struct Held {
    key: AgentKey,
    /// One of the declared files is the same key.
    named: bool,
}

impl Plan {
    /// Reads key files and asks agents.
    pub(crate) fn prepare(self) -> Result<Prepared, Error> {
        let mut skipped = Vec::new();
        let mut agents = self.ask_agents(&mut skipped);
        let asked: Vec<Agent> =
            agents.iter().filter_map(|keys| keys.first()).map(|held| held.key.agent().clone()).collect();
        let mut items = Vec::new();
        // First the files, because they say which keys of an agent are wanted.
        let mut declared = Vec::new();
        for identity in &self.identities {
            declared.push(self.item(identity, &mut agents, &mut skipped)?);
        }
        let mut agents = agents.into_iter();
        for (identity, item) in self.identities.iter().zip(declared) {
            match (identity, item) {
                (Identity::Agent(_), _) => {
                    items.extend(self.agent_items(agents.next().unwrap_or_default(), &mut skipped));
                }
                (_, item) => items.extend(item),
            }
        }
        let items = self.long_enough(items, &mut skipped);
        let items = self.with_certificates(items, &mut skipped);
        let entries = self.order(items, &mut skipped);
        let Self { new_password, patience, .. } = self;
        Ok(Prepared { entries, new_password, skipped, patience, agents: asked })
    }

    fn keyring(&self) -> Keyring {
        Keyring { ask: self.ask_passphrase.clone(), min_rsa_bits: self.min_rsa_bits }
    }

    /// Leaves RSA keys out that are shorter than wanted, wherever they are held.
    fn long_enough(&self, items: Vec<Item>, skipped: &mut Vec<String>) -> Vec<Item> {
        let is_short = |key: &PublicKey| key.algorithm() == "ssh-rsa" && key.bits() < self.min_rsa_bits;
        let (short, rest): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| item.public_key().is_some_and(is_short));
        let least = self.min_rsa_bits;
        skipped.extend(short.iter().map(|item| format!("{} (fewer than {least} bits)", item.name())));
        rest
    }

    /// The keys of each agent. One that cannot be asked keeps nobody from logging in otherwise.
    fn ask_agents(&self, skipped: &mut Vec<String>) -> Vec<Vec<Held>> {
        let agents = self.identities.iter().filter_map(|identity| match identity {
            Identity::Agent(source) => Some(source.connect_now().and_then(|agent| agent.identities_now())),
            _ => None,
        });
        let keys = |answer: Result<Vec<AgentKey>, Error>| match answer {
            Ok(keys) => keys.into_iter().map(|key| Held { key, named: false }).collect(),
            Err(error) => {
                skipped.push(format!("the agent's keys: {error}"));
                Vec::new()
            }
        };
        agents.map(keys).collect()
    }

    /// What is declared, ready to be shown. `None` for a file whose key an agent holds or that is not there, and for agents.
    fn item(
        &self,
        identity: &Identity,
        agents: &mut [Vec<Held>],
        skipped: &mut Vec<String>,
    ) -> Result<Option<Item>, Error> {
        Ok(Some(match identity {
            Identity::Agent(_) | Identity::Usual => return Ok(None),
            Identity::Key(signer) => {
                Item::Key { key: Key::Open(Arc::clone(signer)), source: KeySource::Program }
            }
            Identity::KeyFile(path) => {
                if is_in_an_agent(&self.keyring(), path, agents) {
                    return Ok(None);
                }
                let key = self.keyring().named(path)?;
                Item::Key { key, source: KeySource::File(path.clone()) }
            }
            Identity::KeyFileIfThere(path) => {
                if is_in_an_agent(&self.keyring(), path, agents) {
                    return Ok(None);
                }
                match self.keyring().if_there(path) {
                    Some(Ok(key)) => {
                        let item = Item::Key { key, source: KeySource::File(path.clone()) };
                        return Ok(Some(item).filter(|item| !has(agents, item.public_key())));
                    }
                    Some(Err(why)) => skipped.push(why),
                    None => {}
                }
                return Ok(None);
            }
            Identity::Password(password) => Item::Password(password.clone()),
            Identity::AskPassword(ask) => Item::AskPassword { ask: Arc::clone(ask), asked: 0 },
            Identity::Interactive(answer) => Item::Interactive(Arc::clone(answer)),
            Identity::HostBased(voucher) => Item::HostBased(voucher.clone()),
        }))
    }

    /// An agent's keys: those of the declared files first.
    fn agent_items(&self, keys: Vec<Held>, skipped: &mut Vec<String>) -> Vec<Item> {
        let (named, others): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| key.named);
        let item = |held: Held| {
            let source = KeySource::Agent { comment: held.key.comment().to_owned() };
            Item::Key { key: Key::Open(Arc::new(held.key)), source }
        };
        let mut items: Vec<Item> = named.into_iter().map(item).collect();
        let others = others.into_iter().map(item);
        if self.identities_only {
            skipped.extend(others.map(|item| format!("{} (not one of the files named)", item.name())));
        } else {
            items.extend(others);
        }
        items
    }

    /// Puts the certificates that are declared, and those that stand beside the key files, before their keys, wherever
    /// these are held.
    fn with_certificates(&self, items: Vec<Item>, skipped: &mut Vec<String>) -> Vec<Item> {
        let declared = self.identities.iter().filter_map(Identity::path);
        let shown = items.iter().filter_map(|item| match item.source() {
            Some(KeySource::File(path)) => Some(path.as_path()),
            _ => None,
        });
        let files: BTreeSet<&Path> = declared.chain(shown).collect();
        let keyring = self.keyring();
        let named = self.certificate_files.iter().map(|path| keyring.named_certificate(path));
        let beside = files.into_iter().filter_map(|path| keyring.certificate(path));
        let mut certificates = Vec::new();
        for certificate in named.chain(beside) {
            match certificate {
                Ok(certificate) if certificates.contains(&certificate) => {}
                Ok(certificate) => certificates.push(certificate),
                Err(error) => skipped.push(error.to_string()),
            }
        }
        // An agent may hold the certificate too.
        certificates.retain(|one| items.iter().all(|item| item.certificate() != Some(one)));
        let mut all = Vec::new();
        for item in items {
            all.extend(certificates.iter().filter_map(|certificate| item.certified(certificate)));
            all.push(item);
        }
        all
    }

    /// Each with its place on the agenda: as the methods are wanted, and as declared where nothing is said of these.
    fn order(&self, items: Vec<Item>, skipped: &mut Vec<String>) -> Vec<(Item, Entry)> {
        let interactive = items.iter().any(|item| matches!(item, Item::Interactive(_)));
        let mut ranked = Vec::new();
        for item in items {
            let entry = item.entry(interactive, self.tries);
            match rank(entry, self.methods.as_deref()) {
                Some((rank, entry)) => ranked.push((rank, item, entry)),
                None => skipped.push(format!("{} (not a method that is wanted)", item.name())),
            }
        }
        ranked.sort_by_key(|(rank, ..)| *rank);
        ranked.into_iter().map(|(_, item, entry)| (item, entry)).collect()
    }
}

/// Whether an agent has the key of this file, by what stands beside it; that key is marked.
fn is_in_an_agent(keyring: &Keyring, path: &Path, agents: &mut [Vec<Held>]) -> bool {
    if agents.iter().all(Vec::is_empty) {
        return false;
    }
    let Some(public) = keyring.public_half(path) else { return false };
    // Twice, where it holds the key and a certificate.
    let mut found = false;
    for held in agents.iter_mut().flatten().filter(|held| held.key.public_key() == &public) {
        (held.named, found) = (true, true);
    }
    found
}

/// Whether an agent has this key.
fn has(agents: &[Vec<Held>], key: Option<&PublicKey>) -> bool {
    key.is_some_and(|key| agents.iter().flatten().any(|held| held.key.public_key() == key))
}

impl Prepared {
    /// Tells the agents which session their keys are to be used for, and leaves out what they do not show for it. It may
    /// block.
    pub(crate) fn bind(mut self, proof: &SessionProof) -> Self {
        let mut shown = Vec::new();
        for agent in &self.agents {
            // One that does not know what that means has no keys that depend on it; one that cannot be asked any more
            // says so when it is to sign.
            let _ = agent.bind_now(proof, false);
            shown.extend(agent.identities_now().unwrap_or_default());
        }
        let is_shown = |item: &Item| match item {
            Item::Key { key: Key::Open(signer), source: KeySource::Agent { .. } } => {
                shown.iter().any(|key| key.public_key() == signer.public_key())
            }
            _ => true,
        };
        let (entries, hidden): (Vec<_>, Vec<_>) =
            self.entries.into_iter().partition(|(item, _)| is_shown(item));
        self.skipped.extend(hidden.iter().map(|(item, _)| format!("{} (not for this host)", item.name())));
        self.entries = entries;
        self
    }

    pub(crate) fn has_agents(&self) -> bool {
        !self.agents.is_empty()
    }
}

/// Where the wanted methods put an entry, and what is left of it; `None` where they do not name it.
fn rank(entry: Entry, methods: Option<&[String]>) -> Option<(usize, Entry)> {
    let Some(methods) = methods else { return Some((0, entry)) };
    let place = |method: Method| methods.iter().position(|name| Method::named(name) == Some(method));
    match (place(entry.method), entry.instead.and_then(place), entry.instead) {
        (Some(rank), Some(_), _) => Some((rank, entry)),
        (Some(rank), None, _) => Some((rank, Entry { instead: None, ..entry })),
        (None, Some(rank), Some(method)) => Some((rank, Entry { method, instead: None, ..entry })),
        _ => None,
    }
}

impl Identity {
    /// The private key's file, where it is one.
    fn path(&self) -> Option<&Path> {
        match self {
            Self::KeyFile(path) | Self::KeyFileIfThere(path) => Some(path),
            _ => None,
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(signer) => write!(f, "Key({:?})", signer.public_key()),
            Self::KeyFile(path) => write!(f, "KeyFile({})", path.display()),
            Self::KeyFileIfThere(path) => write!(f, "KeyFileIfThere({})", path.display()),
            Self::Agent(_) => f.write_str("Agent(..)"),
            Self::Usual => f.write_str("Usual"),
            Self::Password(_) | Self::AskPassword(_) => f.write_str("Password(..)"),
            Self::Interactive(_) => f.write_str("KeyboardInteractive(..)"),
            Self::HostBased(voucher) => write!(f, "HostBased({}, {})", voucher.host, voucher.user),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{AgentServer, Constraints};
    use feramiko_keys::{KeyType, PrivateKey};
    use feramiko_proto::Prompts;

    fn key() -> PrivateKey {
        PrivateKey::generate(KeyType::Ed25519).unwrap()
    }

    fn agent(keys: &[&PrivateKey]) -> Identity {
        let server = AgentServer::new();
        for (number, key) in keys.iter().enumerate() {
            server.add((*key).clone(), &format!("key {number}"), Constraints::default()).unwrap();
        }
        Identity::Agent(server.into())
    }

    fn written(directory: &Path, name: &str, key: &PrivateKey, passphrase: Option<&str>) -> Identity {
        let path = directory.join(name);
        key.write_file(&path, "", passphrase.map(Secret::from).as_ref()).unwrap();
        std::fs::write(path.with_extension("pub"), key.public_key().to_line("")).unwrap();
        Identity::KeyFile(path)
    }

    fn shown(prepared: &Prepared) -> Vec<(&PublicKey, String)> {
        let keys = prepared.entries.iter().map(|(item, _)| item);
        keys.map(|item| (item.public_key().unwrap(), item.source().unwrap().to_string())).collect()
    }

    #[test]
    fn an_agent_signs_for_the_files_whose_keys_it_has_and_these_come_first() {
        let directory = tempfile::tempdir().unwrap();
        let (other, held, lone) = (key(), key(), key());
        let identities = vec![
            agent(&[&other, &held]),
            // Nobody is there to open it, and nobody needs to.
            written(directory.path(), "held", &held, Some("sesame")),
            written(directory.path(), "lone", &lone, None),
        ];
        let plan = Plan { identities: identities.clone(), ..Plan::default() };
        let prepared = plan.prepare().unwrap();
        let lone_file = directory.path().join("lone").display().to_string();
        assert_eq!(
            shown(&prepared),
            [
                (held.public_key(), "the agent's \"key 1\"".to_owned()),
                (other.public_key(), "the agent's \"key 0\"".to_owned()),
                (lone.public_key(), lone_file.clone()),
            ]
        );
        assert!(prepared.skipped.is_empty(), "{:?}", prepared.skipped);

        let plan = Plan { identities, identities_only: true, ..Plan::default() };
        let prepared = plan.prepare().unwrap();
        assert_eq!(shown(&prepared).len(), 2);
        let left_out = &prepared.skipped[0];
        assert!(left_out.contains(&other.public_key().fingerprint().to_string()), "{left_out}");
    }

    #[test]
    fn an_agent_that_is_not_there_is_named_and_no_more() {
        let gone = || Err(Error::Lookup { host: "agent".to_owned(), message: "gone".to_owned() });
        let identities = vec![Identity::Agent(AgentSource::by(gone)), Identity::Password("foo".into())];
        let prepared = Plan { identities, ..Plan::default() }.prepare().unwrap();
        assert_eq!(prepared.entries.len(), 1);
        assert!(prepared.skipped[0].contains("gone"), "{:?}", prepared.skipped);
    }

    #[test]
    fn the_wanted_methods_order_and_restrict_what_is_declared() {
        let answers = |_: &Prompts| None;
        let voucher = HostVoucher { signer: Arc::new(key()), host: "lag.net".into(), user: "rob".into() };
        let identities = || {
            vec![
                Identity::Key(Arc::new(key())),
                Identity::Password("foo".into()),
                Identity::Interactive(Arc::new(Mutex::new(answers))),
                Identity::HostBased(voucher.clone()),
            ]
        };
        let prepared = |methods: &[&str]| {
            let methods = Some(methods.iter().map(|name| (*name).to_owned()).collect());
            Plan { identities: identities(), methods, ..Plan::default() }.prepare().unwrap()
        };
        let order = |prepared: &Prepared| -> Vec<Method> {
            prepared.entries.iter().map(|(_, entry)| entry.method).collect()
        };
        let all =
            prepared(&["gssapi-with-mic", "hostbased", "keyboard-interactive", "password", "publickey"]);
        let expected = [Method::HostBased, Method::Interactive, Method::Password, Method::PublicKey];
        assert_eq!(order(&all), expected);
        let one = prepared(&["password"]);
        assert_eq!(order(&one), [Method::Password]);
        assert_eq!(one.skipped.len(), 3);

        // A password is told to questions only where that is wanted.
        let entry = Entry { method: Method::Password, instead: Some(Method::Interactive), tries: 1 };
        let ranked = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            rank(entry, Some(&names)).map(|(_, entry)| (entry.method, entry.instead))
        };
        assert_eq!(ranked(&["password"]), Some((Method::Password, None)));
        assert_eq!(ranked(&["keyboard-interactive"]), Some((Method::Interactive, None)));
        assert_eq!(ranked(&["publickey"]), None);
    }
}
