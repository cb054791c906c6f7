//! Seconds folded into a run: nothing is averaged, nothing is lost, and a run read from disk is the run that was live.

use super::*;
use crate::{
    NO_DETAIL, Phase, Window, WindowFacts,
    sample::{answered, facts, failed, run_info, summary_of, three_seconds},
};
use proptest::{collection::vec, prelude::*};

fn window_facts(second: u64) -> WindowFacts {
    facts(second, Totals::default())
}

#[test]
fn the_names_in_summary_json_are_a_contract() {
    let summary = summary_of(&three_seconds(), RunOutcome::Completed);
    insta::assert_snapshot!(serde_json::to_string_pretty(&summary).unwrap());
}

#[test]
fn a_run_read_from_disk_has_the_summary_of_the_run_that_was_live() {
    let live = three_seconds();
    let stored: Vec<Snapshot> = live
        .iter()
        .map(|snapshot| serde_json::to_string(snapshot).unwrap())
        .map(|line| serde_json::from_str(&line).unwrap())
        .collect();
    let (live, stored) = (
        summary_of(&live, RunOutcome::Completed),
        summary_of(&stored, RunOutcome::Completed),
    );
    assert_eq!(stored, live);
    let text = serde_json::to_string(&live).unwrap();
    assert_eq!(serde_json::from_str::<RunSummary>(&text).unwrap(), live);
}

#[test]
fn a_killed_run_counts_what_was_under_way_as_unknown() {
    let mut snapshots = three_seconds();
    snapshots.truncate(2);
    snapshots[1].totals.sent += 4;
    snapshots[1].totals.intended += 6;
    let summary = summary_of(&snapshots, RunOutcome::Aborted);
    assert_eq!(summary.requests.totals().check(), Ok(()));
    assert_eq!(
        (summary.requests.unknown, summary.requests.not_sent),
        (4, 2)
    );
    assert_eq!(summary.duration_s, 2.0);
    assert_eq!(summary.verdict.level, VerdictLevel::Invalid);
}

#[test]
fn a_finished_run_that_does_not_balance_is_not_made_to() {
    let mut snapshots = three_seconds();
    snapshots[2].totals.sent += 4;
    let summary = summary_of(&snapshots, RunOutcome::Completed);
    assert_eq!(summary.requests.unknown, 0);
    assert_eq!(summary.verdict.level, VerdictLevel::Invalid);
    assert!(
        summary.verdict.reasons[0].contains("sent 34 is not ok 24 + failed 6"),
        "{summary:?}"
    );
}

#[test]
fn a_second_missing_in_the_middle_is_seen() {
    let mut snapshots = three_seconds();
    snapshots.remove(1);
    let summary = summary_of(&snapshots, RunOutcome::Completed);
    let words = "the seconds add up to ok 16 + failed 4 and the run's totals are ok 24 + failed 6";
    assert!(
        summary.verdict.reasons[0].contains(words),
        "{:?}",
        summary.verdict
    );
}

#[test]
fn a_steered_run_is_held_against_what_was_ordered_and_not_the_plan() {
    let planned = summary_of(&three_seconds(), RunOutcome::Completed);
    let mut snapshots = three_seconds();
    snapshots[0].users.target_rate = 99.999_999_999;
    snapshots[1].users.target = 40;
    snapshots[1].steering.users = Some(40.0);
    let steered = summary_of(&snapshots, RunOutcome::Completed);
    assert_eq!(planned.users.target_peak, run_info().target_peak);
    assert_eq!(planned.rate.target_peak, run_info().rate_peak);
    assert_eq!(steered.users.target_peak, 40);
    assert_eq!(steered.rate.target_peak, 100.0);
}

#[test]
fn a_run_without_a_second_has_a_summary_of_zeros() {
    let summary = summary_of(&[], RunOutcome::Completed);
    assert_eq!(summary.requests, RequestTotals::default());
    assert_eq!((summary.duration_s, summary.error_rate), (0.0, 0.0));
    assert_eq!(summary.verdict.level, VerdictLevel::Invalid);
    assert!(
        summary
            .thresholds
            .iter()
            .all(|t| !t.passed && t.actual.is_none())
    );
    serde_json::to_string(&summary).unwrap();
}

