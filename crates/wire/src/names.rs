use crate::{Decode, DecodeError, Encode, Reader, Writer};

/// The longest name an algorithm, method, channel kind or request may have (RFC 4251 section 6).
pub const MAX_NAME_BYTES: usize = 64;

/// A `name-list`: names in order of preference, each checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NameList<'a>(&'a str);

impl<'a> NameList<'a> {
    /// Checks the body of a name-list: printable ASCII, no empty name, none over 64 bytes.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let text = std::str::from_utf8(body).map_err(|_| DecodeError::BadName)?;
        if !text.is_empty() {
            for name in text.split(',') {
                if name.len() > MAX_NAME_BYTES {
                    return Err(DecodeError::LongName);
                }
                if !is_name(name) {
                    return Err(DecodeError::BadName);
                }
            }
        }
        Ok(Self(text))
    }

    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.split(',').filter(|name| !name.is_empty())
    }

    /// Whether `name` is in the list.
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|listed| listed == name)
    }

    /// The first name.
    pub fn first(&self) -> Option<&'a str> {
        self.iter().next()
    }

    /// Whether no name is in the list.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names joined by commas, as on the wire.
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

/// Whether `name` may be a name of RFC 4251 section 6: 1 to 64 printable ASCII characters, no comma, no space.
pub fn is_name(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

impl<'a> Decode<'a> for NameList<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.name_list()
    }
}

impl Encode for NameList<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.string(self.0.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_4251_section_5() {
        assert_eq!(NameList::parse(b"").unwrap().iter().count(), 0);
        assert_eq!(NameList::parse(b"zlib").unwrap().iter().collect::<Vec<_>>(), ["zlib"]);
        assert_eq!(NameList::parse(b"zlib,none").unwrap().iter().collect::<Vec<_>>(), ["zlib", "none"]);
    }

    #[test]
    fn defect_018_names_are_short_printable_and_not_empty() {
        for bad in [&b","[..], b"a,", b",a", b"a,,b", b"a b", b"a\n", b"\xff", "\u{e9}".as_bytes()] {
            assert_eq!(NameList::parse(bad), Err(DecodeError::BadName), "{bad:?}");
        }
        assert!(NameList::parse(&[b'a'; 64]).is_ok());
        assert_eq!(NameList::parse(&[b'a'; 65]), Err(DecodeError::LongName));
    }
}
