//! [`Agent`]: asking an agent.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use feramiko_crypto::Secret;
use feramiko_keys::agent::{AgentPrivateKey, AgentReply, AgentRequest, Constraints, SessionBind, sign_flags};
use feramiko_keys::{Certificate, KeyError, LEAST_RSA_BITS, PublicKey, Signer};
use feramiko_proto::SessionProof;
use feramiko_wire::{Reader, sanitize_line};

use super::error::AgentError;
use super::line::{Framed, Line, Message};
use crate::driver::socket::Socket;
use crate::error::Error;
use crate::helper::{Driver, blocking};
use crate::pending::Pending;

/// How long an agent has for anything but a signature.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it has for a signature: a person may be asked first, or have to touch something.
const PATIENCE_TO_SIGN: Duration = Duration::from_secs(120);

/// A connection to an agent. A handle: clones share the connection, and ask one after the other.
///
/// An agent that does not answer does not hang its client: after 10 seconds, for a signature after 2 minutes, the
/// connection is given up. [`with_patience`](Self::with_patience) says otherwise.
///
/// ```no_run
/// use feramiko::agent::Agent;
///
/// # fn main() -> Result<(), feramiko::Error> {
/// let agent = Agent::connect().wait()?;
/// for key in agent.identities().wait()? {
///     println!("{}", key.public_key().to_line(key.comment()));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Agent {
    /// `None` once it has failed.
    line: Arc<Mutex<Option<Box<dyn Line>>>>,
    patience: Duration,
    patience_to_sign: Duration,
}

/// A key that an agent lists, of whatever type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The blob of the public key, or of the certificate.
    pub blob: Vec<u8>,
    /// The comment, safe to print.
    pub comment: String,
}

impl Agent {
    /// An agent at the other end of any socket: of a channel that a client has lent us, for one.
    ///
    /// # Errors
    /// The socket cannot be used.
    pub fn over(socket: impl Into<Socket>) -> Result<Self, Error> {
        let broken = |error| Error::io("the socket cannot be used", &error);
        let framed = socket.into().into_link().and_then(Framed::new).map_err(broken)?;
        Ok(Self::on(Box::new(framed)))
    }

    pub(crate) fn on(line: Box<dyn Line>) -> Self {
        let line = Arc::new(Mutex::new(Some(line)));
        Self { line, patience: PATIENCE, patience_to_sign: PATIENCE_TO_SIGN }
    }

    /// How long it may take over a request, and over a signature.
    pub fn with_patience(mut self, requests: Duration, signatures: Duration) -> Self {
        (self.patience, self.patience_to_sign) = (requests, signatures);
        self
    }

    /// All keys that it shows.
    ///
    /// # Errors
    /// [`Error::Agent`], as for all that an agent is asked.
    pub fn list(&self) -> Pending<Result<Vec<Listed>, Error>> {
        self.later(|agent| agent.list_now())
    }

    /// The keys and certificates that can be used to log in: those of a type that is known here. The others are left
    /// out.
    pub fn identities(&self) -> Pending<Result<Vec<AgentKey>, Error>> {
        self.later(|agent| agent.identities_now())
    }

    /// Gives it a key to hold, under the constraints.
    ///
    /// # Errors
    /// [`AgentError::Refused`] also when the agent does not know one of the constraints.
    pub fn add(
        &self,
        key: impl Into<AgentPrivateKey>,
        comment: &str,
        constraints: Constraints,
    ) -> Pending<Result<(), Error>> {
        let (key, comment) = (key.into(), comment.to_owned());
        self.later(move |agent| {
            let request = AgentRequest::Add { key, comment: comment.as_bytes(), constraints };
            agent.done(&request, "add a key")
        })
    }

    /// Makes it forget a key: the blob of the key or of the certificate.
    pub fn remove(&self, blob: &[u8]) -> Pending<Result<(), Error>> {
        let blob = blob.to_vec();
        self.later(move |agent| agent.done(&AgentRequest::Remove(&blob), "remove a key"))
    }

