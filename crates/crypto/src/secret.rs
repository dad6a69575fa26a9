use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Bytes that are wiped when dropped and never printed.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is `expected`, found out in a time that tells nothing but the lengths. An empty secret is nobody's:
    /// it matches nothing, not even another empty one.
    pub fn matches(&self, expected: impl AsRef<[u8]>) -> bool {
        let equal: bool = self.as_bytes().ct_eq(expected.as_ref()).into();
        equal && !self.as_bytes().is_empty()
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes().to_vec())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defect_041_an_empty_secret_matches_nothing() {
        assert!(Secret::from("foo").matches("foo"));
        for (secret, expected) in [("foo", "fo"), ("foo", "bar"), ("foo", ""), ("", "foo"), ("", "")] {
            assert!(!Secret::from(secret).matches(expected), "{secret:?} {expected:?}");
        }
    }
}
