//! Runs beside each other, in words and as JSON. Neighbours: `terminal/compare.rs` and `html/compare.rs` show the same words,
//! `loadforge-analysis` decided them. Invariant: every word and figure that is shown is in the JSON, too.

use crate::{format, words};
use loadforge_analysis::{
    Answer, CONFIDENCE, Comparison, Difference, Doubt, ERROR_TOLERANCE, FEWEST_SECONDS, Figure,
    LAG_SHARE, Measure, RESAMPLES, RunInfo, RunSummary, VerdictLevel,
};
use serde::Serialize;
use std::path::Path;

/// The schema name of a comparison in JSON.
pub const COMPARE_SCHEMA: &str = "loadforge.compare/1";

/// Figures that a sentence names one by one.
const MOST_NAMED: usize = 3;

/// From here on percentages are written with an exponent: columns have no room for more digits.
const MOST_PERCENT: f64 = 99_999.5;

/// All that was compared.
#[derive(Clone, Debug)]
pub struct CompareReport<'a> {
    /// The runs in the order in which they were named; the first is what all others are held against.
    pub runs: Vec<ComparedRun<'a>>,
    /// Each of the other runs against the first.
    pub pairs: Vec<ComparedPair>,
    /// Share by which a figure may differ and still be the same.
    pub tolerance: f64,
    /// The seed of all draws.
    pub seed: u64,
}

/// One of the runs.
#[derive(Clone, Copy, Debug)]
pub struct ComparedRun<'a> {
    /// Where its results lie, as it was named.
    pub dir: &'a Path,
    /// What was asked, and where it ran.
    pub info: &'a RunInfo,
    /// What it came to.
    pub summary: &'a RunSummary,
}

/// A run against the first.
#[derive(Clone, Debug)]
pub struct ComparedPair {
    /// Its place among the runs.
    pub candidate: usize,
    /// What differs in the figures.
    pub comparison: Comparison,
    /// What differs in what was asked for.
    pub plan: Vec<Difference>,
    /// What else differs.
    pub setting: Vec<Difference>,
    /// What a reader should know beside that.
    pub notes: Vec<String>,
}

#[derive(Serialize)]
struct JsonReport<'a> {
    schema: &'static str,
    confidence: f64,
    tolerance: f64,
    error_tolerance: f64,
    resamples: usize,
    seed: u64,
    runs: Vec<JsonRun<'a>>,
    pairs: Vec<JsonPair<'a>>,
}

#[derive(Serialize)]
struct JsonRun<'a> {
    label: String,
    dir: String,
    name: &'a str,
    started_at: &'a str,
    verdict: VerdictLevel,
    reasons: &'a [String],
    measured_s: f64,
    requests: u64,
}

/// A figure that has a word, by its place.
#[derive(Serialize)]
struct JsonPlace {
    /// None for the whole run.
    endpoint: Option<String>,
    measure: Measure,
}

#[derive(Serialize)]
struct JsonPair<'a> {
    baseline: String,
    candidate: String,
    #[serde(flatten)]
    comparison: &'a Comparison,
    worse: Vec<JsonPlace>,
    better: Vec<JsonPlace>,
    plan_differences: &'a [Difference],
    setting_differences: &'a [Difference],
    notes: &'a [String],
}

impl CompareReport<'_> {
    /// Whether any run is worse than the first.
    pub fn any_worse(&self) -> bool {
        self.pairs
            .iter()
            .any(|pair| pair.comparison.answer == Answer::Worse)
    }

    /// The comparison for programs: `COMPARE_SCHEMA`, whose names are a contract. Latencies are in ms, changes and tolerances in
    /// shares; ends with a line break.
    ///
    /// # Errors
    /// Never: there is nothing in it that JSON cannot hold.
    pub fn json(&self) -> serde_json::Result<String> {
        let runs = self.runs.iter().enumerate().map(|(index, run)| JsonRun {
            label: label(index),
            dir: run.dir.display().to_string(),
            name: &run.info.name,
            started_at: &run.info.started_at,
            verdict: run.summary.verdict.level,
            reasons: &run.summary.verdict.reasons,
            measured_s: run.summary.measured.seconds,
            requests: run.summary.measured.done,
        });
        let pairs = self.pairs.iter().map(|pair| JsonPair {
            baseline: label(0),
            candidate: label(pair.candidate),
            comparison: &pair.comparison,
            worse: places(&pair.comparison, Answer::Worse),
            better: places(&pair.comparison, Answer::Better),
            plan_differences: &pair.plan,
            setting_differences: &pair.setting,
            notes: &pair.notes,
        });
        let report = JsonReport {
            schema: COMPARE_SCHEMA,
            confidence: CONFIDENCE,
            tolerance: self.tolerance,
            error_tolerance: ERROR_TOLERANCE,
            resamples: RESAMPLES,
            seed: self.seed,
            runs: runs.collect(),
            pairs: pairs.collect(),
        };
        serde_json::to_string_pretty(&report).map(|text| text + "\n")
    }
}

