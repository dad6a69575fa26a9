//! Cryptography that is fast and the same every time, and protects nothing: for speed, for fuzzing, and for
//! comparing two runs byte by byte.

use std::cell::Cell;

use feramiko_crypto::cipher::{Cipher, CipherKeys, Layout, Opener, Sealer};
use feramiko_crypto::kex::{DhGroup, Kex, KexKind, Response, Started};
use feramiko_crypto::signing::{PublicParts, SignatureScheme};
use feramiko_crypto::{CryptoError, HashAlgorithm, Provider, Secret};
use feramiko_keys::PublicKey;
use feramiko_proto::Algorithms;
use feramiko_wire::Writer;

const KEX: &str = "fake-kex@feramiko";
const CIPHER: &str = "fake-cipher@feramiko";
/// Keys of another name would not be read.
const SIGNATURE: &str = "ssh-ed25519";
const CLIENT_SHARE: &[u8] = b"the client's share";
const SERVER_SHARE: &[u8] = b"the server's share";
const TAG: usize = 8;

/// One method of each kind: a secret that everybody knows, packets in clear behind a checksum, signatures that
/// anybody can make, and randomness that [`seed_random`] starts.
pub fn fake_provider() -> Provider {
    Provider {
        kex: vec![&FakeKex],
        signatures: vec![&FakeSignature],
        ciphers: vec![&FakeCipher],
        macs: Vec::new(),
        random,
    }
}

/// As [`fake_provider`], but signatures are not looked at and packets not keyed (only numbered): two sides get
/// along although somebody changed their KEXINITs on the way. For what can be asked of a peer only like that.
pub fn gullible_provider() -> Provider {
    Provider { signatures: vec![&AnySignature], ciphers: vec![&KeylessCipher], ..fake_provider() }
}

/// The names of [`fake_provider`]'s methods.
pub fn fake_algorithms() -> Algorithms {
    let one = |name: &str| vec![name.to_owned()];
    Algorithms {
        kex: one(KEX),
        host_key: one(SIGNATURE),
        user_key: one(SIGNATURE),
        ciphers: one(CIPHER),
        macs: Vec::new(),
        ..Algorithms::default()
    }
}

/// A key whose signatures [`fake_sign`] makes.
pub fn fake_host_key(number: u8) -> PublicKey {
    PublicKey::from_parts(PublicParts::Ed25519(&[number; 32])).expect("32 bytes are a key")
}

/// The fake provider's signature of a key over a message, as a blob.
pub fn fake_sign(key: &PublicKey, message: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    let mut writer = Writer::new(&mut blob);
    writer.string(SIGNATURE.as_bytes());
    writer.string(&raw_signature(key.parts(), message));
    blob
}

fn raw_signature(key: PublicParts<'_>, message: &[u8]) -> Vec<u8> {
    match key {
        PublicParts::Ed25519(key) => HashAlgorithm::Sha512.digest(&[b"fake", key, message]),
        _ => Vec::new(),
    }
}

thread_local! {
    static RANDOM: Cell<u64> = const { Cell::new(0) };
}

/// Starts this thread's fake randomness.
pub fn seed_random(seed: u64) {
    RANDOM.set(seed);
}

fn random(bytes: &mut [u8]) -> Result<(), CryptoError> {
    for chunk in bytes.chunks_mut(8) {
        let state = RANDOM.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        RANDOM.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        chunk.copy_from_slice(&(mixed ^ (mixed >> 27)).to_be_bytes()[..chunk.len()]);
    }
    Ok(())
}

#[derive(Debug)]
struct FakeKex;

impl FakeKex {
    fn secret() -> Secret {
        Secret::new(vec![0x5a; 32])
    }
}

impl Kex for FakeKex {
    fn name(&self) -> &'static str {
        KEX
    }
    fn hash(&self) -> HashAlgorithm {
        HashAlgorithm::Sha256
    }
    fn kind(&self) -> KexKind {
        KexKind::Ecdh
    }
    fn start(&self, _: Option<&DhGroup>) -> Result<Box<dyn Started>, CryptoError> {
        Ok(Box::new(FakeStarted))
    }
    fn respond(&self, _: Option<&DhGroup>, client_share: &[u8]) -> Result<Response, CryptoError> {
        if client_share.is_empty() {
            return Err(CryptoError::BadShare);
        }
        Ok(Response { share: SERVER_SHARE.to_vec(), secret: Self::secret() })
    }
}