#[test]
fn workers_are_weighed_by_their_seconds_under_load_and_not_by_those_of_the_drain() {
    let mut window = Window::new();
    let mut fold = RunFold::new();
    let seconds = [
        // cpu, spin, length, phase
        (95.0, 1.0, 1.0, Phase::Running),
        (45.0, 4.0, 3.0, Phase::Running),
        (20.0, 2.0, 1.0, Phase::Draining), // the drain began within this one
        (0.0, 0.0, 20.0, Phase::Draining),
    ];
    for (index, (cpu, spin, length_s, phase)) in seconds.into_iter().enumerate() {
        let mut facts = WindowFacts {
            length_s,
            phase,
            ..window_facts(index as u64 + 1)
        };
        facts.generator.cpu_percent = vec![cpu, 10.0];
        facts.generator.spin_percent = vec![spin, 0.0];
        facts.generator.alive = vec![true, index == 0];
        fold.add(&window.close(facts));
    }
    let summary = fold.finish(RunFacts {
        info: &run_info(),
        outcome: RunOutcome::Completed,
    });
    assert_eq!(summary.generator.cpu_percent, [50.0, 10.0]);
    assert_eq!(summary.generator.spin_percent, [3.0, 0.0]);
    assert_eq!(fold.generator.workers[0].busy_share(), 0.2);
    assert_eq!(fold.generator.workers[1].seconds, 1.0);
}

#[test]
fn lost_workers_are_those_that_events_tell_of() {
    let mut window = Window::new();
    let mut fold = RunFold::new();
    let event = |kind| Event {
        at_s: 1.5,
        kind,
        text: "worker 1 was killed".to_owned(),
    };
    let mut facts = window_facts(2);
    facts.events = [EventKind::WorkerLost, EventKind::Drain]
        .map(event)
        .to_vec();
    fold.add(&window.close(facts));
    let summary = fold.finish(RunFacts {
        info: &run_info(),
        outcome: RunOutcome::Completed,
    });
    assert_eq!(summary.generator.workers_lost, 1);
    assert_eq!(summary.events.len(), 2);
}

#[test]
fn names_details_and_events_without_end_do_not_fill_the_memory() {
    let mut fold = RunFold::new();
    let rounds = 40u64;
    for round in 0..rounds {
        // A new window each time, as if the file had been put together from many runs.
        let mut window = Window::new();
        for number in 0..40 {
            let endpoint = window.endpoint(&format!("{round}-{number}"), None);
            window.add(&failed(answered(0, 0, 50), ErrorKind::Check, 200), endpoint);
            window.add_error_details(ErrorKind::Check, &format!("{round}-{number}"), 1);
        }
        let mut facts = window_facts(round + 1);
        let output = Event {
            at_s: 0.0,
            kind: EventKind::WorkerOutput,
            text: "noise".to_owned(),
        };
        facts.events = vec![output; 40];
        if round + 1 == rounds {
            facts.events.push(Event {
                at_s: 39.0,
                kind: EventKind::Steered,
                text: "Anna set 50 users".to_owned(),
            });
        }
        fold.add(&window.close(facts));
    }
    let summary = fold.finish(RunFacts {
        info: &run_info(),
        outcome: RunOutcome::Completed,
    });
    assert!(summary.endpoints.len() <= MAX_ENDPOINTS + 2);
    assert_eq!(
        summary
            .endpoints
            .iter()
            .map(|endpoint| endpoint.sent)
            .sum::<u64>(),
        rounds * 40
    );
    assert!(summary.errors.len() <= crate::MAX_DETAILS + 1);
    assert_eq!(
        summary.errors.iter().map(|error| error.count).sum::<u64>(),
        rounds * 40
    );
    assert_eq!(summary.errors[0].detail, crate::OTHER_DETAIL);
    // What a person ordered is told behind however much noise.
    assert_eq!(summary.events.len(), MAX_EVENTS + 2);
    assert_eq!(summary.events[MAX_EVENTS].text, "Anna set 50 users");
    assert_eq!(
        summary.events[MAX_EVENTS + 1].text,
        "1100 more events are in snapshots.jsonl"
    );
}

