//! The parts of a run: what counts, and each phase of the plan by itself. Neighbours: `fold.rs` feeds them with each
//! second. Invariant: a second belongs to the phase that its snapshot names, whole, but for a drain in which a phase would begin
//! that was never put on: its answers are of the phase before; memory is bounded by `MAX_PHASES`.

use super::onset::{LoadLevel, is_aftermath};
use crate::{
    MeasuredSummary, OTHER_ENDPOINT, PhaseSummary, RunHistograms, Snapshot, Totals,
    window::{per_second, share},
};
use loadforge_scenarios::PhaseRole;

/// Most phases with figures of their own; later ones are counted together with the last of them. Each has three
/// histograms, some 200 KB at latencies of a second.
const MAX_PHASES: usize = 200;

/// Most that a step's load may differ from second to second.
const SAME_LOAD: f64 = 0.975;

/// Least seconds under load that make a step.
const STEP_S: f64 = 0.95;

/// What the measured seconds have in common.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MeasuredFold {
    span: Option<(f64, f64)>,
    unmeasured_s: f64,
    intended: u64,
    not_sent: u64,
    ok: u64,
    failed: u64,
}

impl MeasuredFold {
    /// Adds the next second; `before` are the totals at the end of the one before it.
    pub(super) fn add(&mut self, snapshot: &Snapshot, before: &Totals, measured: bool) {
        if !measured {
            self.unmeasured_s += snapshot.length_s;
            return;
        }
        self.span = Some(extended(self.span, snapshot));
        let (intended, not_sent) = since(snapshot, before);
        self.intended += intended;
        self.not_sent += not_sent;
        self.ok += snapshot.requests.ok;
        self.failed += snapshot.requests.failed;
    }

    /// The figures of a run that lasted `duration_s` seconds. A second that is missing from the file counts as measured, so
    /// that a run without phases has the rates of its whole length.
    pub(super) fn summary(&self, duration_s: f64) -> MeasuredSummary {
        let seconds = match self.span {
            Some(_) => (duration_s - self.unmeasured_s).max(0.0),
            None => 0.0,
        };
        let (from_s, until_s) = self.span.unwrap_or_default();
        let done = self.ok + self.failed;
        MeasuredSummary {
            from_s,
            until_s,
            seconds,
            intended: self.intended,
            not_sent: self.not_sent,
            done,
            ok: self.ok,
            failed: self.failed,
            rps_mean: per_second(done, seconds),
        }
    }
}

/// One phase of the plan.
#[derive(Clone, Debug, Default)]
pub(super) struct PhaseFold {
    name: String,
    role: PhaseRole,
    span: Option<(f64, f64)>,
    seconds: f64,
    intended: u64,
    not_sent: u64,
    done: u64,
    failed: u64,
    histograms: RunHistograms,
    loads: Loads,
}

/// A measured phase that holds one load.
pub(super) struct Step {
    /// The load.
    pub(super) load: LoadLevel,
    /// How long it lasted.
    pub(super) seconds: f64,
    /// What came of it.
    pub(super) figures: PhaseSummary,
}

/// The loads of a phase's seconds. Its first and its last are taken on trust: users begin in the one, and may already be those
/// of the next phase in the other.
#[derive(Clone, Debug, Default)]
struct Loads {
    seconds: f64,
    first: Option<LoadLevel>,
    newest: Option<LoadLevel>,
    /// Between the first and the newest: the least, and the greatest.
    between: Option<(LoadLevel, LoadLevel)>,
}

/// Adds the next second to its phase, which is the last one or a new one; none when the plan has no phases.
pub(super) fn add(phases: &mut Vec<PhaseFold>, snapshot: &Snapshot, before: &Totals) {
    let asked = &snapshot.load_phase;
    if asked.name.is_empty() {
        return;
    }
    let same = |last: &PhaseFold| last.name == asked.name && last.role == asked.role;
    let goes_on = |last: &PhaseFold| last.role == asked.role && is_aftermath(snapshot);
    if !phases
        .last()
        .is_some_and(|last| same(last) || goes_on(last))
    {
        if phases.len() < MAX_PHASES {
            phases.push(PhaseFold {
                name: asked.name.clone(),
                role: asked.role,
                ..PhaseFold::default()
            });
        } else if let Some(last) = phases.last_mut() {
            last.name = OTHER_ENDPOINT.to_owned();
        }
    }
    if let Some(phase) = phases.last_mut() {
        phase.add(snapshot, before);
    }
}

