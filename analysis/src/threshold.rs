//! Thresholds: what a run must reach to pass, such as `p99 < 500ms @product`. Neighbours: the command line and
//! scenario files give expressions, `fold.rs` evaluates them on the summary, exit code 3 says that one did not hold.
//! `threshold/expression.rs` reads them, `threshold/course.rs` follows one through a run.
//! Invariants: where nothing was measured, a threshold does not hold; warm-up and cool-down have no part in it.
//!
//! ```text
//! expression = [ "response." | "service." | "lag." ] metric operator value { clause } [ "@" endpoint { clause } ]
//! metric     = p50 p75 p90 p95 p99 p99.9 p99.99 min mean max   a latency: us, ms or s; of the response time
//!            | error_rate | checks                             a share: % or a fraction up to 1
//!            | rps                                             requests done per second, no unit
//! operator   = "<" | "<=" | ">" | ">="
//! clause     = "over" length                                     every window of that length, not the whole run
//!            | "abort after" length                            ends the run when it does not hold, from then on
//! endpoint   = a request's name, or its method and name, such as `GET product`
//! ```

mod course;
mod expression;

use crate::{
    EndpointSummary, LatencyHistogram, LoadModel, Percentiles, RunSummary, ThresholdResult,
    window::{per_second, share},
};
pub(crate) use course::ThresholdCourse;
pub use expression::{ThresholdError, condition};
use loadforge_scenarios::ErrorKind;
use std::{fmt, time::Duration};

/// A condition on a run's figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// All of it as it was written; empty where the endpoint comes from elsewhere.
    written: String,
    /// The condition as it was written, without clauses and endpoint.
    text: String,
    /// The clauses as they were written; empty without any.
    clauses: String,
    metric: Metric,
    operator: Operator,
    /// In `unit`.
    limit: f64,
    unit: Unit,
    endpoint: Option<String>,
    /// It must hold in every window of this length; without one, over the whole run.
    over: Option<Duration>,
    /// It ends the run as soon as it does not hold, once so much has been measured.
    abort_after: Option<Duration>,
}

/// Relative difference below which a figure equals its limit: far above what float arithmetic adds, far below what
/// is measured.
const ROUNDING: f64 = 1e-9;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Metric {
    Latency(Series, Statistic),
    ErrorRate,
    Checks,
    Rps,
}

/// Which of the three latencies.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Series {
    Response,
    Service,
    Lag,
}

/// A figure of a latency, and where it stands. Both places give the same value: `LatencyHistogram::percentiles` fills the one from
/// the other.
#[derive(Clone, Copy, Debug)]
struct Statistic {
    name: &'static str,
    of_percentiles: fn(&Percentiles) -> f64,
    of_histogram: fn(&LatencyHistogram) -> f64,
}

/// Its name says which one it is.
impl PartialEq for Statistic {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

const STATISTICS: [Statistic; 10] = [
    statistic("p50", |p| p.p50, |h| h.quantile_ms(0.5)),
    statistic("p75", |p| p.p75, |h| h.quantile_ms(0.75)),
    statistic("p90", |p| p.p90, |h| h.quantile_ms(0.9)),
    statistic("p95", |p| p.p95, |h| h.quantile_ms(0.95)),
    statistic("p99", |p| p.p99, |h| h.quantile_ms(0.99)),
    statistic("p99.9", |p| p.p999, |h| h.quantile_ms(0.999)),
    statistic("p99.99", |p| p.p9999, |h| h.quantile_ms(0.9999)),
    statistic("min", |p| p.min, LatencyHistogram::min_ms),
    statistic("mean", |p| p.mean, LatencyHistogram::mean_ms),
    statistic("max", |p| p.max, LatencyHistogram::max_ms),
];

const fn statistic(
    name: &'static str,
    of_percentiles: fn(&Percentiles) -> f64,
    of_histogram: fn(&LatencyHistogram) -> f64,
) -> Statistic {
    Statistic {
        name,
        of_percentiles,
        of_histogram,
    }
}

const SHARES_AND_RATES: [(&str, Metric); 3] = [
    ("error_rate", Metric::ErrorRate),
    ("checks", Metric::Checks),
    ("rps", Metric::Rps),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The unit of a limit, in which the measured value is told too.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    Microseconds,
    Milliseconds,
    Seconds,
    Percent,
    Plain,
}

impl Threshold {
    /// The threshold behind `--fail-on-error-rate`: the share, 0 to 1, of requests that may fail.
    ///
    /// # Errors
    /// When it is not a number from 0 to 1.
    pub fn error_rate_at_most(share: f64) -> Result<Threshold, ThresholdError> {
        Threshold::parse(&format!("error_rate <= {share}"), None)
    }

