//! Parts of a file in errors.

use feramiko_wire::sanitize;

/// A part of a line in an error.
pub(super) fn quoted(text: &[u8]) -> String {
    let shown = sanitize(text.get(..40).unwrap_or(text)).replace(['\n', '\t'], "\u{fffd}");
    format!("\"{shown}\"")
}
