//! The oracle against runs made up by hand: a good one passes, and each thing that can be wrong with it is found.

use super::*;
use crate::chaos::{
    schedule::{Conduct, Story},
    server::Counts,
};
use serde_json::json;
use std::process::ExitStatus;

/// 100 arrivals a second for a second, and nothing happens.
fn calm() -> Schedule {
    Schedule {
        run_ms: 1_000,
        load: Load::Rate {
            per_s: 100,
            max_users: 5,
        },
        workers: 2,
        story: Story::Plain,
        timeout_ms: 10_000,
        allow_invalid: false,
        conduct: Conduct {
            delay_ms: (1, 2),
            body_bytes: 13,
            is_chunked: false,
            habit: Habit::None,
        },
        is_early: false,
        faults: Vec::new(),
        ..Schedule::of(1, 1_000, 2)
    }
}

/// What a run of 100 requests leaves.
fn good() -> Observed {
    let second = |at_s: f64, sent: u64| {
        Ok(
            json!({ "at_s": at_s, "length_s": if at_s > 1.0 { 0.1 } else { 1.0 }, "totals": {
                "intended": sent, "sent": sent, "not_sent": 0, "ok": sent, "failed": 0, "unknown": 0, "lost": 0,
            }}),
        )
    };
    Observed {
        ended: Some(Ended {
            status: ExitStatus::from_raw(0),
            said: "  100 intended = 100 sent + 0 not sent\n".to_owned(),
        }),
        took_ms: 1_100,
        stood_still_ms: 3,
        happened: Vec::new(),
        server: Counts {
            whole: 100,
            begun: 0,
            connections: 6,
        },
        is_settled: true,
        results: Some("results".into()),
        summary: Some(summary()),
        reported: None,
        seconds: vec![second(1.0, 60), second(1.1, 100)],
        is_last_line_whole: true,
        left: Vec::new(),
    }
}

fn summary() -> Value {
    json!({
        "outcome": "completed",
        "verdict": { "level": "VALID" },
        "requests": {
            "intended": 100, "sent": 100, "not_sent": 0, "ok": 100, "failed": 0, "unknown": 0, "lost": 0,
            "retried": 0, "connects": 5,
        },
        "errors": [],
        "events": [],
        "generator": { "workers_lost": 0 },
    })
}

fn with_counts(mut observed: Observed, counts: &[(&str, u64)]) -> Observed {
    let summary = observed.summary.as_mut().unwrap();
    for (name, count) in counts {
        summary["requests"][name] = json!(count);
    }
    observed
}

/// The fault that is found, and it alone.
fn found(schedule: &Schedule, observed: &Observed, words: &str) {
    let wrong = judge(schedule, observed);
    assert!(
        wrong.len() == 1 && wrong[0].contains(words),
        "{words:?} in {wrong:#?}"
    );
}

fn happened(fault: Fault, at_ms: u64) -> Happened {
    Happened {
        fault,
        at_ms,
        pid: Some(7),
    }
}

#[test]
fn a_good_run_passes_and_a_request_more_or_less_is_found() {
    assert_eq!(judge(&calm(), &good()), Vec::<String>::new());
    let mut more = good();
    more.server.whole = 101;
    found(&calm(), &more, "the books explain 100");
    more.server.whole = 99;
    found(&calm(), &more, "100 requests were answered");
    let mut part = good();
    part.server.begun = 1;
    found(&calm(), &part, "1 in part");
    let vanished = with_counts(good(), &[("ok", 99)]);
    let wrong = judge(&calm(), &vanished);
    assert!(wrong[0].contains("100 is not 99"), "{wrong:?}");
    assert!(wrong[1].contains("the books explain 99"), "{wrong:?}");
    let fewer = with_counts(good(), &[("intended", 99), ("sent", 99), ("ok", 99)]);
    let wrong = judge(&calm(), &fewer);
    assert!(
        wrong.iter().any(|words| words.contains("and 100 planned")),
        "{wrong:?}"
    );
}

#[test]
fn an_end_that_nothing_explains_is_found() {
    let ended_with = |raw: i32| {
        let mut observed = good();
        observed.ended.as_mut().unwrap().status = ExitStatus::from_raw(raw);
        observed
    };
    found(
        &calm(),
        &ended_with(1 << 8),
        "nothing that happened explains",
    );
    found(
        &calm(),
        &ended_with(130 << 8),
        "nothing that happened explains",
    );
    found(
        &calm(),
        &ended_with(4 << 8),
        "nothing that happened explains",
    );
    found(&calm(), &ended_with(11), "nothing that happened explains");
    let mut endless = good();
    endless.ended = None;
    found(&calm(), &endless, "did not end by itself");
    let mut left = good();
    left.left = vec!["process 8 lives on".to_owned()];
    found(&calm(), &left, "lives on");
    let mut panicked = good();
    panicked.ended.as_mut().unwrap().said += "worker 0 panicked: x";
    found(&calm(), &panicked, "panicked");
}

