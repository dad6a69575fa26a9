//! Moments as people write them, in UTC.

/// `2003-08-24 18:30` for seconds since 1970.
pub(crate) fn stamp(seconds: u64) -> String {
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

/// `08-24`, where the year would not fit.
pub(crate) fn short_stamp(seconds: u64) -> String {
    let (_, month, day) = civil(seconds / 86_400);
    format!("{month:02}-{day:02}")
}

/// `5 min`, `2 h`: how long something lasted.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => "a moment".to_owned(),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Year, month and day (proleptic Gregorian) of a day counted from 1970-01-01.
fn civil(mut days: u64) -> (u64, u64, u64) {
    // 400 years are always the same number of days, so that large values cost no loop.
    let mut year = 1970 + days / 146_097 * 400;
    days %= 146_097;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        assert_eq!(stamp(0), "1970-01-01 00:00");
        assert_eq!(stamp(951_782_400), "2000-02-29 00:00");
        assert_eq!(stamp(951_868_799), "2000-02-29 23:59");
        assert_eq!(stamp(1_061_749_800), "2003-08-24 18:30");
        assert_eq!(stamp(4_107_542_400), "2100-03-01 00:00");
        assert_eq!(short_stamp(1_061_749_800), "08-24");
        assert!(stamp(u64::MAX).len() > 16);
    }
}
