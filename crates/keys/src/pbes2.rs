//! Encrypted PKCS#8 (RFC 5958 section 3) under PBES2 (RFC 8018 section 6.2): PBKDF2 or scrypt, and a cipher in CBC mode.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use feramiko_crypto::Secret;
use feramiko_crypto::cbc::BlockCipher;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{self, Reader, SliceReader};
use pkcs8::{AlgorithmIdentifierRef, ObjectIdentifier};
use zeroize::Zeroizing;

use crate::der_write::{integer, object, octets, sequence};
use crate::sealed::random;
use crate::{KeyError, padded};

const PLACE: &str = "encrypted PKCS#8 key";
/// The most iterations of PBKDF2 for a file: some seconds. OpenSSL writes 2048, careful people a million.
const MAX_ITERATIONS: u64 = 10_000_000;
/// The most memory that scrypt may take for a file, in bytes (`128 * N * r`), and the most that it may work through.
const MAX_SCRYPT_MEMORY: u64 = 256 << 20;
const MAX_SCRYPT_WORK: u64 = 1 << 30;
/// What we write.
const ITERATIONS: u32 = 600_000;

const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");
const SCRYPT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11591.4.11");
const AES256_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.42");
const HMAC_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.9");
const CIPHERS: [(&str, &str, BlockCipher); 4] = [
    ("2.16.840.1.101.3.4.1.2", "aes-128-cbc", BlockCipher::Aes128),
    ("2.16.840.1.101.3.4.1.22", "aes-192-cbc", BlockCipher::Aes192),
    ("2.16.840.1.101.3.4.1.42", "aes-256-cbc", BlockCipher::Aes256),
    ("1.2.840.113549.3.7", "des-ede3-cbc", BlockCipher::TripleDes),
];
static HASHES: [(&str, &str, &pbkdf2::Algorithm); 4] = [
    ("1.2.840.113549.2.7", "PBKDF2-HMAC-SHA1", &pbkdf2::PBKDF2_HMAC_SHA1),
    ("1.2.840.113549.2.9", "PBKDF2-HMAC-SHA256", &pbkdf2::PBKDF2_HMAC_SHA256),
    ("1.2.840.113549.2.10", "PBKDF2-HMAC-SHA384", &pbkdf2::PBKDF2_HMAC_SHA384),
    ("1.2.840.113549.2.11", "PBKDF2-HMAC-SHA512", &pbkdf2::PBKDF2_HMAC_SHA512),
];
/// What is not done, by names that people can look up.
const OTHERS: [(&str, &str); 14] = [
    ("1.2.840.113549.1.5.1", "PBES1 (pbeWithMD2AndDES-CBC)"),
    ("1.2.840.113549.1.5.3", "PBES1 (pbeWithMD5AndDES-CBC)"),
    ("1.2.840.113549.1.5.4", "PBES1 (pbeWithMD2AndRC2-CBC)"),
    ("1.2.840.113549.1.5.6", "PBES1 (pbeWithMD5AndRC2-CBC)"),
    ("1.2.840.113549.1.5.10", "PBES1 (pbeWithSHA1AndDES-CBC)"),
    ("1.2.840.113549.1.5.11", "PBES1 (pbeWithSHA1AndRC2-CBC)"),
    ("1.2.840.113549.1.12.1.1", "PBES1 of PKCS#12 (pbeWithSHA1And128BitRC4)"),
    ("1.2.840.113549.1.12.1.2", "PBES1 of PKCS#12 (pbeWithSHA1And40BitRC4)"),
    ("1.2.840.113549.1.12.1.3", "PBES1 of PKCS#12 (pbeWithSHA1And3-KeyTripleDES-CBC)"),
    ("1.2.840.113549.1.12.1.4", "PBES1 of PKCS#12 (pbeWithSHA1And2-KeyTripleDES-CBC)"),
    ("1.2.840.113549.1.12.1.5", "PBES1 of PKCS#12 (pbeWithSHA1And128BitRC2-CBC)"),
    ("1.2.840.113549.1.12.1.6", "PBES1 of PKCS#12 (pbeWithSHA1And40BitRC2-CBC)"),
    ("1.2.840.113549.2.8", "PBKDF2-HMAC-SHA224"),
    ("1.2.840.113549.3.2", "rc2-cbc"),
];

