//! `openssh-key-v1`, OpenSSH's own format of private keys (PROTOCOL.key in its sources).

use base64ct::{Base64, Encoding};
use feramiko_crypto::{CryptoError, Secret};
use feramiko_wire::{Reader, Writer};
use zeroize::Zeroizing;

use crate::sealed::{AES256_CTR, FileCipher, ROUNDS};
use crate::secret_key::SecretKey;
use crate::{KeyError, PublicKey};

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

static WRITTEN_CIPHER: FileCipher = AES256_CTR;

/// Reads the decoded body of a file; answers the key and its comment.
pub(crate) fn read(body: &[u8], passphrase: Option<&Secret>) -> Result<(SecretKey, String), KeyError> {
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
    // Before any work, and before a passphrase is asked for: the type and the sizes.
    let public = PublicKey::from_blob(reader.string().map_err(&damaged)?)?;
    let section = reader.string().map_err(&damaged)?;
    let tag = reader.rest();

    let mut section = Zeroizing::new(section.to_vec());
    let block = if cipher == b"none" {
        if kdf != b"none" || !options.is_empty() || !tag.is_empty() {
            return Err(KeyError::damaged(HEADER, "it is not encrypted and yet has what encryption needs"));
        }
        PLAIN_BLOCK
    } else {
        open(&mut section, cipher, kdf, options, tag, passphrase)?
    };
    if section.is_empty() || !section.len().is_multiple_of(block) {
        return Err(KeyError::damaged(SECTION, "its length is not a multiple of the cipher's block"));
    }
    read_section(&section, &public, cipher != b"none")
}

/// Decrypts in place; answers the block that the plaintext is padded to.
fn open(
    section: &mut [u8],
    cipher: &[u8],
    kdf: &[u8],
    options: &[u8],
    tag: &[u8],
    passphrase: Option<&Secret>,
) -> Result<usize, KeyError> {
    let cipher = FileCipher::find(cipher)?;
    if kdf != b"bcrypt" {
        return Err(KeyError::UnsupportedKdf { name: crate::error::printable(kdf) });
    }
    if tag.len() != cipher.tag || section.is_empty() || !section.len().is_multiple_of(cipher.block) {
        return Err(KeyError::damaged(SECTION, "its length does not fit the cipher"));
    }
    let passphrase = passphrase
        .filter(|passphrase| !passphrase.as_bytes().is_empty())
        .ok_or(KeyError::PassphraseNeeded)?;
    cipher.unlock(options, passphrase)?.open(section, tag)?;
    Ok(cipher.block)
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
    passphrase: Option<&Secret>,
) -> Result<Zeroizing<String>, KeyError> {
    if comment.contains(char::is_control) {
        return Err(KeyError::Unprintable { what: "comment" });
    }
    let passphrase = passphrase.filter(|passphrase| !passphrase.as_bytes().is_empty());
    let block = if passphrase.is_some() { WRITTEN_CIPHER.block } else { PLAIN_BLOCK };
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
    match passphrase {
        None => {
            writer.string(b"none");
            writer.string(b"none");
            writer.string(b"");
        }
        Some(passphrase) => {
            let salt = random::<SALT_BYTES>()?;
            WRITTEN_CIPHER.derive(&salt, ROUNDS, passphrase)?.ctr(&mut section)?;
            writer.string(WRITTEN_CIPHER.name.as_bytes());
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
    Ok(armor(&body))
}

fn armor(body: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(Base64::encode_string(body));
    let mut text = Zeroizing::new(String::with_capacity(base64.len() + base64.len() / LINE + 100));
    text.push_str("-----BEGIN OPENSSH PRIVATE KEY-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(LINE).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END OPENSSH PRIVATE KEY-----\n");
    text
}

fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyError::Crypto(CryptoError::Backend))?;
    Ok(bytes)
}
