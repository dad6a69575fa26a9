//! Files of allowed signers (ssh-keygen(1), "ALLOWED SIGNERS"): who may sign with which key, for what, and when.

use std::path::Path;
use std::time::SystemTime;

use super::{SigDigest, SshSignature};
use crate::certificate::CertificateError;
use crate::moment::Moment;
use crate::{Certificate, KeyError, PublicKey, file, moment, pattern};

const PLACE: &str = "allowed signers";
/// The most bytes of such a file.
const MAX_FILE: u64 = 32 << 20;

/// A file of allowed signers: lines of principals, options and a key.
///
/// Lines with `cert-authority` allow whom that key certifies, under the principals of the certificate.
#[derive(Debug, Clone, Default)]
pub struct AllowedSigners {
    lines: Vec<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    /// Patterns, separated by commas.
    principals: String,
    /// Nothing in a line that is damaged.
    entry: Option<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    key: PublicKey,
    options: Options,
}

#[derive(Debug, Clone, Default)]
struct Options {
    authority: bool,
    namespaces: Option<String>,
    valid_after: Option<Moment>,
    valid_before: Option<Moment>,
}

impl AllowedSigners {
    /// From the text of a file. Damaged lines allow nobody, as with ssh-keygen.
    pub fn parse(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self { lines: lines.map(Line::parse).collect() }
    }

    /// From a regular file of at most 32 MiB.
    ///
    /// # Errors
    ///
    /// [`Io`](KeyError::Io), [`NotRegularFile`](KeyError::NotRegularFile), [`TooLarge`](KeyError::TooLarge).
    pub fn load(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        Ok(Self::parse(&file::read(path.as_ref(), MAX_FILE)?))
    }

    /// Whether this is a good signature by a key that `principal` may sign with, for this namespace and at this time, as
    /// `ssh-keygen -Y verify` asks.
    ///
    /// # Errors
    ///
    /// [`NotAllowed`](KeyError::NotAllowed), and those of [`SshSignature::check`].
    pub fn verify(
        &self,
        principal: &str,
        namespace: &str,
        signature: &SshSignature,
        digest: &SigDigest,
        at: SystemTime,
    ) -> Result<(), KeyError> {
        signature.check(namespace, digest)?;
        let mut reason = "no line allows this key to this principal";
        for line in self.lines.iter().filter(|line| line.names(principal)) {
            let Some(Entry { key, options }) = &line.entry else {
                reason = "the line of this principal is damaged";
                continue;
            };
            let refusal = match holder(key, options, signature) {
                None => continue,
                Some(Holder::Key) => None,
                Some(Holder::Certified(certificate)) => certificate
                    .check_signer(at, |listed| listed == principal)
                    .err()
                    .map(|why| certified(&why)),
            };
            match refusal.or_else(|| options.refusal(Some(namespace), at)) {
                None => return Ok(()),
                Some(refusal) => reason = refusal,
            }
        }
        Err(KeyError::NotAllowed { reason })
    }

    /// Who the first line says that may have made this signature at this time: the principals of the line, patterns
    /// separated by commas, or those of the certificate that the patterns match, as `ssh-keygen -Y find-principals` finds
    /// them. The signature itself is not looked at.
    pub fn find_principals(&self, signature: &SshSignature, at: SystemTime) -> Option<String> {
        self.lines.iter().find_map(|line| {
            let Entry { key, options } = line.entry.as_ref()?;
            let found = match holder(key, options, signature)? {
                Holder::Key => line.principals.clone(),
                Holder::Certified(certificate) => line.certified_principals(certificate, at)?,
            };
            options.refusal(None, at).is_none().then_some(found)
        })
    }

    /// The principals, patterns separated by commas, of each line that is about this principal, as `ssh-keygen -Y
    /// match-principals` lists them. Damaged lines are left out.
    pub fn match_principals<'a>(&'a self, principal: &'a str) -> impl Iterator<Item = &'a str> {
        let lines = self.lines.iter().filter(move |line| line.entry.is_some() && line.names(principal));
        lines.map(|line| line.principals.as_str())
    }
}

/// How the key of a line comes to a signature.
enum Holder<'a> {
    /// It signed.
    Key,
    /// It certifies who signed.
    Certified(&'a Certificate),
}

/// Whether the key of a line has to do with a signature. A line of a key is not one of its certificates.
fn holder<'a>(key: &PublicKey, options: &Options, signature: &'a SshSignature) -> Option<Holder<'a>> {
    match (signature.certificate(), options.authority) {
        (None, false) => (key == signature.public_key()).then_some(Holder::Key),
        (Some(certificate), true) => {
            (key == certificate.authority()).then_some(Holder::Certified(certificate))
        }
        _ => None,
    }
}