/// An encrypted file taken apart.
pub(crate) struct Pbes2 {
    kdf: Kdf,
    /// The name of the cipher.
    pub(crate) cipher: &'static str,
    algorithm: BlockCipher,
    iv: Vec<u8>,
    sealed: Vec<u8>,
}

enum Kdf {
    Pbkdf2 { name: &'static str, algorithm: &'static pbkdf2::Algorithm, salt: Vec<u8>, iterations: u64 },
    Scrypt { salt: Vec<u8>, n: u64, r: u64, p: u64 },
}

impl Pbes2 {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, KeyError> {
        let damaged = KeyError::damaged_by(PLACE);
        let mut reader = SliceReader::new(text).map_err(&damaged)?;
        let (algorithm, sealed) = reader
            .sequence(|fields| {
                let algorithm = fields.decode::<AlgorithmIdentifierRef<'_>>()?;
                Ok::<_, der::Error>((algorithm, fields.decode::<&OctetStringRef>()?))
            })
            .map_err(&damaged)?;
        reader.finish().map_err(&damaged)?;
        if algorithm.oid != PBES2 {
            return Err(KeyError::UnsupportedFormat {
                name: format!("PKCS#8 under {}", name(algorithm.oid)),
            });
        }
        let (kdf, cipher) = parameters(algorithm)?
            .sequence(|fields| Ok::<_, der::Error>((fields.decode()?, fields.decode()?)))
            .map_err(damaged)?;
        let (cipher, algorithm, iv) = read_cipher(cipher)?;
        Ok(Self { kdf: read_kdf(kdf)?, cipher, algorithm, iv, sealed: sealed.as_bytes().to_vec() })
    }

    /// The name of the key derivation.
    pub(crate) fn kdf(&self) -> &'static str {
        match &self.kdf {
            Kdf::Pbkdf2 { name, .. } => name,
            Kdf::Scrypt { .. } => "scrypt",
        }
    }

    pub(crate) fn open(&self, passphrase: &Secret) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let mut key = Zeroizing::new(vec![0; self.algorithm.key_len()]);
        self.kdf.derive(passphrase, &mut key)?;
        padded::open(self.algorithm, &key, &self.iv, &self.sealed)
    }
}

impl Kdf {
    /// Bounded before it costs anything.
    fn derive(&self, passphrase: &Secret, key: &mut [u8]) -> Result<(), KeyError> {
        match self {
            Self::Pbkdf2 { algorithm, salt, iterations, .. } => {
                if *iterations > MAX_ITERATIONS {
                    let what = "PBKDF2 iterations";
                    return Err(KeyError::TooCostly { what, asked: *iterations, limit: MAX_ITERATIONS });
                }
                let iterations = u32::try_from(*iterations).ok().and_then(NonZeroU32::new);
                let iterations = iterations.ok_or_else(|| KeyError::damaged(PLACE, "no iterations"))?;
                pbkdf2::derive(**algorithm, iterations, salt, passphrase.as_bytes(), key);
                Ok(())
            }
            Self::Scrypt { salt, n, r, p } => {
                let memory = n.saturating_mul(*r).saturating_mul(128);
                let costs = [
                    ("bytes of memory for scrypt", memory, MAX_SCRYPT_MEMORY),
                    ("bytes of work for scrypt", memory.saturating_mul(*p), MAX_SCRYPT_WORK),
                ];
                if let Some((what, asked, limit)) = costs.into_iter().find(|(_, asked, limit)| asked > limit)
                {
                    return Err(KeyError::TooCostly { what, asked, limit });
                }
                let bad = || KeyError::damaged(PLACE, "parameters that scrypt does not have");
                if !n.is_power_of_two() || *n < 2 {
                    return Err(bad());
                }
                let log_n = u8::try_from(n.ilog2()).map_err(|_| bad())?;
                let (r, p) = (u32::try_from(*r).map_err(|_| bad())?, u32::try_from(*p).map_err(|_| bad())?);
                let params = scrypt::Params::new(log_n, r, p).map_err(|_| bad())?;
                scrypt::scrypt(passphrase.as_bytes(), salt, &params, key).map_err(|_| bad())
            }
        }
    }
}

