//! `latency.hlog`: a run's latencies second by second for HdrHistogram's own tools and plotters.
//! Neighbours: `snapshots.jsonl` is read through `stored.rs`, `loadforge_analysis` knows the format. Invariants: a tag's lines add up to the
//! figures of `summary.json`; what was measured and what was not never share a line; memory does not grow with the run's length.

use super::snapshot_lines::for_each_second;
use super::{HLOG_FILE, ResultsDir, ResultsError};
use crate::terminal::printable;
use jiff::Timestamp;
use loadforge_analysis::{IntervalLog, Latencies, LatencyHistogram, LoadPhase, RunInfo};
use loadforge_scenarios::PhaseRole;
use serde::Deserialize;
use std::io;
use std::time::Duration;

/// Longest run with a line for each second; a longer one has a line for 2, 5, 10, … of them: ten hours of single seconds would be
/// 108,000 lines, more than any plotter draws, and packing them would take longer than reading them.
const MAX_SECOND_LINES: f64 = 3_600.0;

/// Lengths of a stretch in seconds, each a multiple of a shorter one, so that lines begin at round times.
const STRETCHES_S: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 300.0, 600.0];

/// Seconds follow each other without a gap; what is shorter comes of rounding.
const LEAST_GAP_S: f64 = 0.05;

/// The part of a snapshot that the log shows.
#[derive(Deserialize)]
struct Second {
    at_s: f64,
    length_s: f64,
    latency: Latencies,
    #[serde(default)]
    load_phase: LoadPhase,
}

/// One line of each tag in the making.
#[derive(Default)]
struct Stretch {
    from_s: f64,
    until_s: f64,
    measured: bool,
    latency: Latencies,
}

pub(super) fn write(dir: &ResultsDir, info: &RunInfo, duration_s: f64) -> Result<(), ResultsError> {
    // A failure to read passes through the writer, which only knows failures to write.
    let mut read_error = None;
    let stretch_s = stretch_length(duration_s);
    let written = dir.write_whole(HLOG_FILE, |file| {
        IntervalLog::write(file, started(info), &comments(info, stretch_s), |log| {
            let mut write_error = None;
            let mut stretch = Stretch::default();
            let read = for_each_second(&dir.source, |second: Second| {
                if write_error.is_none() {
                    write_error = stretch.take(&second, stretch_s, log).err();
                }
                Ok(())
            });
            match (read, write_error) {
                (_, Some(error)) => Err(error),
                (Err(error), None) => {
                    read_error = Some(error);
                    Err(io::ErrorKind::InvalidData.into())
                }
                (Ok(_), None) => stretch.write(log),
            }
        })
    });
    read_error.map_or(written, Err)
}

impl Stretch {
    /// Takes the next second up, and writes the stretch that it ends, if it ends one. A second that stands twice is taken once.
    fn take<W: io::Write>(
        &mut self,
        second: &Second,
        stretch_s: f64,
        log: &mut IntervalLog<'_, W>,
    ) -> io::Result<()> {
        if self.until_s > 0.0 && second.at_s <= self.until_s {
            return Ok(());
        }
        let from_s = second.at_s - second.length_s;
        let measured = second.load_phase.role == PhaseRole::Measured;
        let is_new = |mine: &Stretch| {
            let number = |at_s: f64| ((at_s + LEAST_GAP_S) / stretch_s).floor();
            measured != mine.measured
                || from_s > mine.until_s + LEAST_GAP_S
                || number(from_s) > number(mine.from_s)
        };
        if is_new(self) {
            self.write(log)?;
            (self.from_s, self.measured) = (from_s, measured);
        }
        self.until_s = second.at_s;
        let (mine, theirs) = (&mut self.latency, &second.latency);
        mine.response.add(&theirs.response);
        mine.service.add(&theirs.service);
        mine.lag.add(&theirs.lag);
        Ok(())
    }

    /// Writes the lines of the stretch and forgets its counts.
    fn write<W: io::Write>(&mut self, log: &mut IntervalLog<'_, W>) -> io::Result<()> {
        let length_s = self.until_s - self.from_s;
        let Latencies {
            response,
            service,
            lag,
        } = &mut self.latency;
        let tags = match self.measured {
            true => ["response", "service", "lag"],
            false => [
                "unmeasured-response",
                "unmeasured-service",
                "unmeasured-lag",
            ],
        };
        for (tag, latency) in tags.into_iter().zip([response, service, lag]) {
            log.add(tag, self.from_s, length_s, latency)?;
            LatencyHistogram::reset(latency);
        }
        Ok(())
    }
}

fn stretch_length(duration_s: f64) -> f64 {
    let short = STRETCHES_S.into_iter();
    short
        .clone()
        .find(|length_s| duration_s / length_s <= MAX_SECOND_LINES)
        .or(short.last())
        .expect("there are lengths to choose from")
}

fn comments(info: &RunInfo, stretch_s: f64) -> Vec<String> {
    let line = match stretch_s as u64 {
        1 => "a line is a second".to_owned(),
        many => format!("the run is long: a line is {many} seconds, added up"),
    };
    vec![
        format!("latencies of the run {}, by LoadForge {}", printable(&info.name), printable(&info.loadforge_version)),
        "values are ns; tags: response (what users feel), service (server and network alone), lag (added by the generator)".to_owned(),
        "unmeasured-response, -service and -lag are those of warm-up and cool-down, which count in no figure of the report".to_owned(),
        format!("{line}; seconds without a request have none"),
    ]
}

/// Since the Unix epoch; a run that does not say when it began is put there.
fn started(info: &RunInfo) -> Duration {
    let started: Option<Timestamp> = info.started_at.parse().ok();
    let since = started.and_then(|time| Duration::try_from(time.as_duration()).ok());
    since.unwrap_or_default()
}

#[cfg(test)]
mod tests;
