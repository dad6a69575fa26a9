//! Cryptography that fails at each of its calls in turn: nothing goes on as if it had not.

use std::cell::Cell;

use feramiko_crypto::cipher::{Cipher, CipherKeys, Layout, Opener, Sealer};
use feramiko_crypto::kex::{DhGroup, Kex, KexKind, Response, Started};
use feramiko_crypto::signing::{PublicParts, SignatureScheme};
use feramiko_crypto::{CryptoError, HashAlgorithm, Provider, Secret};
use feramiko_proto::{ConnectionError, Event, Method};
use feramiko_testkit::{fake_provider, seed_random};

use crate::support::{Rig, Setup, message, strings};

thread_local! {
    /// Calls that still succeed; then one fails.
    static LEFT: Cell<i64> = const { Cell::new(i64::MAX) };
}

fn call() -> Result<(), CryptoError> {
    let left = LEFT.get();
    LEFT.set(left - 1);
    if left == 0 { Err(CryptoError::Backend) } else { Ok(()) }
}

/// Wraps what the fake provider has; the names are the same.
#[derive(Debug)]
struct Failing<T: ?Sized + 'static>(&'static T);

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn failing_provider() -> Provider {
    let fake = fake_provider();
    Provider {
        kex: fake.kex.iter().map(|kex| leak(Failing(*kex)) as &dyn Kex).collect(),
        signatures: fake.signatures.iter().map(|scheme| leak(Failing(*scheme)) as _).collect(),
        ciphers: fake.ciphers.iter().map(|cipher| leak(Failing(*cipher)) as _).collect(),
        macs: Vec::new(),
        random: |bytes| {
            call()?;
            (fake_provider().random)(bytes)
        },
    }
}

impl Kex for Failing<dyn Kex> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn hash(&self) -> HashAlgorithm {
        self.0.hash()
    }
    fn kind(&self) -> KexKind {
        self.0.kind()
    }
    fn start(&self, group: Option<&DhGroup>) -> Result<Box<dyn Started>, CryptoError> {
        call()?;
        Ok(Box::new(FailingStarted(self.0.start(group)?)))
    }
    fn respond(&self, group: Option<&DhGroup>, client_share: &[u8]) -> Result<Response, CryptoError> {
        call()?;
        self.0.respond(group, client_share)
    }
}

struct FailingStarted(Box<dyn Started>);

impl Started for FailingStarted {
    fn share(&self) -> &[u8] {
        self.0.share()
    }
    fn finish(self: Box<Self>, server_share: &[u8]) -> Result<Secret, CryptoError> {
        call()?;
        self.0.finish(server_share)
    }
}

impl SignatureScheme for Failing<dyn SignatureScheme> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn key_type(&self) -> &'static str {
        self.0.key_type()
    }
    fn verify(&self, key: PublicParts<'_>, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        call()?;
        self.0.verify(key, message, signature)
    }
}

impl Cipher for Failing<dyn Cipher> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn key_len(&self) -> usize {
        self.0.key_len()
    }
    fn iv_len(&self) -> usize {
        self.0.iv_len()
    }
    fn is_aead(&self) -> bool {
        true
    }
    fn sealer(&self, keys: CipherKeys<'_>) -> Result<Box<dyn Sealer>, CryptoError> {
        call()?;
        Ok(Box::new(FailingSealer(self.0.sealer(keys)?)))
    }
    fn opener(&self, keys: CipherKeys<'_>) -> Result<Box<dyn Opener>, CryptoError> {
        call()?;
        Ok(Box::new(FailingOpener(self.0.opener(keys)?)))
    }
}

struct FailingSealer(Box<dyn Sealer>);

impl Sealer for FailingSealer {
    fn layout(&self) -> Layout {
        self.0.layout()
    }
    fn seal(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        call()?;
        self.0.seal(sequence, packet)
    }
}

struct FailingOpener(Box<dyn Opener>);

impl Opener for FailingOpener {
    fn layout(&self) -> Layout {
        self.0.layout()
    }
    fn length(&self, sequence: u32, head: &[u8]) -> Result<u32, CryptoError> {
        call()?;
        self.0.length(sequence, head)
    }
    fn open(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        call()?;
        self.0.open(sequence, packet)
    }
}

/// A key login, as far as it comes when the cryptography of our side fails at its call number `fails_at`.
fn login(client: bool, fails_at: i64) -> Rig {
    seed_random(2);
    LEFT.set(i64::MAX);
    let mut setup = Setup::fake(client);
    setup.common.provider = failing_provider();
    let plain = fake_provider();
    LEFT.set(fails_at);
    let mut rig = Rig::with_peer_provider(setup, plain);
    rig.identify();
    if rig.ended().is_none() && rig.peer.session_id.is_none() {
        rig.peer.send_kexinit();
        rig.pump();
    }
    if rig.peer.session_id.is_none() || rig.ended().is_some() {
        return rig;
    }
    if client {
        rig.send(&strings(6, &["ssh-userauth"]));
        if rig.ended().is_none() {
            let key = feramiko_testkit::fake_host_key(9);
            let _ = rig.conn.authenticate(
                "robey",
                Method::PublicKey { key, algorithm: None, query: false },
                rig.now,
            );
            rig.pump();
            if rig.heard.iter().any(|payload| payload[0] == 50) {
                rig.send(&[52]);
            }
        }
    } else {
        rig.send(&strings(5, &["ssh-userauth"]));
        rig.send(&signed_request(&rig));
    }
    rig
}

/// RFC 4252 section 7.
fn signed_request(rig: &Rig) -> Vec<u8> {
    let key = feramiko_testkit::fake_host_key(3);
    let request = message(50, |writer| {
        for field in [&b"robey"[..], b"ssh-connection", b"publickey"] {
            writer.string(field);
        }
        writer.boolean(true);
        writer.string(b"ssh-ed25519");
        writer.string(key.blob());
    });
    let mut signed = Vec::new();
    let mut writer = feramiko_wire::Writer::new(&mut signed);
    writer.string(rig.peer.session_id.as_ref().unwrap());
    writer.raw(&request);
    let mut request = request;
    feramiko_wire::Writer::new(&mut request).string(&feramiko_testkit::fake_sign(&key, &signed));
    request
}

#[test]
fn defect_065_a_failure_at_any_call_of_the_cryptography_ends_the_login() {
    for client in [false, true] {
        let rig = login(client, i64::MAX);
        assert!(rig.conn.is_authenticated(), "{:?}", rig.ended());
        let calls = i64::MAX - LEFT.get();
        assert!(calls > 10, "{calls} calls");
        for fails_at in 0..calls {
            let rig = login(client, fails_at);
            let case = format!("client {client}, call {fails_at} of {calls}");
            // The last packets of all may be sealed behind the success; the connection is over all the same.
            let last_words = rig.heard.iter().any(|payload| payload[0] == 52);
            assert!(!last_words, "{case}: success was sent");
            match rig.ended() {
                Some(
                    ConnectionError::Crypto(_) | ConnectionError::Protocol(_) | ConnectionError::HostKey(_),
                ) => {}
                // A user's signature that cannot be verified is a refused one.
                None if !client && rig.last_heard()[0] == 51 => {}
                other => panic!("{case}: {other:?}"),
            }
            let opened = rig.events.iter().position(|event| matches!(event, Event::Authenticated));
            let ended = rig.events.iter().position(|event| matches!(event, Event::Ended(_)));
            assert!(opened.is_none() || ended.is_some(), "{case}: logged in");
        }
    }
}
