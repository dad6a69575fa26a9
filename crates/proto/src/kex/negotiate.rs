//! KEXINIT: what is offered and what is agreed (RFC 4253 section 7.1).

use feramiko_crypto::cipher::{Cipher, Mac};
use feramiko_crypto::kex::Kex;
use feramiko_crypto::{CryptoError, Provider};
use feramiko_wire::NameList;

use crate::algorithms::Family;
use crate::config::Common;
use crate::error::{Incompatible, ProtocolError};
use crate::msg::kex::KexInit;
use crate::shown::Algorithm;

const STRICT_CLIENT: &str = "kex-strict-c-v00@openssh.com";
const STRICT_SERVER: &str = "kex-strict-s-v00@openssh.com";
const EXT_INFO_CLIENT: &str = "ext-info-c";
const EXT_INFO_SERVER: &str = "ext-info-s";
/// How many names of a list are kept to be shown: a peer can send a hundred thousand.
const MAX_SHOWN: usize = 64;

/// What a key exchange agreed on. In, out: as this side sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Negotiated {
    /// The key exchange method.
    pub kex: &'static str,
    /// The host key's algorithm: of its signatures, or of certificates.
    pub host_key: &'static str,
    /// The cipher of what we send.
    pub cipher_out: &'static str,
    /// The cipher of what we receive.
    pub cipher_in: &'static str,
    /// The MAC of what we send; `None` when the cipher brings its own.
    pub mac_out: Option<&'static str>,
    /// The MAC of what we receive; `None` when the cipher brings its own.
    pub mac_in: Option<&'static str>,
    /// The compression of what we send.
    pub compression_out: Compression,
    /// The compression of what we receive.
    pub compression_in: Compression,
    /// Strict KEX is in force (OpenSSH PROTOCOL section 1.10).
    pub strict_kex: bool,
    /// Key exchanges completed, the first included.
    pub exchanges: u64,
}

impl Negotiated {
    /// Says in the log which of these only old machines need.
    pub(crate) fn warn_of_legacy(&self) {
        let named = [
            (Family::Kex, Some(self.kex)),
            (Family::Signature, Some(self.host_key)),
            (Family::Cipher, Some(self.cipher_out)),
            (Family::Cipher, Some(self.cipher_in).filter(|name| *name != self.cipher_out)),
            (Family::Mac, self.mac_out),
            (Family::Mac, self.mac_in.filter(|name| Some(*name) != self.mac_out)),
        ];
        for (family, name) in named {
            if let Some(name) = name {
                family.warn_if_legacy(name);
            }
        }
    }
}

/// A compression method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// `none`.
    None,
    /// `zlib`: from the first NEWKEYS on (RFC 4253 section 6.2).
    Zlib,
    /// `zlib@openssh.com`: from the success of authentication on.
    Delayed,
}

impl Compression {
    fn named(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::None),
            "zlib" => Some(Self::Zlib),
            "zlib@openssh.com" => Some(Self::Delayed),
            _ => None,
        }
    }

    /// Whether packets are compressed now.
    pub(crate) fn is_on(self, authenticated: bool) -> bool {
        match self {
            Self::None => false,
            Self::Zlib => true,
            Self::Delayed => authenticated,
        }
    }
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Zlib => "zlib",
            Self::Delayed => "zlib@openssh.com",
        })
    }
}

/// The names that are no algorithms. They mean something in the first KEXINIT only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Markers {
    pub(crate) strict: bool,
    pub(crate) ext_info: bool,
}

impl Markers {
    /// What the peer's list says.
    pub(crate) fn of_peer(init: &KexInit<'_>, peer_is_client: bool) -> Self {
        let (strict, ext_info) =
            if peer_is_client { (STRICT_CLIENT, EXT_INFO_CLIENT) } else { (STRICT_SERVER, EXT_INFO_SERVER) };
        Self { strict: init.kex.contains(strict), ext_info: init.kex.contains(ext_info) }
    }
}

