//! A threshold through the time of a run: its windows, when it first broke, and whether the run is to end for it. Neighbours:
//! `../fold.rs` feeds it with each second and asks for the result. Invariant: memory is bounded, whatever the lengths of run and
//! window: a window slides in tenths of itself.

use super::{Figures, Metric, Series, Threshold, is_named};
use crate::{
    LatencyHistogram, LoadModel, Phase, RunSummary, Snapshot, ThresholdResult, WindowsResult,
    method_word,
};
use loadforge_scenarios::{ErrorKind, Method};
use std::collections::VecDeque;

/// Steps in which a window slides over its own length, each a second at least.
const STEPS: f64 = 10.0;
/// Far below a second, far above what adding seconds up rounds.
const ROUNDING_S: f64 = 1e-6;

/// A threshold and what it has met so far.
#[derive(Clone, Debug)]
pub(crate) struct ThresholdCourse {
    threshold: Threshold,
    /// Under a rate an arrival that was never sent counts as failed.
    model: LoadModel,
    /// The seconds of the window that is open, the oldest first; the whole run in one when there are no windows.
    stretches: VecDeque<Stretch>,
    /// Seconds under measured load.
    measured_s: f64,
    windows: Windows,
    broke_at_s: Option<f64>,
    ended_at_s: Option<f64>,
}

/// Windows that were judged.
#[derive(Clone, Copy, Debug, Default)]
struct Windows {
    judged: u64,
    broken: u64,
    /// The value furthest from holding.
    worst: Option<f64>,
    /// One had no sample.
    is_one_empty: bool,
}

/// Some seconds of a window.
#[derive(Clone, Debug, Default)]
struct Stretch {
    seconds: f64,
    /// One sum for the run, or one for each method of the endpoint's name.
    sums: Vec<Sum>,
}

/// What was counted in a stretch.
#[derive(Clone, Debug, Default)]
struct Sum {
    method: Option<Method>,
    done: u64,
    failed: u64,
    unsent: u64,
    failed_checks: u64,
    latency: LatencyHistogram,
}

impl ThresholdCourse {
    /// Nothing met yet.
    pub(crate) fn new(threshold: Threshold, model: LoadModel) -> ThresholdCourse {
        ThresholdCourse {
            threshold,
            model,
            stretches: VecDeque::new(),
            measured_s: 0.0,
            windows: Windows::default(),
            broke_at_s: None,
            ended_at_s: None,
        }
    }

    /// The threshold's expression.
    pub(crate) fn expr(&self) -> String {
        self.threshold.to_string()
    }

    /// Whether the run is to end for it.
    pub(crate) fn ends_run(&self) -> bool {
        self.ended_at_s.is_some()
    }

    /// Takes the next second. One that is not measured has no part in it, and no window reaches over it.
    pub(crate) fn add(&mut self, snapshot: &Snapshot, measured: bool) {
        if !measured {
            if self.threshold.over.is_some() {
                self.stretches.clear();
            }
            return;
        }
        let is_loaded = snapshot.phase == Phase::Running;
        // What is answered while the run drains belongs to its last seconds.
        let length_s = if is_loaded { snapshot.length_s } else { 0.0 };
        self.measured_s += length_s;
        let mut stretch = match self.stretches.pop_back() {
            Some(full) if self.is_full(&full) => {
                self.stretches.push_back(full);
                Stretch::default()
            }
            open => open.unwrap_or_default(),
        };
        stretch.seconds += length_s;
        stretch.add(snapshot, &self.threshold, self.model);
        let is_full = self.is_full(&stretch);
        self.stretches.push_back(stretch);
        self.look(is_full, snapshot.at_s);
        let abort_s = self.threshold.abort_after.map(|after| after.as_secs_f64());
        let is_due = abort_s.is_some_and(|abort_s| self.measured_s >= abort_s - ROUNDING_S);
        if is_due && is_loaded && self.broke_at_s.is_some() {
            self.ended_at_s.get_or_insert(snapshot.at_s);
        }
    }

    /// Notes at the end of a second whether it is broken: a window that has come to its end, or the run up to now.
    fn look(&mut self, is_full: bool, at_s: f64) {
        let Some(over) = self.threshold.over else {
            match self.threshold.holds(self.value()) {
                true => self.broke_at_s = None,
                false => {
                    self.broke_at_s.get_or_insert(at_s);
                }
            }
            return;
        };
        let over_s = over.as_secs_f64();
        if !is_full {
            return;
        }
        self.slide(over_s);
        if self.seconds() >= over_s - ROUNDING_S {
            let value = self.value();
            self.windows.judge(&self.threshold, value);
        }
        if self.windows.broken > 0 {
            self.broke_at_s.get_or_insert(at_s);
        }
    }

    /// The result of a run with this summary.
    pub(crate) fn result(&self, summary: &RunSummary) -> ThresholdResult {
        let mut result = match self.threshold.over {
            Some(over) => self.result_of_windows(over.as_secs_f64(), summary.duration_s),
            None => ThresholdResult {
                broke_at_s: self.broke_at_s,
                ..self.threshold.evaluate(summary)
            },
        };
        if result.passed {
            result.broke_at_s = None;
        } else {
            result.broke_at_s.get_or_insert(summary.duration_s);
        }
        result.ended_run = self.ends_run();
        result.not_sent = self.threshold.not_sent_in(summary);
        result
    }

