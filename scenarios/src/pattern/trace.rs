//! A curve from a file of measurements: lines of time and value, stretched in time and height.
//! Neighbours: scenario files and the command line name such files. Invariant: times go up, values are finite and not
//! negative, and what is wrong is told with its line.

use super::Pattern;
use jiff::fmt::friendly::SpanParser;
use std::{fs, path::Path, time::Duration};

/// The most lines that are read: a trace a second for eleven days.
const MOST_LINES: usize = 1_000_000;
/// The largest file that is read.
const MOST_BYTES: u64 = 64 << 20;

/// How a trace is stretched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TraceScale {
    /// Times are multiplied by this: 0.01 makes a day of 24 h one of 14 min 24 s. More than 0.
    pub time: f64,
    /// Values are multiplied by this; more than 0.
    pub height: f64,
}

impl Default for TraceScale {
    fn default() -> Self {
        TraceScale {
            time: 1.0,
            height: 1.0,
        }
    }
}

/// What is wrong with a trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}{message}")]
pub struct TraceError {
    /// Where: the line, if it is one.
    place: String,
    /// What.
    message: String,
    /// What to do about it.
    pub remedy: &'static str,
}

/// Reads a trace from a file.
///
/// # Errors
/// When the file cannot be read, or a line of it is wrong.
pub fn read_trace(path: &Path, scale: TraceScale) -> Result<Pattern, TraceError> {
    let whole = |message: String, remedy| TraceError {
        place: String::new(),
        message,
        remedy,
    };
    let unreadable = |error: std::io::Error| {
        whole(
            format!("{} cannot be read: {error}", path.display()),
            "check the name; it is taken relative to the file that names it",
        )
    };
    // Asked before opening: to open a pipe would wait for its other end.
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > MOST_BYTES {
        return Err(whole(
            format!("{} is no plain file of at most 64 MiB", path.display()),
            "name a file with lines of time and value",
        ));
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        whole(
            format!("{} is not UTF-8 text", path.display()),
            "save it as UTF-8",
        )
    })?;
    parse_trace(&text, scale)
}

/// Reads a trace from a text: lines of `time,value`, the time in seconds or as `1m30s`, a header line if there is one,
/// `#` for remarks. The first time is the start of the run.
///
/// # Errors
/// When a line is wrong, or there is none.
pub fn parse_trace(text: &str, scale: TraceScale) -> Result<Pattern, TraceError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| TraceError {
            place: String::new(),
            message: error.to_string(),
            remedy: "write lines of time and value, such as 60,250",
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        let wrong = |message: String, remedy| TraceError {
            place: format!("line {line}: "),
            message,
            remedy,
        };
        let (Some(time), Some(value)) = (record.get(0), record.get(1)) else {
            return Err(wrong(
                "it has one column alone".into(),
                "write time and value, such as 60,250",
            ));
        };
        let (at, height) = (seconds(time), value.parse::<f64>().ok());
        if index == 0 && at.is_none() && height.is_none() {
            // A header.
            continue;
        }
        let Some(at) = at else {
            return Err(wrong(
                format!("{time:?} is not a time"),
                "write seconds, such as 90, or a length of time, such as 1m30s",
            ));
        };
        let Some(height) = height.filter(|height| height.is_finite() && *height >= 0.0) else {
            return Err(wrong(
                format!("{value:?} is not a load"),
                "write a number that is not negative, such as 250",
            ));
        };
        if points.last().is_some_and(|(before, _)| *before > at) {
            return Err(wrong(
                format!("the time {time} lies before that of the line above"),
                "sort the lines by time",
            ));
        }
        if points.len() == MOST_LINES {
            return Err(wrong(
                format!("there are more than {MOST_LINES} lines"),
                "keep a line for each second, or fewer",
            ));
        }
        points.push((at, height));
    }
    let Some((first, _)) = points.first().copied() else {
        return Err(TraceError {
            place: String::new(),
            message: "the trace holds no line with a time and a value".into(),
            remedy: "write lines of time and value, such as 60,250",
        });
    };
    let point = |(at, height): (f64, f64)| {
        let since_first = Duration::try_from_secs_f64((at - first) * scale.time).ok()?;
        Some((since_first, height * scale.height))
    };
    let points: Option<Vec<_>> = points.into_iter().map(point).collect();
    points.map(Pattern::Points).ok_or_else(|| TraceError {
        place: String::new(),
        message: "the trace is longer than any run".into(),
        remedy: "make it shorter with a smaller time scale",
    })
}

/// Seconds since any moment: a number, or a length of time.
fn seconds(text: &str) -> Option<f64> {
    let number = text.parse::<f64>().ok();
    let length = || SpanParser::new().parse_unsigned_duration(text).ok();
    number
        .or_else(|| length().map(|length| length.as_secs_f64()))
        .filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let error = parse_trace(text, TraceScale::default()).expect_err(text);
        format!("{error}; {}", error.remedy)
    }

    #[test]
    fn lines_become_points_stretched_from_the_first_on() {
        let text = "time,load\n# a remark\n100, 10\n1m50s,20.5\n\n130,0\n";
        let scale = TraceScale {
            time: 0.5,
            height: 2.0,
        };
        let at = Duration::from_secs;
        assert_eq!(
            parse_trace(text, scale),
            Ok(Pattern::Points(vec![
                (at(0), 20.0),
                (at(5), 41.0),
                (at(15), 0.0)
            ]))
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_a_remedy() {
        for (text, words) in [
            ("", "no line with a time"),
            ("time,load\n", "no line with a time"),
            ("0,1\n5,2\n3,1\n", "line 3: the time 3 lies before"),
            ("0,1\n5,-2\n", "line 2: \"-2\" is not a load"),
            ("0,1\n5,NaN\n", "line 2: \"NaN\" is not a load"),
            ("0,1\n5,inf\n", "is not a load"),
            ("0,1\nsoon,2\n", "line 2: \"soon\" is not a time"),
            ("-1,2\n", "\"-1\" is not a time"),
            ("0,1\n5\n", "line 2: it has one column"),
            ("0,1\n1e300,1\n", "longer than any run"),
        ] {
            assert!(told(text).contains(words), "{text:?}: {}", told(text));
        }
    }

    #[test]
    fn a_trace_that_cannot_be_read_is_named() {
        let error = read_trace(Path::new("/nowhere/day.csv"), TraceScale::default());
        assert!(error.unwrap_err().to_string().contains("/nowhere/day.csv"));
    }
}
