//! Metrics that a scenario measures itself: counters, gauges and trends. Neighbours: `window.rs` counts a second's, `fold.rs`
//! adds seconds up, `values.rs` keeps the values of trends. Invariants: a value is counted in the second in which it was
//! told; values are finite, and so is every figure; memory is bounded by `MAX_METRICS`, whatever the scenario names.

use crate::{OTHER_ENDPOINT, ValueHistogram};
use loadforge_ring::RequestRecord;
use loadforge_scenarios::MetricKind;
use serde::{Deserialize, Serialize};

/// Most metrics with figures of their own; the rest of a kind share `OTHER_ENDPOINT`. The first to come are kept, as of
/// endpoints.
pub const MAX_METRICS: usize = 50;

/// A metric's place in a window: valid for the window that gave it, as long as that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MetricRow(u16);

/// One metric in one window. The same name with another kind is another metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricWindow {
    /// Its name.
    pub name: String,
    /// How many values it was given.
    pub count: u64,
    /// What they came to.
    #[serde(flatten)]
    pub tally: MetricTally,
}

/// What the values of a metric came to, in a form that can be added up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MetricTally {
    /// Values are added up; negative ones take away.
    Counter {
        /// All of them together; stays at the greatest number there is instead of passing it.
        sum: f64,
    },
    /// The last value counts.
    Gauge {
        /// The one told last, whichever worker told it.
        last: f64,
        /// When that was, in ns since the start of the run.
        last_ns: u64,
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// All values count.
    Trend {
        /// All of them together, for the mean.
        sum: f64,
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
        /// How many of which size.
        values: ValueHistogram,
    },
}

/// One metric over a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricSummary {
    /// Its name.
    pub name: String,
    /// How many values it was given.
    pub count: u64,
    /// What they came to.
    #[serde(flatten)]
    pub figures: MetricFigures,
}

/// The figures of a metric, by its kind; in whatever unit the scenario told them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MetricFigures {
    /// Values were added up.
    Counter {
        /// All of them together.
        sum: f64,
        /// The sum per second of the measured part.
        rate_mean: f64,
    },
    /// The last value counted.
    Gauge {
        /// The one told last, whichever worker told it.
        last: f64,
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// All values counted.
    Trend {
        /// The least, exactly.
        min: f64,
        /// Arithmetic mean, of the values themselves.
        mean: f64,
        /// Half are below; like the other percentiles at most 0.1 % from the value it stands for.
        p50: f64,
        /// 90 % are below.
        p90: f64,
        /// 95 % are below.
        p95: f64,
        /// 99 % are below.
        p99: f64,
        /// The greatest, exactly.
        max: f64,
    },
}

impl MetricTally {
    /// Nothing yet.
    fn new(kind: MetricKind) -> MetricTally {
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        match kind {
            MetricKind::Counter => MetricTally::Counter { sum: 0.0 },
            MetricKind::Gauge => MetricTally::Gauge {
                last: 0.0,
                last_ns: 0,
                min,
                max,
            },
            MetricKind::Trend => MetricTally::Trend {
                sum: 0.0,
                min,
                max,
                values: ValueHistogram::default(),
            },
        }
    }

    /// Its kind.
    pub fn kind(&self) -> MetricKind {
        match self {
            MetricTally::Counter { .. } => MetricKind::Counter,
            MetricTally::Gauge { .. } => MetricKind::Gauge,
            MetricTally::Trend { .. } => MetricKind::Trend,
        }
    }

    fn record(&mut self, value: f64, at_ns: u64) {
        match self {
            MetricTally::Counter { sum } => *sum = added(*sum, value),
            MetricTally::Gauge {
                last,
                last_ns,
                min,
                max,
            } => {
                // Of two told in the same ns the one read later.
                if at_ns >= *last_ns {
                    (*last, *last_ns) = (value, at_ns);
                }
                (*min, *max) = (min.min(value), max.max(value));
            }
            MetricTally::Trend {
                sum,
                min,
                max,
                values,
            } => {
                *sum = added(*sum, value);
                (*min, *max) = (min.min(value), max.max(value));
                values.record(value);
            }
        }
    }

    /// Adds another window of the same metric; one of another kind is another metric and is left alone.
    fn add(&mut self, other: &MetricTally) {
        match (self, other) {
            (MetricTally::Counter { sum }, MetricTally::Counter { sum: more }) => {
                *sum = added(*sum, *more);
            }
            (
                MetricTally::Gauge {
                    last,
                    last_ns,
                    min,
                    max,
                },
                MetricTally::Gauge {
                    last: their_last,
                    last_ns: their_last_ns,
                    min: their_min,
                    max: their_max,
                },
            ) => {
                if their_last_ns >= last_ns {
                    (*last, *last_ns) = (*their_last, *their_last_ns);
                }
                (*min, *max) = (min.min(*their_min), max.max(*their_max));
            }
            (
                MetricTally::Trend {
                    sum,
                    min,
                    max,
                    values,
                },
                MetricTally::Trend {
                    sum: more,
                    min: their_min,
                    max: their_max,
                    values: their_values,
                },
            ) => {
                *sum = added(*sum, *more);
                (*min, *max) = (min.min(*their_min), max.max(*their_max));
                values.add(their_values);
            }
            _ => debug_assert!(false, "rows are found by kind"),
        }
    }

