//! A peer by hand, either role: it exchanges keys when asked to, and sends whatever it is told to, properly sealed.
//! Written from the RFCs on the crates below, so that it shares no state machine with what it tests.

use feramiko_crypto::cipher::{CipherKeys, Opener, Sealer, plaintext_opener, plaintext_sealer};
use feramiko_crypto::kex::{DhGroup, Kex, KexKind, Started};
use feramiko_crypto::{Provider, Secret};
use feramiko_keys::{PrivateKey, PublicKey};
use feramiko_testkit::fake_sign;
use feramiko_wire::{Reader, Writer};
use flate2::{Compress, Decompress};

use super::squeeze::{squeeze, squeezed, unsqueeze, unsqueezed};

/// A host key, or the likeness of one.
#[derive(Clone)]
pub(crate) enum HostKey {
    Real(PrivateKey),
    Fake(PublicKey),
}

impl HostKey {
    pub(crate) fn public(&self) -> &PublicKey {
        match self {
            Self::Real(key) => key.public_key(),
            Self::Fake(key) => key,
        }
    }

    pub(crate) fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Real(key) => key.sign(algorithm, message).unwrap(),
            Self::Fake(key) => fake_sign(key, message),
        }
    }
}

/// What the peer's KEXINIT says. Cipher, MAC and compression are the same both ways.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) kex: String,
    pub(crate) host_key: String,
    pub(crate) cipher: String,
    pub(crate) mac: String,
    pub(crate) compression: String,
    pub(crate) first_follows: bool,
}

impl Offer {
    /// RFC 4253 section 7.1.
    pub(crate) fn payload(&self) -> Vec<u8> {
        super::message(20, |writer| {
            writer.raw(&[0x11; 16]);
            for list in [
                &self.kex,
                &self.host_key,
                &self.cipher,
                &self.cipher,
                &self.mac,
                &self.mac,
                &self.compression,
                &self.compression,
            ] {
                writer.string(list.as_bytes());
            }
            writer.string(b"");
            writer.string(b"");
            writer.boolean(self.first_follows);
            writer.u32(0);
        })
    }

    /// The lists in a KEXINIT: kex, host key, ciphers, MACs.
    fn lists(payload: &[u8]) -> [String; 4] {
        let mut reader = Reader::new(payload.get(17..).unwrap());
        let mut list = || String::from_utf8(reader.string().unwrap().to_vec()).unwrap();
        let (kex, host_key, cipher, _, mac) = (list(), list(), list(), list(), list());
        [kex, host_key, cipher, mac]
    }
}

/// Everything before its first `NEWKEYS` is in clear.
pub(crate) struct Peer {
    /// The role that it plays.
    pub(crate) client: bool,
    pub(crate) offer: Offer,
    /// Whether it answers the messages of a key exchange by itself.
    pub(crate) auto: bool,
    /// Whether it gives up reading when it has lost the thread, instead of panicking: for fuzzing.
    pub(crate) lenient: bool,
    lost: bool,
    pub(crate) version: String,
    provider: Provider,
    pub(crate) host_key: HostKey,
    /// The algorithm of its host key's signatures, whatever was agreed on.
    pub(crate) sign_as: Option<String>,
    identified: bool,
    their_version: Option<String>,
    /// KEXINIT payloads of the exchange under way: the client's, the server's.
    inits: [Option<Vec<u8>>; 2],
    exchange: Option<Exchange>,
    /// What it will send and receive with, once NEWKEYS has passed.
    next_sealer: Option<Box<dyn Sealer>>,
    next_opener: Option<Box<dyn Opener>>,
    pub(crate) session_id: Option<Vec<u8>>,
    pub(crate) strict: bool,
    first: bool,
    sealer: Box<dyn Sealer>,
    opener: Box<dyn Opener>,
    squeeze: Option<Compress>,
    unsqueeze: Option<Decompress>,
    pub(crate) sent: u32,
    received: u32,
    input: Vec<u8>,
    output: Vec<u8>,
}

/// What was agreed, and how far it is.
struct Exchange {
    kex: &'static dyn Kex,
    host_key: String,
    cipher: String,
    mac: String,
    started: Option<Box<dyn Started>>,
    request: Option<Vec<u8>>,
    group: Option<DhGroup>,
}

fn choose(client: &str, server: &str) -> String {
    let marker = |name: &&str| !name.starts_with("kex-strict") && !name.starts_with("ext-info");
    let found = client.split(',').filter(marker).find(|name| server.split(',').any(|other| other == *name));
    found.unwrap_or_else(|| panic!("nothing in common: {client} and {server}")).to_owned()
}

