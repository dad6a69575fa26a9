//! Every type of RFC 4251 section 5: what is read is what was written, a failed read reads nothing, and nothing is
//! allocated.
#![no_main]

use feramiko_fuzz::{Choices, allocates_at_most};
use feramiko_wire::{Decode, Encode, Mpint, NameList, Reader, Writer, is_name, sanitize};
use libfuzzer_sys::fuzz_target;

/// Reads a value; one that could be read is written again to the same bytes, unless `loose`.
fn check<'a, T: Decode<'a> + Encode>(reader: &mut Reader<'a>, loose: bool) {
    let before = reader.remaining();
    match T::decode(reader) {
        Ok(value) => {
            let read = &before[..before.len() - reader.remaining().len()];
            let mut written = Vec::new();
            value.encode(&mut Writer::new(&mut written));
            assert!(loose || written == read, "{read:02x?} was written as {written:02x?}");
        }
        Err(error) => {
            assert_eq!(before, reader.remaining(), "a failed read moved the reader");
            assert!(!error.to_string().is_empty());
        }
    }
}

fn read_all(kinds: &mut Choices<'_>, bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    while !kinds.is_empty() {
        match kinds.below(12) {
            0 => check::<u8>(&mut reader, false),
            // Every value but 0 is true.
            1 => check::<bool>(&mut reader, true),
            2 => check::<u32>(&mut reader, false),
            3 => check::<u64>(&mut reader, false),
            4 => check::<&[u8]>(&mut reader, false),
            5 => check::<&str>(&mut reader, false),
            6 => check::<Mpint<'_>>(&mut reader, false),
            7 => check::<NameList<'_>>(&mut reader, false),
            8 => check::<[u8; 16]>(&mut reader, false),
            9 => drop(reader.take(kinds.below(300))),
            10 => {
                let (element, limit) = (kinds.below(20), kinds.below(100));
                let left = reader.remaining().len();
                if let Ok(count) = reader.count(element, limit) {
                    assert!(count <= limit && count * element.max(1) <= left);
                }
            }
            _ => drop(reader.clone().finish()),
        }
    }
}

fn values(bytes: &[u8]) {
    let magnitude = Mpint::from_magnitude(bytes);
    assert!(magnitude.magnitude().first() != Some(&0));
    assert!(magnitude.bits() <= bytes.len() * 8);
    if let Ok(list) = NameList::parse(bytes) {
        assert!(list.iter().all(is_name));
        assert_eq!(list.iter().collect::<Vec<_>>().join(","), list.as_str());
        assert!(list.first().is_none_or(|first| list.contains(first)));
    }
    let clean = sanitize(bytes);
    assert!(clean.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
    assert_eq!(sanitize(clean.as_bytes()), clean);
}

fuzz_target!(|data: &[u8]| {
    let (kinds, bytes) = data.split_at(data.len().min(24));
    allocates_at_most(4096 + 16 * data.len(), || {
        read_all(&mut Choices::new(kinds), bytes);
        values(bytes);
    });
});
