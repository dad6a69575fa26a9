//! What a channel has received and nobody has read yet.

use std::collections::VecDeque;

/// A buffer larger than this is given back to the system when it is empty, not kept for the next channel.
const MAX_SPARE: usize = 512 * 1024;
/// How many empty buffers are kept.
const SPARES: usize = 4;
/// The least a buffer grows to: keystrokes and prompts fit.
const FIRST: usize = 512;

/// Empty buffers of a connection. A channel has one only while it has bytes: an idle one costs nothing, and a busy
/// one, which runs empty all the time, does not ask the allocator all the time.
#[derive(Debug, Default)]
pub(super) struct Spares(Vec<VecDeque<u8>>);

/// Bytes in the order of their arrival. Grows with what came, never with what a window allows to come.
#[derive(Debug, Default)]
pub(super) struct Ring {
    bytes: VecDeque<u8>,
}

impl Ring {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Appends `data`. The window the bytes came through bounds what is allocated ahead of need.
    pub(super) fn push(&mut self, data: &[u8], window: usize, spares: &mut Spares) {
        if data.is_empty() {
            return;
        }
        if self.bytes.capacity() == 0 {
            self.bytes = spares.0.pop().unwrap_or_default();
        }
        let needed = self.bytes.len().saturating_add(data.len());
        if needed > self.bytes.capacity() {
            let doubled = self.bytes.capacity().saturating_mul(2).max(FIRST).min(window);
            self.bytes.reserve_exact(doubled.max(needed) - self.bytes.len());
        }
        self.bytes.extend(data);
    }

    /// What is there, oldest first.
    pub(super) fn slices(&self) -> (&[u8], &[u8]) {
        self.bytes.as_slices()
    }

    /// Lets go of the oldest bytes, of all when there are fewer; answers how many that were.
    pub(super) fn consume(&mut self, bytes: usize, spares: &mut Spares) -> usize {
        let bytes = bytes.min(self.bytes.len());
        self.bytes.drain(..bytes);
        if self.bytes.is_empty() {
            self.release(spares);
        } else if self.bytes.capacity() > MAX_SPARE && self.bytes.len() < self.bytes.capacity() / 8 {
            self.bytes.shrink_to(self.bytes.len() * 2);
        }
        bytes
    }

    /// Forgets everything; answers how many bytes that were.
    pub(super) fn clear(&mut self, spares: &mut Spares) -> usize {
        self.consume(usize::MAX, spares)
    }

    fn release(&mut self, spares: &mut Spares) {
        let mut bytes = std::mem::take(&mut self.bytes);
        if (1..=MAX_SPARE).contains(&bytes.capacity()) && spares.0.len() < SPARES {
            bytes.clear();
            spares.0.push(bytes);
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOW: usize = 2 << 20;

    #[derive(Debug, Clone)]
    enum Step {
        Push(Vec<u8>),
        Consume(usize),
        Clear,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => prop::collection::vec(any::<u8>(), 0..2000).prop_map(Step::Push),
            6 => (0_usize..3000).prop_map(Step::Consume),
            1 => Just(Step::Clear),
        ]
    }

    proptest! {
        #[test]
        fn a_ring_is_a_queue(steps in prop::collection::vec((any::<bool>(), step()), 0..80)) {
            let mut spares = Spares::default();
            // Two rings share the spare buffers: what one let go of never shows in the other.
            let mut rings = [Ring::default(), Ring::default()];
            let mut models = [Vec::new(), Vec::new()];
            for (which, step) in steps {
                let (ring, model) = (&mut rings[usize::from(which)], &mut models[usize::from(which)]);
                match step {
                    Step::Push(data) => {
                        ring.push(&data, WINDOW, &mut spares);
                        model.extend_from_slice(&data);
                    }
                    Step::Consume(count) => {
                        let taken = ring.consume(count, &mut spares);
                        prop_assert_eq!(taken, count.min(model.len()));
                        model.drain(..taken);
                    }
                    Step::Clear => {
                        prop_assert_eq!(ring.clear(&mut spares), model.len());
                        model.clear();
                    }
                }
                let (front, back) = ring.slices();
                prop_assert_eq!(&[front, back].concat(), &*model);
                prop_assert_eq!(ring.len(), model.len());
                prop_assert!(spares.0.len() <= SPARES);
            }
        }
    }

    #[test]
    fn defect_085_memory_follows_what_came() {
        let mut spares = Spares::default();
        let mut ring = Ring::default();
        assert_eq!(ring.capacity(), 0);
        ring.push(b"x", WINDOW, &mut spares);
        assert!(ring.capacity() <= FIRST, "one byte came, not a window");
        for _ in 0..WINDOW / 1000 {
            ring.push(&[7; 1000], WINDOW, &mut spares);
        }
        assert!(ring.capacity() <= WINDOW, "a full window takes a window");
        ring.consume(ring.len() - 1, &mut spares);
        assert!(ring.capacity() <= MAX_SPARE, "one byte left keeps no window");
        ring.consume(1, &mut spares);
        assert_eq!(ring.capacity(), 0, "an empty ring keeps nothing");
    }

    #[test]
    fn a_busy_ring_finds_its_buffer_again() {
        let mut spares = Spares::default();
        let mut ring = Ring::default();
        ring.push(&[1; 30_000], WINDOW, &mut spares);
        let capacity = ring.capacity();
        ring.clear(&mut spares);
        ring.push(&[2; 10], WINDOW, &mut spares);
        assert_eq!(ring.capacity(), capacity);
    }
}
