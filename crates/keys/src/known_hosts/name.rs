//! The name that a host has in these files.

use std::fmt;

use crate::KeyError;

/// The port that stands in no entry.
const SSH_PORT: u16 = 22;
/// Characters that make something else of a name than a name.
const SPECIAL: &str = ",*?!|#@[]'\"\\";

/// The name under which a host is looked up and written down: in lower case, as `[host]:port` unless the port is 22.
///
/// ```
/// use feramiko_keys::LookupName;
///
/// assert_eq!(LookupName::new("Example.com", 22).as_str(), "example.com");
/// assert_eq!(LookupName::new("::1", 2222).as_str(), "[::1]:2222");
/// assert_eq!(LookupName::alias("the-cluster").as_str(), "the-cluster");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LookupName {
    name: String,
    host: String,
}

impl LookupName {
    /// A host by the name or address it was called by, and its port.
    pub fn new(host: &str, port: u16) -> Self {
        let host = host.to_ascii_lowercase();
        let name = match port {
            0 | SSH_PORT => host.clone(),
            port => format!("[{host}]:{port}"),
        };
        Self { name, host }
    }

    /// A name that stands in place of host and port (`HostKeyAlias` of ssh_config(5)).
    pub fn alias(alias: &str) -> Self {
        let name = alias.to_ascii_lowercase();
        Self { host: name.clone(), name }
    }

    /// The name as lines have it.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The host at port 22, where it was another port: what is known of it counts where nothing is known of the port.
    pub fn without_port(&self) -> Option<Self> {
        (self.name != self.host).then(|| Self { name: self.host.clone(), host: self.host.clone() })
    }

    /// Refuses names that would make something else of a line than a line for this host.
    pub(super) fn writable(&self) -> Result<(), KeyError> {
        let bad = |c: char| c.is_control() || c.is_whitespace() || SPECIAL.contains(c);
        if self.host.is_empty() || self.host.contains(bad) {
            return Err(KeyError::Unprintable { what: "host name" });
        }
        Ok(())
    }
}

impl fmt::Display for LookupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
