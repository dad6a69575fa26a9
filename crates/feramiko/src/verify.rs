//! Is this the server's key? The policies that are ready made, and the trait for others.
//!
//! There is no connection without a verifier, and an error of any kind inside one is never trust: a verifier says
//! `Ok(())`, or the connection ends.

use std::fmt;
use std::path::{Path, PathBuf};

use feramiko_keys::{Certificate, Fingerprint, HostStatus, KeyError, KnownHosts, PublicKey};

use crate::error::{Error, HostKeyRefusal, HostName, KnownAt};

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

    /// The host key algorithms to ask for first, because only keys of these types can be recognized.
    fn algorithms(&self) -> Vec<String> {
        Vec::new()
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

/// Trusts what known_hosts files say.
///
/// All files are read when this is made. A revocation in any of them wins, then a matching line in any of them.
pub struct KnownHostsFiles {
    host: HostName,
    files: Vec<(PathBuf, KnownHosts)>,
    unknown: UnknownHost,
    hashed: bool,
}

/// What to do about a host of which nothing is known. A changed or revoked key is refused whatever is chosen here.
#[derive(Default)]
#[non_exhaustive]
pub enum UnknownHost {
    /// Refuse.
    #[default]
    Refuse,
    /// Trust it, and write its key to the first of the files. (Trust on first use: protects from the second connection on.)
    Accept,
    /// Ask: the function is shown [`HostKeyRefusal::Unknown`] and answers whether to trust, and write down, the key.
    Ask(Box<dyn FnMut(&HostKeyRefusal) -> bool + Send>),
}

impl KnownHostsFiles {
    /// Reads the files; one that is missing is empty. New keys are written to the first.
    ///
    /// # Errors
    ///
    /// [`Error::Key`] when a file is there and cannot be read: what it revokes would not be known.
    pub fn load<P: Into<PathBuf>>(
        host: &str,
        port: u16,
        files: impl IntoIterator<Item = P>,
        unknown: UnknownHost,
    ) -> Result<Self, Error> {
        let load = |path: PathBuf| match KnownHosts::load(&path) {
            Ok(hosts) => Ok((path, hosts)),
            Err(error) => Err(Error::key_file(&path, error)),
        };
        let files = files.into_iter().map(|path| load(path.into())).collect::<Result<_, _>>()?;
        Ok(Self { host: HostName { host: host.to_owned(), port }, files, unknown, hashed: false })
    }

    /// Whether a new line hides the name of the host (`HashKnownHosts`). Default: no.
    pub fn hash_names(mut self, hashed: bool) -> Self {
        self.hashed = hashed;
        self
    }

    fn refusal(&self, key: &PublicKey) -> Option<HostKeyRefusal> {
        let HostName { host, port } = &self.host;
        let check = |hosts: &KnownHosts| hosts.check(host, *port, key);
        let all: Vec<(&Path, HostStatus)> =
            self.files.iter().map(|(path, hosts)| (path.as_path(), check(hosts))).collect();
        let (name, key) = (self.host.clone(), key.clone());
        let revoked = |(path, status): &(&Path, HostStatus)| match status {
            HostStatus::Revoked { line } => Some((path.to_path_buf(), *line)),
            _ => None,
        };
        if let Some((file, line)) = all.iter().find_map(revoked) {
            return Some(HostKeyRefusal::Revoked { host: name, key, file, line });
        }
        if all.iter().any(|(_, status)| matches!(status, HostStatus::Known { .. })) {
            return None;
        }
        let others = |(path, status): &(&Path, HostStatus)| match status {
            HostStatus::Changed { known } | HostStatus::UnknownType { known } => {
                let at =
                    |key: &feramiko_keys::KnownKey| KnownAt { file: path.to_path_buf(), key: key.clone() };
                known.iter().map(at).collect()
            }
            _ => Vec::new(),
        };
        let known: Vec<KnownAt> = all.iter().flat_map(others).collect();
        if known.is_empty() {
            let files = self.files.iter().map(|(path, _)| path.clone()).collect();
            return Some(HostKeyRefusal::Unknown { host: name, key, files });
        }
        Some(HostKeyRefusal::Changed { host: name, key, known })
    }

    /// A certificate authority stands for the host: a plain key of it is not what is expected.
    fn is_certified(&self, key: &PublicKey) -> bool {
        let HostName { host, port } = &self.host;
        let certified =
            |hosts: &KnownHosts| matches!(hosts.check(host, *port, key), HostStatus::CertifiedOnly { .. });
        self.files.iter().any(|(_, hosts)| certified(hosts))
    }

    fn remember(&self, key: &PublicKey) -> Result<(), Error> {
        let Some((path, _)) = self.files.first() else { return Ok(()) };
        let HostName { host, port } = &self.host;
        KnownHosts::append_to_file(path, host, *port, key, self.hashed)
            .map_err(|error| Error::key_file(path, error))
    }
}

impl HostKeyVerifier for KnownHostsFiles {
    fn verify(&mut self, key: &PublicKey) -> Result<(), Error> {
        let Some(refusal) = self.refusal(key) else { return Ok(()) };
        let certified = self.is_certified(key);
        let trusted = match (&mut self.unknown, &refusal) {
            (UnknownHost::Accept, HostKeyRefusal::Unknown { .. }) => !certified,
            (UnknownHost::Ask(ask), HostKeyRefusal::Unknown { .. }) => {
                if !ask(&refusal) {
                    let why = "the answer was no".to_owned();
                    return Err(HostKeyRefusal::Declined { key: key.clone(), why }.into());
                }
                true
            }
            _ => false,
        };
        if trusted { self.remember(key) } else { Err(refusal.into()) }
    }

    /// The types of the keys that are known, as RFC 8332 names their signatures.
    fn algorithms(&self) -> Vec<String> {
        let HostName { host, port } = &self.host;
        let mut keys = Vec::new();
        for (_, hosts) in &self.files {
            let types = hosts.algorithms_for(host, *port);
            // A key without an entry of its port counts with the one of port 22; so does its type.
            let all = hosts.keys_for(host, *port).into_iter().chain(hosts.keys_for(host, 22));
            keys.extend(all.filter(|known| types.contains(&known.algorithm)));
        }
        let readable = |blob: &[u8]| -> Result<PublicKey, KeyError> { PublicKey::from_blob(blob) };
        let keys: Vec<PublicKey> = keys.iter().filter_map(|known| readable(&known.blob).ok()).collect();
        signature_algorithms(keys.iter())
    }

    fn is_slow(&self) -> bool {
        !matches!(self.unknown, UnknownHost::Refuse)
    }
}

impl fmt::Debug for KnownHostsFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<&PathBuf> = self.files.iter().map(|(path, _)| path).collect();
        f.debug_struct("KnownHostsFiles")
            .field("host", &self.host)
            .field("files", &files)
            .finish_non_exhaustive()
    }
}

