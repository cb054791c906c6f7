//! The verdict's table, one row per reason, each just above and just below its bound.

use super::*;
use crate::sample::{summary_of, three_seconds};
use LoadModel::{Closed, Open};
use VerdictLevel::{Invalid, Suspect, Valid};

/// A healthy run, to be spoilt in one way.
struct Run {
    summary: RunSummary,
    facts: JudgeFacts,
}

fn healthy(model: LoadModel) -> Run {
    let mut summary = summary_of(&three_seconds(), RunOutcome::Completed);
    summary.model = model;
    summary.requests.intended = 100_000;
    summary.requests.sent = 100_000;
    summary.requests.ok = 100_000 - summary.requests.failed;
    summary.requests.not_sent = 0;
    summary.measured.intended = 100_000;
    summary.measured.not_sent = 0;
    summary.measured.done = 100_000;
    // Neither model is at its bound.
    summary.users.target_peak = 60;
    summary.response_ms.p99 = 20.0;
    summary.lag_ms.p99 = 0.02;
    Run {
        summary,
        facts: JudgeFacts {
            busy_share: vec![0.0, 0.0],
            conservation: Ok(()),
            not_sent_of: Vec::new(),
        },
    }
}

type Spoil = fn(&mut Run);

/// That many measured arrivals were never sent.
fn give_up(run: &mut Run, arrivals: u64) {
    run.summary.requests.not_sent += arrivals;
    run.summary.measured.not_sent += arrivals;
}

/// A quota kept two workers from their CPUs so long of three seconds.
fn held_back(run: &mut Run, ms: f64) {
    run.summary.generator.workers = 2;
    run.summary.measured.seconds = 3.0;
    run.summary.generator.throttled_ms = ms;
}

/// Two workers spun for half a second each second, three seconds long, and for 30 ms of that they could not.
fn paused(run: &mut Run) {
    run.summary.measured.seconds = 3.0;
    run.summary.generator.spin_percent = vec![40.0, 10.0];
    run.summary.generator.paused_ms = 30.0;
}

#[test]
fn a_generator_is_disturbed_where_any_latency_may_show_it() {
    let table: [(&str, bool, Spoil); 9] = [
        ("healthy", false, |_| ()),
        ("late", false, |r| r.summary.lag_ms.p99 = 9.0),
        ("broken off", false, |r| {
            r.summary.outcome = RunOutcome::Aborted;
        }),
        ("given up", false, |r| give_up(r, 5_000)),
        ("busy", true, |r| r.facts.busy_share[1] = 0.5),
        ("stolen from", true, |r| {
            r.summary.generator.steal_percent = vec![20.0];
        }),
        ("held back", true, |r| held_back(r, 900.0)),
        ("a worker lost", true, |r| {
            r.summary.generator.workers_lost = 1;
        }),
        ("held up", true, |r| {
            r.summary.generator.missed_heartbeats = 1;
        }),
    ];
    for (name, disturbed, spoil) in table {
        let mut run = healthy(Closed);
        spoil(&mut run);
        let verdict = judge(&run.summary, &run.facts);
        assert_eq!(verdict.disturbed, disturbed, "{name}: {verdict:?}");
    }
}

