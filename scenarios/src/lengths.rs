//! The grammar of times, `500ms`, `1m 30s`, `1s..3s`, alone: no crate of ours is used here, because the `#[scenario]` macro
//! compiles this very file too. Neighbours: `document/duration.rs` reads TOML with it, `macros/` reads attributes.
//! Invariant: no length is longer than `LONGEST`, so sums of ns fit in 64 bits.

use jiff::fmt::friendly::SpanParser;
use std::time::Duration;

/// Ten years: whoever writes more has slipped.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What is wrong with a length of time, and what to do about it.
#[derive(Debug)]
pub struct Fault(pub &'static str, pub &'static str);

/// Reads a length of time, zero included.
///
/// # Errors
/// When it is none.
pub fn parse(text: &str) -> Result<Duration, Fault> {
    const EXAMPLES: &str = "write it like \"500ms\", \"1.5s\", \"2m\" or \"1h 30m\"";
    let text = text.trim();
    if text.starts_with('-') || text.ends_with("ago") {
        return Err(Fault(
            "a length of time cannot be negative",
            "remove the minus sign",
        ));
    }
    if text.parse::<f64>().is_ok() {
        return Err(Fault("the unit is missing", EXAMPLES));
    }
    let duration = SpanParser::new()
        .parse_unsigned_duration(text)
        .map_err(|error| {
            if error.to_string().contains("calendar units") {
                Fault(
                    "days, weeks, months and years are not used here",
                    "write it in hours: \"48h\"",
                )
            } else {
                Fault("this is not a length of time", EXAMPLES)
            }
        })?;
    if duration > LONGEST {
        return Err(Fault(
            "this is longer than ten years",
            "write a length that a run can have",
        ));
    }
    Ok(duration)
}

/// Reads one length of time, or two with `..` between them, the shorter one first. One alone is both ends.
///
/// # Errors
/// When a length is none, or the end lies before the start.
pub fn parse_range(text: &str) -> Result<(Duration, Duration), Fault> {
    let Some((from, to)) = text.split_once("..") else {
        return parse(text).map(|length| (length, length));
    };
    match (parse(from)?, parse(to)?) {
        (from, to) if from > to => Err(Fault(
            "its end lies before its start",
            "write the shorter time first",
        )),
        ends => Ok(ends),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_people_write_them() {
        for (text, millis) in [
            ("500ms", 500),
            ("1.5s", 1_500),
            ("2m", 120_000),
            ("1h30m", 5_400_000),
            ("1m 30s", 90_000),
            (" 1 hour, 2 min ", 3_720_000),
            ("0s", 0),
        ] {
            assert_eq!(
                parse(text).ok(),
                Some(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "s",
            "1",
            "1.5",
            "-5s",
            "5s ago",
            "2d",
            "1w",
            "3 years",
            "99999999h",
            "1s..2s",
            "inf",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_has_two_ends_in_order() {
        let ends = |from, to| Some((Duration::from_secs(from), Duration::from_secs(to)));
        for (text, expected) in [
            ("2s", ends(2, 2)),
            ("1s..3s", ends(1, 3)),
            ("0s .. 1s", ends(0, 1)),
            ("3s..1s", None),
            ("1s..", None),
            ("..", None),
            ("1s..2s..3s", None),
        ] {
            assert_eq!(parse_range(text).ok(), expected, "{text}");
        }
    }
}