    /// Compares with what was measured over the whole run, whatever its windows are.
    pub(crate) fn evaluate(&self, summary: &RunSummary) -> ThresholdResult {
        self.result(self.of_run(summary))
    }

    /// The figure of the whole run. A name that occurred with several methods must hold for each; the worst is told.
    fn of_run(&self, summary: &RunSummary) -> Option<f64> {
        match &self.endpoint {
            None => self.metric.of_run(summary),
            Some(name) => summary
                .endpoints
                .iter()
                .filter(|entry| is_named(&entry.name, &entry.method, name))
                .filter_map(|entry| self.metric.of_endpoint(entry))
                .reduce(|a, b| self.operator.worse(a, b)),
        }
    }

    /// Whether it holds at this value, in ms, as a share of 1 or per second; without a sample it does not.
    fn holds(&self, value: Option<f64>) -> bool {
        value.is_some_and(|value| {
            self.operator
                .holds(value * self.unit.per_base(), self.limit)
        })
    }

    /// The result at this value over the whole run.
    fn result(&self, value: Option<f64>) -> ThresholdResult {
        ThresholdResult {
            expr: self.to_string(),
            actual: value.map(|value| without_noise(value * self.unit.per_base())),
            unit: self.unit_word().to_owned(),
            not_sent: 0,
            passed: self.holds(value),
            broke_at_s: None,
            windows: None,
            ended_run: false,
        }
    }

    /// The unit of the limit, as `summary.json` has it.
    fn unit_word(&self) -> &'static str {
        match (self.unit, self.metric) {
            (Unit::Microseconds, _) => "us",
            (Unit::Milliseconds, _) => "ms",
            (Unit::Seconds, _) => "s",
            (Unit::Percent, _) => "percent",
            (Unit::Plain, Metric::Rps) => "per_second",
            (Unit::Plain, _) => "fraction",
        }
    }

    /// Arrivals not sent that a run's figure has in it.
    fn not_sent_in(&self, summary: &RunSummary) -> u64 {
        let counts = self.metric == Metric::ErrorRate && self.endpoint.is_none();
        match summary.model {
            LoadModel::Open if counts => summary.measured.not_sent,
            LoadModel::Open | LoadModel::Closed => 0,
        }
    }

    /// The length of its windows; none when it is held against the whole run.
    pub fn window(&self) -> Option<Duration> {
        self.over
    }

    /// Whether it is about checks.
    pub fn is_of_checks(&self) -> bool {
        self.metric == Metric::Checks
    }

    /// The endpoint that it speaks of, so that a name no request has can be refused before the run.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }
}

/// As written, the endpoint included; `Threshold::parse` reads it back.
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.written.is_empty() {
            return f.write_str(&self.written);
        }
        f.write_str(&self.text)?;
        if !self.clauses.is_empty() {
            write!(f, " {}", self.clauses)?;
        }
        match &self.endpoint {
            None => Ok(()),
            Some(endpoint) if expression::ends_in_clauses(endpoint) => {
                write!(f, " @\"{endpoint}\"")
            }
            Some(endpoint) => write!(f, " @{endpoint}"),
        }
    }
}

/// What a figure is made from: a run's, an endpoint's, or a window's of either.
struct Figures<'a> {
    done: u64,
    failed: u64,
    /// Arrivals that were never sent, in the open model.
    unsent: u64,
    /// Requests whose check failed.
    failed_checks: u64,
    seconds: f64,
    /// Of the series that the metric is about.
    latency: &'a LatencyHistogram,
}