fn signature_algorithms<'a>(keys: impl Iterator<Item = &'a PublicKey>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in keys.flat_map(|key| key.signature_algorithms()) {
        if !names.iter().any(|known| known == name) {
            names.push((*name).to_owned());
        }
    }
    names
}

/// `list`, with the names of `first` in front; names that are not in `list` stay out.
pub(crate) fn prefer(list: &[String], first: &[String]) -> Vec<String> {
    let wanted = first.iter().filter(|name| list.contains(name));
    let others = list.iter().filter(|name| !first.contains(name));
    wanted.chain(others).cloned().collect()
}

#[cfg(test)]
mod tests {
    use feramiko_keys::{KeyType, PrivateKey};

    use super::*;

    fn key() -> PublicKey {
        PrivateKey::generate(KeyType::Ed25519).unwrap().public_key().clone()
    }

    struct Files(tempfile::TempDir);

    impl Files {
        fn new(lines: &[(&str, &PublicKey)]) -> Self {
            let files = Self(tempfile::tempdir().unwrap());
            let lines: Vec<String> =
                lines.iter().map(|(start, key)| format!("{start} {}\n", key.to_line(""))).collect();
            std::fs::write(files.path(), lines.concat()).unwrap();
            files
        }

        fn path(&self) -> PathBuf {
            self.0.path().join("known_hosts")
        }

        fn verifier(&self, unknown: UnknownHost) -> KnownHostsFiles {
            KnownHostsFiles::load("host", 2222, [self.path()], unknown).unwrap()
        }
    }

