//! Private keys for a login: those in memory, those in files, and those behind a passphrase.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use feramiko_crypto::Secret;
use feramiko_keys::{Certificate, KeyError, PrivateKey, PublicKey, Signer};

use crate::error::Error;

/// Asks for the passphrase of a key file; `None` for none.
pub(crate) type AskPassphrase = Arc<Mutex<dyn FnMut(&Path) -> Option<Secret> + Send>>;

/// How often a wrong passphrase may be corrected.
const PASSPHRASE_TRIES: usize = 3;

/// A key, ready to sign or not yet open.
pub(crate) enum Key {
    Open(Arc<dyn Signer>),
    /// Protected, and its public half is not known before it is open.
    Locked(Lock),
}

/// A file that somebody has to open.
#[derive(Clone)]
pub(crate) struct Lock {
    pub(crate) path: PathBuf,
    ask: AskPassphrase,
    min_rsa_bits: usize,
}

/// How files of keys are read.
#[derive(Clone)]
pub(crate) struct Keyring {
    pub(crate) ask: Option<AskPassphrase>,
    pub(crate) min_rsa_bits: usize,
}

impl Keyring {
    /// A key file that a program named: it must be there and be readable. One that others can read is used, with a
    /// warning: where secrets are mounted, that may be out of the program's hands.
    pub(crate) fn named(&self, path: &Path) -> Result<Key, Error> {
        let key = self.load(path).or_else(|error| match error {
            KeyError::Exposed { .. } => {
                tracing::warn!("{error}");
                self.loaded(path, PrivateKey::load_file_with_rsa_floor(path, None, self.min_rsa_bits))
            }
            error => Err(error),
        });
        key.map_err(|error| Error::key_file(path, error))
    }

    /// A key file that may be missing, or why it cannot be used. As for ssh, one that others can read cannot.
    pub(crate) fn if_there(&self, path: &Path) -> Option<Result<Key, String>> {
        match self.load(path) {
            Ok(key) => Some(Ok(key)),
            Err(KeyError::Io { kind: std::io::ErrorKind::NotFound, .. }) => None,
            Err(error) => Some(Err(Error::key_file(path, error).to_string())),
        }
    }

    fn load(&self, path: &Path) -> Result<Key, KeyError> {
        self.loaded(path, PrivateKey::load_unexposed_file(path, None, self.min_rsa_bits))
    }

    fn loaded(&self, path: &Path, key: Result<PrivateKey, KeyError>) -> Result<Key, KeyError> {
        match (key, &self.ask) {
            (Ok(key), _) => Ok(Key::Open(Arc::new(key))),
            (Err(KeyError::PassphraseNeeded), Some(ask)) => Ok(self.locked(path, ask)),
            (Err(error), _) => Err(error),
        }
    }

    /// With the public half beside it, nobody is asked for the passphrase unless the server takes the key.
    fn locked(&self, path: &Path, ask: &AskPassphrase) -> Key {
        let lock = Lock { path: path.to_owned(), ask: Arc::clone(ask), min_rsa_bits: self.min_rsa_bits };
        match self.public_half(path) {
            Some(public) => Key::Open(Arc::new(LockedKey { public, lock, open: Mutex::new(None) })),
            None => Key::Locked(lock),
        }
    }

    /// What stands beside a private key's file: its public half. Where the private half is elsewhere, it may be the file
    /// named.
    pub(crate) fn public_half(&self, path: &Path) -> Option<PublicKey> {
        let read = |path: &Path| PublicKey::load_file_with_rsa_floor(path, self.min_rsa_bits);
        Some(read(&beside(path, ".pub")).or_else(|_| read(path)).ok()?.0)
    }

    /// The certificate that stands beside a private key's file (ssh_config(5), IdentityFile), or why it cannot be used.
    pub(crate) fn certificate(&self, path: &Path) -> Option<Result<Certificate, Error>> {
        let path = beside(path, "-cert.pub");
        match Certificate::load_file_with_rsa_floor(&path, self.min_rsa_bits) {
            Ok((certificate, _)) => Some(Ok(certificate)),
            Err(KeyError::Io { kind: std::io::ErrorKind::NotFound, .. }) => None,
            Err(error) => Some(Err(Error::key_file(&path, error))),
        }
    }

    /// A certificate in a file that somebody named, or why it cannot be used.
    pub(crate) fn named_certificate(&self, path: &Path) -> Result<Certificate, Error> {
        let read = Certificate::load_file_with_rsa_floor(path, self.min_rsa_bits);
        read.map(|(certificate, _)| certificate).map_err(|error| Error::key_file(path, error))
    }
}

/// The file whose name goes on like that.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

impl Lock {
    /// Asks for the passphrase and opens the file. Takes its time.
    pub(crate) fn open(&self) -> Result<PrivateKey, KeyError> {
        let mut result = Err(KeyError::PassphraseNeeded);
        for _ in 0..PASSPHRASE_TRIES {
            let answer = (self.ask.lock().unwrap_or_else(PoisonError::into_inner))(&self.path);
            let Some(passphrase) = answer else { return result };
            result = PrivateKey::load_file_with_rsa_floor(&self.path, Some(&passphrase), self.min_rsa_bits);
            if !matches!(result, Err(KeyError::WrongPassphrase | KeyError::PassphraseNeeded)) {
                return result;
            }
        }
        result
    }
}