impl Peer {
    pub(crate) fn new(client: bool, provider: Provider, host_key: HostKey, offer: Offer) -> Self {
        Self {
            client,
            offer,
            auto: true,
            lenient: false,
            lost: false,
            version: "SSH-2.0-hostile".to_owned(),
            provider,
            host_key,
            sign_as: None,
            identified: false,
            their_version: None,
            inits: [None, None],
            exchange: None,
            next_sealer: None,
            next_opener: None,
            session_id: None,
            strict: false,
            first: true,
            sealer: plaintext_sealer(),
            opener: plaintext_opener(),
            squeeze: None,
            unsqueeze: None,
            sent: 0,
            received: 0,
            input: Vec::new(),
            output: Vec::new(),
        }
    }

    pub(crate) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    pub(crate) fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Once.
    pub(crate) fn send_version(&mut self) {
        if std::mem::replace(&mut self.identified, true) {
            return;
        }
        self.output.extend(format!("{}\r\n", self.version).into_bytes());
    }

    /// Compresses, where that was offered, pads and seals a payload.
    pub(crate) fn send(&mut self, payload: &[u8]) {
        let payload = squeezed(self.squeeze.as_mut(), payload);
        let packet = self.seal(&payload);
        self.output.extend(packet);
    }

    /// One packet, the payload as it is, sealed with the next sequence number.
    pub(crate) fn seal(&mut self, payload: &[u8]) -> Vec<u8> {
        let layout = self.sealer.layout();
        let unpadded = payload.len() + 1 + if layout.length_is_padded { 4 } else { 0 };
        let mut padding = layout.block - unpadded % layout.block;
        if padding < 4 {
            padding += layout.block;
        }
        self.seal_padded(payload, padding)
    }

    /// As [`seal`](Self::seal), with as much padding as the caller says, right or wrong.
    pub(crate) fn seal_padded(&mut self, payload: &[u8], padding: usize) -> Vec<u8> {
        let mut packet = Vec::new();
        packet.extend(u32::try_from(payload.len() + padding + 1).unwrap().to_be_bytes());
        packet.push(u8::try_from(padding).unwrap());
        packet.extend(payload);
        packet.resize(packet.len() + padding + self.sealer.layout().tag, 0);
        self.sealer.seal(self.sent, &mut packet).unwrap();
        self.sent = self.sent.wrapping_add(1);
        packet
    }

    /// Our KEXINIT, and whatever `offer` says now.
    pub(crate) fn send_kexinit(&mut self) {
        let payload = self.offer.payload();
        self.inits[usize::from(!self.client)] = Some(payload.clone());
        self.send(&payload);
    }

    /// Whether both KEXINITs have passed.
    pub(crate) fn knows_both_offers(&self) -> bool {
        self.inits.iter().all(Option::is_some)
    }

    /// Whether the other side's KEXINIT has come.
    pub(crate) fn knows_theirs(&self) -> bool {
        self.inits[usize::from(self.client)].is_some()
    }

    fn agree(&mut self) {
        let [client, server] = self.inits.each_ref().map(|init| Offer::lists(init.as_ref().unwrap()));
        if self.first {
            self.strict = client[0].contains("kex-strict-c-v00@openssh.com")
                && server[0].contains("kex-strict-s-v00@openssh.com");
        }
        let cipher = choose(&client[2], &server[2]);
        let aead = self.provider.cipher(&cipher).unwrap().is_aead();
        self.exchange = Some(Exchange {
            kex: self.provider.kex(&choose(&client[0], &server[0])).unwrap(),
            host_key: choose(&client[1], &server[1]),
            mac: if aead { String::new() } else { choose(&client[3], &server[3]) },
            cipher,
            started: None,
            request: None,
            group: None,
        });
    }

    /// As a client: our share, or the request for a group.
    pub(crate) fn send_share(&mut self) {
        if self.exchange.is_none() {
            self.agree();
        }
        let exchange = self.exchange.as_mut().unwrap();
        let kind = exchange.kex.kind();
        if kind == KexKind::GroupExchange && exchange.group.is_none() {
            let request = super::message(34, |writer| {
                for bits in [2048, 2048, 8192] {
                    writer.u32(bits);
                }
            });
            exchange.request = Some(request[1..].to_vec());
            return self.send(&request);
        }
        let started = exchange.kex.start(exchange.group.as_ref()).unwrap();
        let payload = match kind {
            KexKind::Ecdh | KexKind::Hybrid => super::message(30, |writer| writer.string(started.share())),
            KexKind::Dh => super::message(30, |writer| writer.mpint(started.share())),
            KexKind::GroupExchange => super::message(32, |writer| writer.mpint(started.share())),
        };
        exchange.started = Some(started);
        self.send(&payload);
    }