    /// Makes it forget all keys.
    pub fn remove_all(&self) -> Pending<Result<(), Error>> {
        self.later(|agent| agent.done(&AgentRequest::RemoveAll, "remove all keys"))
    }

    /// Locks it: it shows nothing and does nothing until it is unlocked with the same passphrase.
    pub fn lock(&self, passphrase: impl Into<Secret>) -> Pending<Result<(), Error>> {
        let passphrase = passphrase.into();
        self.later(move |agent| agent.done(&AgentRequest::Lock(passphrase), "lock itself"))
    }

    /// Unlocks it.
    pub fn unlock(&self, passphrase: impl Into<Secret>) -> Pending<Result<(), Error>> {
        let passphrase = passphrase.into();
        self.later(move |agent| agent.done(&AgentRequest::Unlock(passphrase), "unlock itself"))
    }

    /// Tells it for which SSH session this connection to it is used, so that keys with destination constraints can
    /// be (`session-bind@openssh.com`, OpenSSH PROTOCOL.agent section 1). `is_forwarding`: the connection is lent to
    /// that host, rather than used to log in there.
    ///
    /// [`Transport::session_proof`](crate::Transport::session_proof) has what it shows. The keys that an agent lists
    /// may depend on it: bind first.
    ///
    /// # Errors
    /// [`AgentError::Refused`] also by agents that do not know it, with which one goes on.
    pub fn bind(&self, proof: SessionProof, is_forwarding: bool) -> Pending<Result<(), Error>> {
        self.later(move |agent| agent.bind_now(&proof, is_forwarding))
    }

    /// The extensions that it says it knows; none when it does not know the question (RFC 9987 section 5.8.1).
    pub fn extensions(&self) -> Pending<Result<Vec<String>, Error>> {
        self.later(|agent| agent.extensions_now())
    }

    fn later<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Pending<Result<T, Error>> {
        let agent = self.clone();
        Pending::new(async move { blocking(Driver::of_this_task(), move || work(&agent)).await? })
    }
}

/// The same on this thread, which waits.
impl Agent {
    pub(crate) fn list_now(&self) -> Result<Vec<Listed>, Error> {
        const WHAT: &str = "list its keys";
        let reply = self.exchange(&AgentRequest::List.encode(), WHAT, self.patience)?;
        match AgentReply::decode(&reply) {
            Ok(AgentReply::Identities(found)) => Ok(found
                .iter()
                .map(|identity| Listed {
                    blob: identity.key.to_vec(),
                    comment: sanitize_line(identity.comment),
                })
                .collect()),
            other => Err(self.unexpected(other, WHAT).into()),
        }
    }

    pub(crate) fn identities_now(&self) -> Result<Vec<AgentKey>, Error> {
        let usable = |Listed { blob, comment }: Listed| {
            let (public, certificate) = match Certificate::from_blob_with_rsa_floor(&blob, LEAST_RSA_BITS) {
                Ok(certificate) => (certificate.public_key().clone(), Some(certificate)),
                Err(_) => (PublicKey::from_blob_with_rsa_floor(&blob, LEAST_RSA_BITS).ok()?, None),
            };
            Some(AgentKey { agent: self.clone(), public, certificate, comment })
        };
        Ok(self.list_now()?.into_iter().filter_map(usable).collect())
    }

    pub(crate) fn bind_now(&self, proof: &SessionProof, is_forwarding: bool) -> Result<(), Error> {
        let SessionProof { host_key, session_id, signature } = proof;
        let bind = SessionBind { host_key, session_id, signature, is_forwarding };
        self.done(&AgentRequest::Bind(bind), "bind its connection to a session")
    }

