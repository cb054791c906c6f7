//! `series.csv`: a row for every second of a run, for spreadsheets and scripts.
//! Neighbours: read from `snapshots.jsonl` through `stored.rs`, written through `mod.rs`. Invariants: the unit of each
//! column is in its name; a field is a number or empty (no sample), save for the phase's name, which keeps its letters and
//! digits only, so no cell can be taken for a formula; `offered`, `sent` and `not_sent` are told by later seconds too, so
//! the file is read twice.

use super::snapshot_lines::for_each_second;
use super::{ResultsDir, ResultsError, SERIES_FILE};
use loadforge_analysis::{
    GeneratorWindow, Latencies, LatencyHistogram, LoadPhase, UserCounts, WindowCounts,
};
use loadforge_scenarios::PhaseRole;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// The columns of the table. `offered`, `sent` and `not_sent` are counted in the second the requests were due or sent in, the
/// rest in the one they were done in; `measured` is 0 in warm-up and cool-down. `cpu_max_percent` is the busiest worker's, spinning left out.
const COLUMNS: [&str; 43] = [
    "second_s",
    "length_s",
    "users",
    "users_target",
    "in_flight",
    "requests_per_s",
    "done",
    "ok",
    "failed",
    "not_sent",
    "error_rate",
    "response_p50_ms",
    "response_p75_ms",
    "response_p90_ms",
    "response_p95_ms",
    "response_p99_ms",
    "response_p99.9_ms",
    "response_max_ms",
    "service_p50_ms",
    "service_p95_ms",
    "service_p99_ms",
    "lag_p50_ms",
    "lag_p99_ms",
    "bytes_in",
    "bytes_out",
    "connects",
    "retried",
    "cpu_mean_percent",
    "cpu_max_percent",
    "spin_mean_percent",
    "supervisor_cpu_percent",
    "ring_stalls",
    "memory_bytes",
    "offered",
    "sent",
    "target_rate_per_s",
    "measured",
    "load_phase",
    "steal_max_percent",
    "involuntary_switches",
    "descriptors",
    "retransmits",
    "paused_ms",
];

/// The part of a snapshot that the table shows: endpoints are passed over, which makes reading several times faster.
#[derive(Deserialize)]
struct Second {
    at_s: f64,
    length_s: f64,
    users: UserCounts,
    requests: WindowCounts,
    rps: f64,
    error_rate: f64,
    latency: Latencies,
    generator: GeneratorWindow,
    #[serde(default)]
    load_phase: LoadPhase,
}

/// Requests by the second they were due in and by the one they were sent in.
#[derive(Default, Deserialize)]
struct Arrivals {
    #[serde(default)]
    offered_at: BTreeMap<u64, u64>,
    #[serde(default)]
    sent_at: BTreeMap<u64, u64>,
    #[serde(default)]
    not_sent_at: BTreeMap<u64, u64>,
    at_s: f64,
    requests: WindowCounts,
}

/// The second behind the last one of a window that ends here: a window may end a little after its second.
fn end_second(at_s: f64) -> u64 {
    (at_s - 0.05).max(0.0).ceil() as u64
}

/// The arrivals of a whole run, taken out row by row.
struct ArrivalsLeft {
    all: Arrivals,
    rows: u64,
}

impl ArrivalsLeft {
    fn read(dir: &ResultsDir) -> Result<ArrivalsLeft, ResultsError> {
        let (mut all, mut rows) = (Arrivals::default(), 0);
        for_each_second(&dir.source, |mut told: Arrivals| {
            rows += 1;
            let not_sent = told.requests.not_sent;
            if told.not_sent_at.is_empty() && not_sent > 0 {
                // A line of an earlier version: it did not say when they were due.
                let second = end_second(told.at_s).saturating_sub(1);
                told.not_sent_at.insert(second, not_sent);
            }
            for (sum, part) in [
                (&mut all.offered_at, told.offered_at),
                (&mut all.sent_at, told.sent_at),
                (&mut all.not_sent_at, told.not_sent_at),
            ] {
                for (second, count) in part {
                    *sum.entry(second).or_default() += count;
                }
            }
            Ok(())
        })?;
        Ok(ArrivalsLeft { all, rows })
    }

    /// What was offered, sent and not sent in the row that ends at `at_s`; the last one takes all that is left.
    fn take(&mut self, at_s: f64) -> [u64; 3] {
        self.rows = self.rows.saturating_sub(1);
        let end = if self.rows == 0 {
            u64::MAX
        } else {
            end_second(at_s)
        };
        let Arrivals {
            offered_at,
            sent_at,
            not_sent_at,
            ..
        } = &mut self.all;
        [offered_at, sent_at, not_sent_at].map(|counts| {
            let later = counts.split_off(&end);
            std::mem::replace(counts, later).into_values().sum()
        })
    }
}

