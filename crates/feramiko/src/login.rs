//! A client's login: the agenda's steps, carried out.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use feramiko_crypto::Secret;
use feramiko_keys::{KeyError, PublicKey, Signer};
use feramiko_proto::{ConnectionError, Prompts};

use crate::agenda::{Agenda, Entry, Method, Next};
use crate::auth::{AuthStep, Credential};
use crate::error::{AuthError, Error, Outcome, Tried};
use crate::helper::{Driver, Either, blocking, race};
use crate::keyring::{self, AskPassphrase, Key};
use crate::pending::Pending;
use crate::transport::Transport;

/// Asks for a password: the number of the attempt, the first being 1. `None` gives up.
pub(crate) type AskPassword = Arc<Mutex<dyn FnMut(u32) -> Option<Secret> + Send>>;
/// Answers a server's questions. `None` gives up.
pub(crate) type Answer = Arc<Mutex<dyn FnMut(&Prompts) -> Option<Vec<Secret>> + Send>>;
/// Gives the new password when the old one has expired: the server's words. `None` gives up.
pub(crate) type NewPassword = Arc<Mutex<dyn FnMut(&str) -> Option<Secret> + Send>>;

/// What the user declared to show, in order.
#[derive(Clone)]
pub(crate) enum Identity {
    Key(Arc<dyn Signer>),
    KeyFile(PathBuf),
    Password(Secret),
    AskPassword(AskPassword),
    Interactive(Answer),
}

/// How to log in.
pub(crate) struct Plan {
    pub(crate) identities: Vec<Identity>,
    pub(crate) ask_passphrase: Option<AskPassphrase>,
    pub(crate) new_password: Option<NewPassword>,
    /// How often people are asked again.
    pub(crate) tries: u32,
}

/// The plan with its key files read.
pub(crate) struct Prepared {
    entries: Vec<Item>,
    new_password: Option<NewPassword>,
    skipped: Vec<String>,
    tries: u32,
}

enum Item {
    Key { key: Key, from: Option<PathBuf> },
    Password(Secret),
    AskPassword { ask: AskPassword, asked: u32 },
    Interactive(Answer),
}

impl Plan {
    /// Reads key files: those declared, or the user's own where nothing at all is declared.
    pub(crate) fn prepare(self) -> Result<Prepared, Error> {
        let ask = self.ask_passphrase.as_ref();
        let mut prepared = Prepared {
            entries: Vec::new(),
            new_password: self.new_password,
            skipped: Vec::new(),
            tries: self.tries,
        };
        if self.identities.is_empty() {
            let (keys, skipped) = keyring::defaults(ask);
            prepared.skipped = skipped;
            prepared.entries =
                keys.into_iter().map(|(path, key)| Item::Key { key, from: Some(path) }).collect();
        }
        for identity in self.identities {
            prepared.entries.push(match identity {
                Identity::Key(signer) => Item::Key { key: Key::Open(signer), from: None },
                Identity::KeyFile(path) => Item::Key { key: keyring::named(&path, ask)?, from: Some(path) },
                Identity::Password(password) => Item::Password(password),
                Identity::AskPassword(ask) => Item::AskPassword { ask, asked: 0 },
                Identity::Interactive(answer) => Item::Interactive(answer),
            });
        }
        Ok(prepared)
    }
}

impl Item {
    fn entry(&self, others_interactive: bool, tries: u32) -> Entry {
        // Servers that ask for a password by keyboard-interactive only are many; a declared answerer goes before that.
        let instead = Some(Method::Interactive).filter(|_| !others_interactive);
        match self {
            Self::Key { .. } => Entry::once(Method::PublicKey),
            Self::Password(_) => Entry { method: Method::Password, instead, tries: 1 },
            Self::AskPassword { .. } => Entry { method: Method::Password, instead, tries },
            Self::Interactive(_) => Entry { method: Method::Interactive, instead: None, tries },
        }
    }

    /// What an error message calls it. Never a secret.
    fn describe(&self) -> String {
        match self {
            Self::Key { key: Key::Open(signer), from } => {
                let public = signer.public_key();
                let key = format!("{} {}", public.algorithm(), public.fingerprint());
                match from {
                    Some(path) => format!("{} ({key})", path.display()),
                    None => key,
                }
            }
            Self::Key { key: Key::Locked(path, _), .. } => path.display().to_string(),
            Self::Password(_) | Self::AskPassword { .. } | Self::Interactive(_) => String::new(),
        }
    }
}

/// A login under way.
struct Login<'a> {
    transport: &'a Transport,
    driver: Driver,
    user: &'a str,
    new_password: Option<NewPassword>,
    tried: Vec<Tried>,
    skipped: Vec<String>,
    /// Whether something secret was shown in the attempt under way.
    proof: Arc<AtomicBool>,
}

