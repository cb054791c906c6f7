//! Snapshots folded into a run's summary. The live run folds them as they are made, `loadforge report` as it reads
//! them from disk, a killed run's included: the same code gives the same figures.
//! Neighbours: `window.rs` makes snapshots, `verdict.rs` and `threshold.rs` judge the summary.
//! Invariant: memory does not grow with the run's length.

use crate::{
    EndpointSummary, EndpointWindow, ErrorCount, Event, EventKind, GeneratorSummary,
    GeneratorWindow, JudgeFacts, LatencyHistogram, MAX_ENDPOINTS, OTHER_ENDPOINT, Phase,
    RequestTotals, RunHistograms, RunInfo, RunOutcome, RunSummary, SUMMARY_SCHEMA, Snapshot,
    Threshold, ThresholdResult, Totals, UserPeaks, Verdict, VerdictLevel, WindowCounts, judge,
    method_word,
    verdict::BUSY_PERCENT,
    window::{add_detail, per_second, share},
};
use loadforge_scenarios::{ErrorKind, Method};
use std::collections::BTreeMap;

/// Most events kept; a worker that writes a line per request to its standard error stream must not fill the memory.
const MAX_EVENTS: usize = 500;

/// What snapshots do not say about a run.
#[derive(Clone, Copy, Debug)]
pub struct RunFacts<'a> {
    /// What was asked; its thresholds are evaluated.
    pub info: &'a RunInfo,
    /// How it ended. `Aborted` says that the counters may be cut off in the middle.
    pub outcome: RunOutcome,
}

/// A run's figures up to the last snapshot added.
#[derive(Clone, Debug, Default)]
pub struct RunFold {
    histograms: RunHistograms,
    endpoints: Vec<EndpointFold>,
    counts: WindowCounts,
    status: BTreeMap<u16, u64>,
    errors: Vec<ErrorCount>,
    events: Vec<Event>,
    events_left_out: u64,
    totals: Totals,
    duration_s: f64,
    peak_users: u64,
    generator: GeneratorFold,
}

/// One endpoint's figures.
#[derive(Clone, Debug, Default)]
struct EndpointFold {
    name: String,
    method: Option<Method>,
    done: u64,
    failed: u64,
    status: BTreeMap<u16, u64>,
    errors: BTreeMap<ErrorKind, u64>,
    response: LatencyHistogram,
    service: LatencyHistogram,
}

/// The generator's figures.
#[derive(Clone, Debug, Default)]
struct GeneratorFold {
    workers: Vec<WorkerFold>,
    workers_lost: u32,
    /// Percent times seconds.
    supervisor_cpu: f64,
    seconds: f64,
    peak_memory_bytes: u64,
    ring_stalls: u64,
    receive_starvations: u64,
    missed_heartbeats: u64,
    /// Whether the run was already draining when the next window began.
    draining: bool,
}

/// One worker's seconds under load.
#[derive(Clone, Copy, Debug, Default)]
struct WorkerFold {
    /// Seconds under load and alive.
    seconds: f64,
    /// Of these, seconds at `BUSY_PERCENT` and above.
    busy_seconds: f64,
    /// Percent times seconds.
    cpu: f64,
    /// Percent times seconds.
    spin: f64,
}

impl RunFold {
    /// A run without a second yet.
    pub fn new() -> RunFold {
        RunFold::default()
    }

    /// Adds the next second.
    pub fn add(&mut self, snapshot: &Snapshot) {
        self.histograms.response.add(&snapshot.latency.response);
        self.histograms.service.add(&snapshot.latency.service);
        self.histograms.lag.add(&snapshot.latency.lag);
        add_counts(&mut self.counts, &snapshot.requests);
        add_map(&mut self.status, &snapshot.status);
        for error in &snapshot.errors {
            add_detail(&mut self.errors, error.kind, &error.detail, error.count);
        }
        for endpoint in &snapshot.endpoints {
            self.endpoint(endpoint).add(endpoint);
        }
        for event in &snapshot.events {
            self.generator.workers_lost += u32::from(event.kind == EventKind::WorkerLost);
            if self.events.len() < MAX_EVENTS {
                self.events.push(event.clone());
            } else {
                self.events_left_out += 1;
            }
        }
        self.totals = snapshot.totals;
        self.duration_s = self.duration_s.max(snapshot.at_s);
        self.peak_users = self.peak_users.max(snapshot.users.active);
        self.generator
            .add(&snapshot.generator, snapshot.length_s, snapshot.phase);
    }

    /// The run's whole latencies so far.
    pub fn histograms(&self) -> &RunHistograms {
        &self.histograms
    }

