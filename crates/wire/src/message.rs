/// Makes message types from a table: a type, its number, its fields in the order of the wire.
///
/// Each type gets `NUMBER`, `decode` (which checks the number and refuses trailing bytes) and
/// `encode` (which writes the number first). Field types are those of [`Decode`](crate::Decode) and
/// [`Encode`](crate::Encode): `u8`, `bool`, `u32`, `u64`, `&'a [u8]` and `&'a str` (both `string`),
/// `[u8; N]` (bytes without a length), [`Mpint`](crate::Mpint), [`NameList`](crate::NameList),
/// [`Rest`](crate::Rest).
///
/// ```
/// feramiko_wire::messages! {
///     /// SSH_MSG_SERVICE_REQUEST, RFC 4253 section 10.
///     pub struct ServiceRequest<'a> = 5 {
///         /// The service wanted.
///         service: &'a str,
///     }
/// }
/// let mut payload = Vec::new();
/// ServiceRequest { service: "ssh-userauth" }.encode(&mut payload);
/// assert_eq!(payload, b"\x05\0\0\0\x0cssh-userauth");
/// assert_eq!(ServiceRequest::decode(&payload)?.service, "ssh-userauth");
/// # Ok::<(), feramiko_wire::DecodeError>(())
/// ```
#[macro_export]
macro_rules! messages {
    ($(
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident $(<$life:lifetime>)? = $number:literal {
            $($(#[$field_meta:meta])* $field:ident: $type:ty,)*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $visibility struct $name $(<$life>)? {
            $($(#[$field_meta])* $visibility $field: $type,)*
        }

        #[allow(dead_code)]
        impl $(<$life>)? $name $(<$life>)? {
            /// The message number.
            $visibility const NUMBER: u8 = $number;

            /// Reads a whole message, its number first; nothing may follow.
            $visibility fn decode(payload: $crate::messages!(@bytes $($life)?)) -> ::core::result::Result<Self, $crate::DecodeError> {
                let mut reader = $crate::Reader::new(payload);
                match reader.u8() {
                    Ok(Self::NUMBER) => {}
                    found => return Err($crate::DecodeError::MessageNumber {
                        expected: Self::NUMBER,
                        found: found.ok(),
                    }),
                }
                $(let $field = $crate::Decode::decode(&mut reader)?;)*
                reader.finish()?;
                Ok(Self { $($field,)* })
            }

            /// Appends the whole message, its number first.
            $visibility fn encode(&self, out: &mut ::std::vec::Vec<u8>) {
                let mut writer = $crate::Writer::new(out);
                writer.u8(Self::NUMBER);
                $($crate::Encode::encode(&self.$field, &mut writer);)*
            }
        }
    )*};
    (@bytes $life:lifetime) => { &$life [u8] };
    (@bytes) => { &[u8] };
}

#[cfg(test)]
mod tests {
    use crate::{DecodeError, Rest};

    messages! {
        struct Both<'a> = 90 {
            kind: &'a str,
            number: u32,
            flag: bool,
            tail: Rest<'a>,
        }
        struct Empty = 82 {}
    }

    #[test]
    fn a_message_reads_what_it_wrote() {
        let message = Both { kind: "session", number: 7, flag: true, tail: Rest(b"xyz") };
        let mut payload = Vec::new();
        message.encode(&mut payload);
        assert_eq!(Both::decode(&payload), Ok(message));
    }

    #[test]
    fn the_number_is_checked_and_nothing_may_follow() {
        assert_eq!(Empty::decode(&[82]), Ok(Empty {}));
        assert_eq!(Empty::decode(&[82, 0]), Err(DecodeError::Trailing { left: 1 }));
        assert_eq!(Empty::decode(&[81]), Err(DecodeError::MessageNumber { expected: 82, found: Some(81) }));
        assert_eq!(Empty::decode(&[]), Err(DecodeError::MessageNumber { expected: 82, found: None }));
    }
}
