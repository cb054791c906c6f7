//! Snapshots folded into a run's summary. The live run folds them as they are made, `loadforge report` as it reads
//! them from disk, a killed run's included: the same code gives the same figures.
//! Neighbours: `window.rs` makes snapshots, `fold/` has the phases and the generator, `verdict.rs` and `threshold.rs`
//! judge the summary. Invariants: memory does not grow with the run's length; what a warm-up or cool-down did is in the
//! counts of requests and in its own phase, and in no other figure.

mod generator;
mod onset;
mod peak;
mod phases;

use crate::{
    EndpointSummary, EndpointWindow, ErrorCount, Event, EventKind, JudgeFacts, LatencyHistogram,
    LoadModel, MAX_ENDPOINTS, NotSentOf, OTHER_ENDPOINT, RateSummary, RequestTotals, RunHistograms,
    RunInfo, RunOutcome, RunSummary, SUMMARY_SCHEMA, Snapshot, Threshold, ThresholdResult, Totals,
    UserPeaks, Verdict, VerdictLevel, WindowCounts,
    groups::Groups,
    judge, method_word,
    metrics::Metrics,
    threshold::ThresholdCourse,
    window::{add_error, per_second, share},
};
use generator::{GeneratorFold, WorkerFold};
use loadforge_scenarios::{ErrorKind, Method, PhaseRole};
use onset::{LoadLevel, OnsetFold, has_own_load, is_pause};
use peak::PeakFold;
use phases::{MeasuredFold, PhaseFold};
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
    groups: Groups,
    metrics: Metrics,
    counts: WindowCounts,
    status: BTreeMap<u16, u64>,
    errors: Vec<ErrorCount>,
    events: Vec<Event>,
    events_left_out: u64,
    totals: Totals,
    duration_s: f64,
    peak_users: u64,
    measured: MeasuredFold,
    /// Measured arrivals not sent, by scenario.
    not_sent_of: BTreeMap<u8, u64>,
    phases: Vec<PhaseFold>,
    /// Whether the plan has asked for a rate so far.
    is_open: bool,
    /// Most that was asked for in any second so far.
    asked: Asked,
    /// The load of the last measured second that had one of its own.
    last_load: Option<LoadLevel>,
    peak: PeakFold,
    onset: OnsetFold,
    generator: GeneratorFold,
    thresholds: Vec<ThresholdCourse>,
}

/// The load asked for, second by second: of a run that was steered, it is not the plan's.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    is_steered: bool,
    users: u64,
    rate_per_s: f64,
}

impl Asked {
    fn add(&mut self, snapshot: &Snapshot) {
        self.is_steered |= !snapshot.steering.is_as_planned();
        self.users = self.users.max(snapshot.users.target);
        // What sums and differences leave behind the sixth digit is not what was asked for.
        let rate_per_s = (snapshot.users.target_rate * 1e6).round() / 1e6;
        self.rate_per_s = self.rate_per_s.max(rate_per_s);
    }
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

impl RunFold {
    /// A run without a second yet.
    pub fn new() -> RunFold {
        RunFold::default()
    }

    /// The same, with thresholds that are followed from second to second: those with windows, and those that may end the run,
    /// have a result only so.
    pub fn following(thresholds: Vec<Threshold>, model: LoadModel) -> RunFold {
        let follow = |threshold| ThresholdCourse::new(threshold, model);
        RunFold {
            thresholds: thresholds.into_iter().map(follow).collect(),
            ..RunFold::default()
        }
    }

    /// The first threshold for which the run is to end, as it was written.
    pub fn ended_by(&self) -> Option<String> {
        let ends = self.thresholds.iter().find(|course| course.ends_run());
        ends.map(ThresholdCourse::expr)
    }

