//! `junit.xml`: the run as a suite of test cases, for the pages of CI servers.
//! Neighbours: `words.rs` words it, `report.rs` asks for it. Invariants: a run without thresholds still has a case, so that there is
//! something to show; an INVALID run has a failure whatever its thresholds say; no text from outside can break the file.

use crate::report::Report;
use crate::terminal::printable;
use crate::words;
use jiff::Timestamp;
use loadforge_analysis::{RunSummary, ThresholdResult, VerdictLevel};
use quick_junit::{NonSuccessKind, Report as Suites, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// The case that says whether the load generator was fit; the others are thresholds, named as they were written.
const GENERATOR_CASE: &str = "generator";

/// The file: one suite, in it a case for the generator and one for each threshold.
pub(crate) fn document(report: &Report<'_>) -> String {
    let mut suites = Suites::new("loadforge");
    let duration = duration_of(report.summary);
    suites.set_time(duration);
    suites.add_test_suite(suite(report, duration));
    let xml = suites.to_string();
    xml.expect("nothing can fail where XML is written to memory, in UTF-8")
}

fn suite(report: &Report<'_>, duration: Duration) -> TestSuite {
    let summary = report.summary;
    let name = shown(&summary.name);
    let mut suite = TestSuite::new(&name);
    suite.set_time(duration);
    if summary.started_at.parse::<Timestamp>().is_ok() {
        let started_at = summary.started_at.as_str();
        suite.extra.insert("timestamp".into(), started_at.into());
    }
    for (name, value) in properties(summary) {
        suite.add_property((name, value.as_str()));
    }
    let mut generator = generator_case(summary);
    // The run took its time once, not once for each threshold: the cases add up to the suite.
    generator.set_time(duration);
    let thresholds = summary.thresholds.iter().map(|threshold| {
        let mut case = threshold_case(threshold);
        case.set_time(Duration::ZERO);
        case
    });
    for mut case in std::iter::once(generator).chain(thresholds) {
        case.set_classname(&name);
        suite.add_test_case(case);
    }
    suite.set_system_out(shown(&words::story(summary)));
    suite
}

/// The run's main figures, each under its path in `summary.json` and with all of its digits.
fn properties(summary: &RunSummary) -> Vec<(&'static str, String)> {
    let (response, service, lag) = (&summary.response_ms, &summary.service_ms, &summary.lag_ms);
    let measured = &summary.measured;
    vec![
        ("name", shown(&summary.name)),
        ("started_at", shown(&summary.started_at)),
        ("outcome", words::outcome_word(summary.outcome).to_owned()),
        (
            "verdict",
            words::verdict_word(summary.verdict.level).to_owned(),
        ),
        ("duration_s", summary.duration_s.to_string()),
        ("measured.done", measured.done.to_string()),
        ("measured.failed", measured.failed.to_string()),
        ("measured.not_sent", measured.not_sent.to_string()),
        ("requests.rps_mean", summary.requests.rps_mean.to_string()),
        ("error_rate", summary.error_rate.to_string()),
        ("response_ms.p50", response.p50.to_string()),
        ("response_ms.p90", response.p90.to_string()),
        ("response_ms.p95", response.p95.to_string()),
        ("response_ms.p99", response.p99.to_string()),
        ("response_ms.p999", response.p999.to_string()),
        ("response_ms.max", response.max.to_string()),
        ("service_ms.p99", service.p99.to_string()),
        ("lag_ms.p99", lag.p99.to_string()),
    ]
}

/// Whether the figures can be used at all: a SUSPECT run passes and says why it is one.
fn generator_case(summary: &RunSummary) -> TestCase {
    let verdict = &summary.verdict;
    let heading = format!(
        "{}: {}",
        words::verdict_word(verdict.level),
        words::verdict_heading(verdict.level)
    );
    let lines = [words::verdict_meaning(verdict.level)]
        .into_iter()
        .chain(verdict.reasons.iter().map(String::as_str));
    let told = lines.map(shown).collect::<Vec<_>>().join("\n");
    match verdict.level {
        VerdictLevel::Invalid => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type("invalid").set_message(&heading);
            status.set_description(&told);
            TestCase::new(GENERATOR_CASE, status)
        }
        VerdictLevel::Valid | VerdictLevel::Suspect => {
            let mut case = TestCase::new(GENERATOR_CASE, TestCaseStatus::success());
            case.set_system_out(format!("{heading}\n{told}"));
            case
        }
    }
}

fn threshold_case(threshold: &ThresholdResult) -> TestCase {
    let expr = shown(&threshold.expr);
    let measured = words::threshold_actual(threshold);
    let status = if threshold.passed {
        TestCaseStatus::success()
    } else {
        let when = match words::threshold_when(threshold) {
            when if when.is_empty() => when,
            when => format!(", {when}"),
        };
        let message = format!("{expr} is not met: measured {measured}{when}");
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type("threshold").set_message(&message);
        status.set_description(&message);
        status
    };
    let mut case = TestCase::new(&expr, status);
    case.add_property(("expr", expr.as_str()));
    // A reader takes it for a number: without a sample there is none.
    if let Some(actual) = threshold.actual {
        case.add_property(("actual", actual.to_string().as_str()));
    }
    case.add_property(("measured", measured.as_str()));
    if let Some(broke_at_s) = threshold.broke_at_s {
        case.add_property(("broke_at_s", broke_at_s.to_string().as_str()));
    }
    case
}

fn duration_of(summary: &RunSummary) -> Duration {
    Duration::try_from_secs_f64(summary.duration_s).unwrap_or_default()
}

/// Text from outside in one line, without what XML forbids even when escaped: control characters, U+FFFE and U+FFFF.
fn shown(text: &str) -> String {
    printable(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

#[cfg(test)]
mod tests;
