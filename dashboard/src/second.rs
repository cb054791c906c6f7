//! What the page draws of one second: the figures of a snapshot, without its histograms. Neighbours: `merge.rs` makes one point of
//! two, `history.rs` keeps them, `docs/live-page.md` is the contract. Invariant: figures are those of the snapshot, unrounded.

use loadforge_analysis::{
    EndpointWindow, ErrorCount, Event, GeneratorWindow, LatencyHistogram, LoadPhase, Phase,
    Snapshot, Steering, UserCounts, method_word,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// One second of a run, or several that were merged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Second {
    /// Seconds from the start of the run to the end of this window.
    pub at_s: f64,
    /// Its length in seconds.
    pub length_s: f64,
    /// Where the run stood.
    pub phase: Phase,
    /// The plan's phase that it belongs to.
    pub load_phase: LoadPhase,
    /// How many windows this point stands for.
    pub merged: u64,
    /// How many seconds before this one a viewer was not sent, because it did not read.
    pub skipped: u64,
    /// Virtual users.
    pub users: UserCounts,
    /// Requests that became due.
    pub offered: u64,
    /// Requests sent.
    pub sent: u64,
    /// Requests whose outcome became known: `ok + failed`.
    pub done: u64,
    /// Requests that succeeded.
    pub ok: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Requests that were due and never begun.
    pub not_sent: u64,
    /// Iterations that ended.
    pub iterations: u64,
    /// Connections made.
    pub connects: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Requests done per second.
    pub rps: f64,
    /// Failed share of the requests done, 0 to 1.
    pub error_rate: f64,
    /// Requests done by status code; 0 where no answer came.
    pub status: BTreeMap<u16, u64>,
    /// Failures by kind and detail.
    pub errors: Vec<ErrorCount>,
    /// Done − intended; `None` when nothing was done.
    pub response_ms: Option<LatencySecond>,
    /// Done − sent; `None` when nothing was done.
    pub service_ms: Option<LatencySecond>,
    /// Sent − intended; `None` when nothing was done.
    pub lag_ms: Option<LatencySecond>,
    /// The same per endpoint, for those with a request.
    pub endpoints: Vec<EndpointSecond>,
    /// How the generator itself was doing.
    pub generator: GeneratorSecond,
    /// What people held the run to at the end of the window.
    pub steering: Steering,
    /// What else happened.
    pub events: Vec<Event>,
}

/// One latency in ms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LatencySecond {
    /// Smallest.
    pub min: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Half are below.
    pub p50: f64,
    /// 75 % are below.
    pub p75: f64,
    /// 90 % are below.
    pub p90: f64,
    /// 95 % are below.
    pub p95: f64,
    /// 99 % are below.
    pub p99: f64,
    /// 99.9 % are below.
    pub p999: f64,
    /// Greatest.
    pub max: f64,
}

/// One endpoint's share.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EndpointSecond {
    /// Method and name, which together tell endpoints apart.
    pub key: String,
    /// The request's name.
    pub name: String,
    /// The method; empty for `other`.
    pub method: String,
    /// Requests done.
    pub done: u64,
    /// Of these, failed.
    pub failed: u64,
    /// Requests done per second.
    pub rps: f64,
    /// Response time: half are below.
    pub p50_ms: f64,
    /// Response time: 95 % are below.
    pub p95_ms: f64,
    /// Response time: 99 % are below.
    pub p99_ms: f64,
}

/// How the generator itself was doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GeneratorSecond {
    /// By worker: CPU time in percent of one CPU, spinning left out.
    pub cpu_percent: Vec<f64>,
    /// By worker: time spent spinning, in percent of one CPU.
    pub spin_percent: Vec<f64>,
    /// By worker: time that the hypervisor kept its CPU from this machine, in percent.
    pub steal_percent: Vec<f64>,
    /// By worker: whether it is alive.
    pub alive: Vec<bool>,
    /// CPU time of the supervisor and its threads, in percent of one CPU.
    pub supervisor_cpu_percent: f64,
    /// Memory of all processes together in bytes; 0 when it was not read.
    pub memory_bytes: u64,
    /// Times a worker found its ring full.
    pub ring_stalls: u64,
    /// Time in which something took the CPU from workers that were spinning, in ms.
    pub paused_ms: f64,
}

impl Second {
    /// What a page draws of this snapshot.
    pub fn of(snapshot: &Snapshot) -> Second {
        let Snapshot {
            requests, latency, ..
        } = snapshot;
        let endpoint = |window: &EndpointWindow| EndpointSecond::of(window, snapshot.length_s);
        Second {
            at_s: snapshot.at_s,
            length_s: snapshot.length_s,
            phase: snapshot.phase,
            load_phase: snapshot.load_phase.clone(),
            merged: 1,
            skipped: 0,
            users: snapshot.users,
            offered: requests.offered,
            sent: requests.sent,
            done: requests.done,
            ok: requests.ok,
            failed: requests.failed,
            not_sent: requests.not_sent,
            iterations: requests.iterations,
            connects: requests.connects,
            bytes_in: requests.bytes_in,
            bytes_out: requests.bytes_out,
            rps: snapshot.rps,
            error_rate: snapshot.error_rate,
            status: snapshot.status.clone(),
            errors: snapshot.errors.clone(),
            response_ms: LatencySecond::of(&latency.response),
            service_ms: LatencySecond::of(&latency.service),
            lag_ms: LatencySecond::of(&latency.lag),
            endpoints: snapshot.endpoints.iter().map(endpoint).collect(),
            generator: GeneratorSecond::of(&snapshot.generator),
            steering: snapshot.steering,
            events: snapshot.events.clone(),
        }
    }
}

impl LatencySecond {
    fn of(histogram: &LatencyHistogram) -> Option<LatencySecond> {
        if histogram.is_empty() {
            return None;
        }
        let all = histogram.percentiles();
        Some(LatencySecond {
            min: all.min,
            mean: all.mean,
            p50: all.p50,
            p75: all.p75,
            p90: all.p90,
            p95: all.p95,
            p99: all.p99,
            p999: all.p999,
            max: all.max,
        })
    }
}

impl EndpointSecond {
    fn of(window: &EndpointWindow, length_s: f64) -> EndpointSecond {
        let method = method_word(window.method);
        let key = match method.as_str() {
            "" => window.name.clone(),
            method => format!("{method} {}", window.name),
        };
        EndpointSecond {
            key,
            name: window.name.clone(),
            method,
            done: window.done,
            failed: window.failed,
            rps: ratio(window.done as f64, length_s),
            p50_ms: window.response.quantile_ms(0.5),
            p95_ms: window.response.quantile_ms(0.95),
            p99_ms: window.response.quantile_ms(0.99),
        }
    }
}

impl GeneratorSecond {
    fn of(window: &GeneratorWindow) -> GeneratorSecond {
        GeneratorSecond {
            cpu_percent: window.cpu_percent.clone(),
            spin_percent: window.spin_percent.clone(),
            steal_percent: window.steal_percent.clone(),
            alive: window.alive.clone(),
            supervisor_cpu_percent: window.supervisor_cpu_percent,
            memory_bytes: window.memory_bytes,
            ring_stalls: window.ring_stalls,
            paused_ms: window.paused_ns as f64 / 1e6,
        }
    }
}

/// A quotient, 0 where there is nothing to divide by.
pub(crate) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