fn certified(why: &CertificateError) -> &'static str {
    match why {
        CertificateError::WrongPrincipal { .. } | CertificateError::NoPrincipals => {
            "the certificate is not for this principal"
        }
        CertificateError::NotYetValid { .. } => "the certificate is not valid yet",
        CertificateError::Expired { .. } => "the certificate is not valid any more",
        CertificateError::WrongKind { .. } => "the certificate is not one for users",
        _ => "the certificate has an option that is not understood here",
    }
}

impl Line {
    fn parse(line: &str) -> Self {
        let (principals, rest) = match line.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => line.split_once([' ', '\t']).unwrap_or((line, "")),
        };
        Self { principals: principals.to_owned(), entry: Entry::parse(rest.trim_start()).ok() }
    }

    fn names(&self, principal: &str) -> bool {
        pattern::list_matches_exactly(self.principals.as_bytes(), principal.as_bytes())
    }

    /// Those principals of a certificate that the patterns match, one after the other; as in ssh-keygen, `!` is no more
    /// than a character here.
    fn certified_principals(&self, certificate: &Certificate, at: SystemTime) -> Option<String> {
        certificate.check_signer(at, |_| true).ok()?;
        let matching = |pattern: &str| {
            let pattern = pattern.to_owned();
            certificate
                .principals()
                .iter()
                .filter(move |name| pattern::matches(pattern.as_bytes(), name.as_bytes()))
        };
        let found: Vec<&str> = self.principals.split(',').flat_map(matching).map(String::as_str).collect();
        (!found.is_empty()).then(|| found.join(","))
    }
}

impl Entry {
    /// A key, or options and a key.
    fn parse(text: &str) -> Result<Self, KeyError> {
        if let Ok((key, _comment)) = PublicKey::from_line(text) {
            return Ok(Self { key, options: Options::default() });
        }
        let end = end_of_options(text);
        let (options, key) = text.split_at_checked(end).unwrap_or((text, ""));
        let options = Options::parse(options)?;
        let (key, _comment) = PublicKey::from_line(key.trim_start())?;
        Ok(Self { key, options })
    }
}

/// Where the first space stands that is not in quotes.
fn end_of_options(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !escaped => quoted = !quoted,
            b' ' | b'\t' if !quoted => return at,
            _ => {}
        }
        escaped = byte == b'\\' && !escaped;
    }
    text.len()
}

impl Options {
    /// Options, separated by commas, each at most once.
    fn parse(text: &str) -> Result<Self, KeyError> {
        let damaged = |problem| KeyError::damaged(PLACE, problem);
        let mut options = Self::default();
        let mut rest = text;
        loop {
            let (name, after) =
                rest.split_at_checked(rest.find(['=', ',']).unwrap_or(rest.len())).unwrap_or((rest, ""));
            let value = match after.strip_prefix('=') {
                Some(after) => {
                    let (value, after) =
                        quoted(after).ok_or_else(|| damaged("an option's value is not in quotes"))?;
                    rest = after;
                    Some(value)
                }
                None => {
                    rest = after;
                    None
                }
            };
            let time = |value: &str| moment::parse(value).ok_or_else(|| damaged("a time that is none"));
            let again = match (name.to_ascii_lowercase().as_str(), value) {
                ("cert-authority", None) => {
                    options.authority = true;
                    false
                }
                ("namespaces", Some(value)) => options.namespaces.replace(value).is_some(),
                ("valid-after", Some(value)) => options.valid_after.replace(time(&value)?).is_some(),
                ("valid-before", Some(value)) => options.valid_before.replace(time(&value)?).is_some(),
                _ => return Err(damaged("an option that nobody knows")),
            };
            if again {
                return Err(damaged("an option stands there twice"));
            }
            match rest.strip_prefix(',') {
                Some(after) => rest = after,
                None if rest.is_empty() => break,
                None => return Err(damaged("something stands behind an option's value")),
            }
        }
        match (&options.valid_after, &options.valid_before) {
            (Some(after), Some(before)) if before.earliest() <= after.earliest() => {
                Err(damaged("valid-before is not after valid-after"))
            }
            _ => Ok(options),
        }
    }

