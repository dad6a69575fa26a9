//! What the fuzz targets share: choices out of bytes, bounds on memory, and a connection between an application and
//! a peer that both do as the bytes say.

mod app;
mod choices;
mod messages;
#[allow(dead_code, reason = "the tests of the core use more of it")]
#[path = "../../crates/proto/tests/support/peer.rs"]
mod peer;
pub mod session;
#[path = "../../crates/proto/tests/support/squeeze.rs"]
mod squeeze;

use peak_alloc::PeakAlloc;

pub use choices::Choices;
use messages::message;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Runs `body` and panics when more than `limit` bytes were allocated at one time meanwhile.
pub fn allocates_at_most(limit: usize, body: impl FnOnce()) {
    measured(|| {
        body();
        limit
    });
}

/// Runs `body`, which answers how many bytes it was given from outside: 1 MiB and 8 times as many may be allocated.
pub fn allocates_per_byte(body: impl FnOnce() -> usize) {
    measured(|| (1 << 20) + 8 * body());
}

fn measured(body: impl FnOnce() -> usize) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let limit = body();
    let used = ALLOCATOR.peak_usage().saturating_sub(before);
    assert!(used <= limit, "{used} bytes were allocated, where {limit} are enough");
}

/// Whether `needle` is somewhere in `bytes`.
pub fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
