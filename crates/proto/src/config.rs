//! What a connection may do: algorithms, limits, deadlines.

use std::time::Duration;

use feramiko_crypto::Provider;
use feramiko_keys::certificate::{CertificateKind, certificate_algorithm, plain_algorithm};
use feramiko_keys::{Certificate, MIN_RSA_BITS, PublicKey};

use crate::algorithms::{Family, Standing};
use crate::error::ConfigError;
use crate::shown::{Algorithm, Shown};
use crate::steps::Steps;

/// The names of the algorithms that may be negotiated, each list in order of preference.
///
/// Lists may be reordered, cut and replaced. A name that is not implemented is an error at
/// [`Algorithms::check`], which every connection calls through [`ClientConfig::check`] and [`ServerConfig::check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Algorithms {
    /// Key exchange methods.
    pub kex: Vec<String>,
    /// Algorithms of host keys: of signatures and of certificates.
    pub host_key: Vec<String>,
    /// Algorithms accepted from users (server), or used (client): of signatures and of certificates.
    pub user_key: Vec<String>,
    /// Ciphers, both directions.
    pub ciphers: Vec<String>,
    /// MACs, both directions.
    pub macs: Vec<String>,
    /// Compression, both directions.
    pub compression: Vec<String>,
}

/// Signature algorithms, those of certificates in front as OpenSSH has them.
fn with_certificates(plain: &[String]) -> Vec<String> {
    let certified = plain.iter().filter_map(|name| certificate_algorithm(name)).map(str::to_owned);
    certified.chain(plain.iter().cloned()).collect()
}

fn names(family: Family) -> Vec<String> {
    family.names(Standing::Default).map(str::to_owned).collect()
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

impl Default for Algorithms {
    /// Safe and widely compatible: post-quantum hybrids first, AEAD first, no compression.
    fn default() -> Self {
        Self {
            kex: names(Family::Kex),
            host_key: with_certificates(&names(Family::Signature)),
            user_key: with_certificates(&names(Family::Signature)),
            ciphers: names(Family::Cipher),
            macs: names(Family::Mac),
            compression: names(Family::Compression),
        }
    }
}

impl Algorithms {
    /// Post-quantum key exchange only, AEAD and encrypt-then-MAC with tags of 128 bits or more only.
    pub fn strict() -> Self {
        let mut strict = Self::default();
        strict.kex.retain(|name| name.starts_with("mlkem") || name.starts_with("sntrup"));
        strict.macs.retain(|name| name.ends_with("-etm@openssh.com") && !name.starts_with("umac-64"));
        strict
    }

    /// Everything that is built in and safe: the default, what is offered only when it is named, and compression (`none` first).
    pub fn all() -> Self {
        Self::default().with(Standing::Optional)
    }

    /// The default, and behind it all that only old machines need: SHA-1, MD5, CBC, DSA, ciphers with blocks of 64 bits, primes of
    /// 1024 bits. Nothing implies it, and a warning is logged when one of these is used. RSA keys below 2048 bits are another
    /// matter: [`Common::min_rsa_bits`].
    ///
    /// Where one of them is enough, name that one:
    ///
    /// ```
    /// let mut algorithms = feramiko_proto::Algorithms::default();
    /// algorithms.ciphers.push("blowfish-ctr".to_owned());
    /// ```
    pub fn legacy() -> Self {
        Self::default().with(Standing::Legacy)
    }

    /// Every name that is built in, whatever it is worth: to look names up in, not to connect with.
    pub fn built_in() -> Self {
        Self::all().with(Standing::Legacy)
    }

    /// With the algorithms of that standing behind those of the lists; certificates stay in front of keys.
    fn with(mut self, standing: Standing) -> Self {
        for list in [&mut self.host_key, &mut self.user_key] {
            let plain: Vec<String> = Family::Signature.names(standing).map(str::to_owned).collect();
            let behind = list.iter().take_while(|name| plain_algorithm(name).is_some()).count();
            let certified = plain.iter().filter_map(|name| certificate_algorithm(name)).map(str::to_owned);
            list.splice(behind..behind, certified.collect::<Vec<_>>());
            list.extend(plain);
        }
        for (family, list) in [
            (Family::Kex, &mut self.kex),
            (Family::Cipher, &mut self.ciphers),
            (Family::Mac, &mut self.macs),
            (Family::Compression, &mut self.compression),
        ] {
            list.extend(family.names(standing).map(str::to_owned));
        }
        self
    }

    /// Refuses lists that are empty or that name what `provider` does not have.
    pub fn check(&self, provider: &Provider) -> Result<(), ConfigError> {
        // A set of AEAD ciphers needs no MAC at all: that list alone may be empty.
        check_names("key exchange", &self.kex, false, |name| provider.kex(name).is_some())?;
        let signs = |name: &str| Algorithm::named(provider, name).is_some();
        check_names("host key", &self.host_key, false, signs)?;
        check_names("user key", &self.user_key, false, signs)?;
        check_names("cipher", &self.ciphers, false, |name| provider.cipher(name).is_some())?;
        check_names("MAC", &self.macs, true, |name| provider.mac(name).is_some())?;
        check_names("compression", &self.compression, false, |name| {
            Family::Compression.standing(name).is_some()
        })
    }
}

fn check_names(
    category: &'static str,
    names: &[String],
    may_be_empty: bool,
    known: impl Fn(&str) -> bool,
) -> Result<(), ConfigError> {
    if names.is_empty() && !may_be_empty {
        return Err(ConfigError::Empty { category });
    }
    match names.iter().find(|name| !known(name)) {
        Some(unknown) => Err(ConfigError::Unknown { category, name: unknown.clone() }),
        None => Ok(()),
    }
}

/// When keys are exchanged anew (RFC 4253 section 9, RFC 4344 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RekeyLimits {
    /// Bytes in one direction. Default: 64 GiB, which is 2^32 blocks of 16 bytes.
    pub bytes: u64,
    /// Packets in one direction. Default and maximum: 2^31.
    pub packets: u32,
    /// Time since the last exchange; `None` for never. Default: one hour.
    pub interval: Option<Duration>,
}

