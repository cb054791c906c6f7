//! Reading a threshold's expression, and what can be wrong with it. Neighbours: `../threshold.rs` has the grammar and what an
//! expression comes to. Invariant: an expression is read whole or refused with its place and a remedy.

use super::{Metric, Operator, SHARES_AND_RATES, STATISTICS, Series, Threshold, Unit};
use loadforge_scenarios::{LengthFault, parse_length};
use std::time::Duration;

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
    /// What stands behind the limit is not understood.
    #[error("threshold {expr:?}: {problem}")]
    Clause {
        /// The expression.
        expr: String,
        /// What is wrong, with the remedy.
        problem: String,
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

const EXAMPLE: &str = "'p99 < 500ms'";

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

/// Shortest and longest window: seconds are what a run is counted in, and a day is longer than runs are.
const WINDOW: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 3_600));

/// What may stand behind a limit.
#[derive(Clone, Debug, Default, PartialEq)]
struct Clauses {
    /// As they are written, with single blanks.
    text: String,
    over: Option<Duration>,
    abort_after: Option<Duration>,
}

impl Threshold {
    /// Reads an expression; `endpoint` is that of a scenario's `[[threshold]]` table, if it has one.
    ///
    /// # Errors
    /// When it is not an expression of the form above, or names an endpoint in both places.
    pub fn parse(expr: &str, endpoint: Option<&str>) -> Result<Threshold, ThresholdError> {
        let fail = Failing { expr };
        let (before, suffix) = match expr.split_once('@') {
            Some((before, suffix)) => (before, Some(suffix)),
            None => (expr, None),
        };
        let (condition, words) = split_clauses(before);
        let mut clauses = fail.clauses(words)?;
        let suffix = suffix.map(|suffix| {
            let quoted = suffix.trim().strip_prefix('"');
            let quoted = quoted.and_then(|name| name.strip_suffix('"'));
            if let Some(name) = quoted.filter(|name| ends_in_clauses(name)) {
                return name;
            }
            let (name, words) = split_clauses(suffix);
            // Names are free: what is no clause belongs to them.
            match fail.clauses(words) {
                Ok(more) if !words.is_empty() && clauses == Clauses::default() => {
                    clauses = more;
                    name
                }
                _ => suffix,
            }
        });
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
            written: match endpoint.is_some() && suffix.is_none() {
                true => String::new(),
                false => expr.trim().to_owned(),
            },
            text: condition.trim().to_owned(),
            clauses: clauses.text,
            metric,
            operator,
            limit,
            unit,
            endpoint,
            over: clauses.over,
            abort_after: clauses.abort_after,
        })
    }
}

/// The condition of an expression alone, without windows, abort and endpoint: `p99 < 500ms`.
pub fn condition(expr: &str) -> &str {
    let before = expr.split_once('@').map_or(expr, |(before, _)| before);
    split_clauses(before).0.trim()
}

/// Whether an endpoint's name would be taken for one with clauses behind it: then it stands in quotes.
pub(super) fn ends_in_clauses(name: &str) -> bool {
    let (_, words) = split_clauses(name);
    !words.is_empty() && Failing { expr: name }.clauses(words).is_ok()
}

/// Where the first word stands that begins a clause.
fn split_clauses(text: &str) -> (&str, &str) {
    let begins = |word: &str| {
        let mut places = text.match_indices(word).map(|(at, _)| at);
        places.find(|at| {
            let is_blank = |char: Option<char>| char.is_some_and(char::is_whitespace);
            let behind = text[at + word.len()..].chars().next();
            is_blank(text[..*at].chars().next_back()) && (is_blank(behind) || behind.is_none())
        })
    };
    let first = [begins("over"), begins("abort")]
        .into_iter()
        .flatten()
        .min();
    text.split_at(first.unwrap_or(text.len()))
}

/// An expression being read: makes its errors.
struct Failing<'a> {
    expr: &'a str,
}

impl Failing<'_> {
    /// Reads `over 30s` and `abort after 10s`, in any order.
    fn clauses(&self, text: &str) -> Result<Clauses, ThresholdError> {
        let problem = |problem: &str| ThresholdError::Clause {
            expr: self.expr.into(),
            problem: problem.into(),
        };
        let mut clauses = Clauses {
            text: text.split_whitespace().collect::<Vec<_>>().join(" "),
            ..Clauses::default()
        };
        let mut words = text.split_whitespace().peekable();
        while let Some(word) = words.next() {
            let place = match word {
                "over" => &mut clauses.over,
                "abort" if words.next() == Some("after") => &mut clauses.abort_after,
                "abort" => {
                    return Err(problem(
                        "behind \"abort\" it says when from: abort after 10s",
                    ));
                }
                other => {
                    return Err(problem(&format!(
                        "{other:?} is not understood; behind the limit there may be: over 30s, abort after 10s"
                    )));
                }
            };
            let mut length = String::new();
            while let Some(part) = words.next_if(|word| !matches!(*word, "over" | "abort")) {
                length = length + " " + part;
            }
            let read = parse_length(&length).map_err(|LengthFault(what, remedy)| {
                problem(&format!(
                    "{:?} behind {word:?}: {what}; {remedy}",
                    length.trim()
                ))
            })?;
            if place.replace(read).is_some() {
                return Err(problem(&format!("{word:?} stands twice")));
            }
        }
        let (least, most) = WINDOW;
        if clauses.over.is_some_and(|over| over < least || over > most) {
            return Err(problem("a window lasts from 1s to 24h"));
        }
        Ok(clauses)
    }

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
        if let Some(statistic) = STATISTICS.into_iter().find(|known| known.name == figure) {
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
        .map(|statistic| statistic.name)
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
