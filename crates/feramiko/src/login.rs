//! A client's login: the agenda's steps, carried out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use feramiko_crypto::Secret;
use feramiko_keys::{Certificate, KeyError, PublicKey, Signer};
use feramiko_proto::{ConnectionError, Misuse, Prompts};

use crate::agenda::{Agenda, Method, Next};
use crate::auth::{AuthStep, Credential};
use crate::error::{AuthError, Error, KeySource, Outcome, Tried};
use crate::helper::{Driver, Either, blocking, race};
use crate::identity::{NewPassword, Prepared};
use crate::item::{Answer, Item};
use crate::keyring::Key;
use crate::pending::Pending;
use crate::transport::Transport;

/// A login under way.
struct Login<'a> {
    transport: &'a Transport,
    driver: Driver,
    user: &'a str,
    new_password: Option<NewPassword>,
    tried: Vec<Tried>,
    skipped: Vec<String>,
    /// Something secret was shown in the attempt under way.
    proof: Arc<AtomicBool>,
    /// Somebody is looking at the server's questions.
    asking: Arc<AtomicBool>,
}

/// What came of an attempt, and what the server would take after it where it said so.
type Step = (Outcome, Option<Vec<String>>);

/// Logs in; answers what was tried, the last being the success.
pub(crate) async fn log_in(
    transport: &Transport,
    driver: Driver,
    user: &str,
    prepared: Prepared,
) -> Result<Vec<Tried>, Error> {
    let mut agenda = Agenda::new(prepared.entries.iter().map(|(_, entry)| *entry), prepared.patience);
    let mut items: Vec<Item> = prepared.entries.into_iter().map(|(item, _)| item).collect();
    let mut login = Login {
        transport,
        driver,
        user,
        new_password: prepared.new_password,
        tried: Vec::new(),
        skipped: prepared.skipped,
        proof: Arc::default(),
        asking: Arc::default(),
    };
    loop {
        let (number, method) = match agenda.next() {
            Next::Try(number, method) => (Some(number), method),
            Next::AskWhat => (None, Method::None),
            Next::GiveUp => {
                login.leave_out(&agenda, &items);
                return Err(login.failed(agenda.allowed().to_vec(), None));
            }
        };
        let item = number.and_then(|number| items.get_mut(number));
        let note = Note::of(item.as_deref(), method);
        let step = match login.attempt(item, method).await {
            Ok(step) => step,
            Err(error) => {
                login.note(note, method, Outcome::Unanswered);
                login.leave_out(&agenda, &items);
                return Err(login.ended(error));
            }
        };
        let Some((outcome, remaining)) = step else {
            number.into_iter().for_each(|number| agenda.drop_out(number));
            continue;
        };
        login.note(note, method, outcome);
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

/// What is told of an attempt, from before it was made.
struct Note {
    detail: String,
    key: Option<PublicKey>,
    source: Option<KeySource>,
}

impl Note {
    fn of(item: Option<&Item>, method: Method) -> Self {
        Self {
            detail: item.map(Item::describe).unwrap_or_default(),
            key: item.and_then(Item::public_key).cloned(),
            source: item.and_then(Item::source).filter(|_| method == Method::PublicKey).cloned(),
        }
    }
}

impl Login<'_> {
    /// `None` when the server has heard nothing of it, because it could not have been of use.
    async fn attempt(&mut self, item: Option<&mut Item>, method: Method) -> Result<Option<Step>, Error> {
        let answered = Arc::new(Mutex::new(true));
        let unsigned = Arc::new(Mutex::new(None));
        let asks = method == Method::Interactive;
        self.proof.store(item.is_some() && !asks, Ordering::Relaxed);
        let name = item.as_ref().map(|item| item.name());
        let (credential, password) = match item {
            None => (Credential::None, None),
            Some(Item::Key { key, source }) => match self.signer(key).await? {
                Ok(signer) => {
                    // Where a signature costs something, somebody is asked for it, or the server has refused others, it is
                    // not made in vain.
                    let query = signer.is_slow() || self.tried.iter().any(Tried::is_refused_key);
                    let signer = Noting::wrap(signer, source.clone(), &unsigned);
                    (Credential::Key { signer, algorithm: None, query }, None)
                }
                Err(why) => {
                    self.skipped.push(why);
                    return Ok(Some((Outcome::NotSigned, None)));
                }
            },
            Some(Item::HostBased(voucher)) => {
                let signer = Noting::wrap(Arc::clone(&voucher.signer), KeySource::Program, &unsigned);
                let (host, user) = (voucher.host.clone(), voucher.user.clone());
                (Credential::HostBased { signer, host, user }, None)
            }
            Some(Item::Interactive(answer)) => {
                (interactive(answer, &answered, &self.proof, &self.asking), None)
            }
            Some(Item::Password(password)) => by_password(password.clone(), method, &answered, &self.proof),
            Some(Item::AskPassword { ask, asked }) => {
                *asked += 1;
                let (ask, number) = (Arc::clone(ask), *asked);
                let ask = move || (ask.lock().unwrap_or_else(PoisonError::into_inner))(number);
                match self.ask(ask).await? {
                    Some(password) => by_password(password, method, &answered, &self.proof),
                    None => return Ok(Some((Outcome::NoAnswer, None))),
                }
            }
        };
        let step = match (self.authenticate(credential).await, name) {
            (Err(Error::Misuse(Misuse::Key(why))), Some(name)) => {
                self.skipped.push(format!("{name}: {why}"));
                return Ok(None);
            }
            (step, _) => step?,
        };
        if let Some(why) = unsigned.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Nothing was sent: what the server takes has not changed.
            self.proof.store(false, Ordering::Relaxed);
            self.skipped.push(why);
            return Ok(Some((Outcome::NotSigned, None)));
        }
        let step = match (step, password) {
            (AuthStep::PasswordExpired { prompt }, Some(old)) => self.change(old, prompt).await?,
            (step, _) => step,
        };
        Ok(Some(match step {
            AuthStep::Success => (Outcome::Success, None),
            AuthStep::Partial { remaining } => (Outcome::Partial, Some(remaining)),
            AuthStep::Refused { remaining } => {
                let answered = *answered.lock().unwrap_or_else(PoisonError::into_inner);
                (if answered { Outcome::Refused } else { Outcome::NoAnswer }, Some(remaining))
            }
            _ => (Outcome::Expired, None),
        }))
    }

    async fn authenticate(&self, credential: Credential) -> Result<AuthStep, Error> {
        if !matches!(credential, Credential::KeyboardInteractive(_)) {
            return self.transport.authenticate(self.user, credential).await;
        }
        // The application is asked by whoever waits for the attempt, and may take its time.
        let attempt = self.transport.authenticate(self.user, credential);
        let mut attempt = Pending::new(blocking(self.driver, move || attempt.wait()));
        match race(&mut attempt, self.transport.closed()).await {
            Either::First(step) => step?,
            Either::Second(end) if self.asking.load(Ordering::Relaxed) => Err(end),
            // How it ended may still be on its way from there.
            Either::Second(_) => attempt.await?,
        }
    }

    /// A signer, or why there is none.
    async fn signer(&self, key: &mut Key) -> Result<Result<Arc<dyn Signer>, String>, Error> {
        let lock = match key {
            Key::Open(signer) => return Ok(Ok(Arc::clone(signer))),
            Key::Locked(lock) => lock.clone(),
        };
        let path = lock.path.clone();
        let unlocked: Result<_, KeyError> = self.ask(move || lock.open()).await?;
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

    /// What came of an attempt. A question that was only a question is no attempt.
    fn note(&mut self, note: Note, method: Method, outcome: Outcome) {
        if method == Method::None && matches!(outcome, Outcome::Refused | Outcome::Unanswered) {
            return;
        }
        let proof = self.proof.load(Ordering::Relaxed);
        self.tried.push(Tried {
            method: method.name().to_owned(),
            detail: note.detail,
            fingerprint: note.key.map(|key| key.fingerprint()),
            source: note.source,
            outcome,
            proof,
        });
    }

    /// What the server has not seen, and why.
    fn leave_out(&mut self, agenda: &Agenda, items: &[Item]) {
        for (number, taken) in agenda.untried() {
            let Some(item) = items.get(number) else { continue };
            let why = if taken { "not tried any more" } else { "not taken" };
            self.skipped.push(format!("{} ({why})", item.name()));
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

impl Tried {
    fn is_refused_key(&self) -> bool {
        self.method == Method::PublicKey.name() && self.outcome == Outcome::Refused
    }
}

/// A key that keeps why it did not sign.
struct Noting {
    signer: Arc<dyn Signer>,
    source: KeySource,
    failure: Arc<Mutex<Option<String>>>,
}

impl Noting {
    fn wrap(
        signer: Arc<dyn Signer>,
        source: KeySource,
        failure: &Arc<Mutex<Option<String>>>,
    ) -> Arc<dyn Signer> {
        Arc::new(Self { signer, source, failure: Arc::clone(failure) })
    }
}

impl Signer for Noting {
    fn public_key(&self) -> &PublicKey {
        self.signer.public_key()
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.signer.sign(algorithm, message).inspect_err(|error| {
            let error = match &self.source {
                KeySource::Program => error.to_string(),
                KeySource::File(path) => Error::key_file(path, error.clone()).to_string(),
                source => format!("{source}: {error}"),
            };
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        })
    }

    fn is_slow(&self) -> bool {
        self.signer.is_slow()
    }

    fn certificate(&self) -> Option<&Certificate> {
        self.signer.certificate()
    }
}

fn interactive(
    answer: &Answer,
    answered: &Arc<Mutex<bool>>,
    proof: &Arc<AtomicBool>,
    asking: &Arc<AtomicBool>,
) -> Credential {
    let (answer, answered, proof) = (Arc::clone(answer), Arc::clone(answered), Arc::clone(proof));
    let asking = Arc::clone(asking);
    Credential::KeyboardInteractive(Box::new(move |prompts| {
        asking.store(true, Ordering::Relaxed);
        let ask = || (answer.lock().unwrap_or_else(PoisonError::into_inner))(prompts);
        // Whoever panics over them gives no answer.
        let answers = catch_unwind(AssertUnwindSafe(ask)).unwrap_or_default();
        asking.store(false, Ordering::Relaxed);
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
