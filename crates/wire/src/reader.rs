use crate::{DecodeError, Mpint, NameList};

/// Reads the types of RFC 4251 section 5 from the front of borrowed bytes.
///
/// A failed read leaves the reader where it was.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The bytes not read yet; they stay unread.
    pub fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// `count` bytes as they are.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(DecodeError::Short { needed: count, left: self.rest.len() }),
        }
    }

    /// `N` bytes as they are.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(DecodeError::Short { needed: N, left: self.rest.len() }),
        }
    }

    /// All that is left, as it is.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// `byte`.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// `boolean`: every value but 0 is true (RFC 4251 section 5).
    pub fn boolean(&mut self) -> Result<bool, DecodeError> {
        Ok(self.u8()? != 0)
    }

    /// `uint32`.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// `uint64`.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// `string`: the bytes without their length.
    pub fn string(&mut self) -> Result<&'a [u8], DecodeError> {
        let mut ahead = self.clone();
        let length = ahead.u32()?;
        // A length that does not fit in usize is more than can be there.
        let taken = ahead.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        *self = ahead;
        Ok(taken)
    }

    /// `string` that must be UTF-8.
    pub fn utf8(&mut self) -> Result<&'a str, DecodeError> {
        let mut ahead = self.clone();
        let text = std::str::from_utf8(ahead.string()?).map_err(|_| DecodeError::NotUtf8)?;
        *self = ahead;
        Ok(text)
    }

    /// `mpint`, canonical and not negative.
    pub fn mpint(&mut self) -> Result<Mpint<'a>, DecodeError> {
        let mut ahead = self.clone();
        let value = Mpint::from_body(ahead.string()?)?;
        *self = ahead;
        Ok(value)
    }

    /// `name-list`.
    pub fn name_list(&mut self) -> Result<NameList<'a>, DecodeError> {
        let mut ahead = self.clone();
        let list = NameList::parse(ahead.string()?)?;
        *self = ahead;
        Ok(list)
    }

    /// A `uint32` that counts elements to come, each of at least `element_bytes` (1 or more):
    /// refused when it exceeds `limit` or what the bytes left could hold, so it is safe as a capacity.
    pub fn count(&mut self, element_bytes: usize, limit: usize) -> Result<usize, DecodeError> {
        let mut ahead = self.clone();
        let claimed = ahead.u32()?;
        let possible = (ahead.rest.len() / element_bytes.max(1)).min(limit);
        match usize::try_from(claimed) {
            Ok(count) if count <= possible => {
                *self = ahead;
                Ok(count)
            }
            _ => Err(DecodeError::Count { claimed, limit: possible }),
        }
    }

    /// Refuses bytes that nobody read.
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing { left }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defect_047_a_claimed_length_is_compared_before_anything() {
        for claimed in [5_u32, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
            let mut bytes = claimed.to_be_bytes().to_vec();
            bytes.extend_from_slice(b"abcd");
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.string(), Err(DecodeError::Short { needed: claimed as usize, left: 4 }));
            assert_eq!(reader.remaining(), bytes, "a failed read leaves the reader where it was");
        }
    }

    #[test]
    fn defect_050_a_count_is_bounded_by_what_is_left() {
        let mut bytes = 3_u32.to_be_bytes().to_vec();
        bytes.extend_from_slice(&[0; 11]);
        assert_eq!(Reader::new(&bytes).count(4, 100), Err(DecodeError::Count { claimed: 3, limit: 2 }));
        bytes.push(0);
        assert_eq!(Reader::new(&bytes).count(4, 100), Ok(3));
        assert_eq!(Reader::new(&bytes).count(4, 2), Err(DecodeError::Count { claimed: 3, limit: 2 }));
        assert_eq!(Reader::new(&bytes).count(0, 100), Ok(3), "an element of no bytes divides nothing");
    }

    #[test]
    fn defect_089_trailing_bytes_are_refused() {
        let mut reader = Reader::new(&[1, 2]);
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.finish(), Err(DecodeError::Trailing { left: 1 }));
    }

    #[test]
    fn booleans_other_than_one_are_true() {
        assert_eq!(Reader::new(&[0]).boolean(), Ok(false));
        assert_eq!(Reader::new(&[2]).boolean(), Ok(true));
    }
}
