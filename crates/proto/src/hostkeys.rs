//! How a server tells its clients what host keys it has, and proves it (OpenSSH PROTOCOL section 2.5).
//!
//! After login a server announces all its keys with the global request [`ANNOUNCE`]. A client that wants to remember one
//! asks with [`PROVE`], and gets a signature by each of the keys it asked about.

use feramiko_wire::{Reader, Writer};

/// The global request of a server; its data are key blobs.
pub const ANNOUNCE: &str = "hostkeys-00@openssh.com";
/// The global request of a client; its data are key blobs, and those of the answer signatures.
pub const PROVE: &str = "hostkeys-prove-00@openssh.com";
/// The most keys that are looked at in one announcement.
pub const MAX_KEYS: usize = 64;

/// The data of either request, or of the answer: each item as a `string`.
pub fn encode<'a>(items: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut data = Vec::new();
    let mut writer = Writer::new(&mut data);
    items.into_iter().for_each(|item| writer.string(item));
    data
}

/// Reads such data; `None` when it is damaged or has more than `most` items.
pub fn decode(data: &[u8], most: usize) -> Option<Vec<&[u8]>> {
    let mut reader = Reader::new(data);
    let mut items = Vec::new();
    while !reader.is_empty() {
        if items.len() >= most {
            return None;
        }
        items.push(reader.string().ok()?);
    }
    Some(items)
}

/// What is asked for in a [`PROVE`] request, as places in the list of our own keys, in the order of the request. `None`
/// when it is damaged, asks about a key that is not ours, or twice about one: no key signs more than once for a request.
pub fn requested(data: &[u8], ours: &[&[u8]]) -> Option<Vec<usize>> {
    let mut places = Vec::new();
    for blob in decode(data, ours.len())? {
        let place = ours.iter().position(|key| *key == blob)?;
        if places.contains(&place) {
            return None;
        }
        places.push(place);
    }
    Some(places)
}

/// What a key signs to prove that it is the server's of this session.
pub fn signed_text(session_id: &[u8], blob: &[u8]) -> Vec<u8> {
    encode([PROVE.as_bytes(), session_id, blob])
}

/// The algorithm that RSA keys sign their proofs with: the one of the host key, where that is RSA's, else the best.
pub fn rsa_algorithm(host_key: &'static str) -> Option<&'static str> {
    let plain = host_key.strip_suffix("-cert-v01@openssh.com").unwrap_or(host_key);
    ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"].into_iter().find(|name| *name == plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_text_is_that_of_openssh() {
        let text = signed_text(b"SID", b"KEY");
        assert_eq!(text, b"\0\0\0\x1dhostkeys-prove-00@openssh.com\0\0\0\x03SID\0\0\0\x03KEY");
    }

    #[test]
    fn announcements_are_read_up_to_a_bound() {
        assert_eq!(decode(&encode([&b"a"[..], b"", b"bc"]), 3), Some(vec![&b"a"[..], b"", b"bc"]));
        assert_eq!(decode(&encode([&b"a"[..], b"", b"bc"]), 2), None);
        assert_eq!(decode(b"", 0), Some(Vec::new()));
        for damaged in [&b"\0"[..], b"\0\0\0\x01", b"\xff\xff\xff\xff", b"\0\0\0\x01ab"] {
            assert_eq!(decode(damaged, MAX_KEYS), None);
        }
    }

    #[test]
    fn defect_143_each_host_key_signs_once_for_a_request() {
        let ours = [&b"first"[..], b"second", b"third"];
        let asked = |keys: &[&[u8]]| requested(&encode(keys.iter().copied()), &ours);
        assert_eq!(asked(&[b"third", b"first"]), Some(vec![2, 0]));
        assert_eq!(asked(&[]), Some(vec![]));
        assert_eq!(asked(&[b"first", b"first"]), None);
        assert_eq!(asked(&[b"first", b"second", b"third", b"first"]), None);
        assert_eq!(asked(&[b"first", b"fourth"]), None);
        assert_eq!(requested(b"\0\0\0\x09first", &ours), None);
    }

    #[test]
    fn rsa_keys_prove_themselves_with_the_algorithm_that_was_negotiated() {
        assert_eq!(rsa_algorithm("rsa-sha2-256"), Some("rsa-sha2-256"));
        assert_eq!(rsa_algorithm("rsa-sha2-512-cert-v01@openssh.com"), Some("rsa-sha2-512"));
        assert_eq!(rsa_algorithm("ssh-ed25519"), None);
    }
}