/// Opened when it has to sign, once.
struct LockedKey {
    public: PublicKey,
    lock: Lock,
    open: Mutex<Option<PrivateKey>>,
}

impl Signer for LockedKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let key = match &mut *open {
            Some(key) => key,
            None => open.insert(self.lock.open()?),
        };
        if key.public_key() != &self.public {
            return Err(KeyError::Mismatch);
        }
        key.sign(algorithm, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use feramiko_keys::KeyType;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn asking(answers: &[&str]) -> (AskPassphrase, Arc<AtomicUsize>) {
        let mut answers: Vec<Secret> = answers.iter().rev().map(|text| Secret::from(*text)).collect();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let ask = move |_: &Path| {
            count.fetch_add(1, Ordering::SeqCst);
            answers.pop()
        };
        (Arc::new(Mutex::new(ask)), asked)
    }

    fn ring(ask: Option<&AskPassphrase>) -> Keyring {
        Keyring { ask: ask.cloned(), min_rsa_bits: 2048 }
    }

    fn protected() -> (tempfile::TempDir, PathBuf, PrivateKey) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
        key.write_file(&path, "", Some(&"open sesame".into())).unwrap();
        (dir, path, key)
    }

    #[test]
    fn a_protected_key_with_its_public_half_asks_only_when_it_has_to_sign() {
        let (_dir, path, key) = protected();
        std::fs::write(path.with_extension("pub"), key.public_key().to_line("")).unwrap();
        let (ask, asked) = asking(&["wrong", "open sesame"]);
        let Ok(Key::Open(signer)) = ring(Some(&ask)).named(&path) else { panic!() };
        assert_eq!(signer.public_key(), key.public_key());
        assert_eq!(asked.load(Ordering::SeqCst), 0);
        for _ in 0..2 {
            assert!(signer.sign("ssh-ed25519", b"message").is_ok());
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2, "once wrong, once right, and not again");
    }

    #[test]
    fn of_the_users_own_keys_protected_ones_are_passed_over_and_named() {
        let (dir, locked, _) = protected();
        let open = dir.path().join("open");
        PrivateKey::generate(KeyType::Ed25519).unwrap().write_file(&open, "", None).unwrap();
        assert!(ring(None).if_there(&dir.path().join("missing")).is_none());
        assert!(matches!(ring(None).if_there(&open), Some(Ok(Key::Open(_)))));
        let Some(Err(why)) = ring(None).if_there(&locked) else { panic!() };
        assert!(why.contains(&locked.display().to_string()), "{why}");
        let (ask, _) = asking(&[]);
        assert!(matches!(ring(Some(&ask)).if_there(&locked), Some(Ok(_))));
    }

    #[test]
    #[cfg(unix)]
    fn defect_125_a_key_of_the_user_that_others_can_read_is_passed_over_and_named() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        PrivateKey::generate(KeyType::Ed25519).unwrap().write_file(&path, "", None).unwrap();
        for (mode, exposed) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o620, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            match ring(None).if_there(&path) {
                Some(Ok(_)) => assert!(!exposed, "{mode:o}"),
                Some(Err(why)) => assert!(exposed && why.contains("chmod go-rwx"), "{mode:o}: {why}"),
                None => panic!("{mode:o}"),
            }
            assert!(ring(None).named(&path).is_ok(), "{mode:o}: a program has named it");
        }
        // A public key is for all to read; it is something else that is wrong with it.
        std::fs::write(&path, "ssh-ed25519 AAAA\n").unwrap();
        let Some(Err(why)) = ring(None).if_there(&path) else { panic!() };
        assert!(!why.contains("chmod"), "{why}");
    }

    #[test]
    fn a_public_half_of_another_key_does_not_sign() {
        let (_dir, path, _) = protected();
        let other = PrivateKey::generate(KeyType::Ed25519).unwrap();
        std::fs::write(path.with_extension("pub"), other.public_key().to_line("")).unwrap();
        let (ask, _) = asking(&["open sesame"]);
        let Ok(Key::Open(signer)) = ring(Some(&ask)).named(&path) else { panic!() };
        assert_eq!(signer.sign("ssh-ed25519", b"message"), Err(KeyError::Mismatch));
    }

    #[test]
    fn without_the_public_half_or_without_anybody_to_ask_it_is_said_so() {
        let (_dir, path, key) = protected();
        let (ask, _) = asking(&["wrong", "wrong", "wrong", "open sesame"]);
        let Ok(Key::Locked(lock)) = ring(Some(&ask)).named(&path) else { panic!() };
        assert_eq!(lock.open().unwrap_err(), KeyError::WrongPassphrase);
        assert_eq!(lock.open().unwrap().public_key(), key.public_key());
        assert!(matches!(
            ring(None).named(&path),
            Err(Error::Key { path: Some(named), error: KeyError::PassphraseNeeded }) if named == path
        ));
    }
}
