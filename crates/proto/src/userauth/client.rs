//! The client's side: one attempt at a time.

use feramiko_crypto::Secret;
use feramiko_keys::PublicKey;
use feramiko_keys::certificate::plain_algorithm;
use feramiko_wire::{Reader, Writer};

use super::hostbased::HostRequest;
use super::signed::KeyRequest;
use super::{
    Budget, Context, Extensions, INTERACTIVE, MAX_BANNER, MAX_PROMPTS, NONE, PASSWORD, SERVICE, unexpected,
};
use crate::algorithms::Family;
use crate::error::{ConnectionError, Misuse, ProtocolError};
use crate::event::{AuthOutcome, Event, Method, Prompt, Prompts, SignPurpose, SignRequest};
use crate::kex::Protected;
use crate::msg::userauth::{
    Banner, Failure, InfoRequest, InfoResponse, PasswordChangeRequest, PublicKeyOk, Request, Success,
};
use crate::output::Output;
use crate::shown::Shown;

/// Bytes of a user name, password, hint or answer that can be sent.
const MAX_TEXT: usize = 8 * 1024;
const AS_SENT: &str = "authentication";

pub(crate) struct Client {
    context: Context,
    state: State,
    /// Of the attempt under way, or the one that succeeded.
    user: String,
    /// What the server said last about methods that can continue.
    remaining: Vec<String>,
    serial: u64,
    budget: Budget,
    banner_bytes: usize,
}

/// What the server owes us, or what the application owes.
enum State {
    Idle,
    /// An answer to `none` is due.
    None,
    /// An answer to a password is due.
    Password,
    /// The server wants a new password: the application decides.
    Expired,
    /// An answer to the question about a key is due.
    Query {
        key: Shown,
        algorithm: String,
    },
    /// A signature is due from the application. Nothing is due from the server.
    Signing {
        serial: u64,
        request: Vec<u8>,
    },
    /// An answer to a signed request is due.
    Signed,
    /// An answer, or questions, are due.
    Interactive,
    /// Answers are due from the application.
    Prompted {
        serial: u64,
        count: usize,
    },
    Done,
}

impl Client {
    /// Without the proof that packets are protected and the host key is verified, no request can leave.
    pub(crate) fn new(context: Context, _: Protected) -> Self {
        Self {
            serial: context.first_serial(),
            budget: Budget::new(context.common.limits.userauth_messages),
            context,
            state: State::Idle,
            user: String::new(),
            remaining: Vec::new(),
            banner_bytes: 0,
        }
    }

    /// The server may say more just before it lets us in (RFC 8308 section 2.4).
    pub(crate) fn set_extensions(&mut self, extensions: Extensions) {
        self.context.extensions = extensions;
    }

    /// Whom we are logged in as.
    pub(crate) fn user(&self) -> Option<&str> {
        matches!(self.state, State::Done).then_some(self.user.as_str())
    }

    /// One attempt. Its outcome is an event.
    pub(crate) fn authenticate(
        &mut self,
        user: &str,
        method: Method,
        out: &mut Output,
    ) -> Result<(), Misuse> {
        match &self.state {
            State::Idle => {}
            State::Expired if matches!(method, Method::PasswordChange { .. }) => {
                if user != self.user {
                    return Err(Misuse::Argument("the password that expired is another user's"));
                }
            }
            State::Done => return Err(Misuse::AlreadyAuthenticated),
            _ => return Err(Misuse::AttemptUnderWay),
        }
        check_text(user.as_bytes())?;
        let state = match method {
            Method::None => {
                send_request(user, NONE, out, |_| ());
                State::None
            }
            Method::Password(password) => {
                check_text(password.as_bytes())?;
                send_request(user, PASSWORD, out, |writer| {
                    writer.boolean(false);
                    writer.string(password.as_bytes());
                });
                State::Password
            }
            Method::PasswordChange { old, new } => {
                check_text(old.as_bytes())?;
                check_text(new.as_bytes())?;
                send_request(user, PASSWORD, out, |writer| {
                    writer.boolean(true);
                    writer.string(old.as_bytes());
                    writer.string(new.as_bytes());
                });
                State::Password
            }
            Method::PublicKey { key, algorithm, query } => {
                self.show(user, Shown::Key(key), algorithm, query, out)?
            }
            Method::Certificate { certificate, algorithm, query } => {
                self.show(user, Shown::Certificate(certificate), algorithm, query, out)?
            }
            Method::HostBased { key, certificate, algorithm, host, user: client_user } => {
                check_text(host.as_bytes())?;
                check_text(client_user.as_bytes())?;
                // What a server lists in server-sig-algs is about users' keys.
                let shown = match certificate {
                    Some(certificate) if *certificate.public_key() != key => {
                        return Err(Misuse::Key("the certificate is not one of the host's key"));
                    }
                    Some(certificate) => Shown::Certificate(certificate),
                    None => Shown::Key(key),
                };
                let algorithm = self.choose_algorithm(&shown, algorithm, None)?;
                let blob = shown.blob();
                let (host, client_user) = (host.as_str(), client_user.as_str());
                let request = HostRequest { user, algorithm: &algorithm, key: blob, host, client_user };
                let message = request.signed_text(&self.context.session_id);
                let mut unsigned = Vec::new();
                request.encode(&mut unsigned);
                self.await_signature(shown.key(), plain(algorithm), message, unsigned, out)
            }
            Method::KeyboardInteractive { submethods } => {
                check_text(submethods.as_bytes())?;
                send_request(user, INTERACTIVE, out, |writer| {
                    writer.string(b"");
                    writer.string(submethods.as_bytes());
                });
                State::Interactive
            }
        };
        self.user = user.to_owned();
        self.state = state;
        Ok(())
    }