    pub(crate) fn send_newkeys(&mut self) {
        self.send(&[21]);
        self.sealer = self.next_sealer.take().expect("no keys to switch to");
        self.squeeze = squeeze(&self.offer.compression);
        if self.strict {
            self.sent = 0;
        }
    }

    /// As a server: the answer to the client's 30, 32 or 34, for the caller to send.
    pub(crate) fn reply(&mut self, payload: &[u8]) -> Vec<u8> {
        if self.exchange.is_none() {
            self.agree();
        }
        let exchange = self.exchange.as_mut().unwrap();
        let kind = exchange.kex.kind();
        if payload[0] == 34 {
            let group = feramiko_crypto::rfc3526_group(2048).unwrap();
            exchange.request = Some(payload[1..].to_vec());
            exchange.group = Some(group.clone());
            return super::message(31, |writer| {
                writer.mpint(&group.p);
                writer.mpint(&group.g);
            });
        }
        let mut reader = Reader::new(&payload[1..]);
        let share = match kind {
            KexKind::Ecdh | KexKind::Hybrid => reader.string().unwrap().to_vec(),
            _ => reader.mpint().unwrap().magnitude().to_vec(),
        };
        let response = exchange.kex.respond(exchange.group.as_ref(), &share).unwrap();
        let host_key = self.host_key.clone();
        let algorithm = self.sign_as.clone().unwrap_or_else(|| exchange.host_key.clone());
        let blob = host_key.public().blob().to_vec();
        let hash = self.derive(&blob, &share, &response.share, &response.secret);
        let signature = host_key.sign(&algorithm, &hash);
        super::message(if kind == KexKind::GroupExchange { 33 } else { 31 }, |writer| {
            writer.string(&blob);
            match kind {
                KexKind::Ecdh | KexKind::Hybrid => writer.string(&response.share),
                _ => writer.mpint(&response.share),
            }
            writer.string(&signature);
        })
    }

    /// As a client: reads the server's answer; whether the exchange is done but for NEWKEYS.
    fn read_reply(&mut self, payload: &[u8]) -> bool {
        let exchange = self.exchange.as_mut().unwrap();
        let kind = exchange.kex.kind();
        let mut reader = Reader::new(&payload[1..]);
        if kind == KexKind::GroupExchange && payload[0] == 31 {
            let p = reader.mpint().unwrap().magnitude().to_vec();
            let g = reader.mpint().unwrap().magnitude().to_vec();
            exchange.group = Some(DhGroup { p, g });
            return false;
        }
        let blob = reader.string().unwrap().to_vec();
        let share = match kind {
            KexKind::Ecdh | KexKind::Hybrid => reader.string().unwrap().to_vec(),
            _ => reader.mpint().unwrap().magnitude().to_vec(),
        };
        let started = exchange.started.take().unwrap();
        let ours = started.share().to_vec();
        let secret = started.finish(&share).unwrap();
        self.derive(&blob, &ours, &share, &secret);
        true
    }

