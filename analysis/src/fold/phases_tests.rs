//! Warm-up and cool-down: in the counts and in their own rows, and in no figure of the run.

use super::*;
use crate::{
    LoadModel, LoadPhase, RunFacts, RunFold, RunOutcome, RunSummary, Threshold, VerdictLevel,
    Window, WindowFacts,
    sample::{answered, facts, failed, run_info, summary_of, three_seconds},
};
use PhaseRole::{CoolDown, Measured, WarmUp};
use loadforge_scenarios::{ErrorKind, Method};

/// A second of a phase: 2,000 requests of this service time in ms, one of them failed, the worker at this much CPU.
struct Part(&'static str, PhaseRole, u64, f64);

const DAY: [Part; 4] = [
    Part("warm", WarmUp, 900, 100.0),
    Part("low", Measured, 10, 20.0),
    Part("high", Measured, 20, 40.0),
    Part("cool", CoolDown, 700, 100.0),
];

fn run(parts: &[Part], not_sent_in: usize, model: LoadModel) -> RunSummary {
    let mut window = Window::new();
    let home = window.endpoint("home", Some(Method::Get));
    let mut fold = RunFold::new();
    let mut totals = Totals::default();
    for (second, Part(name, role, service_ms, cpu)) in (1..).zip(parts) {
        let record = answered(second * 1_000_000, 5, service_ms * 1_000);
        (1..2_000).for_each(|_| window.add(&record, home));
        window.add(&failed(record, ErrorKind::Status, 503), home);
        totals.sent += 2_000;
        totals.not_sent += 100 * u64::from(second as usize == not_sent_in);
        totals.intended = totals.sent + totals.not_sent;
        let mut facts = WindowFacts {
            load_phase: LoadPhase {
                name: (*name).to_owned(),
                role: *role,
            },
            ..facts(second, totals)
        };
        facts.generator.cpu_percent = vec![*cpu];
        facts.generator.steal_percent = vec![cpu / 10.0];
        facts.generator.retransmits = 2;
        facts.generator.descriptors = 50 - second;
        fold.add(&window.close(facts));
    }
    let mut info = run_info();
    info.model = model;
    info.rate_peak = 2_500.0;
    info.target_peak = 1_000;
    fold.finish(RunFacts {
        info: &info,
        outcome: RunOutcome::Completed,
    })
}

#[test]
fn what_warm_up_and_cool_down_did_is_in_the_counts_and_in_no_figure() {
    let summary = run(&DAY, 0, LoadModel::Closed);
    assert_eq!(summary.verdict.level, VerdictLevel::Valid, "{summary:?}");
    assert_eq!((summary.requests.sent, summary.requests.failed), (8_000, 4));
    assert_eq!(summary.requests.totals().check(), Ok(()));
    assert_eq!(
        summary.measured,
        MeasuredSummary {
            from_s: 1.0,
            until_s: 3.0,
            seconds: 2.0,
            intended: 4_000,
            not_sent: 0,
            done: 4_000,
            ok: 3_998,
            failed: 2,
            rps_mean: 2_000.0,
        }
    );
    assert_eq!(summary.requests.rps_mean, 2_000.0);
    assert_eq!(summary.error_rate, 2.0 / 4_000.0);
    assert!(summary.response_ms.max < 25.0, "{:?}", summary.response_ms);
    assert_eq!(summary.endpoints[0].sent, 4_000);
    assert_eq!(summary.endpoints[0].rps_mean, 2_000.0);
    assert_eq!(summary.errors[0].count, 2);
    assert_eq!(summary.status[&503], 2);
    assert_eq!(summary.generator.cpu_percent, [30.0]);
    assert_eq!(summary.generator.steal_percent, [3.0]);
    assert_eq!(
        (
            summary.generator.retransmits,
            summary.generator.descriptors_peak
        ),
        (8, 49)
    );
}

#[test]
fn each_phase_has_its_own_figures() {
    let summary = run(&DAY, 2, LoadModel::Closed);
    let rows: Vec<_> = summary
        .phases
        .iter()
        .map(|phase| {
            (
                phase.name.as_str(),
                phase.role,
                (phase.from_s, phase.until_s),
                (phase.intended, phase.not_sent, phase.done, phase.failed),
                phase.rps_mean,
                phase.service_ms.p50.round(),
            )
        })
        .collect();
    let expected = [
        (
            "warm",
            WarmUp,
            (0.0, 1.0),
            (2_000, 0, 2_000, 1),
            2_000.0,
            901.0,
        ),
        (
            "low",
            Measured,
            (1.0, 2.0),
            (2_100, 100, 2_000, 1),
            2_000.0,
            10.0,
        ),
        (
            "high",
            Measured,
            (2.0, 3.0),
            (2_000, 0, 2_000, 1),
            2_000.0,
            20.0,
        ),
        (
            "cool",
            CoolDown,
            (3.0, 4.0),
            (2_000, 0, 2_000, 1),
            2_000.0,
            700.0,
        ),
    ];
    for (row, expected) in rows.iter().zip(expected) {
        assert_eq!(
            (row.0, row.1, row.2, row.3, row.4),
            (expected.0, expected.1, expected.2, expected.3, expected.4)
        );
        assert!((row.5 - expected.5).abs() <= 1.0, "{row:?}");
    }
    assert_eq!(rows.len(), 4);
}

#[test]
fn a_plan_without_phases_has_no_rows_and_is_measured_whole() {
    let summary = summary_of(&three_seconds(), RunOutcome::Completed);
    assert!(summary.phases.is_empty());
    assert_eq!(summary.measured.done, summary.requests.done());
    assert_eq!(summary.measured.intended, summary.requests.intended);
    assert_eq!(summary.measured.seconds, summary.duration_s);
}

#[test]
fn a_run_that_only_warmed_up_measured_nothing() {
    let summary = run(&DAY[..1], 0, LoadModel::Closed);
    assert_eq!(summary.verdict.level, VerdictLevel::Invalid);
    assert!(
        summary.verdict.reasons[0].contains("2000 requests were done, all of them in warm-up"),
        "{:?}",
        summary.verdict
    );
    assert_eq!(summary.measured, MeasuredSummary::default());
    assert!(summary.thresholds.iter().all(|threshold| !threshold.passed));
}

#[test]
fn arrivals_given_up_are_held_against_the_part_they_were_given_up_in() {
    let level = |second| run(&DAY, second, LoadModel::Open).verdict.level;
    assert_eq!(level(0), VerdictLevel::Valid);
    assert_eq!(level(1), VerdictLevel::Suspect);
    assert_eq!(level(3), VerdictLevel::Invalid);
}

#[test]
fn an_arrival_never_sent_counts_as_failed_for_thresholds_of_the_open_model_alone() {
    let error_rate = |model| {
        let summary = run(&DAY, 2, model);
        let threshold = Threshold::parse("error_rate < 1%", None).unwrap();
        let result = threshold.evaluate(&summary);
        (result.passed, result.actual.unwrap())
    };
    let (passed, percent) = error_rate(LoadModel::Open);
    assert!(
        !passed && (percent - 102.0 / 41.0).abs() < 1e-9,
        "{percent}"
    );
    assert_eq!(error_rate(LoadModel::Closed), (true, 0.05));
    let summary = run(&DAY, 2, LoadModel::Open);
    assert_eq!(summary.rate.target_peak, 2_500.0);
    assert_eq!(summary.rate.offered_mean, 2_050.0);
}

#[test]
fn phases_without_end_do_not_fill_the_memory() {
    let mut snapshot = three_seconds().remove(0);
    let mut phases = Vec::new();
    for number in 0..MAX_PHASES + 50 {
        snapshot.load_phase.name = format!("phase {number}");
        add(&mut phases, &snapshot, &Totals::default());
    }
    assert_eq!(phases.len(), MAX_PHASES);
    let last = phases.last().unwrap().summary();
    assert_eq!((last.name.as_str(), last.done), (OTHER_ENDPOINT, 510));
}
