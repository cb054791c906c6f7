//! Numbers, durations and shares as people type them. Neighbours: `load.rs`, `intent.rs` and the echo command read flags with
//! these. Invariant: each refusal names the flag and the value got, and says what would do.

use crate::complaint::Complaint;
use jiff::SignedDuration;
use std::{ops::RangeInclusive, time::Duration};

/// The longest time that makes sense anywhere: 10 years.
const LONGEST: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// Reads a whole number within a range.
///
/// # Errors
/// When it is none, or lies outside.
pub fn count(flag: &str, text: &str, range: RangeInclusive<u64>) -> Result<u64, Complaint> {
    let digits: String = text.trim().chars().filter(|c| *c != '_').collect();
    let value = digits
        .parse::<u64>()
        .ok()
        .filter(|value| range.contains(value));
    value.ok_or_else(|| {
        let (least, most) = range.into_inner();
        let remedy = match most {
            u64::MAX => format!("give a whole number from {least} on, such as {flag} 100"),
            _ => format!("give a whole number from {least} to {most}"),
        };
        Complaint::new(
            format!("{flag} {text} is not a number that can be used"),
            remedy,
        )
    })
}

/// The most of anything that a second or a moment can hold: users, arrivals, requests. As in scenario files.
pub const MOST_LOAD: u64 = 10_000_000;

/// Reads a number that may have a fraction, from 0, or above 0 unless `may_be_zero`, to
/// `MOST_LOAD`.
///
/// # Errors
/// When it is none, is no number at all (NaN), has no end or lies outside.
pub fn quantity(flag: &str, text: &str, may_be_zero: bool) -> Result<f64, Complaint> {
    let digits: String = text.trim().chars().filter(|c| *c != '_').collect();
    let most = MOST_LOAD as f64;
    let value = digits.parse::<f64>().ok().filter(|value| {
        // NaN is in no range.
        (0.0..=most).contains(value) && (may_be_zero || *value > 0.0)
    });
    value.ok_or_else(|| {
        let least = if may_be_zero { "from 0" } else { "above 0," };
        Complaint::new(
            format!("{flag} {text} is not a number that can be used"),
            format!("give a number {least} up to {MOST_LOAD}, such as {flag} 50 or {flag} 0.5"),
        )
    })
}

/// Reads a time such as `500ms`, `30s` or `1m 30s`.
///
/// # Errors
/// When it is none, has no unit, is negative or longer than 10 years.
pub fn time(flag: &str, text: &str) -> Result<Duration, Complaint> {
    let example = format!("give a time with its unit, such as {flag} 30s, 500ms or 1h30m");
    let trimmed = text.trim();
    if trimmed.parse::<f64>().is_ok_and(|number| number >= 0.0) {
        let remedy = format!("did you mean {flag} {trimmed}s?");
        return Err(Complaint::new(format!("{flag} {text} has no unit"), remedy));
    }
    let Ok(span) = trimmed.parse::<SignedDuration>() else {
        return Err(Complaint::new(
            format!("{flag} {text} is not a time"),
            example,
        ));
    };
    if span > LONGEST {
        let remedy = "give at most 10 years";
        return Err(Complaint::new(
            format!("{flag} {text} is longer than 10 years"),
            remedy,
        ));
    }
    Duration::try_from(span)
        .map_err(|_| Complaint::new(format!("{flag} {text} is negative"), example))
}

/// Reads a time as `time` does and refuses none at all.
///
/// # Errors
/// As `time`, and when it is zero.
pub fn positive_time(flag: &str, text: &str) -> Result<Duration, Complaint> {
    // 0 needs no unit to be nothing: to ask for one would only lead to the next refusal.
    let is_bare_zero = text.trim().parse::<f64>().is_ok_and(|number| number == 0.0);
    if is_bare_zero || time(flag, text)?.is_zero() {
        let remedy = format!("give more than nothing, such as {flag} 30s");
        return Err(Complaint::new(
            format!("{flag} {text} is no time at all"),
            remedy,
        ));
    }
    time(flag, text)
}