    /// Sums the run up, judges it and evaluates its thresholds. The fold stays as it is, so that more may be added.
    pub fn finish(&self, facts: RunFacts<'_>) -> RunSummary {
        let RunFacts { info, outcome } = facts;
        let totals = match outcome {
            RunOutcome::Aborted => self.totals.settled(),
            RunOutcome::Completed | RunOutcome::Interrupted => self.totals,
        };
        let mut summary = RunSummary {
            schema: SUMMARY_SCHEMA.to_owned(),
            name: info.name.clone(),
            started_at: info.started_at.clone(),
            duration_s: self.duration_s,
            outcome,
            verdict: Verdict {
                level: VerdictLevel::Valid,
                reasons: Vec::new(),
            },
            model: info.model,
            requests: self.request_totals(totals),
            error_rate: share(totals.failed, totals.ok.saturating_add(totals.failed)),
            response_ms: self.histograms.response.percentiles(),
            service_ms: self.histograms.service.percentiles(),
            lag_ms: self.histograms.lag.percentiles(),
            endpoints: self.endpoint_summaries(),
            errors: self.error_list(),
            status: self.status.clone(),
            users: UserPeaks {
                peak: self.peak_users,
                target_peak: info.target_peak,
            },
            generator: self.generator.summary(info),
            thresholds: Vec::new(),
            events: self.event_list(),
        };
        let busy_share = self
            .generator
            .workers
            .iter()
            .map(WorkerFold::busy_share)
            .collect();
        let conservation = self.check(&totals);
        summary.verdict = judge(
            &summary,
            &JudgeFacts {
                busy_share,
                conservation,
            },
        );
        summary.thresholds = info
            .thresholds
            .iter()
            .map(|text| evaluate(text, &summary))
            .collect();
        summary
    }

    /// Conservation at the run's end, and the seconds against the totals: a line missing in the middle shows here.
    fn check(&self, totals: &Totals) -> Result<(), String> {
        totals.check()?;
        let seconds = (self.counts.ok, self.counts.failed);
        if seconds == (totals.ok, totals.failed) {
            return Ok(());
        }
        Err(format!(
            "the seconds add up to ok {} + failed {} and the run's totals are ok {} + failed {}",
            seconds.0, seconds.1, totals.ok, totals.failed
        ))
    }

    fn request_totals(&self, totals: Totals) -> RequestTotals {
        RequestTotals {
            intended: totals.intended,
            sent: totals.sent,
            not_sent: totals.not_sent,
            ok: totals.ok,
            failed: totals.failed,
            unknown: totals.unknown,
            lost: totals.lost,
            rps_mean: per_second(totals.ok.saturating_add(totals.failed), self.duration_s),
            bytes_in: self.counts.bytes_in,
            bytes_out: self.counts.bytes_out,
            retried: self.counts.retried,
            connects: self.counts.connects,
            iterations: self.counts.iterations,
            iterations_failed: self.counts.iterations_failed,
        }
    }

    /// The entry of this endpoint. A window keeps to `MAX_ENDPOINTS` by itself; the bound here is for files from elsewhere.
    fn endpoint(&mut self, window: &EndpointWindow) -> &mut EndpointFold {
        let find = |list: &[EndpointFold], name: &str, method: Option<Method>| {
            list.iter()
                .position(|entry| entry.method == method && entry.name == name)
        };
        let (mut name, mut method) = (window.name.as_str(), window.method);
        let mut found = find(&self.endpoints, name, method);
        // One more than the limit, as "other" may be among them.
        if found.is_none() && self.endpoints.len() > MAX_ENDPOINTS {
            (name, method) = (OTHER_ENDPOINT, None);
            found = find(&self.endpoints, name, method);
        }
        let index = found.unwrap_or_else(|| {
            let name = name.to_owned();
            self.endpoints.push(EndpointFold {
                name,
                method,
                ..EndpointFold::default()
            });
            self.endpoints.len() - 1
        });
        &mut self.endpoints[index]
    }

    /// Busiest first, then by name, so that the order is the same on every reading.
    fn endpoint_summaries(&self) -> Vec<EndpointSummary> {
        let mut sorted: Vec<&EndpointFold> = self.endpoints.iter().collect();
        sorted.sort_by(|a, b| (b.done, &a.name, a.method).cmp(&(a.done, &b.name, b.method)));
        sorted
            .into_iter()
            .map(|entry| entry.summary(self.duration_s))
            .collect()
    }

    /// Most frequent first, then by kind and detail.
    fn error_list(&self) -> Vec<ErrorCount> {
        let mut errors = self.errors.clone();
        errors.sort_by(|a, b| (b.count, a.kind, &a.detail).cmp(&(a.count, b.kind, &b.detail)));
        errors
    }