impl Default for RekeyLimits {
    fn default() -> Self {
        Self { bytes: 1 << 36, packets: 1 << 31, interval: Some(Duration::from_secs(3600)) }
    }
}

/// How much a connection may hold in memory, and how much of what a peer may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest packet accepted, in bytes of `packet_length`. Default: 256 KiB; at least 35000 (RFC 4253 section 6.1).
    pub packet: u32,
    /// The largest data message we accept on a channel, in bytes. Default: 128 KiB.
    pub data: u32,
    /// The window that a channel starts with, in bytes. Default: 2 MiB.
    pub window: u32,
    /// The window that a channel may grow to, in bytes. Default: 64 MiB.
    pub max_window: u32,
    /// What all windows of a connection may add up to before they stop growing, in bytes. Default: 128 MiB.
    pub connection_window: u64,
    /// Outgoing bytes above which channel writes answer [`Blocked`](crate::Write::Blocked). Default: 256 KiB.
    pub output: usize,
    /// Channels open at once. Default: 10 on a server (OpenSSH's MaxSessions), 1024 on a client.
    pub channels: usize,
    /// Channel opens of the peer that nobody has answered yet. Default: 16.
    pub pending_opens: usize,
    /// Requests on one channel that nobody has answered yet. Default: 32.
    pub pending_requests: usize,
    /// Failed authentication attempts. Default: 6.
    pub failed_attempts: u32,
    /// Public keys a client may ask about. Default: 15.
    pub key_queries: u32,
    /// Authentication messages in all. Default: 64.
    pub userauth_messages: u32,
    /// Bytes received before authentication. Default: 1 MiB.
    pub unauthenticated_bytes: u64,
    /// Packets received before authentication. Default: 512.
    pub unauthenticated_packets: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            packet: 256 * 1024,
            data: 128 * 1024,
            window: 2 << 20,
            max_window: 64 << 20,
            connection_window: 128 << 20,
            output: 256 * 1024,
            channels: 1024,
            pending_opens: 16,
            pending_requests: 32,
            failed_attempts: 6,
            key_queries: 15,
            userauth_messages: 64,
            unauthenticated_bytes: 1 << 20,
            unauthenticated_packets: 512,
        }
    }
}