#[test]
fn every_reason_has_its_level_and_its_words() {
    let table: [(&str, LoadModel, VerdictLevel, Spoil, &str); 45] = [
        ("healthy, closed", Closed, Valid, |_| (), ""),
        ("healthy, open", Open, Valid, |_| (), ""),
        (
            "ended early by a person",
            Open,
            Valid,
            |r| r.summary.outcome = RunOutcome::Interrupted,
            "",
        ),
        (
            "everything failed",
            Open,
            Valid,
            |r| {
                r.summary.requests.failed = 100_000;
                r.summary.requests.ok = 0;
                r.summary.error_rate = 1.0;
            },
            "",
        ),
        (
            "broke off",
            Closed,
            Invalid,
            |r| {
                r.summary.outcome = RunOutcome::Aborted;
                r.summary.requests.unknown = 12;
            },
            "broke off after 3.0 s: what came later is missing, and 12 requests were still unanswered",
        ),
        (
            "nothing done",
            Closed,
            Invalid,
            |r| {
                r.summary.requests = Default::default();
                r.summary.measured = Default::default();
            },
            "no request was done",
        ),
        (
            "counts broken",
            Closed,
            Invalid,
            |r| {
                r.facts.conservation = Err("sent 2 is not ok 1".into());
            },
            "do not add up, which is a fault of loadforge: sent 2 is not ok 1",
        ),
        (
            "101 of 100,000 not sent, open",
            Open,
            Invalid,
            |r| give_up(r, 101),
            "101 of 100000 requests asked for were never sent (0.10 %, at most 0.1 % may be)",
        ),
        (
            "100 of 100,000 not sent, open",
            Open,
            Valid,
            |r| give_up(r, 100),
            "",
        ),
        (
            "101 of 100,000 not sent, closed",
            Closed,
            Suspect,
            |r| give_up(r, 101),
            "were never sent",
        ),
        (
            "busy on average, closed",
            Closed,
            Suspect,
            |r| r.summary.generator.cpu_percent = vec![30.0, 97.3],
            "the generator was the limit: worker 1 used 97 % of its CPU on average",
        ),
        (
            "busy on average, open",
            Open,
            Suspect,
            |r| r.summary.generator.cpu_percent = vec![90.0],
            "the generator was the limit: worker 0 used 90 %",
        ),
        (
            "just not busy on average",
            Open,
            Valid,
            |r| r.summary.generator.cpu_percent = vec![89.9],
            "",
        ),
        (
            "spinning is not work",
            Open,
            Valid,
            |r| r.summary.generator.spin_percent = vec![59.0],
            "",
        ),
        (
            "busy in a tenth of the seconds",
            Open,
            Suspect,
            |r| r.facts.busy_share = vec![0.1, 0.0],
            "90 % or more in 10 % of the seconds",
        ),
        (
            "busy in fewer",
            Open,
            Valid,
            |r| r.facts.busy_share = vec![0.09, 0.09],
            "",
        ),
        (
            "lag, open",
            Open,
            Suspect,
            |r| r.summary.lag_ms.p99 = 2.001,
            "p99 of the lag is 2.001 ms, 10 % of the response time's p99 of 20.000 ms (at most 10 %); \
             it needs more workers",
        ),
        (
            "not sent, all users busy",
            Open,
            Invalid,
            |r| {
                give_up(r, 101);
                r.summary.users.peak = 60;
            },
            "as many users as there may be (60), and all were waiting for answers at some time: raise --max-users, or ask",
        ),
        (
            "not sent, users left",
            Open,
            Invalid,
            |r| give_up(r, 101),
            "it had users left at all times (at most 60 users there may be)",
        ),
        (
            "given up in the warm-up",
            Open,
            Suspect,
            |r| r.summary.requests.not_sent = 101,
            "101 of 100000 requests asked for were given up in warm-up or cool-down (0.10 %",
        ),
        (
            "hardly any given up in the warm-up",
            Open,
            Valid,
            |r| r.summary.requests.not_sent = 100,
            "",
        ),
        (
            "only warmed up",
            Open,
            Invalid,
            |r| r.summary.measured = Default::default(),
            "nothing was measured: 100000 requests were done, all of them in warm-up or cool-down",
        ),
        (
            "lag, all users busy",
            Open,
            Suspect,
            |r| {
                r.summary.lag_ms.p99 = 2.001;
                r.summary.users.peak = 60;
            },
            "it needs a higher --max-users",
        ),
        (
            "lag, of a few requests",
            Open,
            Suspect,
            |r| {
                r.summary.measured.done = 300;
                r.summary.response_ms.p95 = 20.0;
                r.summary.lag_ms.p95 = 2.001;
            },
            "p95 of the lag is 2.001 ms",
        ),
        (
            "lag, of too few requests",
            Open,
            Valid,
            |r| {
                r.summary.measured.done = 99;
                r.summary.lag_ms.p90 = 2.001;
            },
            "",
        ),
        (
            "lag, held back by a bound",
            Open,
            Suspect,
            |r| {
                r.summary.lag_ms.p99 = 2.001;
                r.summary.rate.max_rps = Some(50.0);
            },
            "it needs a higher --max-rps if that held them back",
        ),
        (
            "lag, on a machine that pauses",
            Open,
            Suspect,
            |r| {
                r.summary.lag_ms.p99 = 2.001;
                paused(r);
            },
            "it needs a quieter machine: for 2.0 % of the time that workers spun, something else had their CPU (30.0 ms)",
        ),
        ("pauses that made no lag", Open, Valid, paused, ""),
        (
            "steal",
            Closed,
            Suspect,
            |r| r.summary.generator.steal_percent = vec![1.0, 5.0],
            "gave CPU time of this machine to others: 5 % of worker 1's (at most 5 %)",
        ),
        (
            "a little steal",
            Open,
            Valid,
            |r| r.summary.generator.steal_percent = vec![4.9, 0.0],
            "",
        ),
        (
            "a used-up quota, 1 % of the time of two workers over three seconds",
            Closed,
            Suspect,
            |r| held_back(r, 60.0),
            "the container's CPU quota held the generator back for 60 ms (1 % of its workers' time, less than 1 % may be)",
        ),
        (
            "a used-up quota, most of the time",
            Open,
            Suspect,
            |r| held_back(r, 5_400.0),
            "held the generator back for 5400 ms (90 % of its workers' time",
        ),
        (
            "a quota that was hardly felt",
            Open,
            Valid,
            |r| held_back(r, 59.0),
            "",
        ),
        (
            "segments sent again and switches, which the latencies show",
            Open,
            Valid,
            |r| {
                r.summary.generator.retransmits = 90_000;
                r.summary.generator.involuntary_switches = 90_000;
            },
            "",
        ),
        (
            "lag, closed",
            Closed,
            Suspect,
            |r| r.summary.lag_ms.p99 = 15.0,
            "75 % of the response time's",
        ),
        (
            "lag at its bound",
            Open,
            Valid,
            |r| r.summary.lag_ms.p99 = 2.0,
            "",
        ),
        (
            "lag below the floor of a fast target",
            Open,
            Valid,
            |r| {
                r.summary.lag_ms.p99 = 0.1;
                r.summary.response_ms.p99 = 0.12;
            },
            "",
        ),
        (
            "lag of 999 requests",
            Closed,
            Valid,
            |r| {
                r.summary.lag_ms.p99 = 15.0;
                r.summary.measured.done = 999;
            },
            "",
        ),
        (
            "lag of 1,000 requests",
            Closed,
            Suspect,
            |r| {
                r.summary.lag_ms.p99 = 15.0;
                r.summary.measured.done = 1_000;
            },
            "requests left late",
        ),
        (
            "one record lost",
            Closed,
            Suspect,
            |r| r.summary.requests.lost = 1,
            "1 of 100000 records were lost",
        ),
        (
            "one value of a metric lost",
            Closed,
            Suspect,
            |r| r.summary.generator.lost_others = 1,
            "1 record of a group, a metric or arrivals not sent was lost",
        ),
        (
            "one outcome unknown",
            Closed,
            Suspect,
            |r| r.summary.requests.unknown = 1,
            "the outcome of 1 request is unknown",
        ),
        (
            "a worker lost",
            Closed,
            Suspect,
            |r| r.summary.generator.workers_lost = 1,
            "1 of 1 worker was lost",
        ),
        (
            "a heartbeat missed",
            Closed,
            Suspect,
            |r| r.summary.generator.missed_heartbeats = 3,
            "3 heartbeats of workers came more than a second late",
        ),
        (
            "a full ring alone, nothing lost",
            Closed,
            Valid,
            |r| r.summary.generator.ring_stalls = 9,
            "",
        ),
    ];
    for (case, model, level, spoil, words) in table {
        let mut run = healthy(model);
        spoil(&mut run);
        let verdict = judge(&run.summary, &run.facts);
        assert_eq!(verdict.level, level, "{case}: {verdict:?}");
        assert_eq!(
            verdict.reasons.len(),
            usize::from(level != Valid),
            "{case}: {verdict:?}"
        );
        if let Some(reason) = verdict.reasons.first() {
            assert!(
                reason.contains(words) && !words.is_empty(),
                "{case}: {reason}"
            );
        }
    }
}

