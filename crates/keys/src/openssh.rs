//! `openssh-key-v1`, OpenSSH's own format of private keys (PROTOCOL.key in its sources).

use feramiko_crypto::Secret;
use feramiko_wire::{Reader, Writer};
use zeroize::Zeroizing;

use crate::algorithm::LEAST_RSA_BITS;
use crate::sealed::{FileCipher, KeyCipher, ROUNDS, random};
use crate::secret_key::SecretKey;
use crate::{KeyError, PublicKey, pem};

const MAGIC: &[u8] = b"openssh-key-v1\0";
const HEADER: &str = "openssh-key-v1 header";
const SECTION: &str = "openssh-key-v1 private section";
/// Padding of files that are not encrypted.
const PLAIN_BLOCK: usize = 8;
const SALT_BYTES: usize = 16;
/// Characters of base64 in a line, as ssh-keygen has it.
const LINE: usize = 70;
/// More than the largest key needs (RSA of 8192 bits: 4.7 kB), so that no buffer of secrets is moved.
const ROOM: usize = 16 * 1024;

/// A file taken apart.
pub(crate) struct File {
    pub(crate) public: PublicKey,
    section: Zeroizing<Vec<u8>>,
    tag: Vec<u8>,
    seal: Option<Seal>,
}

/// How the private section is encrypted.
struct Seal {
    cipher: &'static FileCipher,
    /// What bcrypt is told.
    options: Vec<u8>,
}

impl File {
    /// Takes the decoded body of a file apart. Before any work, and before a passphrase is asked for: the type and the
    /// sizes are looked at.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, KeyError> {
        let damaged = KeyError::damaged_by(HEADER);
        let rest = body
            .strip_prefix(MAGIC)
            .ok_or_else(|| KeyError::damaged(HEADER, "it does not begin with openssh-key-v1"))?;
        let mut reader = Reader::new(rest);
        let cipher = reader.string().map_err(&damaged)?;
        let kdf = reader.string().map_err(&damaged)?;
        let options = reader.string().map_err(&damaged)?;
        if reader.u32().map_err(&damaged)? != 1 {
            return Err(KeyError::damaged(HEADER, "there is not exactly one key in it"));
        }
        let blob = reader.string().map_err(&damaged)?;
        let public = PublicKey::from_blob_with_rsa_floor(blob, LEAST_RSA_BITS)?;
        let section = reader.string().map_err(&damaged)?;
        let tag = reader.rest();
        let seal = match cipher {
            b"none" if kdf != b"none" || !options.is_empty() || !tag.is_empty() => {
                return Err(KeyError::damaged(
                    HEADER,
                    "it is not encrypted and yet has what encryption needs",
                ));
            }
            b"none" => None,
            cipher => {
                let cipher = FileCipher::find(cipher)?;
                if kdf != b"bcrypt" {
                    return Err(KeyError::UnsupportedKdf { name: crate::error::printable(kdf) });
                }
                Some(Seal { cipher, options: options.to_vec() })
            }
        };
        let block = seal.as_ref().map_or(PLAIN_BLOCK, |seal| seal.cipher.block);
        if section.is_empty() || !section.len().is_multiple_of(block) {
            return Err(KeyError::damaged(SECTION, "its length is not a multiple of the cipher's block"));
        }
        if tag.len() != seal.as_ref().map_or(0, |seal| seal.cipher.tag) {
            return Err(KeyError::damaged(SECTION, "its tag is not as long as the cipher's"));
        }
        Ok(Self { public, section: Zeroizing::new(section.to_vec()), tag: tag.to_vec(), seal })
    }

    /// The name of the cipher, where there is one.
    pub(crate) fn cipher_name(&self) -> Option<&'static str> {
        self.seal.as_ref().map(|seal| seal.cipher.name)
    }

    /// The key and its comment.
    pub(crate) fn open(&self, passphrase: Option<&Secret>) -> Result<(SecretKey, String), KeyError> {
        let mut section = self.section.clone();
        if let Some(seal) = &self.seal {
            let passphrase = passphrase.ok_or(KeyError::PassphraseNeeded)?;
            seal.cipher.unlock(&seal.options, passphrase)?.open(&mut section, &self.tag)?;
        }
        read_section(&section, &self.public, self.seal.is_some())
    }
}

fn read_section(
    section: &[u8],
    public: &PublicKey,
    encrypted: bool,
) -> Result<(SecretKey, String), KeyError> {
    let damaged = KeyError::damaged_by(SECTION);
    let mut reader = Reader::new(section);
    // The same random number twice tells whether the passphrase was right.
    if reader.u32().map_err(&damaged)? != reader.u32().map_err(&damaged)? {
        return Err(match encrypted {
            true => KeyError::WrongPassphrase,
            false => KeyError::damaged(SECTION, "its two check numbers differ"),
        });
    }
    let key = SecretKey::decode(&mut reader)?;
    let comment = String::from_utf8_lossy(reader.string().map_err(damaged)?)
        .chars()
        .filter(|c| !c.is_control())
        .collect();
    let padding = reader.rest();
    if padding.len() > 255 || padding.iter().zip(1..=255_u8).any(|(found, expected)| *found != expected) {
        return Err(KeyError::damaged(SECTION, "its padding is not 1, 2, 3 and so on"));
    }
    if key.public_key()? != *public {
        return Err(KeyError::Mismatch);
    }
    Ok((key, comment))
}

/// The text of a file, lines ended by `\n`; encrypted when there is a passphrase that is not empty.
pub(crate) fn write(
    key: &SecretKey,
    public: &PublicKey,
    comment: &str,
    protection: Option<(&Secret, KeyCipher)>,
) -> Result<Zeroizing<String>, KeyError> {
    if comment.contains(char::is_control) {
        return Err(KeyError::Unprintable { what: "comment" });
    }
    let protection = protection.filter(|(passphrase, _)| !passphrase.as_bytes().is_empty());
    let block = protection.map_or(PLAIN_BLOCK, |(_, cipher)| cipher.0.block);
    let mut section = Zeroizing::new(Vec::with_capacity(ROOM + comment.len()));
    let mut writer = Writer::new(&mut section);
    let check = random::<4>()?;
    writer.raw(&check);
    writer.raw(&check);
    key.encode(&mut writer);
    writer.string(comment.as_bytes());
    let padding = section.len().next_multiple_of(block) - section.len();
    section.extend((1..=255_u8).take(padding));

    let mut body = Zeroizing::new(Vec::with_capacity(2 * ROOM + comment.len()));
    let mut writer = Writer::new(&mut body);
    writer.raw(MAGIC);
    let mut tag = Vec::new();
    match protection {
        None => {
            writer.string(b"none");
            writer.string(b"none");
            writer.string(b"");
        }
        Some((passphrase, KeyCipher(cipher))) => {
            let salt = random::<SALT_BYTES>()?;
            tag = cipher.derive(&salt, ROUNDS, passphrase)?.seal(&mut section)?;
            writer.string(cipher.name.as_bytes());
            writer.string(b"bcrypt");
            writer.nested(|options| {
                options.string(&salt);
                options.u32(ROUNDS);
            });
        }
    }
    writer.u32(1);
    writer.string(public.blob());
    writer.string(&section);
    writer.raw(&tag);
    Ok(pem::armor("OPENSSH PRIVATE KEY", &body, LINE))
}