    /// Why the line does not allow this, if it does not. Times without a zone are taken to the letter anywhere on earth.
    fn refusal(&self, namespace: Option<&str>, at: SystemTime) -> Option<&'static str> {
        let named = |list: &String, namespace: &str| {
            pattern::list_matches_exactly(list.as_bytes(), namespace.as_bytes())
        };
        if let (Some(list), Some(namespace)) = (&self.namespaces, namespace)
            && !named(list, namespace)
        {
            return Some("the key may not sign for this namespace");
        }
        if self.valid_after.as_ref().is_some_and(|after| at < after.latest()) {
            return Some("the key is not valid yet");
        }
        if self.valid_before.as_ref().is_some_and(|before| at > before.earliest()) {
            return Some("the key is not valid any more");
        }
        None
    }
}

/// A value in quotes, `\"` standing for a quote in it, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.strip_prefix('"')?;
    loop {
        let (before, after) = rest.split_once('"')?;
        match before.strip_suffix('\\') {
            Some(before) => {
                value.push_str(before);
                value.push('"');
                rest = after;
            }
            None => {
                value.push_str(before);
                return Some((value, after));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::super::SigHash;
    use super::*;
    use crate::{KeyType, PrivateKey};

    #[test]
    fn who_may_sign_what_and_when() {
        let (key, other) = (
            PrivateKey::generate(KeyType::Ed25519).unwrap(),
            PrivateKey::generate(KeyType::Ed25519).unwrap(),
        );
        let digest = SigHash::Sha256.digest(b"message");
        let signature = SshSignature::sign(&key, "git", &digest).unwrap();
        let noon = UNIX_EPOCH + Duration::from_secs(1_700_000_000); // 2023-11-14 22:13:20 UTC
        let verify = |line: &str, principal: &str| {
            let key = key.public_key().to_line("a comment");
            let other = other.public_key().to_line("");
            let line = line.replace("KEY", &key).replace("OTHER", &other);
            AllowedSigners::parse(line.as_bytes()).verify(principal, "git", &signature, &digest, noon)
        };
        for good in [
            "me KEY",
            "# a comment\n\n \tme\tKEY",
            "*@example.com,me KEY",
            "\"me\" KEY",
            "me OTHER\nme KEY",
            "me namespaces=\"file,git\" KEY",
            "me NAMESPACES=\"g*\",valid-after=\"20231114Z\",valid-before=\"20231115Z\" KEY",
            "me valid-after=\"202311142213Z\" KEY",
            "me namespaces=\"file\" KEY\nme namespaces=\"git\" KEY",
            "you nonsense\nme KEY",
            "me nonsense\nme KEY",
        ] {
            assert_eq!(verify(good, "me"), Ok(()), "{good}");
        }
        for refused in [
            "",
            "you KEY",
            "Me KEY",
            "!me,* KEY",
            "me OTHER",
            "me namespaces=\"file\" KEY",
            "me namespaces=\"*,!git\" KEY",
            "me namespaces=\"\" KEY",
            "me valid-after=\"20231115Z\" KEY",
            "me valid-before=\"20231114Z\" KEY",
            "me cert-authority KEY",
        ] {
            let error = verify(refused, "me").unwrap_err();
            assert!(matches!(error, KeyError::NotAllowed { .. }), "{refused}: {error:?}");
        }
        for damaged in [
            "me nonsense",
            "me namespaces=git KEY",
            "me namespaces=\"git KEY",
            "me namespaces=\"git\"x KEY",
            "me namespaces=\"git\",namespaces=\"git\" KEY",
            "me namespaces=\"git\", KEY",
            "me unknown KEY",
            "me valid-after=\"tomorrow\" KEY",
            "me valid-after=\"20240101\",valid-before=\"20230101\" KEY",
        ] {
            let error = verify(damaged, "me").unwrap_err();
            let expected = KeyError::NotAllowed { reason: "the line of this principal is damaged" };
            assert_eq!(error, expected, "{damaged}");
        }
    }

    #[test]
    fn the_principals_of_a_key_are_found() {
        let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
        let line = key.public_key().to_line("");
        let text =
            format!("old valid-before=\"20000101Z\" {line}\nme,*@example.com namespaces=\"x\" {line}\n");
        let allowed = AllowedSigners::parse(text.as_bytes());
        let find = |key: &PrivateKey| {
            let signature = SshSignature::sign(key, "git", &SigHash::Sha256.digest(b"message")).unwrap();
            allowed.find_principals(&signature, SystemTime::now())
        };
        assert_eq!(find(&key).as_deref(), Some("me,*@example.com"));
        let other = PrivateKey::generate(KeyType::Ed25519).unwrap();
        assert_eq!(find(&other), None);
    }
}