    /// RFC 4253 sections 7.2 and 8: the hash, which it answers, and the keys, which wait for NEWKEYS.
    fn derive(
        &mut self,
        host_key: &[u8],
        client_share: &[u8],
        server_share: &[u8],
        secret: &Secret,
    ) -> Vec<u8> {
        let exchange = self.exchange.take().unwrap();
        let inits = std::mem::take(&mut self.inits).map(Option::unwrap);
        let theirs = self.their_version.clone().unwrap();
        let (client, server) = if self.client { (&self.version, &theirs) } else { (&theirs, &self.version) };
        let kind = exchange.kex.kind();
        let encoded = {
            let mut encoded = Vec::new();
            let mut writer = Writer::new(&mut encoded);
            match kind {
                KexKind::Hybrid => writer.string(secret.as_bytes()),
                _ => writer.mpint(secret.as_bytes()),
            }
            encoded
        };
        let mut text = Vec::new();
        let mut writer = Writer::new(&mut text);
        for part in [client.as_bytes(), server.as_bytes(), &inits[0], &inits[1], host_key] {
            writer.string(part);
        }
        if let (Some(request), Some(group)) = (&exchange.request, &exchange.group) {
            writer.raw(request);
            writer.mpint(&group.p);
            writer.mpint(&group.g);
        }
        for share in [client_share, server_share] {
            match kind {
                KexKind::Ecdh | KexKind::Hybrid => writer.string(share),
                _ => writer.mpint(share),
            }
        }
        writer.raw(&encoded);
        let algorithm = exchange.kex.hash();
        let hash = algorithm.digest(&[&text]);
        let session_id = self.session_id.get_or_insert_with(|| hash.clone()).clone();
        let key = |letter: u8, length: usize| {
            let mut key = algorithm.digest(&[&encoded, &hash, &[letter], &session_id]);
            while key.len() < length {
                let more = algorithm.digest(&[&encoded, &hash, &key]);
                key.extend(more);
            }
            key.truncate(length);
            key
        };
        let cipher = self.provider.cipher(&exchange.cipher).unwrap();
        let mac = self.provider.mac(&exchange.mac);
        let keys = |letters: [u8; 3]| {
            (
                key(letters[0], cipher.iv_len()),
                key(letters[1], cipher.key_len()),
                key(letters[2], mac.map_or(0, |mac| mac.key_len())),
            )
        };
        let (up, down) = (keys(*b"ACE"), keys(*b"BDF"));
        let (out, into) = if self.client { (&up, &down) } else { (&down, &up) };
        fn with<'a>(
            keys: &'a (Vec<u8>, Vec<u8>, Vec<u8>),
            mac: Option<&'static dyn feramiko_crypto::cipher::Mac>,
        ) -> CipherKeys<'a> {
            CipherKeys { iv: &keys.0, key: &keys.1, mac: mac.map(|mac| (mac, keys.2.as_slice())) }
        }
        self.next_sealer = Some(cipher.sealer(with(out, mac)).unwrap());
        self.next_opener = Some(cipher.opener(with(into, mac)).unwrap());
        self.first = false;
        hash
    }

    /// Reads what came from the other side: payloads, in order. The version line is kept to itself.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        if self.lost {
            return Vec::new();
        }
        self.input.extend(bytes);
        let mut payloads = Vec::new();
        if self.their_version.is_none() {
            let Some(end) = self.input.windows(2).position(|pair| pair == b"\r\n") else { return Vec::new() };
            let line: Vec<u8> = self.input.drain(..end + 2).take(end).collect();
            self.their_version = Some(String::from_utf8(line).unwrap());
        }
        while let Some(payload) = self.next_payload() {
            if self.lenient && !self.can_follow(&payload) {
                self.lost = true;
                break;
            }
            self.note(&payload);
            payloads.push(payload);
        }
        payloads
    }

    fn next_payload(&mut self) -> Option<Vec<u8>> {
        let layout = self.opener.layout();
        let head = self.input.get(..layout.head)?;
        let length = self.opener.length(self.received, head).unwrap() as usize;
        let whole = 4 + length + layout.tag;
        if self.input.len() < whole {
            return None;
        }
        let mut packet: Vec<u8> = self.input.drain(..whole).collect();
        let opened = self.opener.open(self.received, &mut packet);
        if self.lenient && opened.is_err() {
            self.lost = true;
            return None;
        }
        opened.expect("the other side's packet does not open");
        self.received = self.received.wrapping_add(1);
        let padding = usize::from(packet[4]);
        assert!(padding >= 4);
        let payload = unsqueezed(self.unsqueeze.as_mut(), packet[5..4 + length - padding].to_vec());
        self.lost |= payload.is_none();
        payload
    }

    /// Whether a message of a key exchange fits what this peer has said, not somebody in its name.
    fn can_follow(&self, payload: &[u8]) -> bool {
        match payload[0] {
            30 if self.auto && !self.client => self.exchange.is_some() || self.knows_both_offers(),
            31 if self.client => {
                self.exchange.as_ref().is_none_or(|exchange| exchange.started.is_some())
                    && (self.exchange.is_none() || self.knows_both_offers())
            }
            21 => self.next_opener.is_some(),
            _ => true,
        }
    }

    fn note(&mut self, payload: &[u8]) {
        match payload[0] {
            20 => {
                self.inits[usize::from(self.client)] = Some(payload.to_vec());
                if self.auto {
                    if self.inits[usize::from(!self.client)].is_none() {
                        self.send_kexinit();
                    }
                    self.agree();
                    if self.client {
                        self.send_share();
                    }
                }
            }
            30 | 32 | 34 if self.auto && !self.client => {
                let reply = self.reply(payload);
                self.send(&reply);
                if self.next_sealer.is_some() {
                    self.send_newkeys();
                }
            }
            31 | 33 if self.client && self.exchange.is_some() => {
                if self.read_reply(payload) {
                    if self.auto {
                        self.send_newkeys();
                    }
                } else {
                    self.send_share();
                }
            }
            21 => {
                self.opener = self.next_opener.take().expect("NEWKEYS without keys");
                self.unsqueeze = unsqueeze(&self.offer.compression);
                if self.strict {
                    self.received = 0;
                }
            }
            _ => {}
        }
    }
}