struct FakeStarted;

impl Started for FakeStarted {
    fn share(&self) -> &[u8] {
        CLIENT_SHARE
    }
    fn finish(self: Box<Self>, server_share: &[u8]) -> Result<Secret, CryptoError> {
        if server_share.is_empty() {
            return Err(CryptoError::BadShare);
        }
        Ok(FakeKex::secret())
    }
}

#[derive(Debug)]
struct FakeSignature;

impl SignatureScheme for FakeSignature {
    fn name(&self) -> &'static str {
        SIGNATURE
    }
    fn key_type(&self) -> &'static str {
        SIGNATURE
    }
    fn verify(&self, key: PublicParts<'_>, message: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        if raw_signature(key, message) == signature { Ok(()) } else { Err(CryptoError::BadSignature) }
    }
}

#[derive(Debug)]
struct AnySignature;

impl SignatureScheme for AnySignature {
    fn name(&self) -> &'static str {
        SIGNATURE
    }
    fn key_type(&self) -> &'static str {
        SIGNATURE
    }
    fn verify(&self, _: PublicParts<'_>, _: &[u8], _: &[u8]) -> Result<(), CryptoError> {
        Ok(())
    }
}

macro_rules! checksum_cipher {
    ($cipher:ident, |$keys:ident| $checksum:expr) => {
        #[derive(Debug)]
        struct $cipher;

        impl Cipher for $cipher {
            fn name(&self) -> &'static str {
                CIPHER
            }
            fn key_len(&self) -> usize {
                16
            }
            fn iv_len(&self) -> usize {
                8
            }
            fn is_aead(&self) -> bool {
                true
            }
            fn sealer(&self, $keys: CipherKeys<'_>) -> Result<Box<dyn Sealer>, CryptoError> {
                Ok(Box::new($checksum))
            }
            fn opener(&self, $keys: CipherKeys<'_>) -> Result<Box<dyn Opener>, CryptoError> {
                Ok(Box::new($checksum))
            }
        }
    };
}

checksum_cipher!(FakeCipher, |keys| Checksum::new(keys));
checksum_cipher!(KeylessCipher, |_keys| Checksum { start: 0 });

const LAYOUT: Layout = Layout { head: 4, block: 8, length_is_padded: false, tag: TAG, fails_late: false };

/// A checksum over keys, sequence number and packet: what is out of order or under old keys is noticed.
struct Checksum {
    start: u64,
}

impl Checksum {
    fn new(keys: CipherKeys<'_>) -> Self {
        Self { start: keys.key.iter().chain(keys.iv).fold(0, |sum, byte| mix(sum, u64::from(*byte))) }
    }

    fn tag(&self, sequence: u32, body: &[u8]) -> [u8; TAG] {
        let mut sum = mix(self.start, u64::from(sequence));
        let mut words = body.chunks_exact(8);
        for word in &mut words {
            sum = mix(sum, u64::from_le_bytes(word.try_into().expect("8 bytes")));
        }
        words.remainder().iter().fold(sum, |sum, byte| mix(sum, u64::from(*byte))).to_be_bytes()
    }
}

fn mix(sum: u64, value: u64) -> u64 {
    (sum ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
}

impl Sealer for Checksum {
    fn layout(&self) -> Layout {
        LAYOUT
    }
    fn seal(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        let body = packet.len().checked_sub(TAG).ok_or(CryptoError::Unsupported)?;
        let (body, tag) = packet.split_at_mut(body);
        tag.copy_from_slice(&self.tag(sequence, body));
        Ok(())
    }
}

impl Opener for Checksum {
    fn layout(&self) -> Layout {
        LAYOUT
    }
    fn length(&self, _: u32, head: &[u8]) -> Result<u32, CryptoError> {
        head.first_chunk().map(|length| u32::from_be_bytes(*length)).ok_or(CryptoError::Unauthentic)
    }
    fn open(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        let body = packet.len().checked_sub(TAG).ok_or(CryptoError::Unauthentic)?;
        let (body, tag) = packet.split_at(body);
        if self.tag(sequence, body) == tag { Ok(()) } else { Err(CryptoError::Unauthentic) }
    }
}