    fn event_list(&self) -> Vec<Event> {
        let mut events = self.events.clone();
        if self.events_left_out > 0 {
            let text = format!(
                "{} more events are in snapshots.jsonl",
                self.events_left_out
            );
            events.push(Event {
                at_s: self.duration_s,
                kind: EventKind::Warning,
                text,
            });
        }
        events
    }
}

impl EndpointFold {
    fn add(&mut self, window: &EndpointWindow) {
        self.done += window.done;
        self.failed += window.failed;
        add_map(&mut self.status, &window.status);
        add_map(&mut self.errors, &window.errors);
        self.response.add(&window.response);
        self.service.add(&window.service);
    }

    fn summary(&self, duration_s: f64) -> EndpointSummary {
        EndpointSummary {
            name: self.name.clone(),
            method: method_word(self.method),
            sent: self.done,
            failed: self.failed,
            rps_mean: per_second(self.done, duration_s),
            response_ms: self.response.percentiles(),
            service_ms: self.service.percentiles(),
            status: self.status.clone(),
            errors: self.errors.clone(),
        }
    }
}

impl GeneratorFold {
    fn add(&mut self, window: &GeneratorWindow, length_s: f64, phase: Phase) {
        self.supervisor_cpu += window.supervisor_cpu_percent * length_s;
        self.seconds += length_s;
        self.peak_memory_bytes = self.peak_memory_bytes.max(window.memory_bytes);
        self.ring_stalls += window.ring_stalls;
        self.receive_starvations += window.receive_starvations;
        self.missed_heartbeats += window.missed_heartbeats;
        // A worker that waits for the last answers idles: the drain would water down how busy it was under load.
        // The window in which the drain began still counts as load.
        let under_load = !self.draining;
        self.draining = phase == Phase::Draining;
        if !under_load {
            return;
        }
        let workers = window.cpu_percent.len();
        if self.workers.len() < workers {
            self.workers.resize(workers, WorkerFold::default());
        }
        for (index, worker) in self.workers.iter_mut().enumerate().take(workers) {
            if window.alive.get(index).copied().unwrap_or(true) {
                let cpu = window.cpu_percent[index];
                worker.seconds += length_s;
                worker.busy_seconds += if cpu >= BUSY_PERCENT { length_s } else { 0.0 };
                worker.cpu += cpu * length_s;
                worker.spin += window.spin_percent.get(index).unwrap_or(&0.0) * length_s;
            }
        }
    }

    fn summary(&self, info: &RunInfo) -> GeneratorSummary {
        GeneratorSummary {
            workers: info.workers,
            workers_lost: self.workers_lost,
            cpus: info.cpus.clone(),
            transport: info.transport.clone(),
            wire: info.wire.clone(),
            cpu_percent: self
                .workers
                .iter()
                .map(|w| mean(w.cpu, w.seconds))
                .collect(),
            spin_percent: self
                .workers
                .iter()
                .map(|w| mean(w.spin, w.seconds))
                .collect(),
            supervisor_cpu_percent: mean(self.supervisor_cpu, self.seconds),
            peak_memory_bytes: self.peak_memory_bytes,
            ring_stalls: self.ring_stalls,
            receive_starvations: self.receive_starvations,
            missed_heartbeats: self.missed_heartbeats,
        }
    }
}

impl WorkerFold {
    fn busy_share(&self) -> f64 {
        mean(self.busy_seconds, self.seconds)
    }
}

/// A threshold from `run.json` with what was measured; one that cannot be read (it was when the run began) has failed.
fn evaluate(text: &str, summary: &RunSummary) -> ThresholdResult {
    match Threshold::parse(text, None) {
        Ok(threshold) => threshold.evaluate(summary),
        Err(_) => ThresholdResult {
            expr: text.to_owned(),
            actual: None,
            passed: false,
        },
    }
}

/// A sum weighted by seconds, over these seconds; 0 over none.
fn mean(sum: f64, seconds: f64) -> f64 {
    if seconds > 0.0 { sum / seconds } else { 0.0 }
}

fn add_counts(sum: &mut WindowCounts, window: &WindowCounts) {
    sum.done += window.done;
    sum.ok += window.ok;
    sum.failed += window.failed;
    sum.not_sent += window.not_sent;
    sum.retried += window.retried;
    sum.connects += window.connects;
    sum.iterations += window.iterations;
    sum.iterations_failed += window.iterations_failed;
    sum.bytes_in += window.bytes_in;
    sum.bytes_out += window.bytes_out;
}

fn add_map<K: Ord + Copy>(sum: &mut BTreeMap<K, u64>, window: &BTreeMap<K, u64>) {
    for (key, count) in window {
        *sum.entry(*key).or_default() += count;
    }
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