    /// Shows a key: asks about it, or signs at once.
    fn show(
        &mut self,
        user: &str,
        key: Shown,
        algorithm: Option<String>,
        query: bool,
        out: &mut Output,
    ) -> Result<State, Misuse> {
        let theirs = self.context.extensions.server_sig_algs.as_deref();
        let algorithm = self.choose_algorithm(&key, algorithm, theirs)?;
        self.user = user.to_owned();
        if !query {
            return Ok(self.ask_signature(&key, algorithm, out));
        }
        let request = KeyRequest { user, algorithm: &algorithm, key: key.blob(), host_key: None };
        out.send(|packet| request.encode(false, packet));
        Ok(State::Query { key, algorithm })
    }

    /// Gives the attempt up whose password has expired.
    pub(crate) fn decline_password_change(&mut self, out: &mut Output) -> Result<(), Misuse> {
        if !matches!(self.state, State::Expired) {
            return Err(Misuse::Argument("no password has expired"));
        }
        self.fail_locally(out);
        Ok(())
    }

    /// The application's signature, or its refusal. One that nobody waits for any more is dropped.
    pub(crate) fn provide_signature(
        &mut self,
        asked: SignRequest,
        signature: Option<Vec<u8>>,
        out: &mut Output,
    ) {
        let State::Signing { serial, request } = &self.state else { return };
        if *serial != asked.serial || asked.purpose != SignPurpose::UserKey {
            return;
        }
        let Some(signature) = signature else { return self.fail_locally(out) };
        out.send(|packet| {
            packet.extend_from_slice(request);
            Writer::new(packet).string(&signature);
        });
        self.state = State::Signed;
    }

    /// The application's answers to the server's questions. With a wrong number of them the attempt is given up: the
    /// next request ends it on the server (RFC 4252 section 5.1).
    pub(crate) fn answer_prompts(
        &mut self,
        prompts: Prompts,
        answers: Vec<Secret>,
        out: &mut Output,
    ) -> Result<(), Misuse> {
        let State::Prompted { serial, count } = self.state else {
            return Err(Misuse::Argument("the server waits for no answers"));
        };
        if serial != prompts.serial {
            return Err(Misuse::Argument("these are not the questions that the server waits for"));
        }
        if answers.len() != count || answers.iter().any(|answer| check_text(answer.as_bytes()).is_err()) {
            self.fail_locally(out);
            return Err(Misuse::Argument("as many answers as questions are due, of at most 8 KiB each"));
        }
        out.send(|packet| {
            // Padding and tag included, so that no copy is left behind by a growing buffer.
            packet.reserve(512 + answers.iter().map(|answer| answer.as_bytes().len() + 4).sum::<usize>());
            let mut writer = Writer::new(packet);
            writer.u8(InfoResponse::NUMBER);
            writer.u32(u32::try_from(answers.len()).unwrap_or(u32::MAX));
            for answer in &answers {
                writer.string(answer.as_bytes());
            }
        });
        self.state = State::Interactive;
        Ok(())
    }

    /// A message of the server, 50 to 79.
    pub(crate) fn handle(mut self, payload: &[u8], out: &mut Output) -> Result<Self, ConnectionError> {
        self.budget.spend()?;
        match payload.first() {
            Some(&Failure::NUMBER) => self.handle_failure(payload, out),
            Some(&Success::NUMBER) => self.handle_success(payload, out),
            Some(&Banner::NUMBER) => self.handle_banner(payload, out),
            Some(&PublicKeyOk::NUMBER) => self.handle_method_message(payload, out),
            _ => Err(unexpected(payload, AS_SENT)),
        }
    }

