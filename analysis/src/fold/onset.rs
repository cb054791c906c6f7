//! When errors began to stay: the moment, and the load at that moment. Neighbours: `fold.rs` feeds it with each measured
//! second, `peak.rs` takes the same load. Invariants: a burst that passes while the load stays is no onset; errors that end
//! because the load falls still are; memory does not grow.

use crate::{OnsetSummary, Phase, Snapshot};

/// Share of failed requests above which a stretch is bad.
const BAD_SHARE: f64 = 0.01;

/// A stretch is judged when it has so many seconds and so many requests: a share of fewer says little.
const STRETCH_S: f64 = 5.0;
const STRETCH_REQUESTS: u64 = 100;

/// Failures from which on bad stretches are more than chance.
const FEWEST_FAILED: u64 = 10;

/// A load this much below another is still the same.
const SAME_LOAD: f64 = 0.975;

/// What was asked of the server in one second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LoadLevel {
    /// Users at work.
    pub(super) users: u64,
    /// Arrivals a second that the plan asked for.
    pub(super) rate_per_s: f64,
    /// Whether the load is the rate, and not the users.
    pub(super) is_open: bool,
}

/// Length in seconds from which on a window has a load of its own: of a shorter one most requests were asked for before it.
const OWN_LOAD_S: f64 = 0.5;

/// Whether a window holds the answers of a load that was over before it began: a drain or a pause in which little was asked for.
pub(super) fn is_aftermath(snapshot: &Snapshot) -> bool {
    let requests = &snapshot.requests;
    let is_over = snapshot.phase == Phase::Draining || snapshot.steering.paused;
    is_over && requests.offered < requests.done.div_ceil(2)
}

/// Whether nothing was asked for in a window and nothing answered, since somebody had paused the run.
pub(super) fn is_pause(snapshot: &Snapshot) -> bool {
    let requests = &snapshot.requests;
    snapshot.steering.paused && (requests.offered, requests.done) == (0, 0)
}

/// Whether a window was long enough, and loaded enough, for its load to be what its answers are about.
pub(super) fn has_own_load(snapshot: &Snapshot) -> bool {
    snapshot.length_s >= OWN_LOAD_S && !is_aftermath(snapshot)
}

impl LoadLevel {
    /// The load of this second; `is_open` says whether the plan asked for a rate in this second or before.
    pub(super) fn of(snapshot: &Snapshot, is_open: bool) -> LoadLevel {
        LoadLevel {
            users: snapshot.users.active,
            rate_per_s: snapshot.users.target_rate,
            is_open,
        }
    }

    /// As one number, in the model's own unit.
    pub(super) fn size(&self) -> f64 {
        if self.is_open {
            self.rate_per_s
        } else {
            self.users as f64
        }
    }
}

/// Looks for the onset, stretch by stretch.
#[derive(Clone, Debug, Default)]
pub(super) struct OnsetFold {
    stretch: Stretch,
    judged: u64,
    began: Option<Began>,
}

/// Some seconds in a row.
#[derive(Clone, Debug, Default)]
struct Stretch {
    seconds: f64,
    done: u64,
    failed: u64,
    least_load: Option<f64>,
    /// The first second of which more than `BAD_SHARE` failed.
    first_bad: Option<OnsetAt>,
}

/// A bad stretch with all that followed it.
#[derive(Clone, Debug)]
struct Began {
    at: OnsetAt,
    failed: u64,
}

#[derive(Clone, Copy, Debug)]
struct OnsetAt {
    at_s: f64,
    load: LoadLevel,
}

impl OnsetFold {
    /// Adds the next measured second.
    pub(super) fn add(&mut self, snapshot: &Snapshot, load: LoadLevel) {
        let stretch = &mut self.stretch;
        let (done, failed) = (snapshot.requests.done, snapshot.requests.failed);
        stretch.seconds += snapshot.length_s;
        stretch.done += done;
        stretch.failed += failed;
        // The drain asks for nothing; that says nothing about the load before it.
        if load.size() > 0.0 {
            let least = stretch.least_load.unwrap_or(f64::INFINITY);
            stretch.least_load = Some(least.min(load.size()));
        }
        // Errors of a drain were asked for before it: they count, and have no moment of their own but in a run that is all drain.
        let has_moment = has_own_load(snapshot) || self.judged == 0;
        if has_moment && stretch.first_bad.is_none() && is_bad(done, failed) {
            let at_s = ((snapshot.at_s - snapshot.length_s) * 1e3).round().max(0.0) / 1e3;
            stretch.first_bad = Some(OnsetAt { at_s, load });
        }
        if stretch.seconds >= STRETCH_S && stretch.done >= STRETCH_REQUESTS {
            self.judge();
        }
    }

    /// Forgets all: what came before was of another model.
    pub(super) fn clear(&mut self) {
        *self = OnsetFold::default();
    }

    /// When errors began; `None` when they did not, or went away again.
    pub(super) fn summary(&self) -> Option<OnsetSummary> {
        let mut whole = self.clone();
        // What is left over is judged if it is enough, or all there is.
        if whole.stretch.done >= STRETCH_REQUESTS || whole.judged == 0 {
            whole.judge();
        }
        let began = whole.began.filter(|began| began.failed >= FEWEST_FAILED)?;
        Some(OnsetSummary {
            at_s: began.at.at_s,
            users: began.at.load.users,
            rate_per_s: began.at.load.rate_per_s,
        })
    }

    fn judge(&mut self) {
        let stretch = std::mem::take(&mut self.stretch);
        self.judged += 1;
        if is_bad(stretch.done, stretch.failed) {
            // A share above the bound needs a second that is above it.
            let Some(at) = stretch.first_bad else { return };
            let began = self.began.get_or_insert(Began { at, failed: 0 });
            began.failed += stretch.failed;
            return;
        }
        let load = stretch.least_load.unwrap_or(0.0);
        self.began
            .take_if(|began| load >= began.at.load.size() * SAME_LOAD);
    }
}

fn is_bad(done: u64, failed: u64) -> bool {
    failed as f64 > done as f64 * BAD_SHARE
}

#[cfg(test)]
#[path = "onset_tests.rs"]
mod tests;
