//! What is to be done where known_hosts files do not say enough.

use feramiko_keys::SshfpRecord;

use crate::error::{Error, HostKeyRefusal};

/// What to do about a host of which nothing is known. A changed or revoked key is refused whatever is chosen here.
#[derive(Default)]
#[non_exhaustive]
pub enum UnknownHost {
    /// Refuse (`StrictHostKeyChecking yes`).
    #[default]
    Refuse,
    /// Trust it, and write its key to the first of the files (`accept-new`: protects from the second connection on). Not
    /// where an authority stands for the host, nor where the DNS has another key.
    Accept,
    /// Ask: the function is shown [`HostKeyRefusal::Unknown`] (or [`HostKeyRefusal::AddressDiffers`]) and answers whether
    /// to trust, and write down, the key (`StrictHostKeyChecking ask`).
    Ask(Box<dyn FnMut(&HostKeyRefusal) -> bool + Send>),
}

/// What records of the DNS are good for (`VerifyHostKeyDNS`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyDns {
    /// Secure ones are trust enough; others are shown to whoever is asked.
    Yes,
    /// All are only shown.
    Ask,
}

/// Looks up the SSHFP records of a host's name.
pub type LookupRecords = Box<dyn FnMut(&str) -> Result<Vec<SshfpRecord>, Error> + Send>;
