//! Is this the server's key? The policies that are ready made, and the trait for others.
//!
//! There is no connection without a verifier, and an error of any kind inside one is never trust: a verifier says
//! `Ok(())`, or the connection ends.

use std::net::IpAddr;

use feramiko_keys::certificate::Revoked;
use feramiko_keys::{Certificate, Fingerprint, PublicKey};

use crate::error::{Error, HostKeyRefusal};
use crate::rotation::HostKeyKeeper;

/// Decides whether a server's host key is trusted.
///
/// The server has proved already that it holds the private half of the key.
///
/// ```
/// use feramiko::{Error, HostKeyRefusal, HostKeyVerifier, PublicKey};
///
/// /// Trusts the keys of a database.
/// struct Inventory(Vec<PublicKey>);
///
/// impl HostKeyVerifier for Inventory {
///     fn verify(&mut self, key: &PublicKey) -> Result<(), Error> {
///         if self.0.contains(key) {
///             return Ok(());
///         }
///         let why = "it is not in the inventory".to_owned();
///         Err(HostKeyRefusal::Declined { key: key.clone(), why }.into())
///     }
/// }
/// ```
pub trait HostKeyVerifier: Send {
    /// Answers `Ok(())` if the key is trusted. Called once, in the first key exchange, on a thread that may wait.
    fn verify(&mut self, key: &PublicKey) -> Result<(), Error>;

    /// Answers `Ok(())` if the key in this certificate is trusted. The certificate's authority has signed it, and nothing
    /// else is known of it: [`Certificate::check_host`] says what it is good for.
    ///
    /// Who does not know authorities decides about the key as if it had come without the certificate, and so does ssh.
    fn verify_certificate(&mut self, certificate: &Certificate) -> Result<(), Error> {
        self.verify(certificate.public_key())
    }

    /// The host key algorithms to ask for first, because only keys of these types can be recognized. Their order among
    /// one another is that of the configuration.
    fn algorithms(&self) -> Vec<String> {
        Vec::new()
    }

    /// Where the connection leads, before `verify`; not called where that is not known, as behind a jump.
    fn connected_to(&mut self, address: IpAddr) {
        let _ = address;
    }

    /// Who is to remember the host keys that the server announces after login; asked for after `verify` has said yes.
    fn keeper(&mut self) -> Option<HostKeyKeeper> {
        None
    }

    /// Whether `verify` may take long: reads the network, asks a person. Then it is called on a thread of its own.
    fn is_slow(&self) -> bool {
        true
    }
}

impl<V: HostKeyVerifier + ?Sized> HostKeyVerifier for Box<V> {
    fn verify(&mut self, key: &PublicKey) -> Result<(), Error> {
        (**self).verify(key)
    }

    fn verify_certificate(&mut self, certificate: &Certificate) -> Result<(), Error> {
        (**self).verify_certificate(certificate)
    }

    fn algorithms(&self) -> Vec<String> {
        (**self).algorithms()
    }

    fn connected_to(&mut self, address: IpAddr) {
        (**self).connected_to(address);
    }

    fn keeper(&mut self) -> Option<HostKeyKeeper> {
        (**self).keeper()
    }

    fn is_slow(&self) -> bool {
        (**self).is_slow()
    }
}

/// Trusts exactly these keys, compared byte for byte.
#[derive(Debug, Clone)]
pub struct PinnedKeys(pub Vec<PublicKey>);

impl HostKeyVerifier for PinnedKeys {
    fn verify(&mut self, key: &PublicKey) -> Result<(), Error> {
        if self.0.contains(key) {
            return Ok(());
        }
        let expected = self.0.iter().map(PublicKey::fingerprint).collect();
        Err(HostKeyRefusal::NotTheOne { expected, key: key.clone() }.into())
    }

    fn algorithms(&self) -> Vec<String> {
        signature_algorithms(self.0.iter())
    }

    fn is_slow(&self) -> bool {
        false
    }
}

/// Trusts the keys that have one of these SHA-256 fingerprints.
#[derive(Debug, Clone)]
pub struct PinnedFingerprints(pub Vec<Fingerprint>);

impl HostKeyVerifier for PinnedFingerprints {
    fn verify(&mut self, key: &PublicKey) -> Result<(), Error> {
        if self.0.contains(&key.fingerprint()) {
            return Ok(());
        }
        Err(HostKeyRefusal::NotTheOne { expected: self.0.clone(), key: key.clone() }.into())
    }

    fn is_slow(&self) -> bool {
        false
    }
}

/// Trusts what another verifier trusts, unless it is revoked (`RevokedHostKeys` of ssh_config(5)).
#[derive(Debug, Clone)]
pub struct UnlessRevoked<V, R> {
    /// Who is asked about all other keys.
    pub verifier: V,
    /// What is revoked: a list of keys, or a KRL.
    pub revoked: R,
}

