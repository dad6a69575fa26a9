use std::fmt;

/// Bytes that are not what RFC 4251 section 5 says they must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// A field needs more bytes than are left.
    Short {
        /// Bytes the field claims.
        needed: usize,
        /// Bytes that are there.
        left: usize,
    },
    /// Bytes are left after the last field.
    Trailing {
        /// How many.
        left: usize,
    },
    /// A text field is not UTF-8.
    NotUtf8,
    /// A multiple precision integer has needless leading bytes, or is zero written with bytes.
    MpintNotCanonical,
    /// A multiple precision integer is negative where none may be.
    MpintNegative,
    /// A name-list holds an empty name, or one with control characters, spaces or beyond ASCII.
    BadName,
    /// A name is longer than 64 bytes (RFC 4251 section 6).
    LongName,
    /// A count claims more elements than the bytes that are left could hold, or than are allowed.
    Count {
        /// Elements claimed.
        claimed: u32,
        /// Elements possible or allowed.
        limit: usize,
    },
    /// The message number is not the one of the message expected.
    MessageNumber {
        /// The number expected.
        expected: u8,
        /// The number found; `None` for an empty message.
        found: Option<u8>,
    },
    /// A field has a value that its specification does not allow; says which.
    Invalid(&'static str),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { needed, left } => {
                write!(f, "a field needs {needed} bytes and {left} are left")
            }
            Self::Trailing { left } => write!(f, "{left} bytes too many at the end"),
            Self::NotUtf8 => f.write_str("a text is not UTF-8"),
            Self::MpintNotCanonical => f.write_str("an integer has needless leading bytes"),
            Self::MpintNegative => f.write_str("an integer is negative"),
            Self::BadName => f.write_str("a name is empty or has a character that names may not have"),
            Self::LongName => f.write_str("a name is longer than 64 bytes"),
            Self::Count { claimed, limit } => {
                write!(f, "{claimed} elements are claimed where at most {limit} can be")
            }
            Self::MessageNumber { expected, found: Some(found) } => {
                write!(f, "message {found} where {expected} was expected")
            }
            Self::MessageNumber { expected, found: None } => {
                write!(f, "an empty message where {expected} was expected")
            }
            Self::Invalid(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for DecodeError {}
