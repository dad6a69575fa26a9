use crate::{DecodeError, Reader, Writer};

/// A type that reads itself from the wire.
pub trait Decode<'a>: Sized {
    /// Reads one value; what follows stays unread.
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;
}

/// A type that writes itself to the wire.
pub trait Encode {
    /// Appends this value.
    fn encode(&self, writer: &mut Writer<'_>);
}

/// All bytes up to the end of the message, without a length before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest<'a>(pub &'a [u8]);

macro_rules! codec {
    ($($type:ty, |$reader:ident| $read:expr, |$value:ident, $writer:ident| $write:expr;)*) => {$(
        impl<'a> Decode<'a> for $type {
            fn decode($reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
                $read
            }
        }
        impl Encode for $type {
            fn encode(&self, $writer: &mut Writer<'_>) {
                let $value = self;
                $write
            }
        }
    )*};
}

codec! {
    u8, |reader| reader.u8(), |value, writer| writer.u8(*value);
    bool, |reader| reader.boolean(), |value, writer| writer.boolean(*value);
    u32, |reader| reader.u32(), |value, writer| writer.u32(*value);
    u64, |reader| reader.u64(), |value, writer| writer.u64(*value);
}

impl<'a> Decode<'a> for &'a [u8] {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.string()
    }
}

impl Encode for &[u8] {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.string(self);
    }
}

impl<'a> Decode<'a> for &'a str {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.utf8()
    }
}

impl Encode for &str {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.string(self.as_bytes());
    }
}

impl<'a, const N: usize> Decode<'a> for [u8; N] {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.array()
    }
}

impl<const N: usize> Encode for [u8; N] {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.raw(self);
    }
}

impl<'a> Decode<'a> for Rest<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self(reader.rest()))
    }
}

impl Encode for Rest<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.raw(self.0);
    }
}