/// What a run is called in tables: A is the first, B the next; a 27th is AA.
pub(crate) fn label(index: usize) -> String {
    let letter = char::from(b'A' + (index % 26) as u8);
    match index / 26 {
        0 => letter.to_string(),
        more => format!("{}{letter}", label(more - 1)),
    }
}

/// The word of an answer.
pub(crate) fn answer_word(answer: Answer) -> &'static str {
    match answer {
        Answer::Worse => "worse",
        Answer::Better => "better",
        Answer::Same => "same",
        Answer::Inconclusive => "inconclusive",
    }
}

/// What came out for a pair, in capitals. Where some figures are worse and others better, both are said: the answer is *worse* then, and
/// would hide the other half.
pub(crate) fn headline_word(comparison: &Comparison) -> String {
    match comparison.is_mixed() {
        true => "WORSE AND BETTER".to_owned(),
        false => answer_word(comparison.answer).to_uppercase(),
    }
}

/// What is compared, as a row is called.
pub(crate) fn measure_word(measure: Measure) -> &'static str {
    match measure {
        Measure::P50 => "p50",
        Measure::P95 => "p95",
        Measure::P99 => "p99",
        Measure::ErrorRate => "error rate",
        Measure::Rps => "requests/s",
    }
}

/// A figure of one run.
pub(crate) fn value_text(measure: Measure, value: Option<f64>) -> String {
    match (measure, value) {
        (_, None) => format::NONE.to_owned(),
        (Measure::ErrorRate, Some(share)) => format::percent(share),
        (Measure::Rps, Some(rate)) => format::rate(rate),
        (_, Some(ms)) => format::latency(ms),
    }
}

/// How much more or less: "+10.2 %", "−0.10 points".
pub(crate) fn change_text(figure: &Figure) -> String {
    match figure.change {
        None => format::NONE.to_owned(),
        Some(change) => format!(
            "{}{}",
            signed(figure.measure, change),
            unit(figure.measure, figure.change)
        ),
    }
}

/// Between what bounds: "+7.9 to +12.6 %".
pub(crate) fn interval_text(figure: &Figure) -> String {
    match (figure.low, figure.high) {
        (Some(low), Some(high)) => format!(
            "{} to {}{}",
            signed(figure.measure, low),
            signed(figure.measure, high),
            unit(figure.measure, None)
        ),
        _ => format::NONE.to_owned(),
    }
}

fn unit(measure: Measure, change: Option<f64>) -> &'static str {
    match (measure, change) {
        (Measure::ErrorRate, Some(_)) => " points",
        (Measure::ErrorRate, None) => " pts",
        _ => " %",
    }
}

/// Percent or points with their sign; what reads as nothing has none.
fn signed(measure: Measure, change: f64) -> String {
    let percent = change * 100.0;
    let size = percent.abs();
    if size >= MOST_PERCENT {
        return format!("{percent:+.0e}").replace('-', "−");
    }
    if size >= 999.5 {
        let sign = if percent < 0.0 { '−' } else { '+' };
        return format!("{sign}{}", format::count(size.round() as u64));
    }
    let digits = match (measure, size) {
        (Measure::ErrorRate, size) if size < 9.995 => 2,
        (_, size) if size < 99.95 => 1,
        _ => 0,
    };
    let text = format!("{percent:+.digits$}");
    let nothing = text
        .chars()
        .all(|char| matches!(char, '+' | '-' | '0' | '.'));
    match nothing {
        true => text[1..].to_owned(),
        false => text.replace('-', "−"),
    }
}

