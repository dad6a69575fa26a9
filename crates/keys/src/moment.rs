//! Moments as `expiry-time` of authorized_keys and `valid-before` of allowed signers have them.

use std::time::{Duration, SystemTime};

const DAY: u64 = 24 * 3600;
/// How far clocks are ahead of UTC where they are furthest ahead, and behind it where they are furthest behind.
const FURTHEST_AHEAD: u64 = 14 * 3600;
const FURTHEST_BEHIND: u64 = 12 * 3600;

/// A date or a time of day, perhaps in a zone that is not named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// As if it was UTC.
    seconds: u64,
    utc: bool,
}

impl Moment {
    /// The moment; when no zone is named, that at which it is so late anywhere on earth. Local time cannot be told without
    /// a data base of time zones, and so nothing lasts longer than its file says.
    pub(crate) fn earliest(self) -> SystemTime {
        at(if self.utc { self.seconds } else { self.seconds.saturating_sub(FURTHEST_AHEAD) })
    }

    /// The moment; when no zone is named, that at which it is so late everywhere on earth.
    pub(crate) fn latest(self) -> SystemTime {
        at(if self.utc { self.seconds } else { self.seconds.saturating_add(FURTHEST_BEHIND) })
    }
}

fn at(seconds: u64) -> SystemTime {
    // Years have four digits: that far, every clock goes.
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// `YYYYMMDD` or `YYYYMMDDHHMM[SS]`, with `Z` or `UTC` behind it for UTC.
pub(crate) fn parse(text: &str) -> Option<Moment> {
    let text = text.to_ascii_uppercase();
    let utc = text.strip_suffix("UTC").or_else(|| text.strip_suffix('Z'));
    let digits = utc.unwrap_or(&text);
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number =
        |from: usize, to: usize| digits.get(from..to).map_or(Some(0), |text| text.parse::<u64>().ok());
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days(year, month, day)? * DAY + hour * 3600 + minute * 60 + second;
    Some(Moment { seconds, utc: utc.is_some() })
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = |month: u64| match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if year < 1970 || !(1..=12).contains(&month) || !(1..=length(month)).contains(&day) {
        return None;
    }
    let years: u64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let months: u64 = (1..month).map(length).sum();
    Some(years + months + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        Some(parse(text)?.earliest().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
    }

    #[test]
    fn moments_in_utc() {
        // As `date -u -d … +%s` says.
        for (text, expected) in [
            ("19700101Z", 0),
            ("20240229Z", 1_709_164_800),
            ("202402291234Z", 1_709_210_040),
            ("20240229123456z", 1_709_210_096),
            ("20240229123456UTC", 1_709_210_096),
            ("20380119031408Z", 2_147_483_648),
            ("20991231utc", 4_102_358_400),
            ("99991231235959Z", 253_402_300_799),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn local_time_is_never_later_than_anywhere_on_earth() {
        assert_eq!(seconds("20240229"), seconds("202402281000Z"));
        let latest = |text| parse(text).unwrap().latest();
        assert_eq!(latest("20240229"), latest("202402291200Z"));
        assert_eq!(parse("20240229Z").unwrap().latest(), parse("20240229Z").unwrap().earliest());
        assert_eq!(seconds("19700101"), Some(0));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for bad in [
            "",
            "Z",
            "2024",
            "2024022",
            "20230229Z",
            "20240230Z",
            "20241301Z",
            "20240001Z",
            "20240100Z",
            "19691231Z",
            "2024022924",
            "202402292400Z",
            "202402291260Z",
            "2024-02-29",
            "20240229 Z",
            "+2024229Z",
            "20240229ZZ",
            "20240229UTCZ",
            "٢٠٢٤0229",
        ] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
