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
    Locked(PathBuf, AskPassphrase),
}

/// A key file that somebody named: it must be there and be readable.
pub(crate) fn named(path: &Path, ask: Option<&AskPassphrase>) -> Result<Key, Error> {
    load(path, ask).map_err(|error| Error::key_file(path, error))
}

/// A key file that may be missing, or why it cannot be used.
pub(crate) fn if_there(path: &Path, ask: Option<&AskPassphrase>) -> Option<Result<Key, String>> {
    match load(path, ask) {
        Ok(key) => Some(Ok(key)),
        Err(KeyError::Io { kind: std::io::ErrorKind::NotFound, .. }) => None,
        Err(error) => Some(Err(Error::key_file(path, error).to_string())),
    }
}

fn load(path: &Path, ask: Option<&AskPassphrase>) -> Result<Key, KeyError> {
    match (PrivateKey::load_file(path, None), ask) {
        (Ok(key), _) => Ok(Key::Open(Arc::new(key))),
        (Err(KeyError::PassphraseNeeded), Some(ask)) => Ok(locked(path, ask)),
        (Err(error), _) => Err(error),
    }
}

/// What stands beside a private key's file: its public half. Where the private half is elsewhere, it may be the file named.
pub(crate) fn public_half(path: &Path) -> Option<PublicKey> {
    let mut public = path.as_os_str().to_owned();
    public.push(".pub");
    Some(PublicKey::load_file(public).or_else(|_| PublicKey::load_file(path)).ok()?.0)
}

/// The certificate that stands beside a private key's file (ssh_config(5), IdentityFile), or why it cannot be used.
pub(crate) fn certificate(path: &Path) -> Option<Result<Certificate, Error>> {
    let mut beside = path.as_os_str().to_owned();
    beside.push("-cert.pub");
    let beside = PathBuf::from(beside);
    match Certificate::load_file(&beside) {
        Ok((certificate, _)) => Some(Ok(certificate)),
        Err(KeyError::Io { kind: std::io::ErrorKind::NotFound, .. }) => None,
        Err(error) => Some(Err(Error::key_file(&beside, error))),
    }
}

/// A certificate in a file that somebody named, or why it cannot be used.
pub(crate) fn named_certificate(path: &Path) -> Result<Certificate, Error> {
    let read = Certificate::load_file(path).map(|(certificate, _)| certificate);
    read.map_err(|error| Error::key_file(path, error))
}

/// With the public half beside it, nobody is asked for the passphrase unless the server takes the key.
fn locked(path: &Path, ask: &AskPassphrase) -> Key {
    match public_half(path) {
        Some(public) => Key::Open(Arc::new(LockedKey {
            public,
            path: path.to_owned(),
            ask: Arc::clone(ask),
            open: Mutex::new(None),
        })),
        None => Key::Locked(path.to_owned(), Arc::clone(ask)),
    }
}

/// Asks for the passphrase and opens the file. Takes its time.
pub(crate) fn unlock(path: &Path, ask: &AskPassphrase) -> Result<PrivateKey, KeyError> {
    let mut result = Err(KeyError::PassphraseNeeded);
    for _ in 0..PASSPHRASE_TRIES {
        let answer = (ask.lock().unwrap_or_else(PoisonError::into_inner))(path);
        let Some(passphrase) = answer else { return result };
        result = PrivateKey::load_file(path, Some(&passphrase));
        if !matches!(result, Err(KeyError::WrongPassphrase | KeyError::PassphraseNeeded)) {
            return result;
        }
    }
    result
}

/// Opened when it has to sign, once.
struct LockedKey {
    public: PublicKey,
    path: PathBuf,
    ask: AskPassphrase,
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
            None => open.insert(unlock(&self.path, &self.ask)?),
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
        let Ok(Key::Open(signer)) = named(&path, Some(&ask)) else { panic!() };
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
        assert!(if_there(&dir.path().join("missing"), None).is_none());
        assert!(matches!(if_there(&open, None), Some(Ok(Key::Open(_)))));
        let Some(Err(why)) = if_there(&locked, None) else { panic!() };
        assert!(why.contains(&locked.display().to_string()), "{why}");
        let (ask, _) = asking(&[]);
        assert!(matches!(if_there(&locked, Some(&ask)), Some(Ok(_))));
    }

    #[test]
    fn a_public_half_of_another_key_does_not_sign() {
        let (_dir, path, _) = protected();
        let other = PrivateKey::generate(KeyType::Ed25519).unwrap();
        std::fs::write(path.with_extension("pub"), other.public_key().to_line("")).unwrap();
        let (ask, _) = asking(&["open sesame"]);
        let Ok(Key::Open(signer)) = named(&path, Some(&ask)) else { panic!() };
        assert_eq!(signer.sign("ssh-ed25519", b"message"), Err(KeyError::Mismatch));
    }

    #[test]
    fn without_the_public_half_or_without_anybody_to_ask_it_is_said_so() {
        let (_dir, path, key) = protected();
        let (ask, _) = asking(&["wrong", "wrong", "wrong", "open sesame"]);
        assert!(matches!(named(&path, Some(&ask)), Ok(Key::Locked(..))));
        assert_eq!(unlock(&path, &ask).unwrap_err(), KeyError::WrongPassphrase);
        assert_eq!(unlock(&path, &ask).unwrap().public_key(), key.public_key());
        assert!(matches!(
            named(&path, None),
            Err(Error::Key { path: Some(named), error: KeyError::PassphraseNeeded }) if named == path
        ));
    }
}