/// Why nothing can be said of a figure.
pub(crate) fn doubt_words(
    doubt: Doubt,
    measure: Measure,
    candidate: &str,
    tolerance: f64,
) -> String {
    let beyond = tolerance_words(measure, tolerance);
    let figure = measure_word(measure);
    match doubt {
        Doubt::Unusable => {
            "a run that is INVALID says nothing about its target; --force judges it all the same"
                .to_owned()
        }
        Doubt::OnlyBaseline => "the endpoint is only in A".to_owned(),
        Doubt::OnlyCandidate => format!("the endpoint is only in {candidate}"),
        Doubt::Disturbed => format!(
            "the generator of A or {candidate} was disturbed, and that may be all that differs: run that one again; --force judges \
             it all the same"
        ),
        Doubt::Lag => format!(
            "the generator of A or {candidate} sent so late that more than {:.0} % of {} is lag: that says little of the target; run \
             that one again with CPUs of its own; --force judges it all the same",
            LAG_SHARE * 100.0,
            match measure {
                Measure::Rps => "the mean response time, behind requests/s,",
                _ => figure,
            }
        ),
        Doubt::FewSeconds => format!(
            "each run must have been measured for at least {}",
            format::span(FEWEST_SECONDS)
        ),
        Doubt::FewRequests => format!(
            "{figure} takes at least {} in each run",
            format::plural(measure.least_requests(), "request")
        ),
        Doubt::Wide => format!(
            "{figure} scatters too much to rule out either no change or one of more than {beyond}; longer runs tell more"
        ),
        Doubt::Slight => format!("{figure} surely differs, and perhaps by no more than {beyond}"),
    }
}

/// The difference that is too small to matter.
pub(crate) fn tolerance_words(measure: Measure, tolerance: f64) -> String {
    match measure {
        Measure::ErrorRate => format!("{} points", ERROR_TOLERANCE * 100.0),
        _ => format!("{} %", trimmed(tolerance * 100.0)),
    }
}

/// A percentage as it was typed: 5, 2.5.
fn trimmed(percent: f64) -> f64 {
    (percent * 1e6).round() / 1e6
}

/// What came out for a pair, in a sentence or two.
pub(crate) fn story(report: &CompareReport<'_>, pair: &ComparedPair) -> String {
    let sentence = outcome(report, pair);
    let doubtful: Vec<String> = [0, pair.candidate]
        .into_iter()
        .filter(|&index| {
            let run = report.runs.get(index);
            run.is_some_and(|run| run.summary.verdict.level != VerdictLevel::Valid)
        })
        .map(label)
        .collect();
    let left_out = |figure: &Figure| matches!(figure.doubt, Some(Doubt::Lag | Doubt::Disturbed));
    let may_be = match pair.comparison.all_figures().any(left_out) {
        true => "may be why figures differ, and those are not judged",
        false => "may be why they differ",
    };
    match &doubtful[..] {
        [] => sentence,
        [one] => format!("{sentence} {one} is not VALID: its own generator {may_be}."),
        all => format!(
            "{sentence} {} are not VALID: their own generators {may_be}.",
            all.join(" and ")
        ),
    }
}

fn outcome(report: &CompareReport<'_>, pair: &ComparedPair) -> String {
    let tolerance = tolerance_words(Measure::P50, report.tolerance);
    match pair.comparison.answer {
        Answer::Worse if pair.comparison.is_mixed() => format!(
            "{} {}",
            named(&pair.comparison, Answer::Worse),
            named(&pair.comparison, Answer::Better)
        ),
        answer @ (Answer::Worse | Answer::Better) => named(&pair.comparison, answer),
        Answer::Same => format!(
            "No figure of the run differs by more than {tolerance} (error rates {}).",
            tolerance_words(Measure::ErrorRate, report.tolerance)
        ),
        Answer::Inconclusive => {
            let figures = pair.comparison.figures.iter();
            let unsure: Vec<&str> = figures
                .filter(|figure| figure.answer == Answer::Inconclusive)
                .map(|figure| measure_word(figure.measure))
                .collect();
            format!(
                "Nothing is surely better or worse; nothing can be said of {}.",
                listed(&unsure)
            )
        }
    }
}

