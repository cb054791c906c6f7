//! The part of a run in which the load was at its highest: what the report's first sentence speaks of.
//! Neighbours: `fold.rs` feeds it with each measured second, `onset.rs` takes the same load. Invariants: a second
//! within 2.5 % of the highest load of all, also of those that come later, counts always, one more than 5 % below it never;
//! where a phase of the plan holds that load, the peak is that phase, to the request; memory is that of four histograms.

use super::{
    onset::LoadLevel,
    phases::{PhaseFold, Step},
};
use crate::{LatencyHistogram, PeakSummary, Snapshot};
use std::collections::BTreeMap;

/// Levels are this factor apart: two of them are 5 %.
const STEP: f64 = 1.025;

/// A step of the plan this much below the highest level is not what it was reached in.
const STEP_BELOW: f64 = 0.94;

/// How many levels count as the highest.
const LEVELS: i32 = 2;

/// The seconds of the highest levels of load so far.
#[derive(Clone, Debug, Default)]
pub(super) struct PeakFold {
    levels: BTreeMap<i32, Level>,
}

/// The seconds of one level.
#[derive(Clone, Debug, Default)]
struct Level {
    users: u64,
    rate_per_s: f64,
    seconds: f64,
    done: u64,
    failed: u64,
    response: LatencyHistogram,
    lag: LatencyHistogram,
}

impl PeakFold {
    /// Adds the next measured second.
    pub(super) fn add(&mut self, snapshot: &Snapshot, load: LoadLevel) {
        if load.size() <= 0.0 {
            return;
        }
        let number = (load.size().ln() / STEP.ln()).floor() as i32;
        let highest = self
            .levels
            .last_key_value()
            .map_or(number, |(level, _)| number.max(*level));
        self.levels.retain(|level, _| *level > highest - LEVELS);
        if number <= highest - LEVELS {
            return;
        }
        let level = self.levels.entry(number).or_default();
        level.users = level.users.max(load.users);
        level.rate_per_s = level.rate_per_s.max(load.rate_per_s);
        level.seconds += snapshot.length_s;
        level.done += snapshot.requests.done;
        level.failed += snapshot.requests.failed;
        level.response.add(&snapshot.latency.response);
        level.lag.add(&snapshot.latency.lag);
    }

    /// Forgets all: what came before was of another model.
    pub(super) fn clear(&mut self) {
        self.levels.clear();
    }

    /// The peak of a run with these phases; `None` when no measured second had a load.
    pub(super) fn summary(&self, phases: &[PhaseFold], is_open: bool) -> Option<PeakSummary> {
        let levels = self.of_levels()?;
        let size = |users: u64, rate_per_s: f64| if is_open { rate_per_s } else { users as f64 };
        let bound = size(levels.users, levels.rate_per_s) * STEP_BELOW;
        // Windows end a little after the phase they belong to, and may see users of the next one: a step goes before.
        let highest = phases
            .iter()
            .filter_map(|phase| phase.step(is_open))
            .filter(|step| step.load.size() >= bound)
            .reduce(|best, step| match step.load.size() > best.load.size() {
                true => step,
                false => best,
            });
        Some(highest.map_or(levels, of_step))
    }

    /// All levels that count, together.
    fn of_levels(&self) -> Option<PeakSummary> {
        let levels = || self.levels.values();
        let (mut response, mut lag) = (LatencyHistogram::default(), LatencyHistogram::default());
        levels().for_each(|level| {
            response.add(&level.response);
            lag.add(&level.lag);
        });
        Some(PeakSummary {
            phase: String::new(),
            users: levels().map(|level| level.users).max()?,
            rate_per_s: levels().map(|level| level.rate_per_s).fold(0.0, f64::max),
            seconds: levels().map(|level| level.seconds).sum(),
            done: levels().map(|level| level.done).sum(),
            failed: levels().map(|level| level.failed).sum(),
            response_ms: response.percentiles(),
            lag_ms: lag.percentiles(),
        })
    }
}

fn of_step(step: Step) -> PeakSummary {
    let Step {
        load,
        seconds,
        figures,
    } = step;
    PeakSummary {
        phase: figures.name,
        users: load.users,
        rate_per_s: load.rate_per_s,
        seconds,
        done: figures.done,
        failed: figures.failed,
        response_ms: figures.response_ms,
        lag_ms: figures.lag_ms,
    }
}

#[cfg(test)]
#[path = "peak_tests.rs"]
mod tests;
