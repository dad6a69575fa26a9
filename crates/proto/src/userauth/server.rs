//! The server's side: reads requests in order, verifies what can be verified here, asks the application.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use feramiko_crypto::Secret;
use feramiko_keys::PublicKey;
use feramiko_wire::{NameList, Reader, Writer, is_name};

use super::hostbased::{HostRequest, check_host};
use super::request::{self, Fields, MAX_TEXT};
use super::signed::KeyRequest;
use super::{
    Budget, Context, HOSTBASED, INTERACTIVE, MAX_PROMPTS, NONE, PASSWORD, PUBLICKEY, SERVICE, unexpected,
};
use crate::config::{MAX_BANNER, ServerConfig};
use crate::error::{ConnectionError, Misuse, ProtocolError};
use crate::event::{AuthAttempt, Decision, Event, Prompt, Proof};
use crate::kex::Protected;
use crate::msg::userauth::{
    Banner, Failure, InfoRequest, InfoResponse, PasswordChangeRequest, PublicKeyOk, Request, Success,
};
use crate::output::Output;
use crate::steps::Progress;
use crate::timers::Timer;

/// Bytes of requests that may wait while the application thinks about one.
const MAX_WAITING: usize = 64 * 1024;

/// What to say to an application that accepts it all the same.
const UNTOUCHED: Misuse = Misuse::Argument("nobody touched the security key, and that was not waived");

pub(crate) struct Server {
    config: Arc<ServerConfig>,
    context: Context,
    state: State,
    /// Whom the four below are about: another user or service starts anew (RFC 4252 section 5).
    user: String,
    service: String,
    /// Methods that can be tried now.
    allowed: Vec<String>,
    /// How far it has come.
    progress: Progress,
    /// Keys that have done a step, bare or certified, which they can do only once.
    used_keys: Vec<PublicKey>,
    /// We have asked for a new password. One that nobody asked for is refused.
    may_change: bool,
    /// When the request under way came.
    arrived: Option<Instant>,
    /// Requests that came while nobody could look at them; they may hold passwords.
    waiting: VecDeque<Secret>,
    waiting_bytes: usize,
    serial: u64,
    budget: Budget,
    failures: u32,
    queries: u32,
    said_none: bool,
    /// The banner was sent.
    greeted: bool,
}

enum State {
    /// The client's turn.
    Idle,
    /// The application's turn. `algorithm`: as the client wrote it, of an offered key.
    Asked {
        serial: u64,
        algorithm: Option<String>,
    },
    /// The client's turn to answer so many questions.
    Prompted {
        count: usize,
    },
    /// Nobody's turn: a refusal is kept back for a moment.
    Refused,
    Done,
}

/// What a decision leads to.
enum Step {
    Success,
    Failure,
    Partial(Vec<String>),
    /// An offered key or certificate would do: its blob.
    KeyOk(Vec<u8>),
    Ask {
        name: String,
        instruction: String,
        prompts: Vec<Prompt>,
    },
    ChangePassword(String),
}

impl Server {
    /// Without the proof that packets are protected, no request is read.
    pub(crate) fn new(context: Context, config: Arc<ServerConfig>, _: Protected) -> Self {
        Self {
            serial: context.first_serial(),
            budget: Budget::new(context.common.limits.userauth_messages),
            allowed: config.first_methods(),
            progress: Progress::new(&config.steps),
            used_keys: Vec::new(),
            config,
            context,
            state: State::Idle,
            user: String::new(),
            service: String::new(),
            may_change: false,
            arrived: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            failures: 0,
            queries: 0,
            said_none: false,
            greeted: false,
        }
    }

    /// Who is logged in.
    pub(crate) fn user(&self) -> Option<&str> {
        matches!(self.state, State::Done).then_some(self.user.as_str())
    }

    /// Words for the client before it is in (RFC 4252 section 5.4).
    pub(crate) fn send_banner(&self, text: &str, out: &mut Output) -> Result<(), Misuse> {
        if matches!(self.state, State::Done) {
            return Err(Misuse::AlreadyAuthenticated);
        }
        if text.len() > MAX_BANNER {
            return Err(Misuse::Argument("a banner is longer than 16 KiB"));
        }
        out.send(|packet| Banner { message: text.as_bytes(), language: b"" }.encode(packet));
        Ok(())
    }