#[test]
fn all_reasons_are_told_and_the_worst_comes_first() {
    let mut run = healthy(Open);
    run.summary.generator.workers_lost = 1;
    run.summary.requests.lost = 5;
    give_up(&mut run, 50_000);
    let verdict = judge(&run.summary, &run.facts);
    assert_eq!(verdict.level, Invalid);
    assert_eq!(verdict.reasons.len(), 3);
    assert!(
        verdict.reasons[0].contains("never sent"),
        "{:?}",
        verdict.reasons
    );
}

#[test]
fn a_closed_run_at_full_speed_is_never_invalid_for_its_busy_workers() {
    let mut run = healthy(Closed);
    run.summary.generator.cpu_percent = vec![100.0, 100.0];
    run.facts.busy_share = vec![1.0, 1.0];
    run.summary.lag_ms.p99 = 19.9;
    assert_eq!(judge(&run.summary, &run.facts).level, Suspect);
}

#[test]
fn arrivals_not_sent_by_full_cpus_ask_for_workers_and_not_for_users() {
    let mut run = healthy(Open);
    give_up(&mut run, 50_000);
    run.summary.generator.cpu_percent = vec![99.0];
    let verdict = judge(&run.summary, &run.facts);
    assert!(
        verdict.reasons[0].ends_with("its CPUs were full: give it more workers, or ask for less"),
        "{verdict:?}"
    );
    assert_eq!(verdict.reasons.len(), 2);
}

