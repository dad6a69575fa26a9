//! What keeps a ppk file secret and whole: keys from the passphrase, AES-256 in CBC mode, a MAC over everything.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256};
use feramiko_crypto::cbc::{BlockCipher, CbcDecryptor, CbcEncryptor};
use feramiko_crypto::{HashAlgorithm, Secret};
use feramiko_wire::Writer;
use zeroize::Zeroizing;

use super::{CIPHER, PLACE, PpkVersion};
use crate::error::printable;
use crate::{KeyError, PublicKey};

/// The most memory that Argon2 may take for a file, in KiB; puttygen takes 8192.
const MAX_ARGON2_MEMORY: u64 = 256 << 10;
/// The most that it may work through: memory in KiB times passes. puttygen stays near 170 thousand.
const MAX_ARGON2_WORK: u64 = 4 << 20;
const MAX_LANES: u32 = 64;

const KEY: usize = 32;
const IV: usize = 16;
const MAC_KEY: usize = 32;

/// What version 3 asks of Argon2.
#[derive(Debug)]
pub(super) struct Argon {
    pub(super) algorithm: Algorithm,
    pub(super) memory: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
    pub(super) salt: Vec<u8>,
}

impl Argon {
    pub(super) fn new(
        name: &[u8],
        memory: u32,
        passes: u32,
        lanes: u32,
        salt: Vec<u8>,
    ) -> Result<Self, KeyError> {
        let algorithm = match name {
            b"Argon2id" => Algorithm::Argon2id,
            b"Argon2i" => Algorithm::Argon2i,
            b"Argon2d" => Algorithm::Argon2d,
            name => return Err(KeyError::UnsupportedKdf { name: printable(name) }),
        };
        Ok(Self { algorithm, memory, passes, lanes, salt })
    }

    pub(super) fn name(&self) -> &'static str {
        match self.algorithm {
            Algorithm::Argon2id => "Argon2id",
            Algorithm::Argon2i => "Argon2i",
            Algorithm::Argon2d => "Argon2d",
        }
    }

    /// Bounded before it costs anything.
    fn derive(&self, passphrase: &Secret) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let (memory, passes) = (u64::from(self.memory), u64::from(self.passes));
        let costs = [
            ("KiB of memory for Argon2", memory, MAX_ARGON2_MEMORY),
            ("KiB of work for Argon2", memory.saturating_mul(passes), MAX_ARGON2_WORK),
            ("lanes of Argon2", u64::from(self.lanes), u64::from(MAX_LANES)),
        ];
        if let Some((what, asked, limit)) = costs.into_iter().find(|(_, asked, limit)| asked > limit) {
            return Err(KeyError::TooCostly { what, asked, limit });
        }
        let bad = |_| KeyError::damaged(PLACE, "parameters that Argon2 does not have");
        let mut material = Zeroizing::new(vec![0; KEY + IV + MAC_KEY]);
        let params = Params::new(self.memory, self.passes, self.lanes, Some(material.len())).map_err(bad)?;
        Argon2::new(self.algorithm, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), &self.salt, &mut material)
            .map_err(bad)?;
        Ok(material)
    }
}

/// The keys of a file. Without a passphrase only the MAC's, which then is no secret.
pub(super) struct Keys {
    version: PpkVersion,
    cipher: Option<Zeroizing<Vec<u8>>>,
    mac: Zeroizing<Vec<u8>>,
}

impl Keys {
    pub(super) fn derive(
        version: PpkVersion,
        passphrase: Option<&Secret>,
        argon: Option<&Argon>,
    ) -> Result<Self, KeyError> {
        if let (Some(passphrase), Some(argon)) = (passphrase, argon) {
            let mut cipher = argon.derive(passphrase)?;
            let mac = Zeroizing::new(cipher.get(KEY + IV..).unwrap_or_default().to_vec());
            cipher.truncate(KEY + IV);
            return Ok(Self { version, cipher: Some(cipher), mac });
        }
        let text = passphrase.map_or(&[][..], |passphrase| passphrase.as_bytes());
        let sha1 = |prefix: &[u8]| Zeroizing::new(HashAlgorithm::Sha1.digest(&[prefix, text]));
        let mac = match version {
            PpkVersion::V2 => sha1(b"putty-private-key-file-mac-key"),
            PpkVersion::V3 => Zeroizing::new(Vec::new()),
        };
        let cipher = passphrase.map(|_| {
            let mut cipher = Zeroizing::new(Vec::with_capacity(KEY + IV));
            for half in [[0; 4], [0, 0, 0, 1]] {
                cipher.extend_from_slice(&sha1(&half));
            }
            cipher.truncate(KEY);
            // The initial vector is zero: a key is used once.
            cipher.resize(KEY + IV, 0);
            cipher
        });
        Ok(Self { version, cipher, mac })
    }

    pub(super) fn open(&self, private: &mut [u8]) -> Result<(), KeyError> {
        match self.split() {
            Some((key, iv)) => Ok(CbcDecryptor::new(BlockCipher::Aes256, key, iv)?.decrypt(private)?),
            None => Ok(()),
        }
    }

    pub(super) fn seal(&self, private: &mut [u8]) -> Result<(), KeyError> {
        match self.split() {
            Some((key, iv)) => Ok(CbcEncryptor::new(BlockCipher::Aes256, key, iv)?.encrypt(private)?),
            None => Ok(()),
        }
    }

    fn split(&self) -> Option<(&[u8], &[u8])> {
        self.cipher.as_ref()?.split_at_checked(KEY)
    }

    /// Over type, cipher, comment, public and private part, the last in clear.
    pub(super) fn mac(&self, public: &PublicKey, sealed: bool, comment: &[u8], private: &[u8]) -> Vec<u8> {
        let algorithm = match self.version {
            PpkVersion::V2 => HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            PpkVersion::V3 => HMAC_SHA256,
        };
        let cipher = if sealed { CIPHER } else { "none" };
        let fields = [public.algorithm().as_bytes(), cipher.as_bytes(), comment, public.blob(), private];
        let room = fields.iter().map(|field| field.len() + 4).sum();
        let mut text = Zeroizing::new(Vec::with_capacity(room));
        let mut writer = Writer::new(&mut text);
        for field in fields {
            writer.string(field);
        }
        hmac::sign(&hmac::Key::new(algorithm, &self.mac), &text).as_ref().to_vec()
    }
}