#[test]
fn fifty_endpoints_and_other_are_kept_apart_whatever_their_order() {
    let mut window = Window::new();
    let ids: Vec<_> = (0..MAX_ENDPOINTS + 5)
        .map(|number| window.endpoint(&number.to_string(), None))
        .collect();
    let mut fold = RunFold::new();
    // "other" comes first, the last of the fifty only later.
    for part in [&ids[49..], &ids[..]] {
        part.iter()
            .for_each(|id| window.add(&answered(0, 0, 50), *id));
        fold.add(&window.close(window_facts(1)));
    }
    let summary = fold.finish(RunFacts {
        info: &run_info(),
        outcome: RunOutcome::Completed,
    });
    assert_eq!(summary.endpoints.len(), MAX_ENDPOINTS + 1);
    assert_eq!(
        (
            summary.endpoints[0].name.as_str(),
            summary.endpoints[0].sent
        ),
        ("other", 10)
    );
    assert_eq!(
        (
            summary.endpoints[1].name.as_str(),
            summary.endpoints[1].sent
        ),
        ("49", 2)
    );
}

#[test]
fn failures_without_a_detail_are_still_counted_in_the_run() {
    let mut window = Window::new();
    let home = window.endpoint("home", None);
    let mut fold = RunFold::new();
    for second in 1..=2 {
        window.add(&failed(answered(0, 0, 50), ErrorKind::Reset, 0), home);
        fold.add(&window.close(window_facts(second)));
    }
    let summary = fold.finish(RunFacts {
        info: &run_info(),
        outcome: RunOutcome::Completed,
    });
    let expected = ErrorCount {
        kind: ErrorKind::Reset,
        detail: NO_DETAIL.to_owned(),
        count: 2,
        without_request: 0,
    };
    assert_eq!(summary.errors, [expected]);
}

#[test]
fn a_run_that_goes_on_is_summed_up_without_the_requests_under_way() {
    let mut snapshots = three_seconds();
    snapshots.truncate(2);
    let mut fold = RunFold::new();
    for snapshot in &mut snapshots {
        // Five have been asked for and sent, and nobody knows yet what becomes of them.
        snapshot.totals.intended += 5;
        snapshot.totals.sent += 5;
        fold.add(snapshot);
    }
    let summary = fold.so_far(&run_info());
    assert_eq!(summary.verdict.reasons, Vec::<String>::new());
    let totals = summary.requests.totals();
    assert_eq!((totals.intended, totals.sent, totals.unknown), (20, 20, 0));
    assert_eq!(totals.check(), Ok(()));
}

proptest! {
    // Each case makes dozens of endpoints with histograms of their own.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn folding_all_seconds_gives_the_percentiles_of_all_requests_at_once(
        seconds in vec(vec((0u64..50_000, 0u64..20_000_000), 0..40), 0..6),
    ) {
        let mut window = Window::new();
        let home = window.endpoint("home", None);
        let mut fold = RunFold::new();
        let mut all = RunHistograms::default();
        for (second, requests) in (1..).zip(&seconds) {
            for (lag, service) in requests {
                window.add(&answered(7, *lag, *service), home);
                all.response.record_ns((lag + service) * 1_000);
                all.service.record_ns(service * 1_000);
                all.lag.record_ns(lag * 1_000);
            }
            fold.add(&window.close(window_facts(second)));
        }
        prop_assert_eq!(&fold.histograms().response, &all.response);
        prop_assert_eq!(&fold.histograms().service, &all.service);
        prop_assert_eq!(&fold.histograms().lag, &all.lag);
        let summary = fold.finish(RunFacts { info: &run_info(), outcome: RunOutcome::Completed });
        prop_assert_eq!(summary.response_ms, all.response.percentiles());
        for endpoint in &summary.endpoints {
            prop_assert_eq!(endpoint.service_ms, all.service.percentiles());
        }
    }
}
