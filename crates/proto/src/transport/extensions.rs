//! SSH_MSG_EXT_INFO (RFC 8308), both ways.

use feramiko_wire::{NameList, Reader, Rest, Writer};

use crate::error::ProtocolError;
use crate::msg::transport::ExtInfo;

/// Extensions in one message.
const MAX_EXTENSIONS: usize = 64;
/// Names that are kept of `server-sig-algs`.
const MAX_NAMES: usize = 64;

/// What the peer announced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    /// `server-sig-algs` (RFC 8308 section 3.1).
    pub(crate) server_sig_algs: Option<Vec<String>>,
    /// `publickey-hostbound@openssh.com` (OpenSSH PROTOCOL section 3.1).
    pub(crate) hostbound: bool,
    /// `ping@openssh.com` (OpenSSH PROTOCOL section 1.9).
    pub(crate) ping: bool,
}

impl Extensions {
    /// Adds what a message says; unknown extensions are ignored (RFC 8308 section 2.5).
    pub(crate) fn read(&mut self, payload: &[u8]) -> Result<(), ProtocolError> {
        let malformed = |error| ProtocolError::Malformed { message: ExtInfo::NUMBER, error };
        let message = ExtInfo::decode(payload).map_err(malformed)?;
        let mut reader = Reader::new(message.extensions.0);
        // Each is two strings: at least 8 bytes.
        let count = reader.count(8, MAX_EXTENSIONS).map_err(malformed)?;
        for _ in 0..count {
            let name = reader.string().map_err(malformed)?;
            let value = reader.string().map_err(malformed)?;
            match name {
                b"server-sig-algs" => {
                    let names = NameList::parse(value).map_err(malformed)?;
                    self.server_sig_algs = Some(names.iter().take(MAX_NAMES).map(str::to_owned).collect());
                }
                b"publickey-hostbound@openssh.com" => self.hostbound = value == b"0",
                b"ping@openssh.com" => self.ping = value == b"0",
                _ => {}
            }
        }
        reader.finish().map_err(malformed)
    }

    /// Appends our message. A server tells which signatures it takes from users.
    pub(crate) fn write(user_keys: Option<&[&str]>, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        let mut writer = Writer::new(&mut body);
        match user_keys {
            Some(names) => {
                writer.u32(3);
                writer.string(b"server-sig-algs");
                writer.name_list(names.iter().copied());
                writer.string(b"publickey-hostbound@openssh.com");
                writer.string(b"0");
            }
            None => writer.u32(1),
        }
        writer.string(b"ping@openssh.com");
        writer.string(b"0");
        ExtInfo { extensions: Rest(&body) }.encode(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut payload = Vec::new();
        Extensions::write(Some(&["ssh-ed25519", "rsa-sha2-256"]), &mut payload);
        let mut read = Extensions::default();
        read.read(&payload).unwrap();
        assert_eq!(
            read,
            Extensions {
                server_sig_algs: Some(vec!["ssh-ed25519".to_owned(), "rsa-sha2-256".to_owned()]),
                hostbound: true,
                ping: true
            }
        );
    }

    #[test]
    fn defect_057_the_count_is_bounded_by_what_is_there_and_by_64() {
        let mut body = 65_u32.to_be_bytes().to_vec();
        body.extend([0; 65 * 8]);
        let mut payload = vec![7];
        payload.extend(&body);
        assert!(Extensions::default().read(&payload).is_err());
        assert!(Extensions::default().read(&[7, 0xff, 0xff, 0xff, 0xff]).is_err());
        let mut trailing = vec![7, 0, 0, 0, 0];
        assert!(Extensions::default().read(&trailing).is_ok());
        trailing.push(0);
        assert!(Extensions::default().read(&trailing).is_err());
    }
}
