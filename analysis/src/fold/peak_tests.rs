//! The highest load of a run with steps and a drain: what the headline says, the row of the phase says, and the verdict has judged.

use super::*;
use crate::{
    LoadModel, Phase, RunFacts, RunFold, RunOutcome, RunSummary, Totals, VerdictLevel, Window,
    sample::{facts, run_info},
};

/// A second of so many requests, all of one latency and lag in ms, under so many users and arrivals a second, in a phase.
fn second(
    at: u64,
    phase: &str,
    (users, rate): (u64, f64),
    done: u64,
    (ms, lag_us): (u64, u64),
) -> Snapshot {
    let mut snapshot = Window::new().close(facts(at, Totals::default()));
    phase.clone_into(&mut snapshot.load_phase.name);
    snapshot.users.active = users;
    snapshot.users.target_rate = rate;
    snapshot.requests.offered = done;
    (snapshot.requests.done, snapshot.requests.ok) = (done, done);
    for _ in 0..done {
        snapshot.latency.response.record_ns(ms * 1_000_000);
        snapshot.latency.lag.record_ns(lag_us * 1_000);
    }
    snapshot
}

fn run(seconds: &[Snapshot], model: LoadModel) -> RunSummary {
    let mut fold = RunFold::new();
    let mut totals = Totals::default();
    for second in seconds {
        let mut second = second.clone();
        totals.ok += second.requests.ok;
        totals.failed += second.requests.failed;
        totals.sent = totals.ok + totals.failed;
        totals.intended = totals.sent;
        second.totals = totals;
        fold.add(&second);
    }
    let mut info = run_info();
    info.model = model;
    fold.finish(RunFacts {
        info: &info,
        outcome: RunOutcome::Completed,
    })
}

/// Steps of an open plan that was ended as the last one began: 42 answers, all failed, of which 3 were asked for at 160 a second.
fn ended_at_a_border() -> Vec<Snapshot> {
    let step = |at: u64| 40 * (1 + (at - 1) / 4);
    let mut seconds: Vec<Snapshot> = (1..=12)
        .map(|at| {
            let rate = step(at);
            second(at, &format!("{rate}/s"), (9, rate as f64), rate, (5, 10))
        })
        .collect();
    let mut drain = second(13, "160/s", (9, 160.0), 42, (300, 10));
    (drain.at_s, drain.length_s, drain.phase) = (12.341, 0.341, Phase::Draining);
    (
        drain.requests.offered,
        drain.requests.ok,
        drain.requests.failed,
    ) = (3, 0, 42);
    seconds.push(drain);
    seconds
}

#[test]
fn a_load_that_was_never_put_on_is_neither_peak_nor_phase_nor_onset() {
    for has_phases in [true, false] {
        let mut seconds = ended_at_a_border();
        if !has_phases {
            seconds
                .iter_mut()
                .for_each(|second| second.load_phase.name.clear());
        }
        let summary = run(&seconds, LoadModel::Open);
        let peak = summary.peak.unwrap();
        assert_eq!(peak.rate_per_s, 120.0, "{peak:?}");
        assert_eq!((peak.done, peak.failed), (4 * 120 + 42, 42), "{peak:?}");
        assert!(summary.phases.iter().all(|phase| phase.name != "160/s"));
        assert_eq!(summary.onset, None);
    }
}

#[test]
fn a_short_window_under_a_higher_rate_is_no_peak() {
    let mut seconds = ended_at_a_border();
    let last = seconds.last_mut().unwrap();
    (last.phase, last.requests.offered) = (Phase::Running, 42);
    seconds
        .iter_mut()
        .for_each(|second| second.load_phase.name.clear());
    assert_eq!(
        run(&seconds, LoadModel::Open).peak.unwrap().rate_per_s,
        120.0
    );
}