impl<V: HostKeyVerifier, R: Revoked + Send> HostKeyVerifier for UnlessRevoked<V, R> {
    fn verify(&mut self, key: &PublicKey) -> Result<(), Error> {
        if self.revoked.is_key_revoked(key) {
            return Err(HostKeyRefusal::OnList { key: key.clone() }.into());
        }
        self.verifier.verify(key)
    }

    fn verify_certificate(&mut self, certificate: &Certificate) -> Result<(), Error> {
        let revoked = &self.revoked;
        let keys = [certificate.public_key(), certificate.authority()];
        if revoked.is_certificate_revoked(certificate) || keys.iter().any(|key| revoked.is_key_revoked(key)) {
            return Err(HostKeyRefusal::OnList { key: certificate.public_key().clone() }.into());
        }
        self.verifier.verify_certificate(certificate)
    }

    fn algorithms(&self) -> Vec<String> {
        self.verifier.algorithms()
    }

    fn connected_to(&mut self, address: IpAddr) {
        self.verifier.connected_to(address);
    }

    fn keeper(&mut self) -> Option<HostKeyKeeper> {
        self.verifier.keeper()
    }

    fn is_slow(&self) -> bool {
        self.verifier.is_slow()
    }
}

/// Trusts whoever answers: a man in the middle too, who then sees every password and every byte.
///
/// For throw-away machines on networks that nobody else reaches, and for measurements. Nothing in this library uses it.
#[derive(Debug, Clone, Copy)]
pub struct AcceptAnyHostKeyInsecurely;

impl HostKeyVerifier for AcceptAnyHostKeyInsecurely {
    fn verify(&mut self, _key: &PublicKey) -> Result<(), Error> {
        Ok(())
    }

    fn is_slow(&self) -> bool {
        false
    }
}

/// The signature algorithms of these keys.
pub(crate) fn signature_algorithms<'a>(keys: impl Iterator<Item = &'a PublicKey>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in keys.flat_map(|key| key.signature_algorithms()) {
        if !names.iter().any(|known| known == name) {
            names.push((*name).to_owned());
        }
    }
    names
}

/// `list`, with the names that are in `first` too in front. Both parts keep the order of `list`, as in OpenSSH.
pub(crate) fn prefer(list: &[String], first: &[String]) -> Vec<String> {
    let (wanted, others): (Vec<_>, Vec<_>) = list.iter().partition(|name| first.contains(name));
    wanted.into_iter().chain(others).cloned().collect()
}

#[cfg(test)]
mod tests {
    use feramiko_keys::{KeyType, PrivateKey};

    use super::*;

    fn key() -> PublicKey {
        PrivateKey::generate(KeyType::Ed25519).unwrap().public_key().clone()
    }

    fn refusal(result: Result<(), Error>) -> HostKeyRefusal {
        match result {
            Err(Error::HostKey(refusal)) => *refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pins_compare_the_whole_key() {
        let (ours, other) = (key(), key());
        assert!(PinnedKeys(vec![ours.clone()]).verify(&ours).is_ok());
        assert!(PinnedFingerprints(vec![ours.fingerprint()]).verify(&ours).is_ok());
        for refused in [
            refusal(PinnedKeys(vec![ours.clone()]).verify(&other)),
            refusal(PinnedFingerprints(vec![ours.fingerprint()]).verify(&other)),
        ] {
            assert_eq!(
                refused,
                HostKeyRefusal::NotTheOne { expected: vec![ours.fingerprint()], key: other.clone() }
            );
        }
        assert!(PinnedKeys(Vec::new()).verify(&ours).is_err());
    }

    #[test]
    fn what_is_on_the_list_of_revoked_keys_is_refused_by_whoever_would_trust_it() {
        let (good, bad) = (key(), key());
        let verifier = PinnedKeys(vec![good.clone(), bad.clone()]);
        let mut verifier = UnlessRevoked { verifier, revoked: vec![bad.clone()] };
        assert!(verifier.verify(&good).is_ok());
        assert_eq!(refusal(verifier.verify(&bad)), HostKeyRefusal::OnList { key: bad });
        assert!(verifier.verify(&key()).is_err());
    }

    #[test]
    fn what_is_preferred_comes_first_in_the_order_of_the_list() {
        let list = ["ssh-ed25519", "rsa-sha2-256", "rsa-sha2-512"].map(str::to_owned);
        let first = ["rsa-sha2-512", "rsa-sha2-256", "ssh-dss"].map(str::to_owned);
        assert_eq!(prefer(&list, &first), ["rsa-sha2-256", "rsa-sha2-512", "ssh-ed25519"]);
        assert_eq!(prefer(&list[..1], &first), ["ssh-ed25519"]);
        assert_eq!(prefer(&list, &[]), list);
    }
}
