//! A run in a list of runs. Neighbours: the program makes cards of what it reads, `saved.rs` sends them, `docs/live-page.md` is the
//! contract. Invariant: a card's figures are those of the run's summary, and its small curve has at most `SPARK` numbers.

use loadforge_analysis::{RunInfo, RunOutcome, RunSummary, VerdictLevel};
use serde::Serialize;

/// Most numbers of a card's curve.
const SPARK: usize = 60;

/// One run in short.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunCard {
    /// The name of its directory.
    pub id: String,
    /// The scenario's name.
    pub name: String,
    /// UTC, RFC 3339.
    pub started_at: String,
    /// From the first second to the last answer, in seconds.
    pub duration_s: f64,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Whether the generator was fit.
    pub verdict: VerdictLevel,
    /// Requests whose outcome is known.
    pub requests: u64,
    /// Requests done per second of the measured part.
    pub rps_mean: f64,
    /// Response time: 95 % are below.
    pub p95_ms: f64,
    /// Response time: 99 % are below.
    pub p99_ms: f64,
    /// Failed share of the requests done, 0 to 1.
    pub error_rate: f64,
    /// The load in words.
    pub load: String,
    /// Requests done per second over time, thinned.
    pub spark: Vec<f64>,
    /// Thresholds that held.
    pub thresholds_passed: usize,
    /// All thresholds.
    pub thresholds: usize,
    /// Whether it was cut off, or still goes on: there is no end of it on the disk.
    pub cut_off: bool,
}

impl RunCard {
    /// The card of a run, of its figures, requests a second over time, and whether its end is missing.
    pub fn new(
        id: String,
        info: &RunInfo,
        summary: &RunSummary,
        rps: &[f64],
        cut_off: bool,
    ) -> RunCard {
        let thresholds = &summary.thresholds;
        RunCard {
            id,
            name: info.name.clone(),
            started_at: info.started_at.clone(),
            duration_s: summary.duration_s,
            outcome: summary.outcome,
            verdict: summary.verdict.level,
            requests: summary.requests.done(),
            rps_mean: summary.requests.rps_mean,
            p95_ms: summary.response_ms.p95,
            p99_ms: summary.response_ms.p99,
            error_rate: summary.error_rate,
            load: info.load.clone(),
            spark: thinned(rps),
            thresholds_passed: thresholds.iter().filter(|one| one.passed).count(),
            thresholds: thresholds.len(),
            cut_off,
        }
    }
}

/// At most `SPARK` numbers, each the mean of as many neighbours.
fn thinned(values: &[f64]) -> Vec<f64> {
    let neighbours = values.len().div_ceil(SPARK).max(1);
    let mean = |few: &[f64]| few.iter().sum::<f64>() / few.len() as f64;
    values.chunks(neighbours).map(mean).collect()
}

/// All runs of a folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RunList {
    /// Newest first.
    pub runs: Vec<RunCard>,
    /// Directories that hold no run that can be read.
    pub problems: Vec<RunProblem>,
}

/// A directory that could not be read, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunProblem {
    /// Its name.
    pub id: String,
    /// Why.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::thinned;

    #[test]
    fn a_curve_of_any_length_is_thinned_to_a_card_and_keeps_its_mean() {
        for length in [0, 1, 59, 60, 61, 119, 120, 121, 3_601] {
            let values: Vec<f64> = (0..length).map(f64::from).collect();
            let spark = thinned(&values);
            assert!(spark.len() <= 60, "{length}");
            assert_eq!(spark.is_empty(), length == 0);
            assert!(spark.is_sorted());
        }
        assert_eq!(thinned(&[1.0, 3.0].repeat(60)), vec![2.0; 60]);
    }
}
