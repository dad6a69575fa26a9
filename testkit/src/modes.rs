use feramiko_proto::{Family, Provider, Standing};

/// Cipher and MAC that together protect packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// The cipher.
    pub cipher: &'static str,
    /// The MAC; `None` when the cipher brings its own.
    pub mac: Option<&'static str>,
    /// Whether either is one of old.
    pub legacy: bool,
}

/// Every cipher that is built in, with a MAC of each sort where it needs one, and every MAC with aes128-ctr.
pub fn modes() -> Vec<Mode> {
    let provider = Provider::default();
    let aead = |name: &str| provider.cipher(name).is_some_and(|cipher| cipher.is_aead());
    let mode = |cipher: &'static str, mac: Option<&'static str>| Mode {
        cipher,
        mac,
        legacy: [Family::Cipher.standing(cipher), mac.and_then(|mac| Family::Mac.standing(mac))]
            .contains(&Some(Standing::Legacy)),
    };
    let mut modes = Vec::new();
    for (cipher, _) in Family::Cipher.supported() {
        match *cipher {
            name if aead(name) => modes.push(mode(name, None)),
            name @ "aes128-ctr" => {
                modes.extend(Family::Mac.supported().iter().map(|(mac, _)| mode(name, Some(mac))));
            }
            name => {
                modes.push(mode(name, Some("hmac-sha2-256-etm@openssh.com")));
                modes.push(mode(name, Some("hmac-sha2-256")));
            }
        }
    }
    modes
}
