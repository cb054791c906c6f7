//! Runs that might have been: the stretches of a run drawn again and again, in blocks, and its figures read off each draw.
//! Neighbours: `seconds.rs` has the stretches, `intervals.rs` makes intervals of how far the figures scatter. Invariant: the same seed
//! and the same seconds give the same draws.
//!
//! Seconds that follow each other are alike: a queue that is long in one is long in the next. Drawn one by one they would look like
//! more evidence than they are, so they are drawn in blocks of several that follow each other (Künsch 1989, "The jackknife and the
//! bootstrap for general stationary observations"), the run laid in a circle so that each second is drawn as often as any other
//! (Politis and Romano 1992, "A circular block-resampling procedure for stationary data").

use super::coarse::CoarseLatencies;
use super::seconds::{Cell, MeasuredSeconds, Stretch};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use std::collections::BTreeSet;

/// Draws of each comparison. How far figures scatter is then known to within 2 % (1/√(2·1,000)).
pub const RESAMPLES: usize = 1_000;

/// Shortest block in seconds. A block grows with the cube root of the run, the order that keeps the error of the spread smallest
/// (Künsch 1989, Hall, Horowitz and Jing 1995).
const LEAST_BLOCK_S: f64 = 3.0;

/// What blocks that may begin at every second are worth beside as many that follow each other without a gap, in degrees of freedom
/// (Meketon and Schmeiser 1984, "Overlapping batch means: something for nothing?").
const OVERLAP_GAIN: f64 = 1.5;

/// The quantiles that are compared.
pub(super) const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// How a comparison was drawn.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Blocks {
    /// Length of a block in seconds.
    pub block_s: f64,
    /// Blocks that a run holds; of the two, the run that holds fewer.
    pub blocks: f64,
    /// Whether both runs were drawn at the same moments, as runs of one plan whose load changes are: what the plan does to both then
    /// cancels out.
    pub paired: bool,
}

/// Two runs and all draws of them.
pub(super) struct Drawing<'r> {
    pub(super) runs: [Run<'r>; 2],
    pub(super) blocks: Blocks,
}

/// One run's stretches by position and how often each draw has them.
pub(super) struct Run<'r> {
    stretches: Vec<Option<&'r Stretch>>,
    /// Draw by draw, a number for each position.
    weights: Vec<f64>,
    /// What its spread is worth in degrees of freedom.
    pub(super) freedom: f64,
    /// What a spread read off the draws is to be multiplied by: the mean of `b` blocks scatters less around itself than around the
    /// truth, by √((b − 1)/b).
    pub(super) widening: f64,
}

/// One series read off all draws, draw by draw; what a draw does not know is no number.
pub(super) struct Scatter {
    /// By quantile: the logarithm of the latency.
    pub(super) log_latency: [Vec<f64>; 3],
    /// Failed share.
    pub(super) error_rate: Vec<f64>,
    /// The logarithm of the requests done a second.
    pub(super) log_rps: Vec<f64>,
}

