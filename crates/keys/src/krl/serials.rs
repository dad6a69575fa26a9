//! Serial numbers, as they stand in revocation lists: nothing is unpacked, so that a list takes no more memory than its
//! file, whatever it claims.

use crate::KeyError;

const PLACE: &str = "serial numbers of a revocation list";

#[derive(Debug, Clone, Default)]
pub(super) struct Serials {
    /// First and last; sorted and merged by [`sort`](Self::sort).
    ranges: Vec<(u64, u64)>,
    bitmaps: Vec<Bitmap>,
}

#[derive(Debug, Clone)]
struct Bitmap {
    offset: u64,
    /// Big endian: the last bit of the last byte stands for the offset.
    bits: Vec<u8>,
}

impl Serials {
    /// All from the first to the last.
    pub(super) fn add(&mut self, first: u64, last: u64) -> Result<(), KeyError> {
        // 0 is the serial number of those who give none.
        if first == 0 || first > last {
            return Err(KeyError::damaged(PLACE, "not a range of numbers from 1 up"));
        }
        match self.ranges.last_mut() {
            Some((_, end)) if end.checked_add(1) == Some(first) => *end = last,
            _ => self.ranges.push((first, last)),
        }
        Ok(())
    }

    /// All whose bit is set; `bits` without leading zeros.
    pub(super) fn add_bitmap(&mut self, offset: u64, bits: &[u8]) -> Result<(), KeyError> {
        let Some(highest) = highest_bit(bits) else { return Ok(()) };
        if offset.checked_add(highest).is_none() {
            return Err(KeyError::damaged(PLACE, "a bitmap that goes on behind the highest number"));
        }
        if offset == 0 && bits.last().is_some_and(|last| last & 1 == 1) {
            return Err(KeyError::damaged(PLACE, "not numbers from 1 up"));
        }
        self.bitmaps.push(Bitmap { offset, bits: bits.to_vec() });
        Ok(())
    }

    pub(super) fn sort(&mut self) {
        self.ranges.sort_unstable();
        self.ranges.dedup_by(|next, kept| {
            let joins = next.0 <= kept.1.saturating_add(1);
            if joins {
                kept.1 = kept.1.max(next.1);
            }
            joins
        });
    }

    pub(super) fn contains(&self, serial: u64) -> bool {
        if serial == 0 {
            return false;
        }
        let behind = self.ranges.partition_point(|(first, _)| *first <= serial);
        let before = behind.checked_sub(1).and_then(|place| self.ranges.get(place));
        before.is_some_and(|(_, last)| serial <= *last) || self.bitmaps.iter().any(|map| map.contains(serial))
    }
}

impl Bitmap {
    fn contains(&self, serial: u64) -> bool {
        let byte = |place: u64| {
            let from_the_end = usize::try_from(place / 8).ok()?;
            let place = self.bits.len().checked_sub(from_the_end)?.checked_sub(1)?;
            self.bits.get(place).copied()
        };
        let Some(place) = serial.checked_sub(self.offset) else { return false };
        byte(place).is_some_and(|byte| byte >> (place % 8) & 1 == 1)
    }
}

/// The place of the highest bit that is set.
fn highest_bit(bits: &[u8]) -> Option<u64> {
    let first = bits.iter().position(|byte| *byte != 0)?;
    let byte = bits.get(first)?;
    let bytes_below = u64::try_from(bits.len() - first - 1).ok()?;
    Some(bytes_below * 8 + u64::from(byte.ilog2()))
}
