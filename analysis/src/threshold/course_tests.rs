//! Thresholds through runs whose every second is known: windows, the moment of the break, the early end.

use super::*;
use crate::{
    LoadPhase, RunFacts, RunFold, RunOutcome, Window,
    sample::{answered, facts, failed, run_info},
};
use loadforge_scenarios::PhaseRole;

/// A run whose seconds have ten requests each, all with this service time in ms; 0 stands for a second without any.
fn run(seconds_ms: &[u64]) -> Vec<Snapshot> {
    let mut window = Window::new();
    let home = window.endpoint("home", Some(Method::Get));
    let mut totals = crate::Totals::default();
    (1..)
        .zip(seconds_ms)
        .map(|(second, ms)| {
            if *ms > 0 {
                for _ in 0..10 {
                    window.add(&answered(second * 1_000_000, 0, ms * 1_000), home);
                }
                totals.intended += 10;
                totals.sent += 10;
                totals.ok += 10;
            }
            window.close(facts(second, totals))
        })
        .collect()
}

/// The result of one threshold, and the second in which it would have ended the run.
fn result_of(expr: &str, seconds: &[Snapshot]) -> (ThresholdResult, Option<f64>) {
    let threshold = Threshold::parse(expr, None).unwrap();
    let mut info = run_info();
    info.thresholds = vec![threshold.to_string()];
    let mut fold = RunFold::following(vec![threshold], info.model);
    let mut ended_at_s = None;
    for second in seconds {
        fold.add(second);
        if fold.ended_by().is_some() {
            ended_at_s = ended_at_s.or(Some(second.at_s));
        }
    }
    let summary = fold.finish(RunFacts {
        info: &info,
        outcome: RunOutcome::Completed,
    });
    (summary.thresholds[0].clone(), ended_at_s)
}

fn windows(result: &ThresholdResult) -> (u64, u64) {
    let windows = result.windows.expect("it has windows");
    (windows.judged, windows.broken)
}

#[test]
fn a_slow_stretch_that_the_whole_run_hides_breaks_a_window() {
    let mut seconds = [5; 60];
    // 10 of 600 requests are not in the p95 of the run, and 10 of 50 are in that of every window around them.
    seconds[30] = 200;
    let run = run(&seconds);
    assert!(result_of("p95 < 100ms", &run).0.passed);
    let (result, ended) = result_of("p95 < 100ms over 5s", &run);
    assert!(!result.passed);
    assert_eq!((result.broke_at_s, ended), (Some(31.0), None));
    assert!(result.actual.unwrap() > 190.0, "{result:?}");
    // Windows end at 5, 6, … 60; the slow second is in five of them.
    assert_eq!(windows(&result), (56, 5));
    assert!(result_of("p95 < 300ms over 5s", &run).0.passed);
}

#[test]
fn a_long_window_slides_in_tenths_and_the_last_one_ends_with_the_run() {
    let run = run(&[5; 67]);
    let (result, _) = result_of("p99 < 100ms over 30s", &run);
    // Ends at 30, 33, … 66, and at 67.
    assert_eq!(windows(&result), (14, 0));
    assert_eq!((result.passed, result.broke_at_s), (true, None));
    // What is slow in the last second alone is in the last window.
    let mut seconds = [5; 67];
    seconds[66] = 200;
    let (result, _) = result_of("max < 100ms over 30s", &self::run(&seconds));
    assert_eq!(windows(&result), (14, 1));
    assert_eq!(result.broke_at_s, Some(67.0));
}

#[test]
fn a_run_shorter_than_a_window_is_one_window() {
    let (result, _) = result_of("p99 < 100ms over 1m", &run(&[5; 4]));
    assert_eq!((windows(&result), result.passed), ((1, 0), true));
    let (result, _) = result_of("p99 < 1ms over 1m", &run(&[5; 4]));
    assert_eq!((windows(&result), result.passed), ((1, 1), false));
    let (result, _) = result_of("p99 < 100ms over 1m", &[]);
    assert_eq!((result.actual, result.passed), (None, false));
}

#[test]
fn a_window_without_a_sample_does_not_hold() {
    let mut seconds = [5; 20];
    seconds[8..13].fill(0);
    let (result, _) = result_of("p99 < 100ms over 5s", &run(&seconds));
    assert_eq!((result.actual, result.passed), (None, false));
    assert_eq!((windows(&result), result.broke_at_s), ((16, 1), Some(13.0)));
}

#[test]
fn a_whole_run_broke_when_it_broke_for_good() {
    let mut seconds = [5; 20];
    // The first second alone is slow: from the tenth on 90 % are not.
    seconds[0] = 200;
    let (result, _) = result_of("p90 < 100ms", &run(&seconds));
    assert_eq!((result.passed, result.broke_at_s), (true, None));
    seconds[15..].fill(200);
    let (result, _) = result_of("p90 < 100ms", &run(&seconds));
    assert_eq!((result.passed, result.broke_at_s), (false, Some(16.0)));
    assert_eq!(result.windows, None);
}