#[test]
fn what_a_killed_worker_took_is_a_number_and_its_death_is_told() {
    let kill = Fault::KillWorker(0, Signal::SIGKILL);
    let schedule = Schedule {
        faults: vec![(300, kill)],
        ..calm()
    };
    let mut observed = with_counts(good(), &[("ok", 97), ("unknown", 3)]);
    observed.happened = vec![happened(kill, 300)];
    observed.server.whole = 98;
    let summary = observed.summary.as_mut().unwrap();
    summary["generator"]["workers_lost"] = json!(1);
    summary["events"] = json!([{ "kind": "worker_lost" }]);
    assert_eq!(judge(&schedule, &observed), Vec::<String>::new());
    observed.server.whole = 96;
    found(&schedule, &observed, "97 requests were answered");
    observed.server.whole = 101;
    found(&schedule, &observed, "the books explain 100");
    observed.server.whole = 100;
    let silent = observed.summary.as_mut().unwrap();
    silent["events"] = json!([]);
    let wrong = judge(&schedule, &observed);
    assert!(wrong.iter().all(|words| words.contains("deaths told")) && !wrong.is_empty());
}

#[test]
fn a_run_that_could_write_nothing_has_its_books_on_the_screen() {
    let full = Fault::DiskFull { for_ms: None };
    let schedule = Schedule {
        faults: vec![(300, full)],
        ..calm()
    };
    let mut observed = good();
    observed.happened = vec![happened(full, 300)];
    observed.ended.as_mut().unwrap().status = ExitStatus::from_raw(1 << 8);
    observed.summary = None;
    observed.seconds.clear();
    let empty = Ended {
        status: ExitStatus::from_raw(1 << 8),
        said: "holds no complete second".to_owned(),
    };
    observed.reported = Some((empty, None));
    assert_eq!(judge(&schedule, &observed), Vec::<String>::new());
    observed.server.whole = 101;
    found(&schedule, &observed, "and the screen says 100");
    observed.ended.as_mut().unwrap().said.clear();
    found(&schedule, &observed, "nothing is on the screen");
}

#[test]
fn failures_need_a_cause_and_resends_a_server_that_broke_connections() {
    let mut broken = with_counts(good(), &[("ok", 98), ("failed", 2), ("retried", 1)]);
    broken.summary.as_mut().unwrap()["errors"] = json!([{ "kind": "reset", "count": 2 }]);
    broken.server.whole = 101;
    let wrong = judge(&calm(), &broken);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    let schedule = Schedule {
        faults: vec![(300, Fault::Reset)],
        ..calm()
    };
    assert_eq!(judge(&schedule, &broken), Vec::<String>::new());
}

#[test]
fn a_total_that_falls_and_a_line_that_cannot_be_read_are_found() {
    let mut fallen = good();
    fallen.seconds.reverse();
    let wrong = judge(&calm(), &fallen);
    assert!(
        wrong
            .iter()
            .any(|words| words.contains("the total of ok falls")),
        "{wrong:?}"
    );
    let mut torn = good();
    torn.seconds.push(Err("EOF".to_owned()));
    found(&calm(), &torn, "line 3 of snapshots.jsonl");
}

#[test]
fn seconds_that_are_missing_must_be_in_the_exit_code() {
    let mut gap = good();
    if let Ok(second) = &mut gap.seconds[1] {
        second["length_s"] = json!(0.05);
    }
    found(&calm(), &gap, "seconds are missing from snapshots.jsonl");
    let mut full = calm();
    full.faults = vec![(300, Fault::DiskFull { for_ms: Some(20) })];
    gap.happened = vec![happened(Fault::DiskFull { for_ms: Some(20) }, 300)];
    gap.ended.as_mut().unwrap().status = ExitStatus::from_raw(1 << 8);
    assert_eq!(judge(&full, &gap), Vec::<String>::new());
}

#[test]
fn a_signal_while_it_runs_must_have_been_heard() {
    let signal = Fault::Signal(Signal::SIGTERM);
    let schedule = Schedule {
        faults: vec![(300, signal)],
        ..calm()
    };
    let mut deaf = good();
    deaf.happened = vec![happened(signal, 301)];
    found(&schedule, &deaf, "its outcome is");
    deaf.summary.as_mut().unwrap()["outcome"] = json!("interrupted");
    assert_eq!(judge(&schedule, &deaf), Vec::<String>::new());
}
