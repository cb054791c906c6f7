//! A made-up run whose every figure follows from the second's number. Neighbours: the tests of this crate, inside and outside.
//! Invariant: books are balanced, so that what is folded of it is VALID.

#![allow(dead_code, missing_docs)] // each test uses its own part

use loadforge_analysis::{
    EndpointWindow, ErrorCount, GeneratorWindow, LatencyHistogram, LoadModel, LoadPhase, Machine,
    Phase, RUN_SCHEMA, RunInfo, Snapshot, Totals, UserCounts, Window, WindowFacts,
};
use loadforge_scenarios::{ErrorKind, Method};
use std::collections::BTreeMap;

/// Requests of second `number`, counted from 1.
pub fn done_in(number: u64) -> u64 {
    10 + number % 7
}

/// Second `number`, counted from 1: one request of each ten fails.
pub fn second(number: u64) -> Snapshot {
    let total: u64 = (1..=number).map(done_in).sum();
    let failed_total = number;
    let facts = WindowFacts {
        at_s: number as f64,
        length_s: 1.0,
        phase: Phase::Running,
        load_phase: LoadPhase::default(),
        users: UserCounts {
            active: 5 + number % 3,
            target: 8,
            target_rate: 0.0,
            in_flight: 2,
        },
        generator: GeneratorWindow {
            cpu_percent: vec![40.0, 30.0],
            spin_percent: vec![5.0, 6.0],
            steal_percent: vec![0.0, 0.0],
            alive: vec![true, true],
            supervisor_cpu_percent: 1.5,
            memory_bytes: 30_000_000,
            ..GeneratorWindow::default()
        },
        totals: Totals {
            intended: total,
            sent: total,
            ..Totals::default()
        },
        events: Vec::new(),
        iterations: 3,
        iterations_failed: 0,
    };
    let mut snapshot = Window::new().close(facts);
    fill(&mut snapshot, number);
    snapshot.totals.ok = total - failed_total;
    snapshot.totals.failed = failed_total;
    snapshot
}

fn fill(snapshot: &mut Snapshot, number: u64) {
    let done = done_in(number);
    let mut response = LatencyHistogram::default();
    let mut lag = LatencyHistogram::default();
    for step in 1..=done {
        response.record_ns(step * 1_000_000);
        lag.record_ns(step * 1_000);
    }
    let requests = &mut snapshot.requests;
    requests.done = done;
    requests.ok = done - 1;
    requests.failed = 1;
    requests.offered = done;
    requests.sent = done;
    requests.connects = 1;
    requests.bytes_in = 100 * done;
    requests.bytes_out = 50 * done;
    snapshot.rps = done as f64;
    snapshot.error_rate = 1.0 / done as f64;
    snapshot.status = BTreeMap::from([(200, done - 1), (503, 1)]);
    snapshot.errors = vec![ErrorCount {
        kind: ErrorKind::Status,
        detail: "503".to_owned(),
        count: 1,
        without_request: 0,
    }];
    snapshot.endpoints = vec![EndpointWindow {
        name: "product \"7\"".to_owned(),
        method: Some(Method::Get),
        done,
        failed: 1,
        status: snapshot.status.clone(),
        errors: BTreeMap::from([(ErrorKind::Status, 1)]),
        response: response.clone(),
        service: response.clone(),
    }];
    snapshot.latency.response = response.clone();
    snapshot.latency.service = response;
    snapshot.latency.lag = lag;
}

/// What was asked of it.
pub fn run_info() -> RunInfo {
    RunInfo {
        schema: RUN_SCHEMA.to_owned(),
        name: "shop".to_owned(),
        started_at: "2026-11-21T09:30:00Z".to_owned(),
        loadforge_version: "0.1.0".to_owned(),
        source: "shop.toml".to_owned(),
        fingerprint: Some("toml-1:9f86d081884c7d659a2feaa0c55ad015".to_owned()),
        origins: vec!["http://127.0.0.1:8080".to_owned()],
        model: LoadModel::Closed,
        load: "8 users".to_owned(),
        duration_s: 20_000.0,
        target_peak: 8,
        rate_peak: 0.0,
        max_rps: None,
        parts: Vec::new(),
        phases: Vec::new(),
        allow_invalid: false,
        max_requests: None,
        timeout_s: 30.0,
        graceful_stop_s: 30.0,
        seed: 7,
        workers: 2,
        cpus: vec![0, 1],
        transport: "shm".to_owned(),
        wire: "uring".to_owned(),
        target_is_local: true,
        notes: Vec::new(),
        thresholds: vec!["p99 < 1s".to_owned()],
        machine: Machine::default(),
    }
}
