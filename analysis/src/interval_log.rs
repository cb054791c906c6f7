//! Latencies over time as an interval log: the text format (`.hlog`) that HdrHistogram's own tools read, one histogram a line.
//! Neighbours: `histogram.rs` owns the counts, the reporter says which stretch of a run a line is. Invariant: buckets are written with
//! the counts they have, in ns, so that adding up the lines of a tag gives the run's own percentiles.

use crate::LatencyHistogram;
use hdrhistogram::serialization::{
    V2DeflateSerializer,
    interval_log::{IntervalLogWriter, IntervalLogWriterBuilder, IntervalLogWriterError, Tag},
};
use std::io;
use std::time::{Duration, UNIX_EPOCH};

/// The first line of a log as the Java library writes it.
const FORMAT: &str = "[Histogram log format version 1.3]";

/// The greatest latency of a line stands beside the histogram in ms; its tools convert ns in the same way.
const NS_PER_MS: f64 = 1e6;

/// A log being written.
pub struct IntervalLog<'a, W: io::Write> {
    writer: IntervalLogWriter<'a, 'a, W, V2DeflateSerializer>,
}

impl<W: io::Write> IntervalLog<'_, W> {
    /// Writes a log of a run that began `started` after the Unix epoch; `fill` writes its lines in order of time. Comments are
    /// for people; they must not begin with `[`, which is how the format marks its own.
    ///
    /// # Errors
    /// What `fill` says, or when the header cannot be written.
    pub fn write<E: From<io::Error>>(
        out: &mut W,
        started: Duration,
        comments: &[String],
        fill: impl FnOnce(&mut IntervalLog<'_, W>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut serializer = V2DeflateSerializer::new();
        let mut header = IntervalLogWriterBuilder::new();
        header.add_comment(FORMAT);
        for comment in comments {
            header.add_comment(comment);
        }
        header
            .with_start_time(UNIX_EPOCH + started)
            .with_base_time(UNIX_EPOCH + started)
            .with_max_value_divisor(NS_PER_MS);
        let writer = header.begin_log_with(out, &mut serializer)?;
        fill(&mut IntervalLog { writer })
    }

    /// Adds a line: what was counted under this tag (no blanks, no commas) from `from_s` on, in seconds since the start of the
    /// run, for `length_s`. A stretch without a sample has no line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(
        &mut self,
        tag: &str,
        from_s: f64,
        length_s: f64,
        latency: &LatencyHistogram,
    ) -> io::Result<()> {
        let Some(counts) = latency.filled() else {
            return Ok(());
        };
        let tag = Tag::new(tag);
        debug_assert!(tag.is_some(), "tags are words of ours");
        self.writer
            .write_histogram(counts, span(from_s), span(length_s), tag)
            .map_err(told)
    }
}

/// A span of seconds; what is none (a damaged file may hold anything) is empty.
fn span(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn told<E: std::fmt::Display>(error: IntervalLogWriterError<E>) -> io::Error {
    match error {
        IntervalLogWriterError::IoError(error) => error,
        IntervalLogWriterError::SerializeError(error) => io::Error::other(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    };

    #[test]
    fn the_lines_of_a_tag_add_up_to_the_whole() {
        let (mut first, mut second) = (LatencyHistogram::default(), LatencyHistogram::default());
        for number in 1..=5_000 {
            first.record_ns(number * 10_000);
            second.record_ns(number * 77_000);
        }
        let mut text = Vec::new();
        let comments = ["of a test".to_owned()];
        IntervalLog::write(
            &mut text,
            Duration::from_secs(1_500_000_000),
            &comments,
            |log| {
                log.add("response", 0.0, 1.0, &first)?;
                log.add("response", 1.0, 1.5, &LatencyHistogram::default())?;
                log.add("response", 2.5, 1.0, &second)
            },
        )
        .unwrap();
        let mut whole = first.clone();
        whole.add(&second);

        let shown = String::from_utf8_lossy(&text);
        assert!(
            shown.starts_with("#[Histogram log format version 1.3]\n#of a test\n"),
            "{shown}"
        );
        assert!(shown.contains("#[BaseTime: 1500000000.000 "), "{shown}");
        let mut sum: Option<hdrhistogram::Histogram<u64>> = None;
        let mut starts = Vec::new();
        for entry in IntervalLogIterator::new(&text) {
            let Ok(LogEntry::Interval(line)) = entry else {
                continue;
            };
            assert_eq!(line.tag().unwrap().as_str(), "response");
            starts.push(line.start_timestamp().as_millis());
            use base64::{Engine, engine::general_purpose::STANDARD};
            let bytes = STANDARD.decode(line.encoded_histogram()).unwrap();
            let read = Deserializer::new()
                .deserialize(&mut bytes.as_slice())
                .unwrap();
            match &mut sum {
                Some(sum) => sum.add(&read).unwrap(),
                None => {
                    let mut read = read;
                    read.auto(true);
                    sum = Some(read);
                }
            }
        }
        assert_eq!(starts, [0, 2_500]);
        let sum = sum.unwrap();
        for quantile in [0.5, 0.9, 0.99, 0.999, 1.0] {
            let read = sum.value_at_quantile(quantile) as f64 / NS_PER_MS;
            assert_eq!(read, whole.quantile_ms(quantile), "{quantile}");
        }
    }

    #[test]
    fn a_length_that_is_none_is_written_as_nothing() {
        for seconds in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(span(seconds), Duration::ZERO);
        }
    }
}