/// A staircase of users; the last second of a step already sees those of the next one, as windows end a little late.
fn staircase(lag_at_25_us: u64) -> Vec<Snapshot> {
    let step = |at: u64| 5 * (1 + (at - 1) / 4);
    (1..=20)
        .map(|at| {
            let (users, seen) = (step(at), step((at + 1).min(20)));
            let lag_us = if users == 25 { lag_at_25_us } else { 10 };
            let figures = (users + at, lag_us);
            second(at, &format!("{users} users"), (seen, 0.0), 400, figures)
        })
        .collect()
}

#[test]
fn the_peak_of_a_staircase_is_the_row_of_its_highest_step() {
    let summary = run(&staircase(10), LoadModel::Closed);
    let (peak, row) = (summary.peak.unwrap(), summary.phases.last().unwrap());
    assert_eq!((peak.phase.as_str(), peak.users), ("25 users", 25));
    assert_eq!(row.name, "25 users");
    assert_eq!((peak.done, peak.seconds), (1_600, 4.0));
    assert_eq!(
        (peak.done, peak.response_ms, peak.lag_ms),
        (row.done, row.response_ms, row.lag_ms)
    );
    assert_eq!(
        summary.verdict.level,
        VerdictLevel::Valid,
        "{:?}",
        summary.verdict
    );
}

#[test]
fn a_ramp_in_a_phase_is_told_by_its_highest_seconds() {
    let seconds: Vec<Snapshot> = (1..=40)
        .map(|at| second(at, "up", (10 * at, 0.0), 100, (at, 10)))
        .collect();
    let peak = run(&seconds, LoadModel::Closed).peak.unwrap();
    assert_eq!((peak.phase.as_str(), peak.users), ("", 400));
    assert!(peak.seconds <= 3.0, "{peak:?}");
}

#[test]
fn lag_at_the_highest_step_is_not_hidden_by_calm_ones() {
    // 1,600 late ones of more than 200,000: below one in a hundred of all.
    let mut seconds = staircase(10);
    let calm = |at: u64| second(at, "5 users", (5, 0.0), 200_000, (90, 10));
    seconds.insert(0, calm(1));
    let late = staircase(6_000).split_off(16);
    seconds.truncate(17);
    seconds.extend(late);
    let summary = run(&seconds, LoadModel::Closed);
    assert!(
        summary.lag_ms.p99 > 0.0 && summary.lag_ms.p99 < 1.0,
        "{:?}",
        summary.lag_ms
    );
    assert_eq!(summary.verdict.level, VerdictLevel::Suspect);
    let reason = &summary.verdict.reasons[0];
    assert!(reason.contains("in the phase \"25 users\""), "{reason}");
}

#[test]
fn a_pause_is_no_time_at_the_highest_load() {
    let paused = |at| {
        let mut pause = second(at, "", (8, 0.0), 0, (5, 10));
        pause.steering.paused = true;
        pause
    };
    let seconds: Vec<Snapshot> = (1..=10)
        .map(|at| second(at, "", (8, 0.0), 100, (5, 10)))
        .chain((11..=20).map(paused))
        .collect();
    let peak = run(&seconds, LoadModel::Closed)
        .peak
        .expect("there was a load");
    assert_eq!((peak.seconds, peak.done), (10.0, 1_000));
}

#[test]
fn what_fails_in_a_pause_did_not_begin_at_no_load() {
    let mut seconds: Vec<Snapshot> = (1..=10)
        .map(|at| second(at, "", (8, 100.0), 100, (5, 10)))
        .collect();
    let mut pause = second(11, "", (8, 0.0), 400, (900, 10));
    (
        pause.requests.ok,
        pause.requests.failed,
        pause.requests.offered,
    ) = (0, 400, 0);
    pause.steering.paused = true;
    seconds.push(pause.clone());
    assert!(run(&seconds, LoadModel::Open).onset.is_none());
    // Nor does it when the rate was set to nothing instead: they failed under the load before it.
    pause.steering.paused = false;
    *seconds.last_mut().expect("it was pushed") = pause;
    let onset = run(&seconds, LoadModel::Open).onset.expect("errors began");
    assert_eq!(onset.rate_per_s, 100.0);
}
