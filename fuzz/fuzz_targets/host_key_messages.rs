//! `hostkeys-00@openssh.com` and its proofs: lists of blobs that are whole or nothing, and no key that signs twice.
#![no_main]

use feramiko_fuzz::{Choices, allocates_at_most};
use feramiko_keys::PublicKey;
use feramiko_proto::hostkeys::{MAX_KEYS, decode, encode, requested, signed_text};
use feramiko_testkit::fake_host_key;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices::new(data);
    let most = usize::from(choices.byte()).min(MAX_KEYS);
    let ours: Vec<Vec<u8>> =
        (0..choices.below(4)).map(|number| fake_host_key(number as u8).blob().to_vec()).collect();
    let ours: Vec<&[u8]> = ours.iter().map(Vec::as_slice).collect();
    let text = choices.rest();
    allocates_at_most((1 << 16) + 16 * data.len(), || {
        if let Some(items) = decode(text, most) {
            assert!(items.len() <= most, "more keys than may be");
            assert_eq!(encode(items.iter().copied()), text, "bytes were lost");
            for blob in items {
                // What is read is what was announced, and what will be signed.
                if let Ok(key) = PublicKey::from_blob(blob) {
                    assert_eq!(key.blob(), blob);
                    assert!(signed_text(b"session", key.blob()).ends_with(blob));
                }
            }
        }
        if let Some(places) = requested(text, &ours) {
            assert!(places.len() <= ours.len());
            assert!((1..places.len()).all(|at| !places[..at].contains(&places[at])), "a key signs twice");
            assert_eq!(encode(places.iter().map(|place| ours[*place])), text);
        }
    });
    // A request for keys that there are is read, in its own order.
    let mut wanted: Vec<usize> = (0..ours.len()).collect();
    wanted.reverse();
    assert_eq!(requested(&encode(wanted.iter().map(|place| ours[*place])), &ours), Some(wanted));
});
