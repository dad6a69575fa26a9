/// Appends the types of RFC 4251 section 5 to a buffer.
///
/// Lengths are `uint32` on the wire; a caller never hands in 4 GiB or more, and a string that were
/// longer would be written with a saturated length.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// `byte`.
    pub fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    /// `boolean`.
    pub fn boolean(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// `uint32`.
    pub fn u32(&mut self, value: u32) {
        self.raw(&value.to_be_bytes());
    }

    /// `uint64`.
    pub fn u64(&mut self, value: u64) {
        self.raw(&value.to_be_bytes());
    }

    /// `string`.
    pub fn string(&mut self, bytes: &[u8]) {
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.raw(bytes);
    }

    /// `mpint`, from a big-endian magnitude that may have leading zeros; never negative.
    pub fn mpint(&mut self, magnitude: &[u8]) {
        let value = crate::Mpint::from_magnitude(magnitude);
        let magnitude = value.magnitude();
        let sign = usize::from(magnitude.first().is_some_and(|first| first & 0x80 != 0));
        self.u32(u32::try_from(magnitude.len() + sign).unwrap_or(u32::MAX));
        if sign == 1 {
            self.u8(0);
        }
        self.raw(magnitude);
    }

    /// `name-list`, of names that are known to be names.
    pub fn name_list<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        self.nested(|writer| {
            for (index, name) in names.into_iter().enumerate() {
                if index > 0 {
                    writer.u8(b',');
                }
                writer.raw(name.as_bytes());
            }
        });
    }

    /// A `string` whose content `fill` writes; the length is filled in afterwards.
    pub fn nested<R>(&mut self, fill: impl FnOnce(&mut Writer<'_>) -> R) -> R {
        let start = self.out.len();
        self.u32(0);
        let result = fill(&mut Writer { out: self.out });
        let length = self.out.len().saturating_sub(start + 4);
        if let Some(field) = self.out.get_mut(start..start + 4) {
            field.copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_strings_know_their_lengths() {
        let mut out = vec![9];
        Writer::new(&mut out).nested(|writer| {
            writer.u8(1);
            writer.nested(|inner| inner.raw(b"ab"));
        });
        assert_eq!(out, [9, 0, 0, 0, 7, 1, 0, 0, 0, 2, b'a', b'b']);
    }

    #[test]
    fn name_lists_are_joined_by_commas() {
        let mut out = Vec::new();
        Writer::new(&mut out).name_list(["zlib", "none"]);
        assert_eq!(out, b"\0\0\0\x09zlib,none");
    }
}