fn is_marker(name: &str) -> bool {
    name.starts_with("kex-strict-") || name.starts_with("ext-info-")
}

/// One side's KEXINIT as it was sent: the hash covers its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Offer(Vec<u8>);

impl Offer {
    /// Our offer. `host_keys` are the algorithms our host keys serve, or that we accept.
    pub(crate) fn ours(
        config: &Common,
        host_keys: &[String],
        is_client: bool,
        first: bool,
    ) -> Result<Self, CryptoError> {
        let mut cookie = [0; 16];
        (config.provider.random)(&mut cookie)?;
        let algorithms = &config.algorithms;
        let mut kex = algorithms.kex.join(",");
        if first {
            let (strict, ext_info) =
                if is_client { (STRICT_CLIENT, EXT_INFO_CLIENT) } else { (STRICT_SERVER, EXT_INFO_SERVER) };
            kex = format!("{kex},{ext_info},{strict}");
        }
        let host_key = host_keys.join(",");
        let ciphers = algorithms.ciphers.join(",");
        let macs = algorithms.macs.join(",");
        let compression = algorithms.compression.join(",");
        // The names were checked against the provider's; none can be too long or malformed.
        let list = |text: &str| -> Result<(), CryptoError> {
            NameList::parse(text.as_bytes()).map(drop).map_err(|_| CryptoError::Unsupported)
        };
        for text in [&kex, &host_key, &ciphers, &macs, &compression] {
            list(text)?;
        }
        let names = |text| NameList::parse(text).unwrap_or_default();
        let mut payload = Vec::new();
        KexInit {
            cookie,
            kex: names(kex.as_bytes()),
            host_key: names(host_key.as_bytes()),
            cipher_to_server: names(ciphers.as_bytes()),
            cipher_to_client: names(ciphers.as_bytes()),
            mac_to_server: names(macs.as_bytes()),
            mac_to_client: names(macs.as_bytes()),
            compression_to_server: names(compression.as_bytes()),
            compression_to_client: names(compression.as_bytes()),
            languages_to_server: NameList::default(),
            languages_to_client: NameList::default(),
            first_kex_packet_follows: false,
            reserved: 0,
        }
        .encode(&mut payload);
        Ok(Self(payload))
    }

    /// The peer's, as received; readable.
    pub(crate) fn theirs(payload: &[u8]) -> Result<Self, ProtocolError> {
        KexInit::decode(payload).map_err(ProtocolError::malformed(KexInit::NUMBER))?;
        Ok(Self(payload.to_vec()))
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn read(&self) -> Result<KexInit<'_>, ProtocolError> {
        KexInit::decode(&self.0).map_err(ProtocolError::malformed(KexInit::NUMBER))
    }
}

/// How one direction is protected.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Direction {
    pub(crate) cipher: &'static dyn Cipher,
    /// `None` when the cipher brings its own.
    pub(crate) mac: Option<&'static dyn Mac>,
    pub(crate) compression: Compression,
}

/// The outcome of negotiation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Agreed {
    pub(crate) kex: &'static dyn Kex,
    pub(crate) host_key: Algorithm,
    pub(crate) to_server: Direction,
    pub(crate) to_client: Direction,
    /// The peer's next exchange packet is a wrong guess, to be skipped.
    pub(crate) skip_guess: bool,
}

impl Agreed {
    pub(crate) fn outcome(&self, is_client: bool, strict_kex: bool, exchanges: u64) -> Negotiated {
        let (out, into) =
            if is_client { (self.to_server, self.to_client) } else { (self.to_client, self.to_server) };
        Negotiated {
            kex: self.kex.name(),
            host_key: self.host_key.name(),
            cipher_out: out.cipher.name(),
            cipher_in: into.cipher.name(),
            mac_out: out.mac.map(|mac| mac.name()),
            mac_in: into.mac.map(|mac| mac.name()),
            compression_out: out.compression,
            compression_in: into.compression,
            strict_kex,
            exchanges,
        }
    }

