//! A server and a peer that says anything, under an application that does anything.
#![no_main]

use feramiko_fuzz::{allocates_per_byte, session};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    allocates_per_byte(|| session::run(false, data));
});
