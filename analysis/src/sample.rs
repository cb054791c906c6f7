//! Small made-up runs for the tests of this crate. Neighbours: every `…_tests.rs`.
//! Invariant: the figures are given by hand, so that a test can say what must come out.

use crate::{
    GeneratorWindow, LoadModel, LoadPhase, Machine, Phase, RUN_SCHEMA, RunFacts, RunFold, RunInfo,
    RunOutcome, RunSummary, Snapshot, Totals, UserCounts, Window, WindowFacts,
};
use loadforge_ring::{FLAG_CONNECTED, RecordKind, RequestRecord};
use loadforge_scenarios::{ErrorKind, Method, MetricKind};

/// A GET that was answered with 200: due at `intended_us`, sent `lag_us` later, done `service_us` after that.
pub(crate) fn answered(intended_us: u64, lag_us: u64, service_us: u64) -> RequestRecord {
    RequestRecord {
        intended_ns: intended_us * 1_000,
        sent_ns: (intended_us + lag_us) * 1_000,
        done_ns: (intended_us + lag_us + service_us) * 1_000,
        bytes_in: 150,
        bytes_out: 60,
        status: 200,
        method: Method::Get as u8,
        kind: RecordKind::Request as u8,
        ..RequestRecord::default()
    }
}

/// The same request, failed.
pub(crate) fn failed(record: RequestRecord, kind: ErrorKind, status: u16) -> RequestRecord {
    RequestRecord {
        error: kind as u8,
        status,
        ..record
    }
}

/// A group that began at `begun_us` and took so long.
pub(crate) fn grouped(begun_us: u64, took_us: u64, failed: bool) -> RequestRecord {
    RequestRecord {
        intended_ns: begun_us * 1_000,
        sent_ns: begun_us * 1_000,
        done_ns: (begun_us + took_us) * 1_000,
        error: u8::from(failed) * ErrorKind::Check as u8,
        kind: RecordKind::Group as u8,
        ..RequestRecord::default()
    }
}

/// A value told at `at_us`.
pub(crate) fn measured(at_us: u64, value: f64) -> RequestRecord {
    RequestRecord {
        intended_ns: at_us * 1_000,
        sent_ns: value.to_bits(),
        done_ns: at_us * 1_000,
        kind: RecordKind::Metric as u8,
        ..RequestRecord::default()
    }
}

/// What the engine says at the end of second `second`, counted from 1, of a healthy run of one worker.
pub(crate) fn facts(second: u64, totals: Totals) -> WindowFacts {
    WindowFacts {
        at_s: second as f64,
        length_s: 1.0,
        phase: Phase::Running,
        load_phase: LoadPhase::default(),
        users: UserCounts {
            active: 2 * second,
            target: 2 * second,
            target_rate: 0.0,
            in_flight: 1,
        },
        generator: GeneratorWindow {
            cpu_percent: vec![40.0],
            spin_percent: vec![5.5],
            alive: vec![true],
            supervisor_cpu_percent: 1.25,
            memory_bytes: 30_000_000 + second,
            ..GeneratorWindow::default()
        },
        totals,
        events: Vec::new(),
        iterations: 3,
        iterations_failed: 0,
    }
}

/// Three seconds of two endpoints, with a failure of each sort, one not-sent request and one connection; of a group, a metric of
/// each kind, and a failure that no request carries.
pub(crate) fn three_seconds() -> Vec<Snapshot> {
    let mut window = Window::new();
    let home = window.endpoint("home", Some(Method::Get));
    let order = window.endpoint("order", Some(Method::Post));
    let mut sent = 0;
    (1..=3)
        .map(|second| {
            let from_us = second * 1_000_000;
            for step in 1..=8 {
                window.add(&answered(from_us, step, 500 * step * second), home);
            }
            let first = RequestRecord {
                flags: FLAG_CONNECTED,
                ..answered(from_us, 3, 9_000)
            };
            window.add(&failed(first, ErrorKind::Status, 503), order);
            window.add(
                &failed(answered(from_us, 3, 2_000_000), ErrorKind::Timeout, 0),
                order,
            );
            window.add_error_details(ErrorKind::Timeout, "no answer within 2s", 1);
            add_own_figures(&mut window, from_us);
            sent += 10;
            let mut facts = facts(
                second,
                Totals {
                    intended: sent,
                    sent,
                    ..Totals::default()
                },
            );
            if second == 3 {
                let unsent = RecordKind::NotSent as u8;
                window.add(
                    &RequestRecord {
                        kind: unsent,
                        ..RequestRecord::default()
                    },
                    home,
                );
                facts.totals.intended += 1;
                facts.totals.not_sent = 1;
            }
            window.close(facts)
        })
        .collect()
}

/// What the scenario measures and tells of by itself in a second.
fn add_own_figures(window: &mut Window, from_us: u64) {
    let checkout = window.group("checkout");
    window.add_group(&grouped(from_us, 12_000, false), checkout);
    window.add_group(&grouped(from_us, 30_000, from_us == 1_000_000), checkout);
    for (kind, name, value) in [
        (MetricKind::Counter, "orders", 2.5),
        (MetricKind::Gauge, "queue", 1e6 / from_us as f64),
        (MetricKind::Trend, "basket", from_us as f64 / 1e6),
    ] {
        let row = window.metric(kind, name);
        window.add_metric(&measured(from_us, value), row);
    }
    window.add_noted_failures(ErrorKind::Check, "the basket is empty", 1);
}

/// What was asked of `three_seconds`.
pub(crate) fn run_info() -> RunInfo {
    RunInfo {
        schema: RUN_SCHEMA.to_owned(),
        name: "sample".to_owned(),
        started_at: "2026-11-21T09:30:00Z".to_owned(),
        loadforge_version: "0.1.0".to_owned(),
        source: "sample.toml".to_owned(),
        fingerprint: Some("toml-1:9f86d081884c7d659a2feaa0c55ad015".to_owned()),
        origins: vec!["http://127.0.0.1:8080".to_owned()],
        model: LoadModel::Closed,
        load: "ramp from 2 to 6 users over 3s".to_owned(),
        duration_s: 3.0,
        target_peak: 6,
        rate_peak: 0.0,
        max_rps: None,
        parts: Vec::new(),
        phases: Vec::new(),
        allow_invalid: false,
        max_requests: None,
        timeout_s: 2.0,
        graceful_stop_s: 30.0,
        seed: 7,
        workers: 1,
        cpus: vec![0],
        transport: "shm".to_owned(),
        wire: "uring".to_owned(),
        target_is_local: true,
        notes: Vec::new(),
        thresholds: vec!["p99 < 5s".to_owned(), "error_rate<1%@order".to_owned()],
        machine: Machine::default(),
    }
}

/// The summary of these seconds, as a run that ended like this.
pub(crate) fn summary_of(snapshots: &[Snapshot], outcome: RunOutcome) -> RunSummary {
    let mut fold = RunFold::new();
    for snapshot in snapshots {
        fold.add(snapshot);
    }
    fold.finish(RunFacts {
        info: &run_info(),
        outcome,
    })
}
