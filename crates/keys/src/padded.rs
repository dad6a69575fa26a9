//! CBC with the padding of PKCS#7 (RFC 5652 section 6.3), as PEM and PKCS#8 files have it around DER.

use feramiko_crypto::cbc::{BlockCipher, CbcDecryptor, CbcEncryptor};
use zeroize::Zeroizing;

use crate::KeyError;

/// Decrypts what must be one DER value. Anything else is the work of a wrong passphrase: nothing can tell it from damage.
pub(crate) fn open(
    cipher: BlockCipher,
    key: &[u8],
    iv: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if sealed.is_empty() || !sealed.len().is_multiple_of(cipher.block_len()) {
        return Err(KeyError::damaged("encrypted key", "its length is not a multiple of the cipher's block"));
    }
    let mut plain = Zeroizing::new(sealed.to_vec());
    CbcDecryptor::new(cipher, key, iv)?.decrypt(&mut plain)?;
    let padding = plain.last().copied().unwrap_or_default();
    let length = plain.len().checked_sub(usize::from(padding)).ok_or(KeyError::WrongPassphrase)?;
    let padded = plain.get(length..).is_some_and(|tail| tail.iter().all(|byte| *byte == padding));
    if padding == 0 || usize::from(padding) > cipher.block_len() || !padded {
        return Err(KeyError::WrongPassphrase);
    }
    plain.truncate(length);
    if is_sequence(&plain) { Ok(plain) } else { Err(KeyError::WrongPassphrase) }
}

/// Pads and encrypts.
pub(crate) fn seal(cipher: BlockCipher, key: &[u8], iv: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
    let padding = cipher.block_len() - plain.len() % cipher.block_len();
    // As long as it gets from the start: no copy of the plaintext is left behind by growing.
    let mut sealed = Zeroizing::new(Vec::with_capacity(plain.len() + padding));
    sealed.extend_from_slice(plain);
    sealed.resize(plain.len() + padding, u8::try_from(padding).unwrap_or_default());
    CbcEncryptor::new(cipher, key, iv)?.encrypt(&mut sealed)?;
    Ok(std::mem::take(&mut *sealed))
}

/// Whether these bytes are one SEQUENCE, whose length is all of them.
fn is_sequence(der: &[u8]) -> bool {
    let (length, rest) = match der {
        [0x30, length @ 0..=0x7f, rest @ ..] => (usize::from(*length), rest),
        [0x30, 0x81, length, rest @ ..] => (usize::from(*length), rest),
        [0x30, 0x82, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        [0x30, 0x83, high, middle, low, rest @ ..] => {
            (u32::from_be_bytes([0, *high, *middle, *low]) as usize, rest)
        }
        _ => return false,
    };
    rest.len() == length
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIPHER: BlockCipher = BlockCipher::Aes128;
    const KEY: [u8; 16] = [1; 16];
    const IV: [u8; 16] = [2; 16];

    #[test]
    fn every_length_is_padded_and_opened_again() {
        for length in 0..=40_u8 {
            let plain = [&[0x30, length], &vec![7; length.into()][..]].concat();
            let sealed = seal(CIPHER, &KEY, &IV, &plain).unwrap();
            assert_eq!(sealed.len(), (plain.len() + 1).next_multiple_of(16));
            assert_eq!(*open(CIPHER, &KEY, &IV, &sealed).unwrap(), plain);
            assert_eq!(open(CIPHER, &[3; 16], &IV, &sealed), Err(KeyError::WrongPassphrase));
        }
    }

    #[test]
    fn padding_that_is_none_is_a_wrong_passphrase() {
        let encrypt = |mut text: Vec<u8>| {
            CbcEncryptor::new(CIPHER, &KEY, &IV).unwrap().encrypt(&mut text).unwrap();
            open(CIPHER, &KEY, &IV, &text)
        };
        for last in [0, 17, 0xff] {
            let text = [&[0x30, 13], &[9; 13][..], &[last]].concat();
            assert_eq!(encrypt(text), Err(KeyError::WrongPassphrase), "{last}");
        }
        assert_eq!(encrypt([&[0x30, 12], &[9; 12][..], &[3, 2]].concat()), Err(KeyError::WrongPassphrase));
        assert_eq!(encrypt([&[0x31, 13], &[9; 13][..], &[1]].concat()), Err(KeyError::WrongPassphrase));
        assert_eq!(encrypt(vec![16; 16]), Err(KeyError::WrongPassphrase));
    }
}