    /// A message of the client, 50 to 79.
    pub(crate) fn handle(mut self, payload: &[u8], out: &mut Output) -> Result<Self, ConnectionError> {
        match (payload.first(), &self.state) {
            // RFC 4252 section 5.1: ignored once a request has succeeded.
            (Some(&Request::NUMBER), State::Done) => {}
            (Some(&Request::NUMBER), State::Asked { .. } | State::Refused) => {
                self.budget.spend()?;
                self.waiting_bytes += payload.len();
                if self.waiting_bytes > MAX_WAITING {
                    return Err(ConnectionError::TooManyAttempts);
                }
                self.waiting.push_back(Secret::new(payload.to_vec()));
            }
            (Some(&Request::NUMBER), _) => {
                self.budget.spend()?;
                self.handle_request(payload, out)?;
            }
            (Some(&InfoResponse::NUMBER), State::Prompted { count }) => {
                let count = *count;
                self.budget.spend()?;
                self.handle_answers(payload, count, out)?;
            }
            _ => return Err(unexpected(payload, "authentication")),
        }
        Ok(self)
    }

    /// The application's answer. One that does not fit is a refusal, and said so. After an error the connection is over.
    pub(crate) fn decide(
        &mut self,
        attempt: AuthAttempt,
        decision: Decision,
        out: &mut Output,
    ) -> Result<Result<(), Misuse>, ConnectionError> {
        let State::Asked { serial, algorithm } = &mut self.state else {
            return Ok(Err(Misuse::Argument("no attempt waits for a decision")));
        };
        if *serial != attempt.serial {
            return Ok(Err(Misuse::Argument("another attempt waits for a decision")));
        }
        let algorithm = algorithm.take().unwrap_or_default();
        let is_none = matches!(attempt.proof, Proof::None);
        let is_query = matches!(attempt.proof, Proof::KeyOffer(_) | Proof::CertificateOffer(_));
        let (method, used_key) = named(&attempt.proof);
        let has_steps = !self.config.steps.is_empty();
        let lacks_touch = attempt.lacks_touch();
        let (step, answer) = match fit(attempt.proof, decision, has_steps) {
            Ok(Step::Success | Step::Partial(_)) if lacks_touch => (Step::Failure, Err(UNTOUCHED)),
            Ok(step) => (step, Ok(())),
            Err(misuse) => (Step::Failure, Err(misuse)),
        };
        let step = match step {
            Step::Success if !self.progress.pass(method) => Step::Partial(self.progress.allowed()),
            step => step,
        };
        if matches!(step, Step::Partial(_)) {
            self.used_keys.extend(used_key);
        }
        self.state = State::Idle;
        match step {
            Step::Failure if is_query => self.fail(out),
            Step::Failure => self.refuse(is_none, out)?,
            step => self.proceed(step, &algorithm, out),
        }
        self.handle_waiting(out)?;
        Ok(answer)
    }

    /// Whatever is not a refusal.
    fn proceed(&mut self, step: Step, algorithm: &str, out: &mut Output) {
        match step {
            Step::Success => {
                out.send(|packet| Success {}.encode(packet));
                out.authenticated = true;
                self.waiting.clear();
                self.state = State::Done;
            }
            Step::Partial(remaining) => {
                self.allowed = remaining;
                self.send_failure(true, out);
            }
            Step::KeyOk(key) => {
                out.send(|packet| PublicKeyOk { algorithm, key: &key }.encode(packet));
            }
            Step::Ask { name, instruction, prompts } => {
                self.state = State::Prompted { count: prompts.len() };
                send_prompts(&name, &instruction, &prompts, out);
            }
            Step::ChangePassword(prompt) => {
                self.may_change = true;
                let prompt = prompt.as_bytes();
                out.send(|packet| PasswordChangeRequest { prompt, language: b"" }.encode(packet));
            }
            Step::Failure => {}
        }
    }

    /// What came while nobody could look at it, up to the next question to it.
    fn handle_waiting(&mut self, out: &mut Output) -> Result<(), ConnectionError> {
        while matches!(self.state, State::Idle | State::Prompted { .. }) {
            let Some(payload) = self.waiting.pop_front() else { break };
            self.waiting_bytes -= payload.as_bytes().len();
            self.handle_request(payload.as_bytes(), out)?;
        }
        Ok(())
    }

    fn handle_request(&mut self, payload: &[u8], out: &mut Output) -> Result<(), ConnectionError> {
        let malformed = |error| ProtocolError::Malformed { message: Request::NUMBER, error };
        self.arrived = Some(out.now());
        let request = Request::decode(payload).map_err(malformed)?;
        let fields = Fields::decode(request.method, request.fields.0).map_err(malformed)?;
        if !std::mem::replace(&mut self.greeted, true)
            && let Some(text) = &self.config.banner
        {
            out.send(|packet| Banner { message: text.as_bytes(), language: b"" }.encode(packet));
        }
        if matches!(self.state, State::Prompted { .. }) {
            // A new request ends the questions, without an answer (RFC 4252 section 5.1), but not for free.
            self.state = State::Idle;
            self.count_failure()?;
        }
        self.follow_principal(&request);
        let may_change = std::mem::take(&mut self.may_change);
        if fields.is_query() {
            self.queries += 1;
            if self.queries > self.context.common.limits.key_queries {
                return Err(ConnectionError::TooManyAttempts);
            }
        }
        let enabled = fields.method().is_some_and(|method| self.allowed.iter().any(|name| name == method));
        let sound = request.service == SERVICE && (1..=MAX_TEXT).contains(&request.user.len());
        let proof = if enabled && sound { self.check(request.user, &fields, may_change) } else { None };
        match proof {
            Some(proof) => self.ask(proof, fields.algorithm(), out),
            None if fields.is_query() => self.fail(out),
            None => self.refuse(matches!(fields, Fields::None), out)?,
        }
        Ok(())
    }

