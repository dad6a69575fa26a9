//! Lists of algorithms: `+`, `-`, `^` and wildcards (ssh_config(5), "Ciphers" and its like).

use feramiko_keys::pattern;
use feramiko_proto::Family;

/// Which algorithms a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// Key exchange methods.
    Kex,
    /// Ciphers.
    Cipher,
    /// MACs.
    Mac,
    /// Signature algorithms with plain keys and with certificates.
    Signature,
    /// Signature algorithms that authorities sign certificates with.
    CaSignature,
}

// A list that names what OpenSSH 9.2 to 10.5 takes is no mistake, whether it is built in here or not. These are not.
const OTHER_CIPHERS: [&str; 2] = ["rijndael-cbc@lysator.liu.se", "cast128-cbc"];
/// Those of signatures in the order in which OpenSSH finds them by a wildcard, built in or not.
const SIGNATURES: [&str; 23] = [
    "ssh-ed25519",
    "ssh-ed25519-cert-v01@openssh.com",
    "sk-ssh-ed25519@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-dss",
    "ssh-dss-cert-v01@openssh.com",
    "ssh-rsa",
    "ssh-rsa-cert-v01@openssh.com",
    "rsa-sha2-256",
    "rsa-sha2-256-cert-v01@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-512-cert-v01@openssh.com",
    "ssh-mldsa44-ed25519@openssh.com",
    "ssh-mldsa44-ed25519-cert-v01@openssh.com",
];

impl Category {
    /// Every name that OpenSSH or this library takes for good.
    fn known(self) -> impl Iterator<Item = &'static str> {
        let (family, others): (_, &[&str]) = match self {
            Self::Kex => (Some(Family::Kex), &[]),
            Self::Cipher => (Some(Family::Cipher), &OTHER_CIPHERS),
            Self::Mac => (Some(Family::Mac), &[]),
            Self::Signature | Self::CaSignature => (None, &SIGNATURES),
        };
        let built_in = family.into_iter().flat_map(Family::supported).map(|(name, _)| *name);
        built_in.chain(others.iter().copied()).filter(move |name| self.takes(name))
    }

    /// Certificates do not sign certificates.
    fn takes(self, name: &str) -> bool {
        self != Self::CaSignature || !name.contains("-cert-v01")
    }

    fn takes_wildcards(self) -> bool {
        matches!(self, Self::Signature | Self::CaSignature)
    }

    /// Whether there is an algorithm of this name, built in here or not.
    pub fn is_known(self, name: &str) -> bool {
        self.known().any(|known| known == name)
    }
}

/// Refuses a list with a name that means nothing.
pub(super) fn check(category: Category, list: &str) -> Result<(), String> {
    // What is taken away need not be there.
    if list.starts_with('-') {
        return Ok(());
    }
    let names = list.strip_prefix(['+', '^']).unwrap_or(list);
    let is_good = |name: &str| {
        let matches = |known: &str| pattern::matches_exactly(name.as_bytes(), known.as_bytes());
        category.is_known(name)
            || (category.takes_wildcards() && !name.is_empty() && category.known().any(matches))
    };
    match names.split(',').find(|name| !is_good(name)) {
        Some("") => Err("the list of algorithms has an empty place".to_owned()),
        Some(name) => Err(format!("there is no algorithm {name:?} of that kind")),
        None => Ok(()),
    }
}

/// What a list means where `default` holds without one: the names in order, each once.
pub(super) fn assemble(category: Category, list: &str, default: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut add = |pattern: &str| {
        let matching = |known: &&str| pattern::matches_exactly(pattern.as_bytes(), known.as_bytes());
        // A name of ours that OpenSSH does not have comes from the default.
        let own = Some(pattern).filter(|name| default.iter().any(|own| own == name));
        let known = category.known().filter(matching).map(str::to_owned);
        for name in own.map(str::to_owned).into_iter().chain(known) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    };
    let all = || default.iter().map(String::as_str);
    match (list.get(..1), list.get(1..)) {
        (Some("-"), Some(patterns)) => {
            let stays = |name: &&str| !pattern::list_matches_exactly(patterns.as_bytes(), name.as_bytes());
            return all().filter(stays).map(str::to_owned).collect();
        }
        (Some("+"), Some(more)) => all().chain(more.split(',')).for_each(&mut add),
        (Some("^"), Some(first)) => first.split(',').chain(all()).for_each(&mut add),
        _ => list.split(',').for_each(&mut add),
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assembled(list: &str) -> String {
        let default = ["aes256-ctr", "aes128-ctr"].map(str::to_owned);
        assemble(Category::Cipher, list, &default).join(",")
    }

    #[test]
    fn the_signatures_that_are_built_in_are_known() {
        for (name, _) in Family::Signature.supported() {
            assert!(Category::Signature.is_known(name), "{name}");
            let certified = feramiko_keys::certificate::certificate_algorithm(name);
            assert!(certified.is_none_or(|name| Category::Signature.is_known(name)), "{name}");
        }
    }

    #[test]
    fn lists_are_put_together_as_the_manual_says() {
        assert_eq!(assembled("aes192-ctr,aes128-ctr"), "aes192-ctr,aes128-ctr");
        assert_eq!(assembled("+aes192-ctr"), "aes256-ctr,aes128-ctr,aes192-ctr");
        assert_eq!(assembled("+aes128-ctr"), "aes256-ctr,aes128-ctr");
        assert_eq!(assembled("^aes192-ctr,aes128-ctr"), "aes192-ctr,aes128-ctr,aes256-ctr");
        assert_eq!(assembled("-aes128-*"), "aes256-ctr");
        assert_eq!(assembled("-*"), "");
        let signatures = assemble(Category::Signature, "rsa-sha2-*,ssh-ed25519", &[]);
        assert_eq!(signatures.len(), 5, "{signatures:?}");
        assert_eq!(assemble(Category::CaSignature, "ssh-ed25519*", &[]), ["ssh-ed25519"]);
    }

    #[test]
    fn defect_140_names_that_mean_nothing_are_refused() {
        for (category, list) in [
            (Category::Cipher, "aes128-ctr,aes129-ctr"),
            (Category::Cipher, "none"),
            (Category::Cipher, "+none"),
            (Category::Cipher, "aes*"),
            (Category::Cipher, ""),
            (Category::Cipher, "aes128-ctr,"),
            (Category::Cipher, "^"),
            (Category::Mac, "none"),
            (Category::Mac, "hmac-sha2-256,aes128-ctr"),
            (Category::Kex, "curve25519-sha257"),
            (Category::Kex, "kex-strict-c-v00@openssh.com"),
            (Category::Signature, "ssh-ed25519,ssh-foo*"),
            (Category::CaSignature, "ssh-ed25519-cert-v01@openssh.com"),
        ] {
            assert!(check(category, list).is_err(), "{category:?} {list:?}");
        }
        for (category, list) in [
            (Category::Cipher, "aes128-ctr,3des-cbc"),
            (Category::Cipher, "-none,aes*"),
            (Category::Signature, "rsa-*,ssh-ed25519"),
            (Category::Kex, "^curve25519-sha256"),
        ] {
            assert!(check(category, list).is_ok(), "{category:?} {list:?}");
        }
    }
}