    fn refusal(result: Result<(), Error>) -> HostKeyRefusal {
        match result {
            Err(Error::HostKey(refusal)) => *refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn unknown_changed_and_revoked_are_three_things() {
        let (known, other, revoked) = (key(), key(), key());
        let files = Files::new(&[("[host]:2222", &known), ("@revoked *", &revoked)]);
        let mut verifier = files.verifier(UnknownHost::Refuse);
        assert!(verifier.verify(&known).is_ok());
        match refusal(verifier.verify(&other)) {
            HostKeyRefusal::Changed { known: at, .. } => {
                assert_eq!(at.len(), 1);
                assert_eq!((at[0].key.line, &at[0].file), (1, &files.path()));
                assert_eq!(at[0].key.blob, known.blob());
            }
            other => panic!("{other}"),
        }
        assert!(matches!(refusal(verifier.verify(&revoked)), HostKeyRefusal::Revoked { line: 2, .. }));

        let mut stranger =
            KnownHostsFiles::load("elsewhere", 22, [files.path()], UnknownHost::Refuse).unwrap();
        let text = refusal(stranger.verify(&known)).to_string();
        for part in ["elsewhere", &known.fingerprint().to_string(), &files.path().display().to_string()] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn accept_new_writes_the_key_down_and_accepts_no_other_after_that() {
        let (first, second) = (key(), key());
        let files = Files::new(&[]);
        assert!(files.verifier(UnknownHost::Accept).verify(&first).is_ok());
        let written = std::fs::read_to_string(files.path()).unwrap();
        assert_eq!(written, format!("[host]:2222 {}\n", first.to_line("")));
        assert!(files.verifier(UnknownHost::Accept).verify(&first).is_ok());
        let refused = refusal(files.verifier(UnknownHost::Accept).verify(&second));
        assert!(matches!(refused, HostKeyRefusal::Changed { .. }));
        assert_eq!(std::fs::read_to_string(files.path()).unwrap(), written);
    }

    #[test]
    fn accept_new_never_takes_a_revoked_key_nor_a_plain_one_of_a_certified_host() {
        let (revoked, authority) = (key(), key());
        let files = Files::new(&[("@revoked *", &revoked), ("@cert-authority [host]:2222", &authority)]);
        let refused = refusal(files.verifier(UnknownHost::Accept).verify(&revoked));
        assert!(matches!(refused, HostKeyRefusal::Revoked { .. }));
        let refused = refusal(files.verifier(UnknownHost::Accept).verify(&key()));
        assert!(matches!(refused, HostKeyRefusal::Unknown { .. }));
    }

    #[test]
    fn who_is_asked_sees_the_fingerprint_and_decides() {
        let key = key();
        let files = Files::new(&[]);
        let ask = |answer: bool| {
            let fingerprint = key.fingerprint();
            UnknownHost::Ask(Box::new(move |question| {
                assert_eq!(question.key().fingerprint(), fingerprint);
                answer
            }))
        };
        let refused = refusal(files.verifier(ask(false)).verify(&key));
        assert!(matches!(refused, HostKeyRefusal::Declined { .. }));
        assert_eq!(std::fs::read(files.path()).unwrap(), b"");
        assert!(files.verifier(ask(true)).verify(&key).is_ok());
        assert!(files.verifier(UnknownHost::Refuse).verify(&key).is_ok());
    }

    #[test]
    fn defect_009_a_key_that_cannot_be_written_down_is_not_accepted() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("known_hosts");
        let mut verifier = KnownHostsFiles::load("host", 22, [&file], UnknownHost::Accept).unwrap();
        // Between reading and writing a directory takes the file's place.
        std::fs::create_dir(&file).unwrap();
        assert!(matches!(verifier.verify(&key()), Err(Error::Key { .. })));
        // And one that is there but cannot be read is not taken for empty.
        let loaded = KnownHostsFiles::load("host", 22, [&file], UnknownHost::Accept);
        assert!(matches!(loaded, Err(Error::Key { .. })));
    }

    #[test]
    fn a_revocation_in_one_file_outweighs_trust_in_another() {
        let key = key();
        let (first, second) = (Files::new(&[("host", &key)]), Files::new(&[("@revoked host", &key)]));
        let paths = [first.path(), second.path()];
        let mut verifier = KnownHostsFiles::load("host", 22, paths, UnknownHost::Refuse).unwrap();
        assert!(matches!(refusal(verifier.verify(&key)), HostKeyRefusal::Revoked { .. }));
        // Trust in one file outweighs another key in the other.
        let other = Files::new(&[("host", &self::key())]);
        let paths = [other.path(), first.path()];
        let mut verifier = KnownHostsFiles::load("host", 22, paths, UnknownHost::Refuse).unwrap();
        assert!(verifier.verify(&key).is_ok());
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
    fn the_types_of_known_keys_are_asked_for_first() {
        let rsa = include_str!("../../keys/tests/data/rsa.pub").parse::<PublicKey>().unwrap();
        let files = Files::new(&[("[host]:2222", &rsa)]);
        let first = files.verifier(UnknownHost::Refuse).algorithms();
        assert_eq!(first, ["rsa-sha2-512", "rsa-sha2-256"]);
        let list = ["ssh-ed25519", "rsa-sha2-256", "rsa-sha2-512"].map(str::to_owned);
        assert_eq!(prefer(&list, &first), ["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"]);
        assert_eq!(prefer(&list[..1], &first), ["ssh-ed25519"]);
    }
}
