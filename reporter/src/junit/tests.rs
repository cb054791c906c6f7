//! What a CI server reads out of `junit.xml`, parsed again.

use super::*;
use crate::fixture;
use crate::sample_run::SampleRun;
use loadforge_analysis::Verdict;

/// The one suite of the file.
fn read(run: &SampleRun) -> TestSuite {
    let xml = document(&run.report());
    let mut suites = Suites::deserialize_from_str(&xml).unwrap().test_suites;
    assert_eq!(suites.len(), 1);
    suites.remove(0)
}

fn property<'s>(suite: &'s TestSuite, name: &str) -> &'s str {
    let found = suite
        .properties
        .iter()
        .find(|property| property.name.as_str() == name);
    found
        .unwrap_or_else(|| panic!("no property {name}"))
        .value
        .as_str()
}

fn failure_of(case: &TestCase) -> Option<(&str, &str)> {
    match &case.status {
        TestCaseStatus::NonSuccess { message, ty, .. } => {
            Some((ty.as_deref().unwrap(), message.as_deref().unwrap()))
        }
        _ => None,
    }
}

#[test]
fn each_threshold_is_a_case_and_a_missed_one_tells_what_was_measured() {
    let mut run = SampleRun::of(&fixture::snapshots(60));
    run.summary.thresholds = vec![
        ThresholdResult {
            expr: "p99 < 500ms".to_owned(),
            actual: Some(184.25),
            passed: true,
            ..ThresholdResult::default()
        },
        ThresholdResult {
            expr: "p95 < 80ms".to_owned(),
            actual: Some(92.0),
            passed: false,
            ..ThresholdResult::default()
        },
        ThresholdResult {
            expr: "p99 < 1s@never".to_owned(),
            actual: None,
            passed: false,
            ..ThresholdResult::default()
        },
    ];
    let suite = read(&run);
    let names: Vec<&str> = suite
        .test_cases
        .iter()
        .map(|case| case.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["generator", "p99 < 500ms", "p95 < 80ms", "p99 < 1s@never"]
    );
    assert_eq!((suite.tests, suite.failures, suite.errors), (4, 2, 0));
    let failures: Vec<_> = suite.test_cases.iter().map(failure_of).collect();
    assert_eq!(
        failures,
        [
            None,
            None,
            Some(("threshold", "p95 < 80ms is not met: measured 92.0 ms")),
            Some(("threshold", "p99 < 1s@never is not met: measured no sample")),
        ]
    );
    assert_eq!(suite.test_cases[1].properties[1].value.as_str(), "184.25");
    let names = |case: usize| {
        let properties = suite.test_cases[case].properties.iter();
        properties
            .map(|one| one.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(3), ["expr", "measured"]);
    assert_eq!(suite.time.unwrap().as_secs(), 60);
    assert!(
        suite
            .test_cases
            .iter()
            .all(|case| case.classname.as_deref() == Some("shop"))
    );
}

#[test]
fn a_run_without_thresholds_still_has_the_case_of_the_generator() {
    for (level, failed) in [
        (VerdictLevel::Valid, false),
        (VerdictLevel::Suspect, false),
        (VerdictLevel::Invalid, true),
    ] {
        let mut run = SampleRun::of(&fixture::snapshots(5));
        run.summary.thresholds.clear();
        let reasons = vec!["worker 1 was lost".to_owned()];
        run.summary.verdict.level = level;
        run.summary.verdict.reasons = reasons;
        let suite = read(&run);
        assert_eq!((suite.tests, suite.failures), (1, usize::from(failed)));
        assert_eq!(property(&suite, "verdict"), words::verdict_word(level));
        let case = &suite.test_cases[0];
        let told = match &case.status {
            TestCaseStatus::NonSuccess { description, .. } => description.as_deref(),
            _ => case.system_out.as_deref(),
        };
        assert!(told.unwrap().contains("worker 1 was lost"), "{told:?}");
    }
}

#[test]
fn the_properties_of_the_suite_are_the_figures_of_the_summary() {
    let run = SampleRun::of(&fixture::snapshots(120));
    let suite = read(&run);
    let summary = serde_json::to_value(&run.summary).unwrap();
    let mut compared = 0;
    for entry in &suite.properties {
        let path = format!("/{}", entry.name.as_str().replace('.', "/"));
        let wanted = summary
            .pointer(&path)
            .expect("each is a path in summary.json");
        if let Some(number) = wanted.as_f64() {
            let written: f64 = entry.value.as_str().parse().unwrap();
            assert_eq!(written, number, "{path}");
            compared += 1;
        }
    }
    assert_eq!(compared, 14);
    assert_eq!(property(&suite, "outcome"), "completed");
    assert_eq!(property(&suite, "started_at"), "2026-11-21T09:30:00Z");
}

#[test]
fn no_name_can_break_the_file() {
    let mut run = SampleRun::of(&fixture::hostile_snapshots(5));
    let hostile = format!(
        "]]></testsuite>\u{0}\u{b}\u{1b}[31m\u{fffe}\u{ffff}\u{85}{}",
        fixture::HOSTILE.join(" ")
    );
    run.summary.name = hostile.clone();
    run.summary.started_at = hostile.clone();
    run.summary.verdict = Verdict {
        level: VerdictLevel::Invalid,
        reasons: vec![hostile.clone()],
        disturbed: true,
    };
    run.summary.thresholds = vec![ThresholdResult {
        expr: hostile,
        actual: None,
        passed: false,
        ..ThresholdResult::default()
    }];
    let xml = document(&run.report());
    let forbidden =
        |char: char| (char.is_control() && char != '\n') || matches!(char, '\u{fffe}' | '\u{ffff}');
    assert!(!xml.contains(forbidden), "{xml}");
    assert_eq!(xml.matches("</testsuite>").count(), 1);
    let suite = read(&run);
    assert!(
        suite.name.as_str().contains("]]></testsuite>"),
        "{:?}",
        suite.name
    );
    assert!(
        suite
            .name
            .as_str()
            .contains("</script><img src=x onerror=alert(1)>")
    );
}
