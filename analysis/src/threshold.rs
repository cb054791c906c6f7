//! Thresholds: what a run must reach to pass, such as `p99 < 500ms @product`. Neighbours: the command line and
//! scenario files give expressions, `fold.rs` evaluates them on the summary, exit code 3 says that one did not hold.
//! Invariants: where nothing was measured, a threshold does not hold; warm-up and cool-down have no part in it.
//!
//! ```text
//! expression = [ "response." | "service." | "lag." ] metric operator value [ "@" endpoint ]
//! metric     = p50 p75 p90 p95 p99 p99.9 p99.99 min mean max   a latency: us, ms or s; of the response time
//!            | error_rate | checks                             a share: % or a fraction up to 1
//!            | rps                                             requests done per second, no unit
//! operator   = "<" | "<=" | ">" | ">="
//! endpoint   = a request's name, or its method and name, such as `GET product`
//! ```

use crate::{EndpointSummary, LoadModel, Percentiles, RunSummary, ThresholdResult};
use loadforge_scenarios::ErrorKind;
use std::{collections::BTreeMap, fmt};

/// A condition on a run's figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// As it was written, without the endpoint.
    text: String,
    metric: Metric,
    operator: Operator,
    /// In `unit`.
    limit: f64,
    unit: Unit,
    endpoint: Option<String>,
}

/// Why an expression is not a threshold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// There is no comparison in it.
    #[error(
        "threshold {expr:?} compares nothing: write a figure, one of < <= > >= and a limit, such as {EXAMPLE}"
    )]
    NoOperator {
        /// The expression.
        expr: String,
    },
    /// The operator is none of ours.
    #[error("threshold {expr:?}: {operator:?} is not a comparison; use one of < <= > >=")]
    Operator {
        /// The expression.
        expr: String,
        /// What stands in the operator's place.
        operator: String,
    },
    /// The figure is not known.
    #[error(
        "threshold {expr:?}: there is no figure {metric:?}{}; there are p50, p75, p90, p95, p99, p99.9, p99.99, \
         min, mean, max (also as service.… and lag.…), error_rate, checks and rps",
        did_you_mean(suggestion)
    )]
    Metric {
        /// The expression.
        expr: String,
        /// The figure asked for.
        metric: String,
        /// The nearest one that exists.
        suggestion: Option<String>,
    },
    /// The limit is not a number.
    #[error("threshold {expr:?}: {value:?} is not a number; write the limit like 500, 0.5 or 99.9")]
    Number {
        /// The expression.
        expr: String,
        /// What stands in the number's place.
        value: String,
    },
    /// The unit does not fit the figure.
    #[error("threshold {expr:?}: {}; write {allowed}", unit_problem(unit, metric))]
    Unit {
        /// The expression.
        expr: String,
        /// The figure.
        metric: String,
        /// The unit given; empty when there is none.
        unit: String,
        /// What can be written.
        allowed: &'static str,
    },
    /// A share above 100 %.
    #[error("threshold {expr:?}: {value} is more than everything; a share is at most 100% or 1")]
    Share {
        /// The expression.
        expr: String,
        /// The limit as written.
        value: String,
    },
    /// The endpoint is empty, named twice, or has no such figure.
    #[error("threshold {expr:?}: {problem}")]
    Endpoint {
        /// The expression.
        expr: String,
        /// What is wrong, with the remedy.
        problem: String,
    },
}

/// Relative difference below which a figure equals its limit: far above what float arithmetic adds, far below what
/// is measured.
const ROUNDING: f64 = 1e-9;

const EXAMPLE: &str = "'p99 < 500ms'";

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