#[test]
fn one_of_a_thing_is_not_told_as_many() {
    let mut run = healthy(Closed);
    run.summary.generator.missed_heartbeats = 1;
    run.summary.requests.sent = 1;
    run.summary.requests.lost = 1;
    let reasons = judge(&run.summary, &run.facts).reasons.join("; ");
    assert!(
        reasons.contains("1 heartbeat of a worker came more"),
        "{reasons}"
    );
    assert!(reasons.contains("1 of 1 record was lost"), "{reasons}");
}

/// A run of several scenarios, of which these did not send that many.
fn side_by_side(parts: &[(&str, u64)]) -> Run {
    let mut run = healthy(Open);
    for (name, count) in parts {
        give_up(&mut run, *count);
        run.facts.not_sent_of.push(NotSentOf {
            name: (*name).to_owned(),
            max_users: Some(5),
            count: *count,
        });
    }
    run
}

#[test]
fn the_one_scenario_that_did_not_send_is_named_with_its_own_bound() {
    let reason = |run: &Run| judge(&run.summary, &run.facts).reasons[0].clone();
    let alone = reason(&side_by_side(&[("checkout", 500)]));
    assert!(
        alone.contains("all of them are of checkout") && alone.contains("(5 at most)"),
        "{alone}"
    );
    let both = reason(&side_by_side(&[("checkout", 500), ("browse", 300)]));
    assert!(!both.contains("all of them"), "{both}");
    let spoils: [Spoil; 3] = [
        |r| r.summary.rate.max_rps = Some(10.0),
        |r| r.summary.generator.workers_lost = 1,
        |r| r.facts.busy_share = vec![1.0, 1.0],
    ];
    for spoil in spoils {
        let mut run = side_by_side(&[("checkout", 500)]);
        spoil(&mut run);
        let judged = judge(&run.summary, &run.facts).reasons.join("; ");
        assert!(!judged.contains("all of them are of"), "{judged}");
    }
}