pub(super) fn write(dir: &ResultsDir) -> Result<(), ResultsError> {
    // A failure to read passes through the writer, which only knows failures to write.
    let mut read_error = None;
    let mut arrivals = ArrivalsLeft::read(dir)?;
    let written = dir.write_whole(SERIES_FILE, |file| {
        writeln!(file, "{}", COLUMNS.join(","))?;
        let mut write_error = None;
        let read = for_each_second(&dir.source, |second: Second| {
            if write_error.is_none() {
                write_error = file
                    .write_all(second.row(arrivals.take(second.at_s)).as_bytes())
                    .err();
            }
            Ok(())
        });
        match (read, write_error) {
            (_, Some(error)) => Err(error),
            (Err(error), None) => {
                read_error = Some(error);
                Err(io::ErrorKind::InvalidData.into())
            }
            (Ok(_), None) => Ok(()),
        }
    });
    read_error.map_or(written, Err)
}

impl Second {
    fn row(&self, [offered, sent, not_sent]: [u64; 3]) -> String {
        let Latencies {
            response,
            service,
            lag,
        } = &self.latency;
        let (users, requests, generator) = (&self.users, &self.requests, &self.generator);
        let mut row = Row::default();
        row.number(self.at_s);
        row.number(self.length_s);
        row.counts(&[users.active, users.target, users.in_flight]);
        row.number(self.rps);
        row.counts(&[requests.done, requests.ok, requests.failed, not_sent]);
        row.number(self.error_rate);
        row.quantiles(response, &[0.50, 0.75, 0.90, 0.95, 0.99, 0.999]);
        row.latency(response, LatencyHistogram::max_ms);
        row.quantiles(service, &[0.50, 0.95, 0.99]);
        row.quantiles(lag, &[0.50, 0.99]);
        row.counts(&[
            requests.bytes_in,
            requests.bytes_out,
            requests.connects,
            requests.retried,
        ]);
        row.optional(mean(&generator.cpu_percent));
        row.optional(generator.cpu_percent.iter().copied().reduce(f64::max));
        row.optional(mean(&generator.spin_percent));
        row.number(generator.supervisor_cpu_percent);
        row.count(generator.ring_stalls);
        row.count(generator.memory_bytes);
        row.counts(&[offered, sent]);
        row.number(users.target_rate);
        row.count(u64::from(self.load_phase.role == PhaseRole::Measured));
        row.word(&self.load_phase.name);
        row.optional(generator.steal_percent.iter().copied().reduce(f64::max));
        row.counts(&[
            generator.involuntary_switches,
            generator.descriptors,
            generator.retransmits,
        ]);
        row.number(generator.paused_ns as f64 / 1e6);
        row.finish()
    }
}

/// One row in the making.
#[derive(Default)]
struct Row {
    text: String,
    fields: usize,
}

impl Row {
    fn count(&mut self, value: u64) {
        self.field();
        let _ = write!(self.text, "{value}"); // a String takes everything
    }

    fn counts(&mut self, values: &[u64]) {
        for value in values {
            self.count(*value);
        }
    }

    /// At most six decimals: a nanosecond in ms.
    fn number(&mut self, value: f64) {
        self.field();
        if value.is_finite() {
            // Adding 0 makes a zero of either sign the plain one: "-0" is no rate anybody asked for.
            let rounded = (value * 1e6).round() / 1e6 + 0.0;
            let _ = write!(self.text, "{rounded}");
        }
    }

    fn optional(&mut self, value: Option<f64>) {
        self.number(value.unwrap_or(f64::NAN));
    }

    fn quantiles(&mut self, histogram: &LatencyHistogram, quantiles: &[f64]) {
        for quantile in quantiles {
            self.latency(histogram, |histogram| histogram.quantile_ms(*quantile));
        }
    }

    /// Empty without a sample: 0 ms would be a lie.
    fn latency(&mut self, histogram: &LatencyHistogram, figure: impl Fn(&LatencyHistogram) -> f64) {
        self.optional((!histogram.is_empty()).then(|| figure(histogram)));
    }

    /// A name, with everything in it that a table or a spreadsheet could take for its own replaced.
    fn word(&mut self, name: &str) {
        self.field();
        for (index, char) in name.chars().enumerate() {
            let inside = index > 0 && [' ', '.', '-'].contains(&char);
            self.text.push(if char.is_alphanumeric() || inside {
                char
            } else {
                '_'
            });
        }
    }

    fn field(&mut self) {
        if self.fields > 0 {
            self.text.push(',');
        }
        self.fields += 1;
    }

    fn finish(mut self) -> String {
        debug_assert_eq!(self.fields, COLUMNS.len(), "a field for each column");
        self.text.push('\n');
        self.text
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