/// A figure of a latency: its name and where it stands.
type Statistic = (&'static str, fn(&Percentiles) -> f64);

const STATISTICS: [Statistic; 10] = [
    ("p50", |p| p.p50),
    ("p75", |p| p.p75),
    ("p90", |p| p.p90),
    ("p95", |p| p.p95),
    ("p99", |p| p.p99),
    ("p99.9", |p| p.p999),
    ("p99.99", |p| p.p9999),
    ("min", |p| p.min),
    ("mean", |p| p.mean),
    ("max", |p| p.max),
];

const SHARES_AND_RATES: [(&str, Metric); 3] = [
    ("error_rate", Metric::ErrorRate),
    ("checks", Metric::Checks),
    ("rps", Metric::Rps),
];

/// Words of other tools, for which the nearest spelling would be the wrong advice.
const FOREIGN_WORDS: [(&str, &str); 8] = [
    ("avg", "mean"),
    ("average", "mean"),
    ("med", "p50"),
    ("median", "p50"),
    ("p999", "p99.9"),
    ("p9999", "p99.99"),
    ("errors", "error_rate"),
    ("rate", "rps"),
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
    /// Reads an expression; `endpoint` is that of a scenario's `[[threshold]]` table, if it has one.
    ///
    /// # Errors
    /// When it is not an expression of the form above, or names an endpoint in both places.
    pub fn parse(expr: &str, endpoint: Option<&str>) -> Result<Threshold, ThresholdError> {
        let fail = Failing { expr };
        let (condition, suffix) = match expr.split_once('@') {
            Some((condition, suffix)) => (condition, Some(suffix)),
            None => (expr, None),
        };
        let start = condition
            .find(['<', '>', '=', '!'])
            .ok_or(ThresholdError::NoOperator { expr: expr.into() })?;
        let (name, rest) = condition.split_at(start);
        let end = rest
            .find(|c| !matches!(c, '<' | '>' | '=' | '!' | ' '))
            .unwrap_or(rest.len());
        let (operator, limit) = rest.split_at(end);
        let operator = fail.operator(operator)?;
        let metric = fail.metric(&squeezed(name))?;
        let (limit, unit) = fail.limit(&squeezed(limit), metric, name.trim())?;
        let endpoint = fail.endpoint(suffix, endpoint, metric)?;
        Ok(Threshold {
            text: condition.trim().to_owned(),
            metric,
            operator,
            limit,
            unit,
            endpoint,
        })
    }

    /// The threshold behind `--fail-on-error-rate`: the share, 0 to 1, of requests that may fail.
    ///
    /// # Errors
    /// When it is not a number from 0 to 1.
    pub fn error_rate_at_most(share: f64) -> Result<Threshold, ThresholdError> {
        Threshold::parse(&format!("error_rate <= {share}"), None)
    }

    /// Compares with what was measured. A name that occurred with several methods must hold for each; the worst
    /// is told.
    pub fn evaluate(&self, summary: &RunSummary) -> ThresholdResult {
        let actual = match &self.endpoint {
            None => self.metric.of_run(summary),
            Some(name) => summary
                .endpoints
                .iter()
                .filter(|entry| is_named(entry, name))
                .filter_map(|entry| self.metric.of_endpoint(entry))
                .reduce(|a, b| self.operator.worse(a, b)),
        }
        .map(|value| value * self.unit.per_base());
        let passed = actual.is_some_and(|actual| self.operator.holds(actual, self.limit));
        ThresholdResult {
            expr: self.to_string(),
            actual,
            passed,
        }
    }

    /// The endpoint that it speaks of, so that a name no request has can be refused before the run.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }
}

/// As written, the endpoint included; `Threshold::parse` reads it back.
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            None => f.write_str(&self.text),
            Some(endpoint) => write!(f, "{} @{endpoint}", self.text),
        }
    }
}

/// An expression being read: makes its errors.
struct Failing<'a> {
    expr: &'a str,
}

