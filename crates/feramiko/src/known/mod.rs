//! Host keys by known_hosts files: what is known, what is to be done about a host that is not, and what is written down.

mod command;
mod policy;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use command::ShownKey;
use feramiko_keys::certificate::HostCheck;
use feramiko_keys::{
    Certificate, Fingerprint, HostStatus, KnownHosts, KnownKey, LookupName, MIN_RSA_BITS, PublicKey,
    SshfpRecord, SshfpVerdict,
};

use crate::address::SSH_PORT;
use crate::config::KnownHostsCommand;
use crate::error::{Error, HostKeyRefusal, HostName, KnownAt};
use crate::rotation::{HostKeyKeeper, UpdateHostKeys};
use crate::verify::{HostKeyVerifier, signature_algorithms};

pub use policy::{LookupRecords, UnknownHost, VerifyDns};

/// Asked for before all others where an authority stands for the host.
const CERTIFICATES: [&str; 9] = [
    "ssh-ed25519-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ssh-mldsa44-ed25519-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
];

/// Trusts what known_hosts files say.
///
/// All files are read when this is made. A revocation in any of them wins, then a matching line in any of them.
pub struct KnownHostsFiles {
    host: HostName,
    /// What it is called in refusals: as known_hosts has it, so by its alias.
    shown: HostName,
    /// What it is looked up and written down by.
    name: LookupName,
    /// What its certificate must be for: the alias, else the host.
    principal: String,
    has_alias: bool,
    /// The user's own, written to.
    user: Vec<File>,
    /// Those of all users, only read.
    system: Vec<File>,
    command: Option<KnownHostsCommand>,
    /// What the command has said last.
    said: Vec<File>,
    unknown: UnknownHost,
    hashed: bool,
    update: UpdateHostKeys,
    dns: Option<(VerifyDns, LookupRecords)>,
    check_address: bool,
    trust_localhost: bool,
    min_rsa_bits: usize,
    /// What authorities may sign with; `None` for all that certificates are read with.
    authority_algorithms: Option<Vec<String>>,
    address: Option<IpAddr>,
    /// The key that was trusted stands in a file of the user's, under this very name, or the user has said yes to it.
    own: bool,
}

/// A file as it was read.
struct File {
    path: PathBuf,
    hosts: KnownHosts,
}

