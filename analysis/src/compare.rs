//! Two runs beside each other: what differs, by how much, and whether that is more than chance.
//! Neighbours: `compare/seconds.rs` takes the runs in, `compare/resample.rs` draws them, `compare/intervals.rs` judges one figure,
//! `compare/plan.rs` says whether they were asked for the same. Invariants: a word other than *inconclusive* is backed by an interval
//! that is shown; all intervals of a pair hold together with 95 %; nothing here reads files, clocks or the machine.
//!
//! `docs/accuracy.md` has the method with its sources, what was rejected, and how often it is right.

mod coarse;
mod intervals;
mod plan;
mod proportions;
mod resample;
mod seconds;
#[cfg(test)]
mod synthetic;

pub use plan::{
    Difference, USERS_DO, UsersDo, plan_differences, setting_differences, steering_difference,
};
pub use resample::{Blocks, RESAMPLES};
pub use seconds::MeasuredSeconds;

use crate::method_word;
use intervals::{Judge, Pair};
use loadforge_scenarios::Method;
use resample::Drawing;
use serde::Serialize;
use std::borrow::Cow;

/// How sure all intervals of a pair of runs are together.
pub const CONFIDENCE: f64 = 0.95;

/// The difference that is too small to matter, unless another one is asked for: what two runs of the same thing differ by from one day
/// to the next, on a quiet machine.
pub const TOLERANCE: f64 = 0.05;

/// The difference of error rates that is too small to matter: a tenth of a point.
pub const ERROR_TOLERANCE: f64 = 0.001;

/// Measured seconds that either run must have: three blocks of the shortest length.
pub const FEWEST_SECONDS: f64 = 10.0;

/// Blocks that either run must hold: of fewer nobody can tell how far blocks scatter. Seconds that a stalled supervisor made longer can
/// be too few although they last long enough.
const LEAST_BLOCKS: f64 = 2.0;

/// What is asked of a comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CompareSettings {
    /// Share (0 to 1) by which a latency or a rate may differ and still be the same.
    pub tolerance: f64,
    /// Whether both runs had the same plan: if its load changes they are then drawn at the same moments of it.
    pub same_plan: bool,
    /// Whether both runs can be used. Of an INVALID run nothing can be concluded.
    pub usable: bool,
    /// Whether the generator of either was disturbed, so that any latency may show it (`Verdict::disturbed`).
    pub disturbed: bool,
    /// Whether figures that are mostly the generator's own lag are judged as if they were the server's.
    pub overlook_lag: bool,
    /// The seed of all draws.
    pub seed: u64,
}

/// What a difference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Surely worse, and by more than the tolerance as far as was measured.
    Worse,
    /// Surely better, and by more than the tolerance as far as was measured.
    Better,
    /// Surely within the tolerance.
    Same,
    /// Neither can be said.
    Inconclusive,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Median of the response time, in ms.
    P50,
    /// 95th percentile of the response time, in ms.
    P95,
    /// 99th percentile of the response time, in ms.
    P99,
    /// Failed share of the requests done, 0 to 1.
    ErrorRate,
    /// Requests done a second.
    Rps,
}

/// Why nothing can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// One of the runs cannot be used.
    Unusable,
    /// The first run alone has this endpoint.
    OnlyBaseline,
    /// The other run alone has this endpoint.
    OnlyCandidate,
    /// The generator of one of the runs was disturbed, and any latency may show it.
    Disturbed,
    /// In one of the runs it is more than `LAG_SHARE` lag: how late the generator sent, not how late the server answered.
    Lag,
    /// One of the runs is shorter than `FEWEST_SECONDS`.
    FewSeconds,
    /// One of the runs has fewer requests than `Measure::least_requests`.
    FewRequests,
    /// It scatters so much that no change and one beyond the tolerance are both possible.
    Wide,
    /// It surely differs, and perhaps by no more than the tolerance.
    Slight,
}

/// One figure of both runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What it is.
    pub measure: Measure,
    /// Of the first run; none where it has no request.
    pub baseline: Option<f64>,
    /// Of the other run.
    pub candidate: Option<f64>,
    /// How much more the other run has: 0.1 is a tenth more; for error rates, the difference of the shares.
    pub change: Option<f64>,
    /// Lower end of the change's interval; none where there is too little to make one.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// What it means.
    pub answer: Answer,
    /// Why it is inconclusive, where it is.
    pub doubt: Option<Doubt>,
}

/// One endpoint of both runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EndpointComparison {
    /// The request's name.
    pub name: String,
    /// The method; empty for `other`.
    pub method: String,
    /// Latencies and error rate.
    pub figures: Vec<Figure>,
}

/// Two runs beside each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// In one word: worse when any figure is, else better when any is, else same when all of the whole run are.
    pub answer: Answer,
    /// The whole run's figures.
    pub figures: Vec<Figure>,
    /// Each endpoint that occurs in either run, busiest first.
    pub endpoints: Vec<EndpointComparison>,
    /// How it was drawn; none when a run was too short for it.
    pub blocks: Option<Blocks>,
}

impl Measure {
    /// What is compared of a whole run.
    pub const OF_RUN: [Measure; 5] = [
        Measure::P50,
        Measure::P95,
        Measure::P99,
        Measure::ErrorRate,
        Measure::Rps,
    ];