impl<'r> Drawing<'r> {
    /// Draws both runs, whose stretches must be equally long; `paired` at the same moments.
    pub(super) fn new(runs: [&'r MeasuredSeconds; 2], paired: bool, seed: u64) -> Drawing<'r> {
        let width_s = 2f64.powi(runs[0].doublings() as i32);
        let stretches = positions(runs, paired);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut block_s, mut blocks) = (0f64, f64::INFINITY);
        let mut drawn: Vec<Vec<f64>> = Vec::new();
        for list in &stretches {
            let block = block_of(list.len(), width_s);
            block_s = block_s.max(block as f64 * width_s);
            blocks = blocks.min(list.len() as f64 / block as f64);
            drawn.push(match drawn.first() {
                Some(first) if paired => first.clone(),
                _ => draws(list.len(), block, &mut rng),
            });
        }
        let mut drawn = drawn.into_iter();
        let runs = stretches.map(|stretches| {
            let block = block_of(stretches.len(), width_s);
            let count = stretches.len() as f64 / block as f64;
            let gain = if block > 1 { OVERLAP_GAIN } else { 1.0 };
            Run {
                stretches,
                weights: drawn.next().unwrap_or_default(),
                freedom: gain * (count - 1.0),
                widening: (count / (count - 1.0)).sqrt(),
            }
        });
        Drawing {
            runs,
            blocks: Blocks {
                block_s,
                blocks,
                paired,
            },
        }
    }
}

impl Run<'_> {
    /// Reads one series off all draws.
    pub(super) fn scatter(&self, series: usize) -> Scatter {
        let nothing = Cell::default();
        let cells: Vec<&Cell> = self
            .stretches
            .iter()
            .map(|stretch| stretch.and_then(|stretch| stretch.cells.get(series)))
            .map(|cell| cell.unwrap_or(&nothing))
            .collect();
        let done: Vec<f64> = cells.iter().map(|cell| cell.done as f64).collect();
        let failed: Vec<f64> = cells.iter().map(|cell| cell.failed as f64).collect();
        let length = |stretch: &Option<&Stretch>| stretch.map_or(0.0, |stretch| stretch.length_s);
        let lengths: Vec<f64> = self.stretches.iter().map(length).collect();
        let table = Table::of(&cells);
        let readings = || Vec::with_capacity(RESAMPLES);
        let mut scatter = Scatter {
            log_latency: [readings(), readings(), readings()],
            error_rate: readings(),
            log_rps: readings(),
        };
        for weights in self.weights.chunks_exact(cells.len().max(1)) {
            let all_done = dot(&done, weights);
            scatter.error_rate.push(dot(&failed, weights) / all_done);
            let rps = all_done / dot(&lengths, weights);
            scatter.log_rps.push(rps.ln());
            for (list, quantile) in scatter.log_latency.iter_mut().zip(QUANTILES) {
                list.push(table.log_quantile(weights, quantile).unwrap_or(f64::NAN));
            }
        }
        scatter
    }
}

/// The stretches of both runs by position. Paired, a position is a moment of the plan, and a run that has nothing there, nothing;
/// else each run has its own, in their order.
fn positions(runs: [&MeasuredSeconds; 2], paired: bool) -> [Vec<Option<&Stretch>>; 2] {
    let both: BTreeSet<u64> = runs
        .iter()
        .flat_map(|run| run.stretches().keys().copied())
        .collect();
    runs.map(|run| match paired {
        true => both
            .iter()
            .map(|number| run.stretches().get(number))
            .collect(),
        false => run.stretches().values().map(Some).collect(),
    })
}

/// Length of a block in stretches of this length.
fn block_of(stretches: usize, width_s: f64) -> usize {
    let seconds = stretches as f64 * width_s;
    let block_s = seconds.cbrt().round().max(LEAST_BLOCK_S);
    (block_s / width_s).ceil().max(1.0) as usize
}

/// How often each of the positions is in each draw.
fn draws(positions: usize, block: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut weights = vec![0.0; positions * RESAMPLES];
    for draw in weights.chunks_exact_mut(positions.max(1)) {
        let mut taken = 0;
        while taken < positions {
            // A product instead of a remainder; of so few positions none is likelier by more than one in ten million.
            let start = (u64::from(rng.next_u32()) * positions as u64) >> 32;
            for step in 0..block.min(positions - taken) {
                draw[(start as usize + step) % positions] += 1.0;
            }
            taken += block;
        }
    }
    weights
}

/// Cumulative counts by bucket and position, so that a quantile of any draw is found by halving.
struct Table {
    first: u16,
    positions: usize,
    /// Bucket by bucket, for each position the samples up to the bucket's upper edge.
    cumulative: Vec<f64>,
}

impl Table {
    fn of(cells: &[&Cell]) -> Table {
        let positions = cells.len();
        let buckets = || cells.iter().flat_map(|cell| cell.latencies.counts());
        let first = buckets().map(|(bucket, _)| bucket).min();
        let last = buckets().map(|(bucket, _)| bucket).max();
        let (Some(first), Some(last)) = (first, last) else {
            return Table {
                first: 0,
                positions,
                cumulative: Vec::new(),
            };
        };
        let mut cumulative = vec![0.0; (usize::from(last - first) + 1) * positions];
        for (position, cell) in cells.iter().enumerate() {
            for (bucket, count) in cell.latencies.counts() {
                cumulative[usize::from(bucket - first) * positions + position] = f64::from(count);
            }
        }
        for at in positions..cumulative.len() {
            cumulative[at] += cumulative[at - positions];
        }
        Table {
            first,
            positions,
            cumulative,
        }
    }

    fn buckets(&self) -> usize {
        self.cumulative
            .len()
            .checked_div(self.positions)
            .unwrap_or(0)
    }