impl KnownHostsFiles {
    /// Reads the user's files; one that is missing is empty. New keys are written to the first.
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
        Ok(Self {
            host: HostName { host: host.to_owned(), port },
            shown: HostName { host: host.to_owned(), port },
            name: LookupName::new(host, port),
            principal: host.to_owned(),
            has_alias: false,
            user: read(files)?,
            system: Vec::new(),
            command: None,
            said: Vec::new(),
            unknown,
            hashed: false,
            update: UpdateHostKeys::No,
            dns: None,
            check_address: false,
            trust_localhost: false,
            min_rsa_bits: MIN_RSA_BITS,
            authority_algorithms: None,
            address: None,
            own: false,
        })
    }

    /// Reads files that are never written to (`GlobalKnownHostsFile`).
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    pub fn system_files<P: Into<PathBuf>>(
        mut self,
        files: impl IntoIterator<Item = P>,
    ) -> Result<Self, Error> {
        self.system = read(files)?;
        Ok(self)
    }

    /// Asks a command too (`KnownHostsCommand`), about the key that the host shows, and with `order` which keys it knows
    /// of the host now, so that these are asked for. To be called last. Blocks.
    ///
    /// # Errors
    ///
    /// The command cannot be run, or does not succeed.
    pub fn command(mut self, command: KnownHostsCommand, order: bool) -> Result<Self, Error> {
        if order {
            self.said = vec![said(command::ask(&command, "ORDER", &self.name, None)?)];
        }
        self.command = Some(command);
        Ok(self)
    }

    /// Asks the command, if there is one, about the host that shows this.
    fn ask_command(&mut self, shown: ShownKey, is_certificate: bool) -> Result<(), Error> {
        let Some(command) = &self.command else { return Ok(()) };
        let mut all = vec![said(command::ask(command, "HOSTNAME", &self.name, Some(&shown))?)];
        if let Some(address) = self.address_name().filter(|_| !is_certificate) {
            all.push(said(command::ask(command, "ADDRESS", &address, Some(&shown))?));
        }
        self.said = all;
        Ok(())
    }

    /// The name that stands for host and port in these files (`HostKeyAlias`).
    pub fn alias(mut self, alias: &str) -> Self {
        self.name = LookupName::alias(alias);
        // An alias has no port.
        self.shown = HostName { host: alias.to_owned(), port: SSH_PORT };
        self.principal = alias.to_owned();
        self.has_alias = true;
        self
    }

    /// Whether new lines hide the name of the host (`HashKnownHosts`). Where the file hides names they do anyway.
    /// Default: no.
    pub fn hash_names(mut self, hashed: bool) -> Self {
        self.hashed = hashed;
        self
    }

    /// Whether the user's files follow the keys that the server announces after login (`UpdateHostKeys`), provided that
    /// they have the key that it showed, or the user said yes to it. Default: no.
    pub fn update(mut self, update: UpdateHostKeys) -> Self {
        self.update = update;
        self
    }

    /// Whether the address must agree with the name (`CheckHostIP`); it is written down too then. Default: no.
    pub fn check_address(mut self, check: bool) -> Self {
        self.check_address = check;
        self
    }

    /// Trusts whoever answers at an address of this machine (`NoHostAuthenticationForLocalhost`), unless it has an
    /// [alias](Self::alias): where a home is shared by many machines, each of them is localhost. Default: no.
    pub fn trust_localhost(mut self, trust: bool) -> Self {
        self.trust_localhost = trust;
        self
    }

    /// Asks the DNS about the key (`VerifyHostKeyDNS`). A lookup that fails says nothing, and addresses are not looked up.
    pub fn dns(
        mut self,
        verify: VerifyDns,
        lookup: impl FnMut(&str) -> Result<Vec<SshfpRecord>, Error> + Send + 'static,
    ) -> Self {
        self.dns = Some((verify, Box::new(lookup)));
        self
    }

    /// The fewest bits of RSA keys, of hosts and of authorities: those of shorter ones are not asked for, because the
    /// connection refuses them. Default: 2048, as for [`Common::min_rsa_bits`](crate::Common::min_rsa_bits).
    pub fn min_rsa_bits(mut self, bits: usize) -> Self {
        self.min_rsa_bits = bits;
        self
    }

    /// What authorities may have signed certificates with (`CASignatureAlgorithms`). Default: every
    /// [algorithm](feramiko_keys::certificate::authority_algorithms) that certificates are read with.
    pub fn authority_algorithms<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.authority_algorithms = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The key of a line, unless it is too short.
    fn read_key(&self, known: &KnownKey) -> Option<PublicKey> {
        PublicKey::from_blob_with_rsa_floor(&known.blob, self.min_rsa_bits).ok()
    }

    fn files(&self) -> impl Iterator<Item = &File> {
        self.user.iter().chain(&self.system).chain(&self.said)
    }

    fn is_trusted_localhost(&self) -> bool {
        let here = self.address.is_some_and(|address| address.to_canonical().is_loopback());
        self.trust_localhost && here && !self.has_alias
    }

    fn revoked(&self, key: &PublicKey) -> Option<HostKeyRefusal> {
        let mut names = vec![self.name.clone()];
        names.extend(self.address_name());
        let found = self.files().find_map(|file| {
            let line = names.iter().find_map(|name| file.hosts.revoked(name, key.blob()))?;
            Some((file.path.clone(), line))
        });
        let (file, line) = found?;
        Some(HostKeyRefusal::Revoked { host: self.shown.clone(), key: key.clone(), file, line })
    }

    /// What all files say of the key under a name: whether it is known, and the other keys that are.
    fn look_up(&self, key: &PublicKey, check: impl Fn(&KnownHosts) -> HostStatus) -> Found {
        let mut found = Found::default();
        for (number, file) in self.files().enumerate() {
            match check(&file.hosts) {
                HostStatus::Known { .. } => {
                    found.known = true;
                    // Under its own name: what is known of another port is not this server's to change.
                    let exactly = file.hosts.check_exactly(&self.name, key);
                    found.in_user_file |=
                        number < self.user.len() && matches!(exactly, HostStatus::Known { .. });
                }
                HostStatus::Changed { known } | HostStatus::UnknownType { known } => {
                    let at = |key: KnownKey| KnownAt { file: file.path.clone(), key };
                    found.others.extend(known.into_iter().map(at));
                }
                HostStatus::CertifiedOnly { .. } => found.certified = true,
                _ => {}
            }
        }
        found
    }

    /// The name of the address, where it is to be checked: not of this machine's own, nor where the host was called by it.
    fn address_name(&self) -> Option<LookupName> {
        let address = self.address.filter(|address| self.check_address && !address.is_loopback())?;
        (self.host.host != address.to_string()).then(|| LookupName::new(&address.to_string(), self.host.port))
    }

    /// The address, where nothing is known of it yet; refused where it is known by another key.
    fn check_address_of(&self, key: &PublicKey) -> Result<Option<LookupName>, Box<HostKeyRefusal>> {
        let Some(name) = self.address_name() else { return Ok(None) };
        let found = self.look_up(key, |hosts| hosts.check_exactly(&name, key));
        match found {
            Found { known: true, .. } => Ok(None),
            Found { others, .. } if others.is_empty() => Ok(Some(name)),
            Found { others, .. } => Err(Box::new(HostKeyRefusal::AddressDiffers {
                host: self.shown.clone(),
                address: HostName {
                    host: self.address.map_or_else(String::new, |address| address.to_string()),
                    port: self.host.port,
                },
                key: key.clone(),
                known: others,
            })),
        }
    }

    fn ask_dns(&mut self, key: &PublicKey) -> SshfpVerdict {
        let host = &self.host.host;
        let Some((_, lookup)) = self.dns.as_mut().filter(|_| host.parse::<IpAddr>().is_err()) else {
            return SshfpVerdict::NoRecords;
        };
        match lookup(host) {
            Ok(records) => SshfpRecord::verdict(&records, key),
            Err(error) => {
                tracing::info!(%host, %error, "no SSHFP records");
                SshfpVerdict::NoRecords
            }
        }
    }

    /// Shows a refusal to whoever is to be asked; `None` where nobody is.
    fn ask(&mut self, question: &HostKeyRefusal) -> Option<Result<(), Error>> {
        let UnknownHost::Ask(ask) = &mut self.unknown else { return None };
        let declined =
            || HostKeyRefusal::Declined { key: question.key().clone(), why: "the answer was no".to_owned() };
        Some(if ask(question) { Ok(()) } else { Err(declined().into()) })
    }

    fn remember(&self, names: &[LookupName], key: &PublicKey) -> Result<(), Error> {
        let Some(File { path, .. }) = self.user.first() else { return Ok(()) };
        KnownHosts::add_to_file(path, names, key, self.hashed).map_err(|error| Error::key_file(path, error))
    }

    /// What all that is known says of a key.
    fn decide(&mut self, key: &PublicKey) -> Result<(), Error> {
        self.own = false;
        if let Some(revoked) = self.revoked(key) {
            return Err(revoked.into());
        }
        let dns = self.ask_dns(key);
        if dns == (SshfpVerdict::Matching { secure: true }) && matches!(self.dns, Some((VerifyDns::Yes, _))) {
            return Ok(());
        }
        let mut found = self.look_up(key, |hosts| hosts.check_exactly(&self.name, key));
        if let (false, true, Some(host)) = (found.known, found.others.is_empty(), self.name.without_port()) {
            // The host at port 22 counts where no file at all has a key of this port.
            found.known = self.look_up(key, |hosts| hosts.check_exactly(&host, key)).known;
        }
        if !found.known {
            return match found.others {
                others if others.is_empty() => self.meet(key, found.certified, dns),
                known => {
                    Err(HostKeyRefusal::Changed { host: self.shown.clone(), key: key.clone(), known }.into())
                }
            };
        }
        self.own = found.in_user_file;
        match self.check_address_of(key) {
            Ok(None) => {}
            Ok(Some(address)) => {
                if let Err(error) = self.remember(&[address], key) {
                    // The name is known, and that is what trust comes from.
                    tracing::warn!(%error, "the host's address is not written down");
                }
            }
            Err(differs) => self.ask(&differs).unwrap_or(Err(Error::HostKey(differs)))?,
        }
        Ok(())
    }

    /// A host of which nothing is known.
    fn meet(&mut self, key: &PublicKey, certified: bool, dns: SshfpVerdict) -> Result<(), Error> {
        let address = match self.check_address_of(key) {
            Ok(address) => address,
            Err(differs) => {
                self.ask(&differs).unwrap_or(Err(Error::HostKey(differs)))?;
                None
            }
        };
        let files = self.user.iter().chain(&self.system).map(|file| file.path.clone()).collect();
        let question = HostKeyRefusal::Unknown { host: self.shown.clone(), key: key.clone(), files, dns };
        match self.ask(&question) {
            Some(answer) => {
                answer?;
                self.own = true;
            }
            None => {
                let accepts = matches!(self.unknown, UnknownHost::Accept);
                if !accepts || certified || dns == SshfpVerdict::Different {
                    return Err(question.into());
                }
            }
        }
        let names: Vec<LookupName> = [self.name.clone()].into_iter().chain(address).collect();
        self.remember(&names, key)
    }
}