impl Metric {
    /// In ms, as a share of 1 or per second; `None` without a sample.
    fn of(self, figures: &Figures<'_>) -> Option<f64> {
        (figures.done > 0).then(|| match self {
            Metric::Latency(_, statistic) => (statistic.of_histogram)(figures.latency),
            // In the open model an arrival that was never sent is a visitor who got no answer: it counts as failed, or a generator
            // out of users would make a target look reliable.
            Metric::ErrorRate => share(
                figures.failed + figures.unsent,
                figures.done + figures.unsent,
            ),
            Metric::Checks => share(
                figures.done.saturating_sub(figures.failed_checks),
                figures.done,
            ),
            Metric::Rps => per_second(figures.done, figures.seconds),
        })
    }

    /// Of all requests of a run.
    fn of_run(self, summary: &RunSummary) -> Option<f64> {
        let measured = &summary.measured;
        if let Metric::Latency(series, statistic) = self {
            let figures = match series {
                Series::Response => &summary.response_ms,
                Series::Service => &summary.service_ms,
                Series::Lag => &summary.lag_ms,
            };
            return (measured.done > 0).then(|| (statistic.of_percentiles)(figures));
        }
        let checks = summary.errors.iter();
        let checks = checks.filter(|error| error.kind == ErrorKind::Check);
        self.of(&Figures {
            done: measured.done,
            failed: measured.failed,
            unsent: match summary.model {
                LoadModel::Open => measured.not_sent,
                LoadModel::Closed => 0,
            },
            // A share of requests: failures that no request carries are in no threshold.
            failed_checks: checks
                .map(|error| error.count.saturating_sub(error.without_request))
                .sum(),
            seconds: measured.seconds,
            latency: &LatencyHistogram::default(),
        })
    }

    /// Of one endpoint of a run.
    fn of_endpoint(self, endpoint: &EndpointSummary) -> Option<f64> {
        match self {
            Metric::Latency(series, statistic) => {
                let figures = match series {
                    Series::Service => &endpoint.service_ms,
                    // `parse` refuses lag.
                    Series::Response | Series::Lag => &endpoint.response_ms,
                };
                (endpoint.sent > 0).then(|| (statistic.of_percentiles)(figures))
            }
            Metric::Rps => (endpoint.sent > 0).then_some(endpoint.rps_mean),
            Metric::ErrorRate | Metric::Checks => self.of(&Figures {
                done: endpoint.sent,
                failed: endpoint.failed,
                unsent: 0,
                failed_checks: endpoint.errors.get(&ErrorKind::Check).copied().unwrap_or(0),
                seconds: 0.0,
                latency: &LatencyHistogram::default(),
            }),
        }
    }
}

impl Operator {
    fn holds(self, actual: f64, limit: f64) -> bool {
        // 7 of 100 must be at most 7 %, though 0.07 × 100 is 7.000000000000001.
        let equal = (actual - limit).abs() <= ROUNDING * limit.abs();
        match self {
            Operator::Less => actual < limit && !equal,
            Operator::LessOrEqual => actual < limit || equal,
            Operator::Greater => actual > limit && !equal,
            Operator::GreaterOrEqual => actual > limit || equal,
        }
    }

    /// The value further from holding.
    fn worse(self, a: f64, b: f64) -> f64 {
        match self {
            Operator::Less | Operator::LessOrEqual => a.max(b),
            Operator::Greater | Operator::GreaterOrEqual => a.min(b),
        }
    }
}

impl Unit {
    /// How many of this unit make a ms, a share of 1, or one per second.
    fn per_base(self) -> f64 {
        match self {
            Unit::Microseconds => 1_000.0,
            Unit::Milliseconds | Unit::Plain => 1.0,
            Unit::Seconds => 0.001,
            Unit::Percent => 100.0,
        }
    }
}

/// The value to twelve significant digits: what float arithmetic adds lies behind them.
fn without_noise(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

/// By its name, or by its method and name.
fn is_named(name: &str, method: &str, wanted: &str) -> bool {
    let name = name.trim();
    let with_method = || {
        wanted
            .strip_prefix(method)
            .and_then(|rest| rest.strip_prefix(' '))
    };
    name == wanted || with_method().is_some_and(|rest| rest.trim() == name)
}

#[cfg(test)]
#[path = "threshold_tests.rs"]
mod tests;