impl Failing<'_> {
    fn operator(&self, text: &str) -> Result<Operator, ThresholdError> {
        match squeezed(text).as_str() {
            "<" => Ok(Operator::Less),
            "<=" => Ok(Operator::LessOrEqual),
            ">" => Ok(Operator::Greater),
            ">=" => Ok(Operator::GreaterOrEqual),
            other => Err(ThresholdError::Operator {
                expr: self.expr.into(),
                operator: other.to_owned(),
            }),
        }
    }

    fn metric(&self, name: &str) -> Result<Metric, ThresholdError> {
        let (series, figure) = match name.split_once('.') {
            Some(("response", figure)) => (Some(Series::Response), figure),
            Some(("service", figure)) => (Some(Series::Service), figure),
            Some(("lag", figure)) => (Some(Series::Lag), figure),
            _ => (None, name),
        };
        if let Some(statistic) = STATISTICS.into_iter().find(|(known, _)| *known == figure) {
            return Ok(Metric::Latency(
                series.unwrap_or(Series::Response),
                statistic,
            ));
        }
        if let (None, Some((_, metric))) = (
            series,
            SHARES_AND_RATES
                .into_iter()
                .find(|(known, _)| *known == figure),
        ) {
            return Ok(metric);
        }
        Err(ThresholdError::Metric {
            expr: self.expr.into(),
            metric: name.to_owned(),
            suggestion: suggest(name, figure),
        })
    }

    fn limit(&self, text: &str, metric: Metric, name: &str) -> Result<(f64, Unit), ThresholdError> {
        let digits = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let Some(limit) = number.parse::<f64>().ok().filter(|limit| limit.is_finite()) else {
            return Err(ThresholdError::Number {
                expr: self.expr.into(),
                value: text.to_owned(),
            });
        };
        let (known, allowed): (&[(&str, Unit)], _) = match metric {
            Metric::Latency(..) => (
                &[
                    ("us", Unit::Microseconds),
                    ("µs", Unit::Microseconds),
                    ("ms", Unit::Milliseconds),
                    ("s", Unit::Seconds),
                ],
                "a time in us, ms or s, such as 500ms",
            ),
            Metric::ErrorRate | Metric::Checks => (
                &[("%", Unit::Percent), ("", Unit::Plain)],
                "a share such as 1% or 0.01",
            ),
            Metric::Rps => (
                &[("", Unit::Plain), ("/s", Unit::Plain)],
                "a number of requests per second, such as 900",
            ),
        };
        let Some((_, unit)) = known.iter().find(|(word, _)| *word == unit) else {
            return Err(ThresholdError::Unit {
                expr: self.expr.into(),
                metric: name.to_owned(),
                unit: unit.to_owned(),
                allowed,
            });
        };
        let is_share = matches!(metric, Metric::ErrorRate | Metric::Checks);
        if is_share && limit > unit.per_base() {
            return Err(ThresholdError::Share {
                expr: self.expr.into(),
                value: text.to_owned(),
            });
        }
        Ok((limit, *unit))
    }

    fn endpoint(
        &self,
        suffix: Option<&str>,
        table: Option<&str>,
        metric: Metric,
    ) -> Result<Option<String>, ThresholdError> {
        let problem = |problem: String| ThresholdError::Endpoint {
            expr: self.expr.into(),
            problem,
        };
        let (suffix, table) = (suffix.map(str::trim), table.map(str::trim));
        if let (Some(suffix), Some(table)) = (suffix, table)
            && suffix != table
        {
            return Err(problem(format!(
                "it names the endpoints {suffix:?} and {table:?}: leave one of them out"
            )));
        }
        let endpoint = suffix.or(table);
        if endpoint == Some("") {
            return Err(problem(
                "the endpoint's name is empty: write it after the @, or leave the @ out".into(),
            ));
        }
        if endpoint.is_some() && matches!(metric, Metric::Latency(Series::Lag, _)) {
            return Err(problem(
                "lag is measured for the whole run, not by endpoint: leave the endpoint out".into(),
            ));
        }
        Ok(endpoint.map(str::to_owned))
    }
}