impl PhaseFold {
    fn add(&mut self, snapshot: &Snapshot, before: &Totals) {
        self.span = Some(extended(self.span, snapshot));
        self.seconds += snapshot.length_s;
        let (intended, not_sent) = since(snapshot, before);
        self.intended += intended;
        self.not_sent += not_sent;
        self.done += snapshot.requests.done;
        self.failed += snapshot.requests.failed;
        self.histograms.response.add(&snapshot.latency.response);
        self.histograms.service.add(&snapshot.latency.service);
        self.histograms.lag.add(&snapshot.latency.lag);
        if !is_aftermath(snapshot) {
            self.loads.add(snapshot);
        }
    }

    /// The phase as a step of the load, if it is measured and holds one load for a second at least.
    pub(super) fn step(&self, is_open: bool) -> Option<Step> {
        let load = self.loads.held(is_open)?;
        (self.role == PhaseRole::Measured).then(|| Step {
            load,
            seconds: self.loads.seconds,
            figures: self.summary(),
        })
    }

    pub(super) fn summary(&self) -> PhaseSummary {
        let (from_s, until_s) = self.span.unwrap_or_default();
        PhaseSummary {
            name: self.name.clone(),
            role: self.role,
            from_s,
            until_s,
            intended: self.intended,
            not_sent: self.not_sent,
            done: self.done,
            failed: self.failed,
            rps_mean: per_second(self.done, self.seconds),
            error_rate: share(self.failed, self.done),
            response_ms: self.histograms.response.percentiles(),
            service_ms: self.histograms.service.percentiles(),
            lag_ms: self.histograms.lag.percentiles(),
        }
    }
}

impl Loads {
    fn add(&mut self, snapshot: &Snapshot) {
        self.seconds += snapshot.length_s;
        let load = LoadLevel::of(snapshot, snapshot.users.target_rate > 0.0);
        if self.first.is_none() {
            self.first = Some(load);
            return;
        }
        if let Some(inner) = self.newest.replace(load) {
            let (least, greatest) = self.between.unwrap_or((inner, inner));
            let is_less = inner.size() < least.size();
            let is_more = inner.size() > greatest.size();
            self.between = Some((
                if is_less { inner } else { least },
                if is_more { inner } else { greatest },
            ));
        }
    }

    /// The load that was held in all seconds; none when it changed, or lasted less than a second.
    fn held(&self, is_open: bool) -> Option<LoadLevel> {
        if self.seconds < STEP_S {
            return None;
        }
        let as_asked = |load: LoadLevel| LoadLevel { is_open, ..load };
        let Some((least, greatest)) = self.between else {
            // Of two seconds the second may see the next phase, the first cannot.
            return self.first.map(as_asked);
        };
        let (least, greatest) = (as_asked(least), as_asked(greatest));
        let is_held = least.size() > 0.0 && least.size() >= greatest.size() * SAME_LOAD;
        is_held.then_some(greatest)
    }
}

/// The span with this second in it, in seconds since the start of the run, to the millisecond.
fn extended(span: Option<(f64, f64)>, snapshot: &Snapshot) -> (f64, f64) {
    let rounded = |seconds: f64| (seconds * 1e3).round().max(0.0) / 1e3;
    let from_s = span.map_or(rounded(snapshot.at_s - snapshot.length_s), |(from, _)| from);
    (from_s, rounded(snapshot.at_s))
}

/// What became due, and what was given up, since these totals.
fn since(snapshot: &Snapshot, before: &Totals) -> (u64, u64) {
    (
        snapshot.totals.intended.saturating_sub(before.intended),
        snapshot.totals.not_sent.saturating_sub(before.not_sent),
    )
}

#[cfg(test)]
#[path = "phases_tests.rs"]
mod tests;