/// Reads a share of 0 to 1, written as `1%` or `0.01`.
///
/// # Errors
/// When it is none.
pub fn share(flag: &str, text: &str) -> Result<f64, Complaint> {
    let trimmed = text.trim();
    let value = match trimmed.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => trimmed.parse::<f64>(),
    };
    value.ok().filter(|value| (0.0..=1.0).contains(value)).ok_or_else(|| {
        Complaint::new(
            format!("{flag} {text} is not a share"),
            format!("give a percentage from 0% to 100%, such as {flag} 1%, or a fraction, such as 0.01"),
        )
    })
}

/// A duration in the shortest words that read back to it, such as `1m30s`.
pub fn time_words(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let units = [
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
    ];
    if nanos < 1_000_000_000 || !nanos.is_multiple_of(1_000_000) {
        return format!("{duration:?}");
    }
    if !nanos.is_multiple_of(1_000_000_000) {
        return format!("{}s", duration.as_secs_f64());
    }
    let mut rest = nanos;
    let mut words = String::new();
    for (unit, letter) in units {
        if rest >= unit {
            words.push_str(&format!("{}{letter}", rest / unit));
            rest %= unit;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_units() {
        for (text, ms) in [
            ("500ms", 500),
            ("1.5s", 1500),
            ("2m", 120_000),
            ("1h30m", 5_400_000),
            ("1m 30s", 90_000),
        ] {
            assert_eq!(time("--t", text).map(|t| t.as_millis()), Ok(ms), "{text}");
        }
    }

    #[test]
    fn each_bad_time_gets_its_own_words() {
        for (text, words) in [
            ("30", "no unit"),
            ("-5s", "negative"),
            ("soon", "not a time"),
            ("", "not a time"),
            ("11y", "not a time"),
            ("99999999h", "10 years"),
        ] {
            let complaint = time("--duration", text).expect_err(text);
            assert!(complaint.message.contains(words), "{text}: {complaint}");
            assert!(complaint.message.contains("--duration"), "{complaint}");
        }
        for none in ["0s", "0", "0.0", "0ms"] {
            let complaint = positive_time("--ramp-over", none).expect_err(none);
            assert!(complaint.message.contains("no time at all"), "{complaint}");
        }
        assert_eq!(time("--graceful-stop", "0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn counts_and_shares_outside_their_range_are_refused() {
        assert_eq!(count("--users", "1_000", 1..=u64::MAX), Ok(1000));
        for text in ["0", "-3", "ten", "", "1.5", "18446744073709551616"] {
            assert!(count("--users", text, 1..=u64::MAX).is_err(), "{text}");
        }
        assert_eq!(share("--s", "1%"), Ok(0.01));
        assert_eq!(share("--s", "0.5"), Ok(0.5));
        for text in ["-1%", "101%", "2", "NaN", "%", "inf"] {
            assert!(share("--s", text).is_err(), "{text}");
        }
    }

    #[test]
    fn quantities_are_finite_and_within_what_any_machine_can_do() {
        for (text, value) in [("0.5", 0.5), ("10_000_000", 1e7), ("1e3", 1000.0)] {
            assert_eq!(quantity("--rate", text, false), Ok(value));
        }
        for text in ["0", "-0", "-5", "NaN", "inf", "-inf", "", "x", "10000001"] {
            let complaint = quantity("--rate", text, false).expect_err(text);
            assert!(
                complaint.message.contains(&format!("--rate {text}")),
                "{complaint}"
            );
        }
        assert_eq!(quantity("--ramp-to", "0", true), Ok(0.0));
    }

    #[test]
    fn time_words_read_back_to_the_same_time() {
        for (text, words) in [
            ("90s", "1m30s"),
            ("500ms", "500ms"),
            ("2h", "2h"),
            ("1500ms", "1.5s"),
            ("0s", "0ns"),
        ] {
            let read = time("--t", text).expect(text);
            assert_eq!(time_words(read), words);
            assert_eq!(time("--t", words), Ok(read));
        }
    }
}