impl Metric {
    /// Of all requests, in ms, as a share of 1 or per second; `None` without a sample.
    fn of_run(self, summary: &RunSummary) -> Option<f64> {
        let done = summary.measured.done;
        let checks = summary
            .errors
            .iter()
            .filter(|error| error.kind == ErrorKind::Check);
        (done > 0).then(|| match self {
            Metric::Latency(Series::Response, (_, figure)) => figure(&summary.response_ms),
            Metric::Latency(Series::Service, (_, figure)) => figure(&summary.service_ms),
            Metric::Latency(Series::Lag, (_, figure)) => figure(&summary.lag_ms),
            Metric::ErrorRate => error_rate(summary),
            // A share of requests: failures that no request carries are in no threshold.
            Metric::Checks => without(
                checks
                    .map(|error| error.count.saturating_sub(error.without_request))
                    .sum(),
                done,
            ),
            Metric::Rps => summary.requests.rps_mean,
        })
    }

    /// Of one endpoint, in the same units; `None` without a sample.
    fn of_endpoint(self, endpoint: &EndpointSummary) -> Option<f64> {
        let failed_checks = |errors: &BTreeMap<_, _>| errors.get(&ErrorKind::Check).copied();
        if endpoint.sent == 0 {
            return None;
        }
        match self {
            Metric::Latency(Series::Response, (_, figure)) => Some(figure(&endpoint.response_ms)),
            Metric::Latency(Series::Service, (_, figure)) => Some(figure(&endpoint.service_ms)),
            // `parse` refuses this one.
            Metric::Latency(Series::Lag, _) => None,
            Metric::ErrorRate => Some(crate::window::share(endpoint.failed, endpoint.sent)),
            Metric::Checks => Some(without(
                failed_checks(&endpoint.errors).unwrap_or(0),
                endpoint.sent,
            )),
            Metric::Rps => Some(endpoint.rps_mean),
        }
    }
}

/// The failed share of what was asked for. In the open model an arrival that was never sent is a visitor who got no
/// answer: it counts as failed, or a generator out of users would make a target look reliable.
fn error_rate(summary: &RunSummary) -> f64 {
    let unsent = match summary.model {
        LoadModel::Open => summary.measured.not_sent,
        LoadModel::Closed => 0,
    };
    let measured = &summary.measured;
    crate::window::share(measured.failed + unsent, measured.done + unsent)
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

/// The share of `whole` that is left without `part`.
fn without(part: u64, whole: u64) -> f64 {
    crate::window::share(whole.saturating_sub(part), whole)
}

/// By its name, or by its method and name.
fn is_named(endpoint: &EndpointSummary, wanted: &str) -> bool {
    let name = endpoint.name.trim();
    let with_method = || {
        wanted
            .strip_prefix(&endpoint.method)
            .and_then(|rest| rest.strip_prefix(' '))
    };
    name == wanted || with_method().is_some_and(|rest| rest.trim() == name)
}

/// Without blanks.
fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// The word that was probably meant by a figure that does not exist.
fn suggest(name: &str, figure: &str) -> Option<String> {
    let figure = figure.to_lowercase();
    if let Some((_, ours)) = FOREIGN_WORDS.into_iter().find(|(word, _)| *word == figure) {
        return Some(ours.to_owned());
    }
    let known = STATISTICS
        .into_iter()
        .map(|(word, _)| word)
        .chain(SHARES_AND_RATES.into_iter().map(|(word, _)| word));
    let lower = name.to_lowercase();
    known
        .map(|word| {
            (
                strsim::jaro_winkler(word, &lower).max(strsim::jaro_winkler(word, &figure)),
                word,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word.to_owned())
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion
        .as_ref()
        .map_or_else(String::new, |word| format!(" (did you mean {word}?)"))
}

fn unit_problem(unit: &str, metric: &str) -> String {
    if unit.is_empty() {
        format!("the limit of {metric} has no unit")
    } else {
        format!("{unit:?} is not a unit of {metric}")
    }
}

#[cfg(test)]
#[path = "threshold_tests.rs"]
mod tests;