    /// Another user or service starts anew: what was achieved so far was somebody else's (RFC 4252 section 5).
    fn follow_principal(&mut self, request: &Request<'_>) {
        if request.user != self.user || request.service != self.service {
            self.allowed = self.config.first_methods();
            self.progress = Progress::new(&self.config.steps);
            self.used_keys.clear();
            self.may_change = false;
            request.user.clone_into(&mut self.user);
            request.service.clone_into(&mut self.service);
        }
    }

    /// What the application is to be asked; `None` when there is nothing to ask.
    fn check(&self, user: &str, fields: &Fields<'_>, may_change: bool) -> Option<Proof> {
        match *fields {
            Fields::None => Some(Proof::None),
            Fields::Password { old, new: None } => {
                request::is_password(old).then(|| Proof::Password(old.to_vec().into()))
            }
            Fields::Password { old, new: Some(new) } => {
                (may_change && request::is_password(old) && request::is_password(new))
                    .then(|| Proof::PasswordChange { old: old.to_vec().into(), new: new.to_vec().into() })
            }
            Fields::Key { algorithm, key, host_key, signature } => {
                let request = KeyRequest { user, algorithm, key, host_key };
                let used = |proof: &Proof| user_key(proof).is_some_and(|key| self.used_keys.contains(key));
                request::check_key(&self.context, request, signature).filter(|proof| !used(proof))
            }
            Fields::HostBased { algorithm, key, host, client_user, signature } => {
                let request = HostRequest { user, algorithm, key, host, client_user };
                check_host(&self.context, request, signature)
            }
            Fields::Interactive { submethods } => (submethods.len() <= MAX_TEXT)
                .then(|| Proof::Interactive { submethods: String::from_utf8_lossy(submethods).into_owned() }),
            Fields::Unknown => None,
        }
    }

    fn handle_answers(
        &mut self,
        payload: &[u8],
        asked: usize,
        out: &mut Output,
    ) -> Result<(), ConnectionError> {
        self.state = State::Idle;
        self.arrived = Some(out.now());
        let answers = read_answers(payload).map_err(ProtocolError::malformed(InfoResponse::NUMBER))?;
        // RFC 4256 section 3.4: another number of answers fails.
        if answers.len() != asked || answers.iter().any(|answer| answer.as_bytes().len() > MAX_TEXT) {
            return self.refuse(false, out);
        }
        self.ask(Proof::Answers(answers), None, out);
        Ok(())
    }

    fn ask(&mut self, proof: Proof, algorithm: Option<String>, out: &mut Output) {
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        out.tell(Event::Attempt(AuthAttempt { user: self.user.clone(), proof, touch_waived: false, serial }));
        self.state = State::Asked { serial, algorithm };
    }

    fn refuse(&mut self, is_none: bool, out: &mut Output) -> Result<(), ConnectionError> {
        // The first `none` is how clients ask what there is.
        if is_none && !std::mem::replace(&mut self.said_none, true) {
            self.send_failure(false, out);
            return Ok(());
        }
        self.count_failure()?;
        self.fail(out);
        Ok(())
    }

    /// Says no, but not so soon that the time tells more than the answer.
    fn fail(&mut self, out: &mut Output) {
        let arrived = self.arrived.unwrap_or_else(|| out.now());
        let taken = out.now().saturating_duration_since(arrived);
        let mut delay = self.config.failure_delay;
        while delay < taken && !delay.is_zero() {
            delay = delay.saturating_mul(2);
        }
        match arrived.checked_add(delay).filter(|due| *due > out.now()) {
            None => self.send_failure(false, out),
            due => {
                self.state = State::Refused;
                out.timers.set(Timer::Refusal, due);
            }
        }
    }

    /// A refusal was kept back long enough.
    pub(crate) fn refusal_due(&mut self, out: &mut Output) -> Result<(), ConnectionError> {
        if matches!(self.state, State::Refused) {
            self.state = State::Idle;
            self.send_failure(false, out);
            self.handle_waiting(out)?;
        }
        Ok(())
    }

    /// The last failure allowed ends the connection, as in OpenSSH.
    fn count_failure(&mut self) -> Result<(), ConnectionError> {
        self.failures += 1;
        if self.failures >= self.context.common.limits.failed_attempts {
            return Err(ConnectionError::TooManyAttempts);
        }
        Ok(())
    }