/// Logs in; answers what was tried, the last being the success.
pub(crate) async fn log_in(
    transport: &Transport,
    driver: Driver,
    user: &str,
    mut prepared: Prepared,
) -> Result<Vec<Tried>, Error> {
    let interactive = prepared.entries.iter().any(|item| matches!(item, Item::Interactive(_)));
    let tries = prepared.tries;
    let mut agenda = Agenda::new(prepared.entries.iter().map(|item| item.entry(interactive, tries)));
    let mut login = Login {
        transport,
        driver,
        user,
        new_password: prepared.new_password.take(),
        tried: Vec::new(),
        skipped: prepared.skipped,
        proof: Arc::default(),
    };
    loop {
        let (number, method) = match agenda.next() {
            Next::Try(number, method) => (Some(number), method),
            Next::AskWhat => (None, Method::None),
            Next::GiveUp => {
                let untried = agenda.untried().filter_map(|number| prepared.entries.get(number));
                let not_taken = untried.map(|item| format!("{} (not taken)", item.name()));
                login.skipped.extend(not_taken);
                return Err(login.failed(agenda.allowed().to_vec(), None));
            }
        };
        let item = number.and_then(|number| prepared.entries.get_mut(number));
        let detail = item.as_ref().map(|item| item.describe()).unwrap_or_default();
        let outcome = login.attempt(item, method).await;
        let (outcome, remaining) = match outcome {
            Ok(step) => step,
            Err(error) => return Err(login.ended(error)),
        };
        let proof = login.proof.load(Ordering::Relaxed);
        login.tried.push(Tried { method: method.name().to_owned(), detail, outcome, proof });
        match (outcome, number) {
            (Outcome::Success, _) => return Ok(login.tried),
            (Outcome::Partial, _) => agenda.partial(number, remaining.unwrap_or_default()),
            (Outcome::NoAnswer | Outcome::Expired | Outcome::NotSigned, Some(number)) => {
                agenda.drop_out(number);
                if let Some(remaining) = remaining {
                    agenda.refused(None, remaining);
                }
            }
            _ => agenda.refused(number, remaining.unwrap_or_default()),
        }
    }
}

impl Item {
    fn name(&self) -> String {
        let method = match self {
            Self::Key { .. } => "publickey",
            Self::Password(_) | Self::AskPassword { .. } => "password",
            Self::Interactive(_) => "keyboard-interactive",
        };
        match self.describe() {
            detail if detail.is_empty() => method.to_owned(),
            detail => format!("{method} with {detail}"),
        }
    }
}

/// What came of an attempt, and what the server would take after it where it said so.
type Step = (Outcome, Option<Vec<String>>);

impl Login<'_> {
    async fn attempt(&mut self, item: Option<&mut Item>, method: Method) -> Result<Step, Error> {
        let answered = Arc::new(Mutex::new(true));
        let unsigned = Arc::new(Mutex::new(None));
        let asks = matches!(item, Some(Item::Interactive(_))) || method == Method::Interactive;
        self.proof.store(item.is_some() && !asks, Ordering::Relaxed);
        let (credential, password) = match item {
            None => (Credential::None, None),
            Some(Item::Key { key, from }) => match self.signer(key).await? {
                Ok(signer) => {
                    let signer: Arc<dyn Signer> =
                        Arc::new(Noting { signer, from: from.clone(), failure: Arc::clone(&unsigned) });
                    // Where a signature costs something, or somebody is asked for it, it is not made in vain.
                    let query = signer.is_slow();
                    (Credential::Key { signer, algorithm: None, query }, None)
                }
                Err(why) => {
                    self.skipped.push(why);
                    return Ok((Outcome::NotSigned, None));
                }
            },
            Some(Item::Interactive(answer)) => (interactive(answer, &answered, &self.proof), None),
            Some(Item::Password(password)) => by_password(password.clone(), method, &answered, &self.proof),
            Some(Item::AskPassword { ask, asked }) => {
                *asked += 1;
                let (ask, number) = (Arc::clone(ask), *asked);
                let ask = move || (ask.lock().unwrap_or_else(PoisonError::into_inner))(number);
                match self.ask(ask).await? {
                    Some(password) => by_password(password, method, &answered, &self.proof),
                    None => return Ok((Outcome::NoAnswer, None)),
                }
            }
        };
        let step = self.authenticate(credential).await?;
        if let Some(why) = unsigned.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Nothing was sent: what the server takes has not changed.
            self.proof.store(false, Ordering::Relaxed);
            self.skipped.push(why);
            return Ok((Outcome::NotSigned, None));
        }
        let step = match (step, password) {
            (AuthStep::PasswordExpired { prompt }, Some(old)) => self.change(old, prompt).await?,
            (step, _) => step,
        };
        Ok(match step {
            AuthStep::Success => (Outcome::Success, None),
            AuthStep::Partial { remaining } => (Outcome::Partial, Some(remaining)),
            AuthStep::Refused { remaining } => {
                let answered = *answered.lock().unwrap_or_else(PoisonError::into_inner);
                (if answered { Outcome::Refused } else { Outcome::NoAnswer }, Some(remaining))
            }
            _ => (Outcome::Expired, None),
        })
    }

    async fn authenticate(&self, credential: Credential) -> Result<AuthStep, Error> {
        if !matches!(credential, Credential::KeyboardInteractive(_)) {
            return self.transport.authenticate(self.user, credential).await;
        }
        // The application is asked by whoever waits for the attempt, and may take its time.
        let attempt = self.transport.authenticate(self.user, credential);
        self.ask(move || attempt.wait()).await?
    }

    /// A signer, or why there is none.
    async fn signer(&self, key: &mut Key) -> Result<Result<Arc<dyn Signer>, String>, Error> {
        let (path, ask) = match key {
            Key::Open(signer) => return Ok(Ok(Arc::clone(signer))),
            Key::Locked(path, ask) => (path.clone(), Arc::clone(ask)),
        };
        let unlock = {
            let path = path.clone();
            move || keyring::unlock(&path, &ask)
        };
        let unlocked: Result<_, KeyError> = self.ask(unlock).await?;
        Ok(match unlocked {
            Ok(open) => {
                let signer: Arc<dyn Signer> = Arc::new(open);
                *key = Key::Open(Arc::clone(&signer));
                Ok(signer)
            }
            Err(error) => Err(Error::key_file(&path, error).to_string()),
        })
    }

    async fn change(&self, old: Secret, prompt: String) -> Result<AuthStep, Error> {
        let Some(ask) = self.new_password.clone() else { return Ok(AuthStep::PasswordExpired { prompt }) };
        let question = prompt.clone();
        let ask = move || (ask.lock().unwrap_or_else(PoisonError::into_inner))(&question);
        match self.ask(ask).await? {
            Some(new) => {
                self.transport.authenticate(self.user, Credential::PasswordChange { old, new }).await
            }
            None => Ok(AuthStep::PasswordExpired { prompt }),
        }
    }

    /// Waits for a person, unless the connection ends first.
    async fn ask<T: Send + 'static>(&self, ask: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let answer = Pending::new(blocking(self.driver, ask));
        match race(answer, self.transport.closed()).await {
            Either::First(answer) => answer,
            Either::Second(end) => Err(end),
        }
    }

    fn failed(&mut self, remaining: Vec<String>, ended: Option<ConnectionError>) -> Error {
        Error::from(AuthError {
            user: self.user.to_owned(),
            tried: std::mem::take(&mut self.tried),
            remaining,
            skipped: std::mem::take(&mut self.skipped),
            ended,
        })
    }

    /// A server that disconnects amid the login has refused it: what was tried is of interest.
    fn ended(&mut self, error: Error) -> Error {
        match error {
            Error::Connection(
                end @ (ConnectionError::Disconnected { .. }
                | ConnectionError::Eof { .. }
                | ConnectionError::TooManyAttempts),
            ) => self.failed(Vec::new(), Some(end)),
            error => error,
        }
    }
}