    /// The figures of `count` values in so many seconds.
    fn figures(&self, count: u64, seconds: f64) -> MetricFigures {
        match self {
            MetricTally::Counter { sum } => MetricFigures::Counter {
                sum: *sum,
                rate_mean: if seconds > 0.0 {
                    bounded(sum / seconds)
                } else {
                    0.0
                },
            },
            MetricTally::Gauge { last, min, max, .. } => MetricFigures::Gauge {
                last: *last,
                min: *min,
                max: *max,
            },
            MetricTally::Trend {
                sum,
                min,
                max,
                values,
            } => {
                // A bucket's edge may lie below the least value; a mean of rounded sums as well.
                let within = |value: f64| value.max(*min).min(*max);
                MetricFigures::Trend {
                    min: *min,
                    mean: within(sum / count.max(1) as f64),
                    p50: within(values.quantile(0.5)),
                    p90: within(values.quantile(0.9)),
                    p95: within(values.quantile(0.95)),
                    p99: within(values.quantile(0.99)),
                    max: *max,
                }
            }
        }
    }
}

impl MetricFigures {
    /// The kind of the metric.
    pub fn kind(&self) -> MetricKind {
        match self {
            MetricFigures::Counter { .. } => MetricKind::Counter,
            MetricFigures::Gauge { .. } => MetricKind::Gauge,
            MetricFigures::Trend { .. } => MetricKind::Trend,
        }
    }
}

/// A sum that stays a number: JSON has no infinity.
fn added(sum: f64, value: f64) -> f64 {
    bounded(sum + value)
}

fn bounded(value: f64) -> f64 {
    value.clamp(-f64::MAX, f64::MAX)
}

/// All metrics of a window or a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    rows: Vec<MetricWindow>,
}

impl Metrics {
    /// Where values of this metric are counted.
    pub(crate) fn row(&mut self, kind: MetricKind, name: &str) -> MetricRow {
        let find = |rows: &[MetricWindow], name: &str| {
            let same = |row: &MetricWindow| row.tally.kind() == kind && row.name == name;
            rows.iter().position(same)
        };
        let mut name = name;
        let mut found = find(&self.rows, name);
        if found.is_none() && self.rows.len() >= MAX_METRICS {
            name = OTHER_ENDPOINT;
            found = find(&self.rows, name);
        }
        let index = found.unwrap_or_else(|| {
            self.rows.push(MetricWindow {
                name: name.to_owned(),
                count: 0,
                tally: MetricTally::new(kind),
            });
            self.rows.len() - 1
        });
        MetricRow(index as u16)
    }

    /// Counts one value.
    pub(crate) fn add_record(&mut self, record: &RequestRecord, row: MetricRow) {
        let row = &mut self.rows[usize::from(row.0)];
        row.count += 1;
        row.tally.record(record.value(), record.intended_ns);
    }

    /// Adds a window's metric.
    pub(crate) fn add(&mut self, window: &MetricWindow) {
        let row = self.row(window.tally.kind(), &window.name);
        let row = &mut self.rows[usize::from(row.0)];
        row.count += window.count;
        row.tally.add(&window.tally);
    }

    /// Those that were given a value since the last call; begins the next window.
    pub(crate) fn close(&mut self) -> Vec<MetricWindow> {
        let counted = self.rows.iter_mut().filter(|row| row.count > 0);
        let close = |row: &mut MetricWindow| {
            let empty = MetricTally::new(row.tally.kind());
            MetricWindow {
                name: row.name.clone(),
                count: std::mem::take(&mut row.count),
                tally: std::mem::replace(&mut row.tally, empty),
            }
        };
        counted.map(close).collect()
    }

    /// The figures of a run with so many measured seconds, by name and kind.
    pub(crate) fn summaries(&self, seconds: f64) -> Vec<MetricSummary> {
        let mut sorted: Vec<&MetricWindow> = self.rows.iter().filter(|row| row.count > 0).collect();
        sorted.sort_by_key(|row| (&row.name, row.tally.kind() as u8));
        let summary = |row: &MetricWindow| MetricSummary {
            name: row.name.clone(),
            count: row.count,
            figures: row.tally.figures(row.count, seconds),
        };
        sorted.into_iter().map(summary).collect()
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