    /// The last window ends with the run; of a run that is shorter than one, it is the run.
    fn result_of_windows(&self, over_s: f64, duration_s: f64) -> ThresholdResult {
        let mut last = self.clone();
        last.slide(over_s);
        let is_cut = last.windows.judged == 0 && last.seconds() < over_s - ROUNDING_S;
        let newest = last.stretches.back();
        let is_open = newest.is_some_and(|stretch| !self.is_full(stretch));
        if is_open || last.windows.judged == 0 {
            let value = last.value();
            last.windows.judge(&self.threshold, value);
        }
        let Windows {
            judged,
            broken,
            worst,
            is_one_empty,
        } = last.windows;
        let worst = worst.filter(|_| !is_one_empty);
        ThresholdResult {
            passed: broken == 0,
            broke_at_s: (broken > 0).then(|| self.broke_at_s.unwrap_or(duration_s)),
            windows: Some(WindowsResult {
                length_s: over_s,
                judged,
                broken,
                is_cut,
            }),
            ..self.threshold.result(worst)
        }
    }

    /// Leaves the newest stretches that make a window.
    fn slide(&mut self, over_s: f64) {
        while let Some(oldest) = self.stretches.front() {
            if self.seconds() - oldest.seconds < over_s - ROUNDING_S {
                break;
            }
            self.stretches.pop_front();
        }
    }

    /// Whether a stretch is as long as a window's step; without windows it never is.
    fn is_full(&self, stretch: &Stretch) -> bool {
        let step_s = self
            .threshold
            .over
            .map(|over| (over.as_secs_f64() / STEPS).max(1.0));
        step_s.is_some_and(|step_s| stretch.seconds >= step_s - ROUNDING_S)
    }

    fn seconds(&self) -> f64 {
        self.stretches.iter().map(|stretch| stretch.seconds).sum()
    }

    /// The figure over all stretches; of several methods the worst.
    fn value(&self) -> Option<f64> {
        let mut sums: Vec<Sum> = Vec::new();
        let stretches = self.stretches.iter();
        for sum in stretches.flat_map(|stretch| &stretch.sums) {
            place(&mut sums, sum.method).merge(sum);
        }
        let seconds = self.seconds();
        let values = sums.iter().filter_map(|sum| {
            self.threshold.metric.of(&Figures {
                done: sum.done,
                failed: sum.failed,
                unsent: sum.unsent,
                failed_checks: sum.failed_checks,
                seconds,
                latency: &sum.latency,
            })
        });
        values.reduce(|a, b| self.threshold.operator.worse(a, b))
    }
}

impl Windows {
    fn judge(&mut self, threshold: &Threshold, value: Option<f64>) {
        self.judged += 1;
        self.broken += u64::from(!threshold.holds(value));
        self.is_one_empty |= value.is_none();
        self.worst = match (self.worst, value) {
            (Some(a), Some(b)) => Some(threshold.operator.worse(a, b)),
            (a, b) => a.or(b),
        };
    }
}

impl Stretch {
    fn add(&mut self, snapshot: &Snapshot, threshold: &Threshold, model: LoadModel) {
        let series = match threshold.metric {
            Metric::Latency(series, _) => Some(series),
            Metric::ErrorRate | Metric::Checks | Metric::Rps => None,
        };
        let Some(name) = &threshold.endpoint else {
            let checks = snapshot.errors.iter();
            let checks = checks.filter(|error| error.kind == ErrorKind::Check);
            let sum = place(&mut self.sums, None);
            sum.done += snapshot.requests.done;
            sum.failed += snapshot.requests.failed;
            if model == LoadModel::Open {
                sum.unsent += snapshot.requests.not_sent;
            }
            let counts = checks.map(|error| error.count.saturating_sub(error.without_request));
            sum.failed_checks += counts.sum::<u64>();
            match series {
                Some(Series::Response) => sum.latency.add(&snapshot.latency.response),
                Some(Series::Service) => sum.latency.add(&snapshot.latency.service),
                Some(Series::Lag) => sum.latency.add(&snapshot.latency.lag),
                None => {}
            }
            return;
        };
        for endpoint in &snapshot.endpoints {
            if !is_named(&endpoint.name, &method_word(endpoint.method), name) {
                continue;
            }
            let sum = place(&mut self.sums, endpoint.method);
            sum.done += endpoint.done;
            sum.failed += endpoint.failed;
            sum.failed_checks += endpoint.errors.get(&ErrorKind::Check).copied().unwrap_or(0);
            match series {
                Some(Series::Service) => sum.latency.add(&endpoint.service),
                Some(Series::Response | Series::Lag) => sum.latency.add(&endpoint.response),
                None => {}
            }
        }
    }
}

impl Sum {
    fn merge(&mut self, other: &Sum) {
        self.done += other.done;
        self.failed += other.failed;
        self.unsent += other.unsent;
        self.failed_checks += other.failed_checks;
        self.latency.add(&other.latency);
    }
}

/// The sum of this method.
fn place(sums: &mut Vec<Sum>, method: Option<Method>) -> &mut Sum {
    let at = sums.iter().position(|sum| sum.method == method);
    let at = at.unwrap_or_else(|| {
        sums.push(Sum {
            method,
            ..Sum::default()
        });
        sums.len() - 1
    });
    &mut sums[at]
}

#[cfg(test)]
#[path = "course_tests.rs"]
mod tests;