    /// Adds the next second.
    pub fn add(&mut self, snapshot: &Snapshot) {
        let measured = snapshot.load_phase.role == PhaseRole::Measured;
        self.measured.add(snapshot, &self.totals, measured);
        phases::add(&mut self.phases, snapshot, &self.totals);
        add_counts(&mut self.counts, &snapshot.requests);
        if measured {
            self.add_figures(snapshot);
            self.add_load(snapshot);
        }
        for course in &mut self.thresholds {
            course.add(snapshot, measured);
        }
        for event in &snapshot.events {
            self.generator.workers_lost += u32::from(event.kind == EventKind::WorkerLost);
            // What people ordered is told however much a worker has said before.
            let is_order = event.kind == EventKind::Steered;
            if self.events.len() < MAX_EVENTS + usize::from(is_order) * MAX_EVENTS {
                self.events.push(event.clone());
            } else {
                self.events_left_out += 1;
            }
        }
        self.totals = snapshot.totals;
        self.duration_s = self.duration_s.max(snapshot.at_s);
        self.peak_users = self.peak_users.max(snapshot.users.active);
        self.asked.add(snapshot);
        self.generator.add(snapshot, measured);
    }

    /// Adds what only measured seconds have a part in.
    fn add_figures(&mut self, snapshot: &Snapshot) {
        self.histograms.response.add(&snapshot.latency.response);
        self.histograms.service.add(&snapshot.latency.service);
        self.histograms.lag.add(&snapshot.latency.lag);
        add_map(&mut self.status, &snapshot.status);
        add_map(&mut self.not_sent_of, &snapshot.not_sent_of);
        for error in &snapshot.errors {
            add_error(&mut self.errors, error);
        }
        for endpoint in &snapshot.endpoints {
            self.endpoint(endpoint).add(endpoint);
        }
        snapshot
            .groups
            .iter()
            .for_each(|group| self.groups.add(group));
        snapshot
            .metrics
            .iter()
            .for_each(|metric| self.metrics.add(metric));
    }

    /// Adds the second to what goes by the load. Of a plan that asks for a rate, seconds before its first arrival say nothing.
    fn add_load(&mut self, snapshot: &Snapshot) {
        if snapshot.users.target_rate > 0.0 && !self.is_open {
            self.is_open = true;
            self.last_load = None;
            self.peak.clear();
            self.onset.clear();
        }
        if is_pause(snapshot) {
            return;
        }
        let own = LoadLevel::of(snapshot, self.is_open);
        let has_own_load = has_own_load(snapshot) && own.size() > 0.0;
        let load = match self.last_load {
            // What is answered while the run drains, pauses or is asked for nothing was asked for before.
            Some(last) if !has_own_load => last,
            _ => own,
        };
        if has_own_load {
            self.last_load = Some(own);
        }
        self.peak.add(snapshot, load);
        self.onset.add(snapshot, load);
    }

    /// The latencies of all measured requests so far.
    pub fn histograms(&self) -> &RunHistograms {
        &self.histograms
    }

    /// Sums the run up, judges it and evaluates its thresholds. The fold stays as it is, so that more may be added.
    pub fn finish(&self, facts: RunFacts<'_>) -> RunSummary {
        let totals = match facts.outcome {
            RunOutcome::Aborted => self.totals.settled(),
            RunOutcome::Completed | RunOutcome::Interrupted => self.totals,
        };
        self.summed_up(facts, totals)
    }

    /// The same while the run goes on, as if it were over by now: requests under way are neither sent nor asked for yet.
    pub fn so_far(&self, info: &RunInfo) -> RunSummary {
        let outcome = RunOutcome::Completed;
        self.summed_up(RunFacts { info, outcome }, self.totals.landed())
    }

