//! What a client has signed to log in, read by the agent that signs: RFC 4252 section 7, OpenSSH PROTOCOL section 3.1.

use feramiko_wire::{DecodeError, Reader};

const USERAUTH_REQUEST: u8 = 50;

/// A request to log in with a key, as it is signed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Login<'a> {
    pub(super) session_id: &'a [u8],
    pub(super) user: &'a [u8],
    pub(super) algorithm: &'a str,
    pub(super) key: &'a [u8],
    /// The server's host key, in the hostbound method.
    pub(super) host_key: Option<&'a [u8]>,
}

impl<'a> Login<'a> {
    /// `None` unless that, and nothing else, is what is to be signed.
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        Self::decode(data).ok().flatten()
    }

    fn decode(data: &'a [u8]) -> Result<Option<Self>, DecodeError> {
        let mut reader = Reader::new(data);
        let session_id = reader.string()?;
        let number = reader.u8()?;
        let user = reader.string()?;
        let service = reader.string()?;
        let method = reader.string()?;
        // Not any true will do: the server that reads this may be stricter.
        let has_signature = reader.u8()?;
        let algorithm = reader.utf8()?;
        let key = reader.string()?;
        let host_key = match method {
            b"publickey" => None,
            b"publickey-hostbound-v00@openssh.com" => Some(reader.string()?),
            _ => return Ok(None),
        };
        reader.finish()?;
        let is_one = number == USERAUTH_REQUEST
            && has_signature == 1
            && service == b"ssh-connection"
            && !session_id.is_empty()
            && !user.contains(&0);
        Ok(is_one.then_some(Self { session_id, user, algorithm, key, host_key }))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use feramiko_wire::Writer;

    pub(in crate::agent) fn login(
        session_id: &[u8],
        user: &str,
        key: &[u8],
        host_key: Option<&[u8]>,
    ) -> Vec<u8> {
        let mut data = Vec::new();
        let mut writer = Writer::new(&mut data);
        writer.string(session_id);
        writer.u8(USERAUTH_REQUEST);
        writer.string(user.as_bytes());
        writer.string(b"ssh-connection");
        writer.string(if host_key.is_some() { b"publickey-hostbound-v00@openssh.com" } else { b"publickey" });
        writer.u8(1);
        writer.string(b"ssh-ed25519");
        writer.string(key);
        if let Some(host_key) = host_key {
            writer.string(host_key);
        }
        data
    }

    #[test]
    fn only_a_whole_login_is_one() {
        for host_key in [None, Some(&b"HOST"[..])] {
            let data = login(b"SID", "robey", b"KEY", host_key);
            let found = Login::read(&data).unwrap();
            assert_eq!((found.session_id, found.user, found.key), (&b"SID"[..], &b"robey"[..], &b"KEY"[..]));
            assert_eq!(found.host_key, host_key);
            for end in 0..data.len() {
                assert_eq!(Login::read(&data[..end]), None, "cut at {end}");
            }
            assert_eq!(Login::read(&[&data[..], &[0]].concat()), None);
        }
        assert_eq!(Login::read(&login(b"", "robey", b"KEY", None)), None, "no session");
        assert_eq!(Login::read(&login(b"SID", "ro\0bey", b"KEY", None)), None);
        for (from, to) in [("ssh-connection", "ssh-userauthxx"), ("publickey", "publicKey")] {
            let data = login(b"SID", "robey", b"KEY", None);
            let at = data.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
            let mut other = data.clone();
            other[at..at + to.len()].copy_from_slice(to.as_bytes());
            assert_eq!(Login::read(&other), None, "{to}");
        }
        // No signature follows, or another message.
        for (offset, value) in [(7, 51), (7 + 1 + 9 + 18 + 13, 2), (7 + 1 + 9 + 18 + 13, 0)] {
            let mut other = login(b"SID", "robey", b"KEY", None);
            other[offset] = value;
            assert_eq!(Login::read(&other), None, "byte {offset}");
        }
    }
}