    fn extensions_now(&self) -> Result<Vec<String>, Error> {
        const WHAT: &str = "name its extensions";
        let reply = self.exchange(&AgentRequest::Query.encode(), WHAT, self.patience)?;
        match AgentReply::decode(&reply) {
            Ok(AgentReply::Extension { name: b"query", contents }) => {
                let (mut reader, mut names) = (Reader::new(contents), Vec::new());
                while !reader.is_empty() {
                    let name = reader.string().map_err(|error| self.nonsense(WHAT, &error))?;
                    names.push(sanitize_line(name));
                }
                Ok(names)
            }
            Ok(AgentReply::Failure | AgentReply::ExtensionFailure) => Ok(Vec::new()),
            other => Err(self.unexpected(other, WHAT).into()),
        }
    }

    fn sign_now(&self, key: &[u8], algorithm: &str, data: &[u8]) -> Result<Vec<u8>, AgentError> {
        const WHAT: &str = "sign";
        let request = AgentRequest::Sign { key, data, flags: sign_flags(algorithm) };
        let reply = self.exchange(&request.encode(), WHAT, self.patience_to_sign)?;
        match AgentReply::decode(&reply) {
            // Old agents sign with SHA-1 whatever they are asked for.
            Ok(AgentReply::Signature(blob)) if Reader::new(blob).string() == Ok(algorithm.as_bytes()) => {
                Ok(blob.to_vec())
            }
            Ok(AgentReply::Signature(_)) => Err(AgentError::Nonsense {
                request: WHAT,
                problem: format!("its signature is not by {algorithm}"),
            }),
            other => Err(self.unexpected(other, WHAT)),
        }
    }

    /// Asks for something that is answered by yes or no.
    fn done(&self, request: &AgentRequest<'_>, what: &'static str) -> Result<(), Error> {
        let reply = self.exchange(&request.encode(), what, self.patience)?;
        match AgentReply::decode(&reply) {
            Ok(AgentReply::Success) => Ok(()),
            other => Err(self.unexpected(other, what).into()),
        }
    }

    /// A request of any kind and its reply, both without their lengths.
    pub(crate) fn exchange(
        &self,
        request: &[u8],
        what: &'static str,
        limit: Duration,
    ) -> Result<Message, AgentError> {
        let mut place = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let line = place.as_mut().ok_or_else(|| AgentError::Lost("it failed before".to_owned()))?;
        let reply = line.exchange(request, what, limit);
        if reply.is_err() {
            // What comes now would be the answer to something else.
            *place = None;
        }
        reply
    }

    /// A request of somebody else and its reply. A person may have to be asked.
    pub(crate) fn relay(&self, request: &[u8]) -> Result<Message, AgentError> {
        self.exchange(request, "answer somebody else", self.patience_to_sign)
    }

    fn unexpected(&self, reply: Result<AgentReply<'_>, KeyError>, what: &'static str) -> AgentError {
        match reply {
            Ok(AgentReply::Failure | AgentReply::ExtensionFailure) => AgentError::Refused { request: what },
            Ok(_) => self.nonsense(what, &"it is the answer to another question"),
            Err(error) => self.nonsense(what, &error),
        }
    }

    /// Who speaks another language is not asked again.
    fn nonsense(&self, what: &'static str, problem: &dyn fmt::Display) -> AgentError {
        *self.line.lock().unwrap_or_else(PoisonError::into_inner) = None;
        AgentError::Nonsense { request: what, problem: problem.to_string() }
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = self.line.try_lock().is_ok_and(|line| line.is_none());
        f.debug_struct("Agent").field("lost", &lost).finish_non_exhaustive()
    }
}

/// A key in an agent, or a certificate of it. It signs there.
#[derive(Debug, Clone)]
pub struct AgentKey {
    agent: Agent,
    public: PublicKey,
    certificate: Option<Certificate>,
    comment: String,
}

impl AgentKey {
    /// The public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The comment, safe to print.
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// The agent that holds it.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }
}

impl Signer for AgentKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let blob = self.certificate.as_ref().map_or(self.public.blob(), Certificate::blob);
        let signed = self.agent.sign_now(blob, algorithm, message);
        signed.map_err(|error| KeyError::Signer(error.to_string()))
    }

    fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }
}
