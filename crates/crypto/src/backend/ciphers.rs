//! The ciphers in order of preference, those of old behind.

use crate::cbc::BlockCipher;
use crate::cipher::Cipher;

use super::cbc::Cbc;
use super::chachapoly::ChaChaPoly;
use super::ctr::{AesCtr, BlowfishCtr};
use super::gcm::AesGcm;

/// AES-GCM first: with the instructions that nearly every processor has it is the fastest by far, and its
/// length in clear needs no strict KEX.
pub(crate) static ALL: [&dyn Cipher; 12] = [
    &AesGcm::AES256,
    &AesGcm::AES128,
    &ChaChaPoly,
    &AesCtr::AES256,
    &AesCtr::AES192,
    &AesCtr::AES128,
    &Cbc { name: "aes256-cbc", cipher: BlockCipher::Aes256 },
    &Cbc { name: "aes192-cbc", cipher: BlockCipher::Aes192 },
    &Cbc { name: "aes128-cbc", cipher: BlockCipher::Aes128 },
    &BlowfishCtr,
    &Cbc { name: "blowfish-cbc", cipher: BlockCipher::Blowfish },
    &Cbc { name: "3des-cbc", cipher: BlockCipher::TripleDes },
];
