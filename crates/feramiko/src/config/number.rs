//! Numbers and times.

/// The longest time: that of OpenSSH.
const MAX_SECONDS: u64 = i32::MAX as u64;

/// Refuses an argument of nothing.
pub(super) fn not_empty<T: AsRef<str>>(word: T) -> Result<T, String> {
    if word.as_ref().is_empty() { Err("an argument is missing".to_owned()) } else { Ok(word) }
}

/// Digits only: no sign, no blank.
pub(super) fn number(word: &str, most: u64) -> Result<u64, String> {
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    match word.parse() {
        Ok(number) if digits && number <= most => Ok(number),
        _ => Err(format!("{word:?} is no number from 0 to {most}")),
    }
}

/// A time as sshd_config(5), "TIME FORMATS", has it.
pub(super) fn seconds(word: &str) -> Result<u64, String> {
    let wrong = || format!("{word:?} is no time such as 90, 10m or 1h30m");
    let (mut rest, mut total) = (word, 0u64);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at(end);
        let mut units = after.chars();
        let unit = match units.next().map(|unit| unit.to_ascii_lowercase()) {
            None | Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 86_400,
            Some('w') => 604_800,
            Some(_) => return Err(wrong()),
        };
        let part = number(digits, MAX_SECONDS).ok().and_then(|part| part.checked_mul(unit));
        total = part
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= MAX_SECONDS)
            .ok_or_else(wrong)?;
        rest = units.as_str();
    }
    if word.is_empty() { Err(wrong()) } else { Ok(total) }
}