/// The figures that have this answer with their endpoints, those of the whole run first.
fn with_answer(comparison: &Comparison, answer: Answer) -> Vec<(Option<String>, &Figure)> {
    let of_run = comparison.figures.iter().map(|figure| (None, figure));
    let of_endpoints = comparison.endpoints.iter().flat_map(|endpoint| {
        let name = words::endpoint_label(&endpoint.method, &endpoint.name);
        endpoint
            .figures
            .iter()
            .map(move |figure| (Some(name.clone()), figure))
    });
    of_run
        .chain(of_endpoints)
        .filter(|(_, figure)| figure.answer == answer)
        .collect()
}

fn places(comparison: &Comparison, answer: Answer) -> Vec<JsonPlace> {
    let all = with_answer(comparison, answer).into_iter();
    all.map(|(endpoint, figure)| JsonPlace {
        endpoint,
        measure: figure.measure,
    })
    .collect()
}

/// The figures that have this answer, in a sentence.
fn named(comparison: &Comparison, answer: Answer) -> String {
    let all: Vec<String> = with_answer(comparison, answer)
        .into_iter()
        .map(|(endpoint, figure)| {
            let of = endpoint.map_or(String::new(), |name| format!(" of {name}"));
            format!(
                "{}{of} {}",
                measure_word(figure.measure),
                change_text(figure)
            )
        })
        .collect();
    let (shown, rest) = all.split_at(all.len().min(MOST_NAMED));
    let more = match rest.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!(
        "Surely {}: {}{more}.",
        answer_word(answer),
        shown.join(", ")
    )
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => "endpoints".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// How sure the answers are and what they are held to, for the foot of a table.
pub(crate) fn method_words(report: &CompareReport<'_>) -> String {
    format!(
        "Intervals hold with {} %, all of a pair together. Worse or better: the interval leaves out no change, and the change is more \
         than {} (error rates: {}). Same: the interval lies within that.",
        CONFIDENCE * 100.0,
        tolerance_words(Measure::P50, report.tolerance),
        tolerance_words(Measure::ErrorRate, report.tolerance),
    )
}

/// A difference in a line.
pub(crate) fn difference_words(difference: &Difference, candidate: &str) -> String {
    format!(
        "{}: A {}, {candidate} {}",
        difference.what, difference.baseline, difference.candidate
    )
}

#[cfg(test)]
pub(crate) mod sample;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_have_a_sign_and_nothing_has_none() {
        let rows = [
            (Measure::P95, 0.1024, "+10.2 %"),
            (Measure::P95, -0.1024, "−10.2 %"),
            (Measure::P95, 0.0004, "0.0 %"),
            (Measure::P95, -0.0004, "0.0 %"),
            (Measure::P95, 3.457, "+346 %"),
            (Measure::P95, 9.994, "+999 %"),
            (Measure::P95, 25.8, "+2,580 %"),
            (Measure::Rps, -25.8, "−2,580 %"),
            (Measure::P95, 2e12, "+2e14 %"),
            (Measure::ErrorRate, 0.001, "+0.10 points"),
            (Measure::ErrorRate, -0.25, "−25.0 points"),
            (Measure::ErrorRate, 0.0, "0.00 points"),
        ];
        for (measure, change, text) in rows {
            let figure = Figure {
                change: Some(change),
                ..sample::figure(measure, (1.0, 1.0), None, Answer::Same, None)
            };
            assert_eq!(change_text(&figure), text);
        }
    }

    #[test]
    fn runs_are_lettered_however_many_there_are() {
        let letters = [0, 1, 25, 26, 27, 701, 702].map(label);
        assert_eq!(letters, ["A", "B", "Z", "AA", "AB", "ZZ", "AAA"]);
    }

    #[test]
    fn the_sentence_names_the_first_and_counts_the_rest() {
        let mut comparison = sample::comparison();
        assert_eq!(
            named(&comparison, Answer::Worse),
            "Surely worse: p95 +10.3 %, error rate of GET home +1.50 points, p95 of POST \u{1b}[2J</td><script> +10.3 %."
        );
        comparison.figures[0].answer = Answer::Worse;
        assert!(named(&comparison, Answer::Worse).ends_with(", and 1 more."));
    }

    #[test]
    fn the_tolerance_reads_as_it_was_typed() {
        assert_eq!(tolerance_words(Measure::P95, 0.05), "5 %");
        assert_eq!(tolerance_words(Measure::P95, 0.07), "7 %");
        assert_eq!(tolerance_words(Measure::P95, 0.025), "2.5 %");
        assert_eq!(tolerance_words(Measure::ErrorRate, 0.025), "0.1 points");
    }
}