/// Encrypts a PKCS#8 key with AES-256 in CBC mode under PBKDF2 with HMAC-SHA256.
pub(crate) fn seal(key: &[u8], passphrase: &Secret) -> Result<Vec<u8>, KeyError> {
    let (salt, iv) = (random::<16>()?, random::<16>()?);
    let mut derived = Zeroizing::new([0; 32]);
    let iterations = NonZeroU32::new(ITERATIONS).ok_or_else(|| KeyError::damaged(PLACE, "no iterations"))?;
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, passphrase.as_bytes(), &mut *derived);
    let sealed = padded::seal(BlockCipher::Aes256, &*derived, &iv, key)?;
    let hash = sequence(&[&object(HMAC_SHA256), &[5, 0]]);
    let kdf = sequence(&[&octets(&salt), &integer(&ITERATIONS.to_be_bytes()), &hash]);
    let kdf = sequence(&[&object(PBKDF2), &kdf]);
    let cipher = sequence(&[&object(AES256_CBC), &octets(&iv)]);
    let algorithm = sequence(&[&object(PBES2), &sequence(&[&kdf, &cipher])]);
    Ok(sequence(&[&algorithm, &octets(&sealed)]).to_vec())
}

fn parameters(algorithm: AlgorithmIdentifierRef<'_>) -> Result<der::asn1::AnyRef<'_>, KeyError> {
    algorithm.parameters.ok_or_else(|| KeyError::damaged(PLACE, "an algorithm without its parameters"))
}

fn read_cipher(cipher: AlgorithmIdentifierRef<'_>) -> Result<(&'static str, BlockCipher, Vec<u8>), KeyError> {
    let oid = cipher.oid.to_string();
    let (_, name, algorithm) = CIPHERS
        .into_iter()
        .find(|(known, ..)| *known == oid)
        .ok_or_else(|| KeyError::UnsupportedCipher { name: name(cipher.oid) })?;
    let iv = parameters(cipher)?.decode_as::<&OctetStringRef>().map_err(KeyError::damaged_by(PLACE))?;
    if iv.as_bytes().len() != algorithm.block_len() {
        return Err(KeyError::damaged(PLACE, "the initial vector is not as long as the cipher's block"));
    }
    Ok((name, algorithm, iv.as_bytes().to_vec()))
}

fn read_kdf(kdf: AlgorithmIdentifierRef<'_>) -> Result<Kdf, KeyError> {
    let damaged = KeyError::damaged_by(PLACE);
    let fields = parameters(kdf)?;
    match kdf.oid {
        PBKDF2 => {
            let (salt, iterations, hash) = fields
                .sequence(|fields| {
                    let salt = fields.decode::<&OctetStringRef>()?.as_bytes().to_vec();
                    let iterations = fields.decode::<u64>()?;
                    let _key_length = fields.decode::<Option<u32>>()?;
                    let hash = fields.decode::<Option<AlgorithmIdentifierRef<'_>>>()?;
                    Ok::<_, der::Error>((salt, iterations, hash))
                })
                .map_err(damaged)?;
            // RFC 8018 appendix A.2: HMAC-SHA1 where none is named.
            let oid = hash.map_or_else(|| "1.2.840.113549.2.7".to_owned(), |hash| hash.oid.to_string());
            let (_, name, algorithm) = HASHES
                .iter()
                .find(|(known, ..)| *known == oid)
                .ok_or_else(|| KeyError::UnsupportedKdf { name: hash.map_or(oid, |hash| name(hash.oid)) })?;
            Ok(Kdf::Pbkdf2 { name, algorithm, salt, iterations })
        }
        // RFC 7914 section 7.
        SCRYPT => fields
            .sequence(|fields| {
                let salt = fields.decode::<&OctetStringRef>()?.as_bytes().to_vec();
                let (n, r, p) = (fields.decode()?, fields.decode()?, fields.decode()?);
                let _key_length = fields.decode::<Option<u32>>()?;
                Ok::<_, der::Error>(Kdf::Scrypt { salt, n, r, p })
            })
            .map_err(damaged),
        oid => Err(KeyError::UnsupportedKdf { name: name(oid) }),
    }
}

/// The name of what is not supported, or its number.
fn name(oid: ObjectIdentifier) -> String {
    let number = oid.to_string();
    let known = OTHERS.iter().find(|(known, _)| *known == number);
    known.map_or(number.clone(), |(_, name)| (*name).to_owned())
}