/// What files say of a key.
#[derive(Default)]
struct Found {
    known: bool,
    /// It stands in a file of the user's, under the very name.
    in_user_file: bool,
    /// An authority stands for the host.
    certified: bool,
    others: Vec<KnownAt>,
}

/// What a command is told of a key or certificate, whose line is its type and its base64.
fn shown(fingerprint: Fingerprint, line: &str) -> ShownKey {
    let (kind, base64) = line.split_once(' ').unwrap_or((line, ""));
    [kind, &fingerprint.to_string(), base64].map(str::to_owned)
}

/// What a command has said, as a file of its name.
fn said(hosts: KnownHosts) -> File {
    File { path: "KnownHostsCommand".into(), hosts }
}

fn read<P: Into<PathBuf>>(files: impl IntoIterator<Item = P>) -> Result<Vec<File>, Error> {
    let load = |path: PathBuf| match KnownHosts::load(&path) {
        Ok(hosts) => Ok(File { path, hosts }),
        Err(error) => Err(Error::key_file(&path, error)),
    };
    files.into_iter().map(|path| load(path.into())).collect()
}

impl HostKeyVerifier for KnownHostsFiles {
    fn verify(&mut self, key: &PublicKey) -> Result<(), Error> {
        self.own = false;
        if self.is_trusted_localhost() {
            return Ok(());
        }
        self.ask_command(shown(key.fingerprint(), &key.to_line("")), false)?;
        self.decide(key)
    }
    /// What an authority has certified is trusted; where none that is known has, the key is looked at as it is.
    fn verify_certificate(&mut self, certificate: &Certificate) -> Result<(), Error> {
        self.own = false;
        if self.is_trusted_localhost() {
            return Ok(());
        }
        self.ask_command(shown(certificate.fingerprint(), &certificate.to_line("")), true)?;
        let (key, authority) = (certificate.public_key(), certificate.authority());
        if let Some(revoked) = self.revoked(key).or_else(|| self.revoked(authority)) {
            return Err(revoked.into());
        }
        let known = self.files().flat_map(|file| file.hosts.authorities(&self.name));
        let authorities: Vec<PublicKey> = known.filter_map(|known| self.read_key(&known)).collect();
        let check = HostCheck {
            authority_algorithms: self.authority_algorithms.as_deref(),
            ..HostCheck::new(&self.principal, &authorities, SystemTime::now())
        };
        let Err(problem) = certificate.check_host(&check) else { return Ok(()) };
        tracing::info!(host = %self.host, %problem, "the host's certificate is not accepted");
        match self.decide(key) {
            Err(Error::HostKey(refusal))
                if !authorities.is_empty() && matches!(*refusal, HostKeyRefusal::Unknown { .. }) =>
            {
                Err(HostKeyRefusal::Certificate { host: self.shown.clone(), key: key.clone(), problem }
                    .into())
            }
            outcome => outcome,
        }
    }

