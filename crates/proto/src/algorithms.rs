//! The names of the algorithms that are built in, by family, and which of them are offered unasked.

use feramiko_keys::certificate::plain_algorithm;

use Standing::{Default, Legacy, Optional};

/// What is negotiated on its own, or allowed on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Key exchange methods.
    Kex,
    /// Signatures of host keys and of users' keys. Certificates go with the algorithms of their keys and are not listed.
    Signature,
    /// Ciphers.
    Cipher,
    /// MACs, for the ciphers that do not bring their own.
    Mac,
    /// Compression.
    Compression,
}

/// When an algorithm is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Unless it is taken out of the list.
    Default,
    /// When it is named. It is as safe as the default.
    Optional,
    /// When it, or [`Algorithms::legacy`](crate::Algorithms::legacy), is named; a warning is logged when it is used. It is broken, or
    /// will be.
    Legacy,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Kex, Self::Signature, Self::Cipher, Self::Mac, Self::Compression];

    /// Every algorithm that is built in, in order of preference, with its standing.
    ///
    /// ```
    /// use feramiko_proto::{Family, Standing};
    ///
    /// assert!(Family::Cipher.supported().contains(&("aes256-gcm@openssh.com", Standing::Default)));
    /// assert!(Family::Cipher.supported().contains(&("3des-cbc", Standing::Legacy)));
    /// ```
    pub fn supported(self) -> &'static [(&'static str, Standing)] {
        match self {
            Self::Kex => &KEX,
            Self::Signature => &SIGNATURES,
            Self::Cipher => &CIPHERS,
            Self::Mac => &MACS,
            Self::Compression => &COMPRESSION,
        }
    }

    /// The standing of an algorithm; `None` if there is none of this name here.
    pub fn standing(self, name: &str) -> Option<Standing> {
        self.supported().iter().find(|(known, _)| *known == name).map(|(_, standing)| *standing)
    }

    /// Says in the log that an algorithm of old is used, if it is one.
    pub(crate) fn warn_if_legacy(self, name: &str) {
        if self.standing(name) == Some(Legacy) {
            tracing::warn!(algorithm = name, family = ?self, "an algorithm that is no longer safe is in use");
        }
    }

    /// The names with this standing, in order of preference.
    pub(crate) fn names(self, standing: Standing) -> impl Iterator<Item = &'static str> {
        self.supported().iter().filter(move |(_, other)| *other == standing).map(|(name, _)| *name)
    }
}

/// The standing of an algorithm of this name in any family; that of a key's algorithm for certificates.
pub(crate) fn standing(name: &str) -> Option<Standing> {
    let name = plain_algorithm(name).unwrap_or(name);
    Family::ALL.into_iter().find_map(|family| family.standing(name))
}

const KEX: [(&str, Standing); 17] = [
    ("mlkem768x25519-sha256", Default),
    ("sntrup761x25519-sha512", Default),
    ("sntrup761x25519-sha512@openssh.com", Default),
    ("mlkem768nistp256-sha256", Optional),
    ("mlkem1024nistp384-sha384", Optional),
    ("curve25519-sha256", Default),
    ("curve25519-sha256@libssh.org", Default),
    ("ecdh-sha2-nistp256", Default),
    ("ecdh-sha2-nistp384", Default),
    ("ecdh-sha2-nistp521", Default),
    ("diffie-hellman-group-exchange-sha256", Default),
    ("diffie-hellman-group16-sha512", Default),
    ("diffie-hellman-group18-sha512", Default),
    ("diffie-hellman-group14-sha256", Default),
    ("diffie-hellman-group-exchange-sha1", Legacy),
    ("diffie-hellman-group14-sha1", Legacy),
    ("diffie-hellman-group1-sha1", Legacy),
];

const SIGNATURES: [(&str, Standing); 12] = [
    ("ssh-ed25519", Default),
    ("ecdsa-sha2-nistp256", Default),
    ("ecdsa-sha2-nistp384", Default),
    ("ecdsa-sha2-nistp521", Default),
    ("sk-ssh-ed25519@openssh.com", Default),
    ("sk-ecdsa-sha2-nistp256@openssh.com", Default),
    ("rsa-sha2-512", Default),
    ("rsa-sha2-256", Default),
    ("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", Optional),
    ("ssh-mldsa44-ed25519@openssh.com", Optional),
    ("ssh-rsa", Legacy),
    ("ssh-dss", Legacy),
];

const CIPHERS: [(&str, Standing); 12] = [
    ("aes256-gcm@openssh.com", Default),
    ("aes128-gcm@openssh.com", Default),
    ("chacha20-poly1305@openssh.com", Default),
    ("aes256-ctr", Default),
    ("aes192-ctr", Default),
    ("aes128-ctr", Default),
    ("aes256-cbc", Legacy),
    ("aes192-cbc", Legacy),
    ("aes128-cbc", Legacy),
    ("blowfish-ctr", Legacy),
    ("blowfish-cbc", Legacy),
    ("3des-cbc", Legacy),
];

/// In OpenSSH's order.
const MACS: [(&str, Standing); 16] = [
    ("umac-64-etm@openssh.com", Default),
    ("umac-128-etm@openssh.com", Default),
    ("hmac-sha2-256-etm@openssh.com", Default),
    ("hmac-sha2-512-etm@openssh.com", Default),
    ("umac-64@openssh.com", Default),
    ("umac-128@openssh.com", Default),
    ("hmac-sha2-256", Default),
    ("hmac-sha2-512", Default),
    ("hmac-sha1-etm@openssh.com", Legacy),
    ("hmac-sha1", Legacy),
    ("hmac-sha1-96-etm@openssh.com", Legacy),
    ("hmac-sha1-96", Legacy),
    ("hmac-md5-etm@openssh.com", Legacy),
    ("hmac-md5", Legacy),
    ("hmac-md5-96-etm@openssh.com", Legacy),
    ("hmac-md5-96", Legacy),
];

const COMPRESSION: [(&str, Standing); 3] =
    [("none", Default), ("zlib@openssh.com", Optional), ("zlib", Optional)];

#[cfg(test)]
mod tests {
    use feramiko_crypto::Provider;

    use super::*;

    #[test]
    fn the_tables_name_what_is_built_in_and_nothing_else() {
        let provider = Provider::default();
        let sorted = |names: &mut Vec<&'static str>| {
            names.sort_unstable();
            names.clone()
        };
        for (family, mut built_in) in [
            (Family::Kex, provider.kex.iter().map(|kex| kex.name()).collect::<Vec<_>>()),
            (Family::Signature, provider.signatures.iter().map(|scheme| scheme.name()).collect()),
            (Family::Cipher, provider.ciphers.iter().map(|cipher| cipher.name()).collect()),
            (Family::Mac, provider.macs.iter().map(|mac| mac.name()).collect()),
        ] {
            let mut named: Vec<_> = family.supported().iter().map(|(name, _)| *name).collect();
            assert_eq!(sorted(&mut named), sorted(&mut built_in), "{family:?}");
        }
    }

    /// What SHA-1, MD5, blocks of 64 bits, CBC, DSA or a prime of 1024 bits is in is old.
    #[test]
    fn what_is_old_is_called_so() {
        let old = ["sha1", "md5", "3des", "blowfish", "cbc", "ssh-dss", "group1-"];
        for family in Family::ALL {
            for (name, standing) in family.supported() {
                let is_old = *name == "ssh-rsa" || old.iter().any(|part| name.contains(part));
                assert_eq!(*standing == Legacy, is_old, "{name}");
            }
        }
    }
}