    /// What is compared of each endpoint. Its rate follows from that of the run.
    pub const OF_ENDPOINT: [Measure; 4] =
        [Measure::P50, Measure::P95, Measure::P99, Measure::ErrorRate];

    /// Requests that either run must have: of a percentile so many that ten lie above it, of an error rate so many that one failure
    /// is no more than the tolerance.
    pub fn least_requests(self) -> u64 {
        match self {
            Measure::P50 => 20,
            Measure::P95 => 200,
            Measure::P99 | Measure::ErrorRate => 1_000,
            Measure::Rps => 1,
        }
    }
}

impl Comparison {
    /// The figures of the whole run and of every endpoint.
    pub fn all_figures(&self) -> impl Iterator<Item = &Figure> {
        let of_endpoints = self.endpoints.iter().flat_map(|endpoint| &endpoint.figures);
        self.figures.iter().chain(of_endpoints)
    }

    /// Whether some figures are worse and others better.
    pub fn is_mixed(&self) -> bool {
        let any = |answer| self.all_figures().any(|figure| figure.answer == answer);
        any(Answer::Worse) && any(Answer::Better)
    }
}

/// Compares the second run with the first.
pub fn compare(
    baseline: &MeasuredSeconds,
    candidate: &MeasuredSeconds,
    settings: &CompareSettings,
) -> Comparison {
    let doublings = baseline.doublings().max(candidate.doublings());
    let [baseline, candidate] = [baseline, candidate].map(|run| match run.doublings() {
        own if own == doublings => Cow::Borrowed(run),
        _ => Cow::Owned(run.clone().doubled_to(doublings)),
    });
    let runs = [&*baseline, &*candidate];
    let long_enough = runs.iter().all(|run| run.length_s() >= FEWEST_SECONDS);
    // Runs of even load are drawn each by itself: what two spreads say is worth twice as much as what one of the difference does.
    let paired = settings.same_plan && !runs.iter().all(|run| run.even());
    let drawing = long_enough
        .then(|| Drawing::new(runs, paired, settings.seed))
        .filter(|drawing| drawing.blocks.blocks >= LEAST_BLOCKS);
    let whole = Pair::new(runs, [Some(0), Some(0)]);
    let endpoints = endpoint_pairs(runs);
    let of_run = whole.judged(&Measure::OF_RUN);
    let of_endpoints: usize = endpoints
        .iter()
        .map(|(_, pair)| pair.judged(&Measure::OF_ENDPOINT))
        .sum();
    // The whole run is what most ask about: half of all chances to err are its own, however many endpoints there are.
    let part = if of_endpoints > 0 { 0.5 } else { 1.0 };
    let judge = |figures: usize| Judge {
        settings,
        drawing: drawing.as_ref(),
        error: (1.0 - CONFIDENCE) * part / figures.max(1) as f64,
    };
    let figures = judge(of_run).figures(&whole, &Measure::OF_RUN);
    let endpoint_judge = judge(of_endpoints);
    let endpoints: Vec<EndpointComparison> = endpoints
        .into_iter()
        .map(|((name, method), pair)| EndpointComparison {
            name,
            method: method_word(method),
            figures: endpoint_judge.figures(&pair, &Measure::OF_ENDPOINT),
        })
        .collect();
    Comparison {
        answer: in_one_word(&figures, &endpoints),
        figures,
        endpoints,
        blocks: drawing.map(|drawing| drawing.blocks),
    }
}

/// The endpoints of both runs, busiest first. A run with a single endpoint has none beside the whole: they are the same figures.
fn endpoint_pairs<'r>(runs: [&'r MeasuredSeconds; 2]) -> Vec<((String, Option<Method>), Pair<'r>)> {
    let mut names: Vec<&(String, Option<Method>)> = runs[0].endpoints().iter().collect();
    names.extend(
        runs[1]
            .endpoints()
            .iter()
            .filter(|name| !runs[0].endpoints().contains(name)),
    );
    if names.len() < 2 {
        return Vec::new();
    }
    let place = |run: &MeasuredSeconds, name| {
        let index = run.endpoints().iter().position(|known| known == name);
        index.map(|index| index + 1)
    };
    let mut pairs: Vec<_> = names
        .into_iter()
        .map(|name| {
            let series = runs.map(|run| place(run, name));
            (name.clone(), Pair::new(runs, series))
        })
        .collect();
    pairs.sort_by(|((name_a, method_a), a), ((name_b, method_b), b)| {
        (b.done(), name_a, method_a).cmp(&(a.done(), name_b, method_b))
    });
    pairs
}

fn in_one_word(figures: &[Figure], endpoints: &[EndpointComparison]) -> Answer {
    let all = || {
        let of_endpoints = endpoints.iter().flat_map(|endpoint| &endpoint.figures);
        figures.iter().chain(of_endpoints)
    };
    let any = |answer| all().any(|figure| figure.answer == answer);
    if any(Answer::Worse) {
        Answer::Worse
    } else if any(Answer::Better) {
        Answer::Better
    } else if figures.iter().all(|figure| figure.answer == Answer::Same) {
        Answer::Same
    } else {
        Answer::Inconclusive
    }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
