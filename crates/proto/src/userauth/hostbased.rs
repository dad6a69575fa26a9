//! `hostbased`: a host vouches for its user (RFC 4252 section 9).

use feramiko_wire::Writer;

use super::request::MAX_TEXT;
use super::{Context, HOSTBASED, SERVICE};
use crate::algorithms::Family;
use crate::event::{Proof, VerifiedHost, VerifiedKey};
use crate::msg::userauth::Request;
use crate::shown::Algorithm;

/// Bytes of a host's name (RFC 1035 section 2.3.4, and a dot at its end).
const MAX_HOST: usize = 256;

/// A hostbased request, all but its signature.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostRequest<'a> {
    pub(crate) user: &'a str,
    pub(crate) algorithm: &'a str,
    /// Of the client's host: its key, or a certificate.
    pub(crate) key: &'a [u8],
    pub(crate) host: &'a str,
    /// Who the user is on the client's host.
    pub(crate) client_user: &'a str,
}

impl HostRequest<'_> {
    /// The message up to the place of the signature, its number first.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.u8(Request::NUMBER);
        for text in [self.user, SERVICE, HOSTBASED, self.algorithm] {
            writer.string(text.as_bytes());
        }
        writer.string(self.key);
        writer.string(self.host.as_bytes());
        writer.string(self.client_user.as_bytes());
    }

    /// What the signature is made over: the session identifier, then the message up to the signature.
    pub(crate) fn signed_text(&self, session_id: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        Writer::new(&mut text).string(session_id);
        self.encode(&mut text);
        text
    }

    /// Whether the names are such as a server can look at.
    pub(crate) fn is_sound(&self) -> bool {
        (1..=MAX_HOST).contains(&self.host.len())
            && self.host.bytes().all(|byte| byte.is_ascii_graphic())
            && (1..=MAX_TEXT).contains(&self.client_user.len())
    }
}

/// Checks a request, the cheap things first; `None` when it is to be refused. The signature is verified here, over this
/// session and this very request.
pub(crate) fn check_host(context: &Context, request: HostRequest<'_>, signature: &[u8]) -> Option<Proof> {
    let algorithm = request.algorithm;
    if !request.is_sound() || !context.common.algorithms.user_key.iter().any(|allowed| allowed == algorithm) {
        return None;
    }
    let algorithm = Algorithm::named(&context.common.provider, request.algorithm)?;
    let shown = algorithm.read(request.key, context.common.min_rsa_bits)?;
    let security_key = shown.verify(&algorithm, &request.signed_text(&context.session_id), signature).ok()?;
    Family::Signature.warn_if_legacy(algorithm.name());
    let (key, algorithm) = (shown.key().clone(), algorithm.name().to_owned());
    Some(Proof::HostBased(VerifiedHost {
        key: VerifiedKey { key, algorithm, security_key },
        certificate: shown.certificate().cloned(),
        // As in known_hosts: without the dot that ends a whole name.
        host: request.host.strip_suffix('.').unwrap_or(request.host).to_owned(),
        user: request.client_user.to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_text_is_that_of_rfc_4252_section_9() {
        let request = HostRequest {
            user: "robey",
            algorithm: "ssh-ed25519",
            key: b"KEY",
            host: "lag.net.",
            client_user: "rob",
        };
        assert_eq!(
            request.signed_text(b"SID"),
            b"\0\0\0\x03SID\x32\0\0\0\x05robey\0\0\0\x0essh-connection\0\0\0\x09hostbased\
              \0\0\0\x0bssh-ed25519\0\0\0\x03KEY\0\0\0\x08lag.net.\0\0\0\x03rob"
        );
    }
}