    fn send_failure(&self, partial: bool, out: &mut Output) {
        // `none` is never listed (RFC 4252 section 5.2).
        let names = self.allowed.iter().map(String::as_str).filter(|name| *name != NONE && is_name(name));
        let names = names.collect::<Vec<_>>().join(",");
        let remaining = NameList::parse(names.as_bytes()).unwrap_or_default();
        out.send(|packet| Failure { remaining, partial }.encode(packet));
    }
}

/// The key of a user, offered or proved, bare or certified.
fn user_key(proof: &Proof) -> Option<&PublicKey> {
    match proof {
        Proof::KeyOffer(key) => Some(key),
        Proof::Key(verified) => Some(verified.key()),
        Proof::CertificateOffer(certificate) => Some(certificate.public_key()),
        Proof::Certificate(verified) => Some(verified.certificate().public_key()),
        _ => None,
    }
}

/// The method of a proof, and the key where it is a user's.
fn named(proof: &Proof) -> (&'static str, Option<PublicKey>) {
    match proof {
        Proof::None => (NONE, None),
        Proof::Password(_) | Proof::PasswordChange { .. } => (PASSWORD, None),
        Proof::KeyOffer(_) | Proof::CertificateOffer(_) => (PUBLICKEY, None),
        Proof::Key(_) | Proof::Certificate(_) => (PUBLICKEY, user_key(proof).cloned()),
        Proof::HostBased(_) => (HOSTBASED, None),
        Proof::Interactive { .. } | Proof::Answers(_) => (INTERACTIVE, None),
    }
}

/// Whether a decision can be one about this proof.
fn fit(proof: Proof, decision: Decision, has_steps: bool) -> Result<Step, Misuse> {
    match (proof, decision) {
        (_, Decision::Reject) => Ok(Step::Failure),
        (Proof::KeyOffer(key), Decision::Accept) => Ok(Step::KeyOk(key.blob().to_vec())),
        (Proof::CertificateOffer(offer), Decision::Accept) => Ok(Step::KeyOk(offer.blob().to_vec())),
        (Proof::KeyOffer(_) | Proof::CertificateOffer(_) | Proof::None, Decision::Partial { .. }) => {
            Err(Misuse::Argument("nothing was proved that could be a part of a success"))
        }
        (Proof::Interactive { .. }, Decision::Accept | Decision::Partial { .. }) => {
            Err(Misuse::Argument("keyboard-interactive needs a round of questions, if only of none"))
        }
        (_, Decision::Accept) => Ok(Step::Success),
        (_, Decision::Partial { .. }) if has_steps => {
            Err(Misuse::Argument("the server's steps know what follows: accept the proof, or reject it"))
        }
        (_, Decision::Partial { remaining }) => {
            if remaining.is_empty() || !remaining.iter().all(|name| is_name(name)) {
                return Err(Misuse::Argument("a partial success must name the methods that can follow"));
            }
            Ok(Step::Partial(remaining))
        }
        (Proof::Interactive { .. } | Proof::Answers(_), Decision::Ask { name, instruction, prompts }) => {
            if prompts.len() > MAX_PROMPTS {
                return Err(Misuse::Argument("more than 64 questions in a round"));
            }
            Ok(Step::Ask { name, instruction, prompts })
        }
        (_, Decision::Ask { .. }) => {
            Err(Misuse::Argument("questions can only be asked in keyboard-interactive"))
        }
        (Proof::Password(_) | Proof::PasswordChange { .. }, Decision::ChangePassword { prompt }) => {
            Ok(Step::ChangePassword(prompt))
        }
        (_, Decision::ChangePassword { .. }) => {
            Err(Misuse::Argument("a new password can only be asked for in reply to a password"))
        }
    }
}

fn send_prompts(name: &str, instruction: &str, prompts: &[Prompt], out: &mut Output) {
    out.send(|packet| {
        let mut writer = Writer::new(packet);
        writer.u8(InfoRequest::NUMBER);
        writer.string(name.as_bytes());
        writer.string(instruction.as_bytes());
        writer.string(b"");
        writer.u32(u32::try_from(prompts.len()).unwrap_or(u32::MAX));
        for prompt in prompts {
            writer.string(prompt.text.as_bytes());
            writer.boolean(prompt.echo);
        }
    });
}

fn read_answers(payload: &[u8]) -> Result<Vec<Secret>, feramiko_wire::DecodeError> {
    let mut reader = Reader::new(InfoResponse::decode(payload)?.answers.0);
    let count = reader.count(4, MAX_PROMPTS)?;
    let mut answers = Vec::with_capacity(count);
    for _ in 0..count {
        answers.push(Secret::new(reader.string()?.to_vec()));
    }
    reader.finish()?;
    Ok(answers)
}
