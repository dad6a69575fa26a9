//! What a login consists of: methods, questions, proofs, decisions.

use feramiko_crypto::Secret;
use feramiko_keys::{Certificate, PublicKey, SkDetails};

/// How a client logs in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Method {
    /// No proof: asks what the server wants (RFC 4252 section 5.2).
    None,
    /// RFC 4252 section 8.
    Password(Secret),
    /// RFC 4252 section 8: an expired password and a new one.
    PasswordChange {
        /// The old password.
        old: Secret,
        /// The new one.
        new: Secret,
    },
    /// RFC 4252 section 7. The signature is asked for by [`Event::Sign`](crate::Event::Sign).
    PublicKey {
        /// The public half.
        key: PublicKey,
        /// The algorithm; `None` chooses the best that both sides know (`server-sig-algs`).
        algorithm: Option<String>,
        /// Ask first whether the key would do, and sign only then.
        query: bool,
    },
    /// RFC 4252 section 9: the client's host vouches for its user. The signature is asked for by [`Event::Sign`](crate::Event::Sign).
    HostBased {
        /// The public half of the host's key.
        key: PublicKey,
        /// A certificate of that key, to be shown in its place.
        certificate: Option<Certificate>,
        /// The algorithm; `None` chooses the best that this side knows.
        algorithm: Option<String>,
        /// The full name of the client's host. OpenSSH ends it with a dot, and compares it with what the address says.
        host: String,
        /// Who the user is there.
        user: String,
    },
    /// RFC 4252 section 7 with a certificate in the key's place (OpenSSH PROTOCOL.certkeys). The signature is asked for
    /// by [`Event::Sign`](crate::Event::Sign), of the certified key.
    Certificate {
        /// The certificate.
        certificate: Certificate,
        /// The algorithm, one of [`Certificate::signature_algorithms`]; `None` chooses the best that both sides know.
        algorithm: Option<String>,
        /// Ask first whether the certificate would do, and sign only then.
        query: bool,
    },
    /// RFC 4256.
    KeyboardInteractive {
        /// Hints for the server, usually empty.
        submethods: String,
    },
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthOutcome {
    /// Logged in.
    Success,
    /// The proof was right, and more is wanted: one of these methods.
    Partial {
        /// Methods that can continue.
        remaining: Vec<String>,
    },
    /// Not accepted.
    Failure {
        /// Methods that can continue.
        remaining: Vec<String>,
    },
}

/// A server's questions (RFC 4256 section 3.2). Text as sent: sanitize before showing.
#[derive(Debug)]
pub struct Prompts {
    pub(crate) name: String,
    pub(crate) instruction: String,
    pub(crate) prompts: Vec<Prompt>,
    pub(crate) serial: u64,
}

impl Prompts {
    /// A title; may be empty.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// What to do; may be empty.
    pub fn instruction(&self) -> &str {
        &self.instruction
    }
    /// The questions, possibly none. As many answers are due.
    pub fn prompts(&self) -> &[Prompt] {
        &self.prompts
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The question.
    pub text: String,
    /// Whether the answer may be shown while it is typed.
    pub echo: bool,
}

/// A client tries to log in to us.
#[derive(Debug)]
pub struct AuthAttempt {
    pub(crate) user: String,
    pub(crate) proof: Proof,
    pub(crate) touch_waived: bool,
    pub(crate) serial: u64,
}

impl AuthAttempt {
    /// The user name of this very attempt.
    pub fn user(&self) -> &str {
        &self.user
    }
    /// What the client brings.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }
    /// Lets a FIDO device do that nobody has touched: `no-touch-required` of sshd(8) and of ssh-keygen(1)'s certificates.
    /// Without it [`Decision::Accept`] of what such a device has signed is a refusal.
    pub fn waive_touch(&mut self) {
        self.touch_waived = true;
    }
    /// Whether a device has signed that should have been touched, and was not.
    pub(crate) fn lacks_touch(&self) -> bool {
        let said = self.proof.security_key();
        !self.touch_waived && said.is_some_and(|said| !said.user_present())
    }
}

/// What a client brings to an attempt.
#[derive(Debug)]
#[non_exhaustive]
pub enum Proof {
    /// Nothing. Accepting lets anybody in.
    None,
    /// A password.
    Password(Secret),
    /// An old password and the new one that is to replace it. The old one must be verified.
    PasswordChange {
        /// The old password.
        old: Secret,
        /// The new one.
        new: Secret,
    },
    /// No proof yet: would this key do? [`Decision::Accept`] says yes and logs nobody in.
    KeyOffer(PublicKey),
    /// The client holds the private half of this key: its signature over this session, user and key is verified.
    Key(VerifiedKey),
    /// No proof yet: would this certificate do? As for [`KeyOffer`](Self::KeyOffer); nothing is known of it but that its
    /// authority has signed it.
    CertificateOffer(Certificate),
    /// The client holds the private half of the key that is certified: its signature over this session, user and
    /// certificate is verified. Whether the certificate is good for anything is for [`Certificate::check_user`] to say.
    Certificate(VerifiedCertificate),
    /// The client's host vouches for its user: the signature of the host's key over this session and these names is
    /// verified. Whether that host is to be believed is not: its name is what it says itself.
    HostBased(VerifiedHost),
    /// The client wants to be asked (keyboard-interactive). Answer with [`Decision::Ask`].
    Interactive {
        /// The client's hints.
        submethods: String,
    },
    /// The answers to the last [`Decision::Ask`], as many as were asked for.
    Answers(Vec<Secret>),
}

impl Proof {
    /// Whether it is a user's key or certificate, offered or proved (RFC 4252 section 7).
    pub fn is_public_key(&self) -> bool {
        matches!(self, Self::KeyOffer(_) | Self::Key(_) | Self::CertificateOffer(_) | Self::Certificate(_))
    }