/// A key that keeps why it did not sign.
struct Noting {
    signer: Arc<dyn Signer>,
    from: Option<PathBuf>,
    failure: Arc<Mutex<Option<String>>>,
}

impl Signer for Noting {
    fn public_key(&self) -> &PublicKey {
        self.signer.public_key()
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.signer.sign(algorithm, message).inspect_err(|error| {
            let error = Error::Key { path: self.from.clone(), error: error.clone() };
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        })
    }

    fn is_slow(&self) -> bool {
        self.signer.is_slow()
    }
}

fn interactive(answer: &Answer, answered: &Arc<Mutex<bool>>, proof: &Arc<AtomicBool>) -> Credential {
    let (answer, answered, proof) = (Arc::clone(answer), Arc::clone(answered), Arc::clone(proof));
    Credential::KeyboardInteractive(Box::new(move |prompts| {
        let answers = (answer.lock().unwrap_or_else(PoisonError::into_inner))(prompts);
        *answered.lock().unwrap_or_else(PoisonError::into_inner) = answers.is_some();
        proof.fetch_or(answers.as_ref().is_some_and(|answers| !answers.is_empty()), Ordering::Relaxed);
        answers
    }))
}

/// A password by the method that the server takes. To questions it is told only where there is one, and what is
/// typed there is not to be shown: a code from a telephone is not the password.
fn by_password(
    password: Secret,
    method: Method,
    answered: &Arc<Mutex<bool>>,
    proof: &Arc<AtomicBool>,
) -> (Credential, Option<Secret>) {
    if method != Method::Interactive {
        return (Credential::Password(password.clone()), Some(password));
    }
    let (answered, proof) = (Arc::clone(answered), Arc::clone(proof));
    let mut password = Some(password);
    let answer = move |prompts: &Prompts| {
        let answers = match prompts.prompts() {
            [] => Some(Vec::new()),
            [prompt] if !prompt.echo => password.take().map(|password| vec![password]),
            _ => None,
        };
        *answered.lock().unwrap_or_else(PoisonError::into_inner) = answers.is_some();
        proof.fetch_or(answers.as_ref().is_some_and(|answers| !answers.is_empty()), Ordering::Relaxed);
        answers
    };
    (Credential::KeyboardInteractive(Box::new(answer)), None)
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(signer) => write!(f, "Key({:?})", signer.public_key()),
            Self::KeyFile(path) => write!(f, "KeyFile({})", path.display()),
            Self::Password(_) | Self::AskPassword(_) => f.write_str("Password(..)"),
            Self::Interactive(_) => f.write_str("KeyboardInteractive(..)"),
        }
    }
}
