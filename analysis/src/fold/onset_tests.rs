//! Where errors begin, and what the highest load was: runs of which every second is given by hand.

use crate::{
    RunFacts, RunFold, RunOutcome, RunSummary, Totals, Window,
    sample::{facts, run_info},
};
use loadforge_scenarios::PhaseRole;

/// A second of 200 requests: users, arrivals a second asked for, failed requests, latency in ms.
#[derive(Clone, Copy)]
struct Second(u64, f64, u64, u64);

fn run(seconds: &[Second]) -> RunSummary {
    run_with(seconds, |_| PhaseRole::Measured)
}

fn run_with(seconds: &[Second], role: impl Fn(usize) -> PhaseRole) -> RunSummary {
    let mut fold = RunFold::new();
    for (index, Second(users, rate, failed, ms)) in seconds.iter().enumerate() {
        let mut window = Window::new();
        let mut snapshot = window.close(facts(index as u64 + 1, Totals::default()));
        snapshot.load_phase.role = role(index);
        snapshot.users.active = *users;
        snapshot.users.target_rate = *rate;
        snapshot.requests.done = 200;
        snapshot.requests.failed = *failed;
        snapshot.requests.ok = 200 - failed;
        for _ in 0..200 {
            snapshot.latency.response.record_ns(ms * 1_000_000);
        }
        fold.add(&snapshot);
    }
    fold.finish(RunFacts {
        info: &run_info(),
        outcome: RunOutcome::Completed,
    })
}

/// A ramp of 10 users more each second, with so many failures from the load `from` on.
fn ramp(seconds: u64, from: u64, failed: u64) -> Vec<Second> {
    (1..=seconds)
        .map(|second| {
            let users = 10 * second;
            Second(users, 0.0, if users >= from { failed } else { 0 }, users)
        })
        .collect()
}

#[test]
fn errors_that_come_with_the_load_began_at_the_first_bad_second() {
    let onset = run(&ramp(60, 420, 20)).onset.unwrap();
    assert_eq!(
        (onset.at_s, onset.users, onset.rate_per_s),
        (41.0, 420, 0.0)
    );
}

#[test]
fn a_run_without_errors_or_with_few_has_no_onset() {
    assert_eq!(run(&ramp(60, 10_000, 0)).onset, None);
    // One in 200 is below one per cent, all the time.
    assert_eq!(run(&ramp(60, 10, 1)).onset, None);
}

#[test]
fn a_burst_that_passes_while_the_load_stays_is_no_onset() {
    let steady = |second| Second(50, 0.0, if (20..26).contains(&second) { 100 } else { 0 }, 5);
    assert_eq!(run(&(0..60).map(steady).collect::<Vec<_>>()).onset, None);
}

#[test]
fn errors_that_end_because_the_load_falls_began_all_the_same() {
    let mut seconds = ramp(30, 200, 30);
    seconds.extend((0..30).map(|_| Second(50, 0.0, 0, 5)));
    assert_eq!(run(&seconds).onset.unwrap().users, 200);
}

#[test]
fn few_failures_at_the_end_are_chance() {
    let steady = |failed| Second(50, 0.0, failed, 5);
    let mut seconds = vec![steady(0); 25];
    // What is left over behind the last whole stretch: 3 of 200 failed.
    seconds.push(steady(3));
    assert_eq!(run(&seconds).onset, None);
    seconds.pop();
    seconds.extend([steady(3), steady(4), steady(4), steady(4)]);
    assert_eq!(run(&seconds).onset.unwrap().at_s, 25.0);
}

#[test]
fn a_short_run_of_failures_began_at_its_start() {
    let onset = run(&[Second(5, 0.0, 200, 5), Second(5, 0.0, 200, 5)]).onset;
    assert_eq!(onset.unwrap().at_s, 0.0);
}

#[test]
fn the_peak_is_made_of_the_seconds_near_the_highest_load_alone() {
    let mut seconds = ramp(20, 10_000, 0);
    seconds.extend((0..10).map(|_| Second(200, 0.0, 4, 80)));
    seconds.extend(ramp(5, 10_000, 0));
    let peak = run(&seconds).peak.unwrap();
    assert_eq!((peak.users, peak.rate_per_s), (200, 0.0));
    assert_eq!((peak.seconds, peak.done, peak.failed), (11.0, 2_200, 40));
    assert!((peak.response_ms.p50 - 80.0).abs() < 0.1, "{peak:?}");
    assert!((peak.response_ms.max - 200.0).abs() < 0.2, "{peak:?}");
}

#[test]
fn the_peak_of_an_open_run_goes_by_its_rate_whatever_users_do() {
    // Nothing was asked for in the first second; later, users pile up while the rate falls.
    let mut seconds = vec![Second(900, 0.0, 0, 1)];
    seconds.extend((0..10).map(|_| Second(10, 500.0, 0, 7)));
    seconds.extend((0..10).map(|_| Second(300, 100.0, 0, 900)));
    let peak = run(&seconds).peak.unwrap();
    assert_eq!((peak.users, peak.rate_per_s), (10, 500.0));
    assert!((peak.response_ms.max - 7.0).abs() < 0.1, "{peak:?}");
}

#[test]
fn warm_up_is_neither_peak_nor_onset() {
    let mut seconds: Vec<Second> = (0..20).map(|_| Second(900, 0.0, 150, 5)).collect();
    seconds.extend((0..20).map(|_| Second(100, 0.0, 0, 9)));
    let role = |index| match index {
        0..20 => PhaseRole::WarmUp,
        _ => PhaseRole::Measured,
    };
    let summary = run_with(&seconds, role);
    assert_eq!((summary.onset, summary.peak.unwrap().users), (None, 100));
    let all_warm = run_with(&seconds, |_| PhaseRole::WarmUp);
    assert_eq!((all_warm.onset, all_warm.peak), (None, None));
}
