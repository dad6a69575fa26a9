//! Keys as they are shown to a peer, bare or in a certificate, and the algorithms that are agreed on for them.

use feramiko_crypto::Provider;
use feramiko_crypto::signing::SignatureScheme;
use feramiko_keys::certificate::{certificate_algorithm, plain_algorithm};
use feramiko_keys::{Certificate, KeyError, PublicKey, SkDetails};

/// An algorithm of KEXINIT's host keys or of a publickey request: a signature scheme, of bare keys or of certified ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Algorithm {
    name: &'static str,
    scheme: &'static dyn SignatureScheme,
    certified: bool,
}

impl Algorithm {
    /// The one of this name, if the provider has its signatures.
    pub(crate) fn named(provider: &Provider, name: &str) -> Option<Self> {
        let Some(plain) = plain_algorithm(name) else {
            let scheme = provider.signature(name)?;
            return Some(Self { name: scheme.name(), scheme, certified: false });
        };
        let scheme = provider.signature(plain)?;
        Some(Self { name: certificate_algorithm(plain)?, scheme, certified: true })
    }

    /// As it was agreed on: `rsa-sha2-512-cert-v01@openssh.com`.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// As the key signs and verifies: `rsa-sha2-512`.
    pub(crate) fn scheme(&self) -> &'static dyn SignatureScheme {
        self.scheme
    }

    /// Reads a blob that must hold what this algorithm says, and nothing else: a certificate is no key, a key no
    /// certificate, and either is of the scheme's type. RSA moduli, also of authorities, have at least `min_rsa_bits`.
    pub(crate) fn read(&self, blob: &[u8], min_rsa_bits: usize) -> Option<Shown> {
        let shown = match self.certified {
            true => Shown::Certificate(Certificate::from_blob_with_rsa_floor(blob, min_rsa_bits).ok()?),
            false => Shown::Key(PublicKey::from_blob_with_rsa_floor(blob, min_rsa_bits).ok()?),
        };
        (shown.key().algorithm() == self.scheme.key_type()).then_some(shown)
    }
}

/// A key as a peer is shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    Key(PublicKey),
    Certificate(Certificate),
}

impl Shown {
    /// What is sent.
    pub(crate) fn blob(&self) -> &[u8] {
        match self {
            Self::Key(key) => key.blob(),
            Self::Certificate(certificate) => certificate.blob(),
        }
    }

    /// The key that signs.
    pub(crate) fn key(&self) -> &PublicKey {
        match self {
            Self::Key(key) => key,
            Self::Certificate(certificate) => certificate.public_key(),
        }
    }

    pub(crate) fn certificate(&self) -> Option<&Certificate> {
        match self {
            Self::Key(_) => None,
            Self::Certificate(certificate) => Some(certificate),
        }
    }

    /// The algorithms that it can be shown for, best first.
    pub(crate) fn algorithms(&self) -> &'static [&'static str] {
        match self {
            Self::Key(key) => key.signature_algorithms(),
            Self::Certificate(certificate) => certificate.signature_algorithms(),
        }
    }

    /// Verifies a signature of the key's owner over `message`; answers what a FIDO device said with it. Whether it must
    /// have been touched is for the caller to say: users' must, unless that is waived, and hosts have no fingers.
    pub(crate) fn verify(
        &self,
        algorithm: &Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<Option<SkDetails>, KeyError> {
        self.key().verify_details(algorithm.scheme, message, signature)
    }
}

/// The signature algorithms behind these names, each once: certificates do not count in `server-sig-algs`, which is
/// about signatures.
pub(crate) fn signatures(names: &[String]) -> Vec<&str> {
    let mut plain: Vec<&str> = Vec::new();
    for name in names {
        let name = plain_algorithm(name).unwrap_or(name);
        if !plain.contains(&name) {
            plain.push(name);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use feramiko_keys::certificate::CertificateBuilder;
    use feramiko_keys::{KeyType, PrivateKey};

    use super::*;

    #[test]
    fn defect_030_keys_and_certificates_are_read_under_their_own_names_only() {
        let provider = Provider::default();
        let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
        let certificate = CertificateBuilder::user(key.public_key()).principal("robey").issue(&key).unwrap();
        let read = |name: &str, blob: &[u8]| Algorithm::named(&provider, name).unwrap().read(blob, 2048);
        let (plain, certified) = ("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com");
        assert!(matches!(read(plain, key.public_key().blob()), Some(Shown::Key(_))));
        assert!(matches!(read(certified, certificate.blob()), Some(Shown::Certificate(_))));
        assert_eq!(read(plain, certificate.blob()), None);
        assert_eq!(read(certified, key.public_key().blob()), None);
        for other in ["rsa-sha2-512-cert-v01@openssh.com", "ecdsa-sha2-nistp256-cert-v01@openssh.com"] {
            assert_eq!(read(other, certificate.blob()), None, "{other}");
        }
        // Types of certificates that are no algorithms.
        for name in ["ssh-rsa-cert-v01@openssh.com", "ssh-dss-cert-v01@openssh.com"] {
            assert!(Algorithm::named(&provider, name).is_none(), "{name}");
        }
    }

    #[test]
    fn signatures_are_named_once_and_without_certificates() {
        let names = ["ssh-ed25519-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com", "ssh-ed25519"];
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        assert_eq!(signatures(&names), ["ssh-ed25519", "rsa-sha2-512"]);
    }
}