    /// Those of certificates where an authority is known, then the types of the keys that are known, as RFC 8332 names
    /// their signatures.
    fn algorithms(&self) -> Vec<String> {
        let certified = self.files().any(|file| !file.hosts.authorities(&self.name).is_empty());
        let mut names: Vec<String> = match certified {
            true => CERTIFICATES.map(str::to_owned).to_vec(),
            false => Vec::new(),
        };
        let keys_of = |name: &LookupName| -> Vec<KnownKey> {
            self.files().flat_map(|file| file.hosts.keys_named(name)).collect()
        };
        let mut known = keys_of(&self.name);
        if let (true, Some(host)) = (known.is_empty(), self.name.without_port()) {
            // A key without an entry of its port counts with the one of port 22; so does its type.
            known = keys_of(&host);
        }
        let keys: Vec<PublicKey> = known.iter().filter_map(|known| self.read_key(known)).collect();
        names.extend(signature_algorithms(keys.iter()));
        names
    }

    fn connected_to(&mut self, address: IpAddr) {
        self.address = Some(address);
    }

    fn keeper(&mut self) -> Option<HostKeyKeeper> {
        if !std::mem::take(&mut self.own) {
            return None;
        }
        let update = std::mem::replace(&mut self.update, UpdateHostKeys::No);
        let files = self.user.iter().map(|file| file.path.clone());
        let keeper = HostKeyKeeper::new(files, self.name.clone(), update)?;
        Some(keeper.address(self.address_name()).hash_names(self.hashed))
    }

    fn is_slow(&self) -> bool {
        self.dns.is_some()
            || self.command.is_some()
            || self.check_address
            || !matches!(self.unknown, UnknownHost::Refuse)
    }
}

impl fmt::Debug for KnownHostsFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<&PathBuf> = self.files().map(|file| &file.path).collect();
        f.debug_struct("KnownHostsFiles")
            .field("host", &self.host)
            .field("name", &self.name)
            .field("files", &files)
            .field("update", &self.update)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