    fn handle_failure(mut self, payload: &[u8], out: &mut Output) -> Result<Self, ConnectionError> {
        let Failure { remaining, partial } =
            Failure::decode(payload).map_err(ProtocolError::malformed(Failure::NUMBER))?;
        match self.state {
            State::None | State::Password | State::Query { .. } | State::Signed | State::Interactive => {}
            _ => return Err(unexpected(payload, "authentication, with no request to answer")),
        }
        self.remaining = remaining.iter().map(str::to_owned).collect();
        let remaining = self.remaining.clone();
        // A question about a key proves nothing that could be half of a success.
        let partial = partial && !matches!(self.state, State::Query { .. });
        self.state = State::Idle;
        out.tell(Event::Authentication(if partial {
            AuthOutcome::Partial { remaining }
        } else {
            AuthOutcome::Failure { remaining }
        }));
        Ok(self)
    }

    fn handle_success(mut self, payload: &[u8], out: &mut Output) -> Result<Self, ConnectionError> {
        Success::decode(payload).map_err(ProtocolError::malformed(Success::NUMBER))?;
        match self.state {
            State::None | State::Password | State::Signed | State::Interactive => {}
            State::Query { .. } => {
                let rule = "success in reply to a question about a key";
                return Err(ProtocolError::Rule { message: Success::NUMBER, rule }.into());
            }
            _ => return Err(unexpected(payload, "authentication, with no request to answer")),
        }
        self.state = State::Done;
        out.authenticated = true;
        out.tell(Event::Authentication(AuthOutcome::Success));
        Ok(self)
    }

    fn handle_banner(mut self, payload: &[u8], out: &mut Output) -> Result<Self, ConnectionError> {
        let banner = Banner::decode(payload).map_err(ProtocolError::malformed(Banner::NUMBER))?;
        self.banner_bytes += banner.message.len();
        if self.banner_bytes > MAX_BANNER {
            let rule = "banners of more than 64 KiB";
            return Err(ProtocolError::Rule { message: Banner::NUMBER, rule }.into());
        }
        out.tell(Event::Banner(text(banner.message)));
        Ok(self)
    }

    /// Message 60 means what the method under way says.
    fn handle_method_message(mut self, payload: &[u8], out: &mut Output) -> Result<Self, ConnectionError> {
        self.state = match self.state {
            State::Query { key, algorithm } => {
                let ok =
                    PublicKeyOk::decode(payload).map_err(ProtocolError::malformed(PublicKeyOk::NUMBER))?;
                if ok.algorithm != algorithm || ok.key != key.blob() {
                    let rule = "it accepts another key than the one asked about";
                    return Err(ProtocolError::Rule { message: PublicKeyOk::NUMBER, rule }.into());
                }
                self.state = State::Idle;
                self.ask_signature(&key, algorithm, out)
            }
            State::Password => {
                let request = PasswordChangeRequest::decode(payload)
                    .map_err(ProtocolError::malformed(PasswordChangeRequest::NUMBER))?;
                out.tell(Event::PasswordExpired { prompt: text(request.prompt) });
                State::Expired
            }
            State::Interactive => {
                self.serial = self.serial.wrapping_add(1);
                let prompts = read_prompts(payload, self.serial)
                    .map_err(ProtocolError::malformed(InfoRequest::NUMBER))?;
                let count = prompts.prompts.len();
                out.tell(Event::Prompts(prompts));
                State::Prompted { serial: self.serial, count }
            }
            _ => return Err(unexpected(payload, "authentication, with no such method under way")),
        };
        Ok(self)
    }

    /// Asks for the signature of `self.user`'s key.
    fn ask_signature(&mut self, key: &Shown, algorithm: String, out: &mut Output) -> State {
        let request = KeyRequest {
            user: &self.user,
            algorithm: &algorithm,
            key: key.blob(),
            host_key: self.context.host_key.as_deref().filter(|_| self.context.extensions.hostbound),
        };
        let message = request.signed_text(&self.context.session_id);
        let mut unsigned = Vec::new();
        request.encode(true, &mut unsigned);
        self.await_signature(key.key(), plain(algorithm), message, unsigned, out)
    }

