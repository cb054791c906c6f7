//! Two neighbouring points of a history made one. Neighbours: `history.rs` decides which, `second.rs` is what a point holds.
//! Invariant: counts are added; of percentiles, lag and users the greater is kept, of smallest latencies the smaller. A merged
//! percentile is therefore the worst second's, never an average: a page may show a spike too wide, and never too low.

use crate::second::{EndpointSecond, GeneratorSecond, LatencySecond, Second, ratio};
use loadforge_analysis::{ErrorCount, Event};
use std::collections::BTreeMap;

/// Most events of a merged point; a worker that writes a line per request must not fill the memory.
const MAX_EVENTS: usize = 100;

/// Most details of failures of a merged point, as many as a snapshot has at most.
const MAX_ERRORS: usize = loadforge_analysis::MAX_DETAILS;

/// The point that stands for both; `later` follows `earlier`.
pub(crate) fn merge(earlier: &Second, later: &Second) -> Second {
    let length_s = earlier.length_s + later.length_s;
    let done = earlier.done + later.done;
    let failed = earlier.failed + later.failed;
    let weights = (earlier.done as f64, later.done as f64);
    let latency = |a, b| merge_latency(a, b, weights);
    let mut status = earlier.status.clone();
    for (code, count) in &later.status {
        *status.entry(*code).or_default() += count;
    }
    let mut users = later.users;
    users.active = users.active.max(earlier.users.active);
    users.target = users.target.max(earlier.users.target);
    users.target_rate = users.target_rate.max(earlier.users.target_rate);
    users.in_flight = users.in_flight.max(earlier.users.in_flight);
    Second {
        at_s: later.at_s,
        length_s,
        phase: later.phase,
        load_phase: later.load_phase.clone(),
        merged: earlier.merged + later.merged,
        skipped: 0,
        users,
        offered: earlier.offered + later.offered,
        sent: earlier.sent + later.sent,
        done,
        ok: earlier.ok + later.ok,
        failed,
        not_sent: earlier.not_sent + later.not_sent,
        iterations: earlier.iterations + later.iterations,
        connects: earlier.connects + later.connects,
        bytes_in: earlier.bytes_in + later.bytes_in,
        bytes_out: earlier.bytes_out + later.bytes_out,
        rps: ratio(done as f64, length_s),
        error_rate: ratio(failed as f64, done as f64),
        status,
        errors: merge_errors(&earlier.errors, &later.errors),
        response_ms: latency(earlier.response_ms, later.response_ms),
        service_ms: latency(earlier.service_ms, later.service_ms),
        lag_ms: latency(earlier.lag_ms, later.lag_ms),
        endpoints: merge_endpoints(&earlier.endpoints, &later.endpoints, length_s),
        generator: merge_generator(&earlier.generator, &later.generator),
        steering: later.steering,
        events: merge_events(&earlier.events, &later.events),
    }
}

fn merge_latency(
    a: Option<LatencySecond>,
    b: Option<LatencySecond>,
    (weight_a, weight_b): (f64, f64),
) -> Option<LatencySecond> {
    let (Some(a), Some(b)) = (a, b) else {
        return a.or(b);
    };
    Some(LatencySecond {
        min: a.min.min(b.min),
        mean: ratio(a.mean * weight_a + b.mean * weight_b, weight_a + weight_b),
        p50: a.p50.max(b.p50),
        p75: a.p75.max(b.p75),
        p90: a.p90.max(b.p90),
        p95: a.p95.max(b.p95),
        p99: a.p99.max(b.p99),
        p999: a.p999.max(b.p999),
        max: a.max.max(b.max),
    })
}

fn merge_endpoints(
    earlier: &[EndpointSecond],
    later: &[EndpointSecond],
    length_s: f64,
) -> Vec<EndpointSecond> {
    let mut all: BTreeMap<&str, EndpointSecond> = BTreeMap::new();
    for endpoint in earlier.iter().chain(later) {
        all.entry(&endpoint.key)
            .and_modify(|known| {
                known.done += endpoint.done;
                known.failed += endpoint.failed;
                known.p50_ms = known.p50_ms.max(endpoint.p50_ms);
                known.p95_ms = known.p95_ms.max(endpoint.p95_ms);
                known.p99_ms = known.p99_ms.max(endpoint.p99_ms);
            })
            .or_insert_with(|| endpoint.clone());
    }
    let mut merged: Vec<EndpointSecond> = all.into_values().collect();
    for endpoint in &mut merged {
        endpoint.rps = ratio(endpoint.done as f64, length_s);
    }
    merged
}

/// Adds failures of one kind and detail up. Past the limit the rarest are left out here; a summary has all of them.
fn merge_errors(earlier: &[ErrorCount], later: &[ErrorCount]) -> Vec<ErrorCount> {
    let mut all = earlier.to_vec();
    for error in later {
        let same =
            |known: &&mut ErrorCount| known.kind == error.kind && known.detail == error.detail;
        match all.iter_mut().find(same) {
            Some(known) => {
                known.count += error.count;
                known.without_request += error.without_request;
            }
            None => all.push(error.clone()),
        }
    }
    if all.len() > MAX_ERRORS {
        all.sort_by_key(|error| std::cmp::Reverse(error.count));
        all.truncate(MAX_ERRORS);
    }
    all
}

fn merge_generator(a: &GeneratorSecond, b: &GeneratorSecond) -> GeneratorSecond {
    GeneratorSecond {
        cpu_percent: greater(&a.cpu_percent, &b.cpu_percent),
        spin_percent: greater(&a.spin_percent, &b.spin_percent),
        steal_percent: greater(&a.steal_percent, &b.steal_percent),
        alive: b.alive.clone(),
        supervisor_cpu_percent: a.supervisor_cpu_percent.max(b.supervisor_cpu_percent),
        memory_bytes: a.memory_bytes.max(b.memory_bytes),
        ring_stalls: a.ring_stalls + b.ring_stalls,
        paused_ms: a.paused_ms + b.paused_ms,
    }
}

/// By worker, the greater of the two.
fn greater(a: &[f64], b: &[f64]) -> Vec<f64> {
    let workers = a.len().max(b.len());
    let at = |list: &[f64], worker: usize| list.get(worker).copied().unwrap_or(0.0);
    (0..workers)
        .map(|worker| at(a, worker).max(at(b, worker)))
        .collect()
}

/// Both lists; past the limit the oldest are left out.
fn merge_events(earlier: &[Event], later: &[Event]) -> Vec<Event> {
    let both = earlier.iter().chain(later);
    let surplus = (earlier.len() + later.len()).saturating_sub(MAX_EVENTS);
    both.skip(surplus).cloned().collect()
}
