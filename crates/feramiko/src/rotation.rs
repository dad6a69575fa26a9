//! What a client makes of the host keys that a server announces after login (`UpdateHostKeys` of ssh_config(5)): which it
//! learns and which it forgets. Here is the policy and the work on files; `hostkeys` does the talking.

use std::fmt;
use std::path::PathBuf;

use feramiko_keys::{HostKeyChanges, KnownHosts, LookupName, NoUpdate, PublicKey};

use crate::error::Error;

/// Whether the keys that a server announces are written to known_hosts (`UpdateHostKeys`).
#[derive(Default)]
#[non_exhaustive]
pub enum UpdateHostKeys {
    /// No.
    No,
    /// New keys that the server proves to hold are learned, and those that it does not have any more are forgotten.
    #[default]
    Yes,
    /// The same when the function says so, which is shown what would be changed.
    Ask(Box<dyn FnMut(&HostKeyChanges) -> bool + Send>),
}

impl fmt::Debug for UpdateHostKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::No => "No",
            Self::Yes => "Yes",
            Self::Ask(_) => "Ask(..)",
        })
    }
}

/// Keeps the user's known_hosts files in step with one host, after login.
///
/// It is made by a verifier that has found the host in these very files by a plain key: what is trusted for another reason
/// must not be written there.
pub struct HostKeyKeeper {
    files: Vec<PathBuf>,
    name: LookupName,
    address: Option<LookupName>,
    hashed: bool,
    update: UpdateHostKeys,
}

impl HostKeyKeeper {
    /// For a host by its name in these files. New keys are written to the first.
    pub fn new(
        files: impl IntoIterator<Item = PathBuf>,
        name: LookupName,
        update: UpdateHostKeys,
    ) -> Option<Self> {
        let files: Vec<PathBuf> = files.into_iter().collect();
        let idle = files.is_empty() || matches!(update, UpdateHostKeys::No);
        (!idle).then_some(Self { files, name, address: None, hashed: false, update })
    }

    /// The host's address, where lines have it beside the name (`CheckHostIP`).
    pub fn address(mut self, address: Option<LookupName>) -> Self {
        self.address = address;
        self
    }

    /// Whether new lines hide the name even where the file does not (`HashKnownHosts`).
    pub fn hash_names(mut self, hashed: bool) -> Self {
        self.hashed = hashed;
        self
    }

    /// What is to be changed; `None` for nothing.
    pub(crate) fn plan(
        &self,
        announced: &[PublicKey],
        acceptable: impl Fn(&PublicKey) -> bool,
    ) -> Result<Option<HostKeyChanges>, Error> {
        let load = |path: &PathBuf| KnownHosts::load(path).map_err(|error| Error::key_file(path, error));
        let files = self.files.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        let plan = HostKeyChanges::plan(&files, &self.name, self.address.as_ref(), announced, acceptable);
        match plan {
            Ok(changes) => Ok(Some(changes)),
            Err(reason) => {
                if reason != NoUpdate::UpToDate {
                    tracing::debug!(host = %self.name, %reason, "announced host keys are not written down");
                }
                Ok(None)
            }
        }
    }

    /// Makes the changes, if whoever is to be asked agrees; says what was changed.
    pub(crate) fn make(&mut self, changes: HostKeyChanges) -> Result<Option<HostKeyChanges>, Error> {
        if changes.is_empty() {
            return Ok(None);
        }
        if let UpdateHostKeys::Ask(ask) = &mut self.update
            && !ask(&changes)
        {
            return Ok(None);
        }
        changes.write(&self.files, self.hashed)?;
        for key in changes.new_keys() {
            tracing::info!(host = %self.name, ?key, "learned a new host key");
        }
        for key in changes.obsolete_keys() {
            tracing::info!(host = %self.name, ?key, "forgot an obsolete host key");
        }
        Ok(Some(changes))
    }
}

/// What became of an announcement: the changes that were made, if any.
pub(crate) type Learned = Result<Option<HostKeyChanges>, Error>;

/// How far a connection has come with the host keys that are announced.
pub(crate) enum HostKeys {
    /// Client: what comes is not listened to.
    Ignored,
    /// Client: what comes is for this one.
    Awaited(Box<HostKeyKeeper>),
    /// Client: it is being looked into.
    UnderWay,
    /// Client: done.
    Done(Learned),
    /// Server.
    Ours {
        /// They are announced after login.
        announced: bool,
        /// So often proofs were asked for.
        asked: u32,
        /// Signatures are being made.
        busy: bool,
    },
}

impl fmt::Debug for HostKeyKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostKeyKeeper")
            .field("name", &self.name)
            .field("files", &self.files)
            .field("update", &self.update)
            .finish_non_exhaustive()
    }
}