#[test]
fn abort_waits_for_so_much_to_be_measured_and_then_for_the_break() {
    let mut seconds = [200; 20];
    let (result, ended) = result_of("p50 < 100ms abort after 5s", &run(&seconds));
    assert_eq!((ended, result.ended_run), (Some(5.0), true));
    assert_eq!(result.broke_at_s, Some(1.0));
    seconds[..10].fill(5);
    let (_, ended) = result_of("p90 < 100ms abort after 5s", &run(&seconds));
    assert_eq!(ended, Some(12.0));
    let (_, ended) = result_of("p90 < 100ms over 2s abort after 5s", &run(&seconds));
    assert_eq!(ended, Some(11.0));
    let (result, ended) = result_of("p90 < 300ms abort after 5s", &run(&seconds));
    assert_eq!((ended, result.ended_run), (None, false));
    // Nothing comes back at all.
    let (result, ended) = result_of("p90 < 300ms abort after 5s", &run(&[0; 9]));
    assert_eq!((ended, result.actual), (Some(5.0), None));
}

#[test]
fn warm_up_has_no_part_in_it_and_no_window_reaches_over_what_is_not_measured() {
    let mut run = run(&[200, 200, 200, 5, 5, 5, 5, 200, 5, 5, 5]);
    for second in [0, 1, 2, 7] {
        run[second].load_phase = LoadPhase {
            name: "aside".to_owned(),
            role: PhaseRole::WarmUp,
        };
    }
    let (result, ended) = result_of("max < 100ms over 3s abort after 1s", &run);
    // Seconds 4 to 6, 5 to 7, 9 to 11.
    assert_eq!((windows(&result), ended), ((3, 0), None));
    assert!(result.passed && result_of("max < 100ms", &run).0.passed);
}

#[test]
fn what_is_answered_while_the_run_drains_belongs_to_its_last_window() {
    let mut run = run(&[5, 5, 5, 5, 200, 0, 0]);
    run[4..]
        .iter_mut()
        .for_each(|second| second.phase = Phase::Draining);
    let (result, ended) = result_of("max < 100ms over 2s abort after 1s", &run);
    // Nothing is left to end.
    assert_eq!(ended, None);
    assert!(!result.passed && !result.ended_run);
    // A drain without an answer is no window of its own.
    let (result, _) = result_of("rps > 9 over 2s", &run);
    assert!(result.passed, "{result:?}");
}

#[test]
fn windows_of_an_endpoint_and_of_shares() {
    let mut window = Window::new();
    let home = window.endpoint("home", Some(Method::Get));
    let order = window.endpoint("home", Some(Method::Post));
    let run: Vec<Snapshot> = (1..=10)
        .map(|second| {
            let from_us = second * 1_000_000;
            (0..8).for_each(|_| window.add(&answered(from_us, 0, 5_000), home));
            let slow = answered(from_us, 0, 100_000);
            let is_bad = second == 4;
            let last = if is_bad {
                failed(slow, ErrorKind::Check, 200)
            } else {
                slow
            };
            window.add(&last, order);
            let sent = second * 9;
            let totals = crate::Totals {
                intended: sent,
                sent,
                ..crate::Totals::default()
            };
            window.close(facts(second, totals))
        })
        .collect();
    for (expr, passed, windows_broken) in [
        ("p99 < 50ms over 2s @GET home", true, (9, 0)),
        ("p99 < 50ms over 2s @home", false, (9, 9)),
        ("checks > 60% over 2s @POST home", false, (9, 2)),
        ("error_rate < 5% over 2s", false, (9, 2)),
        ("error_rate < 6% over 2s", true, (9, 0)),
        ("rps >= 9 over 2s", true, (9, 0)),
        ("service.p99 < 50ms over 2s", false, (9, 9)),
        ("lag.p99 < 1ms over 2s", true, (9, 0)),
        ("p99 < 50ms over 2s @nobody", false, (9, 9)),
    ] {
        let (result, _) = result_of(expr, &run);
        assert_eq!(
            (result.passed, windows(&result)),
            (passed, windows_broken),
            "{expr}"
        );
    }
}

#[test]
fn a_run_shorter_than_a_window_is_held_against_all_of_it_and_says_so() {
    let (result, _) = result_of("p50 < 100ms over 60s", &run(&[5, 5, 5]));
    let windows = result.windows.unwrap();
    assert!(result.passed && windows.is_cut, "{result:?}");
    let (result, _) = result_of("p50 < 100ms over 3s", &run(&[5, 5, 5]));
    assert!(!result.windows.unwrap().is_cut, "{result:?}");
}