impl Limits {
    fn check(&self) -> Result<(), ConfigError> {
        let rules = [
            ((35_000..=16 << 20).contains(&self.packet), "the packet limit must be 35000 bytes to 16 MiB"),
            (
                self.data >= 1 && u64::from(self.data) + 1024 <= u64::from(self.packet),
                "the data limit must leave 1 KiB of the packet limit",
            ),
            (self.window >= self.data, "the window must hold one data message"),
            (self.max_window >= self.window, "the largest window must not be below the first"),
            (self.output >= 1024, "the output limit must be at least 1 KiB"),
            (self.channels >= 1, "at least one channel must be allowed"),
        ];
        match rules.into_iter().find(|(kept, _)| !kept) {
            Some((_, rule)) => Err(ConfigError::Limit(rule)),
            None => Ok(()),
        }
    }
}

/// Deadlines and liveness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// For the peer's version line. Default: 10 s.
    pub identification: Duration,
    /// For version line, key exchange and authentication together (login grace time). Default: 30 s on a
    /// server; `None` on a client, whose caller has a deadline of its own.
    pub login: Option<Duration>,
    /// For a key re-exchange. Default: 60 s.
    pub rekey: Duration,
    /// Silence after which the peer is asked for a sign of life; `None` for never. Default: `None`.
    pub keepalive: Option<Duration>,
    /// Unanswered keepalives after which the connection is given up. Default: 3.
    pub keepalive_max: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            identification: Duration::from_secs(10),
            login: None,
            rekey: Duration::from_secs(60),
            keepalive: None,
            keepalive_max: 3,
        }
    }
}

/// What both roles are configured with.
#[derive(Debug, Clone)]
pub struct Common {
    /// The cryptography.
    pub provider: Provider,
    /// What may be negotiated.
    pub algorithms: Algorithms,
    /// Limits.
    pub limits: Limits,
    /// Deadlines.
    pub timing: Timing,
    /// When to exchange keys anew.
    pub rekey: RekeyLimits,
    /// What follows `SSH-2.0-` in our version line: printable ASCII without spaces or `-`. Default: `feramiko_` and the version.
    pub software: String,
    /// Refuse chacha20-poly1305 and encrypt-then-MAC with a peer that lacks strict KEX (CVE-2023-48795). Default: false,
    /// because no message of ours relies on the packets that such an attack can remove.
    pub require_strict_kex: bool,
    /// The fewest bits that the modulus of an RSA key may have, a host's or a user's: 1024 to 8192. Default: 2048.
    pub min_rsa_bits: usize,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            provider: Provider::default(),
            algorithms: Algorithms::default(),
            limits: Limits::default(),
            timing: Timing::default(),
            rekey: RekeyLimits::default(),
            software: concat!("feramiko_", env!("CARGO_PKG_VERSION")).to_owned(),
            require_strict_kex: false,
            min_rsa_bits: MIN_RSA_BITS,
        }
    }
}

impl Common {
    fn check(&self) -> Result<(), ConfigError> {
        self.algorithms.check(&self.provider)?;
        self.limits.check()?;
        let software = self.software.as_bytes();
        if software.is_empty()
            || software.len() > 200
            || !software.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'-')
        {
            return Err(ConfigError::Limit(
                "the software version must be 1 to 200 printable ASCII characters without '-' or spaces",
            ));
        }
        if self.rekey.packets == 0 || self.rekey.packets > 1 << 31 || self.rekey.bytes == 0 {
            return Err(ConfigError::Limit("rekey limits must be at least 1, and at most 2^31 packets"));
        }
        if [self.rekey.interval, self.timing.keepalive].contains(&Some(Duration::ZERO)) {
            return Err(ConfigError::Limit("intervals of rekey and keepalive must be longer than nothing"));
        }
        if !(1024..=8192).contains(&self.min_rsa_bits) {
            return Err(ConfigError::Limit("the fewest bits of RSA keys must be 1024 to 8192"));
        }
        if self.timing.keepalive_max == 0 {
            return Err(ConfigError::Limit("at least one keepalive must be sent before a peer is given up"));
        }
        Ok(())
    }
}

