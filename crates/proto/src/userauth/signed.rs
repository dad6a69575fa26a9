//! What a user's key signs: RFC 4252 section 7, OpenSSH PROTOCOL section 3.1.

use feramiko_wire::Writer;

use super::{HOSTBOUND, PUBLICKEY, SERVICE};
use crate::msg::userauth::Request;

/// A publickey request, all but its signature.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyRequest<'a> {
    pub(crate) user: &'a str,
    pub(crate) algorithm: &'a str,
    pub(crate) key: &'a [u8],
    /// The server's host key, in the hostbound method.
    pub(crate) host_key: Option<&'a [u8]>,
}

impl KeyRequest<'_> {
    /// The message up to the place of the signature, its number first.
    pub(crate) fn encode(&self, has_signature: bool, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.u8(Request::NUMBER);
        writer.string(self.user.as_bytes());
        writer.string(SERVICE.as_bytes());
        writer.string(if self.host_key.is_some() { HOSTBOUND } else { PUBLICKEY }.as_bytes());
        writer.boolean(has_signature);
        writer.string(self.algorithm.as_bytes());
        writer.string(self.key);
        if let Some(host_key) = self.host_key {
            writer.string(host_key);
        }
    }

    /// What the signature is made over: the session identifier, then the message up to the signature.
    pub(crate) fn signed_text(&self, session_id: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        Writer::new(&mut text).string(session_id);
        self.encode(true, &mut text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: KeyRequest<'_> =
        KeyRequest { user: "robey", algorithm: "ssh-ed25519", key: b"KEY", host_key: None };

    #[test]
    fn the_signed_text_is_that_of_rfc_4252_section_7() {
        assert_eq!(
            REQUEST.signed_text(b"SID"),
            b"\0\0\0\x03SID\x32\0\0\0\x05robey\0\0\0\x0essh-connection\0\0\0\x09publickey\x01\
              \0\0\0\x0bssh-ed25519\0\0\0\x03KEY"
        );
    }

    #[test]
    fn the_hostbound_text_ends_with_the_host_key() {
        let text = KeyRequest { host_key: Some(b"HOST"), ..REQUEST }.signed_text(b"SID");
        assert_eq!(
            text,
            b"\0\0\0\x03SID\x32\0\0\0\x05robey\0\0\0\x0essh-connection\
              \0\0\0\x23publickey-hostbound-v00@openssh.com\x01\
              \0\0\0\x0bssh-ed25519\0\0\0\x03KEY\0\0\0\x04HOST"
        );
    }
}
