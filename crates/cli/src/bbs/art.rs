//! The friendly iron.

use super::text::{Style, Text};

/// The picture for the opening screen that fits into `cells`.
pub(crate) fn friend(cells: usize) -> Vec<Text> {
    let picture = if cells >= 62 {
        LARGE
    } else if cells >= 40 {
        MIDDLE
    } else {
        SMALL
    };
    picture.lines().map(|line| Text::new().styled(Style::Title, line)).collect()
}

const LARGE: &str = r"
          .----------------.
         /  .------------.  \
        |  /              \  \      f e r a m i k o
        |  |               '--'
      __|  '---------------.        your iron friend
     |                      '-.
     |        o      o         '-.
     |           __               '-.
     |          \__/                 \
     '================================'
        '    '    '    '    '    '";

const MIDDLE: &str = r"
       .-----------.
      /  .-------.  \
     |  |         '--'
   __|  '----------.
  |     o    o      '-.
  |       __           '.
  |       \/             \
  '========================'";

const SMALL: &str = r"
   .------.
  /  .--.  \
 |  '----'-'-.
 |  o  o      \
 |   \/        \
 '=============='";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_the_screen_it_is_meant_for() {
        for cells in [19, 39, 40, 61, 62, 79] {
            assert!(friend(cells).iter().all(|line| line.width() <= cells), "{cells}");
        }
    }
}
