//! The steps of a login: what is read is written as it was meant, and begins with methods that prove something.
#![no_main]

use feramiko_proto::Steps;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(steps) = text.parse::<Steps>() else { return };
    assert!(!steps.is_empty());
    assert!(!steps.first().is_empty() && steps.first().iter().all(|name| name != "none"));
    let written = steps.to_string();
    assert_eq!(written.parse(), Ok(steps));
    assert_eq!(written, text.split_whitespace().collect::<Vec<_>>().join(" "));
});