    /// What a FIDO device said with its signature, where one has signed for a user.
    pub fn security_key(&self) -> Option<SkDetails> {
        match self {
            Self::Key(verified) => verified.security_key,
            Self::Certificate(verified) => verified.security_key,
            _ => None,
        }
    }
}

/// A public key whose owner has signed. Only the verification in this crate makes one.
#[derive(Debug, Clone)]
pub struct VerifiedKey {
    pub(crate) key: PublicKey,
    pub(crate) algorithm: String,
    pub(crate) security_key: Option<SkDetails>,
}

impl VerifiedKey {
    /// The key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }
    /// The algorithm of the verified signature.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }
    /// What a FIDO device said with its signature, where the key is in one. Whether it knew its user is to be held against
    /// `verify-required`; that it was touched is asked for unless [`AuthAttempt::waive_touch`] is called.
    pub fn security_key(&self) -> Option<SkDetails> {
        self.security_key
    }
}

/// A client's host that has signed for its user (RFC 4252 section 9). Only the verification in this crate makes one.
#[derive(Debug, Clone)]
pub struct VerifiedHost {
    pub(crate) key: VerifiedKey,
    pub(crate) certificate: Option<Certificate>,
    pub(crate) host: String,
    pub(crate) user: String,
}

impl VerifiedHost {
    /// The key of the host, which has signed: by itself, or as the one of its [`certificate`](Self::certificate).
    pub fn key(&self) -> &VerifiedKey {
        &self.key
    }
    /// The certificate that it has shown in place of the key. Whether that is good for anything is for
    /// [`Certificate::check_host`] to say.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }
    /// The name that the host says it has, without a dot at its end. It means something only together with the key: look
    /// both up. As sent otherwise: sanitize before showing.
    pub fn host(&self) -> &str {
        &self.host
    }
    /// Who the user is on that host. As sent: sanitize before showing.
    pub fn user(&self) -> &str {
        &self.user
    }
}

/// A certificate whose holder has signed. Only the verification in this crate makes one.
#[derive(Debug, Clone)]
pub struct VerifiedCertificate {
    pub(crate) certificate: Certificate,
    pub(crate) algorithm: String,
    pub(crate) security_key: Option<SkDetails>,
}

impl VerifiedCertificate {
    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
    /// The algorithm of the request: `rsa-sha2-512-cert-v01@openssh.com`.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }
    /// What a FIDO device said with its signature, where the key is in one. Whether it knew its user is to be held against
    /// `verify-required`; that it was touched is asked for unless [`AuthAttempt::waive_touch`] is called.
    pub fn security_key(&self) -> Option<SkDetails> {
        self.security_key
    }
}

/// The answer to an [`AuthAttempt`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Decision {
    /// Log the user in; for a [`Proof::KeyOffer`] or a [`Proof::CertificateOffer`]: it would do. Where the server has
    /// [`Steps`](crate::Steps), the step is done, and the user is logged in when it was the last.
    Accept,
    /// No.
    Reject,
    /// The proof is right and one of these methods must follow. On a [`Proof::None`] or [`Proof::KeyOffer`] this is a refusal,
    /// and so it is where the server has [`Steps`](crate::Steps), which know what follows.
    Partial {
        /// Methods that can continue.
        remaining: Vec<String>,
    },
    /// Ask the client (only for [`Proof::Interactive`] and [`Proof::Answers`]).
    Ask {
        /// A title; may be empty.
        name: String,
        /// What to do; may be empty.
        instruction: String,
        /// The questions; may be none.
        prompts: Vec<Prompt>,
    },
    /// The password is right but has expired (only for the password proofs).
    ChangePassword {
        /// What to tell the user.
        prompt: String,
    },
}