    /// `unsigned`: the message that the signature is to be put behind.
    fn await_signature(
        &mut self,
        key: &PublicKey,
        algorithm: String,
        message: Vec<u8>,
        unsigned: Vec<u8>,
        out: &mut Output,
    ) -> State {
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        Family::Signature.warn_if_legacy(&algorithm);
        out.tell(Event::Sign(SignRequest {
            purpose: SignPurpose::UserKey,
            key: key.clone(),
            algorithm,
            message,
            serial,
        }));
        State::Signing { serial, request: unsigned }
    }

    /// The first of our algorithms that this key can make and that the server takes, as far as it has said what that is. One that has
    /// not gets our favourite, and an RSA key's signature with SHA-1 where that is allowed by name: it is what old servers would
    /// mean, and all that they take.
    fn choose_algorithm(
        &self,
        key: &Shown,
        wanted: Option<String>,
        theirs: Option<&[String]>,
    ) -> Result<String, Misuse> {
        let ours = &self.context.common.algorithms.user_key;
        let can = key.algorithms();
        if let Some(wanted) = wanted {
            if !can.contains(&wanted.as_str()) {
                return Err(Misuse::Key("the key cannot make signatures of that algorithm"));
            }
            if !ours.contains(&wanted) {
                return Err(Misuse::Key("the configuration does not allow that algorithm for user keys"));
            }
            return Ok(wanted);
        }
        let mut allowed = ours.iter().filter(|name| can.contains(&name.as_str())).peekable();
        if allowed.peek().is_none() {
            return Err(Misuse::Key("the configuration does not allow this type of user key"));
        }
        if theirs.is_none()
            && let Some(of_old) = ours.iter().find(|name| *name == "ssh-rsa" && can.contains(&name.as_str()))
        {
            return Ok(of_old.clone());
        }
        allowed
            .find(|name| theirs.is_none_or(|theirs| takes(theirs, name)))
            .cloned()
            .ok_or(Misuse::Key("the server takes no signature algorithm that is allowed for this key"))
    }

    /// The attempt ends without a word to the server.
    fn fail_locally(&mut self, out: &mut Output) {
        self.state = State::Idle;
        out.tell(Event::Authentication(AuthOutcome::Failure { remaining: self.remaining.clone() }));
    }
}

/// What is signed with: a certificate's key signs as it does without one.
fn plain(algorithm: String) -> String {
    plain_algorithm(&algorithm).map_or(algorithm, str::to_owned)
}

/// Whether a server that lists `theirs` (RFC 8308 section 3.1) takes signatures of this algorithm. It need not list the
/// algorithms of certificates, whose signatures are of the key's own.
fn takes(theirs: &[String], algorithm: &str) -> bool {
    // The first servers that listed anything (OpenSSH 7.2) listed RSA's alone, and took others all the same.
    let is_rsa = |name: &str| name.starts_with("rsa-sha2-") || name.starts_with("ssh-rsa");
    if !is_rsa(algorithm) && theirs.iter().all(|name| is_rsa(name)) {
        return true;
    }
    let plain = algorithm.strip_suffix("-cert-v01@openssh.com").unwrap_or(algorithm);
    theirs.iter().any(|name| name == algorithm || name.strip_suffix("@openssh.com").unwrap_or(name) == plain)
}

fn send_request(user: &str, method: &str, out: &mut Output, fields: impl FnOnce(&mut Writer<'_>)) {
    out.send(|packet| {
        // Room for the whole, so that no copy of a password is left behind by a growing buffer.
        packet.reserve(4 * MAX_TEXT);
        let mut writer = Writer::new(packet);
        writer.u8(Request::NUMBER);
        writer.string(user.as_bytes());
        writer.string(SERVICE.as_bytes());
        writer.string(method.as_bytes());
        fields(&mut writer);
    });
}

fn check_text(text: &[u8]) -> Result<(), Misuse> {
    if text.len() <= MAX_TEXT {
        Ok(())
    } else {
        Err(Misuse::Argument("a user name, password or hint is longer than 8 KiB"))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read_prompts(payload: &[u8], serial: u64) -> Result<Prompts, feramiko_wire::DecodeError> {
    let request = InfoRequest::decode(payload)?;
    let mut reader = Reader::new(request.prompts.0);
    // The shortest prompt is a length and an echo flag.
    let count = reader.count(5, MAX_PROMPTS)?;
    let mut prompts = Vec::with_capacity(count);
    for _ in 0..count {
        prompts.push(Prompt { text: text(reader.string()?), echo: reader.boolean()? });
    }
    reader.finish()?;
    Ok(Prompts { name: text(request.name), instruction: text(request.instruction), prompts, serial })
}
