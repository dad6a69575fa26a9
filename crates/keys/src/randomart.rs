//! Pictures of fingerprints: the walk of a drunken bishop, as `ssh-keygen -lv` draws it.

use crate::PublicKey;

const WIDTH: usize = 17;
const HEIGHT: usize = 9;
/// A field that was visited so often; the last two are the start and the end.
const SIGNS: &[u8] = b" .o+=*BOX@%&#/^SE";
const MOST: usize = 14;
const START: usize = 15;
const END: usize = 16;

/// 11 lines, the last without its end.
pub(crate) fn draw(key: &PublicKey) -> String {
    let mut fields = [[0_usize; WIDTH]; HEIGHT];
    let (mut x, mut y) = (WIDTH / 2, HEIGHT / 2);
    for byte in key.fingerprint().as_bytes() {
        for step in [byte & 3, byte >> 2 & 3, byte >> 4 & 3, byte >> 6] {
            x = if step & 1 == 0 { x.saturating_sub(1) } else { (x + 1).min(WIDTH - 1) };
            y = if step & 2 == 0 { y.saturating_sub(1) } else { (y + 1).min(HEIGHT - 1) };
            if let Some(field) = fields.get_mut(y).and_then(|row| row.get_mut(x)) {
                *field = (*field + 1).min(MOST);
            }
        }
    }
    for (x, y, sign) in [(WIDTH / 2, HEIGHT / 2, START), (x, y, END)] {
        if let Some(field) = fields.get_mut(y).and_then(|row| row.get_mut(x)) {
            *field = sign;
        }
    }
    let mut lines = vec![border(&title(key))];
    for row in fields {
        let signs = row.map(|sign| char::from(SIGNS.get(sign).copied().unwrap_or(b'?')));
        lines.push(format!("|{}|", String::from_iter(signs)));
    }
    lines.push(border("[SHA256]"));
    lines.join("\n")
}

/// Type and bits, or the type alone where both do not fit; cut where even that does not.
fn title(key: &PublicKey) -> String {
    let (name, bits) = (key.short_name(), key.bits());
    let mut title = format!("[{name} {bits}]");
    if title.len() > WIDTH {
        title = format!("[{name}]");
    }
    title.truncate(WIDTH - 1);
    title
}

fn border(title: &str) -> String {
    let before = (WIDTH - title.len()) / 2;
    let after = WIDTH - title.len() - before;
    format!("+{}{title}{}+", "-".repeat(before), "-".repeat(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `ssh-keygen -lv` of OpenSSH 9.2 draws it.
    #[test]
    fn the_picture_is_that_of_ssh_keygen() {
        let (key, _) = PublicKey::from_line(include_str!("../tests/data/ed25519.pub")).unwrap();
        assert_eq!(draw(&key), include_str!("../tests/data/ed25519.art").trim_end());
    }
}
