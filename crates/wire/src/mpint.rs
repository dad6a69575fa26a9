use crate::{Decode, DecodeError, Encode, Reader, Writer};

/// A `mpint` that is not negative: its magnitude, big-endian, without leading zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mpint<'a>(&'a [u8]);

impl<'a> Mpint<'a> {
    /// From a big-endian magnitude; leading zeros are dropped.
    pub fn from_magnitude(bytes: &'a [u8]) -> Self {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Self(bytes.get(zeros..).unwrap_or_default())
    }

    /// From the body of a `string` as it was received: canonical and not negative (RFC 4251 section 5).
    pub(crate) fn from_body(body: &'a [u8]) -> Result<Self, DecodeError> {
        match body {
            [first, ..] if first & 0x80 != 0 => Err(DecodeError::MpintNegative),
            [0] => Err(DecodeError::MpintNotCanonical),
            [0, second, ..] if second & 0x80 == 0 => Err(DecodeError::MpintNotCanonical),
            [0, magnitude @ ..] => Ok(Self(magnitude)),
            magnitude => Ok(Self(magnitude)),
        }
    }

    /// The magnitude, big-endian, without leading zeros; empty for zero.
    pub fn magnitude(&self) -> &'a [u8] {
        self.0
    }

    /// How many bits the number has; 0 for zero.
    pub fn bits(&self) -> usize {
        match self.0.first() {
            Some(first) => self.0.len() * 8 - first.leading_zeros() as usize,
            None => 0,
        }
    }
}

impl<'a> Decode<'a> for Mpint<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.mpint()
    }
}

impl Encode for Mpint<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.mpint(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_4251_section_5() {
        for (magnitude, wire) in [
            (vec![], vec![0, 0, 0, 0]),
            (
                vec![0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
                vec![0, 0, 0, 8, 0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
            ),
            (vec![0x80], vec![0, 0, 0, 2, 0, 0x80]),
        ] {
            let mut bytes = Vec::new();
            Mpint::from_magnitude(&magnitude).encode(&mut Writer::new(&mut bytes));
            assert_eq!(bytes, wire);
            let read = Reader::new(&wire).mpint().unwrap();
            assert_eq!(read.magnitude(), magnitude);
        }
    }

    #[test]
    fn defect_090_negative_and_padded_integers_are_refused() {
        assert_eq!(Reader::new(&[0, 0, 0, 2, 0xed, 0xcc]).mpint(), Err(DecodeError::MpintNegative));
        for padded in [&[0, 0, 0, 1, 0][..], &[0, 0, 0, 2, 0, 0x7f], &[0, 0, 0, 3, 0, 0, 0x80]] {
            assert_eq!(Reader::new(padded).mpint(), Err(DecodeError::MpintNotCanonical));
        }
    }

    #[test]
    fn bits_are_counted_from_the_highest_set_one() {
        assert_eq!(Mpint::from_magnitude(&[0, 0]).bits(), 0);
        assert_eq!(Mpint::from_magnitude(&[0, 1]).bits(), 1);
        assert_eq!(Mpint::from_magnitude(&[0x80, 0]).bits(), 16);
    }
}