    /// Bytes in one direction after which the ciphers need new keys, if they set a limit themselves.
    pub(crate) fn max_bytes(&self) -> Option<u64> {
        [self.to_server, self.to_client].iter().filter_map(|direction| direction.cipher.max_bytes()).min()
    }

    /// Whether only strict KEX protects this choice from a prefix truncation (CVE-2023-48795).
    pub(crate) fn needs_strict_kex(&self) -> bool {
        [self.to_server, self.to_client].iter().any(|direction| {
            direction.cipher.needs_strict_kex() || direction.mac.is_some_and(|mac| mac.is_etm())
        })
    }
}

/// Chooses from both sides' lists.
struct Chooser<'a> {
    provider: &'a Provider,
    is_client: bool,
}

type Lists<'a> = (NameList<'a>, NameList<'a>);

impl Chooser<'_> {
    /// The first of the client's names that the server has too, and that `find` knows.
    fn choose<T>(
        &self,
        category: &'static str,
        (client, server): Lists<'_>,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Incompatible> {
        // The side that is ours is short: the work is linear in what the peer sent.
        client.iter().filter(|name| !is_marker(name) && server.contains(name)).find_map(&find).ok_or_else(
            || {
                let (ours, theirs) = if self.is_client { (client, server) } else { (server, client) };
                let names = |list: NameList<'_>| {
                    list.iter().filter(|name| !is_marker(name)).take(MAX_SHOWN).map(str::to_owned).collect()
                };
                Incompatible { category, ours: names(ours), theirs: names(theirs) }
            },
        )
    }

    fn direction(
        &self,
        names: [&'static str; 3],
        cipher: Lists<'_>,
        mac: Lists<'_>,
        compression: Lists<'_>,
    ) -> Result<Direction, Incompatible> {
        let [cipher_name, mac_name, compression_name] = names;
        let cipher = self.choose(cipher_name, cipher, |name| self.provider.cipher(name))?;
        let mac = match cipher.is_aead() {
            true => None,
            false => Some(self.choose(mac_name, mac, |name| self.provider.mac(name))?),
        };
        let compression = self.choose(compression_name, compression, Compression::named)?;
        Ok(Direction { cipher, mac, compression })
    }
}

/// Agrees on everything, or says what is not in common.
pub(crate) fn negotiate(
    provider: &Provider,
    ours: &Offer,
    theirs: &Offer,
    is_client: bool,
) -> Result<Agreed, crate::error::ConnectionError> {
    let (ours, theirs) = (ours.read()?, theirs.read()?);
    let (client, server) = if is_client { (ours, theirs) } else { (theirs, ours) };
    let chooser = Chooser { provider, is_client };
    let wrong_guess =
        client.kex.first() != server.kex.first() || client.host_key.first() != server.host_key.first();
    let agree = || {
        Ok(Agreed {
            kex: chooser.choose("key exchange", (client.kex, server.kex), |name| provider.kex(name))?,
            host_key: chooser.choose("host key", (client.host_key, server.host_key), |name| {
                Algorithm::named(provider, name)
            })?,
            to_server: chooser.direction(
                ["cipher client to server", "MAC client to server", "compression client to server"],
                (client.cipher_to_server, server.cipher_to_server),
                (client.mac_to_server, server.mac_to_server),
                (client.compression_to_server, server.compression_to_server),
            )?,
            to_client: chooser.direction(
                ["cipher server to client", "MAC server to client", "compression server to client"],
                (client.cipher_to_client, server.cipher_to_client),
                (client.mac_to_client, server.mac_to_client),
                (client.compression_to_client, server.compression_to_client),
            )?,
            skip_guess: theirs.first_kex_packet_follows && wrong_guess,
        })
    };
    agree().map_err(|error: Incompatible| crate::error::ConnectionError::Incompatible(Box::new(error)))
}