    /// The logarithm of the latency that this share of a draw's samples does not exceed, as if they lay evenly in their bucket.
    fn log_quantile(&self, weights: &[f64], quantile: f64) -> Option<f64> {
        let bucket = self.bucket(weights, quantile)?;
        let wanted = quantile * self.up_to(self.buckets() - 1, weights);
        let below = match bucket {
            0 => 0.0,
            _ => self.up_to(bucket - 1, weights),
        };
        let into = (wanted - below) / (self.up_to(bucket, weights) - below);
        Some(CoarseLatencies::log_ns(self.first + bucket as u16, into))
    }

    /// The bucket that holds this quantile of a draw; none when the draw has no sample.
    fn bucket(&self, weights: &[f64], quantile: f64) -> Option<usize> {
        let last = self.buckets().checked_sub(1)?;
        let all = self.up_to(last, weights);
        if all <= 0.0 {
            return None;
        }
        let (mut low, mut high) = (0, last);
        while low < high {
            let middle = (low + high) / 2;
            match self.up_to(middle, weights) >= quantile * all {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        Some(low)
    }

    /// Samples of a draw up to the upper edge of a bucket.
    fn up_to(&self, bucket: usize, weights: &[f64]) -> f64 {
        let from = bucket * self.positions;
        dot(&self.cumulative[from..from + self.positions], weights)
    }
}

fn dot(counts: &[f64], weights: &[f64]) -> f64 {
    let products = counts
        .iter()
        .zip(weights)
        .map(|(count, weight)| count * weight);
    products.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LatencyHistogram;

    fn cell(latencies_us: &[u64]) -> Cell {
        let mut histogram = LatencyHistogram::default();
        for us in latencies_us {
            histogram.record_ns(us * 1_000);
        }
        Cell {
            done: histogram.len(),
            failed: 0,
            latencies: CoarseLatencies::of(&histogram),
        }
    }

    #[test]
    fn each_draw_has_as_many_stretches_as_the_run_and_all_are_drawn_alike() {
        for (positions, block) in [(30, 4), (10, 3), (7, 7), (1, 3), (256, 1)] {
            let weights = draws(positions, block, &mut ChaCha8Rng::seed_from_u64(5));
            for draw in weights.chunks_exact(positions) {
                assert_eq!(draw.iter().sum::<f64>(), positions as f64);
            }
            for position in 0..positions {
                let drawn: f64 = weights.iter().skip(position).step_by(positions).sum();
                // A thousand on average; a block of b makes the spread √b times as wide: six of them at most.
                let bound = 6.0 * (block as f64 * 1_000.0).sqrt();
                assert!(
                    (drawn - 1_000.0).abs() <= bound,
                    "{positions} {block}: {drawn}"
                );
            }
        }
    }

    #[test]
    fn a_quantile_of_a_draw_is_that_of_the_samples_drawn() {
        let cells = [cell(&[100; 90]), cell(&[400; 10]), cell(&[])];
        let table = Table::of(&cells.each_ref());
        let us = |weights: &[f64], quantile| {
            let log = table.log_quantile(weights, quantile).unwrap();
            log.exp() / 1_000.0
        };
        let near = |left: f64, right: f64| (left / right - 1.0).abs() < 0.006;
        assert!(near(us(&[1.0, 1.0, 1.0], 0.5), 100.0));
        assert!(near(us(&[1.0, 1.0, 1.0], 0.95), 400.0));
        assert!(near(us(&[1.0, 0.0, 2.0], 0.95), 100.0));
        assert!(near(us(&[0.0, 3.0, 0.0], 0.5), 400.0));
        assert_eq!(table.log_quantile(&[0.0, 0.0, 3.0], 0.5), None);
        assert_eq!(Table::of(&[]).log_quantile(&[], 0.5), None);
    }

    #[test]
    fn blocks_are_of_several_seconds_and_grow_with_the_run() {
        let rows = [(10, 1.0, 3), (30, 1.0, 3), (60, 1.0, 4), (250, 1.0, 6)];
        for (stretches, width_s, block) in rows {
            assert_eq!(block_of(stretches, width_s), block, "{stretches}");
        }
        // Ten hours in stretches of 256 s, each longer than the 33 s that a block should have.
        assert_eq!(block_of(141, 256.0), 1);
        assert_eq!(block_of(150, 2.0), 4);
    }
}