    fn summed_up(&self, facts: RunFacts<'_>, totals: Totals) -> RunSummary {
        let RunFacts { info, outcome } = facts;
        let measured = self.measured.summary(self.duration_s);
        let (rate_peak, users_peak) = match self.asked.is_steered {
            true => (self.asked.rate_per_s, self.asked.users),
            false => (info.rate_peak, info.target_peak),
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
                disturbed: false,
            },
            model: info.model,
            rate: RateSummary {
                target_peak: rate_peak,
                // The drain asks for nothing.
                offered_mean: per_second(measured.intended, measured.seconds.min(planned_s(info))),
                max_rps: info.max_rps,
            },
            requests: self.request_totals(totals, measured.rps_mean),
            error_rate: share(measured.failed, measured.done),
            response_ms: self.histograms.response.percentiles(),
            service_ms: self.histograms.service.percentiles(),
            lag_ms: self.histograms.lag.percentiles(),
            endpoints: self.endpoint_summaries(measured.seconds),
            groups: self.groups.summaries(measured.seconds),
            metrics: self.metrics.summaries(measured.seconds),
            phases: self.phases.iter().map(PhaseFold::summary).collect(),
            measured,
            errors: self.error_list(),
            status: self.status.clone(),
            peak: self.peak.summary(&self.phases, self.is_open),
            onset: self.onset.summary(),
            users: UserPeaks {
                peak: self.peak_users,
                target_peak: users_peak,
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
                not_sent_of: self.not_sent_of(info),
            },
        );
        summary.thresholds = info
            .thresholds
            .iter()
            .map(|text| self.threshold_result(text, &summary))
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

    /// The scenarios that had arrivals not sent, where several run side by side.
    fn not_sent_of(&self, info: &RunInfo) -> Vec<NotSentOf> {
        let told = self.not_sent_of.iter();
        told.filter_map(|(part, count)| {
            let part = info.parts.get(usize::from(*part))?;
            Some(NotSentOf {
                name: part.name.clone(),
                max_users: part.max_users,
                count: *count,
            })
        })
        .collect()
    }

    /// A threshold from `run.json` with what was measured; one that cannot be read (it was when the run began) has failed.
    fn threshold_result(&self, text: &str, summary: &RunSummary) -> ThresholdResult {
        let mut followed = self.thresholds.iter();
        if let Some(course) = followed.find(|course| course.expr() == text) {
            return course.result(summary);
        }
        match Threshold::parse(text, None) {
            Ok(threshold) => ThresholdCourse::new(threshold, summary.model).result(summary),
            Err(_) => ThresholdResult {
                expr: text.to_owned(),
                ..ThresholdResult::default()
            },
        }
    }

    fn request_totals(&self, totals: Totals, rps_mean: f64) -> RequestTotals {
        RequestTotals {
            intended: totals.intended,
            sent: totals.sent,
            not_sent: totals.not_sent,
            ok: totals.ok,
            failed: totals.failed,
            unknown: totals.unknown,
            lost: totals.lost,
            rps_mean,
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
    fn endpoint_summaries(&self, seconds: f64) -> Vec<EndpointSummary> {
        let mut sorted: Vec<&EndpointFold> = self.endpoints.iter().collect();
        sorted.sort_by(|a, b| (b.done, &a.name, a.method).cmp(&(a.done, &b.name, b.method)));
        sorted
            .into_iter()
            .map(|entry| entry.summary(seconds))
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

    fn summary(&self, seconds: f64) -> EndpointSummary {
        EndpointSummary {
            name: self.name.clone(),
            method: method_word(self.method),
            sent: self.done,
            failed: self.failed,
            rps_mean: per_second(self.done, seconds),
            response_ms: self.response.percentiles(),
            service_ms: self.service.percentiles(),
            status: self.status.clone(),
            errors: self.errors.clone(),
        }
    }
}

fn add_counts(sum: &mut WindowCounts, window: &WindowCounts) {
    sum.done += window.done;
    sum.ok += window.ok;
    sum.failed += window.failed;
    sum.offered += window.offered;
    sum.sent += window.sent;
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

/// The planned length of what is measured, in seconds.
fn planned_s(info: &RunInfo) -> f64 {
    let measured = info
        .phases
        .iter()
        .filter(|phase| phase.role == PhaseRole::Measured);
    match info.phases.is_empty() {
        true => info.duration_s,
        false => measured.map(|phase| phase.until_s - phase.from_s).sum(),
    }
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
