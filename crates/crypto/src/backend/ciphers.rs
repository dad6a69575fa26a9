//! The ciphers in order of preference.

use crate::cipher::Cipher;

use super::chachapoly::ChaChaPoly;
use super::ctr::AesCtr;
use super::gcm::AesGcm;

/// AES-GCM first: with the instructions that nearly every processor has it is the fastest by far, and its
/// length in clear needs no strict KEX.
pub(crate) static ALL: [&dyn Cipher; 6] =
    [&AesGcm::AES256, &AesGcm::AES128, &ChaChaPoly, &AesCtr::AES256, &AesCtr::AES192, &AesCtr::AES128];