/// A client's configuration.
#[derive(Debug, Clone, Default)]
pub struct ClientConfig {
    /// What both roles have.
    pub common: Common,
}

impl ClientConfig {
    /// Refuses what cannot work, before anything is sent.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.common.check()
    }
}

/// Bytes of a banner that a server sends.
pub(crate) const MAX_BANNER: usize = 16 * 1024;

/// A server's configuration.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// What both roles have. The login grace time is 30 s and 10 channels are allowed, unless changed.
    pub common: Common,
    /// The public halves of the host keys. Signatures are asked for by an event.
    pub host_keys: Vec<PublicKey>,
    /// Certificates of host keys. They are shown to clients that ask for them; the signatures are those of the keys.
    pub host_certificates: Vec<Certificate>,
    /// Authentication methods that may be tried first, by their names. Default: `publickey`, `password`, `keyboard-interactive`;
    /// `hostbased` is never tried unless it is named.
    pub methods: Vec<String>,
    /// What somebody who logs in has to go through. When it says something, it takes the place of `methods`. Default: nothing, so
    /// that one of `methods` is enough.
    pub steps: Steps,
    /// A refusal comes this long after its request, or twice, four times, … as long when it took the application longer to
    /// decide: how long it took is told less exactly. Default: 5 ms, as OpenSSH's.
    pub failure_delay: Duration,
    /// Words for whoever wants to log in, sent before the answer to the first request (RFC 4252 section 5.4); at most 16 KiB.
    /// Default: none.
    pub banner: Option<String>,
    /// Groups for `diffie-hellman-group-exchange-sha256`; RFC 3526's when empty.
    pub groups: Vec<feramiko_crypto::kex::DhGroup>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let mut common = Common::default();
        common.timing.login = Some(Duration::from_secs(30));
        common.limits.channels = 10;
        Self {
            common,
            host_keys: Vec::new(),
            host_certificates: Vec::new(),
            methods: owned(&["publickey", "password", "keyboard-interactive"]),
            steps: Steps::default(),
            failure_delay: Duration::from_millis(5),
            banner: None,
            groups: Vec::new(),
        }
    }
}

impl ServerConfig {
    /// The authentication methods that may be tried first.
    pub(crate) fn first_methods(&self) -> Vec<String> {
        if self.steps.is_empty() { self.methods.clone() } else { self.steps.first() }
    }

    /// The host key algorithms that the host keys can serve, in the configured order.
    pub fn host_key_algorithms(&self) -> Vec<String> {
        let usable = |name: &&String| self.shown().any(|shown| shown.algorithms().contains(&name.as_str()));
        self.common.algorithms.host_key.iter().filter(usable).cloned().collect()
    }

    /// All that clients may be shown.
    pub(crate) fn shown(&self) -> impl Iterator<Item = Shown> {
        let certified = self.host_certificates.iter().cloned().map(Shown::Certificate);
        certified.chain(self.host_keys.iter().cloned().map(Shown::Key))
    }

    /// Refuses what cannot work, before anything is sent.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.common.check()?;
        if self.banner.as_ref().is_some_and(|text| text.len() > MAX_BANNER) {
            return Err(ConfigError::Limit("the banner is longer than 16 KiB"));
        }
        if self.host_key_algorithms().is_empty() {
            return Err(ConfigError::NoHostKey);
        }
        match self.host_certificates.iter().all(|shown| shown.kind() == CertificateKind::Host) {
            true => Ok(()),
            false => Err(ConfigError::NotAHostCertificate),
        }
    }
}
