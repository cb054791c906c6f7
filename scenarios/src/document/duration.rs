//! Lengths of time as people write them: `500ms`, `1m 30s`, `1s..3s`.
//! Neighbours: read through `reader.rs`. Invariant: no length is longer than `LONGEST`, so sums of ns fit in 64 bits.

use super::reader::Node;
use crate::ThinkTime;
use jiff::fmt::friendly::SpanParser;
use std::time::Duration;

/// Ten years: whoever writes more has slipped.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What is wrong with a length of time, and what to do about it.
struct Fault(&'static str, &'static str);

/// A length of time of more than nothing.
pub(super) fn read(node: &Node<'_>) -> Option<Duration> {
    let duration = read_or_zero(node)?;
    if duration.is_zero() {
        let message = format!(
            "`{}` must be longer than nothing, got {}",
            node.last_key(),
            node.shown()
        );
        node.problem(message, "write it like \"30s\"");
        return None;
    }
    Some(duration)
}

/// A length of time, zero included.
pub(super) fn read_or_zero(node: &Node<'_>) -> Option<Duration> {
    let text = node.text(&format!("{} = \"30s\"", node.last_key()))?;
    parse(&text.value).map_err(|fault| report(node, fault)).ok()
}

/// A think time: one length of time, or two with `..` between them.
pub(super) fn read_think_time(node: &Node<'_>) -> Option<ThinkTime> {
    let text = node.text("think_time = \"1s..3s\"")?;
    let read = || match text.value.split_once("..") {
        None => Ok(match parse(&text.value)? {
            Duration::ZERO => ThinkTime::None,
            pause => ThinkTime::Constant(pause),
        }),
        Some((from, to)) => match (parse(from)?, parse(to)?) {
            (from, to) if from > to => Err(Fault(
                "its end lies before its start",
                "write the shorter time first",
            )),
            (Duration::ZERO, Duration::ZERO) => Ok(ThinkTime::None),
            (from, to) => Ok(ThinkTime::Uniform(from, to)),
        },
    };
    read().map_err(|fault| report(node, fault)).ok()
}

fn report(node: &Node<'_>, Fault(what, remedy): Fault) {
    node.problem(
        format!("`{}` is {}: {what}", node.last_key(), node.shown()),
        remedy,
    );
}

fn parse(text: &str) -> Result<Duration, Fault> {
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
}
